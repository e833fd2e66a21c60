/* SPDX-License-Identifier: MIT
 *
 * conn_answer.c - what happens to a connection when its request is answered: the answer is queued,
 * and the connection goes on to the next request, discards the rest of the body, sends the answer
 * in pieces, or closes.
 */
#include "http/conn.h"
#include "http/parser.h"
#include <assert.h>
#include <sio/error.h>

static bool is_request_body_incomplete(const sio_request *r) {
  return r->has_body && r->conn->state != HTTP_UNANSWERED;
}

/* Returns true if no further request can arrive on the connection. */
static bool have_all_requests_arrived(const struct http_conn *c) {
  return c->conn->eof && (c->reading ? c->input_len : c->stash.n) == 0;
}

bool sio__http_can_keep_alive(const sio_request *r) {
  const struct http_conn *c = r->conn;
  if (!r->keep_alive || r->upgrade || c->http->draining || have_all_requests_arrived(c))
    return false;
  if (!is_request_body_incomplete(r)) return true;
  /* After "Expect: 100-continue" the client may send its body or not. We cannot tell which, and so
   * we cannot find the beginning of its next request: the connection has to be closed. */
  return !r->expects_continue && r->content_length <= r->max_body;
}

/* ---- after an answer ------------------------------------------------------------------------ */

/* Makes the connection discard the rest of the body of r, which was answered and is no longer
 * c->req. */
static void start_discarding_body(struct http_conn *c, const sio_request *r) {
  if (c->state == HTTP_IN_BODY)
    sio__http_parser_discard_body(c->parser);
  else
    sio__http_parser_begin_body(c->parser, NULL, r->max_body, c->http->limits.max_head - r->head.n);
  c->state = HTTP_DISCARD;
}

static void enter_state_for_sending_answer_pieces(struct http_conn *c, bool keep_alive) {
  sio__http_conn_return_parser_to_pool(c);
  c->state = HTTP_SENDING;
  c->close_after = !keep_alive;
}

static void enter_state_after_answer(struct http_conn *c, sio_request *r, bool keep_alive) {
  bool incomplete = is_request_body_incomplete(r);
  c->req = NULL;
  c->slow_reader = false;
  c->timer_state = HTTP_NONE;
  if (c->source) {
    enter_state_for_sending_answer_pieces(c, keep_alive);
  } else if (!keep_alive) {
    sio__http_conn_close_when_sent(c);
  } else if (incomplete) {
    start_discarding_body(c, r);
  } else {
    sio__http_conn_return_parser_to_pool(c);
    c->state = HTTP_IDLE;
  }
  if (c->reading || c->state == HTTP_CLOSED) return;
  sio__http_conn_start_timer_if_state_changed(c);
  if (c->stash.n > 0) sio__loop_defer(c->http->loop, &c->read_task);
}

/* Counts a WebSocket handshake that is refused, which means answered with another status than 101.
 * Logs it, too, unless r->log_reason is "", which means that the refusal was logged already. */
static void count_and_log_refused_websocket_handshake(struct http_conn *c, const sio_request *r,
                                                      int status) {
  struct http *h = c->http;
  const char *why = r->log_reason ? r->log_reason : "";
  h->stats.handshakes_refused++;
  if (r->log_reason && !*why) return;
  LOG_RATED_ABOUT(h->log, SIO_LOG_WARN, SIO_PART_HTTP, LOG_WS_REFUSED, c->address,
                  ABOUT_FD(http_conn_fd(c)),
                  "%s: a WebSocket on %.*s is refused with status %d%s%s", c->address,
                  LOG_SLICE(r->path), status, *why ? ": " : "", why);
}

