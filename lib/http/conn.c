/* SPDX-License-Identifier: MIT
 *
 * conn.c - the life of one HTTP connection, as a state machine that is fed by pump().
 *
 *   [PROXY --> HELLO] --> IDLE --> HEAD --> HELD --> READY --> BODY --> PARKED --> IDLE ...
 *                                            \        \         \        \
 *                                             `--------`---------`--------`--> DRAIN, CLOSING, GONE
 * An answer too long for one piece is SENDING before it is IDLE or CLOSING.
 *
 * Bytes come in through pump() alone; answers may come at any time, from within a mount's
 * callback or from elsewhere. Then they only queue and change the state: what is to be read
 * next is read by the pump that runs already, or by a task at the end of the turn.
 */
#include "http/conn.h"
#include "http/head.h"
#include "http/parser.h"
#include "net/proxy.h"
#include "net/tls.h"
#include <sio/error.h>
#include <unistd.h>

enum http_state {
  HTTP_NONE,    /* no timer runs (never a connection's state)                        */
  HTTP_PROXY,   /* a trusted proxy says first for whom it speaks                     */
  HTTP_HELLO,   /* the TLS handshake is under way                                    */
  HTTP_IDLE,    /* between two requests                                              */
  HTTP_IN_HEAD, /* the first byte of a head has come                                 */
  HTTP_HELD,    /* the head is complete, its mount has not let the body in           */
  HTTP_READY,   /* it has; the body is not begun                                     */
  HTTP_IN_BODY, /* the body arrives                                                  */
  HTTP_PARKED,  /* the request is complete, its answer is owed                       */
  HTTP_SENDING, /* answered; the body is read while the peer takes it                */
  HTTP_DRAIN,   /* answered before the body was complete: the rest is dropped        */
  HTTP_CLOSING, /* the last answer is queued: then our FIN, then the peer's          */
  HTTP_GONE     /* closed, dropped or given away: freed when the turn ends           */
};

struct http_conn {
  struct http *http;
  struct conn *conn;
  sio_request *req;           /* in hand: from its first byte to its answer            */
  struct http_parser *parser; /* borrowed while a request arrives                      */
  struct http_source *source; /* the rest of the answer, in HTTP_SENDING               */
  struct via *via;            /* NULL: the peer is no proxy                            */
  const sio_tls *tls;         /* what its TLS is made with; NULL: none                 */
  char *in;                   /* what pump() has not used yet: in the stash, or just read */
  size_t nin;
  uint8_t state; /* enum http_state                                       */
  uint8_t timed; /* the state the timer was started for                   */
  bool pumping;
  bool refusing;    /* the answer under way is ours, not the mount's         */
  bool slow;        /* an answer is not taken yet, idle time does not count  */
  bool fresh;       /* no request's head was complete yet                    */
  bool last;        /* in HTTP_SENDING: the connection ends after it         */
  bool excused;     /* the state's time was given once more                  */
  struct list link; /* http->conns, or http->fresh                           */
  struct timer timer;
  struct task task; /* pump() when the turn ends                             */
  struct deferred_free deferred_free;
  struct buf stash;        /* bytes that came too early                             */
  size_t queued;           /* conn->out.bytes when the timer looked last               */
  char peer[CONN_ADDRESS]; /* the client's, which may be behind a proxy  */
};

static void pump(struct http_conn *c);

/* ---- the end of a connection ------------------------------------------------------ */

static void free_http_conn(struct deferred_free *g) {
  struct http_conn *c = container_of(g, struct http_conn, deferred_free);
  sio__buf_clear(&c->stash);
  sio__free(c->via);
  sio__free(c);
}

static void return_parser(struct http_conn *c) {
  if (c->parser) sio__pool_put(&c->http->parsers, c->parser);
  c->parser = NULL;
}

static void close_source(struct http_conn *c) {
  if (c->source) c->source->free(c->source);
  c->source = NULL;
}

/* Out of all lists and timers; the descriptor is no longer our matter. */
static void leave(struct http_conn *c) {
  struct http *h = c->http;
  c->state = HTTP_GONE;
  return_parser(c);
  close_source(c);
  sio__loop_stop_timer(h->loop, &c->timer);
  task_cancel(&c->task);
  list_remove(&c->link);
  h->nconns--;
  h->nfresh -= c->fresh;
  if (h->draining && h->nconns == 0) sio__loop_defer(h->loop, &h->emptied_task);
  sio__loop_free_later(h->loop, &c->deferred_free, free_http_conn);
}

static void close_now(struct http_conn *c) {
  if (c->state == HTTP_GONE) return;
  sio__conn_close(c->conn);
  leave(c);
}

