/* SPDX-License-Identifier: MIT
 *
 * test_packet_decode.c - headers, payloads and attachments, as peers send them and as
 * they should not. Every text ends at a guard page. A number above a test is its row in the
 * checklist of wire behaviour.
 */
#include <sio/error.h>

#include "alloc.h"
#include "guard.h"
#include "packet/packet.h"
#include "test.h"

#include <uv.h>

static struct guard guard;
static struct decoder decoder;
static struct decode_scratch scratch;
static struct packet packet;
static const char *why;
static struct decoder_limits limits = { .max_attachments = 10,
                                        .max_depth = 512,
                                        .max_packet = 10000000 };

static int text_n(const char *p, size_t n) {
  why = "";
  return sio__decode_packet_text(&decoder, &scratch, &limits, slice(guard_put(&guard, p, n), n),
                                 &packet, &why);
}

static int text(const char *s) { return text_n(s, strlen(s)); }

static int binary(const char *s) {
  size_t n = strlen(s);
  why = "";
  return sio__decode_packet_attachment(&decoder, &scratch, &limits,
                                       slice(guard_put(&guard, s, n), n), &packet, &why);
}

static void done(void) {
  sio__decoder_free_packet(&decoder);
  sio__decode_scratch_clear(&scratch);
}

static void decodes(const char *s, enum packet_type type, const char *nsp, int64_t id,
                    const char *json) {
  int got = text(s);
  if (got != DECODE_PACKET) fprintf(stderr, "%s: %s\n", s, why);
  REQUIRE(got == DECODE_PACKET);
  EQ(packet.type, type);
  EQ_MEM(packet.nsp.p, packet.nsp.n, nsp, strlen(nsp));
  EQ(packet.id, id);
  EQ_MEM(packet.json.p, packet.json.n, json, strlen(json));
  EQ(packet.nbins, 0);
  done();
}

static void refused(const char *s, const char *because) {
  int got = text(s);
  if (got != SIO_EPROTO) fprintf(stderr, "%s: %d\n", s, got);
  EQ(got, SIO_EPROTO);
  EQ_STR(why, because);
  done();
}

/* 163, 177-180 */
TEST(packets_of_each_type_are_read) {
  decodes("0", PACKET_CONNECT, "/", PACKET_NO_ID, "");
  decodes("0{\"token\":\"123\"}", PACKET_CONNECT, "/", PACKET_NO_ID, "{\"token\":\"123\"}");
  decodes("0/woot,{\"token\":\"123\"}", PACKET_CONNECT, "/woot", PACKET_NO_ID,
          "{\"token\":\"123\"}");
  decodes("0/custom", PACKET_CONNECT, "/custom", PACKET_NO_ID, "");
  decodes("0/custom,", PACKET_CONNECT, "/custom", PACKET_NO_ID, "");
  decodes("1", PACKET_DISCONNECT, "/", PACKET_NO_ID, "");
  decodes("1/woot,", PACKET_DISCONNECT, "/woot", PACKET_NO_ID, "");
  decodes("2[\"a\",1,{}]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"a\",1,{}]");
  decodes("2[1,\"a\",{}]", PACKET_EVENT, "/", PACKET_NO_ID, "[1,\"a\",{}]");
  decodes("2/test,1[\"a\",1,{}]", PACKET_EVENT, "/test", 1, "[\"a\",1,{}]");
  decodes("3123[\"a\",1,{}]", PACKET_ACK, "/", 123, "[\"a\",1,{}]");
  decodes("3/n,7[]", PACKET_ACK, "/n", 7, "[]");
  decodes("4\"Unauthorized\"", PACKET_CONNECT_ERROR, "/", PACKET_NO_ID, "\"Unauthorized\"");
  decodes("4{\"message\":\"no\"}", PACKET_CONNECT_ERROR, "/", PACKET_NO_ID, "{\"message\":\"no\"}");
}

TEST(the_elements_of_an_event_are_handed_over) {
  REQUIRE(text("2[\"chat\",1,[2]]") == DECODE_PACKET);
  REQUIRE(packet.scan->nargs == 3);
  sio_slice name = json_scanned_element(packet.scan, packet.json, 0),
            last = json_scanned_element(packet.scan, packet.json, 2);
  EQ_MEM(name.p, name.n, "\"chat\"", 6);
  EQ_MEM(last.p, last.n, "[2]", 3);
  done();
}

