/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

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
  sio_disconnect(s, false);
  EQ(sio_emit(s, "after", SIO_NONE), SIO_ECLOSED);
  HEARD(p, "41 ");
  stop();
}

TEST(nothing_is_sent_once_the_session_is_over) {
  start(NULL);
  struct peer *p = joined();
  sio_session_close(p->session, NULL);
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
  EQ(srv->core.stats.overflows, 1);
  stop();
}

TEST(a_volatile_event_is_dropped_whole_and_counted_when_the_peer_is_busy) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "a", SIO_NONE), 0);
  p->busy = true;
  EQ(sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "b",
                   SIO_ARGS(sio_bin("x", 1))),
     SIO_EDROPPED);
  EQ(sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "c", SIO_NONE), 0);
  EQ(sio_emit(first(), "d", SIO_NONE), 0);
  HEARD(p, "42[\"a\"] 42[\"d\"] ");
  EQ(srv->core.stats.volatile_dropped, 2);
  stop();
}

static void on_answer(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)user;
  trace("%d:%s ", status, status ? "" : sio_event_str(reply, 0));
}

TEST(options_ask_for_an_ack_and_a_volatile_event_that_is_dropped_asks_for_none) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_options ask = { .flags = SIO_VOLATILE, .cb = on_answer };
  EQ(sio_emit_with(first(), &ask, "a", SIO_NONE), 0);
  p->busy = true;
  EQ(sio_emit_with(first(), &ask, "b", SIO_NONE), SIO_EDROPPED);
  EQ(sio_emit_with(first(), NULL, "c", SIO_NONE), 0);
  EQ(srv->core.stats.acks_asked, 1);
  say(p, "430[\"yes\"]");
  SAW("0:yes ");
  HEARD(p, "420[\"a\"] 42[\"c\"] ");
  stop();
  SAW("");
}

TEST(options_that_contradict_each_other_are_refused) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_options both = { .key = "k", .cb = on_answer };
  sio_emit_options small = { .size = sizeof(size_t), .flags = SIO_VOLATILE };
  EQ(sio_emit_with(first(), &both, "a", SIO_NONE), UV_EINVAL);
  EQ(sio_emit_with(first(), &small, "a", SIO_NONE), UV_EINVAL);
  HEARD(p, "");
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

TESTS_BEGIN
T(arguments_of_all_kinds_travel)
T(bytes_travel_as_attachments)
T(a_namespace_stands_in_its_packets)
T(what_cannot_be_sent_is_an_error_and_sends_nothing)
T(nothing_is_sent_after_a_disconnect)
T(nothing_is_sent_once_the_session_is_over)
T(a_peer_that_does_not_read_is_closed)
T(a_volatile_event_is_dropped_whole_and_counted_when_the_peer_is_busy)
T(options_ask_for_an_ack_and_a_volatile_event_that_is_dropped_asks_for_none)
T(options_that_contradict_each_other_are_refused)
T(a_broadcast_is_encoded_once)
T(a_broadcast_stays_in_its_namespace)
T(outgoing_hooks_see_direct_and_broadcast_events_but_no_acks)
T(an_outgoing_hook_that_is_taken_off_sees_no_more)
TESTS_END
