/* SPDX-License-Identifier: MIT
 *
 * conn.c - from the connection's events to messages, and the closing handshake.
 *
 * The owner is told as soon as no message can come any more. The rest needs no owner: whatever
 * ends a WebSocket ends in finish(), which only the loop reaches, by the peer's FIN once
 * all is sent, by a broken stream, or by the timer.
 */
#include "ws/conn.h"

#include <sio/error.h>

enum state {
  OPEN,    /* messages go both ways                                                  */
  CLOSING, /* our close frame is sent, the peer's awaited                            */
  ENDING,  /* nothing more to say: FIN goes behind what is queued, the peer's awaited */
  CLOSED   /* the stream is closed; freed at the end of the turn                     */
};

/* Pings that come faster than the peer reads: so many are answered, then the newest only. */
enum { PONGS_MAX = 16 };
enum { REASON_MAX = 123 };

/* Freed when all of it is handled, or with the connection. */
struct ws_rest {
  struct ws_conn *ws;
  struct task task; /* handles it, outside the call that lets reading go on */
  size_t n;
  char bytes[];
};

static struct ws_conn *of_recv(struct ws_recv *r) { return container_of(r, struct ws_conn, recv); }

/* ---- without an owner ---- */

static void ignore_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  (void)w, (void)binary, (void)p, (void)n;
}

static void ignore_closed(struct ws_conn *w, void *owner, const struct ws_close *why) {
  (void)w, (void)owner, (void)why;
}

const struct ws_conn_ops sio__ws_abandoned_ops = { .message = ignore_message,
                                                   .closed = ignore_closed };

static const char *kept_address(const struct ws_conn *w) { return w->owner; }

/* The same, where `owner` is a copy of the owner's address. */
static const struct ws_conn_ops kept_ops = { .message = ignore_message,
                                             .closed = ignore_closed,
                                             .address = kept_address };

static bool is_abandoned(const struct ws_conn *w) {
  return w->ops == &sio__ws_abandoned_ops || w->ops == &kept_ops;
}

/* Without memory for the copy the log says who connected. */
void sio__ws_abandon(struct ws_conn *w) {
  if (is_abandoned(w)) return;
  const char *from = w->ops->address && w->state != CLOSED ? w->ops->address(w) : NULL;
  w->owner = from ? sio__strndup(from, strlen(from)) : NULL;
  w->ops = w->owner ? &kept_ops : &sio__ws_abandoned_ops;
}

/* ---- the end ---- */

static void free_ws(struct deferred_free *g) {
  struct ws_conn *w = container_of(g, struct ws_conn, deferred_free);
  if (w->ops == &kept_ops) sio__free(w->owner);
  sio__free(w->reason);
  sio__free(w);
}

static unsigned final_code(const struct ws_conn *w) {
  if (w->code_got) return w->code_got;
  return w->code_sent ? w->code_sent : 1006;
}

static enum sio_ws_close family_of(unsigned code) {
  if (code >= 3000) return SIO_WS_CLOSE_APPLICATION;
  if (code == 1006) return SIO_WS_CLOSE_ABNORMAL;
  return code == 1000 || code == 1001 || code == 1005 ? SIO_WS_CLOSE_NORMAL : SIO_WS_CLOSE_ERROR;
}

static const char *whose(const struct ws_conn *w, char room[CONN_ADDRESS]) {
  return w->ops->address ? w->ops->address(w) : sio__conn_address(w->conn, room);
}

static void log_lost(const struct ws_conn *w) {
  const char *who = w->conn->queued ? whose(w, (char[CONN_ADDRESS]){ "" }) : "";
  if (w->conn->queued)
    LOG_RATED(w->shared->log, w->err ? SIO_LOG_WARN : SIO_LOG_INFO, SIO_ROOM_WS, LOG_NOT_READING,
              who, "%s: closed, and %zu bytes that waited for it are lost", who, w->conn->queued);
}

static void drop_rest(struct ws_conn *w) {
  if (!w->rest) return;
  task_cancel(&w->rest->task);
  sio__free(w->rest);
  w->rest = NULL;
}

static void let_go(struct ws_conn *w) {
  struct loop *l = w->shared->loop;
  w->shared->stats.closed[family_of(final_code(w))]++;
  w->state = CLOSED;
  log_lost(w); /* the host hears it, and may do anything but close it again */
  sio__loop_untimer(l, &w->timer);
  sio__ws_recv_clear(&w->recv);
  drop_rest(w);
  msg_unref(w->pong);
  w->pong = NULL;
  sio__conn_close(w->conn);
  w->conn = NULL;
  sio__loop_free_later(l, &w->deferred_free, free_ws);
}

