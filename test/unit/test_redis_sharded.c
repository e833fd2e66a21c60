/* SPDX-License-Identifier: MIT
 *
 * test_redis_sharded.c - the sharded adapter: byte for byte what createShardedAdapter() of
 * @socket.io/redis-adapter 8 was seen to publish, and the channels of rooms.
 */
#include "redis_rig.h"

#define ALL ((sio_target){ .nsp = root })
#define BASE "socket.io#/#"
#define END ",\"uid\":\"ea552cd3114e40c2\",\"nsp\":\"/\"}"
#define FROM(uid) ",\"uid\":\"" uid "\",\"nsp\":\"/\"}"

static void begin_mode(int mode) {
  sharded = true;
  cluster.subscription_mode = mode;
  begin(NULL);
  subscribed[0] = '\0';
  saw();
}

static void say_of_other(const char *text) {
  char line[1000];
  snprintf(line, sizeof line, "%s" FROM("1c48d7e685e0e7fe"), text);
  push(BASE, slice_str(line));
}

static void draw(const char *id) {
  static const char *next[2];
  next[0] = id;
  ids = next;
}

TEST(a_namespace_subscribes_to_two_channels) {
  sharded = true;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  begin(NULL);
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#\n"));
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#ea552cd3114e40c2#\n"));
  SAW("connecting ready ");
  end();
}

TEST(broadcasts_are_published_as_npm_does_it) {
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  sio_broadcast(ALL, "ev", SIO_ARGS("x", 1));
  PUBLISHED(BASE,
            "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\",\"x\",1]},\"opts\":"
            "{\"rooms\":[],\"except\":[],\"flags\":{}}}" END);
  sio_target to = { .nsp = root, .rooms = SIO_ROOMS("room1") };
  sio_broadcast(to, "ev", SIO_ARGS(sio_json(SLICE("{\"a\":1}"))));
  PUBLISHED("socket.io#/#room1#",
            "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\",{\"a\":1}]},\"opts\":"
            "{\"rooms\":[\"room1\"],\"except\":[],\"flags\":{}}}" END);
  to.rooms = SIO_ROOMS("D98K34Sag4dwIng7AAAA");
  sio_broadcast(to, "ev", SIO_NONE);
  PUBLISHED(BASE, "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":"
                  "{\"rooms\":[\"D98K34Sag4dwIng7AAAA\"],\"except\":[],\"flags\":{}}}" END);
  sio_broadcast(ALL, "bin", SIO_ARGS(sio_bin("\1\2\3", 3)));
  PUBLISHED(BASE,
            "84a47479706503a46461746182a67061636b657482a47479706502a46461746192a362696ec4030102"
            "03a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a3756964b06561353532636433"
            "31313465343063"
            "32a36e7370a12f");
  HEARD(p, "42[\"ev\",\"x\",1] 451-[\"bin\",{\"_placeholder\":true,\"num\":0}] b:010203 ");
  end();
}

TEST(bulk_calls_are_published_and_apply_here) {
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  sio_target room1 = { .nsp = root, .rooms = SIO_ROOMS("room1") };
  sio_join(root->members[0], "room1");
  sio_all_join(room1, SIO_ROOMS("r2"));
  PUBLISHED(BASE,
            "{\"type\":4,\"data\":{\"opts\":{\"rooms\":[\"room1\"],\"except\":[],\"flags\":{}},"
            "\"rooms\":[\"r2\"]}" END);
  EQ(sio_nsp_count_sockets(root, "r2"), 1);
  sio_all_leave(room1, SIO_ROOMS("r2"));
  PUBLISHED(BASE,
            "{\"type\":5,\"data\":{\"opts\":{\"rooms\":[\"room1\"],\"except\":[],\"flags\":{}},"
            "\"rooms\":[\"r2\"]}" END);
  sio_all_disconnect(ALL, false);
  PUBLISHED(BASE, "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                  "\"close\":false}" END);
  settle();
  EQ_STR(subscribed, "SSUBSCRIBE socket.io#/#room1#\nSSUBSCRIBE socket.io#/#r2#\n"
                     "SUNSUBSCRIBE socket.io#/#r2#\nSUNSUBSCRIBE socket.io#/#room1#\n");
  HEARD(p, "41 ");
  end();
}

/* ---- channels of rooms ----------------------------------------------------------------------- */

