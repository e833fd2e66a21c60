/* SPDX-License-Identifier: MIT
 *
 * test_emitter.c - what the emitter publishes, byte for byte as npm's @socket.io/redis-emitter 5.1
 * was seen to publish it.
 */
#include "alloc.h"
#include "base/slice.h"
#include "test.h"
#include <errno.h>
#include <sio/emitter.h>

static sio_emitter *e;
static char channel[600], payload[600];
static size_t payload_n;
static int published, answer;

static int publish(sio_slice to, sio_slice what, void *user) {
  CHECK(user == &published);
  published++;
  snprintf(channel, sizeof channel, "%.*s", (int)to.n, to.p);
  CHECK(what.n < sizeof payload);
  memcpy(payload, what.p, what.n);
  payload[what.n] = '\0';
  payload_n = what.n;
  return answer;
}

static void begin(void) {
  alloc_install();
  published = answer = 0;
  sio_emitter_options o = { .publish = publish, .user = &published };
  EQ(sio_emitter_new(&o, &e), 0);
}

static void end(void) {
  sio_emitter_free(e);
  EQ(alloc_live, 0);
}

static const char *payload_hex(void) {
  static char hex[1300];
  for (size_t i = 0; i < payload_n; i++)
    snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)payload[i]);
  return hex;
}

#define PUBLISHED(on, hex)      \
  do {                          \
    EQ(published, 1);           \
    EQ_STR(channel, on);        \
    EQ_STR(payload_hex(), hex); \
    published = 0;              \
  } while (0)

#define PUBLISHED_TEXT(on, text) \
  do {                           \
    EQ(published, 1);            \
    EQ_STR(channel, on);         \
    EQ_STR(payload, text);       \
    published = 0;               \
  } while (0)

TEST(an_event_to_everybody) {
  begin();
  EQ(sio_emitter_emit(e, (sio_emitter_target){ 0 }, "ev", SIO_ARGS("x", 1)), 0);
  PUBLISHED("socket.io#/#",
            "93a7656d697474657283a47479706502a46461746193a26576a17801a36e7370a12f83a5726f6f6d7390"
            "a5666c61677380a665786365707490");
  end();
}

TEST(an_event_to_one_room_goes_on_the_channel_of_the_room_with_flags_and_binary) {
  begin();
  sio_emitter_target to = { .rooms = SIO_ROOMS("r"),
                            .except = SIO_ROOMS("q"),
                            .flags = SIO_VOLATILE | SIO_EMITTER_COMPRESS };
  EQ(sio_emitter_emit(e, to, "ev", SIO_ARGS(sio_bin("\1", 1))), 0);
  PUBLISHED("socket.io#/#r#",
            "93a7656d697474657283a47479706502a46461746192a26576c40101a36e7370a12f83a5726f6f6d7391"
            "a172a5666c61677382a8766f6c6174696c65c3a8636f6d7072657373c3a665786365707491a171");
  end();
}

TEST(an_event_to_several_rooms_goes_on_the_common_channel) {
  begin();
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .rooms = SIO_ROOMS("a", "b") }, "z", SIO_NONE), 0);
  PUBLISHED("socket.io#/#",
            "93a7656d697474657283a47479706502a46461746191a17aa36e7370a12f83a5726f6f6d7392a161a162"
            "a5666c61677380a665786365707490");
  end();
}

TEST(a_namespace_has_channels_of_its_own_and_may_lack_its_slash) {
  begin();
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .nsp = "/chat" }, "n", SIO_NONE), 0);
  PUBLISHED("socket.io#/chat#",
            "93a7656d697474657283a47479706502a46461746191a16ea36e7370a52f6368617483a5726f6f6d7390"
            "a5666c61677380a665786365707490");
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .nsp = "chat", .rooms = SIO_ROOMS("r") }, "n",
                      SIO_NONE),
     0);
  PUBLISHED("socket.io#/chat#r#",
            "93a7656d697474657283a47479706502a46461746191a16ea36e7370a52f6368617483a5726f6f6d7391"
            "a172a5666c61677380a665786365707490");
  end();
}

