/* SPDX-License-Identifier: MIT
 *
 * heard.h - what other servers publish: for subscription.heard.
 */
#ifndef SIO_REDIS_HEARD_H
#define SIO_REDIS_HEARD_H

#include "redis/question.h"
#include "redis/unpack.h"

void sio__heard_broadcast(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__heard_request(struct subscription *s, sio_slice channel, sio_slice payload);
/* All messages of the sharded adapter. */
void sio__heard_sharded(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__heard_response(struct subscription *s, sio_slice channel, sio_slice payload);

/* ---- the streams adapter: messages are JSON, or MessagePack ---------------------------------- */

struct heard_target {
  struct unpacked_names rooms, except;
  unsigned flags;
  uint64_t timeout_ms;
};

/* Sends an event to the sockets of this process. */
int sio__heard_send(sio_adapter *a, const sio_packet *p, const sio_target *to);

/* A broadcast, read and checked. Clear it in any case. */
struct heard_event {
  struct unpacked message;
  struct heard_target target;
  bool everybody;
  sio_slice data; /* the event; in the message */
};
int sio__heard_open_event(struct heard_event *ev, sio_adapter *a, sio_slice message);
void sio__heard_clear_event(struct heard_event *ev);
int sio__heard_deliver_event(sio_adapter *a, const struct heard_event *ev, const char *key,
                             sio_slice offset);
int sio__heard_add_missed(sio_adapter *a, const struct heard_event *ev, sio_restore *r,
                          sio_slice offset);

/* Joins, leaves and disconnects; type: enum sharded_type. */
int sio__heard_bulk(sio_adapter *a, unsigned type, sio_slice message);

/* A socket that may be recovered. Clear it in any case. */
struct heard_session {
  struct unpacked message;
  char id[24], pid[24];
  struct unpacked_names rooms;
  struct unpacked_json data;
};
int sio__heard_open_session(struct heard_session *s, sio_adapter *a, sio_slice message);
void sio__heard_clear_session(struct heard_session *s);

#endif
