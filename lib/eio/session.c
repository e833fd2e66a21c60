/* SPDX-License-Identifier: MIT
 *
 * session.c - a session from its handshake to its end: id, heartbeat, messages sent and received.
 * What differs between transports is in the functions of c->transport.
 */
#include "eio/session.h"
#include "base/random.h"
#include "eio/backpressure.h"
#include "eio/sent.h"
#include "eio/session_limits.h"
#include "eio/trace.h"
#include <assert.h>
#include <sio/emit.h>
#include <stdio.h>

/* ---- the heartbeat ------------------------------------------------------------- */

static void set_heartbeat_timer(sio_session *c, unsigned in_ms) {
  sio__loop_start_timer(c->eio->loop, &c->heartbeat, in_ms);
}

static size_t max_unread_reply_bytes(const sio_session *c);
static bool is_polling_queue_over_high_water(const sio_session *c);

/* Returns true while reading is stopped because the peer does not read what we send. This alone
 * gives the peer no more time to answer a ping. */
static bool is_reading_stopped_by_backpressure(const sio_session *c) {
  if (c->unread_reply_bytes > max_unread_reply_bytes(c) || is_polling_queue_over_high_water(c))
    return true;
  return c->ws && c->ws->conn->throttled;
}

/* Returns true while packets of the peer may wait because of a rate limit. Its ping or pong may be
 * among them. */
static bool is_reading_stopped_by_rate_limits(const sio_session *c) {
  if (session_is_paused_by_rate_limit(c)) return true;
  return c->limited && !is_reading_stopped_by_backpressure(c) &&
         sio__session_may_have_unhandled_packets(c);
}

static void send_ping_and_start_pong_timeout(sio_session *c) {
  c->pong_due = 1;
  c->pong_extended = 0;
  c->ping_at = uv_hrtime();
  c->eio->stats->pings_sent++;
  set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
  if (sio__session_send_packet(c, c->eio->ping) == UV_ENOMEM)
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a ping");
}

/* In protocol 3 the client sends the pings, and the session ends if no ping arrives in time. */
static void restart_client_ping_timeout(sio_session *c) {
  const sio_options *o = c->eio->opts;
  set_heartbeat_timer(c, o->ping_interval_ms + o->ping_timeout_ms);
}

static void on_heartbeat_timer_ping_or_end_session(struct timer *t) {
  sio_session *c = container_of(t, sio_session, heartbeat);
  /* If the loop was blocked, or reading is paused by a rate limit, the peer's ping or pong may have
   * arrived and not been read. Then we ping again or wait longer, instead of closing the
   * session. */
  bool late = c->eio->loop->late || is_reading_stopped_by_rate_limits(c);
  c->eio->stats->heartbeats_missed += c->protocol == 3 || c->pong_due;
  if (c->protocol == 3 && late)
    set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
  else if (c->protocol == 3)
    sio__session_end(c, true, SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT,
                     "no ping within ping_interval_ms plus ping_timeout_ms");
  else if (c->pong_due && !late)
    sio__session_end(c, true, SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT,
                     "no pong within ping_timeout_ms");
  else
    send_ping_and_start_pong_timeout(c);
}

static void session_answer_client_ping(sio_session *c) {
  restart_client_ping_timeout(c);
  if (sio__session_send_packet(c, c->eio->pong) == UV_ENOMEM)
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a pong");
  CALL_ENGINE_HOOKS(c, heartbeat);
}

static void session_handle_client_pong(sio_session *c) {
  uint64_t rtt_us = (uv_hrtime() - c->ping_at) / 1000;
  if (c->pong_due) {
    c->rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
    histogram_add(&c->eio->stats->heartbeat_us, rtt_us);
  }
  c->pong_due = 0;
  set_heartbeat_timer(c, c->eio->opts->ping_interval_ms);
  CALL_ENGINE_HOOKS(c, heartbeat);
}

/* Extends the deadline of the pong, once per ping, because received data shows that the peer is
 * alive. */
static void extend_client_pong_deadline_once(sio_session *c) {
  if (!c->pong_due || c->pong_extended) return;
  c->pong_extended = 1;
  set_heartbeat_timer(c, c->eio->opts->ping_timeout_ms);
}

