/* SPDX-License-Identifier: MIT
 *
 * test_sio_waiting.c - events and sockets that wait for middleware, while their peer goes, the host
 * disconnects them, or several functions of middleware take their time.
 */
#include "dispatch_rig.h"

/* ---- events -------------------------------------------------------------------------------- */

TEST(two_functions_of_packet_middleware_may_both_answer_later) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_use_packet(root, hold, NULL);
  sio_on(root, "e", tell, "h");
  say(joined(), "42[\"e\",{\"a\":[1,\"x\"]}]");
  sio_next_ok(held[0]);
  turn();
  EQ(nheld, 2);
  SAW("hold:e hold:e ");
  sio_next_ok(held[1]);
  turn();
  SAW("h:e({\"a\":[1,\"x\"]}) ");
  stop();
}

TEST(events_that_wait_are_dropped_when_a_handler_disconnects_their_socket) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_on(root, "first", leave, NULL);
  sio_on(root, "second", tell, "h");
  struct peer *p = joined();
  say(p, "42[\"first\"]");
  say(p, "42[\"second\"]");
  sio_next_ok(held[0]);
  turn();
  SAW("hold:first ");
  HEARD(p, "41 ");
  EQ(nheld, 1);
  CHECK(p->session);
  stop();
}

static void tell_bytes(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) {
    sio_slice b = sio_event_bin(e, i);
    trace("%d:%.*s ", (int)sio_event_kind(e, i) == SIO_BIN, (int)b.n, b.p ? b.p : "");
  }
}

TEST(an_empty_attachment_waits_like_any_other) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_on(root, "bytes", tell_bytes, NULL);
  struct peer *p = joined();
  say(p, "42[\"first\"]");
  say(p, "452-[\"bytes\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  say_bin(p, "", 0);
  say_bin(p, "x", 1);
  sio_next_ok(held[0]);
  turn();
  sio_next_ok(held[1]);
  turn();
  SAW("hold:first hold:bytes 1: 1:x ");
  stop();
}

static void begin_with_max_queued(size_t max) {
  nheld = 0;
  start(&(sio_options){ .max_queued = max });
  sio_use_packet(root, hold, NULL);
}

/* The first event is held whatever its size: it could not be smaller. */
TEST(after_an_event_that_takes_more_than_max_queued_none_may_wait) {
  char text[1000] = "42[\"e\",\"";
  memset(text + strlen(text), 'x', 900);
  strcpy(text + 900, "\"]");
  begin_with_max_queued(500);
  struct peer *p = joined();
  say(p, text);
  CHECK(p->session);
  say(p, "42[\"f\"]");
  CHECK(!p->session);
  turn();
  EQ(srv->core.stats.overflows, 1);
  EQ(nheld, 1);
  sio_next_ok(held[0]);
  stop();
}

TEST(a_peer_without_waiting_events_goes_while_another_has_some) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_on(root, "e", tell, "h");
  struct peer *waits = joined(), *goes = joined();
  say(waits, "42[\"e\"]");
  hang_up(goes);
  sio_next_ok(held[0]);
  turn();
  SAW("hold:e h:e() ");
  CHECK(waits->session);
  stop();
}

/* ---- sockets ------------------------------------------------------------------------------- */

static void wait_to_connect(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  trace("asked:%.*s ", (int)sio_socket_auth(s).n, sio_socket_auth(s).p);
  held[nheld++] = next;
}

TEST(a_second_connect_is_not_decided_when_its_session_ends_with_the_first_verdict) {
  begin();
  sio_use(root, wait_to_connect, NULL);
  struct peer *p = peer_new();
  say(p, "40{\"a\":1}");
  say(p, "40{\"a\":2}");
  sio_next_ok(held[0]);
  sio_session_close(p->session, NULL);
  turn();
  SAW("asked:{\"a\":1} ");
  EQ(nheld, 1);
  stop();
}

TEST(the_time_for_a_verdict_is_one_for_all_functions_of_middleware) {
  nheld = 0;
  start(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_use(root, wait_to_connect, NULL);
  sio_use(root, wait_to_connect, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  later(600);
  sio_next_ok(held[0]);
  turn();
  EQ(nheld, 2);
  later(399);
  HEARD(p, "");
  later(1);
  HEARD(p, "44{\"message\":\"timeout\"} ");
  sio_next_ok(held[1]);
  stop();
}

static char rooms_seen[100];
static void join_and_list(sio_socket *s, sio_next *next, void *user) {
  const char *names[4];
  (void)user;
  EQ(sio_join(s, "early"), 0);
  rooms_seen[0] = '\0';
  for (size_t i = 0, n = sio_rooms(s, names, 4); i < n; i++) strcat(rooms_seen, names[i]);
  CHECK(!sio_in_room(s, sio_socket_id(s)));
  sio_next_ok(next);
}

TEST(a_socket_is_not_in_the_room_of_its_id_before_it_is_connected) {
  begin();
  sio_use(root, join_and_list, NULL);
  joined();
  EQ_STR(rooms_seen, "early");
  sio_socket *s = root->members[0];
  CHECK(sio_in_room(s, sio_socket_id(s)));
  EQ(sio_rooms(s, NULL, 0), 2);
  stop();
}

/* ---- disconnecting --------------------------------------------------------------------------- */

TEST(a_peer_may_leave_a_namespace_from_which_it_is_being_disconnected) {
  begin();
  struct peer *p = joined();
  sio_disconnect(root->members[0], false);
  say(p, "41");
  CHECK(p->session);
  turn();
  HEARD(p, "41 ");
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_session_that_ends_is_not_ended_again_through_its_socket) {
  begin();
  struct peer *p = joined();
  sio_socket *s = sio_socket_ref(root->members[0]);
  sio_session_close(p->session, NULL);
  sio_disconnect(s, true);
  turn();
  sio_disconnect(s, true);
  EQ(srv->core.stats.sessions_closed[SIO_REASON_FORCED_CLOSE], 1);
  CHECK(!sio_socket_handshake(s).p);
  sio_socket_unref(s);
  stop();
}

TESTS_BEGIN
T(two_functions_of_packet_middleware_may_both_answer_later)
T(events_that_wait_are_dropped_when_a_handler_disconnects_their_socket)
T(an_empty_attachment_waits_like_any_other)
T(after_an_event_that_takes_more_than_max_queued_none_may_wait)
T(a_peer_without_waiting_events_goes_while_another_has_some)
T(a_second_connect_is_not_decided_when_its_session_ends_with_the_first_verdict)
T(the_time_for_a_verdict_is_one_for_all_functions_of_middleware)
T(a_socket_is_not_in_the_room_of_its_id_before_it_is_connected)
T(a_peer_may_leave_a_namespace_from_which_it_is_being_disconnected)
T(a_session_that_ends_is_not_ended_again_through_its_socket)
TESTS_END