/* The reason that is known first counts. */
static void blame(struct ws_conn *w, int err, const char *detail) {
  if (w->detail) return;
  w->err = err;
  w->detail = detail;
}

/* The owner may be freed from here on, while w may have bytes to send: it forgets its owner. */
static void tell(struct ws_conn *w) {
  const struct ws_conn_ops *ops = w->ops;
  void *owner = w->owner;
  if (is_abandoned(w)) return;
  sio__ws_abandon(w);
  ops->closed(w, owner,
              &(struct ws_close){ .code = final_code(w),
                                  .err = w->err,
                                  .by_peer = w->by_peer,
                                  .detail = w->detail,
                                  .reason = w->reason ? w->reason : "",
                                  .reason_len = w->reason_len });
}

static void finish(struct ws_conn *w, int err, const char *detail) {
  blame(w, err, detail);
  let_go(w);
  tell(w);
}

static void start_timer(struct ws_conn *w) {
  if (!timer_active(&w->timer)) sio__loop_timer(w->shared->loop, &w->timer, w->shared->close_ms);
}

static void read_on(struct ws_conn *w) {
  w->recv.stop = false;
  if (w->rest)
    sio__loop_defer(w->shared->loop, &w->rest->task);
  else
    sio__conn_resume(w->conn);
}

/* A paused connection would never show the peer's half of the close. */
static void start_ending(struct ws_conn *w) {
  w->state = ENDING;
  sio__conn_end(w->conn);
  read_on(w);
  start_timer(w);
}

/* From the loop, or while feeding. */
static void end_and_tell(struct ws_conn *w) {
  start_ending(w);
  tell(w);
}

/* All has left, and nothing can come any more: after the close frames of both it is the server
 * who ends the stream, at once (RFC 6455, 7.1.1). */
static void let_go_if_done(struct ws_conn *w) {
  if (w->state == ENDING && conn_idle(w->conn) && (w->eof || w->code_got)) let_go(w);
}

/* ---- close frames ---- */

/* How much of s fits into a close frame, cut between characters. */
static size_t reason_fit(const char *s) {
  size_t len = strlen(s), n = 0, step;
  while ((step = sio__utf8_step(s + n, len - n)) && n + step <= REASON_MAX) n += step;
  return n;
}

static int queue(struct ws_conn *w, struct msg *m) {
  if (!m) return UV_ENOMEM;
  int err = sio__conn_send(w->conn, m, ws_wire_off(m), ws_wire_len(m));
  msg_unref(m);
  return err;
}

static int send_close(struct ws_conn *w, unsigned code, const char *reason) {
  char payload[2 + REASON_MAX];
  size_t n = 0;
  if (!reason) reason = "";
  if (sio__ws_code_valid(code)) {
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    n = reason_fit(reason);
    memcpy(payload + 2, reason, n);
    n += 2;
  }
  int err = queue(w, sio__ws_control(&w->shared->loop->msgs, WS_CLOSE, payload, n));
  if (!err) w->code_sent = (uint16_t)(n ? code : 1005);
  return err;
}

void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason) {
  if (w->state != OPEN) return;
  int err = send_close(w, code, reason);
  if (err) {
    blame(w, err, "no memory for a close frame");
    start_ending(w);
    return;
  }
  w->state = CLOSING;
  read_on(w);
  start_timer(w);
}

void sio__ws_drop(struct ws_conn *w) {
  if (w->state != CLOSED) let_go(w);
  sio__ws_abandon(w);
}

/* Our reason to end it. Without memory for the close frame there is just a FIN. */
static void break_off(struct ws_conn *w, unsigned code, int err, const char *detail) {
  blame(w, err, detail);
  if (w->state == OPEN) send_close(w, code, NULL);
  start_ending(w);
  const char *who = whose(w, (char[CONN_ADDRESS]){ "" });
  LOG_RATED(w->shared->log, SIO_LOG_WARN, SIO_ROOM_WS, LOG_WS_BROKEN, who, "%s: closed with %u, %s",
            who, code, detail);
  if (w->state != CLOSED) tell(w);
}

/* ---- what the receiving half finds ---- */

