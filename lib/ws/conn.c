/* SPDX-License-Identifier: MIT
 *
 * conn.c - the life of a WebSocket: messages in both directions, and the closing handshake.
 *
 * The owner is notified when the peer's close frame or FIN has arrived, or the WebSocket has
 * failed. After that the WebSocket has no owner. Its queue is still sent if the stream is open, and
 * the stream is closed as the table of states in conn.h says.
 */
#include "ws/conn.h"

#include <sio/error.h>

enum ws_state {
  WS_OPEN,    /* messages are sent and received */
  WS_CLOSING, /* our close frame was queued, the peer's is expected */
  WS_ENDING,  /* no message is queued or delivered any more; our FIN follows the queue */
  WS_CLOSED   /* the stream is closed; the struct is freed at the end of a turn */
};

/* When this many pongs were queued, no more pongs are queued until the queue is empty. Of the pings
 * that arrive in the meantime, only the newest is answered. */
enum { PONGS_MAX = 16 };
enum { REASON_MAX = 123 };

/* Received bytes that wait because the owner has paused the WebSocket. Freed when all are handled,
 * or when the stream is closed. */
struct ws_unread {
  struct ws_conn *ws;
  struct task
      task; /* handles the bytes at the end of the turn, not inside sio__ws_resume_reading() */
  size_t n;
  char bytes[];
};

static struct ws_conn *ws_conn_of_recv(struct ws_recv *r) {
  return container_of(r, struct ws_conn, recv);
}

/* ---- without an owner ---- */

static void ws_ignore_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  (void)w, (void)binary, (void)p, (void)n;
}

static void ws_ignore_end_of_websocket(struct ws_conn *w, void *owner, const struct ws_close *why) {
  (void)w, (void)owner, (void)why;
}

const struct ws_conn_ops sio__ws_no_owner_ops = { .message = ws_ignore_message,
                                                  .closed = ws_ignore_end_of_websocket };

static const char *ws_client_address_stored_as_owner(const struct ws_conn *w) { return w->owner; }

/* For a WebSocket whose owner was removed: w->owner is then a copy of the client's address, for
 * the log. */
static const struct ws_conn_ops address_only_ops = { .message = ws_ignore_message,
                                                     .closed = ws_ignore_end_of_websocket,
                                                     .address = ws_client_address_stored_as_owner };

static bool is_ws_without_owner(const struct ws_conn *w) {
  return w->ops == &sio__ws_no_owner_ops || w->ops == &address_only_ops;
}

/* If there is no memory for the copy of the client's address, the log shows the address of the TCP
 * peer instead, which may be a proxy. */
void sio__ws_conn_clear_owner(struct ws_conn *w) {
  if (is_ws_without_owner(w)) return;
  const char *from = w->ops->address && w->state != WS_CLOSED ? w->ops->address(w) : NULL;
  w->owner = from ? sio__strndup(from, strlen(from)) : NULL;
  w->ops = w->owner ? &address_only_ops : &sio__ws_no_owner_ops;
}

/* ---- the end ---- */

static void ws_conn_free_deferred(struct deferred_free *g) {
  struct ws_conn *w = container_of(g, struct ws_conn, deferred_free);
  if (w->ops == &address_only_ops) sio__free(w->owner);
  sio__free(w->reason);
  sio__free(w);
}

static unsigned ws_final_close_code(const struct ws_conn *w) {
  if (w->code_got) return w->code_got;
  return w->code_sent ? w->code_sent : 1006;
}

static enum sio_ws_ending classify_close_code(unsigned code) {
  if (code >= 3000) return SIO_WS_CLOSE_APPLICATION;
  if (code == 1006) return SIO_WS_CLOSE_ABNORMAL;
  return code == 1000 || code == 1001 || code == 1005 ? SIO_WS_CLOSE_NORMAL : SIO_WS_CLOSE_ERROR;
}

static const char *ws_client_address_for_log(const struct ws_conn *w, char room[CONN_ADDRESS]) {
  return w->ops->address ? w->ops->address(w) : sio__conn_peer_address_text(w->conn, room);
}

