/* SPDX-License-Identifier: MIT
 *
 * conn_read.c - the state machine that consumes a connection's input. Each step consumes what it
 * can use of c->input and returns whether another step can make progress.
 */
#include "http/conn.h"
#include "http/head.h"
#include "http/parser.h"
#include "net/proxy.h"
#include "net/tls.h"
#include <sio/error.h>

enum { TLS_HANDSHAKE_RECORD = 22 }; /* the first byte that a TLS client sends */

static void consume_http_input(struct http_conn *c, size_t n) {
  c->input += n;
  c->input_len -= n;
}

/* ---- before the first request ---------------------------------------------------------- */

/* Counts the connection for the address in the PROXY header. Returns false if that address has
 * exceeded a limit and c was closed. */
static bool count_conn_for_proxied_client_or_close(struct http_conn *c, const struct addr *a) {
  int cause;
  struct addr_record *v;
  bool allowed = sio__addr_limits_admit(c->http->addr_limits, a, ADDR_CONNS, &v, &cause) == 0;
  if (v) conn_set_addr_record(c->conn, v);
  if (allowed) return true;
  sio__http_conn_close_and_report_rejection(c, cause,
                                            sio__http_describe_exceeded_conn_limit(cause));
  return false;
}

/* Reads the PROXY header. Returns false if the header is incomplete or c was closed. Without TLS
 * the timer is not restarted: the header and the beginning of the first request share one
 * timeout. */
static bool read_proxy_header_and_start_tls_or_http(struct http_conn *c) {
  struct proxied p;
  const char *why;
  int n = sio__proxy_parse_header(c->input, c->input_len, &p, &why);
  if (n < 0) sio__http_conn_close_and_report_rejection(c, SIO_REJECT_PROXY, why);
  if (n <= 0) return false;
  consume_http_input(c, (size_t)n);
  sio__proxy_info_store_proxy_header(c->proxy, &p, c->http->proxies.trusted);
  memcpy(c->address, c->proxy->client, sizeof c->address);
  return count_conn_for_proxied_client_or_close(c, &p.from) &&
         sio__http_conn_start_tls_or_await_request(c) == 0;
}

/* ---- the head ----------------------------------------------------------------------------- */

static void skip_blank_lines(struct http_conn *c) {
  while (c->input_len > 0 && (*c->input == '\r' || *c->input == '\n')) consume_http_input(c, 1);
}

static bool begin_next_request(struct http_conn *c) {
  struct http *h = c->http;
  skip_blank_lines(c);
  if (c->input_len == 0 || c->conn->out.bytes >= HTTP_BACKLOG) return false;
  c->req = sio__request_new(h);
  c->parser = sio__pool_get(&h->parsers);
  h->stats.requests += c->req != NULL;
  if (!c->req || !c->parser) {
    sio__http_conn_close_out_of_memory(c);
    return false;
  }
  c->req->conn = c;
  if (c->proxy) memcpy(c->address, c->proxy->client, sizeof c->address);
  sio__http_parser_init(c->parser);
  c->state = HTTP_IN_HEAD;
  c->timer_state = HTTP_NONE;
  return true;
}

static void move_conn_from_pending_to_conns(struct http_conn *c) {
  c->pending = false;
  c->http->npending--;
  list_remove(&c->link);
  list_append(&c->http->conns, &c->link);
}

/* Chooses the callbacks (the mount) that handle a request whose head is valid, and calls on_head.
 * Then refuses the request if its Content-Length is over the limit, unless it was answered or is an
 * upgrade. */
static void route_request_and_call_on_head(struct http_conn *c) {
  sio_request *r = c->req;
  if (c->pending) move_conn_from_pending_to_conns(c);
  if (c->proxy)
    sio__proxy_info_find_client_and_set_secure(c->proxy, r, &c->http->proxies, c->address);
  LOG_ABOUT(c->http->log, SIO_LOG_DEBUG, SIO_PART_HTTP, ABOUT_FD(http_conn_fd(c)),
            "%s: request %.*s %.*s", c->address, LOG_SLICE(r->method_text), LOG_SLICE(r->path));
  r->max_body = c->http->limits.max_body;
  r->mount = c->http->route(c->http, r);
  c->state = HTTP_HELD;
  bool read_body = r->mount->on_head(r);
  if (c->req != r || r->answered) return;
  if (!r->upgrade && r->content_length > r->max_body)
    sio__http_conn_refuse_request(
        c, 413, SIO_ETOOBIG,
        "Content-Length is over the limit for this body (such as max_payload)");
  else if (read_body && c->state == HTTP_HELD)
    c->state = HTTP_READY;
}

