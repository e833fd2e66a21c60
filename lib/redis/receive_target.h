/* SPDX-License-Identifier: MIT
 *
 * receive_target.h - which sockets of this process a message of another server is for.
 */
#ifndef SIO_REDIS_RECEIVE_TARGET_H
#define SIO_REDIS_RECEIVE_TARGET_H

#include "redis/publish.h"
#include "redis/unpack.h"

struct received_target {
  struct unpacked_names rooms, except;
  bool everybody; /* no room was named, so all sockets are meant */
  unsigned flags;
  uint64_t timeout_ms;
};

/* Reads a target. If opts is missing, the target is all sockets. The caller must clear *t, also
 * after an error. */
int sio__received_target_parse(struct received_target *t, sio_slice opts);
void sio__received_target_clear(struct received_target *t);
/* Reads the rooms of a target. A missing value, or an empty array, means all sockets. If the array
 * has only names that cannot be rooms here, no socket is meant. */
int sio__received_target_parse_rooms(struct received_target *t, sio_slice rooms);
sio_target sio__make_local_target(const sio_adapter *a, const struct received_target *t);

#endif