static void log_lost_queued_bytes_if_any(const struct ws_conn *w) {
  const char *who =
      w->conn->out.bytes ? ws_client_address_for_log(w, (char[CONN_ADDRESS]){ "" }) : "";
  if (w->conn->out.bytes)
    LOG_RATED(w->shared->log, w->err ? SIO_LOG_WARN : SIO_LOG_INFO, SIO_PART_WS, LOG_NOT_READING,
              who, "%s: the WebSocket is closed, and %zu unsent bytes are lost", who,
              w->conn->out.bytes);
}

static void ws_free_unread_bytes(struct ws_conn *w) {
  if (!w->unread) return;
  task_cancel(&w->unread->task);
  sio__free(w->unread);
  w->unread = NULL;
}

static void ws_close_stream_and_free_later(struct ws_conn *w) {
  struct loop *l = w->shared->loop;
  w->shared->stats.closed[classify_close_code(ws_final_close_code(w))]++;
  w->state = WS_CLOSED;
  log_lost_queued_bytes_if_any(w); /* logged while w still has its connection */
  sio__loop_stop_timer(l, &w->timer);
  sio__ws_recv_free_and_stop(&w->recv);
  ws_free_unread_bytes(w);
  msg_unref(w->pong);
  w->pong = NULL;
  sio__conn_close(w->conn);
  w->conn = NULL;
  sio__loop_free_later(l, &w->deferred_free, ws_conn_free_deferred);
}

/* Only the first reason is kept. */
static void ws_set_end_reason_if_unset(struct ws_conn *w, int err, const char *detail) {
  if (w->detail) return;
  w->err = err;
  w->detail = detail;
}

/* Notifies the owner that the WebSocket is over. The owner may free itself then, while w may have
 * bytes to send, so w forgets its owner first. */
static void ws_notify_owner_of_end(struct ws_conn *w) {
  const struct ws_conn_ops *ops = w->ops;
  void *owner = w->owner;
  if (is_ws_without_owner(w)) return;
  sio__ws_conn_clear_owner(w);
  ops->closed(w, owner,
              &(struct ws_close){ .code = ws_final_close_code(w),
                                  .err = w->err,
                                  .by_peer = w->by_peer,
                                  .message_late = w->message_late,
                                  .detail = w->detail,
                                  .reason = w->reason ? w->reason : "" });
}

static void ws_close_stream_and_notify_owner(struct ws_conn *w, int err, const char *detail) {
  ws_set_end_reason_if_unset(w, err, detail);
  ws_close_stream_and_free_later(w);
  ws_notify_owner_of_end(w);
}

/* Makes w->timer limit the time of the closing handshake. Before that it limits the time of a
 * message. Only the first call has an effect. */
static void ws_start_close_timer_once(struct ws_conn *w) {
  if (w->close_timed) return;
  w->close_timed = true;
  w->timer_extended = false;
  w->bytes_after_close = 0;
  sio__loop_start_timer(w->shared->loop, &w->timer, w->shared->close_ms);
}

static void ws_resume_reading(struct ws_conn *w) {
  w->recv.paused = false;
  if (w->unread)
    sio__loop_defer(w->shared->loop, &w->unread->task);
  else
    sio__conn_resume_reading(w->conn);
}

/* Reading resumes, because the peer's close frame or FIN must be seen. */
static void ws_send_fin_and_await_peer_end(struct ws_conn *w) {
  w->state = WS_ENDING;
  sio__conn_end_writing(w->conn);
  ws_resume_reading(w);
  ws_start_close_timer_once(w);
}

/* Calls the owner's callback `closed`. So this function must be called only from the loop or from
 * sio__ws_conn_feed_bytes(), and never from a function with which the owner sends. */
static void ws_send_fin_and_notify_owner(struct ws_conn *w) {
  ws_send_fin_and_await_peer_end(w);
  ws_notify_owner_of_end(w);
}

/* Closes the stream if everything was sent and nothing more is expected of the peer. After both
 * close frames the server closes first, and immediately (RFC 6455 section 7.1.1). */
static void ws_close_stream_if_done(struct ws_conn *w) {
  if (w->state == WS_ENDING && conn_is_idle(w->conn) && (w->eof || w->code_got))
    ws_close_stream_and_free_later(w);
}

/* ---- close frames ---- */

/* Returns how many bytes at the beginning of s are whole, valid characters and fit into a close
 * frame. */
static size_t count_close_reason_bytes_that_fit(const char *s) {
  size_t len = strlen(s), n = 0, step;
  while ((step = sio__utf8_sequence_length(s + n, len - n)) && n + step <= REASON_MAX) n += step;
  return n;
}

