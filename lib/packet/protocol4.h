/* SPDX-License-Identifier: MIT
 *
 * protocol4.h - Socket.IO 2 clients (Engine.IO protocol 3) send their auth as a query string after
 * the name of the namespace, as in "/chat?token=x". Later clients send a JSON object.
 */
#ifndef SIO_PACKET_PROTOCOL4_H
#define SIO_PACKET_PROTOCOL4_H

#include "base/buf.h"
#include "packet/packet.h"

/* If p->nsp contains a '?', splits it at the first one: p->nsp becomes the part before the '?', and
 * p->query the part after it. */
void sio__packet_split_query_from_namespace(struct packet *p);
/* Writes the query to *out as a JSON object, in the form in which later clients send their auth:
 * for "token=x" that is {"token":"x"}. *out need not be initialized. Returns 0, and the caller has
 * to clear *out; or UV_ENOMEM. */
int sio__auth_query_to_json_object(struct buf *out, sio_slice query);

#endif
