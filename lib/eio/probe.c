/* SPDX-License-Identifier: MIT
 *
 * probe.c - the upgrade from polling to WebSocket.
 */
#include "eio/probe.h"
#include "eio/backpressure.h"
#include "eio/polling.h"
#include "eio/session_limits.h"
#include "eio/websocket.h"

enum {
  NOOP_MS = 100,
  FREE_PACKETS = 2, /* "2probe" and "5", and their frames */
  FREE_BYTES = 64,
  ANSWERS_MAX = 4096 /* bytes of them that wait */
};

enum probe_state {
  PROBE_WAITING, /* for "2probe"                          */
  PROBE_PROBED,  /* "3probe" was sent: waiting for the "5" */
  PROBE_UPGRADES /* the "5" is here, a POST before it is not handled yet */
};

struct probe {
  sio_session *session;
  struct ws_conn *ws;
  struct timer timeout, noop;
  struct deferred_free deferred_free;
  uint64_t packets, bytes; /* that came over ws */
  uint8_t state;           /* enum probe_state */
  bool excused;            /* its time was given once more */
};

static void free_probe(struct deferred_free *g) {
  sio__free(container_of(g, struct probe, deferred_free));
}

/* The probe is over; its WebSocket goes on without it. */
static void probe_detach(struct probe *p) {
  struct loop *l = p->session->eio->loop;
  sio__loop_stop_timer(l, &p->timeout);
  sio__loop_stop_timer(l, &p->noop);
  p->session->probe = NULL;
  sio__loop_free_later(l, &p->deferred_free, free_probe);
}

void sio__probe_drop(struct probe *p) {
  struct ws_conn *w = p->ws;
  p->session->eio->stats->upgrades_failed++;
  probe_detach(p);
  if (w) sio__websocket_close_unowned(w, 0, "");
}

static void probe_fail(struct probe *p, const char *why) {
  sio_session *c = p->session;
  sio__probe_drop(p);
  LOG_RATED(c->eio->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_UPGRADE_FAILED, sio_session_address(c),
            "upgrade of session %.8s of %s failed: %s", SESSION_TAG(c), sio_session_address(c),
            why);
}

static void probe_start_timeout(struct probe *p) {
  sio__loop_start_timer(p->session->eio->loop, &p->timeout,
                        p->session->eio->opts->upgrade_timeout_ms);
}

static void probe_on_timeout(struct timer *t) {
  struct probe *p = container_of(t, struct probe, timeout);
  if (!loop_extends_deadline(p->session->eio->loop, p->excused)) {
    probe_fail(p, "no upgrade packet in time");
    return;
  }
  p->excused = true;
  probe_start_timeout(p);
}

/* ---- letting the peer stop polling ------------------------------------------------ */

static void probe_on_noop_timer(struct timer *t) {
  struct probe *p = container_of(t, struct probe, noop);
  sio__loop_start_timer(p->session->eio->loop, &p->noop, NOOP_MS);
  sio__polling_release_get(p->session);
}

void sio__probe_poll_came(struct probe *p) {
  if (p->state == PROBE_PROBED && !timer_active(&p->noop))
    sio__loop_start_timer(p->session->eio->loop, &p->noop, NOOP_MS);
}

/* ---- the two packets ------------------------------------------------------------------ */

static void answer_probe_ping(struct probe *p) {
  sio_session *c = p->session;
  struct msg *pong = sio__msg_copy(&c->eio->loop->msgs, "3probe", 6);
  int err = pong ? sio__ws_send(p->ws, pong) : UV_ENOMEM;
  msg_unref(pong);
  if (err) {
    probe_fail(p, sio_strerror(err));
    return;
  }
  p->state = PROBE_PROBED;
  sio__loop_start_timer(c->eio->loop, &p->noop, NOOP_MS);
  if (c->state == SESSION_OPEN) SESSION_HOOKS(c, upgrading)
  if (c->state == SESSION_OPEN) sio__polling_release_get(c);
}

static void move_queued_msg(sio_session *c, struct msg *m) {
  int err = SIO_ECLOSED;
  if (c->state != SESSION_CLOSED)
    err = m == c->eio->mark ? c->transport->mark(c) : sio__websocket_send(c, m);
  if (!err) return;
  c->eio->stats->bytes_lost += m->len;
  if (c->state == SESSION_CLOSED) return;
  if (c->state == SESSION_CLOSING)
    LOG_RATED(c->eio->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_UPGRADE_FAILED, sio_session_address(c),
              "%s upgrades, and what waited for it is lost: %s", sio_session_address(c),
              sio_strerror(err));
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory for an upgrade");
  c->state = SESSION_CLOSED;
}

/* The client stopped polling before it could hear of the end, and hears of it here. */
static void end_upgraded_session(sio_session *c) {
  c->transport->end(c, true);
  sio__session_finish_closing(c);
}

static void count_upgrade(const sio_session *c) {
  sio_stats *st = c->eio->stats;
  st->upgrades++;
  if (!c->told) return;
  st->sessions_now[0]--;
  st->sessions_now[1]++;
}

