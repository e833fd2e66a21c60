/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_ack *taken;

static void begin(void) {
  start(NULL);
  taken = NULL;
}

/* ---- at once, and later ------------------------------------------------------------------ */

static void reply(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  trace("%s ", sio_event_wants_ack(e) ? "asked" : "not asked");
  sio_val all = sio_event_args(e);
  trace("%d ", sio_reply(e, sio_argv(&all, 1)));
  trace("%d ", sio_reply(e, SIO_NONE));
}

TEST(an_ack_is_sent_once) {
  begin();
  sio_on(root, "m", reply, NULL);
  struct peer *p = joined();
  say(p, "42456[\"m\",1,{\"a\":2}]");
  HEARD(p, "43456[1,{\"a\":2}] ");
  SAW("asked 0 -10009 ");
  say(p, "42[\"m\"]");
  HEARD(p, "");
  SAW("not asked 0 0 ");
  stop();
}

TEST(an_ack_carries_attachments) {
  begin();
  sio_on(root, "m", reply, NULL);
  struct peer *p = joined();
  say(p, "452-789[\"m\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  say_bin(p, "\1", 1);
  say_bin(p, "\2", 1);
  HEARD(p,
        "462-789[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}] b:01 b:02 ");
  stop();
}

TEST(an_ack_that_cannot_be_encoded_may_be_sent_again) {
  begin();
  struct peer *p = joined();
  sio_event e = { .socket = root->members[0], .ack_id = 5 };
  EQ(sio_reply(&e, SIO_ARGS(sio_json(SLICE("{bad")))), SIO_EJSON);
  EQ(sio_reply(&e, SIO_ARGS(1)), 0);
  HEARD(p, "435[1] ");
  stop();
}

static void take(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  taken = sio_event_take_ack(e);
  CHECK(sio_event_take_ack(e) == NULL);
  EQ(sio_ack_send(NULL, SIO_NONE), 0);
  EQ(sio_reply(e, SIO_NONE), SIO_ESTATE);
}

TEST(an_ack_may_be_sent_later) {
  begin();
  sio_on(root, "m", take, NULL);
  struct peer *p = joined();
  say(p, "427[\"m\"]");
  turn();
  EQ(sio_ack_send(taken, SIO_ARGS("done")), 0);
  HEARD(p, "437[\"done\"] ");
  stop();
}

TEST(an_ack_for_a_socket_that_has_left_is_refused_and_freed) {
  begin();
  sio_on(root, "m", take, NULL);
  struct peer *p = joined();
  say(p, "427[\"m\"]");
  hang_up(p);
  EQ(sio_ack_send(taken, SIO_NONE), SIO_ECLOSED);
  stop();
}

TEST(an_ack_may_be_dropped_after_the_server_has_closed) {
  begin();
  sio_on(root, "m", take, NULL);
  say(joined(), "427[\"m\"]");
  server_gone();
  EQ(sio_ack_send(taken, SIO_NONE), SIO_ECLOSED);
  nothing_left();
}

TEST(an_event_without_a_handler_gets_no_ack) {
  begin();
  struct peer *p = joined();
  say(p, "427[\"m\"]");
  HEARD(p, "");
  CHECK(p->session != NULL);
  stop();
}

/* ---- what the two ways have in common ------------------------------------------------------- */

TEST(an_ack_that_was_taken_is_not_requested_any_more) {
  begin();
  joined();
  sio_event e = { .socket = root->members[0], .ack_id = 5 };
  CHECK(sio_event_wants_ack(&e));
  sio_ack *ack = sio_event_take_ack(&e);
  CHECK(ack && !sio_event_wants_ack(&e));
  EQ(sio_reply(&e, SIO_NONE), SIO_ESTATE);
  sio_ack_drop(ack);
  HEARD(peers[0], "");
  sio_ack_drop(NULL);
  stop();
}

TEST(an_ack_that_was_not_requested_cannot_be_taken) {
  begin();
  joined();
  sio_event e = { .socket = root->members[0], .ack_id = PACKET_NO_ID };
  CHECK(!sio_event_wants_ack(&e));
  CHECK(sio_event_take_ack(&e) == NULL);
  EQ(sio_reply(&e, SIO_ARGS(1)), 0);
  EQ(sio_reply(&e, SIO_ARGS(1)), 0);
  HEARD(peers[0], "");
  stop();
}

TEST(a_handle_is_used_up_by_what_cannot_be_encoded_too) {
  begin();
  joined();
  sio_event e = { .socket = root->members[0], .ack_id = 5 };
  EQ(sio_ack_send(sio_event_take_ack(&e), SIO_ARGS(sio_json(SLICE("{bad")))), SIO_EJSON);
  HEARD(peers[0], "");
  stop();
}

TEST(an_ack_that_was_taken_outlives_its_socket) {
  begin();
  struct peer *p = joined();
  sio_event e = { .socket = root->members[0], .ack_id = 5 };
  sio_ack *ack = sio_event_take_ack(&e);
  hang_up(p);
  turn();
  EQ(root->nmembers, 0);
  EQ(sio_ack_send(ack, SIO_NONE), SIO_ECLOSED);
  stop();
}

TEST(without_memory_it_is_not_taken_and_may_be_answered_at_once) {
  begin();
  joined();
  sio_event e = { .socket = root->members[0], .ack_id = 5 };
  alloc_fail_in(1);
  CHECK(sio_event_take_ack(&e) == NULL);
  alloc_fail_in(0);
  CHECK(sio_event_wants_ack(&e));
  EQ(sio_reply(&e, SIO_ARGS(1)), 0);
  HEARD(peers[0], "435[1] ");
  stop();
}

TESTS_BEGIN
T(an_ack_is_sent_once)
T(an_ack_carries_attachments)
T(an_ack_that_cannot_be_encoded_may_be_sent_again)
T(an_ack_may_be_sent_later)
T(an_ack_for_a_socket_that_has_left_is_refused_and_freed)
T(an_ack_may_be_dropped_after_the_server_has_closed)
T(an_event_without_a_handler_gets_no_ack)
T(an_ack_that_was_taken_is_not_requested_any_more)
T(an_ack_that_was_not_requested_cannot_be_taken)
T(a_handle_is_used_up_by_what_cannot_be_encoded_too)
T(an_ack_that_was_taken_outlives_its_socket)
T(without_memory_it_is_not_taken_and_may_be_answered_at_once)
TESTS_END
