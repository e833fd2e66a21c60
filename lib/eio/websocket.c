/* SPDX-License-Identifier: MIT
 *
 * websocket.c - the WebSocket transport: connects a session with its ws_conn, which may live longer
 * than the session.
 */
#include "eio/websocket.h"
#include "eio/backpressure.h"
#include "eio/payload.h"
#include "eio/polling_post.h"
#include "eio/sent.h"
#include "eio/session_limits.h"
#include "eio/trace.h"

/* In protocol 3 a binary message begins with the packet's type. */
static void websocket_handle_binary_message(sio_session *c, sio_slice data) {
  struct eio_in in = { true, EIO_MESSAGE, data };
  if (c->protocol == 4)
    sio__session_handle_packet(c, &in);
  else if (data.n == 0 || (unsigned char)data.p[0] > EIO_NOOP)
    sio__session_end_for_bad_packet(c);
  else
    sio__session_handle_packet(c, &(struct eio_in){ true, (enum eio_packet)data.p[0],
                                                    slice(data.p + 1, data.n - 1) });
}

/* Stops reading. When enough of the send queue was sent,
 * websocket_report_writable_and_resume_reading() is called. */
static void websocket_pause_until_queue_is_low(sio_session *c) {
  sio__ws_pause_reading(c->ws);
  c->ws->conn->reports_low_mark = 1;
}

static void websocket_resume_reading_if_allowed(sio_session *c) {
  if (!c->ws) return;
  if (sio__session_must_stop_reading(c))
    websocket_pause_until_queue_is_low(c);
  else if (c->polling)
    sio__polling_schedule_backlog_handling(c->polling); /* packets that came before the upgrade */
  else
    sio__ws_resume_reading(c->ws);
}

/* May be called after the WebSocket has closed, when c->ws is NULL. */
static void websocket_pause_reading(sio_session *c) {
  if (c->ws) sio__ws_pause_reading(c->ws);
}

static void websocket_on_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  sio_session *c = w->owner;
  if (binary)
    websocket_handle_binary_message(c, slice(p, n));
  else
    sio__session_handle_websocket_text(c, slice(p, n));
  if (c->ws == w && sio__session_must_stop_reading(c)) websocket_pause_until_queue_is_low(c);
}

/* A broken connection is reported as an ordinary close, a timeout as SIO_REASON_FORCED_CLOSE, and a
 * violation of the protocol or of a limit, or a lack of memory, as an error. */
static int websocket_session_close_reason(const struct ws_close *why) {
  if (why->err == SIO_ETIMEOUT) return SIO_REASON_FORCED_CLOSE;
  bool bad = why->err == SIO_EPROTO || why->err == SIO_ETOOBIG || why->err == UV_ENOMEM;
  return bad ? SIO_REASON_TRANSPORT_ERROR : SIO_REASON_TRANSPORT_CLOSE;
}

/* The text for a message that is too long is the one that Node.js has. */
static const char *websocket_session_close_detail(const struct ws_close *why) {
  return why->err == SIO_ETOOBIG && why->code == 1009 ? "Max payload size exceeded" : why->detail;
}

/* Moves the text of the peer's close frame from w to the session, because ops->close may be called
 * after w was freed. */
static void move_websocket_close_text_to_session(sio_session *c, struct ws_conn *w) {
  if (!w->reason) return;
  c->close_info.ws_text = w->reason;
  c->owns_text = 1;
  w->reason = NULL;
}

static void websocket_end_session_on_close(struct ws_conn *w, void *session,
                                           const struct ws_close *why) {
  sio_session *c = session;
  c->ws = NULL;
  sio__session_end_by_peer(c, websocket_session_close_reason(why), why->err, (int)why->code,
                           websocket_session_close_detail(why));
  move_websocket_close_text_to_session(c, w);
}

static void websocket_call_drain_hooks(struct ws_conn *w) {
  sio_session *c = w->owner;
  CALL_ENGINE_HOOKS(c, drain);
}

