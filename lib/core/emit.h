/* SPDX-License-Identifier: MIT
 *
 * emit.h - sends an ACK packet. The other functions of emit.c are public (<sio/emit.h>).
 */
#ifndef SIO_CORE_EMIT_H
#define SIO_CORE_EMIT_H

#include <sio/emit.h>

/* Encodes an ACK packet with this id, and sends it. */
int sio__send_ack_packet(sio_socket *s, int64_t id, sio_args args);

#endif