TEST(a_room_is_subscribed_with_its_first_member_until_its_last) {
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined(), *q = joined();
  sio_socket *s = root->members[0], *t = root->members[1];
  sio_join(s, "r");
  sio_join(t, "r");
  sio_join(s, "12345678901234567890");
  settle();
  EQ_STR(subscribed, "SSUBSCRIBE socket.io#/#r#\n");
  push("socket.io#/#r#",
       SLICE("{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":{\"rooms\":"
             "[\"r\"],\"except\":[]}},\"uid\":\"1\",\"nsp\":\"/\"}"));
  HEARD(p, "42[\"ev\"] ");
  HEARD(q, "42[\"ev\"] ");
  sio_leave(s, "r");
  settle();
  EQ_STR(subscribed, "SSUBSCRIBE socket.io#/#r#\n");
  hang_up(q);
  settle();
  EQ_STR(subscribed, "SSUBSCRIBE socket.io#/#r#\nSUNSUBSCRIBE socket.io#/#r#\n");
  sio_join(s, "r");
  settle();
  EQ_STR(subscribed,
         "SSUBSCRIBE socket.io#/#r#\nSUNSUBSCRIBE socket.io#/#r#\nSSUBSCRIBE socket.io#/#r#\n");
  end();
}

static void make_other_one_leave_b(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  sio_socket *other = user;
  (void)nsp, (void)s;
  if (*room == 'a') sio_leave(other, "b");
}

/* The one that leaves all its rooms is still in "b" when it has left "a", and the other one leaves
 * "b" then. */
TEST(a_room_that_another_one_leaves_meanwhile_is_unsubscribed) {
  static const char *const rooms[] = { "a1", "a2", "a3", "a4", "b", "a5", "a6", "a7", "a8" };
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  joined();
  sio_socket *s = root->members[0], *t = root->members[1];
  for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) sio_join(s, rooms[i]);
  sio_join(t, "b");
  settle();
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#b#\n"));
  EQ(sio_on_room(root, &(sio_room_hooks){ .leave = make_other_one_leave_b }, t), 0);
  hang_up(p);
  settle();
  EQ(sio_nsp_count_sockets(root, "b"), 0);
  CHECK(strstr(subscribed, "SUNSUBSCRIBE socket.io#/#b#\n"));
  end();
}

/* The answer to SUNSUBSCRIBE comes when the room is subscribed again. */
TEST(a_room_that_is_left_and_joined_again_stays_subscribed) {
  begin_mode(SIO_REDIS_DYNAMIC);
  joined();
  sio_socket *s = root->members[0];
  sio_join(s, "r");
  sio_leave(s, "r");
  sio_join(s, "r");
  settle();
  EQ_STR(subscribed,
         "SSUBSCRIBE socket.io#/#r#\nSUNSUBSCRIBE socket.io#/#r#\nSSUBSCRIBE socket.io#/#r#\n");
  EQ(redis_stats().interrupted, 0);
  EQ(redis_stats().state, SIO_REDIS_READY);
  SAW("");
  end();
}

TEST(static_rooms_have_no_channels) {
  begin_mode(SIO_REDIS_STATIC);
  joined();
  sio_join(root->members[0], "r");
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r") }, "ev", SIO_NONE);
  PUBLISHED(BASE, "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":"
                  "{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}}}" END);
  EQ_STR(subscribed, "");
  end();
}

TEST(private_rooms_have_channels_too) {
  char expected[200];
  begin_mode(SIO_REDIS_DYNAMIC_PRIVATE);
  struct peer *p = joined();
  snprintf(expected, sizeof expected, "SSUBSCRIBE socket.io#/#%s#\n",
           sio_socket_id(root->members[0]));
  settle();
  EQ_STR(subscribed, expected);
  subscribed[0] = '\0';
  hang_up(p);
  settle();
  EQ(strncmp(subscribed, "SUNSUBSCRIBE socket.io#/#", 25), 0);
  end();
}

TEST(a_private_room_that_cannot_be_subscribed_is_logged_with_the_limit_that_it_hits) {
  begin_mode(SIO_REDIS_DYNAMIC_PRIVATE);
  sio__link_set_max_queued(&redis->only_server->subscriber, 1);
  joined();
  settle();
  EQ(redis_stats().dropped, 1);
  CHECK(strstr(lines, "a message or other command for Redis is dropped: the commands for the "
                      "subscriptions are longer than 1 GiB\n"));
  end();
}

