/* SPDX-License-Identifier: MIT
 *
 * test_timer.c - the wheel against a plain array of deadlines, and what callbacks may do.
 */
#include "base/timer.h"
#include "test.h"

enum { TIMERS = 200 };

struct model {
  struct timer timer; /* first, so that a callback finds its model */
  uint64_t due;       /* when it must fire: the deadline, or the start if that was later */
  bool active;
};

static struct timers wheel;
static struct model models[TIMERS];
static uint64_t seed, now, last_fired;
static unsigned fired;

static uint64_t rnd(uint64_t below) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return (seed >> 8) % below;
}

static void on_fire(struct timer *t) {
  struct model *m = (struct model *)t;
  CHECK(m->active);
  CHECK(!timer_is_active(t));
  CHECK(m->due <= now);
  CHECK(m->due >= last_fired);
  last_fired = m->due;
  m->active = false;
  fired++;
}

static void begin(uint64_t at) {
  seed = 88172645463325252u + at;
  now = at;
  last_fired = fired = 0;
  sio__timers_init(&wheel, at);
  for (int i = 0; i < TIMERS; i++) {
    models[i] = (struct model){ 0 };
    timer_init(&models[i].timer, on_fire);
  }
}

static void start(struct model *m, uint64_t at) {
  sio__timer_start(&wheel, &m->timer, at);
  m->due = at > now ? at : now;
  m->active = true;
}

static uint64_t true_first(void) {
  uint64_t first = UINT64_MAX;
  for (int i = 0; i < TIMERS; i++)
    if (models[i].active && models[i].due < first) first = models[i].due;
  return first;
}

static void run(uint64_t at) {
  now = at > now ? at : now;
  last_fired = 0;
  sio__timers_fire_due(&wheel, at);
}

static void check_model(void) {
  uint64_t first = true_first(), next = sio__timers_next_due_time(&wheel);
  CHECK(next <= first);
  EQ(next == UINT64_MAX, first == UINT64_MAX);
  CHECK(next >= now);
  for (int i = 0; i < TIMERS; i++) EQ(timer_is_active(&models[i].timer), models[i].active);
}

/* Any scale from a millisecond to centuries. */
static uint64_t any_span(unsigned bits) { return rnd(UINT64_C(1) << rnd(bits)); }

static void one_step(void) {
  struct model *m = &models[rnd(TIMERS)];
  switch (rnd(8)) {
    case 0:
    case 1:
    case 2: start(m, now + any_span(44)); break;
    case 3: start(m, now - (now < 1000 ? now : rnd(1000))); break;
    case 4: sio__timer_stop(&wheel, &m->timer), m->active = false; break;
    case 5: run(now + any_span(rnd(20) ? 20 : 40)); break;
    case 6:
      run(sio__timers_next_due_time(&wheel) == UINT64_MAX ? now
                                                          : sio__timers_next_due_time(&wheel));
      break;
    default: run(now - (now < 5 ? now : rnd(5))); break; /* a clock that goes back */
  }
}

static void check_nothing_overdue(uint64_t before) {
  for (int i = 0; i < TIMERS; i++)
    CHECK(!models[i].active || models[i].due > before || models[i].due == now);
}

TEST(random_starts_stops_and_jumps_agree_with_a_plain_array) {
  static const uint64_t origins[] = {
    0, 1, 63, 4095, 1000003, (UINT64_C(1) << 36) - 3, (UINT64_C(1) << 42) + 12345, UINT64_C(1) << 60
  };
  for (size_t o = 0; o < sizeof origins / sizeof *origins; o++) {
    begin(origins[o]);
    for (int i = 0; i < 30000 && !test__failed; i++) {
      uint64_t before = now;
      one_step();
      check_nothing_overdue(before);
      check_model();
    }
    CHECK(fired > 3000);
  }
}

TEST(each_timer_fires_at_its_very_millisecond) {
  begin(777);
  for (int i = 0; i < TIMERS; i++) start(&models[i], now + 1 + (uint64_t)i * 37);
  for (uint64_t t = now + 1; t <= 777 + 1 + TIMERS * 37; t++) {
    unsigned before = fired;
    run(t);
    EQ(fired - before, (t - 778) % 37 == 0 && (t - 778) / 37 < TIMERS);
  }
}

TEST(running_at_next_reaches_every_deadline_in_few_steps) {
  begin(12345);
  for (int i = 0; i < TIMERS; i++) start(&models[i], now + any_span(40));
  unsigned steps = 0;
  while (sio__timers_next_due_time(&wheel) != UINT64_MAX && !test__failed) {
    CHECK(sio__timers_next_due_time(&wheel) <= true_first());
    run(sio__timers_next_due_time(&wheel));
    steps++;
  }
  EQ(fired, TIMERS);
  CHECK(steps <= TIMERS * TIMER_LEVELS + 32);
}

