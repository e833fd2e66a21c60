/* SPDX-License-Identifier: MIT
 *
 * test_utc.c - the calendar in UTC, beside the C library's where that can count as far.
 */
#include "base/utc.h"
#include "test.h"

static int64_t seconds_of(int year, int month, int day, int hour, int minute, int second) {
  struct tm tm = { .tm_year = year - 1900,
                   .tm_mon = month - 1,
                   .tm_mday = day,
                   .tm_hour = hour,
                   .tm_min = minute,
                   .tm_sec = second };
  return utc_from_tm(&tm);
}

TEST(times_outside_of_32_bits_are_converted_exactly) {
  EQ(seconds_of(1970, 1, 1, 0, 0, 0), 0);
  EQ(seconds_of(2038, 1, 19, 3, 14, 8), INT64_C(2147483648));
  EQ(seconds_of(1901, 12, 13, 20, 45, 51), INT64_C(-2147483649));
  EQ(seconds_of(9999, 12, 31, 23, 59, 59), INT64_C(253402300799));
  EQ(seconds_of(0, 1, 1, 0, 0, 0), INT64_C(-62167219200));
  struct tm tm;
  utc_to_tm(INT64_C(2147483648), &tm);
  EQ(tm.tm_year, 138);
  EQ(tm.tm_mon, 0);
  EQ(tm.tm_mday, 19);
  EQ(tm.tm_wday, 2);
  EQ(tm.tm_hour, 3);
  EQ(tm.tm_min, 14);
  EQ(tm.tm_sec, 8);
}

TEST(every_day_from_the_year_0_to_9999_is_the_one_after_the_day_before) {
  int last_day = 31, last_month = 11, last_year = -1901, last_wday = 5;
  for (int64_t at = -62167219200; at <= 253402300799; at += UTC_DAY) {
    struct tm tm;
    utc_to_tm(at + 86399, &tm);
    bool next = tm.tm_mday == last_day + 1 && tm.tm_mon == last_month && tm.tm_year == last_year;
    bool first = tm.tm_mday == 1 && last_day >= 28 &&
                 (tm.tm_mon == last_month + 1
                      ? tm.tm_year == last_year
                      : tm.tm_mon == 0 && last_month == 11 && tm.tm_year == last_year + 1);
    REQUIRE((next || first) && tm.tm_wday == (last_wday + 1) % 7);
    REQUIRE(tm.tm_hour == 23 && tm.tm_min == 59 && tm.tm_sec == 59);
    REQUIRE(utc_from_tm(&tm) == at + 86399);
    last_day = tm.tm_mday, last_month = tm.tm_mon, last_year = tm.tm_year, last_wday = tm.tm_wday;
  }
}

TEST(the_c_library_agrees_where_its_time_t_reaches) {
  for (int64_t at = INT32_MIN; at <= INT32_MAX; at += 40013) {
    time_t t = (time_t)at;
    struct tm ours, theirs;
    utc_to_tm(at, &ours);
    REQUIRE(gmtime_r(&t, &theirs) != NULL);
    REQUIRE(ours.tm_year == theirs.tm_year && ours.tm_mon == theirs.tm_mon &&
            ours.tm_mday == theirs.tm_mday && ours.tm_wday == theirs.tm_wday &&
            ours.tm_hour == theirs.tm_hour && ours.tm_min == theirs.tm_min &&
            ours.tm_sec == theirs.tm_sec);
    REQUIRE(utc_from_tm(&theirs) == at);
  }
}

TEST(a_day_past_the_end_of_its_month_counts_on) {
  EQ(seconds_of(2001, 2, 29, 0, 0, 0), seconds_of(2001, 3, 1, 0, 0, 0));
  EQ(seconds_of(2001, 4, 31, 23, 59, 60), seconds_of(2001, 5, 2, 0, 0, 0));
}

TESTS_BEGIN
T(times_outside_of_32_bits_are_converted_exactly)
T(every_day_from_the_year_0_to_9999_is_the_one_after_the_day_before)
T(the_c_library_agrees_where_its_time_t_reaches)
T(a_day_past_the_end_of_its_month_counts_on)
TESTS_END
