/* SPDX-License-Identifier: MIT
 *
 * ack.c - answers an event for which the sender has requested an ack: at once, or later through a
 * sio_ack.
 */
#include "base/mem.h"
#include "core/core.h"
#include "core/emit.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/server_side.h"
#include "packet/packet.h"
#include <sio/event.h>
#include <sio/socket.h>

struct sio_ack {
  sio_socket *socket; /* a counted reference; NULL if another server has requested the ack */
  int64_t id;
  struct server_side_ack server; /* used if socket is NULL; contains a reference to the namespace */
};

static int send_ack_to_client_or_server(sio_socket *s, int64_t id,
                                        const struct server_side_ack *server, sio_args args) {
  return s ? sio__send_ack_packet(s, id, args) : sio__server_side_send_ack(server, args);
}

bool sio_event_wants_ack(const sio_event *e) { return e->ack_id != PACKET_NO_ID && !e->ack_used; }

int sio_reply(sio_event *e, sio_args args) {
  if (e->ack_id == PACKET_NO_ID) return 0;
  if (e->ack_used) return SIO_ESTATE;
  int err = send_ack_to_client_or_server(e->socket, e->ack_id, e->server_side, args);
  e->ack_used = err == 0;
  return err;
}

sio_ack *sio_event_take_ack(sio_event *e) {
  if (!sio_event_wants_ack(e)) return NULL;
  sio_ack *ack = sio__malloc(sizeof *ack);
  if (!ack) return NULL;
  *ack = (sio_ack){ .socket = e->socket, .id = e->ack_id };
  if (e->socket) {
    sio_socket_ref(e->socket);
  } else {
    ack->server = *e->server_side;
    sio__nsp_and_core_ref(ack->server.nsp);
  }
  e->ack_used = true;
  return ack;
}

int sio_ack_send(sio_ack *ack, sio_args args) {
  if (!ack) return 0;
  int err = send_ack_to_client_or_server(ack->socket, ack->id, &ack->server, args);
  sio_ack_drop(ack);
  return err;
}

void sio_ack_drop(sio_ack *ack) {
  if (!ack) return;
  if (ack->socket)
    sio_socket_unref(ack->socket);
  else
    sio__nsp_and_core_unref(ack->server.nsp);
  sio__free(ack);
}
