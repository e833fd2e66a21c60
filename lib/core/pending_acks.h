/* SPDX-License-Identifier: MIT
 *
 * pending_acks.h - the acknowledgements that a socket waits for from its peer.
 *
 * Each callback runs exactly once: with the peer's reply, SIO_ETIMEOUT or SIO_ECLOSED. Ack ids are
 * counted per namespace from 0, so that one broadcast with acks uses one id for all its receivers.
 * A socket that waits for no ack holds no memory for them.
 */
#ifndef SIO_CORE_PENDING_ACKS_H
#define SIO_CORE_PENDING_ACKS_H

#include "packet/packet.h"
#include <sio/emit.h>

struct ack_wait;

/* sio_socket.ack_waits; NULL while the socket waits for no ack. */
struct ack_waits {
  uint32_t n, cap;
  struct ack_wait *v[]; /* sorted by id */
};

/* Waits for an ack under a new id. 0 and *id; SIO_ETOOBIG: the socket has max_acks already;
 * UV_ENOMEM. */
int sio__pending_ack_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user,
                         int64_t *id);
/* Waits for this socket's answer to a query, which has the timeout and the callback. SIO_EEXISTS:
 * the socket has been asked already. */
int sio__pending_ack_add_to_query(sio_socket *s, sio_query *q);
/* The packet that asks could not be sent: stops waiting without running the callback. */
void sio__pending_ack_cancel(sio_socket *s, int64_t id);
/* An ACK packet was received; one with an unknown id is ignored. */
void sio__pending_ack_complete(sio_socket *s, const struct packet *p);
/* The socket has left: every remaining ack ends with SIO_ECLOSED. */
void sio__pending_acks_close(sio_socket *s);

#endif