TEST(joins_leaves_and_disconnects_are_requests_in_json) {
  begin();
  EQ(sio_emitter_join(e, (sio_emitter_target){ 0 }, SIO_ROOMS("r")), 0);
  PUBLISHED_TEXT("socket.io-request#/#",
                 "{\"type\":2,\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"r\"]}");
  EQ(sio_emitter_leave(e, (sio_emitter_target){ .rooms = SIO_ROOMS("a") }, SIO_ROOMS("x", "y")), 0);
  PUBLISHED_TEXT("socket.io-request#/#", "{\"type\":3,\"opts\":{\"rooms\":[\"a\"],\"except\":[]},"
                                         "\"rooms\":[\"x\",\"y\"]}");
  EQ(sio_emitter_disconnect(e, (sio_emitter_target){ 0 }, true), 0);
  PUBLISHED_TEXT("socket.io-request#/#",
                 "{\"type\":4,\"opts\":{\"rooms\":[],\"except\":[]},\"close\":true}");
  EQ(sio_emitter_disconnect(e, (sio_emitter_target){ 0 }, false), 0);
  PUBLISHED_TEXT("socket.io-request#/#",
                 "{\"type\":4,\"opts\":{\"rooms\":[],\"except\":[]},\"close\":false}");
  end();
}

TEST(events_to_the_servers_are_requests_in_json_and_with_binary_in_messagepack) {
  begin();
  EQ(sio_emitter_server_side_emit(e, NULL, "hello", SIO_ARGS(1)), 0);
  PUBLISHED_TEXT("socket.io-request#/#", "{\"uid\":\"emitter\",\"type\":6,\"data\":[\"hello\",1]}");
  EQ(sio_emitter_server_side_emit(e, NULL, "b", SIO_ARGS(sio_bin("\1\2", 2))), 0);
  PUBLISHED("socket.io-request#/#",
            "83a3756964a7656d6974746572a47479706506a46461746192a162c4020102");
  end();
}

TEST(the_key_begins_every_channel) {
  begin();
  sio_emitter_free(e);
  sio_emitter_options o = { .publish = publish, .user = &published, .key = "app" };
  EQ(sio_emitter_new(&o, &e), 0);
  EQ(sio_emitter_emit(e, (sio_emitter_target){ 0 }, "ev", SIO_NONE), 0);
  EQ_STR(channel, "app#/#");
  EQ(sio_emitter_server_side_emit(e, "x", "ev", SIO_NONE), 0);
  EQ_STR(channel, "app-request#/x#");
  end();
}

TEST(names_of_any_characters_are_escaped_in_json_and_raw_in_channels) {
  begin();
  EQ(sio_emitter_join(e, (sio_emitter_target){ .rooms = SIO_ROOMS("a \"#\"\n") },
                      SIO_ROOMS("\xc3\xa9#")),
     0);
  PUBLISHED_TEXT("socket.io-request#/#", "{\"type\":2,\"opts\":{\"rooms\":[\"a \\\"#\\\"\\n\"],"
                                         "\"except\":[]},\"rooms\":[\"\xc3\xa9#\"]}");
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .rooms = SIO_ROOMS("a #\xc3\xa9") }, "e", SIO_NONE),
     0);
  EQ_STR(channel, "socket.io#/#a #\xc3\xa9#");
  end();
}

TEST(a_target_of_no_rooms_is_nobody_and_nothing_is_published) {
  begin();
  const char *const none[] = { NULL };
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .rooms = none }, "ev", SIO_NONE), 0);
  EQ(sio_emitter_disconnect(e, (sio_emitter_target){ .rooms = none }, true), 0);
  EQ(published, 0);
  end();
}

