/* SPDX-License-Identifier: MIT
 *
 * session.c - a session's life: its id, its heartbeat, its messages, its end.
 */
#include "eio/session.h"
#include "base/cold.h"
#include "base/random.h"
#include "eio/backpressure.h"
#include "eio/polling.h"
#include "eio/probe.h"
#include "eio/sent.h"
#include "eio/session_limits.h"
#include "eio/trace.h"
#include "eio/websocket.h"
#include <sio/emit.h>
#include <stdio.h>

/* ---- the heartbeat ------------------------------------------------------------- */

static void set_heartbeat_timer(sio_session *c, unsigned in_ms) {
  sio__loop_start_timer(c->eio->loop, &c->heartbeat, in_ms);
}

static size_t max_owed_bytes(const sio_session *c);
static bool is_over_high_water(const sio_session *c);

/* It is not read because it does not take what waits for it: that excuses no silence. */
static COLD bool is_stopped_by_backpressure(const sio_session *c) {
  if (c->owed > max_owed_bytes(c) || is_over_high_water(c)) return true;
  return c->ws && c->ws->conn && c->ws->conn->throttled;
}

/* By its limits, from the moment it is over one until all that was read already is handled. */
static COLD bool is_stopped_by_limits(const sio_session *c) {
  if (session_is_paused(c)) return true;
  return c->guarded && !is_stopped_by_backpressure(c) && sio__session_has_unread(c);
}

static void send_ping(sio_session *c) {
  c->pong_due = 1;
  c->graced = 0;
  c->ping_at = uv_hrtime();
  c->eio->stats->pings_sent++;
  set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
  if (sio__session_send_packet(c, c->eio->ping) == UV_ENOMEM)
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a ping");
}

/* In protocol 3 the client pings, and silence is the end. */
static void restart_ping_timeout(sio_session *c) {
  const sio_options *o = c->eio->opts;
  set_heartbeat_timer(c, o->ping_interval_ms + o->ping_timeout_ms);
}

static COLD void on_heartbeat(struct timer *t) {
  sio_session *c = container_of(t, sio_session, heartbeat);
  /* What it said may lie unread: the loop was kept from reading, or its limits keep us. It is asked
   * again, or waited for. */
  bool late = c->eio->loop->late || is_stopped_by_limits(c);
  c->eio->stats->heartbeats_missed += c->protocol == 3 || c->pong_due;
  if (c->protocol == 3 && late)
    set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
  else if (c->protocol == 3)
    sio__session_end(c, true, SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT, "no ping in time");
  else if (c->pong_due && !late)
    sio__session_end(c, true, SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT, "no pong in time");
  else
    send_ping(c);
}

static COLD void session_on_ping(sio_session *c) {
  restart_ping_timeout(c);
  if (sio__session_send_packet(c, c->eio->pong))
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a pong");
  SESSION_HOOKS(c, heartbeat)
}

static COLD void session_on_pong(sio_session *c) {
  uint64_t rtt_us = (uv_hrtime() - c->ping_at) / 1000;
  if (c->pong_due) {
    c->rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
    histogram_add(&c->eio->stats->heartbeat_us, rtt_us);
  }
  c->pong_due = 0;
  set_heartbeat_timer(c, c->eio->opts->ping_interval_ms);
  SESSION_HOOKS(c, heartbeat)
}

/* Traffic shows that the peer lives: once per ping the pong gets a fresh deadline. */
static void extend_pong_deadline(sio_session *c) {
  if (!c->pong_due || c->graced) return;
  c->graced = 1;
  set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
}

static bool is_pong_due_soon(const sio_session *c) {
  uint64_t soon = loop_now(c->eio->loop) + c->eio->opts->ping_timeout_ms / 4;
  return c->heartbeat.at < soon;
}

/* Asking again also keeps its own clock from running out. */
COLD void sio__session_extend_timeout(sio_session *c) {
  if (c->state != SESSION_OPEN) return;
  if (c->protocol == 3)
    restart_ping_timeout(c);
  else if (c->pong_due && is_pong_due_soon(c))
    send_ping(c);
}

