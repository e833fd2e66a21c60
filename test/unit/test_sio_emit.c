/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  trace("%s:%d", user ? (const char *)user : "reply", status);
  CHECK(s != NULL);
  CHECK((reply != NULL) == (status == 0));
  for (size_t i = 0; reply && i < sio_event_count(reply); i++) {
    sio_slice json = sio_event_json(reply, i);
    trace(",%.*s", (int)json.n, json.p);
  }
  trace(" ");
}

static void outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)user;
  trace("out:%s/%zu ", event, args.n);
}

/* ---- to one ----------------------------------------------------------------------------- */

TEST(arguments_of_all_kinds_travel) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit(first(), "a", SIO_ARGS(1, "2", 2.5, sio_bool(true), sio_null())), 0);
  EQ(sio_emit(first(), "b", SIO_ARGS(sio_json(SLICE("{\"3\":[true]}")))), 0);
  EQ(sio_emit(first(), "message", SIO_ARGS("\xe2\x80\x94")), 0);
  EQ(sio_emit(first(), "c", SIO_NONE), 0);
  HEARD(p, "42[\"a\",1,\"2\",2.5,true,null] 42[\"b\",{\"3\":[true]}] "
           "42[\"message\",\"\xe2\x80\x94\"] 42[\"c\"] ");
  stop();
}

TEST(bytes_travel_as_attachments) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit(first(), "b", SIO_ARGS(sio_bin("\1\2", 2), 7, sio_bin("\3", 1))), 0);
  HEARD(p, "452-[\"b\",{\"_placeholder\":true,\"num\":0},7,{\"_placeholder\":true,\"num\":1}] "
           "b:0102 b:03 ");
  stop();
}

TEST(a_namespace_stands_in_its_packets) {
  start(NULL);
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  struct peer *p = peer_new();
  say(p, "40/chat,");
  heard(p);
  EQ(sio_emit(chat->members[0], "a", SIO_ARGS(1)), 0);
  HEARD(p, "42/chat,[\"a\",1] ");
  stop();
}

TEST(what_cannot_be_sent_is_an_error_and_sends_nothing) {
  start(NULL);
  struct peer *p = joined();
  static const char *const names[] = {
    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", NULL
  };
  for (size_t i = 0; i < 7; i++) EQ(sio_emit(first(), names[i], SIO_NONE), SIO_ENAME);
  EQ(sio_emit(first(), "a", SIO_ARGS(sio_json(SLICE("{")))), SIO_EJSON);
  EQ(sio_broadcast((sio_target){ .nsp = root }, "disconnect", SIO_NONE), SIO_ENAME);
  EQ(sio_broadcast((sio_target){ .nsp = NULL }, "a", SIO_NONE), UV_EINVAL);
  HEARD(p, "");
  stop();
}

TEST(nothing_is_sent_after_a_disconnect) {
  start(NULL);
  struct peer *p = joined();
  sio_socket *s = first();
  sio_disconnect(s);
  EQ(sio_emit(s, "after", SIO_NONE), SIO_ECLOSED);
  HEARD(p, "41 ");
  stop();
}

TEST(nothing_is_sent_once_the_session_is_over) {
  start(NULL);
  struct peer *p = joined();
  sio_session_close(p->session);
  CHECK(!sio_socket_connected(first()));
  EQ(sio_emit(first(), "after", SIO_NONE), SIO_ECLOSED);
  EQ(sio_join(first(), "a"), SIO_ECLOSED);
  HEARD(p, "end ");
  stop();
}

TEST(a_peer_that_does_not_read_is_closed) {
  start(&(sio_options){ .max_queued = 1000 });
  struct peer *p = joined();
  p->queued = 1001;
  EQ(sio_emit(first(), "a", SIO_NONE), SIO_ETOOBIG);
  HEARD(p, "42[\"a\"] cut ");
  EQ(srv->stats.overflows, 1);
  stop();
}