static int ws_queue_frame_and_unref(struct ws_conn *w, struct msg *m) {
  if (!m) return UV_ENOMEM;
  int err = sio__conn_queue_msg_range(w->conn, m, ws_frame_offset_in_msg_block(m),
                                      msg_frame_len_with_header(m));
  msg_unref(m);
  return err;
}

static int ws_send_close_frame(struct ws_conn *w, unsigned code, const char *reason) {
  char payload[2 + REASON_MAX];
  size_t n = 0;
  if (!reason) reason = "";
  if (sio__ws_is_valid_close_code(code)) {
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    n = count_close_reason_bytes_that_fit(reason);
    memcpy(payload + 2, reason, n);
    n += 2;
  }
  int err = ws_queue_frame_and_unref(w, sio__ws_control_frame_new(&w->shared->loop->msgs, WS_CLOSE,
                                                                  payload, n));
  if (!err) w->code_sent = (uint16_t)(n ? code : 1005);
  return err;
}

bool sio__ws_is_open(const struct ws_conn *w) { return w->state == WS_OPEN; }

void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason) {
  if (w->state != WS_OPEN) return;
  int err = ws_send_close_frame(w, code, reason);
  if (err) {
    ws_set_end_reason_if_unset(w, err, "no memory for a close frame");
    ws_send_fin_and_await_peer_end(w);
    return;
  }
  w->state = WS_CLOSING;
  ws_resume_reading(w);
  ws_start_close_timer_once(w);
}

void sio__ws_close_immediately(struct ws_conn *w) {
  if (w->state != WS_CLOSED) ws_close_stream_and_free_later(w);
  sio__ws_conn_clear_owner(w);
}

/* Ends the WebSocket with an error that we detected. Sends a close frame if the state is WS_OPEN
 * and there is memory for one, and then a FIN. */
static void ws_close_with_error(struct ws_conn *w, unsigned code, int err, const char *detail) {
  ws_set_end_reason_if_unset(w, err, detail);
  if (w->state == WS_OPEN) ws_send_close_frame(w, code, NULL);
  ws_send_fin_and_await_peer_end(w);
  const char *who = ws_client_address_for_log(w, (char[CONN_ADDRESS]){ "" });
  LOG_RATED(w->shared->log, w->ops->closed_logs_errors ? SIO_LOG_DEBUG : SIO_LOG_WARN, SIO_PART_WS,
            LOG_WS_BROKEN, who, "%s: the WebSocket is closed (error %u): %s", who, code, detail);
  ws_notify_owner_of_end(w);
}

/* ---- callbacks of the receiver ---- */

static bool ws_deliver_message_to_owner(struct ws_recv *r, bool binary, char *p, size_t n) {
  struct ws_conn *w = ws_conn_of_recv(r);
  w->shared->stats.messages_in++;
  w->got_message = true;
  if (w->state == WS_OPEN) w->ops->message(w, binary, p, n);
  return w->state != WS_CLOSED;
}

static void ws_queue_pong_or_close(struct ws_conn *w, struct msg *m) {
  w->pongs_queued++;
  if (ws_queue_frame_and_unref(w, m) != 0) ws_close_with_error(w, 1011, UV_ENOMEM, "out of memory");
}

static struct msg *ws_take_pending_pong(struct ws_conn *w) {
  struct msg *m = w->pong;
  w->pong = NULL;
  return m;
}

static bool ws_answer_ping_with_pong(struct ws_recv *r, const char *p, size_t n) {
  struct ws_conn *w = ws_conn_of_recv(r);
  if (w->state != WS_OPEN) return true;
  struct msg *m = sio__ws_control_frame_new(&w->shared->loop->msgs, WS_PONG, p, n);
  if (w->pongs_queued < PONGS_MAX || !m) {
    ws_queue_pong_or_close(w, m);
  } else {
    msg_unref(w->pong);
    w->pong = m;
  }
  if (w->state == WS_OPEN && w->ops->received) w->ops->received(w, 0, 1);
  return w->state != WS_CLOSED;
}

static bool ws_ignore_pong(struct ws_recv *r, const char *p, size_t n) {
  (void)r;
  (void)p;
  (void)n;
  return true;
}

/* Copies the reason from the peer's close frame. A NUL byte in the reason becomes U+FFFD, as it
 * would end the C string. Returns NULL if memory ran out. */
