/* SPDX-License-Identifier: MIT
 *
 * num.c - converts numbers to text as JavaScript's JSON.stringify() does, and back.
 *
 * The shortest decimal of a double is found with Raffaello Giulietti's Schubfach algorithm: the
 * ends of the interval of reals that round to the double are multiplied by a power of ten with 128
 * bits. The power and the products are rounded so that comparisons of the products are always
 * correct.
 *
 * Text is parsed with the algorithm of Eisel and Lemire, which multiplies the first 19 digits by a
 * power of ten with 128 bits. Only if more digits matter, strtod() is called. It gets digits and an
 * exponent, but no decimal point, because that depends on the locale.
 */
#include "base/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pow10.h"

enum {
  FRACTION = 52, /* the number of bits in the fraction of a double */
  BIAS = 1023,
  INFINITE = 2047,     /* the value of the exponent field in an infinity */
  KEPT_DIGITS = 19,    /* any decimal number with this many digits fits into a uint64_t */
  LARGEST_POWER = 308, /* 10^308 is the largest power of ten that is not infinite as a double */
  /* The bits of the upper word of a product (multiply_by_power_of_ten()) that are below the bit
   * that decides how the double is rounded. */
  SPARE_BITS = 0x1ff,
  PARSE_MAX = 1100,
  /* When an exponent has reached this value, its further digits are ignored: with such an exponent
   * a number of at most PARSE_MAX bytes is 0 or infinite. */
  EXPONENT_CAP = 100000
};

#define HIDDEN (UINT64_C(1) << FRACTION)
#define INFINITY_BITS ((uint64_t)INFINITE << FRACTION)

static const double exact_integers = 9007199254740992.0; /* 2^53 */

