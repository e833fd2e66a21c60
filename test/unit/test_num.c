/* SPDX-License-Identifier: MIT
 *
 * test_num.c - numbers as JavaScript writes them, and JSON's grammar to the letter.
 */
#include "base/num.h"
#include "guard.h"
#include "test.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>

static void prints(double v, const char *want) {
  char out[NUM_MAX];
  EQ_MEM(out, sio__double_to_json_text(out, v), want, strlen(want));
}

TEST(integers_print_in_full) {
  char out[NUM_MAX];
  EQ_MEM(out, sio__i64_to_text(out, 0), "0", 1);
  EQ_MEM(out, sio__i64_to_text(out, -7), "-7", 2);
  EQ_MEM(out, sio__i64_to_text(out, INT64_MAX), "9223372036854775807", 19);
  EQ_MEM(out, sio__i64_to_text(out, INT64_MIN), "-9223372036854775808", 20);
  EQ_MEM(out, sio__u64_to_text(out, UINT64_MAX), "18446744073709551615", 20);
  EQ_MEM(out, sio__u64_to_text(out, 10), "10", 2);
}

struct vector {
  double v;
  const char *text;
};

/* As JSON.stringify() prints them. */
static const struct vector vectors[] = {
  { 0.0, "0" },
  { -0.0, "0" },
  { 42, "42" },
  { -1, "-1" },
  { 9007199254740991.0, "9007199254740991" },
  { 9007199254740992.0, "9007199254740992" },
  { -9007199254740993.0, "-9007199254740992" },
  { 1e20, "100000000000000000000" },
  { 123456789012345680000.0, "123456789012345680000" },
  { 1e21, "1e+21" },
  { 1.5e300, "1.5e+300" },
  { 0.1, "0.1" },
  { 0.5, "0.5" },
  { -3.25, "-3.25" },
  { 0.1 + 0.2, "0.30000000000000004" },
  { 1.0 / 3, "0.3333333333333333" },
  { 2.0 / 3, "0.6666666666666666" },
  { 48.8583701, "48.8583701" },
  { 1234567.891, "1234567.891" },
  { 0.000001, "0.000001" },
  { 0.0000015, "0.0000015" },
  { 1e-7, "1e-7" },
  { -1.25e-7, "-1.25e-7" },
  { 5e-324, "5e-324" },
  { 1e-323, "1e-323" },
  { 2.225073858507201e-308, "2.225073858507201e-308" },
  { 2.2250738585072014e-308, "2.2250738585072014e-308" },
  { 1.7976931348623157e308, "1.7976931348623157e+308" },
  { 5.684341886080802e-14, "5.684341886080802e-14" },   /* 2^-44: the nearest 16 digits are */
  { 7.678447687145631e-239, "7.678447687145631e-239" }, /* another double's, the next are not */
  { 4.35, "4.35" },
  { 4.349999999999999, "4.349999999999999" },
  { 100.5, "100.5" },
  { 1e15 + 0.5, "1000000000000000.5" },
};

TEST(doubles_print_as_javascript_prints_them) {
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    prints(vectors[i].v, vectors[i].text);
  prints((double)INFINITY, "null");
  prints(-(double)INFINITY, "null");
  prints((double)NAN, "null");
}

static double any_double(uint64_t *seed) {
  *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
  uint64_t bits = *seed;
  double v;
  memcpy(&v, &bits, sizeof v);
  if (bits % 4 == 1) return (double)(int64_t)(bits >> 30) / pow(10, (double)(bits % 13));
  if (bits % 4 == 2) return ldexp(1, (int)(bits % 2098) - 1074);
  return isfinite(v) ? v : (double)(bits >> 40) / 256;
}

/* Significant digits of a text. */
static int digits_of(const char *text, size_t n) {
  int digits = 0, zeros = 0;
  for (size_t i = 0; i < n && text[i] != 'e'; i++) {
    if (text[i] < '0' || text[i] > '9') continue;
    zeros = text[i] == '0' ? zeros + 1 : 0;
    digits += digits > 0 || text[i] != '0';
  }
  return digits > zeros ? digits - zeros : digits;
}