static void websocket_report_writable_and_resume_reading(struct ws_conn *w) {
  sio_session *c = w->owner;
  sio__backpressure_report_writable_if_was_full(c);
  if (c->ws == w) websocket_resume_reading_if_allowed(c);
}

static void websocket_call_flush_hooks(struct ws_conn *w) { sio__trace_call_flush_hooks(w->owner); }

static void websocket_on_sent_callback_markers_passed(struct ws_conn *w, unsigned n) {
  sio__sent_callbacks_schedule_oldest(w->owner, n);
}

static const char *websocket_session_client_address(const struct ws_conn *w) {
  return sio__session_client_address(w->owner);
}

/* The callbacks for the WebSockets of all sessions. If the session has limits, `received` is set,
 * too. */
#define WEBSOCKET_OPS                                                        \
  .message = websocket_on_message, .closed = websocket_end_session_on_close, \
  .drained = websocket_call_drain_hooks,                                     \
  .below_low_mark = websocket_report_writable_and_resume_reading,            \
  .flushing = websocket_call_flush_hooks,                                    \
  .marks_passed = websocket_on_sent_callback_markers_passed,                 \
  .address = websocket_session_client_address, .closed_logs_errors = true

const struct ws_conn_ops sio__websocket_ops = { WEBSOCKET_OPS };

static void websocket_charge_received_bytes(struct ws_conn *w, size_t bytes, unsigned pings) {
  sio__session_charge_rate_limits_or_end(w->owner, pings, bytes);
}

static const struct ws_conn_ops limited_ops = { WEBSOCKET_OPS,
                                                .received = websocket_charge_received_bytes };

void sio__websocket_detach_session_and_close(struct ws_conn *w, unsigned code, const char *text) {
  sio__ws_conn_clear_owner(w);
  sio__ws_close(w, code, text);
}

void sio__websocket_attach_to_session(sio_session *c, struct ws_conn *w) {
  w->ops = c->limited ? &limited_ops : &sio__websocket_ops;
  w->owner = c;
  c->ws = w;
  ws_conn_set_has_joined_namespace(w, c->joined);
  if (session_is_paused_by_rate_limit(c))
    sio__ws_pause_reading(w);
  else
    sio__ws_resume_reading(w);
  c->transport = &sio__transport_websocket;
  if (c->eio->wants & WANT_FLUSH) conn_enable_flushing_callback(w->conn);
  if (c->eio->opts->max_unsent)
    sio__conn_limit_unsent_bytes(w->conn, (int)c->eio->opts->max_unsent);
}

/* Encodes a binary packet as base64 text, for a client that wants this (sio_session.base64). */
static struct msg *encode_packet_as_base64_text_msg(sio_session *c, const struct msg *m) {
  bool v3 = c->protocol == 3;
  struct msg *text = sio__msg_new(&c->eio->loop->msgs, sio__payload4_packet_len(m) + v3);
  if (!text) return NULL;
  char *out = msg_data(text);
  char *end = sio__payload4_write_packet(out + v3, m);
  if (v3) memcpy(out, "b4", 2);
  msg_copy_drop_rules(text, m);
  text->len = (uint32_t)(end - out);
  return text;
}

static struct msg *copy_packet_and_prepend_type_byte(sio_session *c, const struct msg *m) {
  struct msg *typed = sio__msg_new(&c->eio->loop->msgs, (size_t)m->len + 1);
  if (!typed) return NULL;
  msg_data(typed)[0] = EIO_MESSAGE;
  memcpy(msg_data(typed) + 1, msg_data(m), m->len);
  typed->len = m->len + 1;
  typed->binary = 1;
  msg_copy_drop_rules(typed, m);
  return typed;
}

static int websocket_send_and_unref(sio_session *c, struct msg *m) {
  if (!m) return UV_ENOMEM;
  int err = sio__ws_send(c->ws, m);
  msg_unref(m);
  return err;
}

