/* SPDX-License-Identifier: MIT
 *
 * test_sio_lives.c - what a host still holds when the thing itself is gone: handles of sockets,
 * namespaces, verdicts and acks that outlive connections, namespaces and the server.
 */
#include "peer.h"

static sio_socket *kept;
static sio_nsp *parent;
static sio_next *owed;
static sio_ack *ack;
static unsigned replies;

static void keep(sio_socket *s, void *user) {
  (void)user;
  kept = sio_socket_ref(s);
}

static void owe(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  owed = next;
}

static void owe_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  owed = next;
}

static void take_ack(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  ack = sio_event_take_ack(e);
}

static void on_visit(sio_socket *s, void *user) { (void)s, (void)user; }
static void on_fetched(int status, sio_remote *all, size_t n, void *user) {
  (void)status, (void)all, (void)n, (void)user;
}
static void on_count(int status, size_t n, void *user) { (void)status, (void)n, (void)user; }

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
  replies++;
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  replies++;
}

static void on_sent(int status, void *user) { (void)status, (void)user; }

/* Every call on a socket that has left. */
static void call_all(sio_socket *s) {
  sio_socket_id(s);
  (void)sio_session_info_of(sio_socket_session(s)).queued;
  CHECK(!sio_socket_connected(s));
  sio_socket_recovered(s);
  CHECK(sio_socket_session(s) == NULL);
  sio_socket_data(s);
  sio_socket_set_shared(s, slice_str("{\"a\":1}"));
  sio_socket_shared(s);
  CHECK(sio_join(s, "room") < 0);
  sio_leave(s, "room");
  CHECK(!sio_in_room(s, "room"));
  EQ(sio_rooms(s, NULL, 0), 0);
  sio_disconnect(s, false);
  sio_disconnect(s, true);
  CHECK(sio_socket_set_deadline(s, 10) < 0);
  sio_socket_auth(s);
  CHECK(sio_socket_auth_tree(s) != NULL);
  CHECK(sio_emit(s, "x", SIO_ARGS(1)) < 0);
  CHECK(sio_emit_with(s, &(sio_emit_options){ .key = "key" }, "x", SIO_ARGS(1)) < 0);
  CHECK(sio_emit_ack(s, "x", SIO_NONE, 10, on_reply, NULL) < 0);
  CHECK(sio_cancel_ack(s, on_reply, NULL) < 0);
  CHECK(sio_session_on_sent(sio_socket_session(s), on_sent, NULL) < 0);
}

/* And on its namespace. */
static void call_nsp(sio_nsp *nsp) {
  sio_target all = { .nsp = nsp }, in_room = { .nsp = nsp, .rooms = SIO_ROOMS("room") };
  sio_nsp_name(nsp);
  EQ(sio_nsp_count_sockets(nsp, NULL), 0);
  CHECK(sio_socket_find(nsp, "nobody") == NULL);
  sio_broadcast(all, "x", SIO_ARGS(1, sio_json(slice_str("[1,{\"_placeholder\":true}]"))));
  sio_broadcast(in_room, "x", SIO_ARGS(1));
  sio_broadcast_ack(all, "x", SIO_NONE, 10, on_replies, NULL);
  sio_all_fetch(all, 10, on_fetched, NULL);
  sio_all_join(all, SIO_ROOMS("a"));
  sio_all_leave(all, SIO_ROOMS("a"));
  sio_all_disconnect(all, false);
  sio_all_each(all, on_visit, NULL);
  sio_server_count(nsp, 10, on_count, NULL);
  sio_server_side_emit(nsp, "x", SIO_NONE, 0, NULL, NULL);
  EQ(sio_nsp_rooms(nsp, NULL, 0), 0);
  EQ(sio_nsp_count_sockets(nsp, "room"), 0);
}

static void on_line(const sio_log_line *l, void *user) {
  (void)l;
  (void)user;
}

static void leave_and_give_back(void) {
  nothing_left();
  kept = NULL;
}

TEST(a_socket_that_has_left_may_be_asked_anything) {
  start(&(sio_options){ .socket_data_size = 8 });
  sio_on_connect(root, keep, NULL);
  struct peer *p = joined();
  hang_up(p);
  call_all(kept);
  call_nsp(sio_socket_nsp(kept));
  turn();
  sio_socket_unref(kept);
  stop();
}

TEST(a_socket_of_a_closed_server_may_be_asked_anything) {
  start(&(sio_options){ .socket_data_size = 8,
                        .recovery = &(sio_recovery){ 0 },
                        .log = on_line,
                        .log_level = SIO_LOG_TRACE });
  sio_on_connect(root, keep, NULL);
  joined();
  server_gone();
  call_all(kept);
  call_nsp(sio_socket_nsp(kept));
  sio_socket_unref(kept);
  leave_and_give_back();
}