TEST(a_private_room_is_subscribed_until_the_last_one_leaves_it) {
  char on[200], off[200];
  begin_mode(SIO_REDIS_DYNAMIC_PRIVATE);
  struct peer *p = joined();
  joined();
  sio_socket *t = root->members[1];
  snprintf(on, sizeof on, "SSUBSCRIBE socket.io#/#%s#\n", sio_socket_id(root->members[0]));
  snprintf(off, sizeof off, "SUNSUBSCRIBE socket.io#/#%s#\n", sio_socket_id(root->members[0]));
  char id[30];
  snprintf(id, sizeof id, "%s", sio_socket_id(root->members[0]));
  EQ(sio_join(t, id), 0);
  settle();
  CHECK(strstr(subscribed, on));
  hang_up(p);
  settle();
  CHECK(!strstr(subscribed, off));
  EQ(sio_leave(t, id), 0);
  settle();
  CHECK(strstr(subscribed, off));
  end();
}

TEST(all_rooms_are_subscribed_on_a_new_connection) {
  begin_mode(SIO_REDIS_DYNAMIC);
  joined();
  sio_join(root->members[0], "r");
  settle();
  subscribed[0] = '\0';
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#r#\n"));
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#\n"));
  end();
}

/* ---- questions ------------------------------------------------------------------------------- */

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  trace("%s %zu/%zu ", status ? sio_strerror(status) : "all", r->count, r->expected);
  for (size_t i = 0; i < r->count; i++) trace("%.*s ", (int)r->list[i].json.n, r->list[i].json.p);
}

static void on_list(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  trace("%s ", status ? sio_strerror(status) : "all");
  for (size_t i = 0; i < n; i++) trace("%s ", list[i].socket ? "own" : list[i].id);
}

static void on_count(int status, size_t n, void *user) {
  (void)user;
  trace("%s %zu ", status ? sio_strerror(status) : "all", n);
}

TEST(questions_are_asked_and_answered_as_npm_does_it) {
  begin_mode(SIO_REDIS_DYNAMIC);
  draw("0c6572eb70488cee");
  EQ(sio_broadcast_ack(ALL, "q", SIO_ARGS(7), 800, on_replies, NULL), 0);
  PUBLISHED(BASE, "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"q\",7]},\"requestId\":"
                  "\"0c6572eb70488cee\",\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{"
                  "\"timeout\":800}}}" END);
  say_of_other("{\"type\":11,\"data\":{\"requestId\":\"0c6572eb70488cee\",\"clientCount\":1}");
  say_of_other(
      "{\"type\":12,\"data\":{\"requestId\":\"0c6572eb70488cee\",\"packet\":\"clientAck\"}");
  SAW("all 1/1 \"clientAck\" ");
  draw("66527dfcb900cdc9");
  EQ(sio_all_fetch(ALL, 0, on_list, NULL), 0);
  PUBLISHED(BASE, "{\"type\":7,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                  "\"requestId\":\"66527dfcb900cdc9\"}" END);
  say_of_other("{\"type\":8,\"data\":{\"requestId\":\"66527dfcb900cdc9\",\"sockets\":[{\"id\":"
               "\"far\",\"handshake\":{},\"rooms\":[\"far\"],\"data\":{}}]}");
  SAW("all far ");
  draw("3fe0f72c92e3752b");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS("w", 1), 0, on_replies, NULL), 0);
  PUBLISHED(BASE, "{\"type\":9,\"data\":{\"requestId\":\"3fe0f72c92e3752b\",\"packet\":[\"hello\","
                  "\"w\",1]}" END);
  say_of_other("{\"type\":10,\"data\":{\"requestId\":\"3fe0f72c92e3752b\",\"packet\":\"pongB\"}");
  SAW("all 1/1 \"pongB\" ");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS("w", 1), 0, NULL, NULL), 0);
  PUBLISHED(BASE, "{\"type\":9,\"data\":{\"packet\":[\"hello\",\"w\",1]}" END);
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  settle();
  SAW("all 2 ");
  end();
}

static void on_hello(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS("pongB"));
}

