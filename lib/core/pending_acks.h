/* SPDX-License-Identifier: MIT
 *
 * pending_acks.h - the acknowledgements that a socket waits for from its peer.
 *
 * The callback of an event to one socket runs exactly once, with the peer's reply, SIO_ETIMEOUT or
 * SIO_ECLOSED. It does not run if the call that sends the event returns an error, or after
 * sio_cancel_ack(). Ack ids are counted per namespace from 0, so that one broadcast with acks uses
 * one id for all its receivers on this server. A socket that waits for no ack holds no memory for
 * acks.
 */
#ifndef SIO_CORE_PENDING_ACKS_H
#define SIO_CORE_PENDING_ACKS_H

#include "packet/packet.h"
#include <sio/emit.h>

struct ack_wait;

/* The acks that one socket waits for (sio_socket.ack_waits). */
struct ack_waits {
  uint32_t n, cap;
  struct ack_wait *v[]; /* sorted by id */
};

/* Begins to wait for an ack with a new id. Returns 0 and sets *id; SIO_ETOOBIG if the socket
 * already waits for max_acks acks; or UV_ENOMEM. */
int sio__pending_ack_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user,
                         int64_t *id);
/* Begins to wait for the ack of socket s that belongs to query q, a broadcast with acks; the query
 * has the timeout and the callback. Returns 0; SIO_EEXISTS if q waits for an ack of this socket
 * already; SIO_ETOOBIG if the socket already waits for max_acks acks; or UV_ENOMEM. */
int sio__pending_ack_add_for_query(sio_socket *s, sio_query *q);
/* Stops waiting for an ack without calling its callback. Used if the event could not be sent, and
 * by sio_cancel_ack(). */
void sio__pending_ack_free_without_callback(sio_socket *s, int64_t id);
/* Handles a received ACK packet. If the socket waits for no ack with this id, the packet is ignored
 * (ignored.h). */
void sio__pending_ack_handle_received_ack(sio_socket *s, const struct packet *p);
/* Ends all pending acks of a socket that has left: their callbacks get SIO_ECLOSED, and acks that
 * belong to queries are counted as lost. */
void sio__pending_acks_fail_all_of_socket(sio_socket *s);

#endif