TEST(a_socket_of_a_removed_namespace_may_be_asked_anything) {
  start(NULL);
  EQ(sio_of_pattern(srv, "/room-*", &parent), 0);
  sio_on_connect(parent, keep, NULL);
  struct peer *p = joined();
  say(p, "40/room-1,");
  turn();
  say(p, "41/room-1,");
  turn();
  turn();
  CHECK(sio_nsp_find(srv, "/room-1") == NULL);
  call_all(kept);
  call_nsp(sio_socket_nsp(kept));
  server_gone();
  call_all(kept);
  call_nsp(sio_socket_nsp(kept));
  sio_socket_unref(kept);
  leave_and_give_back();
}

static void end_connection(struct peer *p) { hang_up(p); }
static void end_server(struct peer *p) {
  (void)p;
  server_gone();
}
static void end_nothing(struct peer *p) { (void)p; }

static void (*const ends[])(struct peer *) = { end_nothing, end_connection, end_server };
enum { ENDS = sizeof ends / sizeof *ends };

TEST(a_verdict_about_a_namespace_of_a_pattern_may_come_after_all_ends) {
  for (int i = 0; i < ENDS; i++) {
    for (int ok = 0; ok < 2; ok++) {
      start(NULL);
      EQ(sio_of_pattern(srv, "/room-*", &parent), 0);
      sio_use(parent, owe, NULL);
      struct peer *p = joined();
      say(p, "40/room-1,{\"a\":1}");
      say(p, "40/room-1,{\"a\":2}");
      ends[i](p);
      if (ok)
        sio_next_ok(owed);
      else
        sio_next_fail(owed, "no", sio_null());
      if (i == 0) turn();
      if (i == 0) sio_next_ok(owed);
      if (i != 2) server_gone();
      nothing_left();
    }
  }
}

TEST(a_verdict_about_an_event_may_come_after_all_ends_and_after_a_second_connect) {
  for (int i = 0; i < ENDS; i++) {
    start(NULL);
    sio_use_packet(root, owe_packet, NULL);
    struct peer *p = joined();
    turn();
    say(p, "42[\"a\",1]");
    say(p, "42[\"a\",2]");
    say(p, "40{\"other\":1}");
    ends[i](p);
    sio_next_ok(owed);
    if (i != 2) server_gone();
    nothing_left();
  }
}

TEST(an_ack_may_be_sent_after_all_ends_and_after_a_second_connect) {
  for (int i = 0; i < ENDS; i++) {
    start(NULL);
    sio_on(root, "a", take_ack, NULL);
    struct peer *p = joined();
    turn();
    say(p, "421[\"a\"]");
    say(p, "40{\"other\":1}");
    heard(p);
    ends[i](p);
    EQ(sio_ack_send(ack, SIO_ARGS("late")), SIO_ECLOSED);
    if (i == 0) HEARD(p, "");
    if (i != 2) server_gone();
    nothing_left();
  }
}

static void close_in_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)reply, (void)user;
  replies++;
  CHECK(status < 0);
  CHECK(sio_emit_ack(s, "again", SIO_NONE, 10, on_reply, NULL) < 0);
  if (!srv->core.closing) sio_server_close(srv, on_done, NULL);
}

/* Two questions are open when a second CONNECT replaces the socket; the first one's end closes the
 * server. */
TEST(questions_end_once_when_a_second_connect_replaces_their_socket) {
  start(NULL);
  sio_on_connect(root, keep, NULL);
  struct peer *p = joined();
  turn();
  sio_socket_unref(kept);
  replies = 0;
  EQ(sio_emit_ack(kept, "q", SIO_NONE, 0, close_in_reply, NULL), 0);
  EQ(sio_emit_ack(kept, "q", SIO_NONE, 0, close_in_reply, NULL), 0);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_NONE, 0, on_replies, NULL), 0);
  say(p, "40{\"other\":1}");
  EQ(replies, 2);
  turn();
  server_gone();
  EQ(replies, 3);
  if (kept->refs) sio_socket_unref(kept);
  nothing_left();
}

TESTS_BEGIN
T(a_socket_that_has_left_may_be_asked_anything)
T(a_socket_of_a_closed_server_may_be_asked_anything)
T(a_socket_of_a_removed_namespace_may_be_asked_anything)
T(a_verdict_about_a_namespace_of_a_pattern_may_come_after_all_ends)
T(a_verdict_about_an_event_may_come_after_all_ends_and_after_a_second_connect)
T(an_ack_may_be_sent_after_all_ends_and_after_a_second_connect)
T(questions_end_once_when_a_second_connect_replaces_their_socket)
TESTS_END