/* ---- birth ------------------------------------------------------------------------ */

static bool is_valid_sid(const char *id) {
  size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
  return n > 0 && id[n] == 0;
}

static int session_make_id(struct eio *e, sio_request *r, char id[64]) {
  if (!e->opts->generate_id || !r) return sio__random_id(id);
  memset(id, 0, 64);
  if (e->opts->generate_id(r, id, e->opts->id_user)) return SIO_ENAME;
  id[63] = 0;
  return is_valid_sid(id) && !sio__map_get(&e->sessions, slice_str(id)) ? 0 : SIO_ENAME;
}

static uint64_t unix_time_ms(void) {
  uv_timeval64_t tv;
  uv_gettimeofday(&tv);
  return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

static void on_close_task(struct task *t);

COLD int sio__session_new(sio_session **out, struct eio *e, sio_request *r, struct kept_head *head,
                          unsigned protocol) {
  char id[64];
  int err = session_make_id(e, r, id);
  if (err) return err;
  size_t n = strlen(id) + 1;
  sio_session *c = sio__session_limits_alloc(e, n);
  if (!c) return UV_ENOMEM;
  c->eio = e;
  memcpy(c->sid, id, n);
  err = sio__map_put(&e->sessions, c);
  if (err) {
    sio__session_limits_free(c);
    return err;
  }
  c->head = head;
  c->opened_ms = unix_time_ms();
  list_push(&e->all, &c->link);
  timer_init(&c->heartbeat, on_heartbeat);
  task_init(&c->over, on_close_task);
  c->protocol = protocol & 7;
  c->joined = e->ops->raw;
  if (protocol == 3)
    restart_ping_timeout(c);
  else
    set_heartbeat_timer(c, e->opts->ping_interval_ms);
  *out = c;
  return 0;
}

static struct msg *handshake_packet_new(const sio_session *c) {
  const sio_options *o = c->eio->opts;
  bool more =
      c->transport == &sio__transport_polling && !o->no_upgrades && (o->transports & SIO_WEBSOCKET);
  char text[256];
  int n = snprintf(text, sizeof text,
                   "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
                   "\"maxPayload\":%zu}",
                   c->sid, more ? "\"websocket\"" : "", o->ping_interval_ms, o->ping_timeout_ms,
                   o->max_payload);
  return sio__msg_copy(&c->eio->loop->msgs, text, (size_t)n);
}

COLD int sio__session_send_handshake(sio_session *c) {
  struct msg *m = handshake_packet_new(c);
  int err = m ? sio__session_send_packet(c, m) : UV_ENOMEM;
  msg_unref(m);
  if (!err && c->eio->initial) err = sio__session_send_packet(c, c->eio->initial);
  return err;
}

COLD void sio__session_start(sio_session *c) {
  sio_stats *st = c->eio->stats;
  bool polling = c->transport == &sio__transport_polling;
  st->sessions++;
  st->sessions_opened++;
  st->sessions_polling += polling;
  st->sessions_websocket += !polling;
  st->sessions_now[!polling]++;
  c->told = 1;
  LOG_RATED(c->eio->log, SIO_LOG_INFO, SIO_ROOM_EIO, LOG_SESSION_OPENED, sio_session_address(c),
            "session %.8s opened over %s by %s", SESSION_TAG(c), c->transport->name,
            sio_session_address(c));
  SESSION_HOOKS(c, open)
  if (!c->eio->ops->open(c))
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory");
}

/* ---- the end ------------------------------------------------------------------------ */

static void remove_from_table(sio_session *c) {
  if (c->gone) return;
  c->gone = 1;
  c->state = SESSION_CLOSED;
  sio__map_del(&c->eio->sessions, slice_str(c->sid));
  list_remove(&c->link);
  sio__session_limits_release(c);
  if (c->probe) sio__probe_drop(c->probe);
}

static COLD void free_session(struct deferred_free *g) {
  sio_session *c = container_of(g, sio_session, deferred_free);
  sio__polling_free(c->polling);
  sio__free(c->backpressure);
  sio__free(c->sent_callbacks);
  if (c->owns_text) sio__free((void *)(uintptr_t)c->why.ws_text);
  sio__kept_head_free(c->head);
  sio__session_limits_free(c);
}

/* A callback that was told of the end may have ended the lingering too, which queued the task
 * again: it lies where the grave does. */
static void free_session_later(sio_session *c) {
  task_cancel(&c->over);
  sio__loop_free_later(c->eio->loop, &c->deferred_free, free_session);
}

static COLD void on_close_task(struct task *t) {
  sio_session *c = container_of(t, sio_session, over);
  sio_stats *st = c->eio->stats;
  if (c->told) {
    c->told = 0;
    st->sessions--;
    st->sessions_now[c->transport != &sio__transport_polling]--;
    st->sessions_closed[c->why.reason]++;
    st->out_of_memory += c->why.err == UV_ENOMEM;
    sio__backpressure_on_close(c);
    sio__sent_on_close(c);
    c->eio->ops->close(c, &c->why);
    list_each (hook, next, &c->eio->group->engine_hooks) {
      struct eio_hook *h = container_of(hook, struct eio_hook, link);
      if (h->engine->close) h->engine->close(c, &c->why, h->user);
    }
  }
  if (c->gone) free_session_later(c);
}

/* The layer above may be told already (the session was CLOSING), or still wait for its task. */
COLD void sio__session_finish_closing(sio_session *c) {
  if (c->gone) return;
  remove_from_table(c);
  sio__loop_defer(c->eio->loop, &c->over);
}

COLD void sio__session_discard(sio_session *c) {
  c->transport = NULL;
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  sio__session_finish_closing(c);
}

static void log_session_end(const sio_session *c) {
  bool calm = c->why.err == 0;
  LOG_RATED(c->eio->log, calm ? SIO_LOG_INFO : SIO_LOG_WARN, SIO_ROOM_EIO,
            calm ? LOG_SESSION_CLOSED : LOG_SESSION_BROKEN, sio_session_address(c),
            "session %.8s of %s closed: %s (%s)", SESSION_TAG(c), sio_session_address(c),
            sio_reason_str(c->why.reason), c->why.detail);
}

static COLD void session_begin_closing(sio_session *c, bool graceful, const sio_close_info *why) {
  if (c->state != SESSION_OPEN) return;
  c->state = SESSION_CLOSING;
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  c->why = *why;
  log_session_end(c);
  bool lingers = c->transport && c->transport->end(c, graceful);
  c->why.ws_text = ""; /* what was said was lent for the saying */
  if (!lingers) remove_from_table(c);
  sio__loop_defer(c->eio->loop, &c->over);
}

COLD void sio__session_end(sio_session *c, bool discard, int reason, int err, const char *detail) {
  c->cause = c->state == SESSION_OPEN ? CAUSE_SERVER : c->cause;
  session_begin_closing(c, !discard, &(sio_close_info){ reason, err, 0, detail, "" });
}

COLD void sio__session_end_by_host(sio_session *c, bool discard, unsigned ws_code,
                                   const char *ws_text) {
  c->cause = c->state == SESSION_OPEN ? CAUSE_SERVER : c->cause;
  session_begin_closing(c, !discard,
                        &(sio_close_info){ SIO_REASON_FORCED_CLOSE, 0, (int)ws_code,
                                           "closed by the host", ws_text });
}

COLD void sio__session_end_by_peer(sio_session *c, int reason, int err, int ws_code,
                                   const char *detail) {
  c->cause = c->state == SESSION_OPEN ? CAUSE_CLIENT : c->cause;
  session_begin_closing(c, false, &(sio_close_info){ reason, err, ws_code, detail, "" });
}

/* ---- replies that are not taken ---------------------------------------------------------- */

/* Past so much of them nothing more is read from one that has joined; what a host sends of itself
 * does not count. */
enum { OWED_MAX = 128 * 1024 };

static size_t session_held_bytes(const sio_session *c) {
  return c->ws ? ws_queued_memory(c->ws) : c->transport->held(c);
}

/* What was queued while its packet was handled is owed to it; it cannot be more than waits. */
static inline void update_owed_bytes(sio_session *c, size_t before) {
  size_t now = session_held_bytes(c);
  if (now > before) c->owed += now - before;
  if (c->owed > now) c->owed = now;
}

static size_t max_owed_bytes(const sio_session *c) {
  return c->joined ? OWED_MAX : c->eio->unjoined_owed;
}

/* The kernel may take it at once. */
static COLD bool still_owes_too_much(sio_session *c) {
  if (c->ws) sio__conn_write_now(c->ws->conn);
  update_owed_bytes(c, SIZE_MAX);
  return c->owed > max_owed_bytes(c);
}

static bool is_over_high_water(const sio_session *c) {
  return c->polling && !c->ws && c->transport->held(c) > c->eio->opts->high_water;
}

bool sio__session_must_stop_reading(sio_session *c) {
  if (c->state != SESSION_OPEN) return false;
  if (session_is_paused(c) || is_over_high_water(c)) return true;
  return c->owed > max_owed_bytes(c) && still_owes_too_much(c);
}

COLD void sio__session_resume(sio_session *c) {
  if (c->ws)
    sio__websocket_go_on(c);
  else if (c->polling)
    sio__polling_go_on(c);
  if (c->probe) sio__probe_go_on(c->probe);
}

COLD void sio__session_set_joined(sio_session *c) {
  c->joined = 1;
  if (c->ws) ws_conn_set_known(c->ws, true);
}

/* ---- messages ---------------------------------------------------------------------------- */

int sio__session_send_packet(sio_session *c, struct msg *m) {
  if (c->eio->wants) sio__trace_packet_out(c, m);
  int err = c->transport->send(c, m);
  if (!err) histogram_add(&c->eio->stats->packet_bytes_out, m->len);
  return err;
}

static inline void count_packets_out(sio_stats *st, const struct msg *m, const struct msg *end,
                                     uint64_t n) {
  for (; m != end; m = m->next) histogram_add_n(&st->packet_bytes_out, m->len, n);
}

void sio__count_packets_sent(sio_stats *st, const struct msg *chain, uint64_t n) {
  count_packets_out(st, chain, NULL, n);
}

/* What is queued was sent, whatever becomes of it. */
static int handle_full_queue(sio_session *c, const struct msg *chain) {
  int err = sio__backpressure_on_full(c);
  if (err) sio__count_packets_sent(c->eio->stats, chain, 1);
  return err;
}

/* one: it is counted here. In each of its two callers by itself: it is what a packet costs. */
static inline __attribute__((always_inline)) int send_chain(sio_session *c, struct msg *chain,
                                                            unsigned flags, bool one) {
  if (c->state != SESSION_OPEN) return SIO_ECLOSED;
  if ((flags & SIO_VOLATILE) && !c->transport->ready(c)) return SIO_EDROPPED;
  if (c->backpressure && !sio__backpressure_may_queue(c, chain)) return SIO_EDROPPED;
  if (c->eio->wants) sio__trace_chain_out(c, chain);
  for (struct msg *m = chain; m; m = m->next) {
    int err = c->transport->send(c, m);
    if (!err && one) count_packets_out(c->eio->stats, m, m->next, 1);
    if (!err) continue;
    if (!one) count_packets_out(c->eio->stats, chain, m, 1);
    /* Its transport is on the way down, and says why when it is. */
    if (err == SIO_ECLOSED) return err;
    /* Half a packet would spoil the stream: the session ends with it. */
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory for a packet");
    return err;
  }
  size_t held = c->ws ? ws_queued_memory(c->ws) : c->transport->held(c);
  if (held <= c->eio->full_at) return 0;
  return one ? sio__backpressure_on_full(c) : handle_full_queue(c, chain);
}

int sio__session_send(sio_session *c, struct msg *chain, unsigned flags) {
  return send_chain(c, chain, flags, true);
}

int sio__session_send_uncounted(sio_session *c, struct msg *chain, unsigned flags) {
  return send_chain(c, chain, flags, false);
}

static bool end_for_heartbeat_direction(sio_session *c) {
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, SIO_EPROTO, "invalid heartbeat direction");
  return false;
}

