/* SPDX-License-Identifier: MIT
 *
 * timer.c - a hierarchical timer wheel.
 *
 * On level l, time is divided into windows of 64^l ms. The distance of a timer from now determines
 * its level (64^l <= distance < 64^(l+1)); the number of its window, modulo 64, is its slot on that
 * level. So a slot below the top level contains the timers of one window only. When the start of a
 * window is reached, its timers move to lower levels; on level 0 they fire. A slot of the top level
 * may contain timers of several windows; those of later windows stay there for another round.
 */
#include "base/timer.h"

#include <string.h>

enum { BITS = 6, TOP = TIMER_LEVELS - 1 };

_Static_assert(1 << BITS == TIMER_SLOTS, "TIMER_SLOTS must be 2 to the power of BITS");

static uint64_t timer_wheel_window_number(uint64_t at, unsigned level) {
  return at >> (BITS * level);
}

void sio__timers_init(struct timers *w, uint64_t now) {
  w->now = now;
  memset(w->used, 0, sizeof w->used);
  list_init(&w->due);
  for (unsigned l = 0; l < TIMER_LEVELS; l++)
    for (unsigned s = 0; s < TIMER_SLOTS; s++) list_init(&w->slot[l][s]);
}

static void timers_insert_into_wheel_slot(struct timers *w, struct timer *t) {
  uint64_t distance = t->at - w->now;
  unsigned level = distance ? (unsigned)(63 - __builtin_clzll(distance)) / BITS : 0;
  if (level > TOP) level = TOP;
  unsigned slot = timer_wheel_window_number(t->at, level) % TIMER_SLOTS;
  list_append(&w->slot[level][slot], &t->link);
  w->used[level] |= UINT64_C(1) << slot;
}

void sio__timer_start(struct timers *w, struct timer *t, uint64_t at) {
  sio__timer_stop(w, t);
  t->at = at;
  if (at <= w->now)
    list_append(&w->due, &t->link);
  else
    timers_insert_into_wheel_slot(w, t);
}

/* Must be called when the list `head` has become empty. If it is the list of a slot, clears the bit
 * of that slot in w->used. */
static void timers_clear_bit_of_empty_slot(struct timers *w, const struct list *head) {
  uintptr_t offset = (uintptr_t)head - (uintptr_t)w->slot;
  if (offset >= sizeof w->slot) return;
  size_t i = offset / sizeof *head;
  w->used[i / TIMER_SLOTS] &= ~(UINT64_C(1) << i % TIMER_SLOTS);
}

void sio__timer_stop(struct timers *w, struct timer *t) {
  struct list *before = t->link.prev;
  if (before == &t->link) return;
  list_remove(&t->link);
  if (list_is_empty(before)) timers_clear_bit_of_empty_slot(w, before);
}

static void timers_take_timers_of_current_slot(struct timers *w, unsigned level,
                                               struct list *into) {
  unsigned slot = timer_wheel_window_number(w->now, level) % TIMER_SLOTS;
  list_init(into);
  list_splice(into, &w->slot[level][slot]);
  w->used[level] &= ~(UINT64_C(1) << slot);
}

/* Moves the timers of each window that begins at w->now, on all levels above 0, to lower levels;
 * those of a later round stay on the top level. On level l a window begins at each time whose lower
 * l * BITS bits are 0. */
static void timers_move_begun_windows_to_lower_levels(struct timers *w) {
  unsigned level = 1;
  while (level < TIMER_LEVELS && w->now % (UINT64_C(1) << (BITS * level)) == 0) level++;
  while (--level > 0) {
    struct list opened, *link;
    timers_take_timers_of_current_slot(w, level, &opened);
    while ((link = list_take_first(&opened)))
      timers_insert_into_wheel_slot(w, container_of(link, struct timer, link));
  }
}

/* Fires all timers in the list `due`. The list is not part of the wheel any more, but a callback
 * can still stop timers in it. */
static void timers_fire_list(struct list *due) {
  struct list *link;
  while ((link = list_take_first(due))) {
    struct timer *t = container_of(link, struct timer, link);
    t->cb(t);
  }
}

static uint64_t timers_start_of_next_nonempty_window(const struct timers *w) {
  uint64_t first = UINT64_MAX;
  for (unsigned level = 0; level < TIMER_LEVELS; level++) {
    uint64_t used = w->used[level];
    if (!used) continue;
    uint64_t after = timer_wheel_window_number(w->now, level) + 1;
    unsigned by = after % TIMER_SLOTS;
    used = used >> by | used << (-by % TIMER_SLOTS);
    uint64_t start = (after + (unsigned)__builtin_ctzll(used)) << (BITS * level);
    if (start < first) first = start;
  }
  return first;
}

uint64_t sio__timers_next_due_time(const struct timers *w) {
  return list_is_empty(&w->due) ? timers_start_of_next_nonempty_window(w) : w->now;
}

void sio__timers_fire_due(struct timers *w, uint64_t now) {
  struct list due;
  list_init(&due);
  list_splice(&due, &w->due);
  timers_fire_list(&due);
  uint64_t at;
  while ((at = timers_start_of_next_nonempty_window(w)) <= now && at != UINT64_MAX) {
    w->now = at;
    timers_move_begun_windows_to_lower_levels(w);
    timers_take_timers_of_current_slot(w, 0, &due);
    timers_fire_list(&due);
  }
  if (now > w->now) w->now = now;
}
