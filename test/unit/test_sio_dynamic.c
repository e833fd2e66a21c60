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

TEST(a_star_matches_any_number_of_characters) {
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

TEST(a_child_is_created_once_and_reported_before_its_first_peer) {
  begin_pattern(NULL);
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/room-1,");
  say(q, "40/room-1,");
  HEARD(p, "40/room-1,{\"sid\":\"?\"} ");
  HEARD(q, "40/room-1,{\"sid\":\"?\"} ");
  SAW("new(/room-1) connect(/room-1) connect(/room-1) ");
  EQ(sio_nsp_count_sockets(sio_nsp_find(srv, "/room-1"), NULL), 2);
  EQ(srv->core.nchildren, 1);
  stop();
}

TEST(the_host_makes_a_child_of_the_parent_that_it_names) {
  sio_nsp *child, *again, *other;
  start(NULL);
  EQ(sio_of_match(srv, no, "never asked", &parent), 0);
  sio_on_connect(parent, on_connect, NULL);
  EQ(sio_of_child(parent, "room", &child), 0);
  EQ_STR(sio_nsp_name(child), "/room");
  EQ(sio_of_child(parent, "/room", &again), 0);
  CHECK(again == child && sio_nsp_find(srv, "/room") == child);
  struct peer *p = peer_new();
  say(p, "40/room,");
  HEARD(p, "40/room,{\"sid\":\"?\"} ");
  SAW("connect(/room) ");
  EQ(sio_of_child(parent, "a,b", &child), SIO_ENAME);
  EQ(sio_of_child(root, "x", &child), UV_EINVAL);
  EQ(sio_of(srv, "plain", &other), 0);
  EQ(sio_of_child(parent, "plain", &child), SIO_EEXISTS);
  EQ(sio_of_pattern(srv, "/doc-*", &other), 0);
  EQ(sio_of_child(other, "room-1", &child), SIO_ENAME);
  EQ(sio_of_child(other, "doc-1", &child), 0);
  stop();
}

TEST(a_name_that_no_parent_accepts_is_invalid) {
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

TEST(parents_are_asked_in_order_and_existing_names_come_first) {
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
  CHECK(sio_nsp_find(srv, "/room-1") == child); /* no socket has left it yet */
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  SAW("new(/room-1) connect(/room-1) ");
  hang_up(p);
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  stop();
}

/* ---- bounds ---------------------------------------------------------------------------------- */

TEST(past_max_child_nsps_no_child_is_created) {
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
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.nsps_refused, 2);
  EQ(st.child_nsps, 2);
  say(p, "41/room-1,");
  turn();
  say(p, "40/room-3,");
  HEARD(p, "40/room-3,{\"sid\":\"?\"} ");
  stop();
}

static void trace_warning(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level == SIO_LOG_WARN) trace("%s ", l->text);
}

TEST(a_child_that_the_host_cannot_make_is_not_blamed_on_a_client) {
  sio_nsp *n;
  begin_pattern(&(sio_options){ .max_child_nsps = 1, .log = trace_warning });
  EQ(sio_of(srv, "/room-1", &n), 0);
  EQ(sio_of_child(parent, "/room-2", &n), SIO_ETOOBIG);
  turn();
  SAW("new(/room-1) no namespace created: 1 child namespaces exist (max_child_nsps) ");
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

TEST(without_memory_for_one_peer_others_still_connect) {
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

static void count_warning(const sio_log_line *l, void *user) {
  *(unsigned *)user += l->level == SIO_LOG_WARN;
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
T(a_star_matches_any_number_of_characters)
T(all_other_characters_stand_for_themselves)
T(a_pattern_that_no_name_can_fit_is_refused)
T(a_child_is_created_once_and_reported_before_its_first_peer)
T(the_host_makes_a_child_of_the_parent_that_it_names)
T(a_name_that_no_parent_accepts_is_invalid)
T(parents_are_asked_in_order_and_existing_names_come_first)
T(a_child_has_the_handlers_its_parent_had_when_it_was_made)
T(a_child_of_a_pattern_may_be_made_by_the_host)
T(past_max_child_nsps_no_child_is_created)
T(a_child_that_the_host_cannot_make_is_not_blamed_on_a_client)
T(a_parent_that_cannot_be_made_leaves_nothing)
T(without_memory_for_one_peer_others_still_connect)
T(a_child_the_host_cannot_make_leaves_nothing)
T(a_namespace_that_is_not_made_is_one_warning_not_two)
TESTS_END
