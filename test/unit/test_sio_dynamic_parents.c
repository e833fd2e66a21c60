/* SPDX-License-Identifier: MIT
 *
 * test_sio_dynamic_parents.c - what is sent to a parent namespace.
 */
#include "dynamic_rig.h"

TEST(a_target_with_a_parent_is_everybody_in_its_children) {
  begin_pattern(NULL);
  struct peer *p = joined(), *q = peer_new();
  say(p, "40/room-1,");
  say(q, "40/room-2,");
  sio_join(sio_nsp_find(srv, "/room-2")->members[0], "r");
  heard(p), heard(q);
  EQ(sio_broadcast((sio_target){ .nsp = parent }, "all", SIO_ARGS(1)), 0);
  EQ(sio_broadcast((sio_target){ .nsp = parent, .rooms = SIO_ROOMS("r") }, "r",
                   SIO_ARGS(sio_bin("\1", 1))),
     0);
  HEARD(p, "42/room-1,[\"all\",1] ");
  HEARD(q, "42/room-2,[\"all\",1] 451-/room-2,[\"r\",{\"_placeholder\":true,\"num\":0}] b:01 ");
  EQ(sio_broadcast((sio_target){ .nsp = parent }, "connect", SIO_ARGS(1)), SIO_ENAME);
  stop();
}

TEST(the_bulk_verbs_reach_all_children) {
  begin_pattern(NULL);
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/room-1,");
  say(q, "40/room-2,");
  sio_target to = { .nsp = parent };
  sio_socket *s = sio_nsp_find(srv, "/room-1")->members[0];
  EQ(sio_all_join(to, SIO_ROOMS("r")), 0);
  CHECK(sio_in_room(s, "r"));
  EQ(sio_all_leave(to, SIO_ROOMS("r")), 0);
  CHECK(!sio_in_room(s, "r"));
  heard(p), heard(q);
  EQ(sio_all_disconnect(to, false), 0);
  turn();
  HEARD(p, "41/room-1, ");
  HEARD(q, "41/room-2, ");
  EQ(srv->core.nchildren, 0);
  stop();
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  trace("replies ");
}

static void on_fetched(int status, sio_remote *r, size_t n, void *user) {
  (void)status, (void)r, (void)n, (void)user;
  trace("fetched ");
}

TEST(what_counts_or_asks_is_not_for_parents) {
  begin_pattern(NULL);
  say(peer_new(), "40/room-1,");
  saw();
  sio_target to = { .nsp = parent };
  EQ(sio_all_each(to, ignore_socket, NULL), UV_ENOTSUP);
  EQ(sio_all_fetch(to, 0, on_fetched, NULL), UV_ENOTSUP);
  EQ(sio_broadcast_ack(to, "x", SIO_ARGS(1), 0, on_replies, NULL), UV_ENOTSUP);
  EQ(sio_server_count(parent, 0, ignore_count, NULL), UV_ENOTSUP);
  EQ(sio_server_side_emit(parent, "x", SIO_ARGS(1), 0, NULL, NULL), UV_ENOTSUP);
  turn();
  SAW("");
  stop();
}

TEST(a_parent_itself_cannot_be_joined_or_found) {
  begin(NULL);
  sio_of_match(srv, no, "", &parent);
  sio_of_pattern(srv, "/p-*", NULL);
  saw();
  struct peer *p = peer_new();
  say(p, "40*,");
  CHECK(sio_nsp_find(srv, "*") == NULL);
  CHECK(sio_nsp_find(srv, "/p-*") == NULL);
  stop();
}

TEST(a_closing_server_makes_no_parents_and_no_children) {
  begin_pattern(NULL);
  sio_nsp *n;
  sio_server_close(srv, on_done, NULL);
  EQ(sio_of_pattern(srv, "/x*", &n), SIO_ESTATE);
  EQ(sio_of_match(srv, no, NULL, &n), SIO_ESTATE);
  EQ(sio_of(srv, "/room-1", &n), SIO_ESTATE);
  stop();
}

/* ---- callbacks of a child that change those of its parent ------------------------------------ */

static unsigned made;

/* Registers and removes callbacks of the parent, some of which are running in a child, and makes
 * further children, which copy what the parent has then. */
static void change_parent(const char *where) {
  char name[32];
  sio_nsp *child;
  if (made >= 40) return;
  EQ(sio_on(parent, "late", on_hi, NULL), 0);
  EQ(sio_off(parent, "late", on_hi, NULL), 0);
  EQ(sio_on(parent, "late", on_hi, NULL), 0);
  EQ(sio_on_connect(parent, on_connect, (void *)(uintptr_t) "late"), 0);
  snprintf(name, sizeof name, "/room-%s-%u", where, made++);
  EQ(sio_of(srv, name, &child), 0);
  CHECK(sio_has_handler(child, "late"));
}

