/* SPDX-License-Identifier: MIT
 *
 * num.c - numbers to text as JavaScript's Number::toString writes them, and back.
 *
 * A double in decimal is `digits` times a power of ten. Most that people send are whole or
 * have few decimals: dividing an exact integer by an exact power of ten rounds once, as a
 * correct parser does, so those take no more than that. The rest go through the C library,
 * which is asked for digits and exponent only, never for a decimal point: that is what
 * depends on the locale.
 */
#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  EXACT_POWER = 22, /* 10^22 is the last power of ten that a double holds exactly */
  FEW_DECIMALS = 7,
  SURE_DIGITS = 15, /* any decimal this long survives the way into a double and back */
  MAX_DIGITS = 17,  /* this many always tell a double from its neighbours */
  PARSE_MAX = 1100,
  EXPONENT_CAP = 100000 /* beyond what PARSE_MAX digits can make up for */
};

static const double exact_integers = 9007199254740992.0; /* 2^53 */

static const double power_of_ten[EXACT_POWER + 1] = {
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

size_t sio__num_u64(char *out, uint64_t v) {
  char tmp[20];
  size_t i = sizeof tmp;
  do {
    tmp[--i] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  memcpy(out, tmp + i, sizeof tmp - i);
  return sizeof tmp - i;
}

size_t sio__num_i64(char *out, int64_t v) {
  if (v >= 0) return sio__num_u64(out, (uint64_t)v);
  *out = '-';
  return 1 + sio__num_u64(out + 1, 0 - (uint64_t)v);
}

/* 0.d1d2d3... times 10^point: digits without zeros at either end. */
struct decimal {
  char digits[NUM_MAX];
  int n, point;
};

static char *put_zeros(char *o, int n) {
  for (; n > 0; n--) *o++ = '0';
  return o;
}

static char *put_digits(char *o, const struct decimal *d, int from, int to) {
  for (; from < to && from < d->n; from++) *o++ = d->digits[from];
  return o;
}

static char *put_exponent(char *o, const struct decimal *d) {
  o = put_digits(o, d, 0, 1);
  if (d->n > 1) *o++ = '.';
  o = put_digits(o, d, 1, d->n);
  *o++ = 'e';
  if (d->point > 0) *o++ = '+';
  return o + sio__num_i64(o, d->point - 1);
}

/* The five cases of ECMA-262, Number::toString. */
static char *put_decimal(char *o, const struct decimal *d) {
  if (d->point > 21 || d->point < -5) return put_exponent(o, d);
  if (d->point <= 0) {
    *o++ = '0';
    *o++ = '.';
    return put_digits(put_zeros(o, -d->point), d, 0, d->n);
  }
  o = put_zeros(put_digits(o, d, 0, d->point), d->point - d->n);
  if (d->n > d->point) *o++ = '.';
  return put_digits(o, d, d->point, d->n);
}

static bool few_decimals(double v, struct decimal *d) {
  if (v >= exact_integers / power_of_ten[FEW_DECIMALS]) return false;
  for (int k = 1; k <= FEW_DECIMALS; k++) {
    int64_t whole = (int64_t)(v * power_of_ten[k] + 0.5);
    if (whole >= 1000000000000000 || (double)whole / power_of_ten[k] != v) continue;
    d->n = (int)sio__num_u64(d->digits, (uint64_t)whole);
    d->point = d->n - k;
    return true;
  }
  return false;
}

/* Takes apart what "%.*e" printed: d, some decimal point, ddd, 'e', exponent. */
static void read_printed(const char *s, struct decimal *d) {
  d->n = 0;
  for (; *s != 'e'; s++)
    if (*s >= '0' && *s <= '9') d->digits[d->n++] = *s;
  while (d->n > 1 && d->digits[d->n - 1] == '0') d->n--;
  d->point = atoi(s + 1) + 1;
}

static bool print(double v, int digits, struct decimal *d) {
  char printed[64];
  snprintf(printed, sizeof printed, "%.*e", digits - 1, v);
  read_printed(printed, d);
  return strtod(printed, NULL) == v;
}

/* Below a power of two doubles lie twice as dense as above it. So the nearest decimal, below,
 * may belong to another double when the next one, above, does not. */
static bool one_up(double v, struct decimal *d) {
  char text[64];
  while (d->n < MAX_DIGITS - 1) d->digits[d->n++] = '0';
  if (d->digits[d->n - 1]++ == '9') return false;
  snprintf(text, sizeof text, "%.*se%d", d->n, d->digits, d->point - d->n);
  return strtod(text, NULL) == v;
}

/* Fewer digits than SURE_DIGITS can be enough where a double has less precision itself. */
static void any_decimals(double v, struct decimal *d) {
  for (int digits = isnormal(v) ? SURE_DIGITS : 1; digits < MAX_DIGITS; digits++)
    if (print(v, digits, d)) return;
  if (!one_up(v, d)) print(v, MAX_DIGITS, d);
}

size_t sio__num_double(char *out, double v) {
  struct decimal d;
  char *o = out;
  if (!isfinite(v)) {
    memcpy(out, "null", 4);
    return 4;
  }
  if (fabs(v) < exact_integers && v == (double)(int64_t)v) return sio__num_i64(out, (int64_t)v);
  if (v < 0) *o++ = '-';
  if (!few_decimals(fabs(v), &d)) any_decimals(fabs(v), &d);
  return (size_t)(put_decimal(o, &d) - out);
}

/* A number being read: its digits without sign and point, and the power of ten they are
 * multiplied by. */
struct reader {
  const char *p, *end;
  char *digits;
  size_t n;
  int exponent;
  bool negative;
};

static bool digit_next(const struct reader *r) {
  return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool skip(struct reader *r, char c) {
  if (r->p == r->end || *r->p != c) return false;
  r->p++;
  return true;
}

static bool read_digits(struct reader *r) {
  if (!digit_next(r)) return false;
  while (digit_next(r)) r->digits[r->n++] = *r->p++;
  return true;
}

static bool read_integer(struct reader *r) {
  if (!skip(r, '0')) return read_digits(r);
  r->digits[r->n++] = '0';
  return true;
}

static bool read_fraction(struct reader *r) {
  if (!skip(r, '.')) return true;
  size_t before = r->n;
  if (!read_digits(r)) return false;
  r->exponent = -(int)(r->n - before);
  return true;
}

static bool read_exponent(struct reader *r) {
  int e = 0;
  if (!skip(r, 'e') && !skip(r, 'E')) return true;
  bool negative = skip(r, '-');
  if (!negative) skip(r, '+');
  if (!digit_next(r)) return false;
  for (; digit_next(r); r->p++)
    if (e < EXPONENT_CAP) e = e * 10 + (*r->p - '0');
  r->exponent += negative ? -e : e;
  return true;
}

/* Both the integer and the power exact: one multiplication or division rounds correctly. */
static bool convert_exact(const struct reader *r, double *out) {
  uint64_t v = 0;
  if (r->n > SURE_DIGITS || abs(r->exponent) > EXACT_POWER) return false;
  for (size_t i = 0; i < r->n; i++) v = v * 10 + (uint64_t)(r->digits[i] - '0');
  double power = power_of_ten[abs(r->exponent)];
  *out = r->exponent < 0 ? (double)v / power : (double)v * power;
  return true;
}

static double convert(struct reader *r) {
  double v;
  if (!convert_exact(r, &v)) {
    snprintf(r->digits + r->n, NUM_MAX, "e%d", r->exponent);
    v = strtod(r->digits, NULL);
  }
  return r->negative ? -v : v;
}

bool sio__num_parse(const char *p, size_t n, double *out) {
  char digits[PARSE_MAX + NUM_MAX];
  if (n == 0 || n > PARSE_MAX) return false;
  struct reader r = { .p = p, .end = p + n, .digits = digits };
  r.negative = skip(&r, '-');
  if (!read_integer(&r) || !read_fraction(&r) || !read_exponent(&r) || r.p != r.end) return false;
  *out = convert(&r);
  return true;
}
