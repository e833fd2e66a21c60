/* SPDX-License-Identifier: MIT
 *
 * number.c - converts JSON numbers. A peer may send millions of digits, so a long number is not
 * copied as a whole: struct decimal points to its digits in the text.
 */
#include "packet/number.h"

#include "base/num.h"

enum {
  INT_DIGITS = 19, /* the most digits of an int64_t */
  SHORT = 1000,    /* texts up to this length are passed to sio__parse_json_number() unchanged */
  /* The most digits of a number in a longer text that are parsed unchanged. That is enough: of the
   * digits after the first 767 it matters only whether all are 0. */
  KEPT_DIGITS = 780,
  EXPONENT_CAP = 1000000 /* beyond 10^EXPONENT_CAP or its inverse, the double is infinity or 0 */
};

/* Once an exponent has reached this value, its further digits are ignored. A text has less than
 * 2^32 bytes, so adding a number of digits to such an exponent does not overflow. */
static const int64_t huge_exponent = INT64_C(1) << 40;

/* A number, as an integer times a power of ten. The integer has the digits of the number from the
 * first to the last one that is not 0. */
struct decimal {
  const char *first; /* the first digit that is not 0; NULL if the number is 0 */
  int64_t count;     /* the number of digits from `first` to the last one that is not 0 */
  int64_t power;     /* the power of ten of the last digit that is not 0 */
  bool negative;
};

static bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_json_value_number(sio_slice s) {
  return s.n && (s.p[0] == '-' || is_ascii_digit(s.p[0]));
}

static int64_t read_decimal_exponent(const char *p, const char *end) {
  int64_t e = 0;
  if (p == end) return 0;
  bool negative = *++p == '-';
  if (!is_ascii_digit(*p)) p++;
  for (; p < end && is_ascii_digit(*p); p++)
    if (e < huge_exponent) e = e * 10 + (*p - '0');
  return negative ? -e : e;
}

static struct decimal find_digits_and_power_of_json_number(sio_slice s) {
  struct decimal d = { .negative = s.p[0] == '-' };
  const char *p = s.p + d.negative, *end = s.p + s.n;
  int64_t seen = 0, point = -1, first = 0, last = 0;
  for (; p < end && (is_ascii_digit(*p) || *p == '.'); p++) {
    if (*p == '.') {
      point = seen;
      continue;
    }
    if (*p != '0') {
      if (!d.first) d.first = p, first = seen;
      last = seen;
    }
    seen++;
  }
  d.count = last - first + 1;
  d.power = (point < 0 ? seen : point) - 1 - last + read_decimal_exponent(p, end);
  return d;
}

static uint64_t decimal_digits_with_power_to_u64(const struct decimal *d) {
  uint64_t v = 0;
  const char *p = d->first;
  for (int64_t i = 0; i < d->count; p++) {
    if (*p == '.') continue;
    v = v * 10 + (uint64_t)(*p - '0');
    i++;
  }
  for (int64_t i = 0; i < d->power; i++) v *= 10;
  return v;
}

bool sio__json_number_to_int64(sio_slice text, int64_t *out) {
  if (!is_json_value_number(text)) return false;
  struct decimal d = find_digits_and_power_of_json_number(text);
  if (!d.first) {
    *out = 0;
    return true;
  }
  if (d.power < 0 || d.count > INT_DIGITS || d.power > INT_DIGITS - d.count) return false;
  uint64_t v = decimal_digits_with_power_to_u64(&d);
  if (v > (uint64_t)INT64_MAX + d.negative) return false;
  *out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
  return true;
}

static int64_t clamp_decimal_exponent(int64_t e) {
  return e > EXPONENT_CAP ? EXPONENT_CAP : e < -EXPONENT_CAP ? -EXPONENT_CAP : e;
}

/* Writes a decimal of at most KEPT_DIGITS + 1 digits that has the same nearest double as d: the
 * first KEPT_DIGITS digits of d, and then a '1' if any digit after them is not 0. */
static size_t write_number_with_limited_digits(char *out, const struct decimal *d) {
  char *o = out;
  int64_t kept = 0;
  if (d->negative) *o++ = '-';
  for (const char *p = d->first; kept < d->count && kept < KEPT_DIGITS; p++) {
    if (*p == '.') continue;
    *o++ = *p;
    kept++;
  }
  int64_t power = d->power + (d->count - kept);
  if (kept < d->count) {
    *o++ = '1';
    power--;
  }
  *o++ = 'e';
  return (size_t)(o - out) + sio__i64_to_text(o, clamp_decimal_exponent(power));
}

bool sio__json_number_to_double(sio_slice text, double *out) {
  char brief[KEPT_DIGITS + NUM_MAX];
  if (!is_json_value_number(text)) return false;
  if (text.n <= SHORT) return sio__parse_json_number(text.p, text.n, out);
  struct decimal d = find_digits_and_power_of_json_number(text);
  if (!d.first) {
    *out = d.negative ? -0.0 : 0.0;
    return true;
  }
  return sio__parse_json_number(brief, write_number_with_limited_digits(brief, &d), out);
}
