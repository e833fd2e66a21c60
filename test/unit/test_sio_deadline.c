/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

static void on_left(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("%d:%s ", why->err, why->detail);
}

static struct peer *watched(void) {
  start(NULL);
  sio_on_disconnect(root, on_left, NULL);
  return joined();
}

TEST(a_socket_leaves_at_its_deadline) {
  struct peer *p = watched();
  EQ(sio_socket_set_deadline(first(), 1000), 0);
  later(900);
  HEARD(p, "");
  later(1100);
  turn();
  HEARD(p, "41 ");
  SAW("-10002:the deadline set with sio_socket_set_deadline() has passed ");
  CHECK(map_is_empty(&srv->core.deadlines));
  stop();
}

TEST(a_deadline_may_be_moved_and_taken_back) {
  struct peer *p = watched();
  EQ(sio_socket_set_deadline(first(), 1000), 0);
  EQ(sio_socket_set_deadline(first(), 2000), 0);
  later(1500);
  HEARD(p, "");
  EQ(sio_socket_set_deadline(first(), 0), 0);
  EQ(sio_socket_set_deadline(first(), 0), 0);
  later(5000);
  HEARD(p, "");
  stop();
}

TEST(a_socket_that_left_has_no_deadline) {
  struct peer *p = watched();
  sio_socket *s = sio_socket_ref(first());
  EQ(sio_socket_set_deadline(s, 1000), 0);
  hang_up(p);
  EQ(sio_socket_set_deadline(s, 1000), SIO_ECLOSED);
  CHECK(map_is_empty(&srv->core.deadlines));
  SAW("0:hung up ");
  sio_socket_unref(s);
  stop();
}

TEST(a_deadline_of_a_session_that_closes_is_no_reason_to_leave) {
  struct peer *p = watched();
  EQ(sio_socket_set_deadline(first(), 1000), 0);
  clock_ms += 1100;
  sio_session_close(p->session, NULL);
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  sio_server_close(srv, on_done, NULL);
  turn();
  SAW("0:the server is closing ");
  stop();
}

TEST(a_deadline_ends_with_the_server) {
  watched();
  EQ(sio_socket_set_deadline(first(), 1000), 0);
  stop();
}

TEST(without_memory_no_deadline_is_set) {
  watched();
  for (unsigned i = 1; i <= 2; i++) {
    alloc_fail_in(i);
    EQ(sio_socket_set_deadline(first(), 1000), UV_ENOMEM);
    alloc_fail_in(0);
  }
  later(1100);
  EQ(root->nmembers, 1);
  stop();
}

/* ---- middleware ------------------------------------------------------------------------- */

static sio_next *owed;
static void think(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  owed = next;
}

static struct peer *waiting(void) {
  start(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_use(root, think, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  return p;
}

TEST(middleware_that_does_not_decide_is_a_timeout) {
  struct peer *p = waiting();
  later(900);
  HEARD(p, "");
  later(1100);
  HEARD(p, "44{\"message\":\"timeout\"} ");
  sio_next_ok(owed);
  turn();
  HEARD(p, "");
  EQ(root->nmembers, 0);
  stop();
}

TEST(a_verdict_in_time_stops_the_clock) {
  struct peer *p = waiting();
  sio_next_ok(owed);
  turn();
  later(2000);
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_verdict_in_the_turn_in_which_the_time_is_up_counts) {
  struct peer *p = waiting();
  sio_next_fail(owed, "no", sio_null());
  later(2000);
  HEARD(p, "44{\"message\":\"no\"} ");
  p = peer_new();
  say(p, "40");
  sio_next_ok(owed);
  later(2000);
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_socket_that_leaves_first_is_not_ended_by_its_deadline) {
  struct peer *p = waiting();
  hang_up(p);
  later(2000);
  sio_next_ok(owed);
  turn();
  stop();
}

TESTS_BEGIN
T(a_socket_leaves_at_its_deadline)
T(a_deadline_may_be_moved_and_taken_back)
T(a_socket_that_left_has_no_deadline)
T(a_deadline_of_a_session_that_closes_is_no_reason_to_leave)
T(a_deadline_ends_with_the_server)
T(without_memory_no_deadline_is_set)
T(middleware_that_does_not_decide_is_a_timeout)
T(a_verdict_in_time_stops_the_clock)
T(a_verdict_in_the_turn_in_which_the_time_is_up_counts)
T(a_socket_that_leaves_first_is_not_ended_by_its_deadline)
TESTS_END