static bool on_message(struct ws_recv *r, bool binary, char *p, size_t n) {
  struct ws_conn *w = of_recv(r);
  w->shared->stats.messages_in++;
  if (w->state == OPEN) w->ops->message(w, binary, p, n);
  return w->state != CLOSED;
}

static void queue_pong(struct ws_conn *w, struct msg *m) {
  w->pongs++;
  if (queue(w, m) != 0) break_off(w, 1011, UV_ENOMEM, "out of memory");
}

static struct msg *take_pong(struct ws_conn *w) {
  struct msg *m = w->pong;
  w->pong = NULL;
  return m;
}

static bool on_ping(struct ws_recv *r, const char *p, size_t n) {
  struct ws_conn *w = of_recv(r);
  if (w->state != OPEN) return true;
  struct msg *m = sio__ws_control(&w->shared->loop->msgs, WS_PONG, p, n);
  if (w->pongs < PONGS_MAX || !m) {
    queue_pong(w, m);
  } else {
    msg_unref(w->pong);
    w->pong = m;
  }
  if (w->state == OPEN && w->ops->came) w->ops->came(w, 0, 1);
  return w->state != CLOSED;
}

static bool on_pong(struct ws_recv *r, const char *p, size_t n) {
  (void)r;
  (void)p;
  (void)n;
  return true;
}

static void on_close(struct ws_recv *r, unsigned code, const char *reason, size_t n) {
  struct ws_conn *w = of_recv(r);
  w->code_got = (uint16_t)code;
  if (n) w->reason = sio__strndup(reason, n);
  if (w->reason) w->reason_len = (uint8_t)n;
  if (w->state == OPEN) {
    w->by_peer = true;
    send_close(w, code, NULL);
  }
  blame(w, 0, w->by_peer ? "closed by the peer" : "closed");
  end_and_tell(w);
  let_go_if_done(w);
}

static int err_of(unsigned code) {
  if (code == 1011) return UV_ENOMEM;
  return code == 1008 || code == 1009 ? SIO_ETOOBIG : SIO_EPROTO;
}

static void on_fail(struct ws_recv *r, unsigned code, const char *detail) {
  break_off(of_recv(r), code, err_of(code), detail);
}

static bool on_inflated(struct ws_recv *r, size_t more) {
  struct ws_conn *w = of_recv(r);
  if (w->state == OPEN && w->ops->came) w->ops->came(w, more, 0);
  return w->state != CLOSED;
}

const struct ws_recv_ops sio__ws_conn_recv_ops = { .message = on_message,
                                                   .ping = on_ping,
                                                   .pong = on_pong,
                                                   .close = on_close,
                                                   .fail = on_fail,
                                                   .inflated = on_inflated };

/* ---- what the connection tells ---- */

/* What comes after the close is thrown away, but has to be read for the peer's close frame. */
static bool sends_too_late(struct ws_conn *w, size_t n) {
  size_t limit = w->shared->recv.limits.max_message + WS_LATE_BYTES;
  w->late = n < UINT32_MAX - w->late ? w->late + (uint32_t)n : UINT32_MAX;
  if (w->late <= limit) return false;
  LOG(w->shared->log, SIO_LOG_DEBUG, SIO_ROOM_WS, "%s: it goes on sending after the close",
      whose(w, (char[CONN_ADDRESS]){ "" }));
  if (w->state != CLOSED) finish(w, SIO_ETOOBIG, "it goes on sending after the close");
  return true;
}

static void on_rest(struct task *t) {
  struct ws_rest *r = container_of(t, struct ws_rest, task);
  struct ws_conn *w = r->ws;
  w->rest = NULL;
  size_t left = sio__ws_recv_feed(&w->recv, r->bytes, r->n);
  if (left && w->state != CLOSED) {
    memmove(r->bytes, r->bytes + r->n - left, left);
    r->n = left;
    w->rest = r;
    return;
  }
  sio__free(r);
  if (w->state != CLOSED && !w->recv.stop) sio__conn_resume(w->conn);
}

static void keep_rest(struct ws_conn *w, const char *p, size_t n) {
  struct ws_rest *r = sio__malloc(sizeof *r + n);
  if (!r) {
    break_off(w, 1011, UV_ENOMEM, "out of memory");
    return;
  }
  r->ws = w;
  r->n = n;
  memcpy(r->bytes, p, n);
  task_init(&r->task, on_rest);
  w->rest = r;
}

static void feed(struct ws_conn *w, const char *p, size_t n) {
  size_t left = sio__ws_recv_feed(&w->recv, p, n);
  if (left && w->state != CLOSED) keep_rest(w, p + n - left, left);
}

