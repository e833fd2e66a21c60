/* SPDX-License-Identifier: MIT
 *
 * receive_target.h - which sockets of this process a received message is for.
 */
#ifndef SIO_REDIS_RECEIVE_TARGET_H
#define SIO_REDIS_RECEIVE_TARGET_H

#include "redis/publish.h"
#include "redis/unpack.h"

struct received_target {
  struct unpacked_names rooms, except;
  /* the message has no array of rooms, or an empty one: it is for all sockets that are not in a
   * room of `except` */
  bool everybody;
  unsigned flags;
  uint64_t timeout_ms;
};

/* Parses `opts`, which says which sockets a message is for. If opts has no bytes, the message is
 * for all sockets of the namespace. The caller must call sio__received_target_clear(), also after
 * an error. */
int sio__received_target_parse(struct received_target *t, sio_slice opts);
void sio__received_target_clear(struct received_target *t);
/* Parses the rooms that a message is for. If `rooms` has no bytes or is an empty array, the message
 * is not limited to rooms. If `rooms` has elements, but sio__unpack_room_name() accepts none of
 * them, the message is for no socket. */
int sio__received_target_parse_rooms(struct received_target *t, sio_slice rooms);
sio_target sio__make_target_in_process(const sio_adapter *a, const struct received_target *t);

#endif
