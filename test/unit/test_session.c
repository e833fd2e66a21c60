/* SPDX-License-Identifier: MIT
 *
 * test_session.c - the heartbeat, when time passes and when the host kept the loop from seeing it.
 */
#include "peer.h"

static const sio_options quick = { .ping_interval_ms = 1000, .ping_timeout_ms = 500 };

TEST(a_peer_without_a_pong_in_time_is_over) {
  start(&quick);
  struct peer *p = joined();
  later(1000);
  HEARD(p, "2 ");
  later(1500);
  HEARD(p, "cut ");
  EQ(srv->core.stats.sessions_closed[SIO_REASON_PING_TIMEOUT], 1);
  EQ(srv->core.stats.sockets_closed[SIO_REASON_PING_TIMEOUT], 1);
  stop();
}

TEST(what_else_it_says_while_a_pong_is_due_moves_the_deadline_once) {
  start(&quick);
  struct peer *p = joined();
  later(1000);
  later(400);
  say(p, "6");
  later(490); /* of 500 more since then */
  CHECK(p->session != NULL);
  say(p, "42[\"x\"]");
  later(20);
  HEARD(p, "2 cut ");
  stop();
}

TEST(each_ping_has_its_own_grace) {
  start(&quick);
  struct peer *p = joined();
  for (int i = 0; i < 4; i++) {
    later(1000);
    later(400);
    say(p, "6");
    later(490);
    REQUIRE(p->session);
    say(p, "3");
  }
  HEARD(p, "2 2 2 2 ");
  stop();
}

TEST(one_whose_deadline_came_late_is_asked_again) {
  start(&quick);
  struct peer *p = joined();
  later(1000);
  srv->core.loop.late = true;
  later(1600);
  srv->core.loop.late = false;
  HEARD(p, "2 2 ");
  say_n(p, false, "3", 1);
  later(2200);
  CHECK(p->session != NULL);
  stop();
}

TEST(heartbeats_are_counted_asked_answered_and_missed) {
  sio_stats st;
  start(&quick);
  struct peer *p = joined();
  later(1000);
  say(p, "3");
  say(p, "3"); /* asked for by nobody */
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.pings_sent, 1);
  EQ(st.heartbeats_missed, 0);
  EQ(sio_histogram_total(&st.heartbeat_us), 1);
  later(2100);
  srv->core.loop.late = true;
  later(2700); /* missed, by our fault: asked again */
  srv->core.loop.late = false;
  later(3300);
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.pings_sent, 3);
  EQ(st.heartbeats_missed, 2);
  EQ(st.sessions_closed[SIO_REASON_PING_TIMEOUT], 1);
  EQ(sio_histogram_total(&st.heartbeat_us), 1);
  stop();
}

TEST(and_is_over_if_it_does_not_answer_that) {
  start(&quick);
  struct peer *p = joined();
  later(1000);
  srv->core.loop.late = true;
  later(1600);
  srv->core.loop.late = false;
  later(2200);
  HEARD(p, "2 2 cut ");
  stop();
}

TEST(a_legacy_peer_is_given_time_to_ping) {
  start(&quick);
  struct peer *p = joined();
  p->session->protocol = 3;
  srv->core.loop.late = true;
  later(1500);
  CHECK(p->session != NULL);
  later(2500);
  srv->core.loop.late = false;
  CHECK(p->session != NULL);
  later(3600);
  CHECK(p->session == NULL);
  stop();
}

TEST(the_host_hears_how_long_its_loop_was_blocked) {
  start(&quick);
  struct peer *p = joined();
  EQ(srv->core.loop.stall_ms, 250);
  srv->core.loop.stalled(&srv->core.loop, 1234);
  EQ(srv->core.stats.stalls, 1);
  (void)p;
  stop();
}

TESTS_BEGIN
T(a_peer_without_a_pong_in_time_is_over)
T(what_else_it_says_while_a_pong_is_due_moves_the_deadline_once)
T(each_ping_has_its_own_grace)
T(one_whose_deadline_came_late_is_asked_again)
T(heartbeats_are_counted_asked_answered_and_missed)
T(and_is_over_if_it_does_not_answer_that)
T(a_legacy_peer_is_given_time_to_ping)
T(the_host_hears_how_long_its_loop_was_blocked)
TESTS_END
