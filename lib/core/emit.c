/* SPDX-License-Identifier: MIT
 *
 * emit.c - sends events to one socket, and to all sockets of a target.
 */
#include "core/emit.h"

#include "base/sized.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/pending_acks.h"
#include "core/query.h"
#include "core/recovery.h"
#include "core/socket.h"

/* The size of sio_emit_options in version 0.1 of the library. sio__read_sized_struct() assumes it
 * if the host has not set the member `size`. */
enum { EMIT_OPTIONS_0_1 = sizeof(sio_emit_options) };

/* ---- sending to one socket ------------------------------------------------------------------- */

/* Sends an event to one socket through broadcast() of the adapter. Called if the adapter itself
 * keeps events for recovery (SIO_ADAPTER_RECOVERS). The adapter then sees this event, too: it can
 * keep the event if `kept` is true, and the socket gets single events and broadcasts in the order
 * in which they were sent. If `kept` is false, the adapter usually sends the event to the socket
 * before broadcast() returns, and this function returns the error of that. An adapter that sends
 * the event later sends a copy of *p; then 0 is returned. */
static int emit_event_through_adapter(sio_socket *s, unsigned flags, const char *key, int64_t id,
                                      const sio_packet *p) {
  sio_nsp *nsp = s->nsp;
  bool kept = s->recovery_record && id == PACKET_NO_ID && !(flags & SIO_VOLATILE);
  const sio_target to = {
    .nsp = nsp, .rooms = SIO_ROOMS(s->id), .flags = flags | (kept ? 0 : SIO_LOCAL), .key = key
  };
  int err = nsp->ops->broadcast(nsp->adapter, &to, p);
  return err || kept ? err : p->send_err;
}

static int emit_event_to_socket(sio_socket *s, unsigned flags, const char *key, const char *event,
                                sio_args args, int64_t id) {
  sio_packet p;
  if (!event) return SIO_ENAME;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  bool kept = s->recovery_record && id == PACKET_NO_ID;
  struct recovery *r = kept ? get_recovery_unless_kept_by_adapter(s->nsp->recovery) : NULL;
  int err = sio__packet_encode_event_or_ack(&p, s->nsp, flags, event, args, id, r);
  if (err) return err;
  if (id == PACKET_NO_ID) sio__packet_mark_droppable(&p, key);
  if (p.seq)
    sio__packet_add_to_replay_log(&p, &(sio_target){ .nsp = s->nsp, .rooms = SIO_ROOMS(s->id) });
  err = is_recovery_kept_by_adapter(s->nsp->recovery)
            ? emit_event_through_adapter(s, flags, key, id, &p)
            : sio__packet_deliver_to_socket(&p, s, flags);
  sio__packet_clear(&p);
  return err;
}

int sio_emit(sio_socket *s, const char *event, sio_args args) {
  return emit_event_to_socket(s, 0, NULL, event, args, PACKET_NO_ID);
}

static int emit_event_and_expect_ack(sio_socket *s, const sio_emit_options *o, const char *event,
                                     sio_args args) {
  int64_t id;
  if (o->key) return UV_EINVAL;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  unsigned timeout_ms = o->timeout_ms ? o->timeout_ms : s->nsp->core->opts->ack_timeout_ms;
  int err = sio__pending_ack_add(s, timeout_ms, o->cb, o->user, &id);
  if (err) return err;
  err = emit_event_to_socket(s, o->flags, NULL, event, args, id);
  if (err) sio__pending_ack_free_without_callback(s, id);
  s->nsp->core->stats.acks_asked += !err;
  return err;
}

int sio_emit_with(sio_socket *s, const sio_emit_options *options, const char *event,
                  sio_args args) {
  sio_emit_options o = { 0 };
  if (options && sio__read_sized_struct(&o, sizeof o, options, EMIT_OPTIONS_0_1)) return UV_EINVAL;
  return o.cb ? emit_event_and_expect_ack(s, &o, event, args)
              : emit_event_to_socket(s, o.flags, o.key, event, args, PACKET_NO_ID);
}

int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                 sio_reply_cb cb, void *user) {
  sio_emit_options o = { .timeout_ms = timeout_ms, .cb = cb, .user = user };
  return cb ? emit_event_and_expect_ack(s, &o, event, args) : UV_EINVAL;
}

int sio__send_ack_packet(sio_socket *s, int64_t id, sio_args args) {
  sio_packet p;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  int err = sio__packet_encode_event_or_ack(&p, s->nsp, 0, NULL, args, id, NULL);
  if (err) return err;
  err = sio__session_send(s->session, p.msg, 0);
  s->nsp->core->stats.acks_sent += !err;
  sio__packet_clear(&p);
  return err;
}

/* ---- sending to a target --------------------------------------------------------------------- */

static unsigned count_room_names(const char *const *names) {
  unsigned n = 0;
  while (names && names[n]) n++;
  return n;
}