TEST(what_cannot_be_sent_is_an_error_and_nothing_is_published) {
  static char name[300];
  begin();
  memset(name, 'n', sizeof name - 1);
  sio_emitter_target all = { 0 };
  EQ(sio_emitter_emit(e, all, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_emitter_emit(e, all, "disconnect", SIO_NONE), SIO_ENAME);
  EQ(sio_emitter_emit(e, (sio_emitter_target){ .nsp = name }, "ev", SIO_NONE), SIO_ENAME);
  EQ(sio_emitter_emit(e, all, "ev", SIO_ARGS(sio_json(SLICE("{")))), SIO_EJSON);
  EQ(sio_emitter_server_side_emit(e, NULL, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_emitter_server_side_emit(e, name, "ev", SIO_NONE), SIO_ENAME);
  EQ(sio_emitter_join(e, (sio_emitter_target){ .nsp = name }, SIO_ROOMS("r")), SIO_ENAME);
  EQ(sio_emitter_join(e, all, NULL), -EINVAL);
  EQ(sio_emitter_leave(e, all, NULL), -EINVAL);
  EQ(sio_emitter_emit(NULL, all, "ev", SIO_NONE), -EINVAL);
  EQ(sio_emitter_join(NULL, all, SIO_ROOMS("r")), -EINVAL);
  EQ(sio_emitter_server_side_emit(NULL, NULL, "ev", SIO_NONE), -EINVAL);
  EQ(published, 0);
  end();
}

TEST(what_publish_answers_is_what_the_call_answers) {
  begin();
  answer = -EPIPE;
  EQ(sio_emitter_emit(e, (sio_emitter_target){ 0 }, "ev", SIO_NONE), -EPIPE);
  EQ(sio_emitter_join(e, (sio_emitter_target){ 0 }, SIO_ROOMS("r")), -EPIPE);
  end();
}

TEST(an_emitter_needs_publish_and_no_field_from_the_future) {
  struct {
    sio_emitter_options o;
    uintptr_t later;
  } newer = { .o = { .size = sizeof newer, .publish = publish }, .later = 1 };
  sio_emitter_options good = { .publish = publish };
  EQ(sio_emitter_new(&(sio_emitter_options){ 0 }, &e), -EINVAL);
  EQ(sio_emitter_new(NULL, &e), -EINVAL);
  EQ(sio_emitter_new(&good, NULL), -EINVAL);
  EQ(sio_emitter_new(&newer.o, &e), -EINVAL);
  sio_emitter_free(NULL);
}

static const sio_emitter_target two_rooms = { .nsp = "chat",
                                              .rooms = SIO_ROOMS("red", "\"blue\""),
                                              .except = SIO_ROOMS("green") };

static int call_emit(void) {
  char long_text[300] = "";
  memset(long_text, '"', sizeof long_text - 1);
  sio_val args[] = { sio_str(long_text), sio_bin("\1", 1) };
  return sio_emitter_emit(e, two_rooms, "ev", sio_argv(args, 2));
}
static int call_join(void) { return sio_emitter_join(e, two_rooms, SIO_ROOMS("a", "b")); }
static int call_leave(void) { return sio_emitter_leave(e, two_rooms, SIO_ROOMS("a")); }
static int call_disconnect(void) { return sio_emitter_disconnect(e, two_rooms, true); }
static int call_server_side(void) {
  return sio_emitter_server_side_emit(e, "/chat", "ev", SIO_ARGS(sio_bin("\1\2", 2), "x"));
}

/* A new emitter has no memory that it could use again. */
TEST(any_allocation_of_a_call_of_a_new_emitter_may_fail) {
  int (*const calls[])(void) = { call_emit, call_join, call_leave, call_disconnect,
                                 call_server_side };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    bool failed = true;
    for (size_t at = 1; failed; at++) {
      begin();
      alloc_fail_in(at);
      int err = calls[i]();
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      EQ(err, failed ? -ENOMEM : 0);
      EQ(published, !failed);
      published = 0;
      EQ(calls[i](), 0); /* it can be used again */
      EQ(published, 1);
      end();
    }
  }
}

TEST(without_memory_nothing_is_published_and_nothing_is_lost) {
  begin();
  for (size_t at = 1; at < 40; at++) {
    sio_val args[] = { sio_bin("\1", 1), sio_str("x") };
    published = 0;
    alloc_fail_in(at);
    int err = sio_emitter_emit(e, (sio_emitter_target){ .rooms = SIO_ROOMS("r") }, "ev",
                               sio_argv(args, 2));
    EQ(err, alloc_fuse == 0 ? -ENOMEM : 0);
    EQ(err ? published : 1 - published, 0);
    alloc_fail_in(at);
    published = 0;
    err = sio_emitter_server_side_emit(e, NULL, "ev", sio_argv(args, 2));
    EQ(err, alloc_fuse == 0 ? -ENOMEM : 0);
    EQ(err ? published : 1 - published, 0);
    alloc_fail_in(0);
  }
  sio_emitter_free(e);
  alloc_fail_in(1);
  sio_emitter_options o = { .publish = publish };
  EQ(sio_emitter_new(&o, &e), -ENOMEM);
  EQ(alloc_live, 0);
}

TESTS_BEGIN
T(an_event_to_everybody)
T(an_event_to_one_room_goes_on_the_channel_of_the_room_with_flags_and_binary)
T(an_event_to_several_rooms_goes_on_the_common_channel)
T(a_namespace_has_channels_of_its_own_and_may_lack_its_slash)
T(joins_leaves_and_disconnects_are_requests_in_json)
T(events_to_the_servers_are_requests_in_json_and_with_binary_in_messagepack)
T(the_key_begins_every_channel)
T(names_of_any_characters_are_escaped_in_json_and_raw_in_channels)
T(a_target_of_no_rooms_is_nobody_and_nothing_is_published)
T(what_cannot_be_sent_is_an_error_and_nothing_is_published)
T(what_publish_answers_is_what_the_call_answers)
T(an_emitter_needs_publish_and_no_field_from_the_future)
T(any_allocation_of_a_call_of_a_new_emitter_may_fail)
T(without_memory_nothing_is_published_and_nothing_is_lost)
TESTS_END
