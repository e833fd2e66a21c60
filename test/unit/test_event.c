/* SPDX-License-Identifier: MIT
 *
 * test_event.c - what handlers read out of an event, what they put in its place, and what
 * they send on.
 */
#include "core/event.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <uv.h>

#include "alloc.h"
#include "test.h"

static struct decoder decoder;
static struct decode_scratch scratch;
static struct packet packet;
static struct sio_event event;
static struct msgs home;
static const struct decoder_limits limits = { .max_attachments = 10,
                                              .max_depth = 512,
                                              .max_packet = 1 << 20 };

#define HOLE(k) "{\"_placeholder\":true,\"num\":" #k "}"

static int receive(const char *text) {
  const char *why;
  int got = sio__decode_packet_text(&decoder, &scratch, &limits, slice_str(text), &packet, &why);
  if (got == DECODE_PACKET) got = sio__event_init(&event, NULL, &packet);
  return got;
}

static int attach(const char *bytes) {
  const char *why;
  int got =
      sio__decode_packet_attachment(&decoder, &scratch, &limits, slice_str(bytes), &packet, &why);
  if (got == DECODE_PACKET) got = sio__event_init(&event, NULL, &packet);
  return got;
}

static void begin(const char *text) {
  alloc_install();
  sio__msg_allocator_init(&home);
  EQ(receive(text), 0);
}