static void parse_head_and_dispatch_or_refuse(struct http_conn *c) {
  const char *why;
  int status = sio__request_parse_head(c->req, c->http->limits.max_headers, &why);
  if (status)
    sio__http_conn_refuse_request(c, status, SIO_EPROTO, why);
  else
    route_request_and_call_on_head(c);
}

static const char *describe_malformed_head_and_count_tls_hello(struct http_conn *c,
                                                               bool is_tls_hello) {
  c->http->stats.tls_hellos += is_tls_hello;
  return is_tls_hello ? "a TLS handshake arrived in place of an HTTP request"
                      : sio__http_parser_error_detail(c->parser);
}

static bool feed_head_input_and_dispatch_if_complete(struct http_conn *c) {
  if (c->input_len == 0) return false;
  struct buf *head = &c->req->head;
  bool is_tls_hello = head->n == 0 && *c->input == TLS_HANDSHAKE_RECORD;
  size_t room = c->http->limits.max_head - head->n, used = 0;
  size_t n = c->input_len < room ? c->input_len : room;
  enum parse_event event = sio__http_parser_feed(c->parser, c->input, n, &used);
  if (event != PARSE_BAD && sio__buf_put(head, c->input, used)) {
    sio__http_conn_close_out_of_memory(c);
    return false;
  }
  consume_http_input(c, used);
  if (event == PARSE_BAD)
    sio__http_conn_refuse_request(c, sio__http_parser_error_status(c->parser), SIO_EPROTO,
                                  describe_malformed_head_and_count_tls_hello(c, is_tls_hello));
  else if (event == PARSE_HEAD)
    parse_head_and_dispatch_or_refuse(c);
  else if (head->n == c->http->limits.max_head)
    sio__http_conn_refuse_request(c, 431, SIO_ETOOBIG, "the request head is longer than max_head");
  return true;
}

/* ---- the body ------------------------------------------------------------------------------ */

static void pass_complete_request_to_handler(struct http_conn *c) {
  sio_request *r = c->req;
  sio__http_conn_return_parser_to_pool(c);
  c->state = HTTP_UNANSWERED;
  r->mount->on_request(r);
}

bool sio__http_conn_send_100_continue(struct http_conn *c) {
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  struct msg *m = sio__msg_from_bytes(&c->http->loop->msgs, line, sizeof line - 1);
  int err = m ? conn_queue_msg_without_frame_header(c->conn, m) : UV_ENOMEM;
  msg_unref(m);
  if (err) sio__http_conn_close_out_of_memory(c);
  return !err;
}

static bool begin_reading_body_or_complete_request(struct http_conn *c) {
  sio_request *r = c->req;
  if (!r->has_body || r->upgrade) {
    pass_complete_request_to_handler(c);
    return true;
  }
  if (r->expects_continue && c->input_len == 0 && !sio__http_conn_send_100_continue(c))
    return false;
  r->expects_continue = false;
  sio__http_parser_begin_body(c->parser, &r->body, r->max_body,
                              http_conn_max_body_framing_bytes(c));
  c->state = HTTP_IN_BODY;
  c->timer_state = HTTP_NONE;
  return true;
}

static void refuse_or_close_after_body_parse_error(struct http_conn *c) {
  int err = sio__http_parser_error(c->parser);
  const char *why = sio__http_parser_error_detail(c->parser);
  if (err == UV_ENOMEM)
    sio__http_conn_close_out_of_memory(c);
  else
    sio__http_conn_refuse_request(c, sio__http_parser_error_status(c->parser), err, why);
}

static bool feed_body_input_and_dispatch_if_complete(struct http_conn *c) {
  if (c->input_len == 0) return false;
  size_t used = 0;
  enum parse_event event = sio__http_parser_feed(c->parser, c->input, c->input_len, &used);
  consume_http_input(c, used);
  if (event == PARSE_BAD) refuse_or_close_after_body_parse_error(c);
  if (event == PARSE_END) pass_complete_request_to_handler(c);
  return event != PARSE_MORE;
}

/* Calls on_next if the next request has begun to arrive while the current one waits for its answer.
 * Returns true if the callback has answered the current request or ended it in another way. */
static bool call_on_next_if_another_request_arrived(struct http_conn *c) {
  sio_request *r = c->req;
  if (!r->mount->on_next) return false;
  skip_blank_lines(c);
  if (c->input_len > 0) r->mount->on_next(r);
  return c->state != HTTP_UNANSWERED;
}

