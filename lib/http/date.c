/* SPDX-License-Identifier: MIT
 *
 * date.c - writes and parses HTTP dates, independent of the locale.
 */
#include "http/date.h"
#include "base/utc.h"
#include <stdbool.h>

#define YEAR_ZERO (-62167219200)
#define YEAR_9999 253402300799

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* ---- writing --------------------------------------------------------------------------- */

static char *date_write_digits(char *out, unsigned v, unsigned digits) {
  for (unsigned i = digits; i > 0; i--, v /= 10) out[i - 1] = (char)('0' + v % 10);
  return out + digits;
}

static char *date_write_text(char *out, const char *text, size_t n) {
  memcpy(out, text, n);
  return out + n;
}

void sio__http_date_write(char out[DATE_LEN + 1], int64_t at) {
  struct tm tm;
  utc_to_tm(at < YEAR_ZERO ? YEAR_ZERO : at > YEAR_9999 ? YEAR_9999 : at, &tm);
  out = date_write_text(out, days + 3 * tm.tm_wday, 3);
  out = date_write_text(out, ", ", 2);
  out = date_write_digits(out, (unsigned)tm.tm_mday, 2);
  *out++ = ' ';
  out = date_write_text(out, months + 3 * tm.tm_mon, 3);
  *out++ = ' ';
  out = date_write_digits(out, (unsigned)(tm.tm_year + 1900), 4);
  *out++ = ' ';
  out = date_write_digits(out, (unsigned)tm.tm_hour, 2);
  *out++ = ':';
  out = date_write_digits(out, (unsigned)tm.tm_min, 2);
  *out++ = ':';
  out = date_write_digits(out, (unsigned)tm.tm_sec, 2);
  memcpy(out, " GMT", 5);
}

/* ---- reading --------------------------------------------------------------------------- */

/* Removes the next word from *s and returns it. Words are separated by spaces, commas and
 * hyphens. */
static sio_slice date_take_next_word(sio_slice *s) {
  size_t n = 0;
  while (s->n && strchr(" ,-", *s->p)) *s = slice(s->p + 1, s->n - 1);
  while (n < s->n && s->p[n] && !strchr(" ,-", s->p[n])) n++;
  sio_slice word = slice(s->p, n);
  *s = slice(s->p + n, s->n - n);
  return word;
}

static bool parse_date_number_in_range(sio_slice s, int least, int most, int *out) {
  uint64_t v;
  if (s.n > 4 || !sio__slice_parse_u64(s, &v) || v < (uint64_t)least || v > (uint64_t)most)
    return false;
  *out = (int)v;
  return true;
}

static bool parse_month_name(sio_slice s, int *out) {
  for (*out = 0; *out < 12; ++*out)
    if (slice_eq(s, slice(months + 3 * *out, 3))) return true;
  return false;
}

static bool parse_time_of_day(sio_slice s, struct tm *tm) {
  sio_slice hour, minute;
  return s.n == 8 && sio__slice_split(&s, ':', &hour) && sio__slice_split(&s, ':', &minute) &&
         parse_date_number_in_range(hour, 0, 23, &tm->tm_hour) &&
         parse_date_number_in_range(minute, 0, 59, &tm->tm_min) &&
         parse_date_number_in_range(s, 0, 60, &tm->tm_sec);
}

static bool parse_year(sio_slice s, struct tm *tm) {
  int year;
  if ((s.n != 2 && s.n != 4) || !parse_date_number_in_range(s, 0, 9999, &year)) return false;
  if (s.n == 2) year += year < 70 ? 2000 : 1900;
  tm->tm_year = year - 1900;
  return true;
}

static bool starts_with_weekday(sio_slice s) {
  for (int i = 0; i < 7; i++)
    if (slice_starts_with(s, slice(days + 3 * i, 3))) return true;
  return false;
}

bool sio__http_date_parse(sio_slice s, int64_t *at) {
  struct tm tm = { 0 };
  if (!starts_with_weekday(date_take_next_word(&s))) return false;
  sio_slice first = date_take_next_word(&s), second = date_take_next_word(&s),
            third = date_take_next_word(&s), fourth = date_take_next_word(&s),
            zone = date_take_next_word(&s);
  bool asc = parse_month_name(first, &tm.tm_mon);
  bool ok = asc ? parse_date_number_in_range(second, 1, 31, &tm.tm_mday) &&
                      parse_time_of_day(third, &tm) && parse_year(fourth, &tm) && zone.n == 0
                : parse_date_number_in_range(first, 1, 31, &tm.tm_mday) &&
                      parse_month_name(second, &tm.tm_mon) && parse_year(third, &tm) &&
                      parse_time_of_day(fourth, &tm) && slice_equals_str(zone, "GMT");
  if (!ok || s.n) return false;
  *at = utc_from_tm(&tm);
  return true;
}