/* No text of fewer digits may read back as v either. */
static bool is_shortest(const char *text, size_t n, double v) {
  char shorter[64];
  int digits = digits_of(text, n);
  if (digits < 2) return true;
  snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
  return strtod(shorter, NULL) != v;
}

/* Of the decimals with as many digits the C library finds the nearest. That one may belong to
 * another double, and then a farther one was taken. */
static bool is_nearest(const char *text, size_t n, double v) {
  char nearest[64];
  int digits = digits_of(text, n);
  snprintf(nearest, sizeof nearest, "%.*e", digits ? digits - 1 : 0, v);
  return strtod(nearest, NULL) != v || strtold(nearest, NULL) == strtold(text, NULL);
}

static void goes_there_and_back(double v, bool thorough) {
  char out[NUM_MAX + 1];
  double back = 0;
  if (!isfinite(v)) return;
  size_t n = sio__double_to_json_text(out, v);
  CHECK(n <= NUM_MAX);
  CHECK(sio__parse_json_number(out, n, &back) && back == v);
  out[n] = '\0';
  CHECK(strtod(out, NULL) == v);
  if (thorough) CHECK(is_shortest(out, n, v) && is_nearest(out, n, v));
  if (test__failed) fprintf(stderr, "%a as %s\n", v, out);
}

TEST(what_is_printed_reads_back_and_is_as_short_and_near_as_can_be) {
  uint64_t seed = 88172645463325252u;
  for (int i = 0; i < 1000000 && !test__failed; i++)
    goes_there_and_back(any_double(&seed), i % 5 == 0);
}

TEST(powers_of_two_and_their_neighbours_print_right) {
  for (int e = -1074; e < 1024 && !test__failed; e++) {
    double v = ldexp(1, e);
    goes_there_and_back(v, true);
    goes_there_and_back(nextafter(v, 0), true);
    goes_there_and_back(nextafter(v, (double)INFINITY), true);
  }
}

TEST(denormal_doubles_print_right) {
  for (uint64_t bits = 1; bits < UINT64_C(1) << 52 && !test__failed; bits += 1 + bits / 5000) {
    double v;
    memcpy(&v, &bits, sizeof v);
    goes_there_and_back(v, true);
  }
}

static bool parses(const char *text, size_t n, double *out) {
  struct guard g = { 0 };
  bool ok = sio__parse_json_number(guard_put(&g, text, n), n, out);
  guard_clear(&g);
  return ok;
}

TEST(the_grammar_of_json_is_kept) {
  static const char *const bad[] = {
    "",         "-",         "+1",  "01",    "-01",   "00",  ".5",  "1.",   "-.5",   "1.e5",
    "1e",       "1e+",       "1E-", "1e5.5", " 1",    "1 ",  "1,5", "0x10", "1f",    "inf",
    "Infinity", "-Infinity", "nan", "NaN",   "1e5e5", "--1", "1-",  "1..5", "1_000", "\xd9\xa1",
  };
  double v = 7;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!parses(bad[i], strlen(bad[i]), &v));
  CHECK(!parses("1\0", 2, &v));
  EQ(v == 7, 1);
}

TEST(good_numbers_are_read_correctly_rounded) {
  static const char *const good[] = {
    "0",
    "1",
    "-1",
    "0.5",
    "-0.5",
    "10",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "0e0",
    "0.0",
    "1.25e2",
    "123456789012345678",
    "0.1",
    "0.30000000000000004",
    "9007199254740993",
    "1e22",
    "1e23",
    "8.5e-322",
    "5e-324",
    "2.4703282292062328e-324",
    "1.7976931348623158e308",
    "2.2250738585072011e-308",
    "1e400",
    "-1e400",
    "1e-400",
    "123456789012345e22",
    "123456789012345e-22",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "0.000000000000000000000000000000000001",
    "100000000000000000000000000000000000000e-10",
    "7205759403792793199999e-5",
    "179769313486231580793e289",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    double v = -7;
    CHECK(parses(good[i], strlen(good[i]), &v));
    CHECK(v == strtod(good[i], NULL));
  }
  double zero = 1;
  CHECK(parses("-0", 2, &zero) && zero == 0 && signbit(zero));
}

