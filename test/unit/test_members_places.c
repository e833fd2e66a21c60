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
T(the_adapter_of_a_cluster_is_checked)
T(when_the_member_with_the_cluster_has_closed_another_may_have_it)
T(a_session_whose_server_is_closing_is_unknown_to_the_others)
T(while_all_members_drain_a_new_connection_stays_where_it_came)
TESTS_END