static bool is_client_pong_deadline_soon(const sio_session *c) {
  uint64_t soon = loop_now(c->eio->loop) + c->eio->opts->ping_timeout_ms / 4;
  return c->heartbeat.at < soon;
}

/* In protocol 3 the time for the client's next ping begins anew. In protocol 4, if the client's
 * pong is due soon, a new ping is sent, so the time for the pong begins anew. */
void sio__session_ping_again_or_extend_timeout(sio_session *c) {
  if (c->state != SESSION_OPEN) return;
  if (c->protocol == 3)
    restart_client_ping_timeout(c);
  else if (c->pong_due && is_client_pong_deadline_soon(c))
    send_ping_and_start_pong_timeout(c);
}

/* ---- opening ---------------------------------------------------------------------------- */

/* Called when a pause by a rate limit begins. Stops reading from a WebSocket, until
 * session_resume_after_rate_limit() is called. Long-polling has no function `pause`: it calls
 * sio__session_must_stop_reading() before it handles a packet. */
static void session_pause_for_rate_limit(struct meter *m) {
  sio_session *c = session_of_meter(m);
  if (c->transport && c->transport->pause) c->transport->pause(c);
}

static void session_resume_after_rate_limit(struct meter *m) {
  sio_session *c = session_of_meter(m);
  sio__session_ping_again_or_extend_timeout(c);
  sio__session_resume_reading(c);
}

static const struct meter_ops limits_ops = { .pause = session_pause_for_rate_limit,
                                             .resume = session_resume_after_rate_limit,
                                             .limited = sio__session_limits_report_exceeded };

static bool is_valid_sid(const char *id) {
  size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
  return n > 0 && id[n] == 0;
}

static int session_make_id(struct eio *e, sio_request *r, char id[64]) {
  if (!e->opts->generate_id || !r) return sio__make_random_id(id);
  memset(id, 0, 64);
  if (e->opts->generate_id(r, id, e->opts->generate_id_user)) return SIO_ENAME;
  id[63] = 0;
  return is_valid_sid(id) && !sio__map_get(&e->sessions, slice_str(id)) ? 0 : SIO_ENAME;
}

