/* SPDX-License-Identifier: MIT
 *
 * receive_event.h - events that other Socket.IO servers broadcast.
 */
#ifndef SIO_REDIS_RECEIVE_EVENT_H
#define SIO_REDIS_RECEIVE_EVENT_H

#include "redis/receive_target.h"

/* A callback for subscription.on_message. */
void sio__on_broadcast_message(struct subscription *s, sio_slice channel, sio_slice payload);
/* Parses the packet of a broadcast. Sets *data to the event. In the classic adapter sets *ours to
 * whether the packet is for the namespace of the adapter; in the others sets it to true. Returns 0
 * or SIO_EPROTO. */
int sio__parse_event_packet(const sio_adapter *a, sio_slice packet, sio_slice *data, bool *ours);
int sio__deliver_received_broadcast(sio_adapter *a, sio_slice packet, sio_slice opts);
/* Sends the event `data` to the local sockets of the target. q: the query that collects the acks of
 * these sockets; NULL: no acks. offset: the id of the event in the stream, for recovery; may be
 * empty. origin: sio_packet_info.origin of an event of this process, otherwise 0. */
int sio__deliver_event_to_local_sockets(sio_adapter *a, sio_slice data, const sio_target *to,
                                        sio_query *q, sio_slice offset, uint64_t origin);
/* Sends a packet to the sockets of this process that are in the target. */
int sio__deliver_packet_to_local_sockets(sio_adapter *a, const sio_packet *p, const sio_target *to,
                                         uint64_t origin);

/* A broadcast, parsed from an entry of a stream. The caller of sio__received_event_parse() must
 * call sio__received_event_clear(), also after an error. */
struct received_event {
  struct unpacked message;
  struct received_target target;
  sio_slice data; /* the event; a part of message.value */
};
int sio__received_event_parse(struct received_event *ev, sio_adapter *a, sio_slice message);
void sio__received_event_clear(struct received_event *ev);
int sio__received_event_deliver(sio_adapter *a, const struct received_event *ev, const char *key,
                                sio_slice offset, uint64_t origin);
int sio__received_event_add_to_restore(sio_adapter *a, const struct received_event *ev,
                                       sio_restore *r, sio_slice offset);

#endif
