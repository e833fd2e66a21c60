/* SPDX-License-Identifier: MIT
 *
 * test_redis_messages.c - messages of other servers that are unusual: members that are missing or
 * of another type, names that cannot be rooms here, channels of nobody, and answers that nobody
 * waits for. A message is understood as JavaScript would, or it is ignored and counted.
 */
#include "redis_questions.h"

static void request(const char *text) { push("socket.io-request#/#", slice_str(text)); }
static void response(const char *text) { push("socket.io-response#/#", slice_str(text)); }

/* What was published next, or "" if there is nothing. */
static const char *next_payload(const char *channel) {
  for (int i = 0; next_said == nsaid && i < 200; i++) pump();
  if (next_said == nsaid) return "";
  const struct published *p = &said[next_said++ % 64];
  EQ_STR(p->channel, channel);
  return p->payload;
}

/* A message on a channel whose name is any bytes. */
static void push_on(sio_slice channel, sio_slice payload) {
  struct fake_conn *c = subscriber();
  fake_say(c, "*4\r\n$8\r\npmessage\r\n$13\r\nsocket.io#/#*\r\n");
  fake_bulk(c, channel);
  fake_bulk(c, payload);
  settle();
}

static uint64_t malformed(void) { return redis_stats().malformed; }

/* ["other",{"type":2,"data":["ev"],"nsp":"/"},{}] in MessagePack */
static const char event_of_other[] = "\x93\xa5other\x83\xa4type\x02\xa4"
                                     "data\x91\xa2"
                                     "ev\xa3nsp\xa1/\x80";
#define EVENT_OF_OTHER slice(event_of_other, sizeof event_of_other - 1)

/* ---- targets --------------------------------------------------------------------------------- */

TEST(a_request_without_a_target_is_for_all_sockets) {
  begin(NULL);
  struct peer *p = joined(), *q = joined();
  request("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":5}");
  const char *answer = next_payload("socket.io-response#/#");
  for (int i = 0; i < 2; i++) CHECK(strstr(answer, sio_socket_id(root->members[i])));
  CHECK(strstr(answer, "},{\"id\":"));
  request(
      "{\"uid\":\"x\",\"requestId\":\"2\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"q\"]}}");
  PUBLISHED("socket.io-response#/#", "{\"type\":8,\"requestId\":\"2\",\"clientCount\":2}");
  HEARD(p, "421[\"q\"] ");
  HEARD(q, "421[\"q\"] ");
  request("{\"uid\":\"x\",\"requestId\":\"3\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"r\"]},"
          "\"opts\":{\"except\":[],\"flags\":{\"timeout\":-0.5}}}");
  PUBLISHED("socket.io-response#/#", "{\"type\":8,\"requestId\":\"3\",\"clientCount\":2}");
  EQ(malformed(), 0);
  end();
}

TEST(ids_of_all_sockets_are_listed_without_rooms_or_with_none) {
  begin(NULL);
  joined();
  memcpy((char *)(uintptr_t)root->members[0]->id, "_xSkY0uDBU4R8jQOAAAA", 20);
  request("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":0}");
  PUBLISHED("socket.io-response#/#",
            "{\"requestId\":\"1\",\"sockets\":[\"_xSkY0uDBU4R8jQOAAAA\"]}");
  request("{\"uid\":\"x\",\"requestId\":\"2\",\"type\":0,\"rooms\":[]}");
  PUBLISHED("socket.io-response#/#",
            "{\"requestId\":\"2\",\"sockets\":[\"_xSkY0uDBU4R8jQOAAAA\"]}");
  request("{\"uid\":\"x\",\"requestId\":\"3\",\"type\":0,\"rooms\":[\"nobody\"]}");
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"3\",\"sockets\":[]}");
  end();
}

TEST(rooms_that_cannot_be_here_are_left_out_and_never_mean_all_sockets) {
  char text[600];
  begin(NULL);
  struct peer *p = joined();
  sio_join(root->members[0], "18446744073709551615");
  snprintf(text, sizeof text,
           "{\"type\":2,\"opts\":{\"rooms\":[\"%0256d\",null,{},\"\"]},\"rooms\":[\"r\"]}", 7);
  request(text);
  EQ(sio_nsp_count_sockets(root, "r"), 0);
  request("{\"type\":2,\"opts\":{\"rooms\":[18446744073709551615]},\"rooms\":[\"s\"]}");
  EQ(sio_nsp_count_sockets(root, "s"), 1);
  request("{\"type\":2,\"opts\":{\"rooms\":[]},\"rooms\":[]}");
  request("{\"type\":3,\"opts\":{\"rooms\":[]}}");
  EQ(sio_nsp_count_sockets(root, "s"), 1);
  EQ(malformed(), 0);
  HEARD(p, "");
  end();
}

