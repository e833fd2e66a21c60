/* SPDX-License-Identifier: MIT
 *
 * ack.c - the replies we owe: at once through the event, or later through a handle.
 */
#include "base/mem.h"
#include "sio/emit.h"
#include "sio/event.h"
#include "sio/packet.h"
#include <sio/event.h>
#include <sio/socket.h>

struct sio_ack {
  sio_socket *socket; /* one reference */
  int64_t id;
};

bool sio_event_wants_ack(const sio_event *e) { return e->ack_id != PACKET_NO_ID && !e->ack_used; }

int sio_reply(sio_event *e, sio_args args) {
  if (e->ack_id == PACKET_NO_ID) return 0;
  if (e->ack_used) return SIO_ESTATE;
  int err = sio__emit_reply(e->socket, e->ack_id, args);
  e->ack_used = err == 0;
  return err;
}

sio_ack *sio_event_take_ack(sio_event *e) {
  if (!sio_event_wants_ack(e)) return NULL;
  sio_ack *ack = sio__malloc(sizeof *ack);
  if (!ack) return NULL;
  *ack = (sio_ack){ .socket = sio_socket_ref(e->socket), .id = e->ack_id };
  e->ack_used = true;
  return ack;
}

int sio_ack_send(sio_ack *ack, sio_args args) {
  if (!ack) return 0;
  int err = sio__emit_reply(ack->socket, ack->id, args);
  sio_ack_drop(ack);
  return err;
}

void sio_ack_drop(sio_ack *ack) {
  if (!ack) return;
  sio_socket_unref(ack->socket);
  sio__free(ack);
}

sio_socket *sio_ack_socket(const sio_ack *ack) { return ack->socket; }