static char *ws_copy_close_reason_and_replace_nuls(const char *reason, size_t n) {
  char *text = sio__malloc(3 * n + 1);
  if (!text) return NULL;
  memcpy(text, reason, n);
  text[sio__utf8_replace_nuls(text, n)] = '\0';
  return text;
}

static void ws_answer_close_frame_and_end(struct ws_recv *r, unsigned code, const char *reason,
                                          size_t n) {
  struct ws_conn *w = ws_conn_of_recv(r);
  w->code_got = (uint16_t)code;
  if (n) w->reason = ws_copy_close_reason_and_replace_nuls(reason, n);
  if (w->state == WS_OPEN) {
    w->by_peer = true;
    ws_send_close_frame(w, code, NULL);
  }
  ws_set_end_reason_if_unset(
      w, 0, w->by_peer ? "the peer closed the WebSocket" : "both sides closed the WebSocket");
  ws_send_fin_and_notify_owner(w);
  ws_close_stream_if_done(w);
}

static int error_of_close_code(unsigned code) {
  if (code == 1011) return UV_ENOMEM;
  return code == 1008 || code == 1009 ? SIO_ETOOBIG : SIO_EPROTO;
}

static void ws_close_on_receive_error(struct ws_recv *r, unsigned code, const char *detail) {
  ws_close_with_error(ws_conn_of_recv(r), code, error_of_close_code(code), detail);
}

static bool ws_report_bytes_added_by_inflating_to_owner(struct ws_recv *r, size_t more) {
  struct ws_conn *w = ws_conn_of_recv(r);
  if (w->state == WS_OPEN && w->ops->received) w->ops->received(w, more, 0);
  return w->state != WS_CLOSED;
}

const struct ws_recv_ops sio__ws_conn_recv_ops = {
  .message = ws_deliver_message_to_owner,
  .ping = ws_answer_ping_with_pong,
  .pong = ws_ignore_pong,
  .close = ws_answer_close_frame_and_end,
  .fail = ws_close_on_receive_error,
  .inflated = ws_report_bytes_added_by_inflating_to_owner
};

/* ---- callbacks of the connection ---- */

/* After the state WS_OPEN, received messages are discarded, but must be read to reach the peer's
 * close frame or FIN. Counts n received bytes. If the peer has sent too much, closes w and returns
 * true. */
static bool ws_close_if_too_much_after_close_frame(struct ws_conn *w, size_t n) {
  size_t limit = w->shared->recv.limits.max_message + WS_LATE_BYTES;
  /* No overflow: max_payload is 1 GiB at most, and above the limit w is closed. */
  w->bytes_after_close += (uint32_t)n;
  if (w->bytes_after_close <= limit) return false;
  LOG(w->shared->log, SIO_LOG_DEBUG, SIO_PART_WS,
      "%s: the connection is closed: the peer sends too much while the WebSocket closes",
      ws_client_address_for_log(w, (char[CONN_ADDRESS]){ "" }));
  ws_close_stream_and_notify_owner(w, SIO_ETOOBIG,
                                   "the peer sends too much while the WebSocket closes");
  return true;
}

/* ---- the time of a message ---- */

static uint32_t ws_incomplete_message_bytes(const struct ws_conn *w) {
  return w->recv.msg ? (uint32_t)w->recv.msg->n : 0;
}

static void ws_start_message_timer(struct ws_conn *w) {
  w->got_message = false;
  w->bytes_at_check = ws_incomplete_message_bytes(w);
  sio__loop_start_timer(w->shared->loop, &w->timer, w->shared->message_ms);
}

/* In the state WS_OPEN, starts the timer that limits the time of a message, unless message_ms is 0
 * or the timer is running. When a message is complete, the timer is not stopped, so it may fire
 * when no message is incomplete. */
static void ws_start_message_timer_if_needed(struct ws_conn *w) {
  if (w->state != WS_OPEN || timer_is_active(&w->timer) || !w->shared->message_ms) return;
  w->timer_extended = false;
  ws_start_message_timer(w);
}

/* Returns true if, since the timer was started, a message was completed or more payload of the
 * incomplete one has arrived; or if reading is paused, so that a piece may wait unread. */
static bool is_ws_message_progressing(const struct ws_conn *w) {
  return w->got_message || ws_incomplete_message_bytes(w) != w->bytes_at_check || w->unread ||
         w->conn->paused || w->conn->throttled;
}

