/* SPDX-License-Identifier: MIT
 *
 * disconnect.c - disconnects sockets. For the host a socket is disconnected at once
 * (sio_socket_connected() is false); its disconnect callbacks run later, normally at the end of the
 * loop's turn.
 */
#include "core/client.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/nsp.h"
#include "core/nsp_note.h"
#include "core/pending_acks.h"
#include "core/recovery_socket.h"
#include "core/socket.h"
#include "packet/parser.h"
#include <assert.h>

static const char *describe_leave_reason(const sio_socket *s) {
  if (s->expired) return "the deadline set with sio_socket_set_deadline() has passed";
  switch (s->reason) {
    case SIO_REASON_CLIENT_NSP_DISCONNECT: return "the client left the namespace";
    case SIO_REASON_SERVER_NSP_DISCONNECT: return "the server disconnected the socket";
    case SIO_REASON_SERVER_SHUTTING_DOWN: return "the server is closing";
    default: return "the connection of the client ended";
  }
}

void sio__socket_start_leaving(sio_socket *s, int reason) {
  struct core *core = s->nsp->core;
  assert(s->state == SOCKET_CONNECTED);
  s->state = SOCKET_LEAVING;
  s->reason = (uint8_t)reason;
  if (!map_is_empty(&core->deadlines)) sio__socket_clear_deadline(s);
  sio__nsp_remove_connected_socket(s->nsp, s);
  sio__recovery_free_record_unless_recoverable(s, reason);
  core->stats.sockets--;
  core->stats.sockets_closed[reason]++;
  /* If CONNECT was answered in this turn of the loop, the socket is in core->just_connected. */
  list_remove(&s->core_link);
  list_append(&core->leaving, &s->core_link);
  sio__loop_defer(&core->loop, &core->finish_leaving);
}

/* Sets the state to LEFT and removes the socket from its rooms and from its client. If the socket
 * was LEAVING, which means that it had been connected, also calls depart() of the adapter. */
static void remove_socket_from_rooms_and_client(sio_socket *s) {
  const sio_adapter_ops *ops = s->nsp->ops;
  bool had_arrived = s->state == SOCKET_LEAVING;
  s->state = SOCKET_LEFT;
  ops->leave_all(s->nsp->adapter, s);
  if (had_arrived && ops->depart) ops->depart(s->nsp->adapter, s);
  sio__client_remove_socket(client_of_session(s->session), s);
}

static void socket_drop_library_ref(sio_socket *s) {
  s->session = NULL;
  sio_socket_unref(s);
}

void sio__socket_finish_leaving_and_run_hooks(sio_socket *s, const sio_close_info *why) {
  sio_close_info own = { .reason = s->reason,
                         .err = s->expired ? SIO_ETIMEOUT : 0,
                         .detail = describe_leave_reason(s),
                         .ws_text = "" };
  assert(s->state == SOCKET_LEAVING);
  if (!why) why = &own;
  list_remove(&s->core_link);
  sio__nsp_run_disconnect_hooks(&s->nsp->disconnecting, s, why);
  sio__recovery_save_socket_rooms(s);
  remove_socket_from_rooms_and_client(s);
  sio__event_queue_close(s);
  LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_SOCKET_LEFT, NULL,
                  ABOUT_SOCKET(s), "socket %s left namespace %s: %s (%s)", s->own_id, s->nsp->name,
                  sio_reason_str(why->reason), why->detail);
  sio__nsp_run_disconnect_hooks(&s->nsp->disconnect, s, why);
  sio__recovery_save_data_and_keep_record(s);
  sio__pending_acks_fail_all_of_socket(s);
  socket_drop_library_ref(s);
}

void sio__finish_all_leaving_sockets(struct task *t) {
  struct core *core = container_of(t, struct core, finish_leaving);
  while (!list_is_empty(&core->leaving))
    sio__socket_finish_leaving_and_run_hooks(
        container_of(list_first(&core->leaving), sio_socket, core_link), NULL);
}

void sio__socket_discard_pending(sio_socket *s) {
  assert(s->state == SOCKET_PENDING);
  sio__recovery_return_or_free_pending_record(s);
  remove_socket_from_rooms_and_client(s);
  socket_drop_library_ref(s);
}

/* ---- disconnecting by the host -------------------------------------------------------------- */

/* Sends DISCONNECT. If the packet cannot be encoded, ends the session: otherwise the peer would
 * believe that it is still connected to the namespace. */
static void send_disconnect_packet(struct client *cl, const sio_nsp *nsp) {
  struct msg *m;
  struct core *core = nsp->core;
  int err = sio__encode_disconnect_packet(&core->loop.msgs, &m, nsp->name);
  if (!err)
    err = sio__custom_parser_reencode_packet_if_set(core->opts->parser, &core->loop.msgs, &m,
                                                    PACKET_DISCONNECT, slice_str(nsp->name));
  if (err) {
    sio__client_disconnect_for_encoding_error(cl, err);
    return;
  }
  sio__session_send(cl->session, m, 0);
  msg_unref(m);
}

static void disconnect_socket_by_host(sio_socket *s) {
  if (!sio_socket_connected(s)) return;
  struct client *cl = client_of_session(s->session);
  if (s->nsp->ops->leaving) s->nsp->ops->leaving(s->nsp->adapter, s);
  send_disconnect_packet(cl, s->nsp);
  sio__client_remember_left_nsp(cl, slice_str(s->nsp->name));
  sio__socket_start_leaving(s, SIO_REASON_SERVER_NSP_DISCONNECT);
}

static void disconnect_session_by_host(sio_session *session) {
  for (sio_socket *s = client_of_session(session)->sockets; s; s = s->next)
    disconnect_socket_by_host(s);
  sio__session_end(session, false, SIO_REASON_FORCED_CLOSE, 0,
                   "the server disconnected the client");
}

void sio_disconnect(sio_socket *s, bool session) {
  if (loop_refuse_call_inside_observer_callback(&s->nsp->core->loop, "sio_disconnect()")) return;
  if (!session)
    disconnect_socket_by_host(s);
  else if (s->session && sio__session_is_open(s->session))
    disconnect_session_by_host(s->session);
}
