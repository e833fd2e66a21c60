/* SPDX-License-Identifier: MIT
 *
 * probe.c - the upgrade of a polling session to WebSocket: a second connection proves that it works
 * ("2probe" and "3probe") and then takes the session over ("5").
 */
#include "eio/probe.h"
#include "eio/backpressure.h"
#include "eio/polling.h"
#include "eio/polling_post.h"
#include "eio/session_limits.h"
#include "eio/websocket.h"
#include <assert.h>

enum {
  NOOP_MS = 100,     /* a GET that waits after "3probe" is answered within this time */
  FREE_PACKETS = 2,  /* how many packets the rate limits do not count: "2probe" and "5" */
  FREE_BYTES = 64,   /* how many bytes the rate limits do not count: the frames of both packets */
  ANSWERS_MAX = 4096 /* how much memory our answers to probes may take in the queue, in bytes */
};

enum upgrade_state {
  UPGRADE_WAITING,  /* the client's ping "2probe" is expected */
  UPGRADE_PROBED,   /* our pong "3probe" was sent, the upgrade packet "5" is expected */
  UPGRADE_CONFIRMED /* "5" was received, but a POST still waits for earlier POSTs to be handled */
};

struct upgrade {
  struct probe probe; /* must be the first member: sio_session.probe points to it */
  struct ws_conn *ws; /* the WebSocket that may take over; NULL once it has closed */
  struct timer timeout, noop;
  struct deferred_free deferred_free;
  uint64_t packets, bytes; /* received over ws */
  uint8_t state;           /* enum upgrade_state */
  bool timeout_extended;   /* the timeout was extended once, because the loop was blocked */
};
_Static_assert(offsetof(struct upgrade, probe) == 0,
               "probe must be the first member: upgrade_of_session() is a cast");

static void upgrade_free(struct deferred_free *g) {
  sio__free(container_of(g, struct upgrade, deferred_free));
}

static struct upgrade *upgrade_of_session(const sio_session *c) {
  return (struct upgrade *)c->probe;
}

/* Ends the upgrade, but leaves its WebSocket open. */
static void upgrade_end_keeping_websocket(struct upgrade *p) {
  struct loop *l = p->probe.session->eio->loop;
  sio__loop_stop_timer(l, &p->timeout);
  sio__loop_stop_timer(l, &p->noop);
  p->probe.session->probe = NULL;
  sio__loop_free_later(l, &p->deferred_free, upgrade_free);
}

static void upgrade_abort_and_close_websocket(sio_session *c) {
  struct upgrade *p = upgrade_of_session(c);
  struct ws_conn *w = p->ws;
  c->eio->stats->upgrades_failed++;
  upgrade_end_keeping_websocket(p);
  if (w) sio__websocket_detach_session_and_close(w, 0, "");
}

static void upgrade_fail_and_log(struct upgrade *p, const char *why) {
  sio_session *c = p->probe.session;
  upgrade_abort_and_close_websocket(c);
  LOG_RATED_ABOUT(c->eio->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_UPGRADE_FAILED,
                  sio__session_client_address(c), ABOUT_SESSION(c),
                  "upgrade of session %.8s of %s failed: %s", SESSION_TAG(c),
                  sio__session_client_address(c), why);
}

static void upgrade_start_timeout(struct upgrade *p) {
  const struct eio *e = p->probe.session->eio;
  sio__loop_start_timer(e->loop, &p->timeout, e->opts->upgrade_timeout_ms);
}

static void upgrade_fail_or_extend_on_timeout(struct timer *t) {
  struct upgrade *p = container_of(t, struct upgrade, timeout);
  if (!loop_should_restart_deadline(p->probe.session->eio->loop, p->timeout_extended)) {
    upgrade_fail_and_log(p, "the upgrade was not complete after upgrade_timeout_ms");
    return;
  }
  p->timeout_extended = true;
  upgrade_start_timeout(p);
}

/* ---- answering waiting GETs, as the client upgrades only when none is open ----------------- */

static void upgrade_answer_waiting_get_on_timer(struct timer *t) {
  struct upgrade *p = container_of(t, struct upgrade, noop);
  sio__loop_start_timer(p->probe.session->eio->loop, &p->noop, NOOP_MS);
  sio__polling_answer_get_with_queue_or_noop(p->probe.session);
}

static void upgrade_start_noop_timer_for_get(sio_session *c) {
  struct upgrade *p = upgrade_of_session(c);
  if (p->state == UPGRADE_PROBED && !timer_is_active(&p->noop))
    sio__loop_start_timer(c->eio->loop, &p->noop, NOOP_MS);
}

/* ---- the two packets ------------------------------------------------------------------ */

