/* SPDX-License-Identifier: MIT
 *
 * test_sio_dynamic.c - patterns, and the namespaces that are made from them.
 */
#include "dynamic_rig.h"

/* ---- patterns ---------------------------------------------------------------------------- */

static bool takes(const char *pattern, const char *name) {
  char text[300];
  start(NULL);
  EQ(sio_of_pattern(srv, pattern, NULL), 0);
  struct peer *p = peer_new();
  snprintf(text, sizeof text, "40%s,", name);
  say(p, text);
  bool got = strstr(heard(p), "sid") != NULL;
  stop();
  return got;
}

TEST(a_star_stands_for_any_characters_and_for_none) {
  CHECK(takes("/room-*", "/room-1"));
  CHECK(takes("room-*", "/room-"));
  CHECK(!takes("/room-*", "/room"));
  CHECK(!takes("/room-*", "/a/room-1"));
  CHECK(takes("/*", "/x"));
  CHECK(takes("/a*b*c", "/abbbcbc"));
  CHECK(takes("/a*b*c", "/abc"));
  CHECK(!takes("/a*b*c", "/acb"));
  CHECK(!takes("/a*a", "/a"));
  CHECK(takes("/**a", "/xa"));
  CHECK(takes("/exact", "/exact"));
  CHECK(!takes("/exact", "/exactly"));
  CHECK(!takes("/exact", "/exac"));
}

TEST(all_other_characters_stand_for_themselves) {
  CHECK(takes("/[a].+$*", "/[a].+$"));
  CHECK(!takes("/[a]*", "/a"));
  CHECK(!takes("/a.c*", "/abc"));
}

TEST(a_pattern_that_no_name_can_fit_is_refused) {
  start(NULL);
  EQ(sio_of_pattern(srv, "/a?", &parent), SIO_ENAME);
  EQ(sio_of_pattern(srv, "/a,*", &parent), SIO_ENAME);
  EQ(sio_of_match(srv, NULL, NULL, &parent), UV_EINVAL);
  stop();
}

/* ---- being made -------------------------------------------------------------------------- */

TEST(a_child_is_made_once_and_told_of_before_its_first_peer) {
  begin_pattern(NULL);
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/room-1,");
  say(q, "40/room-1,");
  HEARD(p, "40/room-1,{\"sid\":\"?\"} ");
  HEARD(q, "40/room-1,{\"sid\":\"?\"} ");
  SAW("new(/room-1) connect(/room-1) connect(/room-1) ");
  EQ(sio_nsp_count(sio_nsp_find(srv, "/room-1")), 2);
  EQ(srv->core.nchildren, 1);
  stop();
}

TEST(a_name_that_nobody_takes_is_invalid) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/other,");
  HEARD(p, "44/other,{\"message\":\"Invalid namespace\"} ");
  CHECK(p->session != NULL);
  say(p, "40/room-\x01,");
  HEARD(p, "44/room-\x01,{\"message\":\"Invalid namespace\"} ");
  SAW("");
  stop();
}

TEST(parents_are_asked_in_order_and_static_names_come_first) {
  begin(NULL);
  sio_nsp *taken;
  sio_of(srv, "/static", NULL);
  saw();
  sio_of_match(srv, no, "1", NULL);
  sio_of_match(srv, yes, "2", &taken);
  sio_of_match(srv, yes, "3", NULL);
  sio_on_connect(taken, on_connect, "two");
  struct peer *p = peer_new();
  say(p, "40/static,");
  SAW("");
  say(p, "40/a,{\"k\":1}");
  SAW("1?/a 2?/a{\"k\":1} new(/a) two(/a) ");
  say(p, "40/b,");
  SAW("1?/b 2?/b{} new(/b) two(/b) ");
  stop();
}

static void drop_event(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  trace("packet ");
  sio_next_ok(next);
}

static void on_room(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)room, (void)s, (void)user;
  trace("room(%s) ", sio_nsp_name(nsp));
}

