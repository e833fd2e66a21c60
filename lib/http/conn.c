/* SPDX-License-Identifier: MIT
 *
 * conn.c - the life of one HTTP connection: how it starts and ends, its timer, and the peer's FIN.
 */
#include "http/conn.h"
#include "http/parser.h"
#include "net/tls.h"
#include "net/transfer.h"
#include <assert.h>
#include <sio/error.h>
#include <unistd.h>

_Static_assert(HTTP_CLOSED <= UINT8_MAX, "every state must fit into the byte that stores it");

/* ---- the end of a connection ------------------------------------------------------ */

static void http_conn_free(struct deferred_free *g) {
  struct http_conn *c = container_of(g, struct http_conn, deferred_free);
  sio__buf_clear(&c->stash);
  sio__free(c->proxy);
  sio__free(c);
}

void sio__http_conn_return_parser_to_pool(struct http_conn *c) {
  if (c->parser) sio__pool_put(&c->http->parsers, c->parser);
  c->parser = NULL;
}

void sio__http_conn_free_answer_body_source(struct http_conn *c) {
  if (c->source) c->source->free(c->source);
  c->source = NULL;
}

void sio__http_conn_unlist_and_free_later(struct http_conn *c) {
  struct http *h = c->http;
  assert(c->state != HTTP_CLOSED && h->nconns > 0);
  c->state = HTTP_CLOSED;
  sio__http_conn_return_parser_to_pool(c);
  sio__http_conn_free_answer_body_source(c);
  sio__loop_stop_timer(h->loop, &c->timer);
  task_cancel(&c->read_task);
  list_remove(&c->link);
  h->nconns--;
  h->npending -= c->pending;
  if (h->draining && h->nconns == 0) sio__loop_defer(h->loop, &h->all_closed_task);
  sio__loop_free_later(h->loop, &c->deferred_free, http_conn_free);
}

void sio__http_conn_close(struct http_conn *c) {
  if (c->state == HTTP_CLOSED) return;
  sio__conn_close(c->conn);
  sio__http_conn_unlist_and_free_later(c);
}

void sio__http_conn_close_when_sent(struct http_conn *c) {
  if (c->conn->eof && conn_is_idle(c->conn)) {
    sio__http_conn_close(c);
    return;
  }
  c->state = HTTP_CLOSING;
  c->timer_state = HTTP_NONE;
  sio__http_conn_return_parser_to_pool(c);
  sio__conn_end_writing(c->conn);
}

/* ---- the end of a request ------------------------------------------------------------ */

/* Calls on_abort of r->mount, the callbacks that handle r, if these are known already. Frees r
 * unless the host still has to answer it. */
static void call_on_abort_and_free_unless_answer_owed(sio_request *r, int err, const char *why) {
  struct http *h = r->http;
  r->conn = NULL;
  h->stats.aborted += !r->answered;
  r->answered = true;
  if (r->mount) r->mount->on_abort(r, err, why);
  if (!r->answer_owed) {
    sio__request_free_or_recycle_later(r);
    return;
  }
  r->answered = false;
  list_append(&h->owed_requests, &r->link);
}

void sio__http_conn_abort_request(struct http_conn *c, int err, const char *why) {
  sio_request *r = c->req;
  c->req = NULL;
  if (r) call_on_abort_and_free_unless_answer_owed(r, err, why);
}

void sio__http_conn_close_out_of_memory(struct http_conn *c) {
  LOG_RATED_ABOUT(c->http->log, SIO_LOG_ERROR, SIO_PART_HTTP, LOG_NO_MEMORY, c->address,
                  ABOUT_FD(http_conn_fd(c)), "%s: the connection is closed: out of memory",
                  c->address);
  sio__http_conn_close(c);
  sio__http_conn_abort_request(c, UV_ENOMEM, "out of memory");
}

static enum sio_http_refusal refusal_kind_of_status(int status) {
  switch (status) {
    case 408: return SIO_HTTP_TIMEOUT;
    case 413: return SIO_HTTP_BODY_SIZE;
    case 431: return SIO_HTTP_HEAD_SIZE;
    case 503: return SIO_HTTP_NO_MEMORY;
    default: return SIO_HTTP_MALFORMED;
  }
}

void sio__http_conn_refuse_request(struct http_conn *c, int status, int err, const char *why) {
  sio_request *r = c->req;
  LOG_RATED_ABOUT(c->http->log, SIO_LOG_WARN, SIO_PART_HTTP, LOG_REQUEST_REFUSED, c->address,
                  ABOUT_FD(http_conn_fd(c)), "%s: the request is refused with status %d: %s",
                  c->address, status, why);
  c->http->stats.refused[refusal_kind_of_status(status)]++;
  r->keep_alive = false;
  c->refusing = true;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
  c->refusing = false;
  call_on_abort_and_free_unless_answer_owed(r, err, why);
}

