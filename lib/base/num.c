/* SPDX-License-Identifier: MIT
 *
 * num.c - numbers to text as JavaScript's Number::toString writes them, and back.
 *
 * The shortest decimal of a double is found as Raffaello Giulietti's Schubfach does it: the ends
 * of the interval that rounds to it are multiplied by one power of ten of 128 bits, rounded so
 * that no comparison between them can go wrong. The other way is that of Eisel and Lemire: the
 * first 19 digits times a power of ten of 128 bits decide. Only where more digits than those
 * matter is the C library asked, for digits and an exponent without a point, which depends on the
 * locale.
 */
#include "base/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pow10.h"

enum {
  FRACTION = 52, /* bits of a double behind its first */
  BIAS = 1023,
  INFINITE = 2047,     /* the exponent's bits */
  KEPT_DIGITS = 19,    /* this many always fit a uint64_t */
  LARGEST_POWER = 308, /* 1e309 is infinite */
  SPARE_BITS = 0x1ff,  /* of 64, those that a double and its rounding do not use */
  PARSE_MAX = 1100,
  EXPONENT_CAP = 100000 /* beyond what PARSE_MAX digits can make up for */
};

#define HIDDEN (UINT64_C(1) << FRACTION)
#define INFINITY_BITS ((uint64_t)INFINITE << FRACTION)

static const double exact_integers = 9007199254740992.0; /* 2^53 */

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

static char *put_decimal_digits(char *o, const struct decimal *d, int from, int to) {
  for (; from < to && from < d->n; from++) *o++ = d->digits[from];
  return o;
}

static char *put_exponential(char *o, const struct decimal *d) {
  o = put_decimal_digits(o, d, 0, 1);
  if (d->n > 1) *o++ = '.';
  o = put_decimal_digits(o, d, 1, d->n);
  *o++ = 'e';
  if (d->point > 0) *o++ = '+';
  return o + sio__num_i64(o, d->point - 1);
}

/* The five cases of ECMA-262, Number::toString. */
static char *put_decimal(char *o, const struct decimal *d) {
  if (d->point > 21 || d->point < -5) return put_exponential(o, d);
  if (d->point <= 0) {
    *o++ = '0';
    *o++ = '.';
    return put_decimal_digits(put_zeros(o, -d->point), d, 0, d->n);
  }
  o = put_zeros(put_decimal_digits(o, d, 0, d->point), d->point - d->n);
  if (d->n > d->point) *o++ = '.';
  return put_decimal_digits(o, d, d->point, d->n);
}

/* digits * 10^power */
struct shortest {
  uint64_t digits;
  int power;
};

/* g times n, divided by 2^128; the last bit is 1 too if the division has a remainder. The last bit
 * of the product that g's own error reaches is not looked at. */
static uint64_t scale_by_power(struct u128 g, uint64_t n) {
  uint64_t carry = sio__mul_64(g.lo, n).hi;
  struct u128 p = sio__mul_64(g.hi, n);
  p.lo += carry;
  p.hi += p.lo < carry;
  return p.hi | (p.lo > 1);
}

/* 10^-power, rounded up. */
static struct u128 inverse_power(int power) {
  struct u128 g = sio__pow10(-power);
  if (!pow10_exact(-power) && ++g.lo == 0) g.hi++;
  return g;
}

/* low, v and high are four times the value and the ends of what rounds to it, in units of
 * 10^power. Of the integers between the ends the nearest is taken, or a multiple of ten. */
static struct shortest choose_shortest(uint64_t low, uint64_t v, uint64_t high, int power) {
  uint64_t s = v / 4, tens = s / 10;
  bool down = low <= 40 * tens, up = 40 * tens + 40 <= high;
  if (s >= 10 && down != up) return (struct shortest){ tens + up, power + 1 };
  down = low <= 4 * s, up = 4 * s + 4 <= high;
  if (down == up) up = v > 4 * s + 2 || (v == 4 * s + 2 && s & 1);
  return (struct shortest){ s + up, power };
}

/* Below a power of two doubles lie twice as dense as above it. */
static struct shortest find_shortest(double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  uint64_t c = bits & (HIDDEN - 1);
  int biased = (int)(bits >> FRACTION & INFINITE), q = (biased ? biased : 1) - BIAS - FRACTION;
  bool closer = c == 0 && biased > 1;
  if (biased) c |= HIDDEN;
  int power = closer ? (q * 1262611 - 524031) >> 22 : pow2_log10(q);
  struct u128 g = inverse_power(power);
  int shift = q + pow10_log2(-power) + 1;
  bool odd = c & 1;
  uint64_t low = scale_by_power(g, (4 * c - 2 + closer) << shift),
           high = scale_by_power(g, (4 * c + 2) << shift);
  return choose_shortest(low + odd, scale_by_power(g, (4 * c) << shift), high - odd, power);
}

static void double_to_decimal(double v, struct decimal *d) {
  struct shortest s = find_shortest(v);
  while (s.digits % 10 == 0) s.digits /= 10, s.power++;
  d->n = (int)sio__num_u64(d->digits, s.digits);
  d->point = d->n + s.power;
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
  double_to_decimal(fabs(v), &d);
  return (size_t)(put_decimal(o, &d) - out);
}

/* A number being read: its first digits as an integer, all of them as text, and the power of ten
 * that the text is multiplied by. */