TEST(a_volatile_event_is_dropped_whole_and_counted_when_the_peer_is_busy) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_flags(first(), SIO_VOLATILE, "a", SIO_NONE), 0);
  p->busy = true;
  EQ(sio_emit_flags(first(), SIO_VOLATILE, "b", SIO_ARGS(sio_bin("x", 1))), SIO_EDROPPED);
  EQ(sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "c", SIO_NONE), 0);
  EQ(sio_emit(first(), "d", SIO_NONE), 0);
  HEARD(p, "42[\"a\"] 42[\"d\"] ");
  EQ(srv->stats.volatile_dropped, 2);
  stop();
}

/* ---- to many -------------------------------------------------------------------------------- */

TEST(a_broadcast_is_encoded_once) {
  start(NULL);
  struct peer *p = joined(), *q = joined();
  sio_broadcast((sio_target){ .nsp = root }, "warm", SIO_ARGS("up"));
  size_t before = alloc_calls;
  sio_broadcast((sio_target){ .nsp = root }, "a", SIO_ARGS("x"));
  CHECK(alloc_calls <= before + 1);
  heard(q);
  HEARD(p, "42[\"warm\",\"up\"] 42[\"a\",\"x\"] ");
  stop();
}

TEST(a_broadcast_stays_in_its_namespace) {
  start(NULL);
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  struct peer *p = joined(), *q = peer_new();
  say(q, "40/chat,");
  heard(q);
  sio_broadcast((sio_target){ .nsp = root }, "a", SIO_ARGS(sio_bin("x", 1)));
  HEARD(q, "");
  HEARD(p, "451-[\"a\",{\"_placeholder\":true,\"num\":0}] b:78 ");
  stop();
}

TEST(outgoing_hooks_see_direct_and_broadcast_events_but_no_acks) {
  start(NULL);
  sio_on_any_outgoing(root, outgoing, NULL);
  joined();
  joined();
  sio_emit(first(), "a", SIO_ARGS(1, 2));
  sio_broadcast((sio_target){ .nsp = root }, "b", SIO_NONE);
  sio_event e = { .socket = first(), .ack_id = 1 };
  sio_reply(&e, SIO_NONE);
  SAW("out:a/2 out:b/0 out:b/0 ");
  stop();
}

TEST(an_outgoing_hook_that_is_taken_off_sees_no_more) {
  start(NULL);
  sio_on_any_outgoing(root, outgoing, NULL);
  joined();
  sio_emit(first(), "a", SIO_NONE);
  EQ(sio_off_any_outgoing(root, outgoing, NULL), 0);
  sio_emit(first(), "b", SIO_NONE);
  SAW("out:a/0 ");
  EQ(sio_off_any_outgoing(root, outgoing, NULL), UV_ENOENT);
  stop();
}

/* ---- acks -------------------------------------------------------------------------------------- */

TEST(a_reply_comes_back_once) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_ARGS(1), 0, on_reply, NULL), 0);
  HEARD(p, "420[\"q\",1] ");
  say(p, "430[\"yes\",{\"a\":1}]");
  SAW("reply:0,\"yes\",{\"a\":1} ");
  say(p, "430[\"again\"]");
  SAW("");
  CHECK(first()->pending.waits == NULL);
  stop();
}

TEST(questions_and_replies_may_be_binary) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_ARGS(sio_bin("\1", 1)), 0, on_reply, NULL), 0);
  HEARD(p, "451-0[\"q\",{\"_placeholder\":true,\"num\":0}] b:01 ");
  say(p, "461-0[{\"_placeholder\":true,\"num\":0}]");
  SAW("");
  say_bin(p, "\2", 1);
  SAW("reply:0,{\"_placeholder\":true,\"num\":0} ");
  stop();
}

TEST(replies_find_their_questions_in_any_order) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "1");
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "2");
  say(p, "431[]");
  say(p, "432[]");
  say(p, "433[]");
  say(p, "430[]");
  SAW("1:0 2:0 0:0 ");
  stop();
}

TEST(a_question_times_out_once_and_a_late_reply_is_ignored) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, NULL);
  later(49);
  SAW("");
  later(51);
  SAW("reply:-10002 ");
  say(p, "430[]");
  SAW("");
  CHECK(p->session != NULL);
  stop();
}

