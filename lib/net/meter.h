/* SPDX-License-Identifier: MIT
 *
 * meter.h - how much one peer sends: packets and bytes, each by its own bucket, and its pause while
 * it is past one of them.
 *
 * What came is counted after the fact: a peer may go past its burst by what one read, or one POST,
 * brings, and waits the longer for it. So nothing is lost, and the rate holds.
 */
#ifndef SIO_NET_METER_H
#define SIO_NET_METER_H

#include "base/bucket.h"
#include "net/addr_limits.h"
#include <sio/server.h>

struct meter;

/* What all meters of a server share. */
struct meter_settings {
  struct loop *loop;
  struct addr_limits *addr_limits; /* for the log's patience */
  sio_stats *stats;
  struct rate packets, bytes; /* per_s 0: no limit */
  bool closes;                /* SIO_LIMITED_CLOSE */
  void (*tell)(void *owner, const sio_limited *l);
  void *owner;
};

struct meter_ops {
  void (*pause)(struct meter *m);
  void (*resume)(struct meter *m); /* from the loop; it counted as paused until now */
  /* It went past `limit`: closed (wait_ms 0), or paused. */
  void (*limited)(struct meter *m, const char *limit, uint64_t wait_ms);
};

struct meter {
  const struct meter_settings *how;
  const struct meter_ops *ops;
  struct timer timer; /* runs while it is paused */
  struct bucket packets, bytes;
  uint64_t told_at; /* 0: never */
};

static inline bool meter_has_limits(const struct meter_settings *how) {
  return how->packets.per_s || how->bytes.per_s;
}
void sio__meter_init(struct meter *m, const struct meter_settings *how,
                     const struct meter_ops *ops);
void sio__meter_stop(struct meter *m);
static inline bool meter_is_paused(const struct meter *m) { return timer_active(&m->timer); }
/* So much came. False: the peer is to be closed; ops->limited was told. */
bool sio__meter_count(struct meter *m, uint64_t packets, uint64_t bytes);

#endif
