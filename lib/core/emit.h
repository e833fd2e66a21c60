/* SPDX-License-Identifier: MIT
 *
 * emit.h - one encoded packet and its receivers.
 */
#ifndef SIO_CORE_EMIT_H
#define SIO_CORE_EMIT_H

#include "base/msg.h"
#include <sio/adapter.h>

struct sio_packet {
  sio_nsp *nsp;
  struct msg *msg;   /* what receivers are sent                                        */
  struct msg *text;  /* the JSON it was made from; NULL: msg is JSON itself               */
  const char *event; /* what sio_on_any_outgoing() shows */
  sio_args args;
  sio_query *query; /* it asks for acks; NULL: it does not */
  uint64_t seq;     /* its number, if a peer may be sent it again; 0: none       */
  uint32_t tail;    /* bytes that its offset takes behind the arguments          */
  sio_slice json;   /* owned: the event without its offset, if it may travel     */
  uint32_t sent;    /* receivers it was queued for, and that are not counted yet */
  uint32_t batch;   /* so many are counted together, the rest when it is cleared */
};

/* An event, as the target's flags and key want it, which asks for q's acks unless q is NULL. The
 * caller clears it. */
int sio__packet_encode(sio_packet *p, const sio_target *to, const char *event, sio_args args,
                       sio_query *q);
void sio__packet_clear(sio_packet *p); /* also after an error, or if it is all zero */

/* Encodes and sends an ACK. */
int sio__emit_reply(sio_socket *s, int64_t id, sio_args args);

#endif