TEST(a_deadline_beyond_the_top_level_fires_on_time) {
  uint64_t far = UINT64_C(7) << 40;
  begin(99);
  start(&models[0], far);
  start(&models[1], UINT64_MAX);
  run(far - 1);
  EQ(fired, 0);
  CHECK(sio__timers_next_due_time(&wheel) <= far);
  run(far);
  EQ(fired, 1);
  CHECK(timer_is_active(&models[1].timer));
  sio__timer_stop(&wheel, &models[1].timer);
  models[1].active = false;
  check_model();
}

TEST(the_end_of_time_is_reached_and_never_fires) {
  begin(UINT64_MAX - 100);
  start(&models[0], UINT64_MAX - 1);
  start(&models[1], UINT64_MAX);
  run(UINT64_MAX - 2);
  EQ(fired, 0);
  run(UINT64_MAX);
  EQ(fired, 1);
  CHECK(timer_is_active(&models[1].timer));
  sio__timer_stop(&wheel, &models[1].timer);
  run(UINT64_MAX);
  CHECK(sio__timers_next_due_time(&wheel) == UINT64_MAX);
}

TEST(stopping_leaves_nothing_to_wake_up_for) {
  begin(5);
  for (int i = 0; i < TIMERS; i++) start(&models[i], now + any_span(44));
  for (int i = 0; i < TIMERS; i++) {
    sio__timer_stop(&wheel, &models[i].timer);
    sio__timer_stop(&wheel, &models[i].timer);
    models[i].active = false;
  }
  CHECK(sio__timers_next_due_time(&wheel) == UINT64_MAX);
}

static struct timer self, other;
static int self_fired, other_fired;
static uint64_t restart_at;

static void on_self(struct timer *t) {
  self_fired++;
  sio__timer_start(&wheel, t, restart_at);
}

static void on_other(struct timer *t) {
  (void)t;
  other_fired++;
}

static void begin_pair(timer_cb cb) {
  begin(100);
  self_fired = other_fired = 0;
  timer_init(&self, cb);
  timer_init(&other, on_other);
}

TEST(a_timer_that_restarts_itself_for_now_fires_once_per_run) {
  begin_pair(on_self);
  restart_at = 100;
  sio__timer_start(&wheel, &self, 100);
  for (int i = 1; i < 5; i++) {
    CHECK(sio__timers_next_due_time(&wheel) == 100);
    run(100);
    EQ(self_fired, i);
  }
  sio__timer_stop(&wheel, &self);
  CHECK(sio__timers_next_due_time(&wheel) == UINT64_MAX);
}

TEST(a_timer_restarted_for_later_within_the_run_fires_in_it) {
  begin_pair(on_self);
  restart_at = 150;
  sio__timer_start(&wheel, &self, 120);
  run(200);
  EQ(self_fired, 2); /* at 120, at 150; the third is too late for this run */
  CHECK(sio__timers_next_due_time(&wheel) == 200);
  restart_at = 1000;
  run(200);
  EQ(self_fired, 3);
  EQ(self.at, 1000);
}

static void on_self_stop_other(struct timer *t) {
  (void)t;
  self_fired++;
  sio__timer_stop(&wheel, &other);
}

TEST(a_callback_stops_another_timer_of_its_own_millisecond) {
  begin_pair(on_self_stop_other);
  sio__timer_start(&wheel, &self, 170);
  sio__timer_start(&wheel, &other, 170);
  run(300);
  EQ(self_fired, 1);
  EQ(other_fired, 0);
  CHECK(!timer_is_active(&other));
}

static void on_self_start_other(struct timer *t) {
  (void)t;
  self_fired++;
  sio__timer_start(&wheel, &other, 180);
}

TEST(a_callback_moves_another_timer_of_its_own_millisecond) {
  begin_pair(on_self_start_other);
  sio__timer_start(&wheel, &self, 170);
  sio__timer_start(&wheel, &other, 170);
  run(175);
  EQ(other_fired, 0);
  run(180);
  EQ(other_fired, 1);
}

TESTS_BEGIN
T(random_starts_stops_and_jumps_agree_with_a_plain_array)
T(each_timer_fires_at_its_very_millisecond)
T(running_at_next_reaches_every_deadline_in_few_steps)
T(a_deadline_beyond_the_top_level_fires_on_time)
T(the_end_of_time_is_reached_and_never_fires)
T(stopping_leaves_nothing_to_wake_up_for)
T(a_timer_that_restarts_itself_for_now_fires_once_per_run)
T(a_timer_restarted_for_later_within_the_run_fires_in_it)
T(a_callback_stops_another_timer_of_its_own_millisecond)
T(a_callback_moves_another_timer_of_its_own_millisecond)
TESTS_END
