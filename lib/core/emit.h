/* SPDX-License-Identifier: MIT
 *
 * emit.h - sends an ACK packet. The public functions of emit.c are in <sio/emit.h>.
 */
#ifndef SIO_CORE_EMIT_H
#define SIO_CORE_EMIT_H

#include <sio/emit.h>

/* Encodes an ACK packet with this id and these arguments, and sends it. Returns 0; SIO_ECLOSED if
 * the socket is not connected; or another error. */
int sio__send_ack_packet(sio_socket *s, int64_t id, sio_args args);

#endif
