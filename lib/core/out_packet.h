/* SPDX-License-Identifier: MIT
 *
 * out_packet.h - an encoded event on its way to sockets, as adapters see it: sio_packet.
 */
#ifndef SIO_CORE_OUT_PACKET_H
#define SIO_CORE_OUT_PACKET_H

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
  uint32_t tail;    /* bytes of the replay offset after the arguments            */
  sio_slice json;   /* owned: the event without its offset, once an adapter asked */
  uint32_t sent;    /* receivers it was queued for, and that are not counted yet */
  uint32_t batch;   /* so many are counted together, the rest when it is cleared */
};

#endif