static void end(void) {
  sio__event_clear(&event);
  sio__decoder_free_packet(&decoder);
  sio__decode_scratch_clear(&scratch);
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

static void is_slice(sio_slice got, const char *want) {
  CHECK(got.p != NULL);
  EQ_MEM(got.p, got.n, want, strlen(want));
}

static void is_nothing(sio_slice got) {
  CHECK(got.p == NULL);
  EQ(got.n, 0);
}

/* What leaves when these arguments are sent. */
static void sends(sio_args args, const char *want) {
  struct msg *m;
  REQUIRE(sio__encode_event_or_ack(&home, &scratch, &m, "/", "x", args, PACKET_NO_ID) == 0);
  EQ_MEM(msg_data(m), m->len, want, strlen(want));
  msg_unref(m);
}

static void refuses(sio_args args, int err) {
  struct msg *m = NULL;
  EQ(sio__encode_event_or_ack(&home, &scratch, &m, "/", "x", args, PACKET_NO_ID), err);
  CHECK(m == NULL);
}

TEST(an_event_has_a_name_and_arguments) {
  begin("27[\"chat\",1,\"two\",[3]]");
  EQ_STR(sio_event_name(&event), "chat");
  EQ(sio_event_count(&event), 3);
  EQ(event.ack_id, 7);
  is_slice(sio_event_json(&event, 0), "1");
  is_slice(sio_event_json(&event, 2), "[3]");
  is_nothing(sio_event_json(&event, 3));
  is_nothing(sio_event_json(&event, SIZE_MAX));
  end();
}

TEST(an_ack_has_arguments_only) {
  begin("37[\"chat\",1]");
  EQ_STR(sio_event_name(&event), "");
  EQ(sio_event_count(&event), 2);
  EQ(event.ack_id, PACKET_NO_ID);
  EQ_STR(sio_event_str(&event, 0), "chat");
  end();
  begin("37[]");
  EQ(sio_event_count(&event), 0);
  end();
}

TEST(an_event_without_payload_is_empty) {
  begin("2");
  EQ_STR(sio_event_name(&event), "");
  EQ(sio_event_count(&event), 0);
  EQ(sio_event_kind(&event, 0), SIO_NULL);
  end();
}

TEST(names_are_unescaped_and_numbers_are_their_text) {
  begin("2[\"\\u0063hat\\n\"]");
  EQ_STR(sio_event_name(&event), "chat\n");
  end();
  begin("2[12.50,\"x\"]");
  EQ_STR(sio_event_name(&event), "12.50");
  EQ(sio_event_count(&event), 1);
  end();
  begin("2[\"a\\u0000b\"]");
  EQ_MEM(event.name.p, event.name.n, "a\0b", 3);
  EQ_STR(sio_event_name(&event), "a\xC0\x80"
                                 "b");
  EQ(sio_event_set_name_and_args(&event, "\xC0\x80", SIO_NONE), 0);
  EQ_MEM(event.name.p, event.name.n, "\0", 1);
  EQ_STR(sio_event_name(&event), "\xC0\x80");
  EQ(sio_event_set_name_and_args(&event, "new", SIO_NONE), 0);
  EQ_STR(sio_event_name(&event), "new");
  end();
  begin("2[\"connect\\u0000\\u0000\"]");
  EQ_STR(sio_event_name(&event), "connect\xC0\x80\xC0\x80");
  end();
  begin("2[\"\"]");
  EQ_STR(sio_event_name(&event), "");
  EQ(event.name.n, 0);
  end();
}

TEST(a_long_name_is_kept_whole) {
  char text[1000], name[901];
  memset(name, 'n', 900);
  name[900] = '\0';
  snprintf(text, sizeof text, "2[\"%s\",1]", name);
  begin(text);
  EQ_STR(sio_event_name(&event), name);
  end();
}

TEST(kinds_are_told_without_parsing) {
  begin("2[\"e\",null,true,false,1,-1,\"s\",[],{}," HOLE(0) "]");
  const enum sio_kind want[] = { SIO_NULL, SIO_BOOL,  SIO_BOOL,   SIO_NUM,    SIO_NUM,
                                 SIO_STR,  SIO_ARRAY, SIO_OBJECT, SIO_OBJECT, SIO_NULL };
  for (size_t i = 0; i < 10; i++) EQ(sio_event_kind(&event, i), want[i]);
  end();
}

TEST(strings_are_unescaped_once_and_end_in_nul) {
  begin("2[\"e\",\"plain\",\"\\u00e9\\n\\\"\",\"a\\u0000b\",1,\"\\ud800\",\"\"]");
  EQ_STR(sio_event_str(&event, 0), "plain");
  EQ_STR(sio_event_str(&event, 1), "\xc3\xa9\n\"");
  CHECK(sio_event_str(&event, 0) == sio_event_str(&event, 0));
  CHECK(sio_event_str(&event, 2) == NULL);
  EQ_MEM(sio_event_strn(&event, 2).p, sio_event_strn(&event, 2).n, "a\0b", 3);
  CHECK(sio_event_str(&event, 3) == NULL);
  is_nothing(sio_event_strn(&event, 3));
  EQ_STR(sio_event_str(&event, 4), "\xef\xbf\xbd");
  CHECK(sio_event_str(&event, 4) == sio_event_str(&event, 4));
  is_slice(sio_event_strn(&event, 5), "");
  CHECK(sio_event_str(&event, 6) == NULL);
  end();
}

TEST(short_strings_allocate_nothing) {
  begin("2[\"event\",\"short\",\"also short\"]");
  size_t calls = alloc_calls;
  EQ_STR(sio_event_str(&event, 0), "short");
  EQ_STR(sio_event_str(&event, 1), "also short");
  EQ(alloc_calls, calls);
  end();
}

TEST(many_strings_are_all_kept) {
  static char text[60000] = "2[\"e\"";
  size_t n = strlen(text);
  for (int i = 0; i < 5000; i++) n += (size_t)sprintf(text + n, ",\"s%d\"", i);
  strcpy(text + n, "]");
  begin(text);
  const char *first = sio_event_str(&event, 0), *tenth = sio_event_str(&event, 10);
  for (size_t i = 0; i < 5000; i++) {
    char want[12];
    snprintf(want, sizeof want, "s%zu", i);
    EQ_STR(sio_event_str(&event, i), want);
  }
  CHECK(first == sio_event_str(&event, 0) && tenth == sio_event_str(&event, 10));
  end();
}

TEST(booleans_and_numbers_are_read_as_what_they_are) {
  bool b = false;
  int64_t i = 0;
  double d = 0;
  begin("2[\"e\",true,false,9007199254740993,1e3,5.0,0.5,\"1\",null,1e999]");
  CHECK(sio_event_bool(&event, 0, &b) && b);
  CHECK(sio_event_bool(&event, 1, &b) && !b);
  CHECK(!sio_event_bool(&event, 2, &b) && !sio_event_bool(&event, 99, &b));
  CHECK(sio_event_int(&event, 2, &i) && i == INT64_C(9007199254740993));
  CHECK(sio_event_int(&event, 3, &i) && i == 1000);
  CHECK(sio_event_int(&event, 4, &i) && i == 5);
  CHECK(!sio_event_int(&event, 5, &i) && !sio_event_int(&event, 6, &i));
  CHECK(!sio_event_int(&event, 7, &i) && !sio_event_int(&event, 8, &i));
  CHECK(!sio_event_int(&event, 99, &i));
  CHECK(sio_event_double(&event, 5, &d) && d == 0.5);
  CHECK(sio_event_double(&event, 8, &d) && isinf(d));
  CHECK(!sio_event_double(&event, 6, &d) && !sio_event_double(&event, 99, &d));
  end();
}

TEST(a_tree_is_parsed_once_and_kept) {
  begin("2[\"e\",{\"a\":[1,\"x\"]},2,3,4,[5],\"\\ud83d\"]");
  const cJSON *t = sio_event_tree(&event, 0);
  REQUIRE(t != NULL);
  EQ(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(t, "a")), 2);
  CHECK(sio_event_tree(&event, 0) == t);
  t = sio_event_tree(&event, 4);
  CHECK(cJSON_IsArray(t) && sio_event_tree(&event, 4) == t);
  CHECK(cJSON_IsString(sio_event_tree(&event, 5)));
  CHECK(sio_event_tree(&event, 6) == NULL);
  end();
}