TEST(a_child_has_the_handlers_its_parent_had_when_it_was_made) {
  begin_pattern(NULL);
  sio_use_packet(parent, drop_event, NULL);
  sio_on_room(parent, &(sio_room_hooks){ .join = on_room }, NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "42/room-1,[\"hi\"]");
  SAW("new(/room-1) room(/room-1) connect(/room-1) packet hi(/room-1) ");
  sio_on(parent, "late", on_hi, NULL);
  sio_off(parent, "hi", on_hi, NULL);
  say(p, "42/room-1,[\"late\"]");
  say(p, "42/room-1,[\"hi\"]");
  SAW("packet packet hi(/room-1) ");
  say(p, "40/room-2,");
  say(p, "42/room-2,[\"late\"]");
  say(p, "42/room-2,[\"hi\"]");
  SAW("new(/room-2) room(/room-2) connect(/room-2) packet hi(/room-2) packet ");
  stop();
}

TEST(a_child_of_a_pattern_may_be_made_by_the_host) {
  begin_pattern(NULL);
  sio_nsp *child, *again;
  EQ(sio_of(srv, "room-1", &child), 0);
  EQ(sio_of(srv, "room-1", &again), 0);
  CHECK(child == again && child->parent == parent);
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == child); /* nobody has left it yet */
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  SAW("new(/room-1) connect(/room-1) ");
  hang_up(p);
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

/* ---- verdicts that come later ---------------------------------------------------------------- */

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

TEST(a_late_no_goes_on_to_the_next_parent) {
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

TEST(a_connect_that_was_withdrawn_is_not_told_of_the_timeout) {
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

TEST(a_peer_that_left_is_not_told_of_the_timeout) {
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

/* ---- going ----------------------------------------------------------------------------------- */

TEST(a_child_goes_with_its_last_socket_and_comes_back) {
  begin_pattern(NULL);
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/room-1,");
  say(q, "40/room-1,");
  say(p, "41/room-1,");
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") != NULL);
  say(q, "41/room-1,");
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  EQ(srv->core.nchildren, 0);
  saw();
  say(p, "40/room-1,");
  SAW("new(/room-1) connect(/room-1) ");
  stop();
}

TEST(who_comes_back_in_the_same_turn_finds_the_same_child) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  sio_nsp *child = sio_nsp_find(srv, "/room-1");
  say(p, "41/room-1,");
  say(p, "40/room-1,");
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == child);
  SAW("new(/room-1) connect(/room-1) connect(/room-1) ");
  stop();
}

TEST(a_child_goes_after_a_refused_middleware) {
  begin_pattern(NULL);
  sio_use(parent, refuse, NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  HEARD(p, "44/room-1,{\"message\":\"nope\"} ");
  turn();
  SAW("new(/room-1) middleware ");
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

TEST(keep_empty_nsps_keeps_it_and_static_ones_never_go) {
  begin_pattern(&(sio_options){ .keep_empty_nsps = true });
  sio_of(srv, "/static", NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "40/static,");
  hang_up(p);
  CHECK(sio_nsp_find(srv, "/room-1") != NULL);
  CHECK(sio_nsp_find(srv, "/static") != NULL);
  stop();
}

TEST(a_reference_keeps_a_child_and_its_handlers) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  sio_nsp *child = sio_nsp_ref(sio_nsp_find(srv, "/room-1"));
  sio_on(child, "own", on_hi, NULL);
  hang_up(p);
  CHECK(sio_nsp_find(srv, "/room-1") == child);
  p = peer_new();
  say(p, "40/room-1,");
  saw();
  say(p, "42/room-1,[\"own\"]");
  SAW("hi(/room-1) ");
  hang_up(p);
  sio_nsp_unref(child);
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

static void ignore_socket(sio_socket *s, void *user) { (void)s, (void)user; }
static void ignore_count(int status, size_t n, void *user) { (void)status, (void)n, (void)user; }

TEST(what_is_left_of_a_child_can_be_asked_and_says_that_it_is_gone) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  sio_socket *s = sio_socket_ref(sio_nsp_find(srv, "/room-1")->members[0]);
  hang_up(p);
  sio_nsp *gone = sio_nsp_ref(sio_socket_nsp(s));
  sio_socket_unref(s);
  sio_target to = { .nsp = gone };
  EQ_STR(sio_nsp_name(gone), "/room-1");
  EQ(sio_broadcast(to, "x", SIO_ARGS(1)), SIO_ECLOSED);
  EQ(sio_all_join(to, SIO_ROOMS("a")), SIO_ECLOSED);
  EQ(sio_all_leave(to, SIO_ROOMS("a")), SIO_ECLOSED);
  EQ(sio_all_disconnect(to, false), SIO_ECLOSED);
  EQ(sio_all_each(to, ignore_socket, NULL), SIO_ECLOSED);
  EQ(sio_server_count(gone, 0, ignore_count, NULL), SIO_ECLOSED);
  EQ(sio_server_side_emit(gone, "x", SIO_ARGS(1), 0, NULL, NULL), SIO_ECLOSED);
  EQ(sio_room_size(gone, "a"), 0);
  p = peer_new();
  say(p, "40/room-1,");
  CHECK(sio_nsp_find(srv, "/room-1") != gone);
  sio_nsp_unref(gone);
  stop();
}

static void on_count(int status, size_t servers, void *user) {
  (void)user;
  trace("count(%d,%zu) ", status, servers);
}

TEST(a_child_waits_for_its_open_questions) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  saw();
  sio_nsp *child = sio_nsp_find(srv, "/room-1");
  say(p, "41/room-1,");
  EQ(sio_server_count(child, 0, on_count, NULL), 0);
  turn();
  SAW("count(0,1) ");
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

TEST(a_late_packet_to_a_child_that_is_gone_is_dropped) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  sio_disconnect(sio_nsp_find(srv, "/room-1")->members[0]);
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  heard(p);
  say(p, "42/room-1,[\"hi\"]");
  turn();
  CHECK(p->session != NULL);
  stop();
}

TEST(a_child_stays_while_somebody_may_come_back_to_it) {
  begin_pattern(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 } });
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  hang_up(p);
  sio_nsp *child = sio_nsp_find(srv, "/room-1");
  CHECK(child != NULL);
  container_of(sio__recovery_queue_oldest(&child->recovery->away), struct recovery_record, away)
      ->left_at_ms -= 3000;
  later(3000);
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

