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
  struct msg *msg; /* the encoded packet */
  /* If the host's custom parser has made msg: the same packet as JSON. Otherwise NULL, because msg
   * is JSON. */
  struct msg *text;
  const char *event; /* the name of the event; NULL in an ack, or if the name is not needed */
  sio_args args;
  sio_query *query; /* collects the acks of a broadcast or the answers of servers; may be NULL */
  uint64_t seq;     /* the number of the event in the replay log; 0: none */
  uint64_t origin;  /* says which thread has sent the event; see sio_packet_info */
  /* Length of the replay offset at the end of the JSON, with comma and quotes; 0: no offset. */
  uint32_t offset_len;
  int send_err; /* the last error of sending to a receiver's session; 0: none yet */
  /* A copy of the JSON without its replay offset. Owned by the packet, and made when an adapter
   * first asks for the JSON. Empty if the JSON contains no offset. */
  sio_slice json_without_offset;
  sio_slice *bins;        /* owned; made when an adapter first asks for the attachments */
  uint32_t uncounted;     /* number of receivers that were not added to the statistics yet */
  uint32_t max_uncounted; /* when `uncounted` reaches this, it is added to the statistics */
};

/* Encodes an event, or an ack if event is NULL. Of flags only SIO_NO_COMPRESS and SIO_VOLATILE
 * matter; ack_id is an id or PACKET_NO_ID. If r is not NULL, appends a replay offset to the
 * arguments of the event, and gives the event a number (p->seq) unless it is volatile. The caller
 * has to call sio__packet_clear() afterwards; after an error it may. */
int sio__packet_encode_event_or_ack(sio_packet *p, sio_nsp *nsp, unsigned flags, const char *event,
                                    sio_args args, int64_t ack_id, struct recovery *r);
/* Encodes an event for a broadcast to this target. If q is not NULL, the event requests acks, which
 * q collects. If offset.n is not 0, appends this replay offset, which the adapter has made.
 * Otherwise, if q is NULL and the namespace keeps a replay log, appends an offset of this server,
 * and calls sio__packet_add_to_replay_log() unless the event is volatile. The caller has to call
 * sio__packet_clear() afterwards; after an error it may. */
int sio__packet_encode_broadcast_and_keep_for_replay(sio_packet *p, const sio_target *to,
                                                     const char *event, sio_args args, sio_query *q,
                                                     sio_slice offset);
/* Allows that the event, which must not request acks, is dropped for a receiver that reads too
 * slowly (when_full). If key is not NULL, older events with the same key may be dropped first
 * (SIO_FULL_KEEP_LATEST). */
void sio__packet_mark_droppable(sio_packet *p, const char *key);
void sio__packet_clear(sio_packet *p); /* *p may be all zeros */

/* Makes the packet that is passed to sio_adapter_ops.server_emit when the host has called
 * sio_server_side_emit() in another thread of this process. json is the array
 * ["event",arguments...]. q collects the answers, or is NULL. The caller frees the packet with
 * sio__remote_packet_free(). Returns 0 or UV_ENOMEM. */
int sio__packet_new_for_other_servers(sio_packet **out, sio_nsp *nsp, sio_slice json,
                                      const sio_slice *bins, size_t nbins, sio_query *q);

/* ---- for adapters: members of sio_adapter_api; the first five are in remote_packet.c ---- */

int sio__packet_new_from_remote_event(const sio_target *to, sio_slice json, const sio_slice *bins,
                                      size_t nbins, sio_query *q, sio_slice offset,
                                      sio_packet **out);
int sio__packet_copy(const sio_packet *p, sio_packet **out);
void sio__remote_packet_free(sio_packet *p);
int sio__packet_broadcast_in_process(const sio_packet *p, const sio_target *to);
int sio__packet_broadcast_in_process_with_origin(const sio_packet *p, const sio_target *to,
                                                 uint64_t origin);
int sio__packet_get_info(const sio_packet *packet, sio_packet_info *out);
int sio__packet_deliver_to_socket(const sio_packet *p, sio_socket *s, unsigned flags);

/* Returns the replay offset in the JSON of a packet, or an empty slice if it has none. */
sio_slice sio__packet_get_replay_offset(const sio_packet *p);
/* Adds a packet, whose p->seq must not be 0, to the replay log, for clients in the target that are
 * gone or will lose their connection, and may return. Adds nothing if no client can be
 * recovered. */
void sio__packet_add_to_replay_log(const sio_packet *p, const sio_target *to);

#endif