/* What is queued leaves, then we say that nothing more will come. */
static void close_soon(struct http_conn *c) {
  if (c->conn->eof && conn_is_idle(c->conn)) {
    close_now(c);
    return;
  }
  c->state = HTTP_CLOSING;
  c->timed = HTTP_NONE;
  return_parser(c);
  sio__conn_end(c->conn);
}

/* ---- the end of a request ------------------------------------------------------------ */

/* Tells the mount that there is nobody to answer. */
static void let_go(sio_request *r, int err, const char *why) {
  struct http *h = r->http;
  r->conn = NULL;
  h->stats.aborted += !r->answered;
  r->answered = true;
  if (r->mount) r->mount->on_abort(r, err, why);
  if (!r->kept) {
    sio__request_free_later(r);
    return;
  }
  r->answered = false;
  list_push(&h->kept, &r->link);
}

static void abort_request(struct http_conn *c, int err, const char *why) {
  sio_request *r = c->req;
  c->req = NULL;
  if (r) let_go(r, err, why);
}

static void out_of_memory(struct http_conn *c) {
  LOG_RATED(c->http->log, SIO_LOG_ERROR, SIO_ROOM_HTTP, LOG_NO_MEMORY, c->peer, "%s: out of memory",
            c->peer);
  close_now(c);
  abort_request(c, UV_ENOMEM, "out of memory");
}

static enum sio_http_refusal kind_of(int status) {
  switch (status) {
    case 408: return SIO_HTTP_TIMEOUT;
    case 413: return SIO_HTTP_BODY_SIZE;
    case 431: return SIO_HTTP_HEAD_SIZE;
    default: return SIO_HTTP_MALFORMED;
  }
}

/* Answers with a bare status and closes; then the mount, if there is one, hears why. */
static void refuse(struct http_conn *c, int status, int err, const char *why) {
  sio_request *r = c->req;
  LOG_RATED(c->http->log, SIO_LOG_WARN, SIO_ROOM_HTTP, LOG_REQUEST_REFUSED, c->peer,
            "%s: refused with %d: %s", c->peer, status, why);
  c->http->stats.refused[kind_of(status)]++;
  r->keep_alive = false;
  c->refusing = true;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
  c->refusing = false;
  let_go(r, err, why);
}

/* ---- the clock ------------------------------------------------------------------------- */

static unsigned time_allowed(const struct http_conn *c) {
  const struct http_limits *l = &c->http->limits;
  switch (c->state) {
    case HTTP_IDLE: return c->slow ? l->body_ms : l->keep_alive_ms;
    case HTTP_HELLO: return l->tls_ms;
    case HTTP_PROXY:
    case HTTP_IN_HEAD: return l->head_ms;
    case HTTP_IN_BODY:
    case HTTP_SENDING:
    case HTTP_DRAIN: return l->body_ms;
    case HTTP_CLOSING: return conn_is_idle(c->conn) ? HTTP_LINGER_MS : l->body_ms;
    default: return 0;
  }
}

static void start_timer(struct http_conn *c) {
  unsigned ms = time_allowed(c);
  c->timed = c->state;
  c->queued = c->conn->out.bytes;
  if (ms > 0)
    sio__loop_start_timer(c->http->loop, &c->timer, ms);
  else
    sio__loop_stop_timer(c->http->loop, &c->timer);
}

static void set_timer(struct http_conn *c) {
  if (c->timed == c->state) return;
  c->excused = false;
  start_timer(c);
}

/* True while the peer takes what it asked for, however slowly. */
static bool still_taking(struct http_conn *c) {
  return c->conn->out.bytes > 0 && (!c->slow || c->conn->out.bytes < c->queued);
}

static void wait_for_peer(struct http_conn *c) {
  if (!still_taking(c)) {
    close_now(c);
    return;
  }
  c->slow = true;
  start_timer(c);
}

static void too_slow(struct http_conn *c, const char *why) {
  refuse(c, 408, SIO_ETIMEOUT, why);
  set_timer(c);
}

static void send_next(struct http_conn *c);

static void reject(struct http_conn *c, int cause, const char *why) {
  close_now(c);
  abort_request(c, SIO_ELIMIT, why);
  sio__addr_limits_report_refusal(c->http->addr_limits, cause, c->peer, why);
}