static uint64_t unix_time_ms(void) {
  uv_timeval64_t tv;
  uv_gettimeofday(&tv);
  return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

static void report_close_and_free_session_task(struct task *t);

static int add_session_to_engine_and_threads_tables(sio_session *c) {
  struct eio_group *g = c->eio->group;
  int err = g->threads ? sio__threads_add_sid(g->threads, c->sid, g->member) : 0;
  if (err) return err == UV_EEXIST ? SIO_ENAME : err;
  err = sio__map_put(&c->eio->sessions, c);
  if (err && g->threads) sio__threads_remove_sid(g->threads, c->sid);
  return err;
}

int sio__session_new(sio_session **out, struct eio *e, sio_request *r, struct kept_head *head,
                     unsigned protocol) {
  char id[64];
  int err = session_make_id(e, r, id);
  if (err) return err;
  size_t n = strlen(id) + 1;
  sio_session *c = sio__session_alloc_with_limits(e, n, &limits_ops);
  if (!c) return UV_ENOMEM;
  c->eio = e;
  memcpy(c->sid, id, n);
  err = add_session_to_engine_and_threads_tables(c);
  if (err) {
    sio__session_free_block(c);
    return err;
  }
  c->head = head;
  c->opened_ms = unix_time_ms();
  list_append(&e->all, &c->link);
  timer_init(&c->heartbeat, on_heartbeat_timer_ping_or_end_session);
  task_init(&c->close_task, report_close_and_free_session_task);
  c->protocol = protocol & 7;
  c->joined = e->ops->raw;
  if (protocol == 3)
    restart_client_ping_timeout(c);
  else
    set_heartbeat_timer(c, e->opts->ping_interval_ms);
  *out = c;
  return 0;
}

static struct msg *handshake_packet_new(const sio_session *c) {
  const sio_options *o = c->eio->opts;
  bool upgradable = c->transport->polls && !o->no_upgrades && (o->transports & SIO_WEBSOCKET);
  char text[256];
  int n = snprintf(text, sizeof text,
                   "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
                   "\"maxPayload\":%zu}",
                   c->sid, upgradable ? "\"websocket\"" : "", o->ping_interval_ms,
                   o->ping_timeout_ms, o->max_payload);
  return sio__msg_from_bytes(&c->eio->loop->msgs, text, (size_t)n);
}

int sio__session_send_handshake(sio_session *c) {
  struct msg *m = handshake_packet_new(c);
  int err = m ? sio__session_send_packet(c, m) : UV_ENOMEM;
  msg_unref(m);
  if (!err && c->eio->initial) err = sio__session_send_packet(c, c->eio->initial);
  return err;
}

void sio__session_count_and_report_open(sio_session *c) {
  sio_stats *st = c->eio->stats;
  bool polling = c->transport->polls;
  st->sessions++;
  st->sessions_opened++;
  st->sessions_polling += polling;
  st->sessions_websocket += !polling;
  st->sessions_now[!polling]++;
  c->opened = 1;
  LOG_RATED_ABOUT(c->eio->log, SIO_LOG_INFO, SIO_PART_EIO, LOG_SESSION_OPENED,
                  sio__session_client_address(c), ABOUT_SESSION(c),
                  "session %.8s opened over %s by %s", SESSION_TAG(c), c->transport->name,
                  sio__session_client_address(c));
  CALL_ENGINE_HOOKS(c, open);
  if (!c->eio->ops->open(c))
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory");
}

/* ---- the end ------------------------------------------------------------------------ */

static void remove_session_and_abort_upgrade(sio_session *c) {
  if (c->removed) return;
  c->removed = 1;
  c->state = SESSION_CLOSED;
  sio__map_del(&c->eio->sessions, slice_str(c->sid));
  if (c->eio->group->threads) sio__threads_remove_sid(c->eio->group->threads, c->sid);
  list_remove(&c->link);
  sio__session_limits_stop_counting(c);
  if (c->probe) c->probe->ops->drop(c);
}

static void free_session(struct deferred_free *g) {
  sio_session *c = container_of(g, sio_session, deferred_free);
  if (c->transport && c->transport->free) c->transport->free(c);
  sio__free(c->backpressure);
  sio__free(c->sent_callbacks);
  if (c->owns_text) sio__free((void *)(uintptr_t)c->close_info.ws_text);
  sio__kept_request_head_free(c->head);
  sio__session_free_block(c);
}

/* If a callback has closed the server while close_task ran, close_task may be queued again. The
 * task has to be cancelled, because deferred_free is in the same memory. */
static void free_session_later(sio_session *c) {
  task_cancel(&c->close_task);
  sio__loop_free_later(c->eio->loop, &c->deferred_free, free_session);
}

static void report_session_close(sio_session *c) {
  sio_stats *st = c->eio->stats;
  c->opened = 0;
  st->sessions--;
  st->sessions_now[!c->transport->polls]--;
  st->sessions_closed[c->close_info.reason]++;
  st->out_of_memory += c->close_info.err == UV_ENOMEM;
  sio__backpressure_end_and_report_drops(c);
  sio__sent_callbacks_run_all_at_close(c);
  c->eio->ops->close(c, &c->close_info);
  EACH_ENGINE_HOOK(h, c)
  if (h->engine->close) h->engine->close(c, &c->close_info, h->user);
}

static void report_close_and_free_session_task(struct task *t) {
  sio_session *c = container_of(t, sio_session, close_task);
  assert(c->state != SESSION_OPEN);
  if (c->opened) report_session_close(c);
  if (c->removed) free_session_later(c);
}

/* close_task calls ops->close and then frees the session. It does not call ops->close if the
 * session never opened, or if it has called ops->close before, while the session was in
 * SESSION_CLOSING. */
void sio__session_remove_and_schedule_close(sio_session *c) {
  if (c->removed) return;
  remove_session_and_abort_upgrade(c);
  sio__loop_defer(c->eio->loop, &c->close_task);
}

void sio__session_discard_unopened(sio_session *c) {
  assert(!c->opened);
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  sio__session_remove_and_schedule_close(c);
}

/* Returns true if there was no error, or if the client has gone: a closed tab aborts a poll, and
 * many networks reset connections. */
static bool is_ordinary_session_end(int err) {
  return err == 0 || err == UV_ECONNABORTED || err == UV_ECONNRESET || err == UV_EPIPE;
}

static void log_session_end(const sio_session *c) {
  bool calm = is_ordinary_session_end(c->close_info.err);
  LOG_RATED_ABOUT(c->eio->log, calm ? SIO_LOG_INFO : SIO_LOG_WARN, SIO_PART_EIO,
                  calm ? LOG_SESSION_CLOSED : LOG_SESSION_BROKEN, sio__session_client_address(c),
                  ABOUT_SESSION(c), "session %.8s of %s closed: %s (%s)", SESSION_TAG(c),
                  sio__session_client_address(c), sio_reason_str(c->close_info.reason),
                  c->close_info.detail);
}

static void session_begin_closing(sio_session *c, bool graceful, const sio_close_info *why) {
  if (c->state != SESSION_OPEN) return;
  c->state = SESSION_CLOSING;
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  c->close_info = *why;
  log_session_end(c);
  bool lingers = c->transport && c->transport->end(c, graceful);
  c->close_info.ws_text = ""; /* the text of the caller is valid only during the call */
  if (!lingers) remove_session_and_abort_upgrade(c);
  sio__loop_defer(c->eio->loop, &c->close_task);
}

/* The attribute makes the compiler expect that no session ends in the functions that call this one,
 * which saves a broadcast about 1 % of its instructions. */
__attribute__((cold)) void sio__session_end(sio_session *c, bool discard, int reason, int err,
                                            const char *detail) {
  c->ended_by = c->state == SESSION_OPEN ? ENDED_BY_SERVER : c->ended_by;
  session_begin_closing(c, !discard, &(sio_close_info){ reason, err, 0, detail, "" });
}

void sio__session_end_by_host(sio_session *c, bool discard, unsigned ws_code, const char *ws_text) {
  c->ended_by = c->state == SESSION_OPEN ? ENDED_BY_SERVER : c->ended_by;
  session_begin_closing(c, !discard,
                        &(sio_close_info){ SIO_REASON_FORCED_CLOSE, 0, (int)ws_code,
                                           "the server program closed the session", ws_text });
}

void sio__session_end_by_peer(sio_session *c, int reason, int err, int ws_code,
                              const char *detail) {
  c->ended_by = c->state == SESSION_OPEN ? ENDED_BY_CLIENT : c->ended_by;
  session_begin_closing(c, false, &(sio_close_info){ reason, err, ws_code, detail, "" });
}

/* ---- replies that the peer does not read ------------------------------------------------- */

/* Replies are what is queued for a peer while one of its own packets is handled: acks, and what
 * else handlers send to it. If the replies to a peer that has joined a namespace take more than
 * this many bytes of memory in its queue, the server stops reading from the session. */
enum { UNREAD_REPLIES_MAX = 128 * 1024 };

static inline size_t session_queue_memory(const sio_session *c) {
  return c->ws ? ws_queued_memory(c->ws) : c->transport->held(c);
}

/* Must be called after a packet of the peer was handled. `before` is the memory that the queue took
 * before that. The growth of the queue since then is counted as unread replies, but never more than
 * the whole queue. If `before` is SIZE_MAX, nothing is added. */
static inline void update_unread_reply_bytes(sio_session *c, size_t before) {
  size_t now = session_queue_memory(c);
  if (now > before) c->unread_reply_bytes += now - before;
  if (c->unread_reply_bytes > now) c->unread_reply_bytes = now;
}

static size_t max_unread_reply_bytes(const sio_session *c) {
  return c->joined ? UNREAD_REPLIES_MAX : c->eio->unjoined_unread_replies_max;
}

/* Offers the queue of a WebSocket to the kernel, and returns true if the replies that are still
 * queued are over the limit. */
static bool write_queue_and_check_unread_reply_limit(sio_session *c) {
  if (c->ws) sio__conn_write_queue_now(c->ws->conn);
  update_unread_reply_bytes(c, SIZE_MAX);
  return c->unread_reply_bytes > max_unread_reply_bytes(c);
}

/* Always false over WebSocket, where the connection itself checks high_water (conn.throttled). */
static bool is_polling_queue_over_high_water(const sio_session *c) {
  return !c->ws && c->transport->held(c) > c->eio->opts->high_water;
}

bool sio__session_must_stop_reading(sio_session *c) {
  if (c->state != SESSION_OPEN) return false;
  if (session_is_paused_by_rate_limit(c) || is_polling_queue_over_high_water(c)) return true;
  return c->unread_reply_bytes > max_unread_reply_bytes(c) &&
         write_queue_and_check_unread_reply_limit(c);
}

void sio__session_resume_reading(sio_session *c) {
  if (c->transport->resume) c->transport->resume(c);
  if (c->probe) c->probe->ops->resume(c);
}

/* A peer that has joined a namespace may leave more replies unread than before, so reading may
 * resume here. */
void sio__session_mark_joined_and_resume_reading(sio_session *c) {
  bool was_joined = c->joined;
  c->joined = 1;
  if (c->ws) ws_conn_set_has_joined_namespace(c->ws, true);
  if (!was_joined) sio__session_resume_reading(c);
}

/* ---- messages ---------------------------------------------------------------------------- */

int sio__session_send_packet(sio_session *c, struct msg *m) {
  if (c->eio->wants) sio__trace_outgoing_packet_to_log_and_hooks(c, m);
  int err = c->transport->send(c, m);
  if (!err) histogram_add(&c->eio->stats->packet_bytes_out, m->len);
  return err;
}

static inline void count_msgs_before_as_sent(sio_stats *st, const struct msg *m,
                                             const struct msg *end, uint64_t n) {
  for (; m != end; m = m->next) histogram_add_n_times(&st->packet_bytes_out, m->len, n);
}

void sio__count_packets_sent(sio_stats *st, const struct msg *chain, uint64_t n) {
  count_msgs_before_as_sent(st, chain, NULL, n);
}

static int end_session_for_full_queue_or_no_memory(sio_session *c, int err) {
  if (err == UV_ENOMEM) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory");
    return err;
  }
  c->eio->stats->overflows++;
  sio__session_end(c, true, SIO_REASON_FORCED_CLOSE, err,
                   c->eio->opts->when_full == SIO_FULL_CLOSE
                       ? "the peer does not read: more than queue_high bytes are queued for it"
                       : "the peer does not read: more than max_queued bytes are queued for it");
  return err;
}