TEST(notes_of_namespaces_that_were_left_are_bounded) {
  begin_pattern(&(sio_options){ .max_nsps = 4 });
  struct peer *p = peer_new();
  size_t live = 0;
  for (int i = 0; i < 100; i++) {
    char text[32];
    snprintf(text, sizeof text, "40/room-%03d,", i);
    say(p, text);
    text[strlen(text) - 1] = '\0';
    sio_disconnect(sio_nsp_find(srv, text + 2)->members[0]);
    turn();
    if (i == 20) live = alloc_live;
  }
  CHECK(p->session != NULL);
  EQ(alloc_live, live);
  stop();
}

/* ---- bounds ---------------------------------------------------------------------------------- */

TEST(past_max_child_nsps_none_is_made) {
  begin_pattern(&(sio_options){ .max_child_nsps = 2 });
  struct peer *p = peer_new();
  sio_nsp *n;
  sio_stats st;
  say(p, "40/room-1,");
  say(p, "40/room-2,");
  heard(p);
  say(p, "40/room-3,");
  HEARD(p, "44/room-3,{\"message\":\"Too many namespaces\"} ");
  EQ(sio_of(srv, "/room-3", &n), SIO_ETOOBIG);
  sio_server_stats(srv, &st, sizeof st);
  EQ(st.nsps_refused, 2);
  EQ(st.child_nsps, 2);
  say(p, "41/room-1,");
  turn();
  say(p, "40/room-3,");
  HEARD(p, "40/room-3,{\"sid\":\"?\"} ");
  stop();
}

