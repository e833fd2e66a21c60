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

TESTS_BEGIN
T(a_target_with_a_parent_is_everybody_in_its_children)
T(the_bulk_verbs_reach_all_children)
T(what_counts_or_asks_is_not_for_parents)
T(a_parent_itself_cannot_be_joined_or_found)
T(a_closing_server_makes_no_parents_and_no_children)
TESTS_END