static void complete_upgrade(struct probe *p) {
  sio_session *c = p->session;
  struct ws_conn *w = p->ws;
  probe_detach(p);
  count_upgrade(c);
  LOG_RATED(c->eio->log, SIO_LOG_INFO, SIO_ROOM_EIO, LOG_UPGRADED, sio_session_address(c),
            "session %.8s of %s upgraded to websocket", SESSION_TAG(c), sio_session_address(c));
  sio__websocket_adopt(c, w);
  c->upgraded = 1;
  bool closing = c->state == SESSION_CLOSING;
  sio__polling_hand_over_queue(c, move_queued_msg);
  if (closing) {
    end_upgraded_session(c);
    return;
  }
  sio__backpressure_on_upgrade(c);
  if (c->state == SESSION_OPEN) SESSION_HOOKS(c, upgrade)
}

/* False: it is over, because it sends too much, or because the host, who was told so, ended the
 * session. The two packets that a probe consists of are free: an upgrade goes on while the session
 * is paused. */
static bool probe_charge_limits(struct probe *p, unsigned packets, size_t bytes) {
  sio_session *c = p->session;
  p->packets += packets;
  p->bytes += bytes;
  if (p->packets <= FREE_PACKETS && p->bytes <= FREE_BYTES) return true;
  bool ok = sio__session_limits_charge(c, packets, bytes);
  if (c->probe != p) return false;
  if (!ok) probe_fail(p, "it sends more than its limits allow");
  if (ok && session_is_paused(c)) sio__ws_pause(p->ws);
  return ok;
}

static void probe_on_bytes(struct ws_conn *w, size_t bytes, unsigned pings) {
  probe_charge_limits(w->owner, pings, bytes);
}

/* What it sent in a POST comes before what it sends here. */
static void on_upgrade_packet(struct probe *p) {
  if (!sio__polling_unread(p->session)) {
    complete_upgrade(p);
    return;
  }
  p->state = PROBE_UPGRADES;
  sio__ws_pause(p->ws);
}

void sio__probe_go_on(struct probe *p) {
  if (p->state != PROBE_UPGRADES)
    sio__ws_resume(p->ws);
  else if (!sio__polling_unread(p->session))
    complete_upgrade(p);
}

/* One that asks and does not take the answers is not about to upgrade. */
static bool has_too_many_answers(const struct probe *p) {
  if (ws_queued_memory(p->ws) <= ANSWERS_MAX) return false;
  sio__conn_write_now(p->ws->conn);
  return ws_queued_memory(p->ws) > ANSWERS_MAX;
}

/* In protocol 3 any packet may come as bytes, its type before them. */
static bool parse_probe_packet(const struct probe *p, bool binary, sio_slice text,
                               struct eio_in *in) {
  bool v3 = p->session->protocol == 3;
  if (!binary) return (v3 ? sio__packet3_read(text, in) : sio__packet_read(text, in)) == 1;
  *in = (struct eio_in){ true, EIO_MESSAGE, text };
  if (v3 && text.n) in->type = (enum eio_packet)text.p[0];
  return !v3 || (text.n && (unsigned char)text.p[0] <= EIO_NOOP);
}

static void probe_on_message(struct ws_conn *w, bool binary, char *data, size_t n) {
  struct probe *p = w->owner;
  sio_slice text = slice(data, n);
  struct eio_in in;
  if (!probe_charge_limits(p, 1, 0)) return;
  if (has_too_many_answers(p))
    probe_fail(p, "it takes no answers");
  else if (!parse_probe_packet(p, binary, text, &in))
    probe_fail(p, "not an Engine.IO packet");
  else if (in.type == EIO_PING && !in.binary && slice_eq(in.data, SLICE("probe")))
    answer_probe_ping(p);
  else if (in.type == EIO_UPGRADE)
    on_upgrade_packet(p);
  else
    probe_fail(p, "neither a probe nor an upgrade packet");
}

static void probe_on_closed(struct ws_conn *w, void *probe, const struct ws_close *why) {
  struct probe *p = probe;
  (void)w;
  p->ws = NULL;
  probe_fail(p, why->detail);
}

static const char *probe_address(const struct ws_conn *w) {
  const struct probe *p = w->owner;
  return sio_session_address(p->session);
}

static const struct ws_conn_ops probe_ops = { .message = probe_on_message,
                                              .closed = probe_on_closed,
                                              .came = probe_on_bytes,
                                              .address = probe_address };

int sio__probe_start(sio_session *c, struct ws_conn *w) {
  struct probe *p = sio__calloc(1, sizeof *p);
  if (!p) {
    c->eio->stats->upgrades_failed++;
    sio__websocket_close_unowned(w, 1011, "");
    return UV_ENOMEM;
  }
  p->session = c;
  p->ws = w;
  timer_init(&p->timeout, probe_on_timeout);
  timer_init(&p->noop, probe_on_noop_timer);
  probe_start_timeout(p);
  ws_conn_set_known(w, false);
  w->ops = &probe_ops;
  w->owner = p;
  c->probe = p;
  return 0;
}