/* ---- without memory -------------------------------------------------------------------------- */

TEST(a_parent_that_cannot_be_made_leaves_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 20; i++) {
    begin(NULL);
    size_t live = alloc_live, before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_of_pattern(srv, "/a*", &parent);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (err) {
      EQ(err, UV_ENOMEM);
      EQ(alloc_live, live);
    }
    stop();
  }
  CHECK(!failed);
}

static void hear(sio_nsp *nsp, sio_event *e, void *user) { (void)nsp, (void)e, (void)user; }

TEST(a_peer_for_whom_there_is_no_memory_ends_and_others_get_in) {
  bool failed = true;
  for (size_t i = 1; failed && i < 60; i++) {
    begin_pattern(NULL);
    sio_use_packet(parent, drop_event, NULL);
    sio_on_room(parent, &(sio_room_hooks){ .join = on_room }, NULL);
    sio_on_server_side(parent, "x", hear, NULL);
    struct peer *p = joined();
    size_t before = alloc_calls;
    alloc_fail_in(i);
    say(p, "40/room-1,{\"k\":1}");
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    turn();
    EQ(srv->core.nchildren, p->session && strstr(heard(p), "sid") ? 1u : 0u);
    CHECK((sio_nsp_find(srv, "/room-1") != NULL) == (srv->core.nchildren == 1));
    p = peer_new();
    say(p, "40/room-1,");
    HEARD(p, "40/room-1,{\"sid\":\"?\"} ");
    stop();
  }
  CHECK(!failed);
}

TEST(a_child_the_host_cannot_make_leaves_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 60; i++) {
    begin_pattern(NULL);
    sio_nsp *n;
    size_t live = alloc_live, before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_of(srv, "/room-1", &n);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (err) {
      EQ(err, UV_ENOMEM);
      EQ(alloc_live, live);
      EQ(srv->core.nchildren, 0);
    }
    stop();
  }
  CHECK(!failed);
}

static void count_warning(int level, const char *room, const char *text, void *user) {
  (void)room, (void)text;
  *(unsigned *)user += level == SIO_LOG_WARN;
}

TEST(a_namespace_that_is_not_made_is_one_warning_not_two) {
  unsigned lines = 0;
  begin(&(sio_options){ .middleware_timeout_ms = 1000,
                        .max_child_nsps = 1,
                        .log = count_warning,
                        .log_user = &lines });
  EQ(sio_of_match(srv, hold, NULL, &parent), 0);
  struct peer *p = peer_new();
  say(p, "40/a,");
  later(1001);
  HEARD(p, "44/a,{\"message\":\"timeout\"} ");
  EQ(lines, 1);
  say(p, "40/b,");
  say(p, "40/c,");
  sio_next_ok(held[1]);
  sio_next_ok(held[2]);
  turn();
  turn();
  HEARD(p, "40/b,{\"sid\":\"?\"} 44/c,{\"message\":\"Too many namespaces\"} ");
  EQ(lines, 2);
  sio_next_ok(held[0]);
  stop();
}

TESTS_BEGIN
T(a_star_stands_for_any_characters_and_for_none)
T(all_other_characters_stand_for_themselves)
T(a_pattern_that_no_name_can_fit_is_refused)
T(a_child_is_made_once_and_told_of_before_its_first_peer)
T(a_name_that_nobody_takes_is_invalid)
T(parents_are_asked_in_order_and_static_names_come_first)
T(a_child_has_the_handlers_its_parent_had_when_it_was_made)
T(a_child_of_a_pattern_may_be_made_by_the_host)
T(past_max_child_nsps_none_is_made)
T(a_parent_that_cannot_be_made_leaves_nothing)
T(a_peer_for_whom_there_is_no_memory_ends_and_others_get_in)
T(a_child_the_host_cannot_make_leaves_nothing)
T(a_namespace_that_is_not_made_is_one_warning_not_two)
TESTS_END
