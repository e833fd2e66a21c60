/* SPDX-License-Identifier: MIT
 *
 * test_payload3.c - Engine.IO 3 bodies, written and read.
 */
#include "eio/payload.h"
#include "guard.h"
#include "test.h"
#include <sio/error.h>

static struct msgs home;

static void start(void) {
  if (!home.small.size) sio__msg_allocator_init(&home);
}

static struct msg *text(const char *s) {
  start();
  return sio__msg_from_bytes(&home, s, strlen(s));
}

static struct msg *bytes(const char *p, size_t n) {
  start();
  struct msg *m = sio__msg_from_bytes(&home, p, n);
  m->binary = 1;
  return m;
}

static void writes(const struct payload_form *f, struct msg *m, const char *want, size_t n) {
  char out[256];
  EQ(f->len(m), n);
  char *end = f->put(out, m);
  EQ_MEM(out, (size_t)(end - out), want, n);
  msg_unref(m);
}

/* What a body reads as: each packet as its type and data, '!' where it breaks. */
static void reads(const struct payload_form *f, const char *body, size_t n, const char *want) {
  char got[256] = "";
  struct guard g = { 0 };
  char *p = guard_put(&g, body, n);
  sio_slice rest = slice(p, n);
  struct eio_in in;
  int err;
  while ((err = f->next(&rest, &in)) > 0)
    sprintf(got + strlen(got), "%s%d%.*s;", in.binary ? "b" : "", (int)in.type, (int)in.data.n,
            in.data.p);
  if (err < 0) strcat(got, "!");
  EQ_STR(got, want);
  guard_clear(&g);
}

#define READS3(body, want) reads(&sio__payload3_text, body, sizeof(body) - 1, want)
#define READSB(body, want) reads(&sio__payload3_binary, body, sizeof(body) - 1, want)

TEST(a_text_packet_is_written_behind_its_length_in_utf16_units) {
  writes(&sio__payload3_text, text("4hello"), "6:4hello", 8);
  writes(&sio__payload3_text, text("4\xe2\x82\xac"), "2:4\xe2\x82\xac", 6);
  writes(&sio__payload3_text, text("4\xef\x80\x80\xef\xbf\xbd"), "3:4\xef\x80\x80\xef\xbf\xbd", 9);
  writes(&sio__payload3_text, text("4\xf0\x9f\x98\x80"), "3:4\xf0\x9f\x98\x80", 7);
  writes(&sio__payload3_text, bytes("\1\2\3\4", 4), "10:b4AQIDBA==", 13);
}

TEST(the_binary_form_counts_bytes_with_digits_as_bytes) {
  writes(&sio__payload3_binary, text("4\xe2\x82\xac"),
         "\0\4\xff"
         "4\xe2\x82\xac",
         7);
  writes(&sio__payload3_binary, bytes("\1\2\3\4", 4), "\1\5\xff\4\1\2\3\4", 8);
  writes(&sio__payload3_binary, text("4234567890"),
         "\0\1\0\xff"
         "4234567890",
         14);
}

TEST(text_bodies_are_taken_apart_by_units) {
  READS3("6:4hello", "4hello;");
  READS3("6:4test16:4test2", "4test1;4test2;");
  READS3("2:4\xe2\x82\xac"
         "3:4\xf0\x9f\x98\x80"
         "1:2",
         "4\xe2\x82\xac;4\xf0\x9f\x98\x80;2;");
  READS3("10:b4AQIDBA==", "b4\1\2\3\4;");
  READS3("3:4\xef\x80\x80\xef\xbf\xbd"
         "1:2",
         "4\xef\x80\x80\xef\xbf\xbd;2;"); /* U+F000, U+FFFD */
  READS3("0:1:2", "2;");
  READS3("1:20:", "2;");
  READS3("0:", "");
}

/* As the reference reads it; data of what is no message is nothing to anybody. */
TEST(any_packet_may_come_as_base64_and_what_has_no_type_there_is_means_nothing) {
  READS3("4:b5AA", "b5;");
  READS3("2:b2", "b2;");
  READS3("2:b9", "b6;");
  READS3("1:b", "b6;");
}

TEST(text_bodies_that_are_none_break_where_they_are_wrong) {
  READS3("", "!");
  READS3("2", "!");
  READS3(":2", "!");
  READS3("-1:2", "!");
  READS3("a:2", "!");
  READS3("5:2", "!");
  READS3("1:27:4", "2;!");
  READS3("1:\xf0\x9f\x98\x80", "!");
  READS3("1:9", "!");
  READS3("99999999999999999999:2", "!");
  READS3("4294967297:2", "!"); /* 2^32 + 1 */
}

TEST(binary_bodies_are_taken_apart_by_bytes) {
  READSB("\0\4\xff"
         "4\xe2\x82\xac",
         "4\xe2\x82\xac;");
  READSB("\1\5\xff\4\1\2\3\4\0\1\xff"
         "2",
         "b4\1\2\3\4;2;");
}

TEST(binary_bodies_that_are_none_break_where_they_are_wrong) {
  READSB("", "!");
  READSB("\0\4\xff"
         "4",
         "!");
  READSB("\2\1\xff"
         "2",
         "!");
  READSB("\0\xff"
         "2",
         "!");
  READSB("\0\1", "!");
  READSB("\0\x0a\xff"
         "2",
         "!");
  READSB("\1\1\xff\7", "!");
  READSB("\1\0\xff", "!");
  READSB("\0\1\1\1\1\1\1\1\1\1\1\1\1\xff"
         "2",
         "!");
}

TEST(a_body_cut_anywhere_never_reads_past_its_end) {
  static const char whole[] = "6:4hello10:b4AQIDBA==3:4\xf0\x9f\x98\x80";
  static const char binary[] = "\0\4\xff"
                               "4\xe2\x82\xac\1\5\xff\4\1\2\3\4";
  struct eio_in in;
  for (size_t n = 0; n < sizeof whole; n++) {
    struct guard g = { 0 };
    sio_slice rest = slice(guard_put(&g, whole, n), n);
    while (sio__payload3_text.next(&rest, &in) > 0) continue;
    guard_clear(&g);
  }
  for (size_t n = 0; n < sizeof binary; n++) {
    struct guard g = { 0 };
    sio_slice rest = slice(guard_put(&g, binary, n), n);
    while (sio__payload3_binary.next(&rest, &in) > 0) continue;
    guard_clear(&g);
  }
}

TESTS_BEGIN
T(a_text_packet_is_written_behind_its_length_in_utf16_units)
T(the_binary_form_counts_bytes_with_digits_as_bytes)
T(text_bodies_are_taken_apart_by_units)
T(any_packet_may_come_as_base64_and_what_has_no_type_there_is_means_nothing)
T(text_bodies_that_are_none_break_where_they_are_wrong)
T(binary_bodies_are_taken_apart_by_bytes)
T(binary_bodies_that_are_none_break_where_they_are_wrong)
T(a_body_cut_anywhere_never_reads_past_its_end)
TESTS_END
