/* SPDX-License-Identifier: MIT */
#include "peer.h"

static void on_drained(void *user) {
  trace("drained:%s ", (const char *)user);
  closed = true;
}

static void on_closed(void *user) {
  (void)user;
  trace("closed ");
}

static char who[] = "me";

static int drain(unsigned spread_ms, uint64_t deadline_ms) {
  return sio_server_drain(
      srv, &(sio_drain_options){ .spread_ms = spread_ms, .deadline_ms = deadline_ms }, on_drained,
      who);
}

static unsigned all_left;

static void on_left(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  all_left += why->reason == SIO_REASON_SERVER_SHUTTING_DOWN;
}

static void peers_join(unsigned n) {
  all_left = 0;
  sio_on_disconnect(root, on_left, NULL);
  while (n--) joined();
}

static void until_closed(void) {
  for (int i = 0; i < 20 && !closed; i++) later(100);
  CHECK(closed);
  SAW("drained:me ");
  stop();
}

TEST(without_sessions_the_server_closes_at_once) {
  start(NULL);
  EQ(drain(10000, 0), 0);
  later(1);
  until_closed();
}

TEST(sessions_end_in_equal_parts_over_the_time) {
  start(NULL);
  peers_join(10);
  EQ(drain(1000, 5000), 0);
  EQ(root->nmembers, 10);
  for (unsigned ms = 50; ms < 1000; ms += 50) {
    later(50);
    EQ(root->nmembers, (1000 - ms) / 100);
  }
  later(50);
  EQ(all_left, 10);
  until_closed();
}

TEST(those_that_go_by_themselves_count) {
  start(NULL);
  peers_join(10);
  EQ(drain(1000, 5000), 0);
  for (int i = 0; i < 8; i++) hang_up(peers[i]);
  later(500);
  EQ(root->nmembers, 2);
  srv->drain.deadline = 0;
  later(100);
  until_closed();
}

TEST(at_the_deadline_all_is_closed) {
  start(NULL);
  peers_join(3);
  EQ(drain(60000, 100), 0);
  srv->drain.deadline = uv_now(&loop);
  later(20);
  EQ(all_left, 3);
  until_closed();
}

TEST(a_server_drains_once) {
  start(NULL);
  peers_join(1);
  EQ(drain(60000, 0), 0);
  EQ(srv->drain.deadline - srv->drain.spread_until, 30000);
  EQ(drain(0, 0), SIO_ESTATE);
  EQ(sio_server_drain(srv, &(sio_drain_options){ .size = 1 }, NULL, NULL), UV_EINVAL);
  EQ(sio_server_close(srv, on_closed, NULL), 0);
  EQ(drain(0, 0), SIO_ESTATE);
  for (int i = 0; i < 20 && !closed; i++) turn();
  SAW("drained:me closed ");
  stop();
}

TEST(how_may_be_left_out) {
  start(NULL);
  peers_join(2);
  EQ(sio_server_drain(srv, NULL, on_drained, who), 0);
  later(100);
  EQ(all_left, 2);
  until_closed();
}

TESTS_BEGIN
T(without_sessions_the_server_closes_at_once)
T(sessions_end_in_equal_parts_over_the_time)
T(those_that_go_by_themselves_count)
T(at_the_deadline_all_is_closed)
T(a_server_drains_once)
T(how_may_be_left_out)
TESTS_END
