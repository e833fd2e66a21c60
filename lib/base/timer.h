/* SPDX-License-Identifier: MIT
 *
 * timer.h - any number of deadlines behind one uv_timer_t: a hierarchical wheel.
 *
 * Six levels of 64 slots, one millisecond at the finest: start and stop are
 * O(1) whatever the duration, a deadline moves down a level at most five times.
 * Deadlines further away than the top level reaches (two years) go round there
 * until they come near. The clock is passed in: nothing here reads the time.
 */
#ifndef SIO_BASE_TIMER_H
#define SIO_BASE_TIMER_H

#include "base/list.h"
#include <stdint.h>

struct timer;
typedef void (*timer_cb)(struct timer *t);

struct timer {
  struct list link;
  uint64_t at; /* absolute, in ms */
  timer_cb cb;
};

enum { TIMER_LEVELS = 6, TIMER_SLOTS = 64 };

struct timers {
  uint64_t now;                /* everything due until here has fired */
  uint64_t used[TIMER_LEVELS]; /* one bit per slot that holds timers  */
  struct list due;             /* started for now or earlier: for the next run */
  struct list slot[TIMER_LEVELS][TIMER_SLOTS];
};

void sio__timers_init(struct timers *w, uint64_t now);
static inline void timer_init(struct timer *t, timer_cb cb) {
  list_init(&t->link);
  t->at = 0;
  t->cb = cb;
}
static inline bool timer_active(const struct timer *t) { return !list_empty(&t->link); }
/* (Re)starts t for the absolute time `at`; one already past fires at the next run, UINT64_MAX
 * never does. */
void sio__timer_start(struct timers *w, struct timer *t, uint64_t at);
void sio__timer_stop(struct timers *w, struct timer *t); /* no-op when not active */
/* Fires what is due, in order of deadline to the millisecond; what was started too late comes
 * first. A callback may start and stop any timer, its own included. What it starts for a time
 * after the one being fired and until `now` fires in the same run; what it starts for an
 * earlier one fires in the next run, so a callback that restarts itself for "now" cannot loop
 * for ever. A clock that goes back is taken as standing still. */
void sio__timers_run(struct timers *w, uint64_t now);
/* When to run again: never later than the first deadline, and the time of the last run when
 * something waits that was started too late. UINT64_MAX if there is none. */
uint64_t sio__timers_next(const struct timers *w);

#endif