/* False: the session is over. */
static inline bool handle_packet(sio_session *c, const struct eio_in *in) {
  histogram_add(&c->eio->stats->packet_bytes_in, in->data.n);
  if (c->guarded && !sio__session_charge(c, 1, 0)) return false;
  if (c->eio->wants && !sio__trace_packet_in(c, in)) return false;
  if (in->type == (c->protocol == 3 ? EIO_PING : EIO_PONG)) {
    if (c->protocol == 3)
      session_on_ping(c);
    else
      session_on_pong(c);
    return c->state == SESSION_OPEN;
  }
  extend_pong_deadline(c);
  switch (in->type) {
    case EIO_MESSAGE:
      if (!(c->eio->wants & WANT_MESSAGE) || !sio__trace_message_in(c, in))
        c->eio->ops->message(c, in->binary, in->data);
      break;
    case EIO_PING:
    case EIO_PONG: return end_for_heartbeat_direction(c);
    case EIO_CLOSE:
      sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "the client closed it");
      break;
    default: break; /* open, upgrade and noop mean nothing here */
  }
  return c->state == SESSION_OPEN;
}

bool sio__session_on_packet(sio_session *c, const struct eio_in *in) {
  if (c->state != SESSION_OPEN) return false;
  size_t before = session_held_bytes(c);
  if (!handle_packet(c, in)) return false;
  update_owed_bytes(c, before);
  return true;
}