const char *sio__http_describe_exceeded_conn_limit(int cause) {
  return cause == SIO_REJECT_OPEN ? "the address already has max_per_address connections"
                                  : "the address connects faster than connects_per_s";
}

void sio__http_conn_close_and_report_rejection(struct http_conn *c, int cause, const char *why) {
  sio__http_conn_close(c);
  sio__http_conn_abort_request(c, SIO_ELIMIT, why);
  sio__addr_limits_report_refusal(c->http->addr_limits, cause, c->address, why);
}

/* ---- the timer ------------------------------------------------------------------------- */

/* Returns the time that is allowed for the current state, in ms; 0 means no limit. */
static unsigned state_timeout_ms(const struct http_conn *c) {
  const struct http_limits *l = &c->http->limits;
  switch (c->state) {
    case HTTP_IDLE: return c->slow_reader ? l->body_ms : l->keep_alive_ms;
    case HTTP_TLS: return l->tls_ms;
    case HTTP_PROXY_HEADER:
    case HTTP_IN_HEAD: return l->head_ms;
    case HTTP_IN_BODY:
    case HTTP_SENDING:
    case HTTP_DISCARD: return l->body_ms;
    case HTTP_CLOSING: return conn_is_idle(c->conn) ? HTTP_LINGER_MS : l->body_ms;
    default: return 0;
  }
}

void sio__http_conn_restart_state_timer(struct http_conn *c) {
  unsigned ms = state_timeout_ms(c);
  c->timer_state = c->state;
  c->queued_at_timer = c->conn->out.bytes;
  if (ms > 0)
    sio__loop_start_timer(c->http->loop, &c->timer, ms);
  else
    sio__loop_stop_timer(c->http->loop, &c->timer);
}

void sio__http_conn_start_timer_if_state_changed(struct http_conn *c) {
  if (c->timer_state == c->state) return;
  c->timer_extended = false;
  sio__http_conn_restart_state_timer(c);
}

/* Returns true if bytes are queued and the peer gets more time to receive them: at the first
 * timeout, and at a later timeout if fewer bytes are queued than when the timer was started. */
static bool should_give_slow_reader_more_time(struct http_conn *c) {
  return c->conn->out.bytes > 0 && (!c->slow_reader || c->conn->out.bytes < c->queued_at_timer);
}

static void close_slow_reader_or_restart_timer(struct http_conn *c) {
  if (!should_give_slow_reader_more_time(c)) {
    sio__http_conn_close(c);
    return;
  }
  c->slow_reader = true;
  sio__http_conn_restart_state_timer(c);
}

static void refuse_slow_request_with_408(struct http_conn *c, const char *why) {
  sio__http_conn_refuse_request(c, 408, SIO_ETIMEOUT, why);
  sio__http_conn_start_timer_if_state_changed(c);
}

static void http_conn_on_state_timeout(struct http_conn *c) {
  switch (c->state) {
    case HTTP_PROXY_HEADER:
      sio__http_conn_close_and_report_rejection(c, SIO_REJECT_PROXY,
                                                "no PROXY header within head_timeout_ms");
      return;
    case HTTP_TLS: sio__tls_fail_timed_out_handshake(c->conn); return;
    case HTTP_IDLE:
    case HTTP_CLOSING: close_slow_reader_or_restart_timer(c); return;
    case HTTP_SENDING:
      if (conn_is_idle(c->conn))
        sio__http_conn_send_next_answer_piece(c);
      else
        close_slow_reader_or_restart_timer(c);
      return;
    case HTTP_IN_HEAD:
      refuse_slow_request_with_408(c, "the request head did not arrive within head_timeout_ms");
      return;
    case HTTP_IN_BODY:
      refuse_slow_request_with_408(c, "the request body did not arrive within body_timeout_ms");
      return;
    case HTTP_DISCARD:
      sio__http_conn_close_when_sent(c);
      sio__http_conn_start_timer_if_state_changed(c);
      return;
  }
}

static void http_conn_on_timer_extend_or_time_out(struct timer *t) {
  struct http_conn *c = container_of(t, struct http_conn, timer);
  if (loop_should_restart_deadline(c->http->loop, c->timer_extended)) {
    c->timer_extended = true;
    sio__http_conn_restart_state_timer(c);
    return;
  }
  http_conn_on_state_timeout(c);
}

