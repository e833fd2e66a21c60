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
  struct msg *msg; /* the bytes that receivers are sent */
  /* The JSON that a custom parser has converted to msg; NULL if msg itself is JSON. */
  struct msg *text;
  const char *event; /* the name, for sio_on_any_outgoing(); NULL for an ack */
  sio_args args;
  sio_query *query; /* the query that collects the acks; NULL if no acks are requested */
  uint64_t seq;     /* the number of the event in the replay log; 0 if it is never replayed */
  /* Length of the replay offset at the end of the JSON, with comma and quotes. */
  uint32_t offset_len;
  sio_slice json_without_offset; /* owned; made when an adapter first asks for the JSON */
  sio_slice *bins;               /* owned; made when an adapter first asks for the attachments */
  uint32_t uncounted;            /* receivers that have not been added to the statistics yet */
  uint32_t max_uncounted;        /* when `uncounted` reaches this, it is added to the statistics */
};

/* Encodes an event, or an ack if event is NULL, with SIO_ flags and the ack id or PACKET_NO_ID. If
 * r is not NULL, a replay offset is appended to the event, and it gets a number in the replay log
 * unless it is volatile. The caller clears p, also after an error. */
int sio__packet_encode(sio_packet *p, sio_nsp *nsp, unsigned flags, const char *event,
                       sio_args args, int64_t ack_id, struct recovery *r);
/* Encodes an event for a broadcast to this target, and keeps it for recovery. If q is not NULL,
 * acks are requested for it. If offset.n is not 0, the adapter's offset is appended to the event.
 * The caller clears p, also after an error. */
int sio__packet_encode_broadcast(sio_packet *p, const sio_target *to, const char *event,
                                 sio_args args, sio_query *q, sio_slice offset);
/* Allows that an event without acks is dropped for a receiver that reads slowly. Of the queued
 * events with the same key only the newest is kept; key may be NULL. */
void sio__packet_mark_droppable(sio_packet *p, const char *key);
void sio__packet_clear(sio_packet *p); /* does nothing if p is all zero */

/* Makes a packet for sio_adapter_ops.server_emit from an event that the server of another thread
 * sends to other servers. json is an array with the name first. q may be NULL. Returns 0 or
 * UV_ENOMEM. */
int sio__packet_new_for_other_servers(sio_packet **out, sio_nsp *nsp, sio_slice json,
                                      const sio_slice *bins, size_t nbins, sio_query *q);

/* ---- for adapters: members of sio_adapter_api; the first four are in remote_packet.c ---- */

int sio__packet_new_from_remote_event(const sio_target *to, sio_slice json, const sio_slice *bins,
                                      size_t nbins, sio_query *q, sio_slice offset,
                                      sio_packet **out);
int sio__packet_copy(const sio_packet *p, sio_packet **out);
void sio__packet_free(sio_packet *p);
int sio__packet_broadcast_to_target(const sio_packet *p, const sio_target *to);
int sio__packet_get_info(const sio_packet *packet, sio_packet_info *out);
int sio__packet_deliver_to_socket(const sio_packet *p, sio_socket *s, unsigned flags);

/* Keeps a packet with a number (p->seq) in the replay log, for sockets of the target that return
 * later. */
void sio__packet_keep_for_recovery(const sio_packet *p, const sio_target *to);

#endif
