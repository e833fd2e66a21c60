/* SPDX-License-Identifier: MIT
 *
 * protocol4.h - what clients of Socket.IO 2 (Engine.IO 3) put differently: auth travels as
 * a query after the namespace's name, "/chat?token=x".
 */
#ifndef SIO_PACKET_PROTOCOL4_H
#define SIO_PACKET_PROTOCOL4_H

#include "base/buf.h"
#include "packet/packet.h"

void sio__legacy_split(struct packet *p); /* p->nsp loses its query, p->query gets it */
/* The query as the JSON object that newer clients send: {"token":"x"}. Initialises *out, which the
 * caller clears. 0, UV_ENOMEM. */
int sio__legacy_auth(struct buf *out, sio_slice query);

#endif
