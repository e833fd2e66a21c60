/* SPDX-License-Identifier: MIT
 *
 * test_sio_dynamic_verdicts.c - functions that decide later whether a namespace is made.
 */
#include "dynamic_rig.h"

TEST(a_late_yes_lets_in_at_the_end_of_the_turn) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/a,{\"k\":1}");
  turn();
  HEARD(p, "");
  SAW("hold ");
  sio_next_ok(held[0]);
  SAW(""); /* nothing runs inside the verdict */
  turn();
  SAW("new(/a) connect(/a) ");
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  sio_slice auth = sio_socket_auth(sio_nsp_find(srv, "/a")->members[0]);
  EQ_MEM(auth.p, auth.n, "{\"k\":1}", 7);
  stop();
}

TEST(after_a_late_no_the_next_parent_is_asked) {
  begin_held();
  sio_of_match(srv, yes, "2", NULL);
  struct peer *p = peer_new();
  say(p, "40/a,");
  sio_next_fail(held[0], "not seen", sio_int(1));
  turn();
  SAW("hold 2?/a{} new(/a) ");
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  stop();
}

TEST(two_that_wait_for_one_name_meet_in_one_namespace) {
  begin_held();
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/a,");
  say(q, "40/a,");
  sio_next_ok(held[1]);
  sio_next_ok(held[0]);
  turn();
  SAW("hold hold new(/a) connect(/a) connect(/a) ");
  heard(p), heard(q);
  EQ(sio_broadcast((sio_target){ .nsp = sio_nsp_find(srv, "/a") }, "x", SIO_ARGS(1)), 0);
  HEARD(p, "42/a,[\"x\",1] ");
  HEARD(q, "42/a,[\"x\",1] ");
  stop();
}

TEST(a_namespace_that_came_meanwhile_is_joined_whatever_the_verdict) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/a,");
  sio_of(srv, "/a", NULL);
  sio_next_fail(held[0], "", sio_null());
  turn();
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  stop();
}

TEST(a_verdict_that_does_not_come_in_time_is_a_timeout) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, no, "first", NULL);
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,");
  SAW("first?/a hold ");
  later(900);
  HEARD(p, "");
  later(1100);
  HEARD(p, "44/a,{\"message\":\"timeout\"} ");
  say(p, "40/a,");
  SAW("first?/a hold ");
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "");
  CHECK(!sio_nsp_find(srv, "/a"));
  sio_next_ok(held[1]);
  turn();
  later(4000);
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  stop();
}

TEST(the_time_is_one_for_all_matchers_together) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,");
  later(900);
  sio_next_fail(held[0], "", sio_null());
  turn();
  EQ(nheld, 2);
  HEARD(p, "");
  later(101);
  HEARD(p, "44/a,{\"message\":\"timeout\"} ");
  sio_next_fail(held[1], "", sio_null());
  turn();
  stop();
}

TEST(a_later_connect_is_asked_about_when_the_time_of_the_first_is_up) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,{\"n\":1}");
  say(p, "40/a,{\"n\":2}");
  later(1001);
  HEARD(p, "");
  EQ(nheld, 2);
  sio_next_ok(held[1]);
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  stop();
}

TEST(a_later_connect_joins_the_namespace_that_the_host_has_made_meanwhile) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,{\"n\":1}");
  say(p, "40/a,{\"n\":2}");
  EQ(sio_of(srv, "/a", NULL), 0);
  later(1001);
  EQ(nheld, 1);
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "");
  stop();
}

TEST(a_withdrawn_connect_is_not_answered_after_the_timeout) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "41/a,");
  later(1001);
  HEARD(p, "");
  CHECK(p->session != NULL);
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "");
  stop();
}

TEST(a_peer_that_left_is_not_answered_after_the_timeout) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,");
  hang_up(p);
  later(2000);
  sio_next_ok(held[0]);
  turn();
  SAW("hold ");
  stop();
}

TEST(a_verdict_in_the_turn_in_which_the_time_is_up_counts) {
  begin(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_of_match(srv, hold, NULL, &parent);
  struct peer *p = peer_new();
  say(p, "40/a,");
  sio_next_ok(held[0]);
  later(1100);
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  stop();
}

TEST(the_verdict_for_a_peer_that_left_is_ignored) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/a,");
  hang_up(p);
  sio_next_ok(held[0]);
  turn();
  SAW("hold ");
  CHECK(sio_nsp_find(srv, "/a") == NULL);
  stop();
}

TEST(a_peer_that_leaves_in_the_turn_of_the_verdict_makes_no_namespace) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/a,");
  sio_session_close(p->session, NULL);
  sio_next_ok(held[0]);
  turn();
  SAW("hold ");
  EQ(srv->core.nchildren, 0);
  stop();
}