static bool discard_request_body(struct http_conn *c) {
  if (c->input_len == 0) return false;
  size_t used = 0;
  enum parse_event event = sio__http_parser_feed(c->parser, c->input, c->input_len, &used);
  consume_http_input(c, used);
  if (event == PARSE_BAD) sio__http_conn_close_when_sent(c);
  if (event != PARSE_END) return false;
  sio__http_conn_return_parser_to_pool(c);
  c->state = HTTP_IDLE;
  return true;
}

static bool run_http_state_step(struct http_conn *c) {
  switch (c->state) {
    case HTTP_PROXY_HEADER: return read_proxy_header_and_start_tls_or_http(c);
    case HTTP_IDLE: return begin_next_request(c);
    case HTTP_IN_HEAD: return feed_head_input_and_dispatch_if_complete(c);
    case HTTP_READY: return begin_reading_body_or_complete_request(c);
    case HTTP_IN_BODY: return feed_body_input_and_dispatch_if_complete(c);
    case HTTP_UNANSWERED: return call_on_next_if_another_request_arrived(c);
    case HTTP_DISCARD: return discard_request_body(c);
    default: return false;
  }
}

bool sio__http_conn_is_waiting_for_input(const struct http_conn *c) {
  switch (c->state) {
    case HTTP_IDLE: return c->stash.n == 0;
    case HTTP_PROXY_HEADER:
    case HTTP_IN_HEAD:
    case HTTP_IN_BODY:
    case HTTP_DISCARD: return true;
    default: return false;
  }
}

/* ---- the input ------------------------------------------------------------------------------ */

/* Keeps the input that was not consumed, or discards it if the connection is closing. If from_stash
 * is true, the input is in the stash already; otherwise it is in the loop's read buffer. Returns
 * false if memory has run out. */
static bool stash_unused_input_or_discard_if_closing(struct http_conn *c, bool from_stash) {
  if (c->state == HTTP_CLOSING) c->input_len = 0;
  if (from_stash && c->input_len > 0)
    sio__buf_remove_first_bytes(&c->stash, c->stash.n - c->input_len);
  else if (from_stash)
    sio__buf_clear(&c->stash);
  else if (sio__buf_put(&c->stash, c->input, c->input_len))
    return false;
  c->input = NULL;
  c->input_len = 0;
  return true;
}

static void pause_reading_if_stash_full_else_resume(struct http_conn *c) {
  bool full = c->stash.n >= HTTP_STASH;
  if (full && !c->conn->paused) sio__conn_pause_reading(c->conn);
  if (!full && c->conn->paused) sio__conn_resume_reading(c->conn);
}

/* Passes the stash to TLS. The stash contains bytes that arrived together with the PROXY header, or
 * that the host had read before it passed the connection to the server. */
static void feed_stashed_input_to_tls(struct http_conn *c) {
  struct buf ciphertext = c->stash;
  buf_init(&c->stash, ciphertext.max);
  sio__tls_feed_ciphertext(c->conn, ciphertext.p, ciphertext.n);
  sio__buf_clear(&ciphertext);
}

void sio__http_conn_process_input(struct http_conn *c) {
  bool from_stash = c->input == NULL;
  if (from_stash) {
    c->input = c->stash.p;
    c->input_len = c->stash.n;
  }
  c->reading = true;
  while (run_http_state_step(c)) continue;
  c->reading = false;
  if (c->state == HTTP_CLOSED) return;
  if (!stash_unused_input_or_discard_if_closing(c, from_stash)) {
    sio__http_conn_close_out_of_memory(c);
    return;
  }
  if (c->conn->eof && sio__http_conn_is_waiting_for_input(c)) {
    sio__http_conn_close_after_peer_eof(c);
    return;
  }
  pause_reading_if_stash_full_else_resume(c);
  sio__http_conn_start_timer_if_state_changed(c);
  if (c->state == HTTP_TLS && c->stash.n > 0) feed_stashed_input_to_tls(c);
}

void sio__http_conn_on_read(struct conn *conn, char *p, size_t n) {
  struct http_conn *c = conn->owner;
  if (c->state == HTTP_CLOSING) return;
  if (c->stash.n == 0) {
    c->input = p;
    c->input_len = n;
  } else if (sio__buf_put(&c->stash, p, n)) {
    sio__http_conn_close_out_of_memory(c);
    return;
  }
  sio__http_conn_process_input(c);
}