/* A packet that was queued counts as sent, even if it is dropped again, or the session ends because
 * of it. In these cases it is counted here, because the caller counts a packet only if this
 * function returns 0. */
static int apply_backpressure_or_end_session(sio_session *c, const struct msg *chain) {
  int err = sio__backpressure_drop_or_fail_on_full_queue(c);
  if (err) sio__count_packets_sent(c->eio->stats, chain, 1);
  return err && err != SIO_EDROPPED ? end_session_for_full_queue_or_no_memory(c, err) : err;
}

int sio__session_send_for_caller_to_count(sio_session *c, struct msg *chain, unsigned flags) {
  if (c->state != SESSION_OPEN) return SIO_ECLOSED;
  if ((flags & SIO_VOLATILE) && !c->transport->ready(c)) return SIO_EDROPPED;
  if (c->backpressure && !sio__backpressure_can_queue_or_count_drop(c, chain)) return SIO_EDROPPED;
  if (c->eio->wants) sio__trace_outgoing_msgs_to_log_and_hooks(c, chain);
  for (struct msg *m = chain; m; m = m->next) {
    int err = c->transport->send(c, m);
    if (!err) continue;
    count_msgs_before_as_sent(c->eio->stats, chain, m, 1);
    /* The transport has failed, and will end the session with the cause of its failure. */
    if (err == SIO_ECLOSED) return err;
    /* A part of the packet may be queued already, and the peer cannot decode it without the rest.
     * So the session has to end. */
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory for a packet");
    return err;
  }
  return session_queue_memory(c) <= c->eio->full_bytes
             ? 0
             : apply_backpressure_or_end_session(c, chain);
}

