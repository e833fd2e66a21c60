/* SPDX-License-Identifier: MIT */
#include "base/bucket.h"
#include "test.h"

static const struct rate ten = { .per_s = 10, .burst = 5 };

static struct bucket b;

TEST(a_new_bucket_holds_its_burst) {
  b = (struct bucket){ 0 };
  for (int i = 0; i < 5; i++) EQ(sio__bucket_try_take_one(&b, &ten, 1000), 0);
  EQ(sio__bucket_try_take_one(&b, &ten, 1000), 100);
}

TEST(who_is_refused_is_not_charged) {
  b = (struct bucket){ 0 };
  for (int i = 0; i < 5; i++) sio__bucket_try_take_one(&b, &ten, 1000);
  for (int i = 0; i < 50; i++) EQ(sio__bucket_try_take_one(&b, &ten, 1000), 100);
  EQ(sio__bucket_try_take_one(&b, &ten, 1099), 1);
  EQ(sio__bucket_try_take_one(&b, &ten, 1100), 0);
  EQ(sio__bucket_try_take_one(&b, &ten, 1100), 100);
}

TEST(the_rate_is_exact_over_any_steps) {
  static const struct rate three = { .per_s = 3, .burst = 1 };
  b = (struct bucket){ 0 };
  unsigned taken = 0;
  for (uint64_t now = 0; now < 100000; now += 7)
    taken += sio__bucket_try_take_one(&b, &three, now) == 0;
  /* 333.3 ms each, looked at every 7 ms: none is earlier, and what a look is late is not lost for
   * ever. */
  CHECK(taken > 290 && taken <= 301);
}

TEST(a_charge_is_taken_whatever_is_there) {
  b = (struct bucket){ 0 };
  EQ(sio__bucket_charge(&b, &ten, 1000, 5), 0);
  EQ(sio__bucket_charge(&b, &ten, 1000, 10), 1000);
  EQ(sio__bucket_charge(&b, &ten, 1500, 0), 500);
  EQ(sio__bucket_charge(&b, &ten, 2000, 0), 0);
  EQ(sio__bucket_charge(&b, &ten, 2000, 1), 100);
}

TEST(waiting_for_as_long_as_it_says_is_enough_and_a_ms_less_is_not) {
  static const struct rate odd = { .per_s = 7, .burst = 3 };
  b = (struct bucket){ 0 };
  uint64_t wait = sio__bucket_charge(&b, &odd, 1, 100);
  CHECK(sio__bucket_charge(&b, &odd, 1 + wait - 1, 0) > 0);
  EQ(sio__bucket_charge(&b, &odd, 1 + wait, 0), 0);
}

TEST(no_rate_is_no_limit) {
  static const struct rate none = { 0, 0 };
  b = (struct bucket){ 0 };
  EQ(sio__bucket_charge(&b, &none, 1000, UINT64_MAX), 0);
  EQ(sio__bucket_try_take_one(&b, &none, 1000), 0);
  EQ(sio__bucket_refill_ms(&none), 0);
}

TEST(sums_stop_at_the_top) {
  static const struct rate top = { .per_s = RATE_MAX, .burst = RATE_MAX };
  b = (struct bucket){ 0 };
  CHECK(sio__bucket_charge(&b, &ten, 1000, UINT64_MAX) > UINT64_C(1) << 60);
  EQ(b.debt, UINT64_MAX);
  sio__bucket_charge(&b, &ten, 1000, UINT64_MAX / 1000);
  EQ(b.debt, UINT64_MAX);
  b = (struct bucket){ 0 };
  EQ(sio__bucket_charge(&b, &top, 1000, RATE_MAX), 0);
  EQ(sio__bucket_charge(&b, &top, 1000, RATE_MAX), 1000);
}

TEST(a_clock_that_leaps_ahead_makes_it_full_and_no_fuller) {
  b = (struct bucket){ 0 };
  for (int i = 0; i < 5; i++) sio__bucket_try_take_one(&b, &ten, 0);
  EQ(sio__bucket_try_take_one(&b, &ten, UINT64_MAX), 0);
  for (int i = 0; i < 4; i++) EQ(sio__bucket_try_take_one(&b, &ten, UINT64_MAX), 0);
  EQ(sio__bucket_try_take_one(&b, &ten, UINT64_MAX), 100);
}

TEST(a_clock_that_goes_back_stands_still) {
  b = (struct bucket){ 0 };
  for (int i = 0; i < 5; i++) sio__bucket_try_take_one(&b, &ten, 5000);
  EQ(sio__bucket_try_take_one(&b, &ten, 1000), 100);
  EQ(sio__bucket_try_take_one(&b, &ten, 1100), 0);
}

TEST(a_bucket_rests_as_long_as_its_burst_takes) {
  EQ(sio__bucket_refill_ms(&ten), 500);
  EQ(sio__bucket_refill_ms(&(struct rate){ 3, 1 }), 334);
}

TESTS_BEGIN
T(a_new_bucket_holds_its_burst)
T(who_is_refused_is_not_charged)
T(the_rate_is_exact_over_any_steps)
T(a_charge_is_taken_whatever_is_there)
T(waiting_for_as_long_as_it_says_is_enough_and_a_ms_less_is_not)
T(no_rate_is_no_limit)
T(sums_stop_at_the_top)
T(a_clock_that_leaps_ahead_makes_it_full_and_no_fuller)
T(a_clock_that_goes_back_stands_still)
T(a_bucket_rests_as_long_as_its_burst_takes)
TESTS_END
