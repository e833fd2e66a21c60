/* SPDX-License-Identifier: MIT
 *
 * test_test_peer.c - a host's handlers tried with peers in memory, as <sio/test.h> has it: with
 * public headers alone, but for the allocator.
 */
#include "stats.h"
#include "trace.h"
#include "whole.h"
#include <sio/test.h>

static sio_nsp *chat;
static sio_next *owed;

#define HEARD(p, text)                           \
  do {                                           \
    const char *heard_ = sio_test_next(p);       \
    EQ_STR(heard_ ? heard_ : "(nothing)", text); \
  } while (0)

#define NOTHING(p) CHECK(!sio_test_next(p))

/* ---- a host ---------------------------------------------------------------------------------- */

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sio_join(s, "lobby");
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("%s ", sio_reason_str(why->reason));
}

static void on_say(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("lobby"), .skip = s },
                "said", SIO_ARGS(sio_event_args(e)));
  sio_reply(e, SIO_ARGS("ok", 1));
}

static void on_answer(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)user;
  trace("%s ", status ? sio_strerror(status) : sio_event_str(reply, 0));
}

static void on_ask_me(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_emit_ack(s, "sure?", SIO_NONE, 0, on_answer, NULL);
}

static void on_kick(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  if (sio_event_count(e))
    sio_disconnect(s, true);
  else
    sio_disconnect(s, false);
}

static void check_token(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  sio_slice auth = sio_socket_auth(s);
  if (auth.n == 2)
    sio_next_fail(next, "who?", sio_null());
  else if (memmem(auth.p, auth.n, "later", 5))
    owed = next;
  else
    sio_next_ok(next);
}

static void on_sent(int status, void *user) {
  (void)user;
  trace(status ? "gone " : "sent ");
}

static void start(const sio_options *o) {
  traced[0] = '\0';
  whole_start(o);
  if (sio_of(srv, "/chat", &chat)) abort();
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
  sio_on(root, "say", on_say, NULL);
  sio_on(root, "ask me", on_ask_me, NULL);
  sio_on(root, "kick", on_kick, NULL);
  sio_use(chat, check_token, NULL);
}

static sio_test_peer *joined(void) {
  sio_test_peer *p = NULL;
  if (sio_test_connect(srv, "/", NULL, &p)) abort();
  HEARD(p, "connect");
  CHECK(sio_test_socket(p) != NULL);
  return p;
}

/* ---- the sentences --------------------------------------------------------------------------- */

TEST(events_reach_handlers_and_what_they_send_is_read) {
  start(NULL);
  sio_test_peer *p = joined(), *q = joined();
  EQ(sio_test_emit(p, "say", SIO_ARGS("hello", 2.5)), 0);
  HEARD(q, "[\"said\",\"hello\",2.5]");
  NOTHING(p);
  NOTHING(q);
  EQ(sio_test_ask(p, "say", SIO_NONE), 0);
  HEARD(p, "ack [\"ok\",1]");
  EQ(sio_in_room(sio_test_socket(p), "lobby"), true);
  sio_test_free(p);
  sio_test_free(q);
  turn();
  SAW("transport close transport close ");
  whole_stop();
}

