/* SPDX-License-Identifier: MIT
 *
 * utc.h - converts times to dates in UTC and back. gmtime_r() and timegm() do the same with a
 * time_t, but where that has 32 bits, they fail after January 2038.
 */
#ifndef SIO_BASE_UTC_H
#define SIO_BASE_UTC_H

#include <stdint.h>
#include <time.h>

enum {
  UTC_DAY = 86400,       /* seconds */
  UTC_ERA_YEARS = 400,   /* the calendar repeats itself after this many years */
  UTC_ERA_DAYS = 146097, /* the number of days in 400 years */
  /* The days from March 1 of the year 0, where the calculation begins, to January 1, 1970. */
  UTC_DAYS_BEFORE_1970 = 719468
};

static inline int64_t divide_rounding_down(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Converts seconds since 1970 to a date. The fields tm_yday and tm_isdst become 0. The year must
 * fit into an int. */
static inline void utc_to_tm(int64_t seconds, struct tm *tm) {
  int64_t days = divide_rounding_down(seconds, UTC_DAY);
  int of_day = (int)(seconds - days * UTC_DAY);
  int64_t from_march = days + UTC_DAYS_BEFORE_1970,
          era = divide_rounding_down(from_march, UTC_ERA_DAYS);
  int day = (int)(from_march - era * UTC_ERA_DAYS);
  int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int day_of_year = day - (365 * year + year / 4 - year / 100);
  int month = (5 * day_of_year + 2) / 153; /* 0 is March */
  *tm = (struct tm){ .tm_sec = of_day % 60,
                     .tm_min = of_day / 60 % 60,
                     .tm_hour = of_day / 3600,
                     .tm_mday = day_of_year - (153 * month + 2) / 5 + 1,
                     .tm_mon = (month + 2) % 12,
                     .tm_year = (int)(year + era * UTC_ERA_YEARS - 1900) + (month >= 10),
                     .tm_wday = (int)(days + 4 - divide_rounding_down(days + 4, 7) * 7) };
}

/* Converts a date to seconds since 1970. The 31st of April counts as the 1st of May, and second 60
 * as second 0 of the next minute. */
static inline int64_t utc_from_tm(const struct tm *tm) {
  int64_t from_march = (int64_t)tm->tm_year + 1900 - (tm->tm_mon < 2),
          era = divide_rounding_down(from_march, UTC_ERA_YEARS),
          year = from_march - era * UTC_ERA_YEARS;
  int day_of_year = (153 * ((tm->tm_mon + 10) % 12) + 2) / 5 + tm->tm_mday - 1;
  int64_t days =
      era * UTC_ERA_DAYS + year * 365 + year / 4 - year / 100 + day_of_year - UTC_DAYS_BEFORE_1970;
  return ((days * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 + tm->tm_sec;
}

#endif