size_t sio__u64_to_text(char *out, uint64_t v) {
  char tmp[20];
  size_t i = sizeof tmp;
  do {
    tmp[--i] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  memcpy(out, tmp + i, sizeof tmp - i);
  return sizeof tmp - i;
}

size_t sio__i64_to_text(char *out, int64_t v) {
  if (v >= 0) return sio__u64_to_text(out, (uint64_t)v);
  *out = '-';
  return 1 + sio__u64_to_text(out + 1, 0 - (uint64_t)v);
}

/* The number 0.d1d2d3... times 10^point. The first and the last digit are not 0. */
struct decimal {
  char digits[NUM_MAX];
  int n, point;
};

static char *put_zeros(char *o, int n) {
  for (; n > 0; n--) *o++ = '0';
  return o;
}

static char *put_digits_of_decimal(char *o, const struct decimal *d, int from, int to) {
  for (; from < to && from < d->n; from++) *o++ = d->digits[from];
  return o;
}

static char *put_decimal_exponential(char *o, const struct decimal *d) {
  o = put_digits_of_decimal(o, d, 0, 1);
  if (d->n > 1) *o++ = '.';
  o = put_digits_of_decimal(o, d, 1, d->n);
  *o++ = 'e';
  if (d->point > 0) *o++ = '+';
  return o + sio__i64_to_text(o, d->point - 1);
}

/* Writes a decimal in the notation of Number::toString in ECMA-262. */
static char *put_decimal_as_javascript(char *o, const struct decimal *d) {
  if (d->point > 21 || d->point < -5) return put_decimal_exponential(o, d);
  if (d->point <= 0) {
    *o++ = '0';
    *o++ = '.';
    return put_digits_of_decimal(put_zeros(o, -d->point), d, 0, d->n);
  }
  o = put_zeros(put_digits_of_decimal(o, d, 0, d->point), d->point - d->n);
  if (d->n > d->point) *o++ = '.';
  return put_digits_of_decimal(o, d, d->point, d->n);
}

/* The number digits * 10^power. */
struct shortest {
  uint64_t digits;
  int power;
};

/* Returns g * n / 2^128, rounded to odd: if the division leaves a remainder, the lowest bit of the
 * result is set. g is rounded up, which may have added 1 to p.lo, so a p.lo of 1 is not taken for a
 * remainder. */
static uint64_t multiply_by_128_bit_power_rounding_to_odd(struct u128 g, uint64_t n) {
  uint64_t carry = sio__multiply_u64_to_u128(g.lo, n).hi;
  struct u128 p = sio__multiply_u64_to_u128(g.hi, n);
  p.lo += carry;
  p.hi += p.lo < carry;
  return p.hi | (p.lo > 1);
}

/* Returns the first 128 bits of 10^-power, rounded up. */
static struct u128 inverse_power_of_ten(int power) {
  struct u128 g = sio__power_of_ten_in_128_bits(-power);
  if (!is_power_of_ten_exact(-power) && ++g.lo == 0) g.hi++;
  return g;
}

/* Chooses the decimal for the value v. All reals between `low` and `high` round to the same double
 * as v. The three arguments are in units of 10^power / 4. Returns a multiple of 10^(power + 1)
 * between `low` and `high` if there is one, otherwise the multiple of 10^power between them that is
 * nearest to v. */
static struct shortest choose_shortest_decimal(uint64_t low, uint64_t v, uint64_t high, int power) {
  uint64_t s = v / 4, tens = s / 10;
  bool down = low <= 40 * tens, up = 40 * tens + 40 <= high;
  if (s >= 10 && down != up) return (struct shortest){ tens + up, power + 1 };
  down = low <= 4 * s, up = 4 * s + 4 <= high;
  if (down == up) up = v > 4 * s + 2 || (v == 4 * s + 2 && s & 1);
  return (struct shortest){ s + up, power };
}

/* Finds the shortest decimal that rounds to v. `closer` is true if the next smaller double is half
 * as far away as the next greater one: v is then a power of two, and greater than the smallest
 * normal number. */
static struct shortest find_shortest_decimal(double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  uint64_t c = bits & (HIDDEN - 1);
  int biased = (int)(bits >> FRACTION & INFINITE), q = (biased ? biased : 1) - BIAS - FRACTION;
  bool closer = c == 0 && biased > 1;
  if (biased) c |= HIDDEN;
  int power = closer ? (q * 1262611 - 524031) >> 22 : log10_of_power_of_two(q);
  struct u128 g = inverse_power_of_ten(power);
  int shift = q + log2_of_power_of_ten(-power) + 1;
  bool odd = c & 1;
  uint64_t low = multiply_by_128_bit_power_rounding_to_odd(g, (4 * c - 2 + closer) << shift),
           high = multiply_by_128_bit_power_rounding_to_odd(g, (4 * c + 2) << shift);
  return choose_shortest_decimal(low + odd,
                                 multiply_by_128_bit_power_rounding_to_odd(g, (4 * c) << shift),
                                 high - odd, power);
}

static void double_to_decimal(double v, struct decimal *d) {
  struct shortest s = find_shortest_decimal(v);
  while (s.digits % 10 == 0) s.digits /= 10, s.power++;
  d->n = (int)sio__u64_to_text(d->digits, s.digits);
  d->point = d->n + s.power;
}

size_t sio__double_to_json_text(char *out, double v) {
  struct decimal d;
  char *o = out;
  if (!isfinite(v)) {
    memcpy(out, "null", 4);
    return 4;
  }
  if (fabs(v) < exact_integers && v == (double)(int64_t)v) return sio__i64_to_text(out, (int64_t)v);
  if (v < 0) *o++ = '-';
  double_to_decimal(fabs(v), &d);
  return (size_t)(put_decimal_as_javascript(o, &d) - out);
}

/* The state while a number is parsed. When its integer part, its fraction or its exponent has been
 * read, the absolute value so far is 10^exponent times all digits so far, read as an integer. */
struct reader {
  const char *p, *end;
  char *digits;
  uint64_t first; /* the first KEPT_DIGITS digits after leading zeros, as an integer */
  size_t n;
  int kept;    /* how many digits `first` contains */
  int dropped; /* how many digits came after those that `first` contains */
  int exponent;
  bool negative;
  bool more; /* At least one of the dropped digits is not 0. */
};

static bool is_next_number_char_digit(const struct reader *r) {
  return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool skip_number_char_if_equal(struct reader *r, char c) {
  if (r->p == r->end || *r->p != c) return false;
  r->p++;
  return true;
}

static void append_digit_to_parsed_number(struct reader *r, char c) {
  r->digits[r->n++] = c;
  if (r->kept == KEPT_DIGITS) {
    r->dropped++;
    r->more = r->more || c != '0';
  } else if (r->kept || c != '0') {
    r->first = r->first * 10 + (uint64_t)(c - '0');
    r->kept++;
  }
}

static bool read_digit_sequence_of_number(struct reader *r) {
  if (!is_next_number_char_digit(r)) return false;
  while (is_next_number_char_digit(r)) append_digit_to_parsed_number(r, *r->p++);
  return true;
}

static bool read_integer_part(struct reader *r) {
  if (!skip_number_char_if_equal(r, '0')) return read_digit_sequence_of_number(r);
  append_digit_to_parsed_number(r, '0');
  return true;
}

static bool read_fraction_part(struct reader *r) {
  if (!skip_number_char_if_equal(r, '.')) return true;
  size_t before = r->n;
  if (!read_digit_sequence_of_number(r)) return false;
  r->exponent = -(int)(r->n - before);
  return true;
}

static bool read_number_exponent(struct reader *r) {
  int e = 0;
  if (!skip_number_char_if_equal(r, 'e') && !skip_number_char_if_equal(r, 'E')) return true;
  bool negative = skip_number_char_if_equal(r, '-');
  if (!negative) skip_number_char_if_equal(r, '+');
  if (!is_next_number_char_digit(r)) return false;
  for (; is_next_number_char_digit(r); r->p++)
    if (e < EXPONENT_CAP) e = e * 10 + (*r->p - '0');
  r->exponent += negative ? -e : e;
  return true;
}

/* Returns the first 128 bits of 10^q: rounded down if q is not negative, otherwise rounded up. */
static struct u128 power_of_ten_for_parsing(int q) {
  struct u128 g = sio__power_of_ten_in_128_bits(q);
  if (q < 0 && ++g.lo == 0) g.hi++;
  return g;
}

/* Returns the first 128 bits of w * 10^q, as exactly as rounding to a double needs them. The lower
 * 64 bits of the power are used only if they could change bits of the product that matter. */
static struct u128 multiply_by_power_of_ten(uint64_t w, int q) {
  struct u128 g = power_of_ten_for_parsing(q), p = sio__multiply_u64_to_u128(w, g.hi);
  if ((p.hi & SPARE_BITS) != SPARE_BITS) return p;
  uint64_t second = sio__multiply_u64_to_u128(w, g.lo).hi;
  p.lo += second;
  p.hi += p.lo < second;
  return p;
}

static uint64_t halve_rounding_up(uint64_t doubled) { return (doubled + (doubled & 1)) >> 1; }

/* Returns true if the value is exactly half way between two doubles and must be rounded down,
 * because the lower one is even. That is possible only with an exponent q from -4 to 23. */
static bool is_tie_that_rounds_down(struct u128 p, uint64_t doubled, int shift, int q) {
  return q >= -4 && q <= 23 && p.lo <= 1 && (doubled & 3) == 1 && doubled << shift == p.hi;
}

/* Returns the bits of the double that is nearest to w * 10^q. w must not be 0. */
static uint64_t nearest_double_bits(uint64_t w, int q) {
  if (q < POW10_MIN) return 0;
  if (q > LARGEST_POWER) return INFINITY_BITS;
  int zeros = __builtin_clzll(w);
  struct u128 p = multiply_by_power_of_ten(w << zeros, q);
  int upper = (int)(p.hi >> 63), shift = upper + 64 - FRACTION - 3;
  uint64_t doubled = p.hi >> shift;
  int biased = log2_of_power_of_ten(q) + 63 + upper - zeros + BIAS;
  /* A subnormal number that is rounded up to HIDDEN needs no special case: its bits are those of
   * the smallest normal number. */
  if (biased <= 0) return biased < -62 ? 0 : halve_rounding_up(doubled >> (1 - biased));
  if (is_tie_that_rounds_down(p, doubled, shift, q)) doubled &= ~UINT64_C(1);
  uint64_t bits = halve_rounding_up(doubled) + ((uint64_t)(biased - 1) << FRACTION);
  return bits < INFINITY_BITS ? bits : INFINITY_BITS;
}

static double double_from_bits(uint64_t bits) {
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* Returns the double that is nearest to the number that was read, without its sign. r->first holds
 * the first digits of the number. If there are more digits, the number lies between two bounds:
 * r->first and r->first + 1, both multiplied by the same power of ten. If the same double is
 * nearest to both bounds, that is the result. Otherwise strtod() parses all digits. */
static double double_from_read_digits(struct reader *r) {
  if (r->first == 0) return 0;
  int q = r->exponent + r->dropped;
  uint64_t bits = nearest_double_bits(r->first, q);
  if (!r->more || nearest_double_bits(r->first + 1, q) == bits) return double_from_bits(bits);
  r->digits[r->n++] = 'e';
  r->n += sio__i64_to_text(r->digits + r->n, r->exponent);
  r->digits[r->n] = '\0';
  return strtod(r->digits, NULL);
}

bool sio__parse_json_number(const char *p, size_t n, double *out) {
  char digits[PARSE_MAX + NUM_MAX];
  if (n == 0 || n > PARSE_MAX) return false;
  struct reader r = { .p = p, .end = p + n, .digits = digits };
  r.negative = skip_number_char_if_equal(&r, '-');
  if (!read_integer_part(&r) || !read_fraction_part(&r) || !read_number_exponent(&r) ||
      r.p != r.end)
    return false;
  double v = double_from_read_digits(&r);
  *out = r.negative ? -v : v;
  return true;
}