TEST(a_verdict_may_come_when_the_server_has_closed) {
  begin_held();
  say(peer_new(), "40/a,");
  sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 20 && !closed; i++) turn();
  CHECK(closed);
  sio_next_ok(held[0]);
  stop();
}

TEST(a_second_connect_while_the_first_waits_is_the_same_wish) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/a,");
  say(p, "40/a,");
  turn();
  EQ(nheld, 1);
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "40/a,{\"sid\":\"?\"} ");
  SAW("hold new(/a) connect(/a) ");
  stop();
}

TEST(a_second_connect_with_another_auth_is_asked_about_after_the_first) {
  for (int ok = 0; ok < 2; ok++) {
    begin_held();
    struct peer *p = peer_new();
    say(p, "40/a,{\"a\":1}");
    say(p, "40/a,{\"a\":2}");
    if (ok)
      sio_next_ok(held[0]);
    else
      sio_next_fail(held[0], "no", sio_null());
    turn();
    EQ(nheld, 2);
    HEARD(p, "");
    sio_next_ok(held[1]);
    turn();
    HEARD(p, "40/a,{\"sid\":\"?\"} ");
    SAW("hold hold new(/a) connect(/a) ");
    stop();
  }
}

TEST(a_disconnect_withdraws_a_connect_to_a_namespace_that_is_waited_for) {
  begin_held();
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "41/a,");
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "");
  CHECK(p->session != NULL);
  EQ(srv->core.nchildren, 0);
  say(p, "40/a,");
  say(p, "40/a,{\"a\":1}");
  hang_up(p);
  sio_next_ok(held[1]);
  stop();
}

TEST(an_event_for_a_namespace_that_is_waited_for_ends_the_peer) {
  begin_held();
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "42/a,[\"x\"]");
  turn();
  HEARD(p, "end ");
  sio_next_ok(held[0]);
  stop();
}

TEST(namespaces_that_are_waited_for_count_towards_max_nsps) {
  nheld = 0;
  start(&(sio_options){ .max_nsps = 2 });
  sio_of_match(srv, hold, NULL, NULL);
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "40/b,");
  HEARD(p, "44/b,{\"message\":\"Too many namespaces\"} ");
  sio_next_fail(held[0], "", sio_null());
  turn();
  HEARD(p, "44/a,{\"message\":\"Invalid namespace\"} ");
  say(p, "40/b,");
  sio_next_ok(held[1]);
  turn();
  HEARD(p, "40/b,{\"sid\":\"?\"} ");
  stop();
}

static void close_peer(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                       void *user) {
  (void)server, (void)name, (void)auth;
  sio_session_close(((struct peer *)user)->session, NULL);
  sio_next_ok(next);
}

TEST(a_peer_closed_in_the_question_makes_no_namespace) {
  begin(NULL);
  struct peer *p = joined();
  sio_of_match(srv, close_peer, p, NULL);
  say(p, "40/a,");
  turn();
  SAW("");
  HEARD(p, "end ");
  stop();
}

TESTS_BEGIN
T(a_late_yes_lets_in_at_the_end_of_the_turn)
T(after_a_late_no_the_next_parent_is_asked)
T(two_that_wait_for_one_name_meet_in_one_namespace)
T(a_namespace_that_came_meanwhile_is_joined_whatever_the_verdict)
T(a_verdict_that_does_not_come_in_time_is_a_timeout)
T(the_time_is_one_for_all_matchers_together)
T(a_later_connect_is_asked_about_when_the_time_of_the_first_is_up)
T(a_later_connect_joins_the_namespace_that_the_host_has_made_meanwhile)
T(a_withdrawn_connect_is_not_answered_after_the_timeout)
T(a_peer_that_left_is_not_answered_after_the_timeout)
T(a_verdict_in_the_turn_in_which_the_time_is_up_counts)
T(the_verdict_for_a_peer_that_left_is_ignored)
T(a_peer_that_leaves_in_the_turn_of_the_verdict_makes_no_namespace)
T(a_verdict_may_come_when_the_server_has_closed)
T(a_second_connect_while_the_first_waits_is_the_same_wish)
T(a_second_connect_with_another_auth_is_asked_about_after_the_first)
T(a_disconnect_withdraws_a_connect_to_a_namespace_that_is_waited_for)
T(an_event_for_a_namespace_that_is_waited_for_ends_the_peer)
T(namespaces_that_are_waited_for_count_towards_max_nsps)
T(a_peer_closed_in_the_question_makes_no_namespace)
TESTS_END
