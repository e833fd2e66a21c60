/* SPDX-License-Identifier: MIT
 *
 * test_value.c - each kind of value as JSON text, from C types and from constructors.
 */
#include <sio/error.h>

#include <limits.h>
#include <math.h>

#include "alloc.h"
#include "packet/writer.h"
#include "test.h"

#include <cjson/cJSON.h>

static struct msgs home;
static struct decode_scratch scratch;

static void written_n(sio_val v, const char *want, size_t n) {
  struct writer w;
  sio__msg_allocator_init(&home);
  REQUIRE(sio__writer_init(&w, &home, &scratch, sio__val_estimate_json_size(&v), false) == 0);
  sio__writer_put_value(&w, &v);
  EQ(w.err, 0);
  EQ_MEM(msg_data(w.text), w.text->len, want, n);
  sio__writer_clear(&w);
  sio__msg_allocator_clear(&home);
  sio__decode_scratch_clear(&scratch);
}

static void written(sio_val v, const char *want) { written_n(v, want, strlen(want)); }

static void refused(sio_val v, int want) {
  struct writer w;
  sio__msg_allocator_init(&home);
  REQUIRE(sio__writer_init(&w, &home, &scratch, 10, false) == 0);
  sio__writer_put_value(&w, &v);
  EQ(w.err, want);
  sio__writer_clear(&w);
  sio__msg_allocator_clear(&home);
  sio__decode_scratch_clear(&scratch);
}

TEST(constructors_make_what_they_say) {
  written(sio_null(), "null");
  written(sio_bool(true), "true");
  written(sio_bool(false), "false");
  written(sio_int(-5), "-5");
  written(sio_uint(5), "5");
  written(sio_double(2.5), "2.5");
  written(sio_str("text"), "\"text\"");
  written(sio_strn("text", 2), "\"te\"");
  written(sio_json(SLICE(" {\"a\" : 1} ")), " {\"a\" : 1} ");
}

TEST(nothing_is_null) {
  written(sio_str(NULL), "null");
  written(sio_tree(NULL), "null");
  written(sio_string(slice(NULL, 0)), "null");
  refused(sio_json(slice(NULL, 0)), SIO_EJSON);
  written(sio_strn(NULL, 0), "\"\"");
}

TEST(integers_are_exact_to_their_ends) {
  written(sio_int(INT64_MIN), "-9223372036854775808");
  written(sio_int(INT64_MAX), "9223372036854775807");
  written(sio_uint(UINT64_MAX), "18446744073709551615");
}

TEST(numbers_that_are_not_finite_are_null) {
  written(sio_double((double)NAN), "null");
  written(sio_double((double)INFINITY), "null");
  written(sio_double(-(double)INFINITY), "null");
  written(sio_double(-0.0), "0");
  written(sio_double(0.1), "0.1");
  written(sio_double(1e21), "1e+21");
  written(sio_double(5e-324), "5e-324");
}

TEST(strings_are_escaped_and_mended) {
  written_n(sio_strn("a\0\"\\\n", 5), "\"a\\u0000\\\"\\\\\\n\"", 15);
  written(sio_str("caf\xc3\xa9 \xff"), "\"caf\xc3\xa9 \xef\xbf\xbd\"");
}

TEST(plain_c_values_become_values) {
  char text[] = "b";
  signed char sc = -1;
  unsigned char uc = 255;
  short s = -3;
  unsigned short us = 65535;
  bool yes = true;
  const sio_args args =
      SIO_ARGS("a", text, yes, 'c', sc, uc, s, us, 7, 7u, -8l, 8ul, -9ll, 9ull, 1.5f, 2.5);
  const char *const want[] = { "\"a\"", "\"b\"", "true", "99", "-1", "255", "-3",  "65535",
                               "7",     "7",     "-8",   "8",  "-9", "9",   "1.5", "2.5" };
  REQUIRE(args.n == 16);
  for (size_t i = 0; i < 16; i++) written(args.v[i], want[i]);
  written(SIO_ARGS(SLICE("[1]")).v[0], "\"[1]\""); /* a slice is a string */
  written(SIO_ARGS(sio_json(SLICE("[1]"))).v[0], "[1]");
  written(SIO_ARGS(sio_int(3)).v[0], "3");
  EQ(SIO_NONE.n, 0);
}

TEST(json_text_is_checked) {
  refused(sio_json(SLICE("{")), SIO_EJSON);
  refused(sio_json(SLICE("1,2")), SIO_EJSON);
  refused(sio_json(SLICE("1],[2")), SIO_EJSON);
  refused(sio_json(SLICE("\"a\nb\"")), SIO_EJSON);
  refused(sio_json(SLICE(" ")), SIO_EJSON);
}