TEST(a_namespace_ends_at_the_comma_or_with_the_text) {
  decodes("2/a?b=c&d=%20,[\"x\"]", PACKET_EVENT, "/a?b=c&d=%20", PACKET_NO_ID, "[\"x\"]");
  decodes("2/,[\"x\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"x\"]");
  decodes("2/a/b,5[\"x\"]", PACKET_EVENT, "/a/b", 5, "[\"x\"]");
  decodes("2/1,2[\"x\"]", PACKET_EVENT, "/1", 2, "[\"x\"]");
  decodes("0/", PACKET_CONNECT, "/", PACKET_NO_ID, "");
  decodes("0/[]", PACKET_CONNECT, "/[]", PACKET_NO_ID, "");
}

/* 193: the caller ignores it */
TEST(an_event_without_payload_is_a_packet) {
  decodes("2", PACKET_EVENT, "/", PACKET_NO_ID, "");
  decodes("27", PACKET_EVENT, "/", 7, "");
  decodes("3", PACKET_ACK, "/", PACKET_NO_ID, "");
  REQUIRE(text("2[\"x\",1]") == DECODE_PACKET);
  REQUIRE(text("2") == DECODE_PACKET);
  EQ(packet.scan->nargs, 0);
  done();
}

/* 169, 188 */
TEST(a_payload_that_does_not_suit_its_type_is_refused) {
  refused("242[\"some\",\"data\"", "invalid payload");
  refused("0/admin,\"invalid\"", "invalid payload");
  refused("0[]", "invalid payload");
  refused("0null", "invalid payload");
  refused("0false", "invalid payload");
  refused("1/admin,{}", "invalid payload");
  refused("1[]", "invalid payload");
  refused("1nonsense", "invalid payload");
  refused("2/admin,\"invalid", "invalid payload");
  refused("2/admin,{}", "invalid payload");
  refused("2{}", "invalid payload");
  refused("2[]", "invalid payload");
  refused("2\"a\"", "invalid payload");
  refused("2abc[\"x\"]", "invalid payload");
  refused("2[\"x\"]]", "invalid payload");
  refused("2[{\"toString\":\"foo\"}]", "invalid payload");
  refused("2[true,\"foo\"]", "invalid payload");
  refused("2[null,\"bar\"]", "invalid payload");
  refused("2[[\"a\"]]", "invalid payload");
  refused("31{}", "invalid payload");
  refused("3null", "invalid payload");
  refused("4[]", "invalid payload");
  refused("4null", "invalid payload");
  refused("2-1[\"a\"]", "invalid payload");
}

TEST(reserved_names_are_refused_however_they_are_written) {
  refused("2[\"connect\"]", "invalid payload");
  refused("2[\"connect_error\"]", "invalid payload");
  refused("2[\"disconnect\",\"123\"]", "invalid payload");
  refused("2[\"disconnecting\"]", "invalid payload");
  refused("2[\"newListener\"]", "invalid payload");
  refused("2[\"removeListener\"]", "invalid payload");
  refused("2[\"\\u0063onnect\"]", "invalid payload");
  refused("2[\"\\u0072\\u0065\\u006d\\u006f\\u0076\\u0065\\u004c\\u0069\\u0073\\u0074\\u0065\\u006e"
          "\\u0065\\u0072\"]",
          "invalid payload");
  refused("51-[\"connect\"]", "invalid payload");
  decodes("2[\"Connect\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"Connect\"]");
  decodes("2[\"connect \"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"connect \"]");
  decodes("2[\"connect\\u0000\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"connect\\u0000\"]");
  decodes("2[\"\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"\"]");
  decodes("3[\"connect\"]", PACKET_ACK, "/", PACKET_NO_ID, "[\"connect\"]");
}

/* 170, 181, 185, 189 */
TEST(a_packet_of_no_known_type_is_refused) {
  refused("999", "unknown packet type 9");
  refused("7", "unknown packet type 7");
  refused("8[\"a\"]", "unknown packet type 8");
  refused("abc", "the packet type is not a digit");
  refused("-1", "the packet type is not a digit");
  refused(" 2[\"a\"]", "the packet type is not a digit");
  refused("", "empty packet");
}