static void begin_binary(void) {
  alloc_install();
  sio__msg_allocator_init(&home);
  EQ(receive("53-[\"e\"," HOLE(1) ",{\"deep\":[" HOLE(0) "]},\"none\"," HOLE(2) "]"), DECODE_MORE);
  EQ(attach("zero"), DECODE_MORE);
  EQ(attach("one"), DECODE_MORE);
  EQ(attach("two"), 0);
}

TEST(attachments_are_found_by_argument_number_and_node) {
  begin_binary();
  EQ(sio_event_kind(&event, 0), SIO_BIN);
  EQ(sio_event_kind(&event, 1), SIO_OBJECT);
  EQ(sio_event_kind(&event, 3), SIO_BIN);
  is_slice(sio_event_bin(&event, 0), "one");
  is_nothing(sio_event_bin(&event, 1));
  is_nothing(sio_event_bin(&event, 2));
  is_slice(sio_event_bin(&event, 3), "two");
  is_nothing(sio_event_bin(&event, 4));
  sio_val all = sio_event_args(&event);
  EQ(all.nbins, 3);
  is_slice(all.bins[0], "zero");
  const cJSON *deep = cJSON_GetObjectItemCaseSensitive(sio_event_tree(&event, 1), "deep");
  REQUIRE(deep != NULL);
  is_slice(sio_event_bin_of(&event, deep->child), "zero");
  is_nothing(sio_event_bin_of(&event, deep));
  is_nothing(sio_event_bin_of(&event, NULL));
  end();
}

TEST(a_plain_event_has_no_attachments_whatever_it_says) {
  begin("2[\"e\"," HOLE(0) "]");
  EQ(sio_event_args(&event).nbins, 0);
  is_nothing(sio_event_bin(&event, 0));
  is_nothing(sio_event_bin_of(&event, sio_event_tree(&event, 0)));
  end();
}

