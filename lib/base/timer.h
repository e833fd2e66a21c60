/* SPDX-License-Identifier: MIT
 *
 * timer.h - any number of timers that share one uv_timer_t, in a hierarchical wheel.
 *
 * The wheel has six levels of 64 slots, and a resolution of 1 ms. Starting and stopping a timer is
 * O(1), and a timer moves to a lower level at most five times. Timers that are too far in the
 * future for the top level (two years) stay on it for several rounds. The caller passes the time.
 */
#ifndef SIO_BASE_TIMER_H
#define SIO_BASE_TIMER_H

#include "base/list.h"
#include <stdint.h>

struct timer;
typedef void (*timer_cb)(struct timer *t);

struct timer {
  struct list link;
  uint64_t at; /* absolute time in ms */
  timer_cb cb;
};

enum { TIMER_LEVELS = 6, TIMER_SLOTS = 64 };

struct timers {
  /* The time that was reached. Timers for this time and earlier ones have fired or are being fired,
   * except those in `due`. */
  uint64_t now;
  /* For each level one bit per slot, which is set if the slot contains timers. */
  uint64_t used[TIMER_LEVELS];
  /* Timers that were started for the time `now` or an earlier one. The next sio__timers_fire_due()
   * fires them. */
  struct list due;
  struct list slot[TIMER_LEVELS][TIMER_SLOTS];
};

void sio__timers_init(struct timers *w, uint64_t now);
static inline void timer_init(struct timer *t, timer_cb cb) {
  list_init(&t->link);
  t->at = 0;
  t->cb = cb;
}
static inline bool timer_is_active(const struct timer *t) { return !list_is_empty(&t->link); }
/* Starts or restarts t for the absolute time `at`. If `at` is w->now or earlier, the next call of
 * sio__timers_fire_due() fires t. If `at` is UINT64_MAX, t never fires. */
void sio__timer_start(struct timers *w, struct timer *t, uint64_t at);
void sio__timer_stop(struct timers *w, struct timer *t); /* does nothing if t is not active */
/* Fires all timers that are due: first those in w->due, then the others in the order of their
 * times. A callback may start and stop any timer. A timer that it starts for a time later than
 * w->now (the time that this call has reached) and not later than `now` fires in this call. A timer
 * for w->now or earlier fires in the next call, so that a callback which restarts its timer for
 * "now" cannot loop forever. If `now` is earlier than in the last call, no time has passed. */
void sio__timers_fire_due(struct timers *w, uint64_t now);
/* Returns the time at which sio__timers_fire_due() has to be called next: the time of the first
 * timer, or an earlier time at which timers move to a lower level. Returns w->now if there are
 * timers in w->due, and UINT64_MAX if there are no timers. */
uint64_t sio__timers_next_due_time(const struct timers *w);

#endif