struct reader {
  const char *p, *end;
  char *digits;
  uint64_t first; /* the first KEPT_DIGITS from the first that is not 0 */
  size_t n;
  int kept, dropped, exponent; /* dropped: digits behind those kept */
  bool negative, more;         /* more: behind those kept some are not 0 */
};

static bool next_is_digit(const struct reader *r) {
  return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool skip_char(struct reader *r, char c) {
  if (r->p == r->end || *r->p != c) return false;
  r->p++;
  return true;
}

static void add_read_digit(struct reader *r, char c) {
  r->digits[r->n++] = c;
  if (r->kept == KEPT_DIGITS) {
    r->dropped++;
    r->more = r->more || c != '0';
  } else if (r->kept || c != '0') {
    r->first = r->first * 10 + (uint64_t)(c - '0');
    r->kept++;
  }
}

static bool read_number_digits(struct reader *r) {
  if (!next_is_digit(r)) return false;
  while (next_is_digit(r)) add_read_digit(r, *r->p++);
  return true;
}

static bool read_integer_part(struct reader *r) {
  if (!skip_char(r, '0')) return read_number_digits(r);
  add_read_digit(r, '0');
  return true;
}

static bool read_fraction_part(struct reader *r) {
  if (!skip_char(r, '.')) return true;
  size_t before = r->n;
  if (!read_number_digits(r)) return false;
  r->exponent = -(int)(r->n - before);
  return true;
}

static bool read_number_exponent(struct reader *r) {
  int e = 0;
  if (!skip_char(r, 'e') && !skip_char(r, 'E')) return true;
  bool negative = skip_char(r, '-');
  if (!negative) skip_char(r, '+');
  if (!next_is_digit(r)) return false;
  for (; next_is_digit(r); r->p++)
    if (e < EXPONENT_CAP) e = e * 10 + (*r->p - '0');
  r->exponent += negative ? -e : e;
  return true;
}

/* 10^q to 128 bits, rounded down for whole powers and up for the others. */
static struct u128 power_for_parsing(int q) {
  struct u128 g = sio__pow10(q);
  if (q < 0 && ++g.lo == 0) g.hi++;
  return g;
}

/* The lower half counts only where it may carry into the bits that are used. */
static struct u128 multiply_by_power(uint64_t w, int q) {
  struct u128 g = power_for_parsing(q), p = sio__mul_64(w, g.hi);
  if ((p.hi & SPARE_BITS) != SPARE_BITS) return p;
  uint64_t second = sio__mul_64(w, g.lo).hi;
  p.lo += second;
  p.hi += p.lo < second;
  return p;
}

static uint64_t round_half_up(uint64_t doubled) { return (doubled + (doubled & 1)) >> 1; }

/* Exactly between two doubles, of which the lower one is even? Possible only for few powers. */
static bool is_rounding_tie(struct u128 p, uint64_t doubled, int shift, int q) {
  return q >= -4 && q <= 23 && p.lo <= 1 && (doubled & 3) == 1 && doubled << shift == p.hi;
}

/* The bits of the double nearest to w * 10^q; w is not 0. */
static uint64_t nearest_double_bits(uint64_t w, int q) {
  if (q < POW10_MIN) return 0;
  if (q > LARGEST_POWER) return INFINITY_BITS;
  int zeros = __builtin_clzll(w);
  struct u128 p = multiply_by_power(w << zeros, q);
  int upper = (int)(p.hi >> 63), shift = upper + 64 - FRACTION - 3;
  uint64_t doubled = p.hi >> shift;
  int biased = pow10_log2(q) + 63 + upper - zeros + BIAS;
  /* A subnormal one that rounds up to HIDDEN is the first normal one, and its bits say so. */
  if (biased <= 0) return biased < -62 ? 0 : round_half_up(doubled >> (1 - biased));
  if (is_rounding_tie(p, doubled, shift, q)) doubled &= ~UINT64_C(1);
  uint64_t bits = round_half_up(doubled) + ((uint64_t)(biased - 1) << FRACTION);
  return bits < INFINITY_BITS ? bits : INFINITY_BITS;
}

static double double_from_bits(uint64_t bits) {
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* With more digits than first holds the number lies between first and first + 1. */
static double convert_read_digits(struct reader *r) {
  if (r->first == 0) return 0;
  int q = r->exponent + r->dropped;
  uint64_t bits = nearest_double_bits(r->first, q);
  if (!r->more || nearest_double_bits(r->first + 1, q) == bits) return double_from_bits(bits);
  r->digits[r->n++] = 'e';
  r->n += sio__num_i64(r->digits + r->n, r->exponent);
  r->digits[r->n] = '\0';
  return strtod(r->digits, NULL);
}

bool sio__num_parse(const char *p, size_t n, double *out) {
  char digits[PARSE_MAX + NUM_MAX];
  if (n == 0 || n > PARSE_MAX) return false;
  struct reader r = { .p = p, .end = p + n, .digits = digits };
  r.negative = skip_char(&r, '-');
  if (!read_integer_part(&r) || !read_fraction_part(&r) || !read_number_exponent(&r) ||
      r.p != r.end)
    return false;
  double v = convert_read_digits(&r);
  *out = r.negative ? -v : v;
  return true;
}
