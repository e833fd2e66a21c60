/* SPDX-License-Identifier: MIT
 *
 * out_packet.h - struct sio_packet: an event or ack that is encoded once and sent to any number of
 * sockets. Its public part, for adapters, is in <sio/adapter.h>.
 */
#ifndef SIO_CORE_OUT_PACKET_H
#define SIO_CORE_OUT_PACKET_H

#include "base/msg.h"
#include <sio/adapter.h>

struct recovery;

struct sio_packet {
  sio_nsp *nsp;
  struct msg *msg;   /* the bytes that receivers are sent */
  struct msg *text;  /* the JSON from which a custom parser made msg; NULL: msg is JSON */
  const char *event; /* the name, for sio_on_any_outgoing(); NULL for an ack */
  sio_args args;
  sio_query *query;    /* collects the acks; NULL: the event asks for none */
  uint64_t seq;        /* its number in the replay log; 0: it is not replayed */
  uint32_t offset_len; /* the length of the replay offset that ends the JSON, with its comma */
  sio_slice json_without_offset; /* owned; made when an adapter first asks for the JSON */
  sio_slice *bins;               /* owned; made when an adapter first asks for the attachments */
  uint32_t uncounted;            /* receivers that are not yet in the statistics */
  uint32_t max_uncounted;        /* when there are so many, they are added to the statistics */
};

/* Encodes an event, or an ack if event is NULL, with SIO_ flags and the ack id or PACKET_NO_ID. If
 * r is not NULL, the event ends with a replay offset and, unless it is volatile, gets a sequence
 * number in the replay log. The caller clears p, also after an error. */
int sio__packet_encode(sio_packet *p, sio_nsp *nsp, unsigned flags, const char *event,
                       sio_args args, int64_t ack_id, struct recovery *r);
/* Encodes an event for a broadcast to this target, with acks for q unless q is NULL, and keeps it
 * for recovery. It ends with this offset of an adapter unless offset.n is 0. The caller clears p,
 * also after an error. */
int sio__packet_encode_broadcast(sio_packet *p, const sio_target *to, const char *event,
                                 sio_args args, sio_query *q, sio_slice offset);
/* Allows an event without acks to be dropped for a receiver that reads slowly. Of the queued events
 * with the same key only the newest is kept; key may be NULL. */
void sio__packet_mark_droppable(sio_packet *p, const char *key);
void sio__packet_clear(sio_packet *p); /* does nothing if p is all zero */

/* A packet for sio_adapter_ops.server_emit out of an event that another thread's server sends to
 * other servers: json is the array with the name first. q may be NULL. 0 or UV_ENOMEM. */
int sio__packet_new_for_other_servers(sio_packet **out, sio_nsp *nsp, sio_slice json,
                                      const sio_slice *bins, size_t nbins, sio_query *q);

/* ---- for adapters: members of sio_adapter_api; the first four are in remote_packet.c ---- */

int sio__packet_new(const sio_target *to, sio_slice json, const sio_slice *bins, size_t nbins,
                    sio_query *q, sio_slice offset, sio_packet **out);
int sio__packet_copy(const sio_packet *p, sio_packet **out);
void sio__packet_free(sio_packet *p);
int sio__packet_broadcast(const sio_packet *p, const sio_target *to);
int sio__packet_get_info(const sio_packet *packet, sio_packet_info *out);
int sio__packet_deliver(const sio_packet *p, sio_socket *s, unsigned flags);

/* Keeps a packet with a number (p->seq) for sockets of the target that return later. */
void sio__packet_keep_for_recovery(const sio_packet *p, const sio_target *to);

#endif