TEST(numbers_that_are_no_types_are_malformed) {
  static const char *const types[] = { "-1", "-0.5", "0.5", "1e300", "8", "true", "null", "[]" };
  char text[100];
  begin(NULL);
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    snprintf(text, sizeof text, "{\"requestId\":\"1\",\"type\":%s}", types[i]);
    request(text);
    EQ(malformed(), i + 1);
  }
  NOTHING_PUBLISHED();
  end();
}

/* ---- packets --------------------------------------------------------------------------------- */

TEST(a_packet_that_is_no_event_or_not_of_this_namespace_is_not_delivered) {
  static const char *const packets[] = { "{\"type\":3,\"data\":[\"e\"]}",
                                         "{\"type\":2}",
                                         "{\"data\":[\"e\"]}",
                                         "[]",
                                         "{\"type\":2,\"data\":[\"e\"],\"nsp\":7}",
                                         "{\"type\":2,\"data\":[\"e\"],\"nsp\":\"/x\"}" };
  char text[200];
  begin(NULL);
  struct peer *p = joined();
  for (int i = 0; i < 6; i++) {
    snprintf(text, sizeof text, "{\"requestId\":\"1\",\"type\":7,\"packet\":%s,\"opts\":{}}",
             packets[i]);
    request(text);
    EQ(malformed(), i < 4 ? i + 1 : 4); /* the last two are other namespaces' */
  }
  request("{\"requestId\":\"1\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"e\"]},\"opts\":7}");
  EQ(malformed(), 5);
  HEARD(p, "");
  NOTHING_PUBLISHED();
  end();
}

TEST(the_first_element_of_a_broadcast_names_its_server) {
  begin(NULL);
  struct peer *p = joined();
  push_hex("socket.io#/#", "930783a47479706502a46461746191a26576a36e7370a12f80");
  EQ(malformed(), 1);
  push_on(SLICE("socket.io#/#"), EVENT_OF_OTHER);
  HEARD(p, "42[\"ev\"] ");
  EQ(malformed(), 1);
  end();
}

TEST(a_message_with_bytes_after_its_end_is_malformed) {
  begin(NULL);
  struct peer *p = joined();
  push_on(SLICE("socket.io#/#"), slice(event_of_other, sizeof event_of_other)); /* and a NUL */
  EQ(malformed(), 1);
  HEARD(p, "");
  end();
}