COLD void sio__session_end_bad_packet(sio_session *c) {
  c->eio->stats->parse_errors++;
  sio__session_end(c, true, SIO_REASON_PARSE_ERROR, SIO_EPROTO, "not an Engine.IO packet");
}

void sio__session_on_text(sio_session *c, sio_slice text) {
  struct eio_in in;
  int got = c->protocol == 3 ? sio__packet3_read(text, &in) : sio__packet_read(text, &in);
  if (got < 0)
    sio__session_end_bad_packet(c);
  else
    sio__session_on_packet(c, &in);
}

/* ---- for the layer above -------------------------------------------------------------------- */

bool sio__session_can_send_now(const sio_session *c) {
  return c->state == SESSION_OPEN && c->transport->ready(c);
}
bool sio__session_is_open(const sio_session *c) { return c->state == SESSION_OPEN; }
bool sio__session_has_unread(const sio_session *c) {
  if (c->ws && c->ws->conn) return c->ws->conn->paused || c->ws->conn->throttled;
  return session_is_paused(c) || (c->polling && sio__polling_unread(c));
}
size_t sio__session_partial_bytes(const sio_session *c) {
  if (c->polling) return sio__polling_arriving(c->polling);
  return c->ws && c->ws->recv.msg ? c->ws->recv.msg->n : 0;
}
void sio__session_set_user(sio_session *c, void *up) { c->up = up; }
void *sio__session_user(const sio_session *c) { return c->up; }
struct eio *sio__session_engine(const sio_session *c) {
  return c->eio;
}

struct kept_head *sio__session_first_request(const sio_session *c) {
  return c->head;
}

COLD void sio__session_drop_handshake(sio_session *c) {
  if (c->head) c->head = sio__kept_head_drop_headers(c->head);
}

sio_session *sio__session_find(struct eio *e, sio_slice sid) {
  return sio__map_get(&e->sessions, sid);
}