static size_t nest(char *out, size_t depth) {
  for (size_t i = 0; i < depth; i++) out[i] = '[', out[depth + i] = ']';
  return 2 * depth;
}

TEST(text_may_be_nested_as_deep_as_a_packet_but_one) {
  char text[4000];
  size_t n = nest(text, JSON_DEPTH_MAX - 1);
  written_n(sio_json(slice(text, n)), text, n);
  n = nest(text, JSON_DEPTH_MAX);
  refused(sio_json(slice(text, n)), SIO_EDEPTH);
}

TEST(a_hint_is_enough_for_most_and_more_is_made_when_it_is_not) {
  char text[100];
  memset(text, '\x01', sizeof text);
  sio_val v = sio_strn(text, sizeof text);
  CHECK(sio__val_estimate_json_size(&v) < 602);
  struct writer w;
  sio__msg_allocator_init(&home);
  REQUIRE(sio__writer_init(&w, &home, &scratch, sio__val_estimate_json_size(&v), false) == 0);
  sio__writer_put_value(&w, &v);
  EQ(w.err, 0);
  EQ(w.text->len, 602);
  sio__writer_clear(&w);
  sio__msg_allocator_clear(&home);
}

TEST(arrays_and_objects_are_made_of_values) {
  written(SIO_ARRAY(1, "two", sio_null()), "[1,\"two\",null]");
  written(sio_array(SIO_NONE), "[]");
  written(SIO_OBJECT({ "a\"", SIO_VAL("x") }, { "b", SIO_ARRAY(SIO_OBJECT({ "c", sio_int(1) })) }),
          "{\"a\\\"\":\"x\",\"b\":[{\"c\":1}]}");
  written(sio_object(NULL, 0), "{}");
  refused(SIO_ARRAY(1, sio_json(SLICE("{bad"))), SIO_EJSON);
  refused(SIO_OBJECT({ "a", sio_spread(SLICE("[1,2]")) }), SIO_EJSON);
}

TEST(an_array_of_values_is_nested_as_deep_as_text) {
  enum { DEPTH = JSON_DEPTH_MAX - 1 };
  static sio_val v[DEPTH + 1];
  v[0] = sio_int(1);
  for (int i = 1; i <= DEPTH; i++) v[i] = sio_array(sio_argv(&v[i - 1], 1));
  static char want[2 * DEPTH + 2];
  memset(want, '[', DEPTH);
  want[DEPTH] = '1';
  memset(want + DEPTH + 1, ']', DEPTH);
  written_n(v[DEPTH], want, 2 * DEPTH + 1);
  refused(SIO_ARRAY(v[DEPTH]), SIO_EDEPTH);
  v[0] = sio_json(SLICE("[1]"));
  refused(v[DEPTH], SIO_EDEPTH);
}

TEST(a_received_argument_in_an_array_counts_with_its_levels) {
  static char text[2 * JSON_DEPTH_MAX];
  size_t n = nest(text, JSON_DEPTH_MAX - 1);
  sio_val received = sio_val_make(SIO_ARG, text, n);
  written_n(received, text, n);
  refused(SIO_ARRAY(received), SIO_EDEPTH);
  refused(SIO_OBJECT({ "a", received }), SIO_EDEPTH);
}

TEST(a_json_array_is_spread_into_its_elements) {
  written(sio_spread(SLICE(" [ 1 , {\"a\":[2]} ]\n")), "1 , {\"a\":[2]} ");
  written(SIO_ARRAY(0, sio_spread(SLICE("[1,2]")), sio_spread(SLICE("[ ]")), 3), "[0,1,2,3]");
  refused(sio_spread(SLICE("{}")), SIO_EJSON);
  refused(sio_spread(SLICE("[1")), SIO_EJSON);
  refused(sio_spread(SLICE("[1,]")), SIO_EJSON);
  refused(sio_spread(SLICE("[1],[2]")), SIO_EJSON);
  refused(sio_spread(SLICE("")), SIO_EJSON);
}

TESTS_BEGIN
T(constructors_make_what_they_say)
T(nothing_is_null)
T(integers_are_exact_to_their_ends)
T(numbers_that_are_not_finite_are_null)
T(strings_are_escaped_and_mended)
T(plain_c_values_become_values)
T(arrays_and_objects_are_made_of_values)
T(an_array_of_values_is_nested_as_deep_as_text)
T(a_received_argument_in_an_array_counts_with_its_levels)
T(a_json_array_is_spread_into_its_elements)
T(json_text_is_checked)
T(text_may_be_nested_as_deep_as_a_packet_but_one)
T(a_hint_is_enough_for_most_and_more_is_made_when_it_is_not)
TESTS_END