TEST(one_argument_is_relayed_with_the_attachments_it_names) {
  begin_binary();
  sends(SIO_ARGS(sio_arg(&event, 1)), "451-[\"x\",{\"deep\":[" HOLE(0) "]}]");
  sends(SIO_ARGS(sio_arg(&event, 3), sio_arg(&event, 2), sio_arg(&event, 0)),
        "452-[\"x\"," HOLE(0) ",\"none\"," HOLE(1) "]");
  sends(SIO_ARGS(sio_arg(&event, 2)), "42[\"x\",\"none\"]");
  sends(SIO_ARGS(sio_arg(&event, 9)), "42[\"x\",null]");
  EQ(sio_arg(&event, 2).nbins, 0);
  end();
}

TEST(all_arguments_are_relayed_as_one_value) {
  begin_binary();
  sends(SIO_ARGS(sio_event_args(&event)),
        "453-[\"x\"," HOLE(1) ",{\"deep\":[" HOLE(0) "]},\"none\"," HOLE(2) "]");
  end();
  begin("2[\"e\" , 1 , { \"a\" : 2 } ]");
  sends(SIO_ARGS(sio_event_args(&event)), "42[\"x\",1 , { \"a\" : 2 }]");
  end();
  begin("2[\"e\"]");
  sends(SIO_ARGS(sio_event_args(&event)), "42[\"x\"]");
  end();
  begin("37[1,2]");
  sends(SIO_ARGS(sio_event_args(&event)), "42[\"x\",1,2]");
  end();
}

TEST(a_kept_event_outlives_the_event_with_its_attachments) {
  begin_binary();
  sio_event *kept = sio_event_keep(&event);
  REQUIRE(kept != NULL);
  sio__event_clear(&event);
  sio__decoder_free_packet(&decoder);
  EQ_STR(sio_event_name(kept), "e");
  EQ(sio_event_count(kept), 4);
  EQ_STR(sio_event_str(kept, 2), "none");
  is_slice(sio_event_bin(kept, 3), "two");
  const cJSON *deep = cJSON_GetObjectItemCaseSensitive(sio_event_tree(kept, 1), "deep");
  is_slice(sio_event_bin_of(kept, deep->child), "zero");
  EQ(sio_reply(kept, SIO_NONE), 0);
  CHECK(!sio_event_wants_ack(kept) && sio_event_take_ack(kept) == NULL);
  sends(SIO_ARGS(sio_event_args(kept)),
        "453-[\"x\"," HOLE(1) ",{\"deep\":[" HOLE(0) "]},\"none\"," HOLE(2) "]");
  sio_event_free(kept);
  sio_event_free(NULL);
  end();
}

TEST(an_event_is_made_out_of_values) {
  begin("2[\"e\"]");
  sio_event *e = sio_event_new("made", SIO_ARGS("one", 2, sio_bin("three", 5)));
  REQUIRE(e != NULL);
  EQ_STR(sio_event_name(e), "made");
  EQ(sio_event_count(e), 3);
  EQ_STR(sio_event_str(e, 0), "one");
  is_slice(sio_event_bin(e, 2), "three");
  sends(SIO_ARGS(sio_event_args(e)), "451-[\"x\",\"one\",2," HOLE(0) "]");
  CHECK(!sio_event_wants_ack(e));
  sio_event_free(e);
  CHECK(sio_event_new("made", SIO_ARGS(sio_json(SLICE("{")))) == NULL);
  end();
}

TEST(a_kept_event_needs_memory_and_leaves_none) {
  begin_binary();
  size_t live = alloc_live;
  int failed = 0;
  for (size_t i = 1; i < 20; i++) {
    alloc_fail_in(i);
    sio_event *kept = sio_event_keep(&event);
    alloc_fail_in(0);
    failed += !kept;
    sio_event_free(kept);
    EQ(alloc_live, live);
  }
  CHECK(failed > 3);
  end();
}

