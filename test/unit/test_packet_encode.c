/* SPDX-License-Identifier: MIT
 *
 * test_packet_encode.c - what leaves for peers, byte by byte, and what is refused before it
 * does. A number above a test is its row in the checklist of wire behaviour.
 */
#include <sio/error.h>

#include "alloc.h"
#include "packet/packet.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <uv.h>

static struct msgs home;
static struct decode_scratch scratch;
static struct msg *msg;

static void begin(void) {
  alloc_install();
  sio__msg_allocator_init(&home);
}

static void end(void) {
  msg_unref(msg);
  msg = NULL;
  sio__msg_allocator_clear(&home);
  sio__decode_scratch_clear(&scratch);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

static int encode(const char *nsp, const char *name, sio_args args, int64_t id) {
  msg_unref(msg);
  msg = NULL;
  return sio__encode_event_or_ack(&home, &scratch, &msg, nsp, name, args, id);
}

static int emit(sio_args args) { return encode("/", "a", args, PACKET_NO_ID); }

static void is_msg(const struct msg *m, const char *want, size_t n, bool is_binary) {
  REQUIRE(m != NULL);
  EQ_MEM(msg_data(m), m->len, want, n);
  EQ(m->binary, is_binary);
  EQ(m->refs, 1);
  CHECK(m->len <= m->cap);
}

static void sent(const char *want) { is_msg(msg, want, strlen(want), false); }

static void sent_plain(const char *want) {
  sent(want);
  CHECK(msg && !msg->next);
}

static void attached(unsigned k, const char *want) {
  const struct msg *m = msg;
  for (unsigned i = 0; m && i <= k; i++) m = m->next;
  is_msg(m, want, strlen(want), true);
}

static size_t count_attached(void) {
  size_t n = 0;
  for (const struct msg *m = msg->next; m; m = m->next) n++;
  return n;
}

static sio_val arg(const char *text, const sio_slice *bins, uint32_t nbins) {
  sio_val v = sio_val_make(SIO_ARG, text, strlen(text));
  v.bins = bins;
  v.nbins = nbins;
  return v;
}

#define HOLE(k) "{\"_placeholder\":true,\"num\":" #k "}"

/* 163 */
TEST(events_and_acks_are_written_as_the_protocol_defines) {
  begin();
  EQ(encode("/", "a", SIO_ARGS(1, sio_json(SLICE("{}"))), PACKET_NO_ID), 0);
  sent_plain("42[\"a\",1,{}]");
  EQ(encode("/test", "a", SIO_ARGS(1, sio_json(SLICE("{}"))), 1), 0);
  sent_plain("42/test,1[\"a\",1,{}]");
  EQ(encode("/", NULL, SIO_ARGS("a", 1), 123), 0);
  sent_plain("43123[\"a\",1]");
  EQ(encode("/n", NULL, SIO_NONE, 0), 0);
  sent_plain("43/n,0[]");
  EQ(encode("/", "a", SIO_NONE, PACKET_NO_ID), 0);
  sent_plain("42[\"a\"]");
  EQ(encode("/", "", SIO_NONE, INT64_C(9007199254740991)), 0);
  sent_plain("429007199254740991[\"\"]");
  EQ(encode("/", "say \"hi\"\n", SIO_NONE, PACKET_NO_ID), 0);
  sent_plain("42[\"say \\\"hi\\\"\\n\"]");
  end();
}

/* 211 */
TEST(reserved_names_are_refused) {
  static const char *const names[] = { "connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener" };
  begin();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    EQ(encode("/", names[i], SIO_NONE, PACKET_NO_ID), SIO_ENAME);
  EQ(encode("/", "connected", SIO_NONE, PACKET_NO_ID), 0);
  end();
}

TEST(connect_disconnect_and_connect_error_are_written) {
  begin();
  EQ(sio__encode_connect_packet(&home, &msg, "/", "abc", NULL), 0);
  sent_plain("40{\"sid\":\"abc\"}");
  msg_unref(msg);
  EQ(sio__encode_connect_packet(&home, &msg, "/custom", "abc", NULL), 0);
  sent_plain("40/custom,{\"sid\":\"abc\"}");
  msg_unref(msg);
  EQ(sio__encode_connect_packet(&home, &msg, "/", "abc", "def"), 0);
  sent_plain("40{\"sid\":\"abc\",\"pid\":\"def\"}");
  msg_unref(msg);
  EQ(sio__encode_disconnect_packet(&home, &msg, "/"), 0);
  sent_plain("41");
  msg_unref(msg);
  EQ(sio__encode_disconnect_packet(&home, &msg, "/admin"), 0);
  sent_plain("41/admin,");
  end();
}

static int refuse(const char *nsp, const char *message, sio_val data) {
  msg_unref(msg);
  msg = NULL;
  return sio__encode_connect_error_packet(&home, &scratch, &msg, slice_str(nsp), message, data);
}

/* 180 */
TEST(a_connect_error_has_a_message_and_may_have_data) {
  sio_slice bin = SLICE("x");
  begin();
  EQ(refuse("/random", "Invalid namespace", sio_null()), 0);
  sent_plain("44/random,{\"message\":\"Invalid namespace\"}");
  EQ(refuse("/", "no \"entry\"", sio_json(SLICE("{\"code\":7}"))), 0);
  sent_plain("44{\"message\":\"no \\\"entry\\\"\",\"data\":{\"code\":7}}");
  EQ(refuse("/", "no", sio_int(7)), 0);
  sent_plain("44{\"message\":\"no\",\"data\":7}");
  EQ(refuse("/", "no", arg("[1]", NULL, 0)), 0);
  sent_plain("44{\"message\":\"no\",\"data\":[1]}");
  EQ(refuse("/", "no", sio_tree(NULL)), 0);
  sent_plain("44{\"message\":\"no\"}");
  EQ(refuse("/", "no", sio_json(SLICE(""))), 0);
  sent_plain("44{\"message\":\"no\"}");
  EQ(refuse("/", "no", arg("1,2", NULL, 0)), SIO_EJSON);
  EQ(refuse("/", "no", sio_json(SLICE("{"))), SIO_EJSON);
  EQ(refuse("/", "no", sio_bin("x", 1)), SIO_EPLACEHOLDER);
  EQ(refuse("/", "no", sio_json_bins(SLICE("1"), &bin, 1)), SIO_EPLACEHOLDER);
  end();
}

/* 164, 207 */
static int refusal_of_old(const char *nsp, const char *message, sio_val data) {
  msg_unref(msg);
  msg = NULL;
  return sio__encode_socketio2_error_packet(&home, &scratch, &msg, slice_str(nsp), message, data);
}

TEST(a_refusal_for_protocol_3_is_its_data_or_else_its_message) {
  unsigned char byte = 1;
  begin();
  EQ(refusal_of_old("/", "no", sio_null()), 0);
  sent_plain("44\"no\"");
  EQ(refusal_of_old("/a", "no", sio_json(SLICE("{\"code\":7}"))), 0);
  sent_plain("44/a,{\"code\":7}");
  EQ(refusal_of_old("/a", "no", ((sio_val){ .kind = SIO_ARG, .u.p = "\"as it came\"", .n = 12 })),
     0);
  sent_plain("44/a,\"as it came\"");
  EQ(refusal_of_old("/a", "no", sio_bin(&byte, 1)), SIO_EPLACEHOLDER);
  EQ(refusal_of_old("/a", "no", sio_json(SLICE("{"))), SIO_EJSON);
  CHECK(msg == NULL);
  sio__msg_allocator_clear(&home);
  sio__msg_allocator_init(&home);
  alloc_fail_all();
  EQ(refusal_of_old("/a", "no", sio_null()), UV_ENOMEM);
  alloc_fail_in(0);
  end();
}

TEST(the_first_error_is_returned) {
  sio_val v[] = { sio_json(SLICE("{")), { .kind = 99 }, sio_str("more") };
  begin();
  EQ(emit(sio_argv(v, 3)), SIO_EJSON);
  EQ(emit(sio_argv(v + 1, 2)), UV_EINVAL);
  CHECK(msg == NULL);
  end();
}

TEST(binary_arguments_are_sent_after_the_text) {
  begin();
  EQ(encode("/cool", "a", SIO_ARGS(sio_bin("one", 3), "x", sio_bin("two", 3)), 23), 0);
  sent("452-/cool,23[\"a\"," HOLE(0) ",\"x\"," HOLE(1) "]");
  EQ(count_attached(), 2);
  attached(0, "one");
  attached(1, "two");
  EQ(encode("/", NULL, SIO_ARGS(sio_bin(NULL, 0)), 789), 0);
  sent("461-789[" HOLE(0) "]");
  attached(0, "");
  end();
}

TEST(placeholders_are_numbered_anew_value_by_value) {
  const sio_slice ab[] = { SLICE("a"), SLICE("b") }, c[] = { SLICE("c") };
  begin();
  EQ(emit(SIO_ARGS(sio_bin("first", 5), sio_json_bins(SLICE("[" HOLE(1) ", " HOLE(0) "]"), ab, 2),
                   sio_json_bins(SLICE("{ \"x\" : { \"num\":0 , \"_placeholder\":true } }"), c, 1),
                   sio_bin("last", 4))),
     0);
  sent("455-[\"a\"," HOLE(0) ",[" HOLE(2) ", " HOLE(1) "],{ \"x\" : " HOLE(3) " }," HOLE(4) "]");
  attached(0, "first");
  attached(1, "a");
  attached(2, "b");
  attached(3, "c");
  attached(4, "last");
  end();
}

TEST(a_bin_named_twice_is_sent_once) {
  const sio_slice a[] = { SLICE("a") };
  begin();
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE("[" HOLE(0) "," HOLE(0) "]"), a, 1))), 0);
  sent("451-[\"a\",[" HOLE(0) "," HOLE(0) "]]");
  EQ(count_attached(), 1);
  end();
}

