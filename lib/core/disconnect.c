/* SPDX-License-Identifier: MIT
 *
 * disconnect.c - a socket's end: at once for whoever asks, its callbacks later.
 */
#include "core/client.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/nsp.h"
#include "core/recovery.h"
#include "core/socket.h"
#include "packet/parser.h"

static const char *detail_of(const sio_socket *s) {
  if (s->expired) return "its deadline passed";
  switch (s->reason) {
    case SIO_REASON_CLIENT_NSP_DISCONNECT: return "the client left the namespace";
    case SIO_REASON_SERVER_NSP_DISCONNECT: return "disconnected by the host";
    case SIO_REASON_SERVER_SHUTTING_DOWN: return "the server closes";
    default: return "the connection ended";
  }
}

void sio__socket_start_leaving(sio_socket *s, int reason) {
  struct core *core = s->nsp->core;
  s->state = SOCKET_LEAVING;
  s->reason = (uint8_t)reason;
  if (!map_empty(&core->deadlines)) sio__socket_clear_deadline(s);
  sio__nsp_remove_member(s->nsp, s);
  sio__recovery_leave(s, reason);
  core->stats.sockets--;
  core->stats.sockets_closed[reason]++;
  list_remove(&s->leaving);
  list_push(&core->leaving, &s->leaving);
  sio__loop_defer(&core->loop, &core->finish_leaving);
}

/* Out of its rooms, its client and its library's hands; the handle may live on. */
static void detach(sio_socket *s) {
  const sio_adapter_ops *ops = s->nsp->ops;
  bool had_arrived = s->state == SOCKET_LEAVING;
  s->state = SOCKET_LEFT;
  ops->leave_all(s->nsp->adapter, s);
  if (had_arrived && ops->depart) ops->depart(s->nsp->adapter, s);
  sio__client_remove_socket(client_of(s->session), s);
}

static void let_go(sio_socket *s) {
  s->session = NULL;
  sio_socket_unref(s);
}

void sio__socket_finish_leaving(sio_socket *s, const sio_close_info *why) {
  sio_close_info own = {
    .reason = s->reason, .err = s->expired ? SIO_ETIMEOUT : 0, .detail = detail_of(s), .ws_text = ""
  };
  if (!why) why = &own;
  list_remove(&s->leaving);
  sio__nsp_run_disconnect_hooks(&s->nsp->disconnecting, s, why);
  sio__recovery_pack(s);
  detach(s);
  sio__event_queue_close(s);
  LOG_RATED(&s->nsp->core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_SOCKET_LEFT, NULL,
            "socket %s left %s: %s (%s)", s->own_id, s->nsp->name, sio_reason_str(why->reason),
            why->detail);
  sio__nsp_run_disconnect_hooks(&s->nsp->disconnect, s, why);
  sio__recovery_stow(s);
  sio__pending_close(s);
  let_go(s);
}

void sio__finish_leaving_sockets(struct task *t) {
  struct core *core = container_of(t, struct core, finish_leaving);
  while (!list_empty(&core->leaving))
    sio__socket_finish_leaving(container_of(list_first(&core->leaving), sio_socket, leaving), NULL);
}

void sio__socket_discard_pending(sio_socket *s) {
  sio__recovery_dropped(s);
  detach(s);
  let_go(s);
}

/* ---- asked for by the host ---------------------------------------------------------- */

static int send_disconnect(sio_socket *s) {
  struct msg *m;
  struct core *core = s->nsp->core;
  int err = sio__encode_disconnect(&core->loop.msgs, &m, s->nsp->name);
  if (!err)
    err = sio__parser_recode(core->opts->parser, &core->loop.msgs, &m, PACKET_DISCONNECT,
                             slice_str(s->nsp->name));
  if (err) return err;
  err = sio__session_send(s->session, m, 0);
  msg_unref(m);
  return err;
}

void sio_disconnect(sio_socket *s) {
  if (loop_refuses_moves(&s->nsp->core->loop, "sio_disconnect()")) return;
  if (!sio_socket_connected(s)) return;
  struct client *cl = client_of(s->session);
  /* A peer that cannot be told must not go on believing that it is connected. */
  if (send_disconnect(s) == UV_ENOMEM) sio__client_end_no_memory(cl);
  sio__client_note_left_nsp(cl, s->nsp);
  sio__socket_start_leaving(s, SIO_REASON_SERVER_NSP_DISCONNECT);
}

void sio_disconnect_session(sio_socket *s) {
  if (loop_refuses_moves(&s->nsp->core->loop, "sio_disconnect_session()")) return;
  if (!s->session || !sio__session_open(s->session)) return;
  for (sio_socket *o = client_of(s->session)->sockets; o; o = o->next) sio_disconnect(o);
  sio__session_end(s->session, false, SIO_REASON_FORCED_CLOSE, 0, "disconnected by the host");
}