/* 167, 191 */
TEST(a_count_of_attachments_is_a_plain_positive_number) {
  refused("5", "Illegal attachments");
  refused("51", "Illegal attachments");
  refused("5a-", "Illegal attachments");
  refused("51.23-", "Illegal attachments");
  refused("50-[\"a\"]", "Illegal attachments");
  refused("5000-[\"a\"]", "Illegal attachments");
  refused("5-[\"a\"]", "Illegal attachments");
  refused("5-1-[\"a\"]", "Illegal attachments");
  refused("5+1-[\"a\"]", "Illegal attachments");
  refused("51e0-[\"a\"]", "Illegal attachments");
  refused("5 1-[\"a\"]", "Illegal attachments");
  refused("50x1-[\"a\"]", "Illegal attachments");
  refused("5woooot", "Illegal attachments");
  refused("5[\"a\"]", "Illegal attachments");
  refused("6", "Illegal attachments");
  refused("60-[]", "Illegal attachments");
}

/* 168 */
TEST(more_attachments_than_the_limit_are_refused) {
  refused("511-[\"a\"]", "too many attachments");
  refused("5999999999-[\"a\"]", "too many attachments");
  refused("54294967297-[\"a\"]", "too many attachments");
  refused("599999999999999999999999-[\"a\"]", "too many attachments");
  EQ(text("510-[\"a\"]"), DECODE_MORE);
  done();
  limits.max_attachments = 2;
  refused("53-[\"a\"]", "too many attachments");
  limits.max_attachments = 10;
}

/* 192, 215 */
TEST(an_ack_id_is_exact_or_refused) {
  decodes("20[\"a\"]", PACKET_EVENT, "/", 0, "[\"a\"]");
  decodes("2007[\"a\"]", PACKET_EVENT, "/", 7, "[\"a\"]");
  decodes("29007199254740991[\"a\"]", PACKET_EVENT, "/", INT64_C(9007199254740991), "[\"a\"]");
  decodes("3/n,9007199254740991[]", PACKET_ACK, "/n", INT64_C(9007199254740991), "[]");
  refused("29007199254740992[\"a\"]", "invalid packet id");
  refused("318446744073709551616[\"a\"]", "invalid packet id");
  refused("318446744073709551617[\"a\"]", "invalid packet id");
  refused("299999999999999999999999999999999999999999[\"a\"]", "invalid packet id");
}

TEST(a_space_before_the_payload_is_a_blank_of_it) {
  decodes("2 [\"x\"]", PACKET_EVENT, "/", PACKET_NO_ID, " [\"x\"]");
}

TEST(nesting_is_limited) {
  limits.max_depth = 3;
  decodes("2[\"a\",[[]]]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"a\",[[]]]");
  EQ(text("2[\"a\",[[[]]]]"), SIO_EDEPTH);
  EQ_STR(why, "payload nested too deep");
  limits.max_depth = 512;
  done();
}

static void bin_is(size_t k, const char *want) {
  REQUIRE(k < packet.nbins);
  EQ_MEM(packet.bins[k].p, packet.bins[k].n, want, strlen(want));
}

#define HOLE(k) "{\"_placeholder\":true,\"num\":" #k "}"

/* 164 */
TEST(a_binary_event_is_whole_with_its_last_attachment) {
  EQ(text("52-/cool,23[\"a\"," HOLE(0) ",{\"b\":[null," HOLE(1) "]}]"), DECODE_MORE);
  EQ(binary("first"), DECODE_MORE);
  EQ(binary("2nd"), DECODE_PACKET);
  EQ(packet.type, PACKET_EVENT);
  EQ(packet.id, 23);
  EQ_MEM(packet.nsp.p, packet.nsp.n, "/cool", 5);
  EQ(packet.scan->nargs, 3);
  EQ(packet.nbins, 2);
  bin_is(0, "first");
  bin_is(1, "2nd");
  sio__decoder_free_packet(&decoder);
  sio__decoder_free_packet(&decoder);
  decodes("2[\"next\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"next\"]");
}

TEST(a_binary_ack_is_delivered_as_an_ack) {
  EQ(text("61-127[" HOLE(0) "]"), DECODE_MORE);
  EQ(binary(""), DECODE_PACKET);
  EQ(packet.type, PACKET_ACK);
  EQ(packet.id, 127);
  EQ(packet.nbins, 1);
  bin_is(0, "");
  done();
}

TEST(a_binary_packet_without_payload_still_waits) {
  EQ(text("51-"), DECODE_MORE);
  EQ(binary("x"), DECODE_PACKET);
  EQ(packet.json.n, 0);
  EQ(packet.scan->nargs, 0);
  done();
}

