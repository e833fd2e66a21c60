/* SPDX-License-Identifier: MIT
 *
 * test_redis_threads.c - two servers that serve as one (sio/threads.h), of which the first is
 * connected to Redis. They share one loop, so that each step can be looked at.
 */
#include "redis_questions.h"
#include "redis_threads_rig.h"

/* ["other",{"type":2,"data":["ev"],"nsp":"/"},{"rooms":["r"]}] */
static const char event_for_room[] =
    "93a56f7468657283a47479706502a46461746191a26576a36e7370a12f81a5726f6f6d7391a172";

TEST(a_message_for_a_room_whose_members_are_on_another_thread_reaches_them) {
  begin_threads(sio_redis_adapter);
  struct peer *p = joined(), *q = joined_second();
  EQ(sio_join(second_root->members[0], "r"), 0);
  push_hex("socket.io#/#r#", event_for_room);
  HEARD(p, "");
  HEARD(q, "42[\"ev\"] ");
  sio_broadcast((sio_target){ .nsp = second_root, .rooms = SIO_ROOMS("r") }, "out", SIO_NONE);
  for (int i = 0; i < 200 && !nsaid; i++) pump();
  EQ(nsaid, 1);
  EQ_STR(said[0].channel, "socket.io#/#r#");
  HEARD(q, "42[\"out\"] ");
  end_threads();
}

TEST(sockets_of_all_threads_are_fetched_by_another_server) {
  begin_threads(sio_redis_adapter);
  joined();
  joined_second();
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":5}"));
  for (int i = 0; i < 200 && !nsaid; i++) pump();
  CHECK(strstr(said[0].payload, sio_socket_id(first_root->members[0])));
  CHECK(strstr(said[0].payload, sio_socket_id(second_root->members[0])));
  end_threads();
}

TEST(a_fetch_of_another_server_is_not_answered_if_this_one_closes_meanwhile) {
  begin_threads(sio_redis_adapter);
  joined();
  joined_second();
  struct fake_conn *c = subscriber();
  fake_say(c, "*3\r\n$7\r\nmessage\r\n$20\r\nsocket.io-request#/#\r\n");
  fake_bulk(c, SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":5}"));
  uint64_t before = redis_stats().received;
  for (int i = 0; i < 1000 && redis_stats().received == before; i++) turn();
  sio_server_close(first, on_done, NULL);
  UNTIL(closed);
  EQ(nsaid, 0);
  end_threads();
}

static unsigned runs;
static void on_ping(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  runs++;
  sio_reply(e, SIO_ARGS("pong"));
}

TEST(an_event_for_servers_runs_on_all_threads_and_is_answered_once) {
  begin_threads(sio_redis_adapter);
  runs = 0;
  EQ(sio_on_server_side(first_root, "ping", on_ping, NULL), 0);
  EQ(sio_on_server_side(second_root, "ping", on_ping, NULL), 0);
  push("socket.io-request#/#",
       SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":6,\"data\":[\"ping\"]}"));
  PUBLISHED("socket.io-response#/#", "{\"type\":6,\"requestId\":\"1\",\"data\":\"pong\"}");
  NOTHING_PUBLISHED();
  EQ(runs, 2);
  end_threads();
}

TEST(a_question_of_the_other_thread_ends_when_redis_has_none_who_answers) {
  begin_threads(sio_redis_adapter);
  servers = 3;
  EQ(sio_server_count(second_root, 1000, on_count, NULL), 0);
  UNTIL(*traced);
  SAW("all 4 "); /* two threads, and two other servers */
  end_threads();
}

/* Rooms of other threads are not known to the adapter, so they cannot have channels of their
 * own. */
TEST(adapters_that_threads_cannot_use_are_refused) {
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  EQ(begin_threads_code(sio_redis_sharded_adapter), UV_EINVAL);
  end_threads();
  cluster.subscription_mode = SIO_REDIS_STATIC;
  sharded = true;
  begin_threads(sio_redis_sharded_adapter);
  struct peer *q = joined_second();
  push("socket.io#/#", SLICE("{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\"]},"
                             "\"opts\":{\"rooms\":[],\"except\":[]}},\"uid\":\"1\",\"nsp\":"
                             "\"/\"}"));
  HEARD(q, "42[\"ev\"] ");
  end_threads();
  sharded = false;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
}

TESTS_BEGIN
T(a_message_for_a_room_whose_members_are_on_another_thread_reaches_them)
T(sockets_of_all_threads_are_fetched_by_another_server)
T(a_fetch_of_another_server_is_not_answered_if_this_one_closes_meanwhile)
T(an_event_for_servers_runs_on_all_threads_and_is_answered_once)
T(a_question_of_the_other_thread_ends_when_redis_has_none_who_answers)
T(adapters_that_threads_cannot_use_are_refused)
TESTS_END