TEST(bytes_travel_both_ways) {
  start(NULL);
  sio_test_peer *p = joined(), *q = joined();
  EQ(sio_test_emit(p, "say", SIO_ARGS(sio_bin("\1\2", 2), sio_bin("x", 1))), 0);
  HEARD(q, "[\"said\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  EQ_MEM(sio_test_bin(q, 0).p, sio_test_bin(q, 0).n, "\1\2", 2);
  EQ_MEM(sio_test_bin(q, 1).p, sio_test_bin(q, 1).n, "x", 1);
  EQ(sio_test_bin(q, 2).n, 0);
  NOTHING(q);
  EQ(sio_test_bin(q, 0).n, 0);
  sio_test_free(p);
  sio_test_free(q);
  whole_stop();
}

TEST(questions_of_the_server_are_answered) {
  start(NULL);
  sio_test_peer *p = joined();
  EQ(sio_test_answer(p, SIO_NONE), SIO_ESTATE);
  EQ(sio_test_emit(p, "ask me", SIO_NONE), 0);
  HEARD(p, "ask [\"sure?\"]");
  EQ(sio_test_answer(p, SIO_ARGS("yes")), 0);
  SAW("yes ");
  EQ(sio_test_emit(p, "ask me", SIO_NONE), 0);
  sio_test_free(p);
  turn();
  SAW("transport close the peer is gone ");
  whole_stop();
}

TEST(middleware_refuses_lets_in_or_takes_its_time) {
  start(NULL);
  sio_test_peer *p;
  EQ(sio_test_connect(srv, "chat", NULL, &p), 0);
  HEARD(p, "connect_error {\"message\":\"who?\"}");
  CHECK(!sio_test_socket(p) && sio_test_is_open(p));
  sio_test_free(p);
  EQ(sio_test_connect(srv, "/chat", "{\"token\":1}", &p), 0);
  HEARD(p, "connect");
  EQ_STR(sio_nsp_name(sio_socket_nsp(sio_test_socket(p))), "/chat");
  sio_test_free(p);
  EQ(sio_test_connect(srv, "/chat", "{\"later\":1}", &p), 0);
  NOTHING(p);
  sio_next_ok(owed);
  turn();
  HEARD(p, "connect");
  sio_test_free(p);
  EQ(sio_test_connect(srv, "/nobody", NULL, &p), 0);
  HEARD(p, "connect_error {\"message\":\"Invalid namespace\"}");
  sio_test_free(p);
  EQ(sio_test_connect(srv, "a,b", NULL, &p), SIO_ENAME);
  whole_stop();
}

TEST(leaving_and_being_made_to_are_seen) {
  start(NULL);
  sio_test_peer *p = joined();
  EQ(sio_test_disconnect(p), 0);
  turn();
  SAW("client namespace disconnect ");
  CHECK(sio_test_is_open(p) && !sio_test_socket(p));
  sio_test_free(p);
  p = joined();
  EQ(sio_test_emit(p, "kick", SIO_NONE), 0);
  turn();
  HEARD(p, "disconnect");
  SAW("server namespace disconnect ");
  sio_test_free(p);
  p = joined();
  EQ(sio_test_emit(p, "kick", SIO_ARGS(1)), 0);
  turn();
  HEARD(p, "disconnect");
  SAW("server namespace disconnect ");
  CHECK(!sio_test_is_open(p));
  EQ(sio_test_emit(p, "say", SIO_NONE), SIO_ECLOSED);
  EQ(sio_test_disconnect(p), SIO_ECLOSED);
  sio_test_free(p);
  p = joined();
  EQ(sio_test_emit(p, "connect", SIO_NONE), SIO_ENAME);
  EQ(sio_test_emit(p, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_test_ask(p, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_emit(sio_test_socket(p), "x", SIO_NONE), 0);
  EQ(sio_session_on_sent(sio_socket_session(sio_test_socket(p)), on_sent, NULL), 0);
  turn();
  SAW("sent ");
  sio_test_free(p);
  whole_stop();
}

TEST(they_count_as_sessions_on_websocket_without_a_websocket) {
  sio_stats st;
  start(NULL);
  sio_test_peer *p = joined(), *q = joined();
  EQ(sio_test_emit(p, "say", SIO_ARGS("hello")), 0);
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.sessions_now[1], 2);
  EQ(st.sessions_websocket, 2);
  EQ(st.sockets, 2);
  EQ(st.websockets_opened, 0);
  EQ(st.connections_accepted, 0);
  EQ(st.packets_in, 3);
  CHECK(!stats_fault(&st));
  sio_test_free(p);
  sio_test_free(q);
  turn();
  sio_server_get_stats(srv, &st, sizeof st);
  CHECK(!stats_fault_at_rest(&st));
  whole_stop();
}

TEST(a_server_that_closes_ends_them) {
  start(NULL);
  sio_test_peer *p = joined();
  EQ_STR(sio_session_info_of(sio_socket_session(sio_test_socket(p))).transport, "memory");
  sio_server_close(srv, on_done, NULL);
  turn();
  CHECK(!sio_test_is_open(p));
  SAW("server shutting down ");
  sio_test_free(p);
  for (int i = 0; i < 10 && !closed; i++) turn();
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

#ifdef SIO_MSGPACK
static int no_id(sio_request *r, char out[64], void *user) {
  (void)r, (void)out, (void)user;
  return UV_EPERM;
}

TEST(another_parser_is_spoken_both_ways) {
  start(&(sio_options){ .parser = sio_parser_msgpack, .generate_id = no_id });
  sio_test_peer *p = joined(), *q = joined();
  EQ(sio_test_ask(p, "say", SIO_ARGS("hi", sio_bin("\7", 1))), 0);
  HEARD(p, "ack [\"ok\",1]");
  HEARD(q, "[\"said\",\"hi\",{\"_placeholder\":true,\"num\":0}]");
  EQ_MEM(sio_test_bin(q, 0).p, sio_test_bin(q, 0).n, "\7", 1);
  EQ(sio_test_emit(p, "ask me", SIO_NONE), 0);
  HEARD(p, "ask [\"sure?\"]");
  EQ(sio_test_answer(p, SIO_ARGS("yes")), 0);
  SAW("yes ");
  EQ(sio_test_disconnect(p), 0);
  sio_test_free(p);
  sio_test_free(q);
  whole_stop();
}
#endif

TEST(no_failing_allocation_leaks_or_crashes) {
  for (unsigned i = 1, done = 0; !done; i++) {
    sio_test_peer *p = NULL;
    start(NULL);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    if (sio_test_connect(srv, "/", "{\"a\":1}", &p) == 0) {
      sio_test_ask(p, "say", SIO_ARGS(sio_bin("xyz", 3)));
      sio_test_emit(p, "ask me", SIO_NONE);
      while (sio_test_next(p)) continue;
      sio_test_answer(p, SIO_NONE);
    }
    done = alloc_calls - before < i;
    alloc_fail_in(0);
    sio_test_free(p);
    turn();
    whole_stop();
  }
}

TEST(peers_speak_the_parser_of_the_server) {
  start(&(sio_options){ .parser = sio_parser_msgpack });
  sio_test_peer *p = joined(), *q = joined();
  EQ(sio_test_emit(p, "say", SIO_ARGS("hello", 2.5, sio_bin("\1\2", 2))), 0);
  HEARD(q, "[\"said\",\"hello\",2.5,{\"_placeholder\":true,\"num\":0}]");
  EQ_MEM(sio_test_bin(q, 0).p, sio_test_bin(q, 0).n, "\1\2", 2);
  EQ(sio_test_ask(p, "say", SIO_NONE), 0);
  HEARD(p, "ack [\"ok\",1]");
  EQ(sio_test_emit(p, "ask me", SIO_NONE), 0);
  HEARD(p, "ask [\"sure?\"]");
  EQ(sio_test_answer(p, SIO_ARGS("yes")), 0);
  SAW("yes ");
  sio_test_free(p);
  sio_test_free(q);
  whole_stop();
}

TESTS_BEGIN
T(events_reach_handlers_and_what_they_send_is_read)
T(bytes_travel_both_ways)
T(questions_of_the_server_are_answered)
T(middleware_refuses_lets_in_or_takes_its_time)
T(leaving_and_being_made_to_are_seen)
T(they_count_as_sessions_on_websocket_without_a_websocket)
T(a_server_that_closes_ends_them)
#ifdef SIO_MSGPACK
T(another_parser_is_spoken_both_ways)
#endif
T(no_failing_allocation_leaks_or_crashes)
T(peers_speak_the_parser_of_the_server)
TESTS_END
