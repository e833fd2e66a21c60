/* SPDX-License-Identifier: MIT
 *
 * receive.h - handles the messages that other servers publish. The first functions are callbacks
 * for subscription.on_message.
 */
#ifndef SIO_REDIS_RECEIVE_H
#define SIO_REDIS_RECEIVE_H

#include "redis/pending_request.h"
#include "redis/unpack.h"

void sio__on_broadcast_message(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__on_request_message(struct subscription *s, sio_slice channel, sio_slice payload);
/* All messages of the sharded adapter. */
void sio__on_sharded_message(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__on_response_message(struct subscription *s, sio_slice channel, sio_slice payload);

/* ---- the streams adapter: messages are JSON, or MessagePack ---------------------------------- */

struct received_target {
  struct unpacked_names rooms, except;
  unsigned flags;
  uint64_t timeout_ms;
};

/* Sends an event to the sockets of this process. */
int sio__deliver_packet_to_local_sockets(sio_adapter *a, const sio_packet *p, const sio_target *to);

/* A broadcast, read and checked. Clear it in any case. */
struct received_event {
  struct unpacked message;
  struct received_target target;
  bool everybody;
  sio_slice data; /* the event; in the message */
};
int sio__received_event_parse(struct received_event *ev, sio_adapter *a, sio_slice message);
void sio__received_event_clear(struct received_event *ev);
int sio__received_event_deliver(sio_adapter *a, const struct received_event *ev, const char *key,
                                sio_slice offset);
int sio__received_event_add_to_restore(sio_adapter *a, const struct received_event *ev,
                                       sio_restore *r, sio_slice offset);

/* Handles an entry of the stream that makes sockets join, leave or disconnect, or is an event for
 * servers. type: enum sharded_type. */
int sio__handle_stream_request(sio_adapter *a, unsigned type, sio_slice message);

/* A socket that may be recovered. Clear it in any case. */
struct received_session {
  struct unpacked message;
  char id[24], pid[24];
  struct unpacked_names rooms;
  struct unpacked_json data;
};
int sio__received_session_parse(struct received_session *s, sio_adapter *a, sio_slice message);
void sio__received_session_clear(struct received_session *s);

#endif