static void on_timer(struct timer *t) {
  struct http_conn *c = container_of(t, struct http_conn, timer);
  if (loop_extends_deadline(c->http->loop, c->excused)) {
    c->excused = true;
    start_timer(c);
    return;
  }
  switch (c->state) {
    case HTTP_PROXY: reject(c, SIO_REJECT_PROXY, "no PROXY header in time"); return;
    case HTTP_HELLO: sio__tls_handshake_timeout(c->conn); return;
    case HTTP_IDLE:
    case HTTP_CLOSING: wait_for_peer(c); return;
    case HTTP_SENDING:
      if (conn_is_idle(c->conn))
        send_next(c);
      else
        wait_for_peer(c);
      return;
    case HTTP_IN_HEAD: too_slow(c, "head timed out"); return;
    case HTTP_IN_BODY: too_slow(c, "body timed out"); return;
    case HTTP_DRAIN:
      close_soon(c);
      if (c->state != HTTP_GONE) set_timer(c);
      return;
  }
}

/* ---- states: each uses some of c->in and says whether another step makes sense ---------- */

static void use(struct http_conn *c, size_t n) {
  c->in += n;
  c->nin -= n;
}

static const char *cause_text(int cause) {
  return cause == SIO_REJECT_OPEN ? "as many connections as max_per_address are open"
                                  : "it connects faster than connects_per_s";
}

/* The connection is this client's from now on, unless it has too many. */
static bool count_client(struct http_conn *c, const struct addr *a) {
  int cause;
  struct addr_record *v;
  bool welcome = sio__addr_limits_admit(c->http->addr_limits, a, ADDR_CONNS, &v, &cause) == 0;
  if (v) conn_set_addr_record(c->conn, v);
  if (welcome) return true;
  reject(c, cause, cause_text(cause));
  return false;
}

/* Whose handshake it is. A proxy that does not say for whom it connects answers for nobody. */
static const char *tls_client(const struct http_conn *c) {
  return c->via && !c->http->proxies.header ? "" : c->peer;
}

/* What comes next is TLS, or the first request; the latter within the time that runs already. */
static bool begin_to_listen(struct http_conn *c) {
  c->state = c->tls ? HTTP_HELLO : HTTP_IDLE;
  if (!c->tls) c->timed = HTTP_IDLE;
  if (!c->tls || sio__tls_start(c->conn, c->tls, tls_client(c)) == 0) return true;
  out_of_memory(c);
  return false;
}

/* The time for it and for the first head is one. */
static bool proxy_step(struct http_conn *c) {
  struct proxied p;
  const char *why;
  int n = sio__proxy_read(c->in, c->nin, &p, &why);
  if (n < 0) reject(c, SIO_REJECT_PROXY, why);
  if (n <= 0) return false;
  use(c, (size_t)n);
  sio__proxy_info_set_header(c->via, &p, c->http->proxies.trusted);
  memcpy(c->peer, c->via->own, sizeof c->peer);
  return count_client(c, &p.from) && begin_to_listen(c);
}

static void skip_blank_lines(struct http_conn *c) {
  while (c->nin > 0 && (*c->in == '\r' || *c->in == '\n')) use(c, 1);
}

static bool idle_step(struct http_conn *c) {
  struct http *h = c->http;
  skip_blank_lines(c);
  if (c->nin == 0 || c->conn->out.bytes >= HTTP_BACKLOG) return false;
  c->req = sio__request_new(h);
  c->parser = sio__pool_get(&h->parsers);
  h->stats.requests += c->req != NULL;
  if (!c->req || !c->parser) {
    out_of_memory(c);
    return false;
  }
  c->req->conn = c;
  if (c->via) memcpy(c->peer, c->via->own, sizeof c->peer);
  sio__http_parser_init(c->parser);
  c->state = HTTP_IN_HEAD;
  c->timed = HTTP_NONE;
  return true;
}

static void no_longer_fresh(struct http_conn *c) {
  c->fresh = false;
  c->http->nfresh--;
  list_remove(&c->link);
  list_push(&c->http->conns, &c->link);
}

/* The head is read and sound: whose is it? */
static void offer(struct http_conn *c) {
  sio_request *r = c->req;
  if (c->fresh) no_longer_fresh(c);
  if (c->via) sio__proxy_info_read_request(c->via, r, &c->http->proxies, c->peer);
  LOG(c->http->log, SIO_LOG_DEBUG, SIO_ROOM_HTTP, "%s: %.*s %.*s", c->peer,
      LOG_SLICE(r->method_text), LOG_SLICE(r->path));
  r->max_body = c->http->limits.max_body;
  r->mount = c->http->route(c->http, r);
  c->state = HTTP_HELD;
  bool go_on = r->mount->on_head(r);
  if (c->req != r || r->answered) return;
  if (!r->upgrade && r->content_length > r->max_body)
    refuse(c, 413, SIO_ETOOBIG, "Content-Length over the limit");
  else if (go_on && c->state == HTTP_HELD)
    c->state = HTTP_READY;
}