TEST(an_attachment_may_be_named_twice_or_not_at_all) {
  EQ(text("52-[\"a\"," HOLE(1) "," HOLE(1) "]"), DECODE_MORE);
  EQ(binary("x"), DECODE_MORE);
  EQ(binary("y"), DECODE_PACKET);
  EQ(packet.scan->nplaceholders, 2);
  done();
}

static void hole_refused(const char *placeholder) {
  char s[200];
  snprintf(s, sizeof s, "51-[\"a\",{\"b\":%s}]", placeholder);
  EQ(text(s), DECODE_MORE);
  int got = binary("x");
  if (got != SIO_EPROTO) fprintf(stderr, "%s\n", s);
  EQ(got, SIO_EPROTO);
  EQ_STR(why, "illegal attachments");
  done();
}

/* 171 */
TEST(a_placeholder_of_no_attachment_is_refused_with_the_last_one) {
  hole_refused("{\"_placeholder\":true,\"num\":\"splice\"}");
  hole_refused("{\"_placeholder\":true,\"num\":1}");
  hole_refused("{\"_placeholder\":true,\"num\":-1}");
  hole_refused("{\"_placeholder\":true,\"num\":0.5}");
  hole_refused("{\"_placeholder\":true,\"num\":1e300}");
  hole_refused("{\"_placeholder\":true,\"num\":4294967296}");
  hole_refused("{\"_placeholder\":true,\"num\":null}");
  hole_refused("{\"_placeholder\":true}");
  hole_refused("{\"\\u005fplaceholder\":true,\"num\":7}");
  hole_refused("[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  hole_refused("[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true}]");
}

TEST(a_placeholder_in_a_plain_event_is_data) {
  decodes("2[\"a\",{\"_placeholder\":true,\"num\":99}]", PACKET_EVENT, "/", PACKET_NO_ID,
          "[\"a\",{\"_placeholder\":true,\"num\":99}]");
}

/* 172 */
TEST(binary_without_a_header_and_text_between_attachments_are_refused) {
  EQ(binary("x"), SIO_EPROTO);
  EQ_STR(why, "got binary data when not reconstructing a packet");
  EQ(text("52-[\"a\"]"), DECODE_MORE);
  EQ(binary("x"), DECODE_MORE);
  EQ(text("2[\"a\"]"), SIO_EPROTO);
  EQ_STR(why, "got plaintext data when reconstructing a packet");
  EQ(text("52-[\"a\"]"), SIO_EPROTO);
  done();
}

/* 173 */
TEST(a_release_in_the_middle_begins_afresh) {
  EQ(text("52-[\"a\"]"), DECODE_MORE);
  EQ(binary("x"), DECODE_MORE);
  sio__decoder_free_packet(&decoder);
  decodes("2[\"a\"]", PACKET_EVENT, "/", PACKET_NO_ID, "[\"a\"]");
}

TEST(a_packet_that_was_not_released_is_freed_with_the_next) {
  EQ(text("51-[\"a\"]"), DECODE_MORE);
  EQ(binary("x"), DECODE_PACKET);
  EQ(text("51-[\"b\"]"), DECODE_MORE);
  EQ(binary("y"), DECODE_PACKET);
  bin_is(0, "y");
  EQ(binary("z"), SIO_EPROTO);
  done();
}

TEST(other_packets_may_use_the_scratch_in_between) {
  struct decoder other = { 0 };
  struct packet plain;
  EQ(text("52-[\"a\",1,2,3," HOLE(0) "]"), DECODE_MORE);
  EQ(sio__decode_packet_text(&other, &scratch, &limits, SLICE("2[\"b\"]"), &plain, &why),
     DECODE_PACKET);
  EQ(binary("x"), DECODE_MORE);
  EQ(sio__decode_packet_text(&other, &scratch, &limits, SLICE("2[\"c\"]"), &plain, &why),
     DECODE_PACKET);
  EQ(binary("y"), DECODE_PACKET);
  EQ(packet.scan->nargs, 5);
  EQ(packet.scan->nplaceholders, 1);
  done();
}

TEST(header_and_attachments_together_are_limited) {
  limits.max_packet = 20;
  EQ(text("2[\"12345678901234\"]"), DECODE_PACKET);
  EQ(text("2[\"1234567890123456\"]"), SIO_ETOOBIG);
  EQ(text("52-[\"a\"]"), DECODE_MORE);
  EQ(binary("123456"), DECODE_MORE);
  EQ(binary("123456"), DECODE_PACKET);
  EQ(text("52-[\"a\"]"), DECODE_MORE);
  EQ(binary("123456"), DECODE_MORE);
  EQ(binary("1234567"), SIO_ETOOBIG);
  EQ_STR(why, "packet too big");
  limits.max_packet = 10000000;
  done();
}

