/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

#include "test.h"
#include <sio/sio.h>

/* The bucket that v is counted in; -1: in none, or in several. */
static int bucket_of(uint64_t v) {
  sio_histogram h = { 0 };
  histogram_add(&h, v);
  int found = -1;
  for (int i = 0; i < SIO_BUCKETS; i++)
    if (h.count[i]) found = found < 0 && h.count[i] == 1 ? i : -2;
  return h.sum == v ? found : -1;
}

TEST(up_to_64_is_the_first_bucket) {
  EQ(bucket_of(0), 0);
  EQ(bucket_of(1), 0);
  EQ(bucket_of(63), 0);
  EQ(bucket_of(64), 0);
  EQ(bucket_of(65), 1);
}

TEST(a_bound_belongs_to_its_bucket_and_the_next_value_to_the_next) {
  for (int i = 0; i < SIO_BUCKETS - 1; i++) {
    uint64_t bound = sio_bucket_bound(i);
    EQ(bucket_of(bound), i);
    EQ(bucket_of(bound - 1), i);
    EQ(bucket_of(bound + 1), i + 1);
  }
}

TEST(bounds_double_from_64_to_16_mi) {
  EQ(sio_bucket_bound(0), 64);
  for (int i = 1; i < SIO_BUCKETS - 1; i++) EQ(sio_bucket_bound(i), 2 * sio_bucket_bound(i - 1));
  EQ(sio_bucket_bound(SIO_BUCKETS - 2), 16 << 20);
  CHECK(sio_bucket_bound(SIO_BUCKETS - 1) == UINT64_MAX);
}

TEST(whatever_is_above_the_last_bound_is_in_the_last_bucket) {
  EQ(bucket_of((16 << 20) + 1), SIO_BUCKETS - 1);
  EQ(bucket_of(UINT64_C(1) << 32), SIO_BUCKETS - 1);
  EQ(bucket_of(UINT64_C(1) << 63), SIO_BUCKETS - 1);
  EQ(bucket_of(UINT64_MAX), SIO_BUCKETS - 1);
}

TEST(sum_and_total_are_of_all_values) {
  sio_histogram h = { 0 };
  EQ(sio_histogram_total(&h), 0);
  for (uint64_t v = 0; v < 1000; v++) histogram_add(&h, v);
  EQ(h.sum, 499500);
  EQ(sio_histogram_total(&h), 1000);
  EQ(h.count[0], 65);
  EQ(h.count[4], 1000 - 513);
}

TEST(a_value_may_be_added_many_times_at_once) {
  sio_histogram h = { 0 };
  histogram_add_n_times(&h, 1000, 7);
  EQ(h.sum, 7000);
  EQ(h.count[4], 7);
  EQ(sio_histogram_total(&h), 7);
  histogram_add_n_times(&h, 5, 0);
  EQ(h.sum, 7000);
}

TESTS_BEGIN
T(up_to_64_is_the_first_bucket)
T(a_bound_belongs_to_its_bucket_and_the_next_value_to_the_next)
T(bounds_double_from_64_to_16_mi)
T(whatever_is_above_the_last_bound_is_in_the_last_bucket)
T(sum_and_total_are_of_all_values)
T(a_value_may_be_added_many_times_at_once)
TESTS_END
