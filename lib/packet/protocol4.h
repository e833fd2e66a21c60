/* SPDX-License-Identifier: MIT
 *
 * protocol4.h - Socket.IO 2 clients (Engine.IO protocol 3) send their auth as a query string after
 * the name of the namespace, as in "/chat?token=x". Later clients send a JSON object.
 */
#ifndef SIO_PACKET_PROTOCOL4_H
#define SIO_PACKET_PROTOCOL4_H

#include "base/buf.h"
#include "packet/packet.h"

/* Splits the name at its '?': p->nsp becomes the part before it, and p->query the part after it. */
void sio__split_query_from_namespace(struct packet *p);
/* Converts the query to the JSON object that newer clients send, such as {"token":"x"}. Initialises
 * *out, which the caller has to clear. Returns 0 or UV_ENOMEM. */
int sio__query_string_to_auth_json(struct buf *out, sio_slice query);

#endif