TEST(questions_of_others_are_answered_to_them_alone) {
  static const char asker[] = "socket.io#/#1c48d7e685e0e7fe#";
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  sio_on_server_side(root, "hello", on_hello, NULL);
  say_of_other(
      "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"q\",7]},\"requestId\":\"a\","
      "\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":800}}}");
  PUBLISHED(asker, "{\"type\":11,\"data\":{\"requestId\":\"a\",\"clientCount\":1}" END);
  say(p, "430[\"clientAck\"]");
  PUBLISHED(asker, "{\"type\":12,\"data\":{\"requestId\":\"a\",\"packet\":\"clientAck\"}" END);
  say_of_other("{\"type\":7,\"data\":{\"opts\":{\"rooms\":[\"nobody\"],\"except\":[],\"flags\":{}},"
               "\"requestId\":\"b\"}");
  PUBLISHED(asker, "{\"type\":8,\"data\":{\"requestId\":\"b\",\"sockets\":[]}" END);
  say_of_other("{\"type\":9,\"data\":{\"requestId\":\"c\",\"packet\":[\"hello\",1]}");
  PUBLISHED(asker, "{\"type\":10,\"data\":{\"requestId\":\"c\",\"packet\":\"pongB\"}" END);
  EQ(redis_stats().malformed, 0);
  end();
}

TEST(bulk_calls_of_others_apply_here) {
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  say_of_other(
      "{\"type\":4,\"data\":{\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"r\",\"s\"]}");
  say_of_other("{\"type\":5,\"data\":{\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"s\"]}");
  EQ(sio_nsp_count_sockets(root, "r") * 10 + sio_nsp_count_sockets(root, "s"), 10);
  say_of_other("{\"type\":6,\"data\":{\"opts\":{\"rooms\":[\"r\"],\"except\":[]},\"close\":true}");
  HEARD(p, "41 end ");
  end();
}

TEST(what_is_our_own_of_others_or_malformed_is_ignored) {
  static const char *const bad[] = {
    "{}",
    "{\"type\":3}",
    "{\"type\":\"x\",\"uid\":\"1\"}",
    "{\"type\":3,\"uid\":\"a name that is much too long\"}",
    "{\"type\":3,\"uid\":\"1\",\"nsp\":\"/\"}",
    "{\"type\":3,\"uid\":\"1\",\"nsp\":\"/\",\"data\":{}}",
    "{\"type\":4,\"uid\":\"1\",\"nsp\":\"/\",\"data\":{}}",
    "{\"type\":7,\"uid\":\"1\",\"nsp\":\"/\",\"data\":{\"opts\":{}}}",
    "{\"type\":9,\"uid\":\"1\",\"nsp\":\"/\",\"data\":{\"packet\":7}}",
    "{\"type\":12,\"uid\":\"1\",\"nsp\":\"/\"}",
    "\xff",
  };
  static const char *const fine[] = {
    "{\"type\":1,\"uid\":\"1\",\"nsp\":\"/\"}",
    "{\"type\":13,\"uid\":\"1\",\"nsp\":\"/\"}",
    "{\"type\":3,\"uid\":\"ea552cd3114e40c2\",\"nsp\":\"/\"}",
    "{\"type\":3,\"uid\":\"1\",\"nsp\":\"/other\"}",
    "{\"type\":12,\"uid\":\"1\",\"nsp\":\"/\",\"data\":{\"requestId\":\"none\"}}",
  };
  begin_mode(SIO_REDIS_DYNAMIC);
  struct peer *p = joined();
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    push(BASE, slice_str(bad[i]));
    EQ(redis_stats().malformed, i + 1);
  }
  uint64_t before = redis_stats().malformed;
  for (unsigned i = 0; i < sizeof fine / sizeof *fine; i++) push(BASE, slice_str(fine[i]));
  EQ(redis_stats().malformed, before);
  HEARD(p, "");
  NOTHING_PUBLISHED();
  end();
}

TEST(the_mode_is_checked) {
  sharded = true;
  begin_mode(SIO_REDIS_DYNAMIC);
  end();
  cluster.subscription_mode = 3;
  EQ(begin_code(NULL), UV_EINVAL);
  cluster.subscription_mode = 0;
  sio_redis_free(redis);
  fake_stop_listening();
  nothing_left();
}