TEST(the_text_of_an_argument_with_attachments_is_not_given_without_them) {
  begin_binary();
  is_nothing(sio_event_json(&event, 0));
  is_nothing(sio_event_json(&event, 1));
  is_slice(sio_event_json(&event, 2), "\"none\"");
  sio_val v = sio_arg(&event, 1);
  is_slice(slice(v.u.p, v.n), "{\"deep\":[" HOLE(0) "]}");
  is_slice(v.bins[0], "zero");
  EQ(sio_event_size(&event), sio_event_args(&event).n + strlen("zeroonetwo"));
  end();
  begin("2[\"e\"," HOLE(0) ",12]"); /* without attachments it is an object like any other */
  is_slice(sio_event_json(&event, 0), HOLE(0));
  EQ(sio_event_size(&event), strlen(HOLE(0) ",12"));
  sends(SIO_ARGS(sio_json(sio_event_json(&event, 0)), sio_event_tree(&event, 0)),
        "42[\"x\"," HOLE(0) "," HOLE(0) "]");
  end();
}

TEST(a_tree_with_attachments_is_not_sent_without_them) {
  begin_binary();
  const cJSON *tree = sio_event_tree(&event, 1);
  cJSON *copy = cJSON_Duplicate(tree, true);
  refuses(SIO_ARGS(tree), SIO_EPLACEHOLDER);
  refuses(SIO_ARGS(copy), SIO_EPLACEHOLDER);
  refuses(SIO_ARGS(SIO_ARRAY(copy)), SIO_EPLACEHOLDER);
  refuses(SIO_ARGS(copy, sio_bin("x", 1)), SIO_EPLACEHOLDER);
  sio_val all = sio_event_args(&event);
  sends(SIO_ARGS(sio_tree_bins(copy, all.bins, all.nbins)), "451-[\"x\",{\"deep\":[" HOLE(0) "]}]");
  cJSON_Delete(copy);
  end();
}

TEST(sending_on_leaves_the_event_as_it_was) {
  begin("2[\"e\",1,{\"a\":2},3]");
  sends(SIO_ARGS(sio_json(SLICE("[1,2,3,4,5,6]")), sio_arg(&event, 1)),
        "42[\"x\",[1,2,3,4,5,6],{\"a\":2}]");
  EQ(sio_event_count(&event), 3);
  is_slice(sio_event_json(&event, 1), "{\"a\":2}");
  end();
}

TEST(name_and_arguments_can_be_replaced) {
  begin("25[\"old\",1,\"two\"]");
  const char *two = sio_event_str(&event, 1);
  const cJSON *tree = sio_event_tree(&event, 0);
  EQ(sio_event_set_name_and_args(&event, "new",
                                 SIO_ARGS(sio_arg(&event, 1), sio_bin("bytes", 5), 7)),
     0);
  EQ_STR(sio_event_name(&event), "new");
  EQ(sio_event_count(&event), 3);
  EQ(event.ack_id, 5);
  EQ_STR(sio_event_str(&event, 0), "two");
  is_slice(sio_event_bin(&event, 1), "bytes");
  is_slice(sio_event_json(&event, 2), "7");
  EQ_STR(two, "two");
  CHECK(cJSON_IsNumber(tree));
  EQ(sio_event_set_name_and_args(&event, NULL, SIO_ARGS(sio_event_args(&event), "more")), 0);
  EQ_STR(sio_event_name(&event), "new");
  EQ(sio_event_count(&event), 4);
  is_slice(sio_event_bin(&event, 1), "bytes");
  EQ_STR(sio_event_str(&event, 3), "more");
  EQ(sio_event_set_name_and_args(&event, NULL, SIO_NONE), 0);
  EQ(sio_event_count(&event), 0);
  end();
}

TEST(what_cannot_replace_leaves_the_event_as_it_was) {
  begin("2[\"old\",1]");
  EQ(sio_event_set_name_and_args(&event, "connect", SIO_NONE), SIO_ENAME);
  EQ(sio_event_set_name_and_args(&event, "new", SIO_ARGS(sio_json(SLICE("{")))), SIO_EJSON);
  EQ_STR(sio_event_name(&event), "old");
  EQ(sio_event_count(&event), 1);
  end();
}