TEST(a_value_that_is_nested_too_deeply_or_has_no_json_is_refused) {
  static char deep[8000];
  static const char head[] = "\x93\xa5other\x83\xa4type\x02\xa4"
                             "data\x92\xa2"
                             "ev";
  static const char tail[] = "\xa3nsp\xa1/\x80";
  size_t n = sizeof head - 1, m = sizeof deep - 100;
  begin(NULL);
  struct peer *p = joined();
  memcpy(deep, head, n);
  memset(deep + n, 0x91, m - n); /* arrays of one element */
  deep[m++] = 0;
  memcpy(deep + m, tail, sizeof tail - 1);
  push_on(SLICE("socket.io#/#"), slice(deep, m + sizeof tail - 1));
  EQ(malformed(), 1);
  CHECK(strstr(lines, "a message on socket.io#/# is ignored: "));
  CHECK(!strstr(lines, "malformed"));
  static const char no_key[] = "\x93\xa5other\x83\xa4type\x02\xa4"
                               "data\x92\xa2"
                               "ev\x81\xc0\x01"
                               "\xa3nsp\xa1/\x80"; /* {null: 1} */
  push_on(SLICE("socket.io#/#"), slice(no_key, sizeof no_key - 1));
  EQ(malformed(), 2);
  HEARD(p, "");
  end();
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Not even their payload is read. */
TEST(a_channel_of_a_room_that_nobody_here_is_in_is_ignored) {
  char channel[300] = "socket.io#/#";
  begin(NULL);
  struct peer *p = joined();
  memset(channel + 12, 'r', 256);
  channel[268] = '#';
  push_on(slice(channel, 269), SLICE("nonsense"));
  push_on(slice("socket.io#/#a\0b#", 16), SLICE("nonsense"));
  push_on(SLICE("socket.io#"), SLICE("nonsense"));
  push_on(SLICE("socket.io#/#nobody#"), SLICE("nonsense"));
  EQ(malformed(), 0);
  memset(channel + 12, 'r', 255);
  channel[267] = '#';
  channel[268] = '\0';
  char room[256] = { 0 };
  memset(room, 'r', 255);
  EQ(sio_join(root->members[0], room), 0);
  push_on(slice_str(channel), EVENT_OF_OTHER);
  push_on(SLICE("socket.io#/##"), EVENT_OF_OTHER); /* a room without a name: all */
  HEARD(p, "42[\"ev\"] 42[\"ev\"] ");
  EQ(redis_stats().received, 6);
  end();
}

/* ---- requests -------------------------------------------------------------------------------- */

TEST(a_request_of_version_6_that_fails_is_not_answered) {
  char text[200];
  begin(NULL);
  joined();
  snprintf(text, sizeof text,
           "{\"uid\":\"x\",\"requestId\":\"1\",\"type\":2,\"sid\":\"%s\",\"room\":\"\"}",
           sio_socket_id(root->members[0]));
  request(text); /* a room without a name */
  EQ(malformed(), 1);
  NOTHING_PUBLISHED();
  end();
}

TEST(a_request_without_a_sender_is_answered_to_all) {
  cluster.publish_on_specific_response_channel = true;
  begin(NULL);
  request("{\"requestId\":\"1\",\"type\":1}");
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"1\",\"rooms\":[]}");
  end();
  cluster.publish_on_specific_response_channel = false;
}