/* ---- the peer's FIN ---------------------------------------------------------------------- */

void sio__http_conn_close_after_peer_eof(struct http_conn *c) {
  sio_request *r = c->req;
  c->req = NULL;
  sio__http_conn_close_when_sent(c);
  if (r)
    call_on_abort_and_free_unless_answer_owed(r, UV_ECONNABORTED, "the peer closed the connection");
  sio__http_conn_start_timer_if_state_changed(c);
}

/* Returns true for a request, other than an upgrade, whose head is complete, whose body is not
 * being read, and which is not answered. */
static bool is_plain_request_waiting_for_its_handler(const struct http_conn *c) {
  bool complete = c->state == HTTP_HELD || c->state == HTTP_READY || c->state == HTTP_UNANSWERED;
  return complete && !c->req->upgrade;
}

/* Called when the peer has sent a FIN before its request was answered. The peer may have closed
 * only its sending side and wait for the answer (RFC 9112 section 9.6), or it may be gone. To find
 * out, we send a 100 (Continue). A client that waits ignores this status (RFC 9110 section 15.2.1);
 * a peer that is gone answers with a reset, and http_conn_release_on_stream_failure() is called.
 * HTTP/1.0 has no such status: there the connection ends, unless the host keeps the request and has
 * to answer it. */
static void probe_half_closed_peer_or_close(struct http_conn *c) {
  if (c->req->minor_version > 0)
    sio__http_conn_send_100_continue(c);
  else if (!c->req->answer_owed)
    sio__http_conn_close_after_peer_eof(c);
}

static void http_conn_on_peer_eof_probe_or_close(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (is_plain_request_waiting_for_its_handler(c))
    probe_half_closed_peer_or_close(c);
  else if (c->state != HTTP_SENDING && (c->state != HTTP_IDLE || c->stash.n == 0))
    sio__http_conn_close_after_peer_eof(c);
}

/* ---- other events of the stream ---------------------------------------------------------- */

static void http_conn_release_on_stream_failure(struct conn *conn, int err) {
  struct http_conn *c = conn->owner;
  sio__http_conn_unlist_and_free_later(c);
  if (conn->eof)
    sio__http_conn_abort_request(c, UV_ECONNABORTED, "the peer closed the connection");
  else
    sio__http_conn_abort_request(c, err, sio_strerror(err));
}

static void http_conn_on_send_queue_empty(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (c->state == HTTP_CLOSING && conn->eof) {
    sio__http_conn_close(c);
    return;
  }
  if (c->state == HTTP_SENDING) {
    /* The next piece is sent in the next turn of the loop, so that one fast peer does not occupy
     * the loop. */
    c->slow_reader = false;
    sio__loop_start_timer(c->http->loop, &c->timer, 0);
    return;
  }
  if ((c->slow_reader && c->state == HTTP_IDLE) || c->state == HTTP_CLOSING) {
    c->slow_reader = false;
    sio__http_conn_restart_state_timer(c);
  }
  if (c->state == HTTP_IDLE && c->stash.n > 0) sio__loop_defer(c->http->loop, &c->read_task);
}

/* Restarts the timer: the time for the first request is counted from the end of the TLS
 * handshake. */
static void http_await_first_request_after_tls_handshake(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (c->state != HTTP_TLS) return;
  c->state = c->timer_state = HTTP_IDLE;
  sio__loop_start_timer(c->http->loop, &c->timer, c->http->limits.head_ms);
}

static void http_on_tls_handshake_failed(struct conn *conn, const char *why) {
  struct http_conn *c = conn->owner;
  sio__addr_limits_report_refusal(c->http->addr_limits, SIO_REJECT_TLS, c->address, why);
  sio__http_conn_close_when_sent(c);
  sio__http_conn_start_timer_if_state_changed(c);
}

static const struct conn_ops http_stream_ops = { .read = sio__http_conn_on_read,
                                                 .eof = http_conn_on_peer_eof_probe_or_close,
                                                 .failed = http_conn_release_on_stream_failure,
                                                 .drained = http_conn_on_send_queue_empty,
                                                 .secured =
                                                     http_await_first_request_after_tls_handshake,
                                                 .refused = http_on_tls_handshake_failed };

/* ---- the beginning ----------------------------------------------------------------------- */

/* Returns the address for which the TLS handshake is counted; "" for no address. A proxy that sends
 * no PROXY header does not say before the handshake which client it connects for. */
static const char *address_for_counting_tls_handshake(const struct http_conn *c) {
  return c->proxy && !c->http->proxies.header ? "" : c->address;
}