TEST(bins_that_no_placeholder_names_are_not_sent) {
  const sio_slice bins[] = { SLICE("a"), SLICE("b"), SLICE("c") };
  begin();
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE("[" HOLE(2) "]"), bins, 3))), 0);
  sent("451-[\"a\",[" HOLE(0) "]]");
  EQ(count_attached(), 1);
  attached(0, "c");
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE("[1]"), bins, 3))), 0);
  sent_plain("42[\"a\",[1]]");
  EQ(encode("/n", NULL, SIO_ARGS(sio_json_bins(SLICE("2"), bins, 3)), 5), 0);
  sent_plain("43/n,5[2]");
  end();
}

TEST(a_count_with_fewer_digits_than_announced_is_corrected) {
  sio_slice bins[12];
  for (int i = 0; i < 12; i++) bins[i] = SLICE("x");
  begin();
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE("[" HOLE(11) "," HOLE(3) "]"), bins, 12), "tail")), 0);
  sent("452-[\"a\",[" HOLE(1) "," HOLE(0) "],\"tail\"]");
  EQ(count_attached(), 2);
  end();
}

TEST(a_placeholder_of_no_bin_is_refused) {
  const sio_slice a[] = { SLICE("a") };
  begin();
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE(HOLE(1)), a, 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE(HOLE(-1)), a, 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE(HOLE(0.5)), a, 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE(HOLE("0")), a, 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json_bins(SLICE("{\"_placeholder\":true}"), a, 1))), SIO_EPLACEHOLDER);
  end();
}