static void ws_on_message_timer_close_if_stalled(struct ws_conn *w) {
  if (!ws_recv_is_inside_frame_or_message(&w->recv)) return;
  bool progresses = is_ws_message_progressing(w);
  bool extends = !progresses && loop_should_restart_deadline(w->shared->loop, w->timer_extended);
  if (progresses || extends) {
    w->timer_extended = extends;
    ws_start_message_timer(w);
    return;
  }
  w->message_late = true;
  ws_close_with_error(w, 1008, SIO_ETIMEOUT,
                      "no further payload of a message arrived within packet_timeout_ms");
}

static void ws_task_feed_unread_bytes(struct task *t) {
  struct ws_unread *r = container_of(t, struct ws_unread, task);
  struct ws_conn *w = r->ws;
  w->unread = NULL;
  size_t left = sio__ws_recv_feed(&w->recv, r->bytes, r->n);
  if (left) { /* paused, and not closed */
    memmove(r->bytes, r->bytes + r->n - left, left);
    r->n = left;
    w->unread = r;
    return;
  }
  sio__free(r);
  if (w->state != WS_CLOSED && !w->recv.paused) sio__conn_resume_reading(w->conn);
  if (ws_recv_is_inside_frame_or_message(&w->recv)) ws_start_message_timer_if_needed(w);
}

static void ws_store_unread_bytes_until_resume(struct ws_conn *w, const char *p, size_t n) {
  struct ws_unread *r = sio__malloc(sizeof *r + n);
  if (!r) {
    ws_close_with_error(w, 1011, UV_ENOMEM, "out of memory");
    return;
  }
  r->ws = w;
  r->n = n;
  memcpy(r->bytes, p, n);
  task_init(&r->task, ws_task_feed_unread_bytes);
  w->unread = r;
}

static void ws_feed_or_store_received_bytes(struct ws_conn *w, const char *p, size_t n) {
  size_t left = sio__ws_recv_feed(&w->recv, p, n);
  if (left) ws_store_unread_bytes_until_resume(w, p + n - left, left); /* paused, and not closed */
  if (ws_recv_is_inside_frame_or_message(&w->recv)) ws_start_message_timer_if_needed(w);
}

static void ws_on_stream_bytes_received(struct conn *c, char *p, size_t n) {
  struct ws_conn *w = c->owner;
  if (w->state != WS_OPEN && ws_close_if_too_much_after_close_frame(w, n)) return;
  ws_feed_or_store_received_bytes(w, p, n);
  if (w->state == WS_OPEN && w->ops->received) w->ops->received(w, n, 0);
}

static void ws_on_stream_eof_send_fin_and_notify_owner(struct conn *c) {
  struct ws_conn *w = c->owner;
  w->eof = true;
  w->by_peer |= w->state == WS_OPEN;
  ws_set_end_reason_if_unset(w, 0, "the peer ended the connection without a close frame");
  ws_send_fin_and_notify_owner(w);
  ws_close_stream_if_done(w);
}

static void ws_on_stream_failed(struct conn *c, int err) {
  ws_close_stream_and_notify_owner(c->owner, err, "the connection failed");
}

static void ws_on_close_timer_extend_or_close_stream(struct ws_conn *w) {
  if (!loop_should_restart_deadline(w->shared->loop, w->timer_extended)) {
    ws_close_stream_and_notify_owner(w, SIO_ETIMEOUT, "no close frame within close_timeout_ms");
    return;
  }
  w->timer_extended = true;
  sio__loop_start_timer(w->shared->loop, &w->timer, w->shared->close_ms);
}

static void ws_on_close_or_message_timer(struct timer *t) {
  struct ws_conn *w = container_of(t, struct ws_conn, timer);
  if (w->close_timed)
    ws_on_close_timer_extend_or_close_stream(w);
  else
    ws_on_message_timer_close_if_stalled(w);
}

static void ws_on_send_queue_drained(struct conn *c) {
  struct ws_conn *w = c->owner;
  w->pongs_queued = 0;
  ws_close_stream_if_done(w);
  if (w->state == WS_OPEN && w->ops->drained) w->ops->drained(w);
  if (w->state == WS_OPEN && w->pong) ws_queue_pong_or_close(w, ws_take_pending_pong(w));
}