TEST(an_event_for_servers_needs_an_array_with_a_name) {
  static const char *const data[] = { "7", "[]", "{}", "null" };
  char text[100];
  begin(NULL);
  for (unsigned i = 0; i < sizeof data / sizeof *data; i++) {
    snprintf(text, sizeof text, "{\"uid\":\"x\",\"requestId\":\"1\",\"type\":6,\"data\":%s}",
             data[i]);
    request(text);
    EQ(malformed(), i + 1);
  }
  push_hex("socket.io-request#/#", "82a47479706506a46461746192a2657681c001"); /* {null: 1} */
  EQ(malformed(), 5);
  NOTHING_PUBLISHED();
  end();
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(an_answer_to_a_count_is_malformed) {
  begin(NULL);
  saw();
  mute = true; /* Redis has not counted yet */
  draw("LBMkcY");
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  settle();
  response("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":1}");
  EQ(malformed(), 1);
  SAW("");
  mute = false;
  end();
}

TEST(an_answer_on_the_channel_of_another_namespace_is_not_for_this_question) {
  static const char *const names[] = { "w1gYUz", "Gpc5G4", NULL };
  sio_nsp *chat;
  ids = names;
  EQ(begin_code(NULL), 0);
  EQ(sio_of(srv, "/chat", &chat), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  saw();
  draw("LBMkcY");
  EQ(sio_server_side_emit(root, "hello", SIO_NONE, 0, on_replies, NULL), 0);
  settle();
  push("socket.io-response#/chat#",
       SLICE("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":\"wrong\"}"));
  SAW("");
  response("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":\"right\"}");
  SAW("all 1/1 \"right\" ");
  EQ(malformed(), 0);
  end();
}

TEST(an_answer_that_has_no_json_counts_as_lost) {
  begin(NULL);
  saw();
  draw("LBMkcY");
  EQ(sio_server_side_emit(root, "hello", SIO_NONE, 0, on_replies, NULL), 0);
  settle();
  push_hex("socket.io-response#/#",
           "83a47479706506a9726571756573744964a64c424d6b6359a46461746181c001"); /* {null: 1} */
  EQ(malformed(), 1);
  SAW("all 0/1 ");
  end();
}

TEST(a_fetched_socket_whose_handshake_or_data_has_no_json_is_left_out) {
  static const char *const answers[] = {
    /* {"requestId":"2hCaKp","sockets":[{"id":"a","handshake":{null:1}}]} */
    "82a9726571756573744964a6326843614b70a7736f636b6574739182a26964a161a968616e647368616b6581c001",
    /* {"requestId":"2hCaKp","sockets":[{"id":"a","data":{null:1}}]} */
    "82a9726571756573744964a6326843614b70a7736f636b6574739182a26964a161a46461746181c001",
  };
  for (int i = 0; i < 2; i++) {
    begin(NULL);
    saw();
    draw("2hCaKp");
    EQ(sio_all_fetch(ALL, 0, on_list, NULL), 0);
    settle();
    push_hex("socket.io-response#/#", answers[i]);
    EQ(malformed(), 1);
    SAW("all ");
    end();
  }
}

TEST(a_fetched_socket_may_lack_all_but_its_id) {
  begin(NULL);
  saw();
  draw("2hCaKp");
  EQ(sio_all_fetch(ALL, 0, on_list, NULL), 0);
  settle();
  response("{\"requestId\":\"2hCaKp\",\"sockets\":[{\"id\":\"far\"},"
           "{\"id\":\"two\",\"handshake\":7,\"rooms\":[\"r\"],\"data\":null}]}");
  SAW("all far null {} two in r null {} ");
  EQ(malformed(), 0);
  end();
}

TEST(what_this_server_has_asked_itself_is_not_answered) {
  begin(NULL);
  request("{\"uid\":\"w1gYUz\",\"requestId\":\"1\",\"type\":1}");
  NOTHING_PUBLISHED();
  EQ(malformed(), 0);
  end();
}

/* JavaScript does not distinguish 2 from 2.0. */
TEST(a_type_may_be_a_floating_point_number) {
  begin(NULL);
  joined();
  push_hex("socket.io-request#/#",
           "83a474797065cb4000000000000000a46f70747380a5726f6f6d7391a171"); /* 2.0 */
  EQ(sio_nsp_count_sockets(root, "q"), 1);
  push_hex("socket.io-request#/#",
           "83a474797065cb4004000000000000a46f70747380a5726f6f6d7391a172"); /* 2.5 */
  EQ(sio_nsp_count_sockets(root, "r"), 0);
  EQ(malformed(), 1);
  end();
}

TEST(json_that_is_nested_too_deeply_is_refused_with_its_reason) {
  static char deep[3000] = "{\"type\":6,\"data\":";
  begin(NULL);
  size_t n = strlen(deep);
  memset(deep + n, '[', 1400);
  memset(deep + n + 1400, ']', 1400);
  deep[n + 2800] = '}';
  request(deep);
  EQ(malformed(), 1);
  settle();
  CHECK(strstr(lines, "is ignored: ") && !strstr(lines, "the message is malformed"));
  end();
}

TEST(a_packet_of_another_type_is_malformed) {
  begin(NULL);
  for (int type = 0; type < 2; type++) {
    char text[120];
    snprintf(text, sizeof text,
             "{\"requestId\":\"1\",\"type\":7,\"packet\":{\"type\":%d,\"data\":[\"e\"]}}", type);
    request(text);
    EQ(malformed(), type + 1);
  }
  end();
}

/* Redis confirms that a subscription has ended. */
TEST(the_end_of_a_subscription_is_no_message) {
  begin(NULL);
  fake_say(subscriber(), "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n"
                         "*3\r\n$12\r\npunsubscribe\r\n$1\r\ny\r\n:0\r\n");
  settle();
  EQ(redis_stats().received, 0);
  EQ(redis_stats().state, SIO_REDIS_READY);
  end();
}

/* ---- the sharded adapter --------------------------------------------------------------------- */

#define BASE "socket.io#/#"
#define OF_OTHER ",\"uid\":\"1c48d7e685e0e7fe\",\"nsp\":\"/\"}"

static void begin_sharded(void) {
  sharded = true;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  begin(NULL);
  saw();
}

static void end_sharded(void) {
  end();
  sharded = false;
}

TEST(a_sharded_message_without_a_namespace_is_for_that_of_its_channel) {
  begin_sharded();
  struct peer *p = joined();
  push(BASE, SLICE("{\"type\":3,\"uid\":\"1\",\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"],"
                   "\"nsp\":\"/ignored\"},\"opts\":{}}}"));
  push(BASE, SLICE("{\"type\":3,\"uid\":\"1\",\"nsp\":7,\"data\":{\"packet\":{\"type\":2,"
                   "\"data\":[\"b\"]},\"opts\":{}}}"));
  HEARD(p, "42[\"a\"] ");
  EQ(malformed(), 0);
  end_sharded();
}

TEST(sharded_requests_and_answers_are_checked) {
  static const char *const bad[] = {
    "{\"type\":3,\"data\":{\"requestId\":7,\"packet\":{\"type\":2,\"data\":[\"a\"]}}" OF_OTHER,
    "{\"type\":3,\"data\":{\"requestId\":\"1\",\"packet\":{\"type\":3}}" OF_OTHER,
    "{\"type\":3,\"data\":{\"requestId\":\"1\",\"packet\":{\"type\":2,\"data\":[\"a\"]},"
    "\"opts\":{\"rooms\":7}}" OF_OTHER,
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":7}" OF_OTHER,
    "{\"type\":5,\"data\":7" OF_OTHER,
    "{\"type\":6,\"data\":{\"opts\":7}" OF_OTHER,
    "{\"type\":7,\"data\":{\"requestId\":\"1\",\"opts\":7}" OF_OTHER,
    "{\"type\":11,\"data\":7" OF_OTHER,
    "{\"type\":-1,\"uid\":\"1\"}",
    "{\"type\":256,\"uid\":\"1\"}",
    "{\"type\":3}",
    "{\"type\":3,\"uid\":\"\\u0000\"}",
  };
  begin_sharded();
  struct peer *p = joined();
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    push(BASE, slice_str(bad[i]));
    if (malformed() != i + 1) fprintf(stderr, "message %s\n", bad[i]);
    EQ(malformed(), i + 1);
  }
  HEARD(p, "");
  NOTHING_PUBLISHED();
  end_sharded();
}