/* A forged number would make a JavaScript peer throw, and leave. */
TEST(a_placeholder_smuggled_into_a_packet_with_attachments_is_refused) {
  cJSON *tree = cJSON_Parse("[" HOLE(0) "]"), *raw = cJSON_CreateArray();
  cJSON_AddItemToArray(raw, cJSON_CreateRaw(HOLE(9)));
  begin();
  EQ(emit(SIO_ARGS(sio_bin("x", 1), sio_json(SLICE(HOLE(0))))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json(SLICE("{\"a\":[" HOLE(7) "]}")), sio_bin("x", 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json(SLICE("{\"\\u005fplaceholder\":true,\"num\":7}")), sio_bin("x", 1))),
     SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(arg(HOLE(0), NULL, 0), sio_bin("x", 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(arg("1,2," HOLE(0), NULL, 0), sio_bin("x", 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(tree, sio_bin("x", 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(raw, sio_bin("x", 1))), SIO_EPLACEHOLDER);
  EQ(emit(SIO_ARGS(sio_json(SLICE(HOLE(0))), "no attachments")), 0);
  sent_plain("42[\"a\"," HOLE(0) ",\"no attachments\"]");
  EQ(emit(SIO_ARGS(sio_str(HOLE(0)), sio_bin("x", 1))), 0);
  end();
  cJSON_Delete(tree);
  cJSON_Delete(raw);
}

TEST(trees_may_stand_for_bins_too) {
  const sio_slice bins[] = { SLICE("a"), SLICE("b") };
  cJSON *tree = cJSON_Parse("{\"x\":[" HOLE(1) "," HOLE(0) "]}");
  cJSON *raw = cJSON_CreateObject();
  cJSON_AddItemToObject(raw, "_placeholder", cJSON_CreateRaw("true"));
  cJSON_AddNumberToObject(raw, "num", 1);
  begin();
  EQ(emit(SIO_ARGS(sio_bin("0", 1), sio_tree_bins(tree, bins, 2))), 0);
  sent("453-[\"a\"," HOLE(0) ",{\"x\":[" HOLE(2) "," HOLE(1) "]}]");
  EQ(emit(SIO_ARGS(sio_tree_bins(raw, bins, 2))), 0);
  sent("451-[\"a\"," HOLE(0) "]");
  attached(0, "b");
  EQ(emit(SIO_ARGS(sio_tree_bins(tree, bins, 1))), SIO_EPLACEHOLDER);
  end();
  cJSON_Delete(tree);
  cJSON_Delete(raw);
}

TEST(arguments_received_are_sent_on_as_they_came) {
  const sio_slice bins[] = { SLICE("a"), SLICE("b"), SLICE("c") };
  begin();
  EQ(emit(SIO_ARGS(arg("1 , {\"x\": 2}", NULL, 0))), 0);
  sent_plain("42[\"a\",1 , {\"x\": 2}]");
  EQ(encode("/", NULL, SIO_ARGS(arg("1,2", NULL, 0)), 4), 0);
  sent_plain("434[1,2]");
  EQ(emit(SIO_ARGS(arg("", NULL, 0))), 0);
  sent_plain("42[\"a\"]");
  EQ(encode("/", NULL, SIO_ARGS(arg("", NULL, 0), 1), 4), 0);
  sent_plain("434[1]");
  EQ(emit(SIO_ARGS(arg(HOLE(1) "," HOLE(2), bins, 3), sio_bin("z", 1))), 0);
  sent("453-[\"a\"," HOLE(0) "," HOLE(1) "," HOLE(2) "]");
  attached(0, "b");
  attached(1, "c");
  attached(2, "z");
  end();
}

TEST(a_small_packet_allocates_nothing) {
  begin();
  EQ(emit(SIO_ARGS("warm up")), 0);
  EQ(emit(SIO_ARGS(sio_json(SLICE("[1]")))), 0);
  size_t calls = alloc_calls;
  EQ(encode("/admin", "news", SIO_ARGS("hello", 42, 2.5, true, sio_json(SLICE("{\"a\":[1,2]}"))),
            7),
     0);
  EQ(alloc_calls, calls);
  end();
}

TEST(a_long_string_is_allocated_to_measure) {
  static char text[100000];
  memset(text, '\n', sizeof text);
  begin();
  EQ(emit(SIO_ARGS(sio_strn(text, sizeof text))), 0);
  EQ(msg->len, 2 * sizeof text + 10);
  CHECK(msg->cap < 2 * sizeof text + 200);
  end();
}

TEST(bytes_travel_at_any_depth_of_arrays_and_objects) {
  const sio_slice named[] = { SLICE("two") };
  begin();
  sio_val file = SIO_OBJECT({ "name", sio_str("me") }, { "data", sio_bin("one", 3) });
  sio_val text = sio_json_bins(SLICE("[{\"_placeholder\":true,\"num\":0}]"), named, 1);
  EQ(emit(SIO_ARGS(SIO_ARRAY(file, text), sio_bin("three", 5))), 0);
  sent("4"
       "53-[\"a\",[{\"name\":\"me\",\"data\":" HOLE(0) "},[" HOLE(1) "]]," HOLE(2) "]");
  attached(0, "one");
  attached(1, "two");
  attached(2, "three");
  end();
}

TEST(values_that_cannot_be_encoded_are_errors) {
  const sio_slice some[] = { SLICE("x") };
  sio_val many = sio_json_bins(SLICE("1"), some, 1), odd = sio_null();
  many.nbins = UINT32_MAX;
  odd.kind = 99;
  begin();
#if SIZE_MAX > UINT32_MAX
  sio_val huge = sio_bin("", 0);
  huge.n = (size_t)UINT32_MAX + 1;
  EQ(emit(SIO_ARGS(huge)), SIO_ETOOBIG);
#endif
  EQ(emit(SIO_ARGS(many, many)), SIO_ETOOBIG);
  EQ(emit(SIO_ARGS(odd)), UV_EINVAL);
  end();
}

static int everything(void) {
  static char longer[1000];
  const sio_slice bins[] = { SLICE("a"), SLICE("b") };
  static cJSON *tree;
  if (!tree) tree = cJSON_Parse("{\"a\":[1,2,\"three\"]}");
  memset(longer, 'x', sizeof longer);
  return emit(SIO_ARGS(sio_strn(longer, sizeof longer), tree, sio_bin(longer, sizeof longer),
                       sio_json_bins(SLICE("[" HOLE(1) "]"), bins, 2), arg(HOLE(0), bins, 2), 1));
}

TEST(without_memory_nothing_is_sent_and_nothing_leaks) {
  for (size_t i = 1;; i++) {
    begin();
    alloc_fail_in(i);
    int err = everything();
    bool all_done = alloc_fuse > 0;
    EQ(err, all_done ? 0 : UV_ENOMEM);
    end();
    if (!all_done) continue;
    CHECK(i > 5);
    break;
  }
}

static int plain(void) {
  int err = emit(SIO_ARGS(sio_json(SLICE("[1,2]"))));
  msg_unref(msg);
  msg = NULL;
  if (!err) err = sio__encode_connect_packet(&home, &msg, "/", "sid", "pid");
  msg_unref(msg);
  msg = NULL;
  if (!err) err = sio__encode_disconnect_packet(&home, &msg, "/");
  msg_unref(msg);
  msg = NULL;
  return err ? err : refuse("/", "message", sio_json(SLICE("[1]")));
}

TEST(without_memory_plain_packets_are_not_sent_either) {
  for (size_t i = 1;; i++) {
    begin();
    alloc_fail_in(i);
    int err = plain();
    bool all_done = alloc_fuse > 0;
    EQ(err, all_done ? 0 : UV_ENOMEM);
    end();
    if (!all_done) continue;
    CHECK(i > 2);
    break;
  }
}

TESTS_BEGIN
T(events_and_acks_are_written_as_the_protocol_defines)
T(reserved_names_are_refused)
T(connect_disconnect_and_connect_error_are_written)
T(a_connect_error_has_a_message_and_may_have_data)
T(a_refusal_for_protocol_3_is_its_data_or_else_its_message)
T(the_first_error_is_returned)
T(binary_arguments_are_sent_after_the_text)
T(placeholders_are_numbered_anew_value_by_value)
T(a_bin_named_twice_is_sent_once)
T(bins_that_no_placeholder_names_are_not_sent)
T(a_count_with_fewer_digits_than_announced_is_corrected)
T(a_placeholder_of_no_bin_is_refused)
T(a_placeholder_smuggled_into_a_packet_with_attachments_is_refused)
T(trees_may_stand_for_bins_too)
T(arguments_received_are_sent_on_as_they_came)
T(a_small_packet_allocates_nothing)
T(a_long_string_is_allocated_to_measure)
T(bytes_travel_at_any_depth_of_arrays_and_objects)
T(values_that_cannot_be_encoded_are_errors)
T(without_memory_nothing_is_sent_and_nothing_leaks)
T(without_memory_plain_packets_are_not_sent_either)
TESTS_END