static void ws_notify_owner_of_queue_below_low_mark(struct conn *c) {
  struct ws_conn *w = c->owner;
  if (w->state == WS_OPEN) w->ops->below_low_mark(w);
}

static void ws_notify_owner_before_queue_is_written(struct conn *c) {
  struct ws_conn *w = c->owner;
  if (w->state == WS_OPEN) w->ops->flushing(w);
}

static void ws_notify_owner_of_passed_sent_marks(struct conn *c, unsigned n) {
  struct ws_conn *w = c->owner;
  if (w->ops->marks_passed) w->ops->marks_passed(w, n);
}

static const struct conn_ops ws_stream_ops = { .read = ws_on_stream_bytes_received,
                                               .eof = ws_on_stream_eof_send_fin_and_notify_owner,
                                               .failed = ws_on_stream_failed,
                                               .drained = ws_on_send_queue_drained,
                                               .below_low_mark =
                                                   ws_notify_owner_of_queue_below_low_mark,
                                               .marks_passed = ws_notify_owner_of_passed_sent_marks,
                                               .flushing =
                                                   ws_notify_owner_before_queue_is_written };

/* ---- functions for the owner ---- */

int sio__ws_conn_new(struct ws_conn **out, struct ws_shared *shared, struct conn *c,
                     const struct ws_conn_ops *ops, void *owner) {
  struct ws_conn *w = sio__calloc(1, sizeof *w);
  if (!w) {
    sio__conn_close(c);
    return UV_ENOMEM;
  }
  w->conn = c;
  w->shared = shared;
  shared->stats.opened++;
  w->ops = ops;
  w->owner = owner;
  timer_init(&w->timer, ws_on_close_or_message_timer);
  sio__ws_recv_init(&w->recv, &shared->recv);
  sio__conn_set_owner(c, &ws_stream_ops, w);
  *out = w;
  return 0;
}

void sio__ws_conn_feed_bytes(struct ws_conn *w, sio_slice rest) {
  ws_feed_or_store_received_bytes(w, rest.p, rest.n);
}

void sio__ws_pause_reading(struct ws_conn *w) {
  if (w->state != WS_OPEN) return;
  w->recv.paused = true;
  sio__conn_pause_reading(w->conn);
}

void sio__ws_resume_reading(struct ws_conn *w) {
  if (w->state == WS_OPEN && w->recv.paused) ws_resume_reading(w);
}

static bool should_deflate_ws_msg(const struct ws_conn *w, const struct msg *m) {
  return w->recv.deflate_agreed && !m->plain && !m->raw && m->len >= w->shared->deflate.threshold;
}

/* Makes the compressed form of m, for all receivers. If it would not be smaller, or there is no
 * memory for it, m is sent uncompressed. */
static void ws_deflate_msg_if_not_yet(struct ws_shared *s, struct msg *m) {
  if (m->deflated) return;
  int got = sio__deflate(s->deflate.deflater, DEFLATE_MESSAGE, &s->loop->msgs,
                         slice(msg_data(m), m->len), &m->deflated);
  if (got == 0) m->plain = true;
  if (got != 1) return;
  m->deflated->binary = m->binary;
  msg_copy_drop_rules(m->deflated, m);
  sio__ws_write_deflated_message_header(m->deflated);
}

int sio__ws_send(struct ws_conn *w, struct msg *m) {
  if (w->state != WS_OPEN) return SIO_ECLOSED;
  bool deflate = should_deflate_ws_msg(w, m);
  if (deflate) ws_deflate_msg_if_not_yet(w->shared, m);
  if (deflate && m->deflated) m = m->deflated;
  if (!m->ws_head) sio__ws_write_message_header_once(m);
  w->shared->stats.messages_out++;
  return sio__conn_queue_msg_range(w->conn, m, ws_frame_offset_in_msg_block(m),
                                   msg_frame_len_with_header(m));
}

int sio__ws_queue_sent_mark(struct ws_conn *w, struct msg *m) {
  return w->state == WS_OPEN ? conn_queue_sent_mark(w->conn, m) : SIO_ECLOSED;
}

int sio__ws_send_ping(struct ws_conn *w) {
  if (w->state != WS_OPEN) return SIO_ECLOSED;
  return ws_queue_frame_and_unref(w, sio__ws_control_frame_new(&w->shared->loop->msgs, WS_PING,
                                                               NULL, 0));
}