static void head_complete(struct http_conn *c) {
  const char *why;
  int status = sio__head_parse(c->req, c->http->limits.max_headers, &why);
  if (status)
    refuse(c, status, SIO_EPROTO, why);
  else
    offer(c);
}

/* Its first byte is that of a TLS record that begins a handshake. */
static const char *misread(struct http_conn *c, bool hello) {
  c->http->stats.hellos += hello;
  return hello ? "a TLS hello where plain HTTP is spoken" : sio__http_parser_detail(c->parser);
}

static bool head_step(struct http_conn *c) {
  if (c->nin == 0) return false;
  struct buf *head = &c->req->head;
  bool hello = head->n == 0 && *c->in == 22;
  size_t room = c->http->limits.max_head - head->n, n = c->nin < room ? c->nin : room, used = 0;
  enum parse_event event = sio__http_parser_feed(c->parser, c->in, n, &used);
  if (event != PARSE_BAD && sio__buf_put(head, c->in, used)) {
    out_of_memory(c);
    return false;
  }
  use(c, used);
  if (event == PARSE_BAD)
    refuse(c, sio__http_parser_status(c->parser), SIO_EPROTO, misread(c, hello));
  else if (event == PARSE_HEAD)
    head_complete(c);
  else if (head->n == c->http->limits.max_head)
    refuse(c, 431, SIO_ETOOBIG, "head over the limit");
  return true;
}

static void complete(struct http_conn *c) {
  sio_request *r = c->req;
  return_parser(c);
  c->state = HTTP_PARKED;
  r->mount->on_request(r);
}

static bool send_continue(struct http_conn *c) {
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  struct msg *m = sio__msg_copy(&c->http->loop->msgs, line, sizeof line - 1);
  int err = m ? conn_send_text(c->conn, m) : UV_ENOMEM;
  msg_unref(m);
  if (err) out_of_memory(c);
  return !err;
}

static size_t framing_left(const struct http_conn *c, const sio_request *r) {
  return c->http->limits.max_head - r->head.n;
}

static bool ready_step(struct http_conn *c) {
  sio_request *r = c->req;
  if (!r->has_body || r->upgrade) {
    complete(c);
    return true;
  }
  if (r->expects && c->nin == 0 && !send_continue(c)) return false;
  r->expects = false;
  sio__http_parser_begin_body(c->parser, &r->body, r->max_body, framing_left(c, r));
  c->state = HTTP_IN_BODY;
  c->timed = HTTP_NONE;
  return true;
}

static void body_failed(struct http_conn *c) {
  int err = sio__http_parser_error(c->parser);
  const char *why = sio__http_parser_detail(c->parser);
  if (err == UV_ENOMEM)
    out_of_memory(c);
  else
    refuse(c, sio__http_parser_status(c->parser), err, why);
}

/* The next request waits for the answer to this one. */
static bool parked_step(struct http_conn *c) {
  sio_request *r = c->req;
  if (!r->mount->on_next) return false;
  skip_blank_lines(c);
  if (c->nin > 0) r->mount->on_next(r);
  return c->state != HTTP_PARKED;
}

static bool body_step(struct http_conn *c) {
  if (c->nin == 0) return false;
  size_t used = 0;
  enum parse_event event = sio__http_parser_feed(c->parser, c->in, c->nin, &used);
  use(c, used);
  if (event == PARSE_BAD) body_failed(c);
  if (event == PARSE_END) complete(c);
  return event != PARSE_MORE;
}

static bool drain_step(struct http_conn *c) {
  if (c->nin == 0) return false;
  size_t used = 0;
  enum parse_event event = sio__http_parser_feed(c->parser, c->in, c->nin, &used);
  use(c, used);
  if (event == PARSE_BAD) close_soon(c);
  if (event != PARSE_END) return false;
  return_parser(c);
  c->state = HTTP_IDLE;
  return true;
}