TEST(any_allocation_may_fail) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_mode(SIO_REDIS_DYNAMIC_PRIVATE);
    alloc_fail_in(at);
    struct peer *p = peer_new();
    if (p) say(p, "40");
    if (root->nmembers) sio_join(root->members[0], "r");
    sio_all_join(ALL, SIO_ROOMS("s"));
    sio_broadcast(ALL, "ev", SIO_ARGS(sio_bin("\1", 1)));
    sio_all_fetch(ALL, 0, on_list, NULL);
    settle();
    if (subscriber())
      say_of_other("{\"type\":9,\"data\":{\"requestId\":\"c\",\"packet\":[\"hello\",1]}");
    if (root->nmembers) sio_leave(root->members[0], "r");
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    end();
  }
}

TEST(sockets_are_disconnected_with_or_without_their_session) {
  begin_mode(SIO_REDIS_DYNAMIC);
  sio_all_disconnect(ALL, false);
  PUBLISHED(BASE, "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                  "\"close\":false}" END);
  sio_all_disconnect(ALL, true);
  PUBLISHED(BASE, "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                  "\"close\":true}" END);
  end();
}

TEST(a_join_that_fails_leaves_the_channel_of_those_who_are_in_the_room) {
  begin_mode(SIO_REDIS_DYNAMIC);
  for (int i = 0; i < 9; i++) joined();
  for (unsigned i = 0; i < 9; i++)
    for (size_t at = 1; !sio_in_room(root->members[i], "r"); at++) {
      alloc_fail_in(at);
      (void)sio_join(root->members[i], "r");
      alloc_fail_in(0);
      EQ(sio_nsp_count_sockets(root, "r"), i + sio_in_room(root->members[i], "r"));
    }
  settle();
  size_t n = 0, ended = 0;
  for (const char *at = subscribed; (at = strstr(at, "SUBSCRIBE socket.io#/#r#")); at++) n++;
  for (const char *at = subscribed; (at = strstr(at, "SUNSUBSCRIBE socket.io#/#r#")); at++) ended++;
  EQ(n, 2 * ended + 1); /* it is subscribed in the end */
  end();
}

TEST(the_key_of_channels_may_be_another) {
  cluster.key = "mine";
  sharded = true;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  begin(NULL);
  CHECK(strstr(subscribed, "SSUBSCRIBE mine#/#\n"));
  sio_broadcast(ALL, "ev", SIO_NONE);
  for (int i = 0; i < 200 && !nsaid; i++) pump();
  EQ_STR(said[0].channel, "mine#/#");
  end();
  cluster.key = NULL;
}

/* The commands that subscribe have a limit of their own, from the first connection on. */
TEST(rooms_that_exist_before_the_first_connection_may_need_more_than_max_queued) {
  static const char *const id[] = { "ea552cd3114e40c2", NULL };
  char room[20];
  sharded = true;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  ids = id;
  EQ(begin_code(&(sio_redis_options){ .max_queued = 500 }), 0);
  joined();
  for (int i = 0; i < 15; i++) {
    snprintf(room, sizeof room, "room%d", i);
    EQ(sio_join(root->members[0], room), 0);
  }
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#\n"));
  end();
}

TESTS_BEGIN
T(a_namespace_subscribes_to_two_channels)
T(broadcasts_are_published_as_npm_does_it)
T(bulk_calls_are_published_and_apply_here)
T(a_room_is_subscribed_with_its_first_member_until_its_last)
T(a_room_that_another_one_leaves_meanwhile_is_unsubscribed)
T(a_room_that_is_left_and_joined_again_stays_subscribed)
T(static_rooms_have_no_channels)
T(private_rooms_have_channels_too)
T(a_private_room_that_cannot_be_subscribed_is_logged_with_the_limit_that_it_hits)
T(a_private_room_is_subscribed_until_the_last_one_leaves_it)
T(all_rooms_are_subscribed_on_a_new_connection)
T(questions_are_asked_and_answered_as_npm_does_it)
T(questions_of_others_are_answered_to_them_alone)
T(bulk_calls_of_others_apply_here)
T(what_is_our_own_of_others_or_malformed_is_ignored)
T(the_mode_is_checked)
T(any_allocation_may_fail)
T(sockets_are_disconnected_with_or_without_their_session)
T(a_join_that_fails_leaves_the_channel_of_those_who_are_in_the_room)
T(the_key_of_channels_may_be_another)
T(rooms_that_exist_before_the_first_connection_may_need_more_than_max_queued)
TESTS_END
