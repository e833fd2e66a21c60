/* SPDX-License-Identifier: MIT
 *
 * emit.h - one encoded packet and its receivers.
 */
#ifndef SIO_SIO_EMIT_H
#define SIO_SIO_EMIT_H

#include "base/msg.h"
#include <sio/adapter.h>

struct sio_packet {
  sio_nsp *nsp;
  struct msg *msg;
  const char *event; /* what sio_on_any_outgoing() shows */
  sio_args args;
};

/* Encodes and sends an ACK. */
int sio__emit_reply(sio_socket *s, int64_t id, sio_args args);

#endif