static bool step(struct http_conn *c) {
  switch (c->state) {
    case HTTP_PROXY: return proxy_step(c);
    case HTTP_IDLE: return idle_step(c);
    case HTTP_IN_HEAD: return head_step(c);
    case HTTP_READY: return ready_step(c);
    case HTTP_IN_BODY: return body_step(c);
    case HTTP_PARKED: return parked_step(c);
    case HTTP_DRAIN: return drain_step(c);
    default: return false;
  }
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Keeps what was not used for later. `in` is the stash itself or the loop's buffer. */
static bool keep_rest(struct http_conn *c, bool from_stash) {
  if (c->state == HTTP_CLOSING) c->nin = 0;
  if (from_stash && c->nin > 0)
    sio__buf_shift(&c->stash, c->stash.n - c->nin);
  else if (from_stash)
    sio__buf_clear(&c->stash);
  else if (sio__buf_put(&c->stash, c->in, c->nin))
    return false;
  c->in = NULL;
  c->nin = 0;
  return true;
}

static void set_reading(struct http_conn *c) {
  bool full = c->stash.n >= HTTP_STASH;
  if (full && !c->conn->paused) sio__conn_pause(c->conn);
  if (!full && c->conn->paused) sio__conn_resume(c->conn);
}

/* What came with a PROXY header, or was read by the host, is TLS's. */
static void feed_stash(struct http_conn *c) {
  struct buf cipher = c->stash;
  buf_init(&c->stash, cipher.max);
  sio__tls_feed(c->conn, cipher.p, cipher.n);
  sio__buf_clear(&cipher);
}

/* ---- a peer that sends no more --------------------------------------------------------------- */

/* It waits for bytes that will not come. */
static bool is_starved(const struct http_conn *c) {
  switch (c->state) {
    case HTTP_IDLE: return c->stash.n == 0;
    case HTTP_PROXY:
    case HTTP_IN_HEAD:
    case HTTP_IN_BODY:
    case HTTP_DRAIN: return true;
    default: return false;
  }
}

static void give_up(struct http_conn *c) {
  sio_request *r = c->req;
  c->req = NULL;
  close_soon(c);
  if (r) let_go(r, UV_ECONNABORTED, "the peer closed the connection");
  if (c->state != HTTP_GONE) set_timer(c);
}

/* The request is here, or as much of it as its mount has let in. */
static bool is_asking(const struct http_conn *c) {
  bool whole = c->state == HTTP_HELD || c->state == HTTP_READY || c->state == HTTP_PARKED;
  return whole && !c->req->upgrade;
}

/* A FIN says that the peer has sent all, and maybe that it is gone: who half-closes waits for an
 * answer (RFC 9112 section 9.6). One that is gone resets the connection when it is sent something,
 * which shows as on_failed(). So it is sent what the other kind ignores, a 100 (RFC 9110 section
 * 15.2.1). HTTP/1.0 has none: there only those wait to whom it makes no difference. */
static void wait_for_answer(struct http_conn *c) {
  if (c->req->minor > 0)
    send_continue(c);
  else if (!c->req->kept)
    give_up(c);
}

static void on_eof(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (is_asking(c))
    wait_for_answer(c);
  else if (c->state != HTTP_SENDING && (c->state != HTTP_IDLE || c->stash.n == 0))
    give_up(c);
}

/* ---- feeding it ------------------------------------------------------------------------------ */

static void pump(struct http_conn *c) {
  bool from_stash = c->in == NULL;
  if (from_stash) {
    c->in = c->stash.p;
    c->nin = c->stash.n;
  }
  c->pumping = true;
  while (step(c)) continue;
  c->pumping = false;
  if (c->state == HTTP_GONE) return;
  if (!keep_rest(c, from_stash)) {
    out_of_memory(c);
    return;
  }
  if (c->conn->eof && is_starved(c)) {
    give_up(c);
    return;
  }
  set_reading(c);
  set_timer(c);
  if (c->state == HTTP_HELLO && c->stash.n > 0) feed_stash(c);
}

static void on_task(struct task *t) { pump(container_of(t, struct http_conn, task)); }

static void on_read(struct conn *conn, char *p, size_t n) {
  struct http_conn *c = conn->owner;
  if (c->state == HTTP_CLOSING) return;
  if (c->stash.n == 0) {
    c->in = p;
    c->nin = n;
  } else if (sio__buf_put(&c->stash, p, n)) {
    out_of_memory(c);
    return;
  }
  pump(c);
}

static void on_failed(struct conn *conn, int err) {
  struct http_conn *c = conn->owner;
  leave(c);
  if (conn->eof)
    abort_request(c, UV_ECONNABORTED, "the peer closed the connection");
  else
    abort_request(c, err, sio_strerror(err));
}

static void on_drained(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (c->state == HTTP_CLOSING && conn->eof) {
    close_now(c);
    return;
  }
  if (c->state == HTTP_SENDING) {
    /* In the next turn, so that one fast peer does not keep the loop to itself. */
    c->slow = false;
    sio__loop_start_timer(c->http->loop, &c->timer, 0);
    return;
  }
  if ((c->slow && c->state == HTTP_IDLE) || c->state == HTTP_CLOSING) {
    c->slow = false;
    start_timer(c);
  }
  if (c->state == HTTP_IDLE && c->stash.n > 0) sio__loop_defer(c->http->loop, &c->task);
}

/* The first request's head is waited for as long as on a plain connection. */
static void on_secured(struct conn *conn) {
  struct http_conn *c = conn->owner;
  if (c->state != HTTP_HELLO) return;
  c->state = c->timed = HTTP_IDLE;
  sio__loop_start_timer(c->http->loop, &c->timer, c->http->limits.head_ms);
}

static void on_refused(struct conn *conn, const char *why) {
  struct http_conn *c = conn->owner;
  sio__addr_limits_report_refusal(c->http->addr_limits, SIO_REJECT_TLS, c->peer, why);
  close_soon(c);
  if (c->state != HTTP_GONE) set_timer(c);
}

static const struct conn_ops ops = { .read = on_read,
                                     .eof = on_eof,
                                     .failed = on_failed,
                                     .drained = on_drained,
                                     .secured = on_secured,
                                     .refused = on_refused };

/* ---- for respond.c ------------------------------------------------------------------------- */

static bool body_pending(const sio_request *r) {
  return r->has_body && r->conn->state != HTTP_PARKED;
}

/* No request can come behind this one. */
static bool has_heard_all(const struct http_conn *c) {
  return c->conn->eof && (c->pumping ? c->nin : c->stash.n) == 0;
}

bool sio__http_keeps(const sio_request *r) {
  const struct http_conn *c = r->conn;
  if (!r->keep_alive || r->upgrade || c->http->draining || has_heard_all(c)) return false;
  if (!body_pending(r)) return true;
  /* One that expects a 100 may or may not send its body now: nobody could tell. */
  return !r->expects && r->content_length <= r->max_body;
}

/* The rest of the body may come, and is not wanted. */
static void start_drain(struct http_conn *c, const sio_request *r) {
  if (c->state == HTTP_IN_BODY)
    sio__http_parser_discard_body(c->parser);
  else
    sio__http_parser_begin_body(c->parser, NULL, r->max_body, framing_left(c, r));
  c->state = HTTP_DRAIN;
}

static void start_sending(struct http_conn *c, bool keep) {
  return_parser(c);
  c->state = HTTP_SENDING;
  c->last = !keep;
}

static void move_on(struct http_conn *c, sio_request *r, bool keep) {
  bool pending = body_pending(r);
  c->req = NULL;
  c->slow = false;
  c->timed = HTTP_NONE;
  if (c->source) {
    start_sending(c, keep);
  } else if (!keep) {
    close_soon(c);
  } else if (pending) {
    start_drain(c, r);
  } else {
    return_parser(c);
    c->state = HTTP_IDLE;
  }
  if (c->pumping || c->state == HTTP_GONE) return;
  set_timer(c);
  if (c->stash.n > 0) sio__loop_defer(c->http->loop, &c->task);
}

/* A WebSocket handshake that is answered with anything but a 101 is refused, wherever that was
 * decided. */
static void note_refused_handshake(struct http_conn *c, const sio_request *r, int status) {
  struct http *h = c->http;
  const char *why = r->why ? r->why : "";
  h->stats.handshakes_refused++;
  if (r->why && !*why) return;
  LOG_RATED(h->log, SIO_LOG_WARN, SIO_ROOM_HTTP, LOG_WS_REFUSED, c->peer,
            "%s: a WebSocket on %.*s is refused with %d%s%s", c->peer, LOG_SLICE(r->path), status,
            *why ? ": " : "", why);
}

int sio__http_answered(sio_request *r, struct msg *head, struct msg *body, int status, bool keep) {
  struct http_conn *c = r->conn;
  int err = conn_send_text(c->conn, head);
  if (!err && body) err = conn_send_text(c->conn, body);
  msg_unref(head);
  msg_unref(body);
  if (err) {
    sio__http_failed(r, err);
    return err;
  }
  r->answered = true;
  c->http->stats.answers[status / 100 - 1]++;
  if (r->upgrade && !c->refusing) note_refused_handshake(c, r, status);
  move_on(c, r, keep);
  if (!c->refusing) sio__request_finish(r);
  return 0;
}

void sio__http_failed(sio_request *r, int err) {
  struct http_conn *c = r->conn;
  LOG_RATED(c->http->log, SIO_LOG_ERROR, SIO_ROOM_HTTP, LOG_NO_MEMORY, c->peer, "%s: no answer: %s",
            c->peer, sio_strerror(err));
  r->answered = true;
  c->http->stats.aborted++;
  c->req = NULL;
  close_now(c);
  if (!c->refusing) sio__request_finish(r);
}

/* ---- answers in pieces ----------------------------------------------------------------------- */

/* Such an answer is the connection's last if the request's body may still come: nobody reads it. */
void sio__http_source(sio_request *r, struct http_source *src) {
  if (body_pending(r)) r->keep_alive = false;
  r->conn->source = src;
}

int sio__http_piece(struct loop *l, struct http_source *src, struct msg **out) {
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

static int queue_piece(struct http_conn *c) {
  struct msg *m;
  int err = sio__http_piece(c->http->loop, c->source, &m);
  if (err) return err;
  err = conn_send_text(c->conn, m);
  msg_unref(m);
  return err;
}

static void sending_done(struct http_conn *c) {
  close_source(c);
  c->timed = HTTP_NONE;
  if (c->last || has_heard_all(c) || c->http->draining)
    close_soon(c);
  else
    c->state = HTTP_IDLE;
  if (c->state != HTTP_GONE) set_timer(c);
  if (c->state == HTTP_IDLE && c->stash.n > 0) sio__loop_defer(c->http->loop, &c->task);
}

static void send_next(struct http_conn *c) {
  int err = queue_piece(c);
  if (err) {
    LOG_RATED(c->http->log, SIO_LOG_ERROR, SIO_ROOM_HTTP, LOG_ANSWER_CUT, c->peer,
              "%s: the answer ends too early: %s", c->peer,
              err == UV_EOF ? "the file has changed" : sio_strerror(err));
    close_now(c);
  } else if (c->source->left == 0) {
    sending_done(c);
  } else {
    start_timer(c);
  }
}

/* ---- a request's own connection ------------------------------------------------------------ */

const char *sio__request_client_address(const sio_request *r) {
  return r->conn ? r->conn->peer : "";
}

const char *sio__request_direct_address(const sio_request *r) {
  return r->conn && r->conn->via ? r->conn->via->direct : sio__request_client_address(r);
}

bool sio__request_is_secure(const sio_request *r) {
  const struct http_conn *c = r->conn;
  return c && (c->conn->secure || (c->via && c->via->secure));
}

struct tls_info *sio__request_tls_info(const sio_request *r) {
  return r->conn ? sio__tls_info(r->conn->conn) : NULL;
}

void sio__request_continue(sio_request *r) {
  struct http_conn *c = r->conn;
  if (!c || c->state != HTTP_HELD) return;
  c->state = HTTP_READY;
  if (!c->pumping) sio__loop_defer(c->http->loop, &c->task);
}

void sio__request_drop(sio_request *r) {
  struct http_conn *c = r->conn;
  if (r->answered) return;
  r->answered = true;
  if (c) {
    c->http->stats.aborted++;
    c->req = NULL;
    close_now(c);
  }
  sio__request_free_later(r);
}

struct conn *sio__request_detach(sio_request *r, sio_slice *rest) {
  struct http_conn *c = r->conn;
  *rest = slice(NULL, 0);
  if (!c || r->answered) return NULL;
  *rest = c->pumping ? slice(c->in, c->nin) : slice(c->stash.p, c->stash.n);
  if (c->conn->paused) sio__conn_resume(c->conn);
  r->answered = true;
  c->http->stats.answers[0]++;
  c->req = NULL;
  sio__conn_clear_owner(c->conn);
  leave(c);
  sio__request_free_later(r);
  return c->conn;
}

/* ---- all of them --------------------------------------------------------------------------- */

static void on_emptied(struct task *t) {
  struct http *h = container_of(t, struct http, emptied_task);
  if (h->nconns == 0 && h->emptied) h->emptied(h);
}

void sio__http_init(struct http *h, struct loop *l, struct log *log,
                    const struct http_limits *limits) {
  *h = (struct http){ .loop = l, .log = log, .limits = *limits };
  list_init(&h->conns);
  list_init(&h->fresh);
  list_init(&h->kept);
  list_init(&h->spare);
  sio__pool_init(&h->parsers, sio__http_parser_size(), 64);
  task_init(&h->emptied_task, on_emptied);
}

/* Room for one more that has not asked for anything yet. Who waits longest goes: a flood of silent
 * connections then shortens the time for a head, and keeps nobody out. */
static void make_room(struct http *h) {
  if (!h->limits.max_pending || h->nfresh < h->limits.max_pending) return;
  reject(container_of(list_first(&h->fresh), struct http_conn, link), SIO_REJECT_PENDING,
         "max_pending connections have not asked for anything: the oldest made room");
}

/* A connection of a trusted proxy is not the proxy's. */
static int admit(struct http *h, int fd, struct addr_record **addr_record, bool *proxied) {
  int cause;
  char text[ADDR_TEXT];
  struct addr a = sio__addr_of_peer(fd);
  *proxied = sio__addr_set_has(&h->addr_limits->trusted, &a);
  if (*proxied || sio__addr_limits_admit(h->addr_limits, &a, ADDR_CONNS, addr_record, &cause) == 0)
    return 0;
  sio__addr_limits_report_refusal(h->addr_limits, cause, sio__addr_text(&a, text),
                                  cause_text(cause));
  return SIO_ELIMIT;
}

static enum conn_kind kind_for(const struct http *h, const sio_tls *tls) {
  if (tls) return CONN_TLS;
  return h->addr_limits && addr_limits_active(h->addr_limits) ? CONN_COUNTED : CONN_PLAIN;
}

static int http_conn_new(struct http_conn **out, struct http *h, int fd, bool proxied,
                         const sio_tls *tls) {
  struct http_conn *c = *out = sio__calloc(1, sizeof *c);
  if (!c) {
    close(fd);
    return UV_ENOMEM;
  }
  int err = sio__conn_new_kind(&c->conn, h->loop, fd, &ops, c, kind_for(h, tls));
  if (err) {
    sio__free(c);
    return err;
  }
  c->tls = tls;
  sio__conn_address(c->conn, c->peer);
  if (!proxied || (c->via = sio__proxy_info_new(c->peer, !h->proxies.header))) return 0;
  sio__conn_close(c->conn);
  sio__free(c);
  return UV_ENOMEM;
}

static void join(struct http_conn *c, struct http *h) {
  c->http = h;
  buf_init(&c->stash, HTTP_STASH + NET_RBUF);
  timer_init(&c->timer, on_timer);
  task_init(&c->task, on_task);
  c->fresh = true;
  list_push(&h->fresh, &c->link);
  h->nfresh++;
  h->nconns++;
  LOG(h->log, SIO_LOG_DEBUG, SIO_ROOM_NET, "%s: connected", c->peer);
}

static int begin(struct http_conn *c) {
  struct http *h = c->http;
  c->state = c->timed = HTTP_PROXY;
  /* The first request's head is waited for longer than the next one's. */
  sio__loop_start_timer(h->loop, &c->timer, h->limits.head_ms);
  if (c->via && h->proxies.header) return 0;
  if (!begin_to_listen(c)) return UV_ENOMEM;
  set_timer(c);
  return 0;
}

int sio__http_serve(struct http *h, int fd, const sio_tls *tls) {
  struct http_conn *c;
  struct addr_record *addr_record = NULL;
  bool proxied = false;
  int err = h->addr_limits && addr_limits_need_address(h->addr_limits)
                ? admit(h, fd, &addr_record, &proxied)
                : 0;
  if (err) {
    close(fd);
    return err;
  }
  make_room(h);
  err = http_conn_new(&c, h, fd, proxied, tls);
  if (err) {
    sio__addr_record_release(addr_record, ADDR_CONNS);
    return err;
  }
  if (addr_record) conn_set_addr_record(c->conn, addr_record);
  join(c, h);
  return begin(c);
}

int sio__http_feed_newest(struct http *h, sio_slice read) {
  struct http_conn *c = container_of(h->fresh.prev, struct http_conn, link);
  int err = sio__buf_put(&c->stash, read.p, read.n);
  if (err)
    close_now(c);
  else
    sio__loop_defer(h->loop, &c->task);
  return err;
}

static void drain_all(struct list *conns) {
  list_each (it, next, conns) {
    struct http_conn *c = container_of(it, struct http_conn, link);
    if (c->state > HTTP_IDLE && c->state != HTTP_DRAIN) continue;
    close_soon(c);
    if (c->state != HTTP_GONE) set_timer(c);
  }
}

void sio__http_drain(struct http *h) {
  h->draining = true;
  drain_all(&h->fresh);
  drain_all(&h->conns);
  if (h->nconns == 0) sio__loop_defer(h->loop, &h->emptied_task);
}

static void close_all(struct list *conns) {
  struct list *it;
  while ((it = list_first(conns))) {
    struct http_conn *c = container_of(it, struct http_conn, link);
    close_now(c);
    abort_request(c, UV_ECANCELED, "server shutting down");
  }
}

void sio__http_close(struct http *h) {
  close_all(&h->fresh);
  close_all(&h->conns);
}

void sio__http_clear(struct http *h) {
  struct list *it;
  while ((it = list_first(&h->kept)))
    sio__request_outlive_server(container_of(it, sio_request, link));
  while ((it = list_first(&h->spare))) sio__request_free(container_of(it, sio_request, link));
  sio__pool_clear(&h->parsers);
}
