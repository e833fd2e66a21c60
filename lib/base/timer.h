/* SPDX-License-Identifier: MIT
 *
 * timer.h - any number of timers on one uv_timer_t, in a hierarchical wheel.
 *
 * The wheel has six levels of 64 slots with a resolution of 1 ms. Starting and stopping are O(1),
 * and a timer moves to a lower level at most five times. Timers beyond the reach of the top level
 * (two years) stay on it for several rounds. The caller passes the clock.
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
  uint64_t now;                /* every timer up to this time has fired */
  uint64_t used[TIMER_LEVELS]; /* a bit for each slot that contains timers */
  struct list due; /* timers started for a time that had passed; they fire in the next run */
  struct list slot[TIMER_LEVELS][TIMER_SLOTS];
};

void sio__timers_init(struct timers *w, uint64_t now);
static inline void timer_init(struct timer *t, timer_cb cb) {
  list_init(&t->link);
  t->at = 0;
  t->cb = cb;
}
static inline bool timer_is_active(const struct timer *t) { return !list_empty(&t->link); }
/* Starts or restarts t for the absolute time `at`. If that has passed, t fires in the next run.
 * UINT64_MAX never fires. */
void sio__timer_start(struct timers *w, struct timer *t, uint64_t at);
void sio__timer_stop(struct timers *w, struct timer *t); /* no effect on a stopped timer */
/* Fires all timers that are due, in order of their time; those started for a time that had
 * passed come first. A callback may start and stop any timer. A timer that it starts for a time
 * between the current timer's and `now` fires in the same run, and one for an earlier time in
 * the next run, so that a callback that restarts its timer for "now" cannot loop for ever. If
 * the clock goes backwards, no time has passed. */
void sio__timers_fire_due(struct timers *w, uint64_t now);
/* When to call sio__timers_fire_due() again: not later than the first timer is due, and UINT64_MAX
 * if there are no timers. If a timer was started for a time that had passed, the time of the last
 * run. */
uint64_t sio__timers_next_due_time(const struct timers *w);

#endif
