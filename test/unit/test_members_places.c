/* SPDX-License-Identifier: MIT
 *
 * test_members_places.c - members that leave, and others that take their place: what belonged to
 * the one that left does not reach the other.
 */
#include "adapters/memory.h"
#include "net/members.h"
#include "server/server.h"

#include "members_rig.h"
#include <sio/adapter.h>

static struct poller poller;
static struct raw other;

static void run_nothing(void *server, void *arg) { (void)server, (void)arg; }

TEST(a_message_for_a_server_that_left_does_not_reach_the_one_in_its_place) {
  sio_options o = options();
  begin();
  struct member_id left = members[1]->core.member;
  sio_server_close(members[1], on_member_closed, NULL);
  turns(10);
  o.threads = threads;
  EQ(sio_server_new(&uv, &o, &members[1]), 0);
  EQ(members[1]->core.member.place, left.place);
  EQ(sio__threads_send(threads, left, run_nothing, NULL, 0), SIO_ECLOSED);
  EQ(sio__threads_send(threads, members[1]->core.member, run_nothing, NULL, 0), 0);
  end();
}

/* ---- a server is created while another one closes -------------------------------------------- */

/* Closes members[1] and creates another server, which is members[1] then, in the same turn. */
static void replace_member_1(void) {
  sio_options o = options();
  o.threads = threads;
  sio_server_close(members[1], NULL, NULL);
  EQ(sio_server_new(&uv, &o, &members[1]), 0);
  EQ(sio_of(members[1], "/", &roots[1]), 0);
}

/* A connection that its server cannot close at once, because half a request has come. */
static bool open_with_half_a_request(struct raw *c, sio_server *to, const char *half) {
  if (!raw_open(c, to) || !raw_send(c, half, strlen(half))) return false;
  raw_turn(c);
  return true;
}

TEST(connections_of_a_closing_server_are_counted_beside_those_of_the_next_one) {
  static struct raw next;
  begin();
  REQUIRE(open_with_half_a_request(&other, members[1], "GET / HTTP/1.1\r\n"));
  replace_member_1();
  EQ(sio__threads_count_conns(threads), 1);
  REQUIRE(raw_open(&next, members[1]));
  turns(5);
  EQ(sio__threads_count_conns(threads), 2);
  raw_close(&other);
  turns(5);
  EQ(sio__threads_count_conns(threads), 1);
  raw_close(&next);
  turns(5);
  EQ(sio__threads_count_conns(threads), 0);
  end();
}

static void say_that_one_left(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  EQ(sio_broadcast((sio_target){ .nsp = user }, "left", SIO_NONE), 0);
}

TEST(what_a_closing_server_broadcasts_reaches_a_server_that_was_created_meanwhile) {
  sio_test_peer *peer, *late;
  begin();
  EQ(sio_test_connect(members[1], "/", NULL, &peer), 0);
  EQ(sio_on_disconnect(roots[1], say_that_one_left, roots[1]), 0);
  replace_member_1();
  EQ(sio_test_connect(members[1], "/", NULL, &late), 0);
  expect_next(late, "connect");
  turns(5);
  expect_next(late, "[\"left\"]");
  sio_test_free(peer);
  sio_test_free(late);
  end();
}

TEST(a_request_that_a_closing_server_reads_goes_to_the_next_one_if_that_has_its_session) {
  char rest[160];
  poller = (struct poller)POLLER;
  begin();
  REQUIRE(open_with_half_a_request(&other, members[1], "POST /socket.io/?EIO=4&transport="));
  replace_member_1();
  REQUIRE(poller_open(&poller, members[1], "/socket.io/"));
  snprintf(rest, sizeof rest, "polling&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40",
           poller.sid);
  CHECK(raw_send(&other, rest, strlen(rest)) && raw_expect(&other, "ok"));
  raw_close(&other);
  poller_close(&poller);
  end();
}

/* ---- the adapter of a cluster ---------------------------------------------------------------- */

static sio_adapter_ops cluster_adapter(void) {
  sio_adapter_ops ops = sio__adapter_memory;
  ops.flags = 0;
  return ops;
}