static void answer_probe_ping_and_waiting_polls(struct upgrade *p) {
  sio_session *c = p->probe.session;
  struct msg *pong = sio__msg_from_bytes(&c->eio->loop->msgs, "3probe", 6);
  int err = pong ? sio__ws_send(p->ws, pong) : UV_ENOMEM;
  msg_unref(pong);
  if (err) {
    upgrade_fail_and_log(p, sio_strerror(err));
    return;
  }
  p->state = UPGRADE_PROBED;
  p->probe.is_answered = true;
  if (c->state == SESSION_OPEN) CALL_ENGINE_HOOKS(c, upgrading);
  if (c->state == SESSION_OPEN) sio__polling_answer_get_with_queue_or_noop(c);
  if (c->state == SESSION_OPEN) sio__polling_answer_post_before_handling(c);
}

/* Moves one msg from the polling queue to the WebSocket. An error ends the session, and the rest
 * of the queue is dropped and counted. */
static void move_queued_msg_to_websocket(sio_session *c, struct msg *m) {
  int err = SIO_ECLOSED;
  if (c->state != SESSION_CLOSED)
    err = m == c->eio->mark ? c->transport->queue_sent_mark(c) : sio__websocket_send_packet(c, m);
  if (!err) return;
  c->eio->stats->bytes_lost += m->len;
  if (c->state == SESSION_CLOSED) return;
  if (c->state == SESSION_CLOSING)
    LOG_RATED_ABOUT(c->eio->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_UPGRADE_FAILED,
                    sio__session_client_address(c), ABOUT_SESSION(c),
                    "packets for %s, whose session is closing, are lost: its new WebSocket cannot "
                    "queue them: %s",
                    sio__session_client_address(c), sio_strerror(err));
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory for an upgrade");
  c->state = SESSION_CLOSED;
}

/* Closes the WebSocket of a session that has ended during the upgrade. The client has stopped
 * polling by now, so it would not receive a close packet over polling. */
static void close_session_that_ended_during_upgrade(sio_session *c) {
  c->transport->end(c, true);
  sio__session_remove_and_schedule_close(c);
}

static void count_completed_upgrade(const sio_session *c) {
  sio_stats *st = c->eio->stats;
  st->upgrades++;
  if (!c->opened) return;
  st->sessions_now[0]--;
  st->sessions_now[1]++;
}

static void complete_upgrade_to_websocket(struct upgrade *p) {
  sio_session *c = p->probe.session;
  assert(c->transport == &sio__transport_polling && c->polling);
  struct ws_conn *w = p->ws;
  upgrade_end_keeping_websocket(p);
  count_completed_upgrade(c);
  LOG_RATED_ABOUT(c->eio->log, SIO_LOG_INFO, SIO_PART_EIO, LOG_UPGRADED,
                  sio__session_client_address(c), ABOUT_SESSION(c),
                  "session %.8s of %s upgraded to websocket", SESSION_TAG(c),
                  sio__session_client_address(c));
  sio__websocket_attach_to_session(c, w);
  c->upgraded = 1;
  bool closing = c->state == SESSION_CLOSING;
  sio__polling_hand_over_to_websocket(c, move_queued_msg_to_websocket);
  if (closing) {
    close_session_that_ended_during_upgrade(c);
    return;
  }
  /* If packets of a POST still wait, they are handled before messages of the WebSocket. */
  if (c->polling && c->ws) {
    sio__ws_pause_reading(c->ws);
    sio__session_resume_reading(c);
  }
  sio__backpressure_watch_queue_after_upgrade(c);
  if (c->state == SESSION_OPEN) CALL_ENGINE_HOOKS(c, upgrade);
}

/* Returns false if the upgrade is over: the peer sends more than its limits allow, or the host's
 * on_limited callback has ended the upgrade. The two packets that every upgrade needs are not
 * charged, so that an upgrade can complete while the session is paused. */
static bool upgrade_charge_rate_limits_or_fail(struct upgrade *p, unsigned packets, size_t bytes) {
  sio_session *c = p->probe.session;
  p->packets += packets;
  p->bytes += bytes;
  if (p->packets <= FREE_PACKETS && p->bytes <= FREE_BYTES) return true;
  bool ok = sio__session_limits_charge_rates(c, packets, bytes);
  if (c->probe != &p->probe) return false;
  if (!ok) upgrade_fail_and_log(p, "the peer sends more than packets_per_s or bytes_per_s");
  if (ok && session_is_paused_by_rate_limit(c)) sio__ws_pause_reading(p->ws);
  return ok;
}

static void upgrade_charge_received_bytes(struct ws_conn *w, size_t bytes, unsigned pings) {
  upgrade_charge_rate_limits_or_fail(w->owner, pings, bytes);
}