int sio__session_send(sio_session *c, struct msg *chain, unsigned flags) {
  int err = sio__session_send_for_caller_to_count(c, chain, flags);
  if (!err) sio__count_packets_sent(c->eio->stats, chain, 1);
  return err;
}

bool sio__session_charge_rate_limits_or_end(sio_session *c, uint64_t packets, uint64_t bytes) {
  if (!sio__session_limits_charge_rates(c, packets, bytes))
    sio__session_end(c, true, SIO_REASON_FORCED_CLOSE, SIO_ELIMIT,
                     "the peer sends more than packets_per_s or bytes_per_s");
  return c->state == SESSION_OPEN;
}

/* Counts a packet of the peer, shows it to the log and the hooks, and handles it. Returns false if
 * the session is over. */
static inline bool handle_engine_packet(sio_session *c, const struct eio_in *in) {
  histogram_add(&c->eio->stats->packet_bytes_in, in->data.n);
  if (c->limited && !sio__session_charge_rate_limits_or_end(c, 1, 0)) return false;
  if (c->eio->wants && !sio__trace_incoming_packet_to_log_and_hooks(c, in)) return false;
  if (in->type == (c->protocol == 3 ? EIO_PING : EIO_PONG)) {
    if (c->protocol == 3)
      session_answer_client_ping(c);
    else
      session_handle_client_pong(c);
    return c->state == SESSION_OPEN;
  }
  extend_client_pong_deadline_once(c);
  switch (in->type) {
    case EIO_MESSAGE:
      if (!(c->eio->wants & WANT_MESSAGE) || !sio__trace_call_incoming_message_hooks(c, in))
        c->eio->ops->message(c, in->binary, in->data);
      break;
    case EIO_PING:
    case EIO_PONG:
      sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, SIO_EPROTO,
                       "invalid heartbeat direction: the client sent a ping (protocol 3: a pong), "
                       "which only the server may send");
      break;
    case EIO_CLOSE:
      sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_CLOSE, 0, 0,
                               "the client closed the session");
      break;
    default: break; /* open, upgrade and noop are ignored on a transport in use */
  }
  return c->state == SESSION_OPEN;
}