static void change_on_connect(sio_socket *s, void *user) {
  (void)s, (void)user;
  change_parent("connect");
}
static void change_on_event(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  sio_off(parent, "hi", change_on_event, NULL);
  change_parent("event");
  EQ(sio_on(parent, "hi", change_on_event, NULL), 0);
}
static void change_on_any(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  sio_off(parent, NULL, change_on_any, NULL);
  change_parent("any");
  EQ(sio_on_any(parent, change_on_any, NULL), 0);
}
static void change_in_middleware(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  change_parent("middleware");
  EQ(sio_use(parent, change_in_middleware, NULL), 0);
  sio_next_ok(next);
}
static void change_in_packet_middleware(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  change_parent("packet");
  EQ(sio_use_packet(parent, change_in_packet_middleware, NULL), 0);
  sio_next_ok(next);
}
static void change_on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)event, (void)args, (void)user;
  sio_off_any_outgoing(parent, change_on_outgoing, NULL);
  change_parent("outgoing");
  EQ(sio_on_any_outgoing(parent, change_on_outgoing, NULL), 0);
}
static void change_on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  change_parent("disconnect");
}
static void change_on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)room, (void)s, (void)user;
  change_parent("join");
  EQ(sio_on_room(parent, &(sio_room_hooks){ .join = change_on_join }, NULL), 0);
}
static void change_on_new_child(sio_nsp *nsp, void *user) {
  (void)user;
  if (sio_nsp_name(nsp)[6] == '1') change_parent("new");
}

TEST(every_callback_of_a_child_may_change_its_parent_and_make_further_children) {
  made = 0;
  begin_pattern(&(sio_options){ .keep_empty_nsps = true });
  sio_on_nsp(srv, &(sio_nsp_hooks){ .create = change_on_new_child }, NULL);
  sio_use(parent, change_in_middleware, NULL);
  sio_use_packet(parent, change_in_packet_middleware, NULL);
  sio_on_connect(parent, change_on_connect, NULL);
  sio_on_any(parent, change_on_any, NULL);
  sio_on(parent, "hi", change_on_event, NULL);
  sio_on_any_outgoing(parent, change_on_outgoing, NULL);
  sio_on_disconnecting(parent, change_on_disconnect, NULL);
  sio_on_disconnect(parent, change_on_disconnect, NULL);
  sio_on_room(parent, &(sio_room_hooks){ .join = change_on_join }, NULL);
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "42/room-1,[\"hi\"]");
  sio_nsp *child = sio_nsp_find(srv, "/room-1");
  REQUIRE(child != NULL);
  EQ(sio_broadcast((sio_target){ .nsp = child }, "x", SIO_NONE), 0);
  EQ(sio_broadcast((sio_target){ .nsp = parent }, "x", SIO_NONE), 0);
  say(p, "41/room-1,");
  turn();
  CHECK(made > 8);
  saw();
  stop();
}

static void match_and_make_a_parent(sio_server *server, const char *name, sio_slice auth,
                                    sio_next *next, void *user) {
  (void)name, (void)auth, (void)user;
  EQ(sio_of_match(server, no, (void *)(uintptr_t) "third", NULL), 0);
  sio_next_fail(next, NULL, sio_null());
}

TEST(a_parent_that_is_made_while_others_are_asked_is_asked_the_next_time) {
  begin(NULL);
  sio_of_match(srv, match_and_make_a_parent, NULL, NULL);
  sio_of_match(srv, no, (void *)(uintptr_t) "second", NULL);
  struct peer *p = peer_new();
  say(p, "40/x,");
  SAW("second?/x ");
  HEARD(p, "44/x,{\"message\":\"Invalid namespace\"} ");
  say(p, "40/x,");
  SAW("second?/x third?/x ");
  stop();
}

TESTS_BEGIN
T(a_target_with_a_parent_is_everybody_in_its_children)
T(the_bulk_verbs_reach_all_children)
T(what_counts_or_asks_is_not_for_parents)
T(a_parent_itself_cannot_be_joined_or_found)
T(a_closing_server_makes_no_parents_and_no_children)
T(every_callback_of_a_child_may_change_its_parent_and_make_further_children)
T(a_parent_that_is_made_while_others_are_asked_is_asked_the_next_time)
TESTS_END