static void on_binary(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  sio_reply(e, SIO_ARGS(sio_bin("\1\2", 2)));
}

TEST(sharded_acks_and_answers_with_attachments_are_messagepack) {
  begin_sharded();
  struct peer *p = joined();
  sio_on_server_side(root, "b", on_binary, NULL);
  push(BASE, SLICE("{\"type\":9,\"data\":{\"requestId\":\"a\",\"packet\":[\"b\"]}" OF_OTHER));
  CHECK(strstr(next_payload("socket.io#/#1c48d7e685e0e7fe#"), "c4020102"));
  push(BASE, SLICE("{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"q\"]},\"requestId\":"
                   "\"b\",\"opts\":{}}" OF_OTHER));
  CHECK(strstr(next_payload("socket.io#/#1c48d7e685e0e7fe#"), "\"clientCount\":1"));
  say(p, "461-0[{\"_placeholder\":true,\"num\":0}]");
  say_bin(p, "\7\x08\x09", 3);
  CHECK(strstr(next_payload("socket.io#/#1c48d7e685e0e7fe#"), "c403070809"));
  end_sharded();
}

TESTS_BEGIN
T(a_request_without_a_target_is_for_all_sockets)
T(ids_of_all_sockets_are_listed_without_rooms_or_with_none)
T(rooms_that_cannot_be_here_are_left_out_and_never_mean_all_sockets)
T(numbers_that_are_no_types_are_malformed)
T(a_packet_that_is_no_event_or_not_of_this_namespace_is_not_delivered)
T(the_first_element_of_a_broadcast_names_its_server)
T(a_message_with_bytes_after_its_end_is_malformed)
T(a_value_that_is_nested_too_deeply_or_has_no_json_is_refused)
T(a_channel_of_a_room_that_nobody_here_is_in_is_ignored)
T(a_request_of_version_6_that_fails_is_not_answered)
T(a_request_without_a_sender_is_answered_to_all)
T(an_event_for_servers_needs_an_array_with_a_name)
T(an_answer_to_a_count_is_malformed)
T(an_answer_on_the_channel_of_another_namespace_is_not_for_this_question)
T(an_answer_that_has_no_json_counts_as_lost)
T(a_fetched_socket_whose_handshake_or_data_has_no_json_is_left_out)
T(a_fetched_socket_may_lack_all_but_its_id)
T(what_this_server_has_asked_itself_is_not_answered)
T(a_type_may_be_a_floating_point_number)
T(json_that_is_nested_too_deeply_is_refused_with_its_reason)
T(a_packet_of_another_type_is_malformed)
T(the_end_of_a_subscription_is_no_message)
T(a_sharded_message_without_a_namespace_is_for_that_of_its_channel)
T(sharded_requests_and_answers_are_checked)
T(sharded_acks_and_answers_with_attachments_are_messagepack)
TESTS_END