bool sio__session_handle_packet(sio_session *c, const struct eio_in *in) {
  if (c->state != SESSION_OPEN) return false;
  size_t before = session_queue_memory(c);
  if (!handle_engine_packet(c, in)) return false;
  update_unread_reply_bytes(c, before);
  return true;
}

void sio__session_end_for_bad_packet(sio_session *c) {
  c->eio->stats->parse_errors++;
  sio__session_end(c, true, SIO_REASON_PARSE_ERROR, SIO_EPROTO,
                   "the client sent something that is not a valid Engine.IO packet");
}

void sio__session_handle_websocket_text(sio_session *c, sio_slice text) {
  struct eio_in in;
  int got =
      c->protocol == 3 ? sio__packet3_parse_text(text, &in) : sio__packet4_parse_text(text, &in);
  if (got < 0)
    sio__session_end_for_bad_packet(c);
  else
    sio__session_handle_packet(c, &in);
}

/* ---- for the layer above -------------------------------------------------------------------- */

bool sio__session_can_send_now(const sio_session *c) {
  return c->state == SESSION_OPEN && c->transport->ready(c);
}
bool sio__session_is_open(const sio_session *c) { return c->state == SESSION_OPEN; }

bool sio__session_may_have_unhandled_packets(const sio_session *c) {
  if (c->state != SESSION_OPEN) return false;
  return c->transport->has_unread ? c->transport->has_unread(c)
                                  : session_is_paused_by_rate_limit(c);
}

size_t sio__session_incomplete_message_bytes(const sio_session *c) {
  if (c->state != SESSION_OPEN || !c->transport->partial_bytes) return 0;
  return c->transport->partial_bytes(c);
}

void sio__session_set_user(sio_session *c, void *user) { c->user = user; }
void *sio__session_user(const sio_session *c) { return c->user; }
struct eio *sio__session_engine(const sio_session *c) {
  return c->eio;
}

struct kept_head *sio__session_first_request_head(const sio_session *c) {
  return c->head;
}

void sio__session_free_request_url_and_headers(sio_session *c) {
  if (c->head) c->head = sio__kept_request_head_drop_url_and_headers(c->head);
}

sio_session *sio__session_find_by_sid(struct eio *e, sio_slice sid) {
  return sio__map_get(&e->sessions, sid);
}