TEST(the_adapter_of_a_cluster_is_checked) {
  sio_server *alone;
  sio_adapter_ops ops = cluster_adapter();
  begin();
  EQ(sio_threads_set_adapter(members[0], NULL, NULL), UV_EINVAL);
  ops.size = 1;
  EQ(sio_threads_set_adapter(members[0], &ops, NULL), UV_EINVAL);
  ops.size = sizeof ops;
  ops.flags = SIO_ADAPTER_RECOVERS;
  EQ(sio_threads_set_adapter(members[0], &ops, NULL), UV_EINVAL);
  EQ(sio_server_new(&uv, NULL, &alone), 0);
  ops.flags = 0;
  EQ(sio_threads_set_adapter(alone, &ops, NULL), UV_EINVAL);
  sio_server_close(alone, NULL, NULL);
  end();
}

TEST(when_the_member_with_the_cluster_has_closed_another_may_have_it) {
  static sio_adapter_ops ops;
  ops = cluster_adapter();
  begin();
  EQ(sio_threads_set_adapter(members[0], &ops, NULL), 0);
  EQ(sio_threads_set_adapter(members[1], &ops, NULL), SIO_EEXISTS);
  nclosed = 0;
  sio_server_close(members[0], on_member_closed, NULL);
  turns(5);
  CHECK(!sio__threads_find_cluster_member(threads, NULL));
  EQ(sio_threads_set_adapter(members[1], &ops, NULL), 0);
  CHECK(sio__threads_find_cluster_member(threads, NULL));
  sio_server_close(members[1], on_member_closed, NULL);
  sio_server_close(members[2], on_member_closed, NULL);
  wait_until_closed();
}

/* ---- connections and sessions ---------------------------------------------------------------- */

TEST(a_session_whose_server_is_closing_is_unknown_to_the_others) {
  poller = (struct poller)POLLER;
  other.fd = -1;
  begin();
  REQUIRE(poller_open(&poller, members[1], "/socket.io/"));
  REQUIRE(raw_open(&other, members[0]) && raw_get(&other, poller.path));
  nclosed = 0;
  sio_server_close(members[1], on_member_closed, NULL);
  CHECK(raw_expect(&other, "Session ID unknown"));
  raw_close(&other);
  poller_close(&poller);
  sio_server_close(members[0], on_member_closed, NULL);
  sio_server_close(members[2], on_member_closed, NULL);
  wait_until_closed();
}

TEST(while_all_members_drain_a_new_connection_stays_where_it_came) {
  char answer[300];
  begin();
  EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
  int port = sio_port(members[0]);
  poller = (struct poller)POLLER;
  for (int i = 0; i < MEMBERS; i++) {
    /* A session keeps the server from closing at once. */
    struct poller p = POLLER;
    REQUIRE(poller_open(&p, members[i], "/socket.io/"));
    poller_close(&p);
  }
  int fd = tcp_client(port);
  nclosed = 0;
  for (int i = 0; i < MEMBERS; i++)
    EQ(sio_server_drain(members[i], &(sio_drain_options){ .spread_ms = 60000 }, on_member_closed,
                        NULL),
       0);
  static const char ask[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
  EQ(send(fd, ask, sizeof ask - 1, 0), (ssize_t)sizeof ask - 1);
  ssize_t n = 0;
  UNTIL((n = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT)) > 0);
  answer[n > 0 ? n : 0] = '\0';
  CHECK(strstr(answer, "503") != NULL);
  close(fd);
  for (int i = 0; i < MEMBERS; i++) sio_server_close(members[i], NULL, NULL);
  wait_until_closed();
}

TESTS_BEGIN
T(a_message_for_a_server_that_left_does_not_reach_the_one_in_its_place)
T(connections_of_a_closing_server_are_counted_beside_those_of_the_next_one)
T(what_a_closing_server_broadcasts_reaches_a_server_that_was_created_meanwhile)
T(a_request_that_a_closing_server_reads_goes_to_the_next_one_if_that_has_its_session)
T(the_adapter_of_a_cluster_is_checked)
T(when_the_member_with_the_cluster_has_closed_another_may_have_it)
T(a_session_whose_server_is_closing_is_unknown_to_the_others)
T(while_all_members_drain_a_new_connection_stays_where_it_came)
TESTS_END
