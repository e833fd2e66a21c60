/* SPDX-License-Identifier: MIT
 *
 * emit.h - one encoded packet and its receivers.
 */
#ifndef SIO_CORE_EMIT_H
#define SIO_CORE_EMIT_H

#include "core/out_packet.h"
#include <sio/adapter.h>

/* An event, as the target's flags and key want it, which asks for q's acks unless q is NULL. The
 * caller clears it. */
int sio__packet_encode(sio_packet *p, const sio_target *to, const char *event, sio_args args,
                       sio_query *q);
void sio__packet_clear(sio_packet *p); /* also after an error, or if it is all zero */

/* Encodes and sends an ACK. */
int sio__emit_ack_packet(sio_socket *s, int64_t id, sio_args args);

#endif
