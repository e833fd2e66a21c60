/* SPDX-License-Identifier: MIT
 *
 * meter.h - limits how much one peer sends: a token bucket for packets, another for bytes, and a
 * pause, or the end of the connection, when one of them is exceeded.
 *
 * Packets and bytes are counted after they were received, so a peer may exceed its burst. A pause
 * is then correspondingly longer, and loses nothing that the peer sends.
 */
#ifndef SIO_NET_METER_H
#define SIO_NET_METER_H

#include "base/bucket.h"
#include "net/loop.h"
#include <sio/server.h>

struct meter;

/* State shared by all meters of a server. */
struct meter_settings {
  struct loop *loop;
  sio_stats *stats;
  struct rate packets, bytes; /* per_s 0: no limit */
  bool closes;                /* Close the peer instead of pausing it. */
  void (*on_limited)(void *owner, const sio_limited *l);
  void *owner;
};

struct meter_ops {
  void (*pause)(struct meter *m);
  /* The pause is over. Called by a timer; meter_is_paused() was true until now. */
  void (*resume)(struct meter *m);
  /* The peer exceeded the option named `limit`. It is paused for wait_ms, or is about to be closed
   * by the caller of sio__meter_charge() (wait_ms is 0). Within 10 s after a report, pauses are not
   * reported. */
  void (*limited)(struct meter *m, const char *limit, uint64_t wait_ms);
};

struct meter {
  const struct meter_settings *how;
  const struct meter_ops *ops;
  struct timer timer; /* runs during a pause */
  struct bucket packets, bytes;
  uint64_t reported_at; /* when `limited` was last called; 0: never */
};

static inline bool meter_settings_have_limits(const struct meter_settings *how) {
  return how->packets.per_s || how->bytes.per_s;
}
void sio__meter_init(struct meter *m, const struct meter_settings *how,
                     const struct meter_ops *ops);
void sio__meter_stop_timer(struct meter *m);
static inline bool meter_is_paused(const struct meter *m) { return timer_is_active(&m->timer); }
/* Counts received packets and bytes. If a limit is exceeded, pauses the peer or extends its pause;
 * or, with how->closes, calls ops->limited and returns false: then the caller has to close the
 * peer. Otherwise returns true. */
bool sio__meter_charge(struct meter *m, uint64_t packets, uint64_t bytes);

#endif