static void on_read(struct conn *c, char *p, size_t n) {
  struct ws_conn *w = c->owner;
  if (w->state != OPEN && sends_too_late(w, n)) return;
  feed(w, p, n);
  if (w->state == OPEN && w->ops->came) w->ops->came(w, n, 0);
}

static void on_eof(struct conn *c) {
  struct ws_conn *w = c->owner;
  w->eof = true;
  w->by_peer |= w->state == OPEN;
  blame(w, 0, "stream ended without a close frame");
  end_and_tell(w);
  let_go_if_done(w);
}

static void on_failed(struct conn *c, int err) { finish(c->owner, err, "stream broke"); }

static void on_timer(struct timer *t) {
  struct ws_conn *w = container_of(t, struct ws_conn, timer);
  if (!loop_excuses(w->shared->loop, w->excused)) {
    finish(w, SIO_ETIMEOUT, "no close frame in time");
    return;
  }
  w->excused = true;
  start_timer(w);
}

static void on_drained(struct conn *c) {
  struct ws_conn *w = c->owner;
  w->pongs = 0;
  let_go_if_done(w);
  if (w->state == OPEN && w->ops->drained) w->ops->drained(w);
  if (w->state == OPEN && w->pong) queue_pong(w, take_pong(w));
}

static void on_lighter(struct conn *c) {
  struct ws_conn *w = c->owner;
  if (w->state == OPEN && w->ops->lighter) w->ops->lighter(w);
}

static void on_flushing(struct conn *c) {
  struct ws_conn *w = c->owner;
  if (w->state == OPEN && w->ops->flushing) w->ops->flushing(w);
}

static void on_passed(struct conn *c, unsigned n) {
  struct ws_conn *w = c->owner;
  if (w->ops->passed) w->ops->passed(w, n);
}

static const struct conn_ops conn_ops = { .read = on_read,
                                          .eof = on_eof,
                                          .failed = on_failed,
                                          .drained = on_drained,
                                          .lighter = on_lighter,
                                          .passed = on_passed,
                                          .flushing = on_flushing };

/* ---- for the owner ---- */

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
  timer_init(&w->timer, on_timer);
  sio__ws_recv_init(&w->recv, &shared->recv);
  sio__conn_owner(c, &conn_ops, w);
  *out = w;
  return 0;
}

void sio__ws_conn_feed(struct ws_conn *w, sio_slice rest) { feed(w, rest.p, rest.n); }

void sio__ws_hold(struct ws_conn *w) {
  if (w->state != OPEN) return;
  w->recv.stop = true;
  sio__conn_pause(w->conn);
}

void sio__ws_go_on(struct ws_conn *w) {
  if (w->state == OPEN && w->recv.stop) read_on(w);
}

static bool may_deflate(const struct ws_conn *w, const struct msg *m) {
  return w->recv.deflate && !m->plain && !m->raw && m->len >= w->shared->deflate.threshold;
}

/* Without memory for it m leaves as it is. */
static void deflate_once(struct ws_shared *s, struct msg *m) {
  if (m->deflated) return;
  int got = sio__deflate(s->deflate.deflater, DEFLATE_MESSAGE, &s->loop->msgs,
                         slice(msg_data(m), m->len), &m->deflated);
  if (got == 0) m->plain = true;
  if (got != 1) return;
  m->deflated->binary = m->binary;
  msg_same_kind(m->deflated, m);
  sio__ws_seal_deflated(m->deflated);
}

int sio__ws_send(struct ws_conn *w, struct msg *m) {
  if (w->state != OPEN) return SIO_ECLOSED;
  bool deflate = may_deflate(w, m);
  if (deflate) deflate_once(w->shared, m);
  if (deflate && m->deflated) m = m->deflated;
  if (!m->ws_head) sio__ws_seal(m);
  w->shared->stats.messages_out++;
  return sio__conn_send(w->conn, m, ws_wire_off(m), ws_wire_len(m));
}

int sio__ws_mark(struct ws_conn *w, struct msg *m) {
  return w->state == OPEN ? conn_mark(w->conn, m) : SIO_ECLOSED;
}

int sio__ws_ping(struct ws_conn *w) {
  if (w->state != OPEN) return SIO_ECLOSED;
  return queue(w, sio__ws_control(&w->shared->loop->msgs, WS_PING, NULL, 0));
}