TEST(memory_follows_what_came_not_what_was_announced) {
  limits.max_attachments = 900000000;
  alloc_install();
  EQ(text("5900000000-[\"a\"]"), DECODE_MORE);
  for (int i = 0; i < 100; i++) EQ(binary("x"), DECODE_MORE);
  done();
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
  limits.max_attachments = 10;
}

static const char *const headers[] = {
  "0/woot,{\"token\":\"123\"}", "1/woot,",          "2[\"a\",1,{}]",
  "2/test,1[\"a\",1,{}]",       "3123[\"a\",1,{}]", "4{\"a\":1}",
  "51-/b,7[\"a\"," HOLE(0) "]",
};

/* Nothing is read after the end of a truncated packet, and a release frees everything. */
TEST(a_text_cut_anywhere_does_no_harm) {
  alloc_install();
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    for (size_t n = 0; n <= strlen(headers[i]); n++) {
      int got = text_n(headers[i], n);
      CHECK(got == DECODE_PACKET || got == DECODE_MORE || got == SIO_EPROTO);
      done();
    }
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

static int receive_binary_event(void) {
  int got = text("53-/n,1[\"a\"," HOLE(0) "," HOLE(1) "," HOLE(2) "]");
  for (int i = 0; got == DECODE_MORE && i < 3; i++) got = binary("some bytes");
  return got;
}

/* The payload is looked at again when it is whole: other packets have used the scratch
 * meanwhile. */
TEST(without_memory_for_the_second_look_a_packet_with_attachments_is_refused) {
  alloc_install();
  EQ(text("51-[\"a\",1,2,3," HOLE(0) "]"), DECODE_MORE);
  sio__decode_scratch_clear(&scratch);
  alloc_fail_in(3); /* after the array of attachments and the attachment */
  EQ(binary("x"), UV_ENOMEM);
  EQ_STR(why, "out of memory");
  alloc_fail_in(0);
  done();
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

TEST(without_memory_a_packet_is_refused_and_nothing_leaks) {
  alloc_install();
  for (size_t i = 1;; i++) {
    alloc_fail_in(i);
    int got = receive_binary_event();
    bool all_done = alloc_fuse > 0;
    done();
    EQ(alloc_live, 0);
    if (all_done) {
      EQ(got, DECODE_PACKET);
      CHECK(i > 6);
      break;
    }
    EQ(got, UV_ENOMEM);
    EQ_STR(why, "out of memory");
  }
  sio_set_allocator(NULL, NULL, NULL);
}

TESTS_BEGIN
T(packets_of_each_type_are_read)
T(the_elements_of_an_event_are_handed_over)
T(a_namespace_ends_at_the_comma_or_with_the_text)
T(an_event_without_payload_is_a_packet)
T(a_payload_that_does_not_suit_its_type_is_refused)
T(reserved_names_are_refused_however_they_are_written)
T(a_packet_of_no_known_type_is_refused)
T(a_count_of_attachments_is_a_plain_positive_number)
T(more_attachments_than_the_limit_are_refused)
T(an_ack_id_is_exact_or_refused)
T(a_space_before_the_payload_is_a_blank_of_it)
T(nesting_is_limited)
T(a_binary_event_is_whole_with_its_last_attachment)
T(a_binary_ack_is_delivered_as_an_ack)
T(a_binary_packet_without_payload_still_waits)
T(an_attachment_may_be_named_twice_or_not_at_all)
T(a_placeholder_of_no_attachment_is_refused_with_the_last_one)
T(a_placeholder_in_a_plain_event_is_data)
T(binary_without_a_header_and_text_between_attachments_are_refused)
T(a_release_in_the_middle_begins_afresh)
T(a_packet_that_was_not_released_is_freed_with_the_next)
T(other_packets_may_use_the_scratch_in_between)
T(header_and_attachments_together_are_limited)
T(memory_follows_what_came_not_what_was_announced)
T(a_text_cut_anywhere_does_no_harm)
T(without_memory_for_the_second_look_a_packet_with_attachments_is_refused)
T(without_memory_a_packet_is_refused_and_nothing_leaks)
TESTS_END