static void log_broadcast(const sio_target *to, const char *event) {
  char rooms[32] = "all sockets";
  if (to->rooms) snprintf(rooms, sizeof rooms, "%u rooms", count_room_names(to->rooms));
  LOG_ABOUT_UNCHECKED(&to->nsp->core->log, SIO_LOG_DEBUG, SIO_PART_ADAPTER,
                      ABOUT_NSP(to->nsp->name),
                      "broadcasting event \"%s\" in namespace %s to %s, except %u rooms", event,
                      to->nsp->name, rooms, count_room_names(to->except));
}

static int encode_and_broadcast_event_to_target(const sio_target *to, const char *event,
                                                sio_args args, sio_query *q) {
  sio_packet p;
  if (to->nsp->core->log.level[SIO_PART_ADAPTER] >= SIO_LOG_DEBUG) log_broadcast(to, event);
  int err =
      sio__packet_encode_broadcast_and_keep_for_replay(&p, to, event, args, q, slice(NULL, 0));
  if (!err) err = to->nsp->ops->broadcast(to->nsp->adapter, to, &p);
  if (err && p.seq) sio__recovery_discard_event_if_newest(to->nsp->recovery, p.seq);
  /* A broadcast to a parent namespace is counted once for each of its children, not here. */
  to->nsp->core->stats.broadcasts += !err && !to->nsp->as_parent;
  sio__packet_clear(&p);
  return err;
}

/* True if this server is closing, which disconnects its sockets, and there are no other servers
 * (the adapter has the flag SIO_ADAPTER_ONE_SERVER). */
static bool is_server_closing_without_cluster(const sio_nsp *nsp) {
  return nsp->core->closing && (nsp->ops->flags & SIO_ADAPTER_ONE_SERVER);
}

int sio_broadcast(sio_target to, const char *event, sio_args args) {
  if (!to.nsp) return UV_EINVAL;
  if (is_server_closing_without_cluster(to.nsp)) return SIO_ECLOSED;
  return event ? encode_and_broadcast_event_to_target(&to, event, args, NULL) : SIO_ENAME;
}

static void call_broadcast_ack_callback(sio_query *q, int status) {
  q->cb.replies(status, &q->replies, q->user);
}

int sio_broadcast_ack(sio_target to, const char *event, sio_args args, unsigned timeout_ms,
                      sio_broadcast_ack_cb cb, void *user) {
  sio_query *q;
  if (!to.nsp || !cb) return UV_EINVAL;
  if (!event) return SIO_ENAME;
  if (!timeout_ms) timeout_ms = to.nsp->core->opts->ack_timeout_ms;
  int err = sio__query_new(&q, to.nsp, timeout_ms, call_broadcast_ack_callback, user);
  if (err) return err;
  q->cb.replies = cb;
  err = encode_and_broadcast_event_to_target(&to, event, args, q);
  if (err)
    sio__query_discard_without_callback(q);
  else
    sio__query_start_timeout_and_end_hold(q, timeout_ms == 0);
  return err;
}

/* Checks the target and the room names of sio_all_join() and sio_all_leave(). sio_join() checks the
 * names too, but is not called if the target has no socket. Returns 0, UV_EINVAL or SIO_ENAME. */
static int check_target_and_room_names(const sio_target *to, const char *const *rooms) {
  if (!to->nsp || !rooms) return UV_EINVAL;
  for (; *rooms; rooms++)
    if (!sio__is_valid_room_name(*rooms)) return SIO_ENAME;
  return 0;
}

int sio_all_join(sio_target to, const char *const *rooms) {
  int err = check_target_and_room_names(&to, rooms);
  if (err) return err;
  if (loop_refuse_call_inside_observer_callback(&to.nsp->core->loop, "sio_all_join()"))
    return SIO_ESTATE;
  return to.nsp->ops->all_join(to.nsp->adapter, &to, rooms);
}

int sio_all_leave(sio_target to, const char *const *rooms) {
  int err = check_target_and_room_names(&to, rooms);
  if (err) return err;
  if (loop_refuse_call_inside_observer_callback(&to.nsp->core->loop, "sio_all_leave()"))
    return SIO_ESTATE;
  return to.nsp->ops->all_leave(to.nsp->adapter, &to, rooms);
}

int sio_all_disconnect(sio_target to, bool session) {
  if (!to.nsp) return UV_EINVAL;
  if (loop_refuse_call_inside_observer_callback(&to.nsp->core->loop, "sio_all_disconnect()"))
    return SIO_ESTATE;
  return to.nsp->ops->all_disconnect(to.nsp->adapter, &to, session);
}

int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user) {
  if (!to.nsp || !cb) return UV_EINVAL;
  if (loop_refuse_call_inside_observer_callback(&to.nsp->core->loop, "sio_all_each()"))
    return SIO_ESTATE;
  return to.nsp->ops->each(to.nsp->adapter, &to, cb, user);
}