TEST(a_kept_event_needs_its_packet_no_more) {
  begin_binary();
  event.socket = (sio_socket *)(void *)&home;
  EQ(sio__event_copy_borrowed_data(&event), 0);
  sio__decoder_free_packet(&decoder);
  struct packet other;
  const char *why;
  EQ(sio__decode_packet_text(&decoder, &scratch, &limits, SLICE("2[\"other\",9,9,9]"), &other,
                             &why),
     DECODE_PACKET);
  EQ_STR(sio_event_name(&event), "e");
  EQ(sio_event_count(&event), 4);
  is_slice(sio_event_bin(&event, 0), "one");
  is_slice(sio_event_bin(&event, 3), "two");
  EQ_STR(sio_event_str(&event, 2), "none");
  CHECK(event.socket == (sio_socket *)(void *)&home);
  end();
}

/* Whatever fails, what was there before stays usable, and nothing leaks. */
static bool scenario(void) {
  static const char text[] =
      "2[\"a name\",\"a string that is too long for the small room inside "
      "an event, so that it has to be allocated on its own: "
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "\",1,2,3,\"\\ud800\",\"six\"]";
  if (receive(text) != 0) return false;
  bool ok = sio_event_str(&event, 0) && sio_event_tree(&event, 4) && sio_event_str(&event, 5);
  int err = sio_event_set_name_and_args(&event, "renamed to something else",
                                        SIO_ARGS(sio_event_args(&event), sio_bin("x", 1)));
  if (err) {
    EQ(err, UV_ENOMEM);
    EQ_STR(sio_event_name(&event), "a name");
    EQ(sio_event_count(&event), 6);
  }
  ok = ok && !err && sio_event_str(&event, 0) && !sio__event_copy_borrowed_data(&event);
  sio__event_clear(&event);
  return ok;
}

TEST(without_memory_answers_are_missing_and_nothing_leaks) {
  for (size_t i = 1;; i++) {
    alloc_install();
    alloc_fail_in(i);
    bool ok = scenario(), all_done = alloc_fuse > 0;
    EQ(ok, all_done);
    sio__decode_scratch_clear(&scratch);
    EQ(alloc_live, 0);
    sio_set_allocator(NULL, NULL, NULL);
    if (!all_done) continue;
    CHECK(i > 10);
    break;
  }
}

TEST(a_name_there_is_no_memory_for_fails_the_event) {
  char text[1000];
  memset(text, 'n', sizeof text);
  memcpy(text, "2[\"", 3);
  memcpy(text + 900, "\"]", 3);
  alloc_install();
  alloc_fail_in(2);
  EQ(receive(text), UV_ENOMEM);
  sio__decode_scratch_clear(&scratch);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

TESTS_BEGIN
T(an_event_has_a_name_and_arguments)
T(an_ack_has_arguments_only)
T(an_event_without_payload_is_empty)
T(names_are_unescaped_and_numbers_are_their_text)
T(a_long_name_is_kept_whole)
T(kinds_are_told_without_parsing)
T(strings_are_unescaped_once_and_end_in_nul)
T(short_strings_allocate_nothing)
T(many_strings_are_all_kept)
T(booleans_and_numbers_are_read_as_what_they_are)
T(a_tree_is_parsed_once_and_kept)
T(attachments_are_found_by_argument_number_and_node)
T(a_plain_event_has_no_attachments_whatever_it_says)
T(one_argument_is_relayed_with_the_attachments_it_names)
T(all_arguments_are_relayed_as_one_value)
T(a_kept_event_outlives_the_event_with_its_attachments)
T(an_event_is_made_out_of_values)
T(a_kept_event_needs_memory_and_leaves_none)
T(the_text_of_an_argument_with_attachments_is_not_given_without_them)
T(a_tree_with_attachments_is_not_sent_without_them)
T(sending_on_leaves_the_event_as_it_was)
T(name_and_arguments_can_be_replaced)
T(what_cannot_replace_leaves_the_event_as_it_was)
T(a_kept_event_needs_its_packet_no_more)
T(without_memory_answers_are_missing_and_nothing_leaks)
T(a_name_there_is_no_memory_for_fails_the_event)
TESTS_END
