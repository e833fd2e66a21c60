/* SPDX-License-Identifier: MIT
 *
 * test_number.c - JSON numbers as int64_t and double, however long they are.
 */
#include "packet/number.h"

#include <math.h>

#include "guard.h"
#include "test.h"

static struct guard guard;

static bool to_int(const char *text, int64_t *out) {
  size_t n = strlen(text);
  return sio__json_number_to_int64(slice(guard_put(&guard, text, n), n), out);
}

static void is_int(const char *text, int64_t want) {
  int64_t got = 77;
  if (!to_int(text, &got) || got != want) fprintf(stderr, "%s\n", text);
  EQ(got, want);
}

static void is_no_int(const char *text) {
  int64_t got;
  if (to_int(text, &got)) fprintf(stderr, "%s\n", text);
  CHECK(!to_int(text, &got));
}

TEST(whole_numbers_are_exact) {
  is_int("0", 0);
  is_int("-0", 0);
  is_int("42", 42);
  is_int("-42", -42);
  is_int("9007199254740993", INT64_C(9007199254740993));
  is_int("9223372036854775807", INT64_MAX);
  is_int("-9223372036854775808", INT64_MIN);
}

TEST(other_spellings_of_a_whole_number_are_accepted) {
  is_int("1e3", 1000);
  is_int("1E+3", 1000);
  is_int("5.0", 5);
  is_int("5.000e0", 5);
  is_int("1.25e2", 125);
  is_int("-120e-1", -12);
  is_int("0.001e3", 1);
  is_int("0e999999999999999999999", 0);
  is_int("0.0", 0);
  is_int("922337203685477580.7e1", INT64_MAX);
  is_int("1000000000000000000e0", INT64_C(1000000000000000000));
  is_int("1e18", INT64_C(1000000000000000000));
  is_int("100000000000000000000e-20", 1);
}

TEST(what_is_not_whole_or_does_not_fit_is_refused) {
  is_no_int("0.5");
  is_no_int("1e-1");
  is_no_int("1.5e0");
  is_no_int("9223372036854775808");
  is_no_int("-9223372036854775809");
  is_no_int("1e19");
  is_no_int("1e999");
  is_no_int("1e99999999999999999999999999");
  is_no_int("1e-99999999999999999999999999");
  is_no_int("12345678901234567890");
}

TEST(what_is_no_number_is_refused) {
  double d;
  is_no_int("");
  is_no_int("null");
  is_no_int("\"1\"");
  is_no_int("[1]");
  CHECK(!sio__json_number_to_double(SLICE("true"), &d));
  CHECK(!sio__json_number_to_double(slice(NULL, 0), &d));
}

TEST(a_double_is_the_nearest_one) {
  double d = 0;
  CHECK(sio__json_number_to_double(SLICE("0.1"), &d) && d == 0.1);
  CHECK(sio__json_number_to_double(SLICE("-2.5e-3"), &d) && d == -2.5e-3);
  CHECK(sio__json_number_to_double(SLICE("9007199254740993"), &d) && d == 9007199254740992.0);
  CHECK(sio__json_number_to_double(SLICE("1e999"), &d) && isinf(d));
  CHECK(sio__json_number_to_double(SLICE("-0"), &d) && d == 0 && signbit(d));
}

static void fill(char *p, const char *head, char c, size_t n, const char *tail) {
  size_t h = strlen(head), t = strlen(tail);
  memcpy(p, head, h);
  memset(p + h, c, n - h - t);
  memcpy(p + n - t, tail, t);
}

static double big(const char *head, char c, const char *tail) {
  static char text[50000];
  double d = 0.25;
  fill(text, head, c, sizeof text, tail);
  CHECK(sio__json_number_to_double(slice(guard_put(&guard, text, sizeof text), sizeof text), &d));
  return d;
}

TEST(digits_beyond_count_are_weighed_all_the_same) {
  CHECK(isinf(big("1", '7', "")));
  CHECK(big("0.", '3', "") == 1.0 / 3);
  CHECK(big("-0.", '3', "") == -1.0 / 3);
  CHECK(big("1.", '0', "") == 1);
  CHECK(big("1.", '0', "1") == 1);
  CHECK(big("0.", '0', "1") == 0);
  CHECK(big("0.", '0', "1e49999") == 1e7);
  CHECK(big("1", '0', "e-49990") == 1e2);
  CHECK(signbit(big("-0.", '0', "")));
  CHECK(!signbit(big("0.", '0', "")));
  CHECK(isinf(big("1", '0', "e99999999999999999999999")));
  CHECK(big("1", '0', "e-99999999999999999999999") == 0);
  CHECK(big("1", '0', "E-49990") == 1e2);
  CHECK(isinf(big("1", '0', "e+5")));
  /* exactly between two doubles, and a digit far away that decides */
  CHECK(big("9007199254740993.", '0', "") == 9007199254740992.0);
  CHECK(big("9007199254740993.", '0', "1") == 9007199254740994.0);
}

TEST(a_long_number_can_be_a_whole_one) {
  static char text[50000];
  int64_t v = 0;
  fill(text, "7.", '0', sizeof text, "");
  CHECK(sio__json_number_to_int64(slice(text, sizeof text), &v) && v == 7);
  fill(text, "3", '0', sizeof text, "e-49990");
  CHECK(sio__json_number_to_int64(slice(text, sizeof text), &v) && v == 300);
  fill(text, "3", '1', sizeof text, "");
  CHECK(!sio__json_number_to_int64(slice(text, sizeof text), &v));
}

TESTS_BEGIN
T(whole_numbers_are_exact)
T(other_spellings_of_a_whole_number_are_accepted)
T(what_is_not_whole_or_does_not_fit_is_refused)
T(what_is_no_number_is_refused)
T(a_double_is_the_nearest_one)
T(digits_beyond_count_are_weighed_all_the_same)
T(a_long_number_can_be_a_whole_one)
TESTS_END
