/* SPDX-License-Identifier: MIT
 *
 * pending.h - the acks a socket has asked its peer for and still waits for.
 *
 * Each callback runs exactly once: with the reply, SIO_ETIMEOUT or SIO_ECLOSED. Ids count up from 0
 * for each namespace, so that a question to many has one id for all of them; the ends come in the
 * order of asking. Nothing is allocated while nothing is asked for.
 */
#ifndef SIO_CORE_PENDING_H
#define SIO_CORE_PENDING_H

#include "core/ack_table.h"
#include "packet/packet.h"
#include <sio/emit.h>

/* 0 and *id, SIO_ETOOBIG past max_acks, UV_ENOMEM. */
int sio__pending_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user, int64_t *id);
/* Its part of a question to many: reply and end are the query's. SIO_EEXISTS: it has that part
 * already. */
int sio__pending_ask(sio_socket *s, sio_query *q);
/* The question could not be sent: forgets it, calls nobody. */
void sio__pending_undo(sio_socket *s, int64_t id);
/* An ACK came; one nobody waits for is ignored. */
void sio__pending_reply(sio_socket *s, const struct packet *p);
/* SIO_ECLOSED for all that are left. */
void sio__pending_close(sio_socket *s);

#endif