static int start_tls_or_close(struct http_conn *c) {
  int err = sio__tls_start(c->conn, c->tls, address_for_counting_tls_handshake(c));
  if (!err) return 0;
  LOG_RATED_ABOUT(c->http->log, SIO_LOG_ERROR, SIO_PART_HTTP, LOG_NO_MEMORY, c->address,
                  ABOUT_FD(http_conn_fd(c)),
                  "%s: the connection is closed because TLS cannot be started: %s", c->address,
                  sio_strerror(err));
  sio__http_conn_close(c);
  return err;
}

/* Without TLS the timer is not restarted: it was started when the connection was accepted, and the
 * first request must begin before it fires. */
int sio__http_conn_start_tls_or_await_request(struct http_conn *c) {
  c->state = c->tls ? HTTP_TLS : HTTP_IDLE;
  if (c->tls) return start_tls_or_close(c);
  c->timer_state = HTTP_IDLE;
  return 0;
}

int sio__http_conn_await_proxy_tls_or_request(struct http_conn *c) {
  struct http *h = c->http;
  c->state = c->timer_state = HTTP_PROXY_HEADER;
  /* A new connection has head_ms to begin its first request; keep_alive_ms is the time between two
   * requests. */
  sio__loop_start_timer(h->loop, &c->timer, h->limits.head_ms);
  if (c->proxy && h->proxies.header) return 0;
  int err = sio__http_conn_start_tls_or_await_request(c);
  if (!err) sio__http_conn_start_timer_if_state_changed(c);
  return err;
}

static enum conn_kind choose_conn_kind_tls_counted_or_plain(const struct http *h,
                                                            const sio_tls *tls) {
  if (tls) return CONN_TLS;
  return h->addr_limits && addr_limits_has_rate_or_max_open(h->addr_limits) ? CONN_COUNTED
                                                                            : CONN_PLAIN;
}

static void http_conn_process_stashed_input_task(struct task *t) {
  sio__http_conn_process_input(container_of(t, struct http_conn, read_task));
}

static void http_conn_init_and_add_to_pending(struct http_conn *c, struct http *h) {
  c->http = h;
  buf_init(&c->stash, HTTP_STASH + NET_RBUF);
  timer_init(&c->timer, http_conn_on_timer_extend_or_time_out);
  task_init(&c->read_task, http_conn_process_stashed_input_task);
  c->pending = true;
  list_append(&h->pending, &c->link);
  h->npending++;
  h->nconns++;
  LOG_ABOUT(h->log, SIO_LOG_DEBUG, SIO_PART_NET, ABOUT_FD(http_conn_fd(c)), "%s: connected",
            c->address);
}

int sio__http_conn_new(struct http_conn **out, struct http *h, int fd, bool from_proxy,
                       const sio_tls *tls) {
  struct http_conn *c = *out = sio__calloc(1, sizeof *c);
  if (!c) {
    close(fd);
    return UV_ENOMEM;
  }
  int err = sio__conn_new_of_kind(&c->conn, h->loop, fd, &http_stream_ops, c,
                                  choose_conn_kind_tls_counted_or_plain(h, tls));
  if (err) {
    sio__free(c);
    return err;
  }
  c->tls = tls;
  sio__conn_peer_address_text(c->conn, c->address);
  if (from_proxy) c->proxy = sio__proxy_info_new(c->address, !h->proxies.header);
  if (!from_proxy || c->proxy) {
    http_conn_init_and_add_to_pending(c, h);
    return 0;
  }
  sio__conn_close(c->conn);
  sio__free(c);
  return UV_ENOMEM;
}

int sio__http_conn_new_from_transfer(struct http_conn **out, struct http *h,
                                     struct conn_transfer *t, struct proxy_info *proxy,
                                     const sio_tls *tls) {
  struct http_conn *c = *out = sio__calloc(1, sizeof *c);
  int err = c ? 0 : UV_ENOMEM;
  if (err)
    sio__conn_transfer_discard(t);
  else
    err = sio__conn_attach_to_loop(&c->conn, h->loop, t, &http_stream_ops, c,
                                   choose_conn_kind_tls_counted_or_plain(h, tls));
  if (err) {
    sio__free(proxy);
    sio__free(c);
    return err;
  }
  c->tls = tls;
  c->proxy = proxy;
  c->state = HTTP_IDLE;
  if (proxy)
    memcpy(c->address, proxy->client, sizeof c->address);
  else
    sio__conn_peer_address_text(c->conn, c->address);
  http_conn_init_and_add_to_pending(c, h);
  return 0;
}