static void reads_as_the_c_library(const char *text) {
  double v = -7, want = strtod(text, NULL);
  CHECK(sio__parse_json_number(text, strlen(text), &v));
  CHECK(memcmp(&v, &want, sizeof v) == 0);
  if (test__failed) fprintf(stderr, "%s gave %a and not %a\n", text, v, want);
}

TEST(integers_times_powers_of_ten_are_read_correctly_rounded) {
  uint64_t seed = 123456789;
  char text[64];
  for (int i = 0; i < 200000 && !test__failed; i++) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    snprintf(text, sizeof text, "%" PRIu64 "e%d", seed >> (i % 64), (int)(seed % 720) - 370);
    reads_as_the_c_library(text);
  }
}

/* Right between two doubles, and one digit to either side. */
TEST(numbers_half_way_between_two_doubles_go_to_the_even_one) {
  uint64_t seed = 987654321;
  char text[64];
  for (int i = 0; i < 100000 && !test__failed; i++) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    int s = 1 + i % 11;
    uint64_t m = seed >> 11 | UINT64_C(1) << 52, half = m << s | UINT64_C(1) << (s - 1);
    for (int step = -1; step <= 1; step++) {
      uint64_t w = half + (uint64_t)step;
      snprintf(text, sizeof text, "%" PRIu64, w);
      reads_as_the_c_library(text);
      snprintf(text, sizeof text, "%" PRIu64 "0000e-4", w);
      reads_as_the_c_library(text);
    }
  }
}

TEST(long_numbers_half_way_between_two_doubles_are_decided_by_their_last_digit) {
  uint64_t seed = 5;
  char text[1100];
  for (int i = 0; i < 3000 && !test__failed; i++) {
    double v = fabs(any_double(&seed)), up = nextafter(v, (double)INFINITY);
    if (v == 0 || !isfinite(up)) continue;
    snprintf(text, sizeof text, "%.800Le", ((long double)v + (long double)up) / 2);
    reads_as_the_c_library(text);
    char *e = strchr(text, 'e');
    e[-1] = '1';
    reads_as_the_c_library(text);
  }
}

TEST(long_numbers_are_read_up_to_the_limit) {
  char text[1102];
  double v;
  memset(text, '0', sizeof text);
  memcpy(text, "0.", 2);
  memcpy(text + 1092, "1e1091", 6); /* 1091 digits after the point, the last one a 1 */
  CHECK(parses(text, 1098, &v) && v == 1);
  memset(text, '9', sizeof text);
  CHECK(parses(text, 1100, &v) && isinf(v));
  CHECK(!parses(text, 1101, &v));
}

static const char *const comma_locales[] = {
  "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "es_ES.UTF-8", "ru_RU.UTF-8",
};

/* Says little where no such locale is installed; the code never prints or reads a point. */
TEST(a_locale_with_a_decimal_comma_changes_nothing) {
  for (size_t i = 0; i < sizeof comma_locales / sizeof *comma_locales; i++)
    if (setlocale(LC_ALL, comma_locales[i])) break;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    double v = -7;
    prints(vectors[i].v, vectors[i].text);
    CHECK(parses(vectors[i].text, strlen(vectors[i].text), &v) && v == vectors[i].v);
  }
  setlocale(LC_ALL, "C");
}

TESTS_BEGIN
T(integers_print_in_full)
T(doubles_print_as_javascript_prints_them)
T(what_is_printed_reads_back_and_is_as_short_and_near_as_can_be)
T(powers_of_two_and_their_neighbours_print_right)
T(denormal_doubles_print_right)
T(the_grammar_of_json_is_kept)
T(good_numbers_are_read_correctly_rounded)
T(integers_times_powers_of_ten_are_read_correctly_rounded)
T(numbers_half_way_between_two_doubles_go_to_the_even_one)
T(long_numbers_half_way_between_two_doubles_are_decided_by_their_last_digit)
T(long_numbers_are_read_up_to_the_limit)
T(a_locale_with_a_decimal_comma_changes_nothing)
TESTS_END