int sio__websocket_send_packet(sio_session *c, struct msg *m) {
  if (m->binary && c->base64)
    return websocket_send_and_unref(c, encode_packet_as_base64_text_msg(c, m));
  if (m->binary && c->protocol == 3)
    return websocket_send_and_unref(c, copy_packet_and_prepend_type_byte(c, m));
  return sio__ws_send(c->ws, m);
}

static bool websocket_can_send_now(const sio_session *c) {
  return c->ws && ws_is_queue_empty_and_socket_writable(c->ws);
}
static size_t websocket_queued_bytes(const sio_session *c) {
  return c->ws ? ws_queued_bytes(c->ws) : 0;
}

static size_t websocket_queue_memory(const sio_session *c) {
  return c->ws ? ws_queued_memory(c->ws) : 0;
}

static void websocket_remove_queued_msgs_if(sio_session *c, queue_drop_fn drop, void *user) {
  if (c->ws) sio__conn_remove_queued_msgs_if(c->ws->conn, drop, user);
}

static void websocket_visit_queued_msgs(const sio_session *c, queue_visit_fn visit, void *user) {
  if (c->ws) sio__conn_visit_queued_msgs(c->ws->conn, visit, user);
}

static int websocket_append_sent_callback_marker(sio_session *c) {
  return sio__ws_queue_sent_mark(c->ws, c->eio->mark);
}

/* Offers the queue to the kernel, and schedules the callbacks of the sent marks (placeholders in
 * the queue, see sent.h) that leave the queue by this. After the end of the session the WebSocket
 * does not report sent marks any more. */
static void write_queue_and_schedule_sent_callbacks(sio_session *c, struct conn *conn) {
  if (!c->sent_callbacks) return;
  sio__conn_write_queue_now(conn);
  sio__sent_callbacks_schedule_oldest(c, conn_take_unreported_sent_mark_count(conn));
}

/* Starts the closing handshake. But a peer that does not read what is queued would not answer a
 * close frame either: if more than max_queued bytes are queued, or the kernel accepts no more, the
 * connection is closed at once, unless the queue has to be sent (`graceful`). */
static bool websocket_close_for_ended_session(sio_session *c, bool graceful) {
  struct ws_conn *w = c->ws;
  bool too_much = websocket_queue_memory(c) > c->eio->opts->max_queued;
  c->ws = NULL;
  if (c->polling) sio__polling_free_post_backlog(c->polling);
  if (w && graceful) write_queue_and_schedule_sent_callbacks(c, w->conn);
  if (w && !graceful && (too_much || w->conn->blocked))
    sio__ws_close_immediately(w);
  else if (w)
    sio__websocket_detach_session_and_close(w, (unsigned)c->close_info.ws_code,
                                            c->close_info.ws_text);
  return false;
}

static bool websocket_may_have_unhandled_packets(const sio_session *c) {
  return c->ws ? c->ws->conn->paused || c->ws->conn->throttled : session_is_paused_by_rate_limit(c);
}

static size_t websocket_incomplete_message_bytes(const sio_session *c) {
  return c->ws && c->ws->recv.msg ? c->ws->recv.msg->n : 0;
}

const struct transport sio__transport_websocket = {
  .name = "websocket",
  .send = sio__websocket_send_packet,
  .ready = websocket_can_send_now,
  .queued = websocket_queued_bytes,
  .held = websocket_queue_memory,
  .queue_sent_mark = websocket_append_sent_callback_marker,
  .end = websocket_close_for_ended_session,
  .free = sio__polling_free_after_upgrade,
  .pause = websocket_pause_reading,
  .resume = websocket_resume_reading_if_allowed,
  .has_unread = websocket_may_have_unhandled_packets,
  .partial_bytes = websocket_incomplete_message_bytes,
  .remove_if = websocket_remove_queued_msgs_if,
  .visit = websocket_visit_queued_msgs
};
