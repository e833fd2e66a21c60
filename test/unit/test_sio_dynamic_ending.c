/* SPDX-License-Identifier: MIT
 *
 * test_sio_dynamic_ending.c - when a dynamic namespace is freed, and when it is not.
 */
#include "dynamic_rig.h"

static void refuse(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  trace("middleware ");
  sio_next_fail(next, "nope", sio_null());
}

TEST(a_child_is_removed_with_its_last_socket_and_created_again) {
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

TEST(a_peer_that_connects_again_in_the_same_turn_finds_the_same_child) {
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

TEST(a_child_is_removed_after_middleware_refused_its_peer) {
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

TEST(a_reference_to_a_removed_child_can_be_used_and_returns_closed) {
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
  EQ(sio_nsp_count_sockets(gone, "a"), 0);
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

TEST(a_late_packet_to_a_removed_child_is_dropped) {
  begin_pattern(NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  sio_disconnect(sio_nsp_find(srv, "/room-1")->members[0], false);
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  heard(p);
  say(p, "42/room-1,[\"hi\"]");
  turn();
  CHECK(p->session != NULL);
  stop();
}

TEST(a_child_stays_while_one_of_its_sockets_may_be_recovered) {
  begin_pattern(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 } });
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  hang_up(p);
  sio_nsp *child = sio_nsp_find(srv, "/room-1");
  CHECK(child != NULL);
  container_of(sio__recovery_queue_get_oldest(&child->recovery->away), struct recovery_record, away)
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
    sio_disconnect(sio_nsp_find(srv, text + 2)->members[0], false);
    turn();
    if (i == 20) live = alloc_live;
  }
  CHECK(p->session != NULL);
  EQ(alloc_live, live);
  stop();
}

/* What a host keeps for the callbacks of one child. */
static void on_owned(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e;
  trace("%s ", (const char *)user);
}

static void on_new_own(sio_nsp *nsp, void *user) {
  char **own = user;
  *own = strdup("owned");
  sio_on(nsp, "own", on_owned, *own);
}

static void on_removed(sio_nsp *nsp, void *user) {
  char **own = user;
  free(*own);
  *own = NULL;
  trace("removed(%s,%d) ", sio_nsp_name(nsp),
        sio_broadcast((sio_target){ .nsp = nsp }, "x", SIO_NONE));
}

TEST(the_end_of_a_child_is_reported_when_none_of_its_callbacks_can_run) {
  char *own = NULL;
  begin_pattern(NULL);
  const sio_nsp_hooks hooks = { .create = on_new_own, .remove = on_removed };
  EQ(sio_on_nsp(srv, &hooks, &own), 0);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "42/room-1,[\"own\"]");
  SAW("new(/room-1) connect(/room-1) owned ");
  say(p, "41/room-1,");
  turn();
  char want[64];
  snprintf(want, sizeof want, "removed(/room-1,%d) ", SIO_ECLOSED);
  SAW(want);
  CHECK(!own);
  say(p, "40/room-2,");
  sio_nsp *kept = sio_nsp_ref(sio_nsp_find(srv, "/room-2"));
  say(p, "41/room-2,");
  turn();
  SAW("new(/room-2) connect(/room-2) ");
  sio_nsp_unref(kept);
  turn();
  CHECK(!own);
  stop();
}

static void close_in_removed(sio_nsp *nsp, void *user) {
  (void)user;
  EQ(sio_server_close(sio_nsp_server(nsp), on_done, NULL), 0);
}

TEST(the_server_may_be_closed_when_a_child_is_reported_as_removed) {
  begin_pattern(NULL);
  EQ(sio_on_nsp(srv, &(sio_nsp_hooks){ .remove = close_in_removed }, NULL), 0);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "40/room-2,");
  say(p, "41/room-1,");
  turn();
  stop();
}

TESTS_BEGIN
T(a_child_is_removed_with_its_last_socket_and_created_again)
T(a_peer_that_connects_again_in_the_same_turn_finds_the_same_child)
T(a_child_is_removed_after_middleware_refused_its_peer)
T(keep_empty_nsps_keeps_it_and_static_ones_never_go)
T(a_reference_keeps_a_child_and_its_handlers)
T(a_reference_to_a_removed_child_can_be_used_and_returns_closed)
T(a_child_waits_for_its_open_questions)
T(a_late_packet_to_a_removed_child_is_dropped)
T(a_child_stays_while_one_of_its_sockets_may_be_recovered)
T(notes_of_namespaces_that_were_left_are_bounded)
T(the_end_of_a_child_is_reported_when_none_of_its_callbacks_can_run)
T(the_server_may_be_closed_when_a_child_is_reported_as_removed)
TESTS_END