int sio__http_queue_answer(sio_request *r, struct msg *head, struct msg *body, int status,
                           bool keep_alive) {
  struct http_conn *c = r->conn;
  assert(c->req == r && !r->answered);
  int err = conn_queue_msg_without_frame_header(c->conn, head);
  if (!err && body) err = conn_queue_msg_without_frame_header(c->conn, body);
  msg_unref(head);
  msg_unref(body);
  if (err) {
    sio__http_close_after_failed_answer(r, err);
    return err;
  }
  r->answered = true;
  c->http->stats.answers[status / 100 - 1]++;
  if (r->upgrade && !c->refusing) count_and_log_refused_websocket_handshake(c, r, status);
  enter_state_after_answer(c, r, keep_alive);
  if (!c->refusing) sio__request_call_on_answered_and_free(r);
  return 0;
}

void sio__http_close_after_failed_answer(sio_request *r, int err) {
  struct http_conn *c = r->conn;
  LOG_RATED_ABOUT(c->http->log, SIO_LOG_ERROR, SIO_PART_HTTP, LOG_NO_MEMORY, c->address,
                  ABOUT_FD(http_conn_fd(c)),
                  "%s: the connection is closed because the request cannot be answered: %s",
                  c->address, sio_strerror(err));
  r->answered = true;
  c->http->stats.aborted++;
  c->req = NULL;
  sio__http_conn_close(c);
  if (!c->refusing) sio__request_call_on_answered_and_free(r);
}

/* ---- answers in pieces ----------------------------------------------------------------------- */

/* If the body of the request is incomplete, the connection is closed after the answer, because the
 * body is not read while the answer is sent. */
void sio__http_set_answer_body_source(sio_request *r, struct http_source *src) {
  if (is_request_body_incomplete(r)) r->keep_alive = false;
  r->conn->source = src;
}

int sio__http_source_read_piece_to_msg(struct loop *l, struct http_source *src, struct msg **out) {
  size_t n = src->left < HTTP_PIECE ? (size_t)src->left : HTTP_PIECE;
  struct msg *m = sio__msg_new(&l->msgs, n);
  if (!m) return UV_ENOMEM;
  long got = n ? src->read(src, msg_data(m), n) : 0;
  if (got < 0 || (n && got == 0)) {
    msg_unref(m);
    return got ? (int)got : UV_EOF;
  }
  m->raw = 1;
  m->len = (uint32_t)got;
  src->left -= (uint64_t)got;
  *out = m;
  return 0;
}

static int read_and_queue_answer_piece(struct http_conn *c) {
  struct msg *m = NULL;
  int err = sio__http_source_read_piece_to_msg(c->http->loop, c->source, &m);
  if (err) return err;
  err = conn_queue_msg_without_frame_header(c->conn, m);
  msg_unref(m);
  return err;
}

static void close_or_reuse_conn_after_last_piece(struct http_conn *c) {
  sio__http_conn_free_answer_body_source(c);
  c->timer_state = HTTP_NONE;
  if (c->close_after || have_all_requests_arrived(c) || c->http->draining)
    sio__http_conn_close_when_sent(c);
  else
    c->state = HTTP_IDLE;
  if (c->state != HTTP_CLOSED) sio__http_conn_start_timer_if_state_changed(c);
  if (c->state == HTTP_IDLE && c->stash.n > 0) sio__loop_defer(c->http->loop, &c->read_task);
}

void sio__http_conn_send_next_answer_piece(struct http_conn *c) {
  int err = read_and_queue_answer_piece(c);
  if (err) {
    LOG_RATED_ABOUT(c->http->log, SIO_LOG_ERROR, SIO_PART_HTTP, LOG_ANSWER_CUT, c->address,
                    ABOUT_FD(http_conn_fd(c)),
                    "%s: the connection is closed in the middle of an answer: %s", c->address,
                    err == UV_EOF ? "the file was modified while it was sent" : sio_strerror(err));
    sio__http_conn_close(c);
  } else if (c->source->left == 0) {
    close_or_reuse_conn_after_last_piece(c);
  } else {
    sio__http_conn_restart_state_timer(c);
  }
}