/* Called when the packet "5" has arrived. A client sends "5" after its last POST was answered, so
 * the session can move to the WebSocket. If a POST is not answered nevertheless, because it waits
 * for earlier POSTs to be handled, the session moves when the POST no longer waits for them. */
static void complete_upgrade_or_wait_for_post(struct upgrade *p) {
  if (!p->probe.session->polling->post_waits) {
    complete_upgrade_to_websocket(p);
    return;
  }
  p->state = UPGRADE_CONFIRMED;
  sio__ws_pause_reading(p->ws);
}

static void upgrade_resume_reading_or_complete(sio_session *c) {
  struct upgrade *p = upgrade_of_session(c);
  if (p->state != UPGRADE_CONFIRMED)
    sio__ws_resume_reading(p->ws);
  else if (!c->polling->post_waits)
    complete_upgrade_to_websocket(p);
}

/* Returns true if the peer sends probes but does not read our answers, even after the kernel was
 * offered the answers again. */
static bool write_queue_and_check_probe_answer_limit(const struct upgrade *p) {
  if (ws_queued_memory(p->ws) <= ANSWERS_MAX) return false;
  sio__conn_write_queue_now(p->ws->conn);
  return ws_queued_memory(p->ws) > ANSWERS_MAX;
}

/* In protocol 3 any packet may come as a binary message, whose first byte is the packet's type. */
static bool upgrade_parse_websocket_packet(const struct upgrade *p, bool binary, sio_slice text,
                                           struct eio_in *in) {
  bool v3 = p->probe.session->protocol == 3;
  if (!binary)
    return (v3 ? sio__packet3_parse_text(text, in) : sio__packet4_parse_text(text, in)) == 1;
  *in = (struct eio_in){ true, EIO_MESSAGE, text };
  if (v3 && text.n) in->type = (enum eio_packet)text.p[0];
  return !v3 || (text.n && (unsigned char)text.p[0] <= EIO_NOOP);
}

static void upgrade_handle_websocket_message(struct ws_conn *w, bool binary, char *data, size_t n) {
  struct upgrade *p = w->owner;
  sio_slice text = slice(data, n);
  struct eio_in in;
  if (!upgrade_charge_rate_limits_or_fail(p, 1, 0)) return;
  if (write_queue_and_check_probe_answer_limit(p))
    upgrade_fail_and_log(p, "the peer does not read the answers to its probes");
  else if (!upgrade_parse_websocket_packet(p, binary, text, &in))
    upgrade_fail_and_log(p, "the client sent something that is not a valid Engine.IO packet");
  else if (in.type == EIO_PING && !in.binary && slice_eq(in.data, SLICE("probe")))
    answer_probe_ping_and_waiting_polls(p);
  else if (in.type == EIO_UPGRADE)
    complete_upgrade_or_wait_for_post(p);
  else
    upgrade_fail_and_log(p, "the client sent a packet that is neither a probe nor an upgrade");
}

static void upgrade_fail_on_websocket_close(struct ws_conn *w, void *probe,
                                            const struct ws_close *why) {
  struct upgrade *p = probe;
  (void)w;
  p->ws = NULL;
  upgrade_fail_and_log(p, why->detail);
}

static const char *upgrade_peer_address(const struct ws_conn *w) {
  const struct upgrade *p = w->owner;
  return sio__session_client_address(p->probe.session);
}

static const struct probe_ops upgrade_ops = { .drop = upgrade_abort_and_close_websocket,
                                              .resume = upgrade_resume_reading_or_complete,
                                              .on_get = upgrade_start_noop_timer_for_get };

static const struct ws_conn_ops upgrade_ws_ops = { .message = upgrade_handle_websocket_message,
                                                   .closed = upgrade_fail_on_websocket_close,
                                                   .received = upgrade_charge_received_bytes,
                                                   .address = upgrade_peer_address,
                                                   .closed_logs_errors = true };

int sio__start_upgrade_probe(sio_session *c, struct ws_conn *w) {
  struct upgrade *p = sio__calloc(1, sizeof *p);
  if (!p) {
    c->eio->stats->upgrades_failed++;
    sio__websocket_detach_session_and_close(w, 1011, "");
    return UV_ENOMEM;
  }
  p->probe = (struct probe){ .ops = &upgrade_ops, .session = c };
  p->ws = w;
  timer_init(&p->timeout, upgrade_fail_or_extend_on_timeout);
  timer_init(&p->noop, upgrade_answer_waiting_get_on_timer);
  upgrade_start_timeout(p);
  ws_conn_set_has_joined_namespace(w, false);
  w->ops = &upgrade_ws_ops;
  w->owner = p;
  c->probe = &p->probe;
  return 0;
}