/* The host kept the loop while the time ran out: the reply may be on its way. */
TEST(a_question_whose_time_ran_out_behind_a_stall_is_given_it_once_more) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "1");
  srv->loop.late = true;
  later(51);
  SAW("");
  say(p, "430[]");
  SAW("0:0 ");
  later(200);
  SAW("1:-10002 ");
  srv->loop.late = false;
  stop();
}

TEST(a_reply_in_time_stops_the_clock) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, NULL);
  say(p, "430[42]");
  later(100);
  SAW("reply:0,42 ");
  stop();
}

TEST(who_leaves_ends_its_questions_in_order_after_its_disconnect_handlers) {
  start(NULL);
  struct peer *p = joined();
  for (int i = 0; i < 3; i++) sio_emit_ack(first(), "q", SIO_NONE, 1000, on_reply, i ? "b" : "a");
  hang_up(p);
  SAW("a:-10001 b:-10001 b:-10001 ");
  later(2000);
  SAW("");
  stop();
}

TEST(a_question_that_cannot_be_sent_has_no_end) {
  start(NULL);
  joined();
  EQ(sio_emit_ack(first(), "disconnect", SIO_NONE, 10, on_reply, NULL), SIO_ENAME);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 10, NULL, NULL), UV_EINVAL);
  sio_socket *s = first();
  sio_disconnect(s);
  EQ(sio_emit_ack(s, "q", SIO_NONE, 10, on_reply, NULL), SIO_ECLOSED);
  later(100);
  SAW("");
  stop();
}

TEST(questions_are_limited) {
  start(&(sio_options){ .max_acks = 2 });
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), SIO_ETOOBIG);
  say(p, "431[]");
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  stop();
}

static void ask_again(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)reply, (void)user;
  trace("%d ", status);
  if (status) EQ(sio_emit_ack(s, "q", SIO_NONE, 0, on_reply, NULL), SIO_ECLOSED);
  if (!status) sio_disconnect(s);
}

TEST(a_reply_handler_may_ask_and_disconnect) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, ask_again, NULL);
  sio_emit_ack(first(), "q", SIO_NONE, 0, ask_again, NULL);
  say(p, "430[]");
  turn();
  SAW("0 -10001 ");
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_when_asking) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    start(NULL);
    struct peer *p = joined();
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int ok = 0;
    for (int k = 0; k < 6; k++)
      ok += sio_emit_ack(first(), "q", SIO_ARGS(sio_bin("x", 1)), 5, on_reply, NULL) == 0;
    if (p->session) say(p, "430[1]");
    failed = alloc_calls - before >= i;
    hang_up(p);
    int ends = 0;
    for (const char *t = saw(); (t = strstr(t, "reply:")); t++) ends++;
    EQ(ends, ok);
    stop();
  }
  CHECK(!failed);
}

TESTS_BEGIN
T(arguments_of_all_kinds_travel)
T(bytes_travel_as_attachments)
T(a_namespace_stands_in_its_packets)
T(what_cannot_be_sent_is_an_error_and_sends_nothing)
T(nothing_is_sent_after_a_disconnect)
T(nothing_is_sent_once_the_session_is_over)
T(a_peer_that_does_not_read_is_closed)
T(a_volatile_event_is_dropped_whole_and_counted_when_the_peer_is_busy)
T(a_broadcast_is_encoded_once)
T(a_broadcast_stays_in_its_namespace)
T(outgoing_hooks_see_direct_and_broadcast_events_but_no_acks)
T(an_outgoing_hook_that_is_taken_off_sees_no_more)
T(a_reply_comes_back_once)
T(questions_and_replies_may_be_binary)
T(replies_find_their_questions_in_any_order)
T(a_question_times_out_once_and_a_late_reply_is_ignored)
T(a_question_whose_time_ran_out_behind_a_stall_is_given_it_once_more)
T(a_reply_in_time_stops_the_clock)
T(who_leaves_ends_its_questions_in_order_after_its_disconnect_handlers)
T(a_question_that_cannot_be_sent_has_no_end)
T(questions_are_limited)
T(a_reply_handler_may_ask_and_disconnect)
T(no_failing_allocation_leaks_or_crashes_when_asking)
TESTS_END
