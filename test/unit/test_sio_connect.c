/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_next *held[4];
static sio_socket *holder[4];
static unsigned nheld;

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  trace("connect(%s,%zu) ", sio_socket_connected(s) ? "connected" : "not",
        sio_nsp_count_sockets(root, NULL));
}

static void on_gone(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("left: %s ", sio_reason_str(why->reason));
}

static void pass(sio_socket *s, sio_next *next, void *user) {
  trace("%s(%s,%zu) ", (const char *)user, sio_socket_connected(s) ? "connected" : "not",
        sio_nsp_count_sockets(root, NULL));
  sio_next_ok(next);
}

static void refuse(sio_socket *s, sio_next *next, void *user) {
  (void)s;
  char message[16];
  trace("refuse ");
  snprintf(message, sizeof message, "%s", "nope");
  sio_next_fail(next, message, user ? sio_json(slice_str(user)) : sio_null());
  memset(message, '#', sizeof message);
}

static void hold(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  trace("hold ");
  if (nheld == 4) abort();
  holder[nheld] = s;
  held[nheld++] = next;
}

static void begin(void) {
  nheld = 0;
  start(NULL);
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnecting(root, on_gone, NULL);
  sio_on_disconnect(root, on_gone, NULL);
}

TEST(middleware_runs_in_order_before_the_reply_and_the_handlers) {
  begin();
  sio_use(root, pass, "1");
  sio_use(root, pass, "2");
  struct peer *p = peer_new();
  say(p, "40");
  SAW("1(not,0) 2(not,0) connect(connected,1) ");
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_refusal_is_a_connect_error_with_the_message_and_ends_the_row) {
  begin();
  sio_use(root, refuse, NULL);
  sio_use(root, pass, "2");
  struct peer *p = peer_new();
  say(p, "40");
  turn();
  HEARD(p, "44{\"message\":\"nope\"} ");
  SAW("refuse ");
  CHECK(p->session != NULL);
  EQ(srv->core.stats.sockets, 0);
  stop();
}

TEST(a_refusal_may_carry_data) {
  begin();
  sio_use(root, refuse, "{\"a\":[1,null]}");
  struct peer *p = peer_new();
  say(p, "40");
  HEARD(p, "44{\"message\":\"nope\",\"data\":{\"a\":[1,null]}} ");
  stop();
}

TEST(bad_data_of_a_refusal_is_left_out) {
  begin();
  sio_use(root, refuse, "{bad");
  struct peer *p = peer_new();
  say(p, "40");
  HEARD(p, "44{\"message\":\"nope\"} ");
  stop();
}

TEST(a_client_of_protocol_3_is_refused_with_the_data_or_else_the_message) {
  for (int data = 0; data < 2; data++) {
    sio_nsp *nsp;
    begin();
    EQ(sio_of(srv, "/x", &nsp), 0);
    sio_use(nsp, refuse, data ? "{\"code\":7}" : NULL);
    struct peer *p = peer_new3();
    heard(p);
    say(p, "40/x,");
    if (data)
      HEARD(p, "44/x,{\"code\":7} ");
    else
      HEARD(p, "44/x,\"nope\" ");
    CHECK(p->session != NULL);
    stop();
  }
}

TEST(a_client_that_was_refused_may_connect_again) {
  begin();
  sio_use(root, refuse, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  heard(p);
  say(p, "40");
  HEARD(p, "44{\"message\":\"nope\"} ");
  stop();
}

TEST(a_late_yes_lets_in_at_the_end_of_the_turn) {
  begin();
  sio_use(root, hold, NULL);
  sio_use(root, pass, "2");
  struct peer *p = peer_new();
  say(p, "40");
  turn();
  HEARD(p, "");
  saw();
  sio_next_ok(held[0]);
  SAW(""); /* nothing runs inside the verdict */
  turn();
  SAW("2(not,0) connect(connected,1) ");
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_late_no_refuses) {
  begin();
  sio_use(root, hold, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  sio_next_fail(held[0], "late", sio_int(7));
  turn();
  HEARD(p, "44{\"message\":\"late\",\"data\":7} ");
  say(p, "40");
  EQ(nheld, 2);
  sio_next_ok(held[1]);
  stop();
}

TEST(middleware_added_while_one_is_pending_is_not_run_for_it) {
  begin();
  sio_use(root, hold, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  sio_use(root, pass, "new");
  saw();
  sio_next_ok(held[0]);
  turn();
  SAW("connect(connected,1) ");
  stop();
}

TEST(middleware_of_one_namespace_does_not_guard_another) {
  begin();
  sio_nsp *chat;
  sio_of(srv, "/chat", &chat);
  sio_use(root, refuse, NULL);
  struct peer *p = peer_new();
  say(p, "40/chat,");
  HEARD(p, "40/chat,{\"sid\":\"?\"} ");
  SAW("");
  stop();
}

static struct peer *begin_pending(const char *connect) {
  begin();
  sio_use(root, hold, NULL);
  struct peer *p = peer_new();
  say(p, connect);
  return p;
}

static void decide(unsigned i, bool ok) {
  if (ok)
    sio_next_ok(held[i]);
  else
    sio_next_fail(held[i], "nope", sio_null());
  turn();
}

TEST(a_second_connect_while_the_first_is_pending_is_the_same_wish) {
  for (int ok = 0; ok < 2; ok++) {
    struct peer *p = begin_pending("40");
    say(p, "40");
    turn();
    say(p, "40{}");
    EQ(nheld, 1);
    HEARD(p, "");
    decide(0, ok);
    HEARD(p, ok ? "40{\"sid\":\"?\"} " : "44{\"message\":\"nope\"} ");
    SAW(ok ? "hold connect(connected,1) " : "hold ");
    stop();
  }
}

/* The verdict on the first CONNECT, which had another auth, is ignored. */
TEST(a_second_connect_with_another_auth_is_decided_after_the_first) {
  for (int ok = 0; ok < 2; ok++) {
    struct peer *p = begin_pending("40{\"a\":1}");
    say(p, "40{\"a\":2}");
    say(p, "40{\"a\":3}");
    EQ(nheld, 1);
    decide(0, ok);
    HEARD(p, "");
    EQ(nheld, 2);
    sio_slice auth = sio_socket_auth(holder[1]);
    EQ_MEM(auth.p, auth.n, "{\"a\":3}", 7);
    decide(1, true);
    HEARD(p, "40{\"sid\":\"?\"} ");
    SAW("hold hold connect(connected,1) ");
    EQ(srv->core.stats.sockets, 1);
    stop();
  }
}

/* Its peer believes itself connected until it hears of the refusal. */
TEST(events_for_a_socket_that_another_connect_replaced_are_dropped) {
  begin();
  struct peer *p = peer_new();
  say(p, "40");
  sio_use(root, hold, NULL);
  say(p, "40{\"a\":2}");
  say(p, "42[\"x\"]");
  decide(0, false);
  say(p, "42[\"x\"]");
  HEARD(p, "40{\"sid\":\"?\"} 44{\"message\":\"nope\"} ");
  CHECK(p->session != NULL);
  say(p, "40");
  decide(1, true);
  say(p, "41");
  turn();
  say(p, "42[\"x\"]");
  HEARD(p, "40{\"sid\":\"?\"} end ");
  stop();
}

/* The peer gets the second answer to its first CONNECT after it has left and sent another CONNECT,
 * and takes it for the answer to that one. */
TEST(events_after_an_answer_that_was_repeated_too_late_are_dropped) {
  for (int turns_between = 0; turns_between < 2; turns_between++)
    for (int ok = 0; ok < 2; ok++) {
      begin();
      struct peer *p = peer_new();
      say(p, "40");
      turn();
      say(p, "40");
      HEARD(p, "40{\"sid\":\"?\"} 40{\"sid\":\"?\"} ");
      sio_use(root, hold, NULL);
      say(p, "41");
      if (turns_between) turn();
      say(p, "40");
      say(p, "42[\"x\"]");
      HEARD(p, "");
      REQUIRE(p->session && nheld == 1);
      decide(0, ok);
      HEARD(p, ok ? "40{\"sid\":\"?\"} " : "44{\"message\":\"nope\"} ");
      if (!ok) say(p, "42[\"x\"]");
      CHECK(p->session != NULL);
      if (ok) say(p, "41"); /* now the client knows that it has left */
      if (ok) turn();
      if (ok) say(p, "42[\"x\"]");
      HEARD(p, ok ? "end " : "");
      stop();
    }
}

TEST(a_client_that_returns_to_its_first_auth_is_decided_by_the_first_verdict) {
  struct peer *p = begin_pending("40{\"a\":1}");
  say(p, "40{\"a\":2}");
  say(p, "40{\"a\":1}");
  decide(0, true);
  HEARD(p, "40{\"sid\":\"?\"} ");
  EQ(nheld, 1);
  stop();
}

TEST(a_disconnect_before_the_verdict_withdraws_the_connect) {
  for (int ok = 0; ok < 2; ok++) {
    struct peer *p = begin_pending("40");
    say(p, "41");
    decide(0, ok);
    HEARD(p, "");
    SAW("hold ");
    CHECK(p->session != NULL);
    EQ(srv->core.stats.sockets, 0);
    say(p, "40");
    decide(1, true);
    HEARD(p, "40{\"sid\":\"?\"} ");
    stop();
  }
}

TEST(connect_disconnect_and_connect_before_the_verdict_are_one_wish) {
  struct peer *p = begin_pending("40");
  say(p, "41");
  say(p, "40");
  decide(0, true);
  HEARD(p, "40{\"sid\":\"?\"} ");
  EQ(nheld, 1);
  SAW("hold connect(connected,1) ");
  stop();
}

TEST(a_flood_of_connects_before_the_verdict_holds_one_auth) {
  char connect[64];
  struct peer *p = begin_pending("40");
  say(p, "40{\"a\":0}");
  size_t before = alloc_live;
  for (int i = 1; i < 1000; i++) {
    snprintf(connect, sizeof connect, "40{\"a\":%d}", i);
    say(p, connect);
  }
  EQ(alloc_live, before);
  EQ(nheld, 1);
  decide(0, true);
  EQ(nheld, 2);
  hang_up(p);
  decide(1, true);
  stop();
}

TEST(a_peer_may_go_while_its_second_connect_waits) {
  struct peer *p = begin_pending("40{\"a\":1}");
  say(p, "40{\"a\":2}");
  hang_up(p);
  decide(0, true);
  EQ(nheld, 1);
  SAW("hold ");
  stop();
}

TEST(a_second_connect_without_memory_ends_the_session) {
  struct peer *p = begin_pending("40");
  alloc_fail_in(1);
  say(p, "40{\"a\":2}");
  alloc_fail_in(0);
  turn();
  CHECK(!p->session);
  decide(0, true);
  stop();
}

TEST(a_reply_that_cannot_be_repeated_for_want_of_memory_ends_the_session) {
  bool failed = true;
  for (size_t i = 1; failed && i < 20; i++) {
    begin();
    struct peer *p = joined();
    turn();
    sio__msg_allocator_clear(&srv->core.loop.msgs);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    say(p, "40");
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (failed)
      HEARD(p, "cut ");
    else
      HEARD(p, "40{\"sid\":\"?\"} ");
    stop();
  }
  CHECK(!failed);
}

TEST(a_second_connect_is_decided_when_the_time_of_the_first_is_up) {
  nheld = 0;
  start(&(sio_options){ .middleware_timeout_ms = 1000 });
  sio_on_connect(root, on_connect, NULL);
  sio_use(root, hold, NULL);
  struct peer *p = peer_new();
  say(p, "40{\"a\":1}");
  say(p, "40{\"a\":2}");
  later(1001);
  EQ(nheld, 2);
  HEARD(p, "");
  decide(0, true);
  HEARD(p, "");
  decide(1, true);
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(an_event_before_the_verdict_closes) {
  static const char *const bad[] = { "42[\"x\"]", "430[]" };
  for (size_t i = 0; i < 2; i++) {
    begin();
    sio_use(root, hold, NULL);
    struct peer *p = peer_new();
    say(p, "40");
    say(p, bad[i]);
    HEARD(p, "end ");
    turn();
    sio_next_ok(held[0]);
    stop();
  }
}

TEST(a_verdict_for_a_peer_that_left_is_ignored_and_frees_the_socket) {
  for (int no = 0; no < 2; no++) {
    begin();
    sio_use(root, hold, NULL);
    struct peer *p = peer_new();
    say(p, "40");
    size_t before = alloc_live;
    hang_up(p);
    if (no)
      sio_next_fail(held[0], "too late", sio_null());
    else
      sio_next_ok(held[0]);
    CHECK(alloc_live < before);
    turn();
    SAW("hold ");
    stop();
  }
}

TEST(a_peer_that_leaves_in_the_turn_of_its_verdict_is_not_connected) {
  begin();
  sio_use(root, hold, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  sio_next_ok(held[0]);
  hang_up(p);
  SAW("hold ");
  stop();
}

TEST(a_verdict_may_come_after_the_server_has_closed) {
  begin();
  sio_use(root, hold, NULL);
  say(peer_new(), "40");
  server_gone();
  CHECK(alloc_live > 0);
  sio_next_fail(held[0], "nobody", sio_str("hears it"));
  nothing_left();
}

/* ---- rooms before the door -------------------------------------------------------------- */

static void join_and_hold(sio_socket *s, sio_next *next, void *user) {
  EQ(sio_join(s, "a"), 0);
  CHECK(sio_in_room(s, "a"));
  CHECK(!sio_in_room(s, sio_socket_id(s)));
  EQ(sio_emit(s, "x", SIO_NONE), SIO_ECLOSED);
  hold(s, next, user);
}

TEST(a_pending_socket_may_join_rooms_but_receives_no_events) {
  begin();
  sio_use(root, join_and_hold, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "early", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root }, "early", SIO_NONE);
  sio_next_ok(held[0]);
  turn();
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "now", SIO_NONE);
  HEARD(p, "40{\"sid\":\"?\"} 42[\"now\"] ");
  stop();
}

TEST(a_refused_socket_is_in_no_room) {
  begin();
  sio_use(root, join_and_hold, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  sio_socket *s = sio_socket_ref(holder[0]);
  sio_next_fail(held[0], "no", sio_null());
  turn();
  CHECK(!sio_in_room(s, "a"));
  EQ(sio_join(s, "b"), SIO_ECLOSED);
  CHECK(sio_socket_session(s) == NULL);
  sio_socket_unref(s);
  stop();
}

/* ---- the room of the socket's own id ---- */

static void on_room_of_id(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)room, (void)s;
  trace("%s ", (const char *)user);
}

static void join_own_id_and_hold(sio_socket *s, sio_next *next, void *user) {
  EQ(sio_join(s, sio_socket_id(s)), 0);
  EQ(sio_leave(s, sio_socket_id(s)), 0);
  EQ(sio_join(s, sio_socket_id(s)), 0);
  CHECK(!sio_in_room(s, sio_socket_id(s)));
  EQ(sio_rooms(s, NULL, 0), 0);
  hold(s, next, user);
}

TEST(a_socket_that_joins_the_room_of_its_own_id_in_middleware_is_in_it_once) {
  start(NULL);
  nheld = 0;
  sio_use(root, join_own_id_and_hold, NULL);
  sio_on_room(root, &(sio_room_hooks){ .join = on_room_of_id }, "join");
  sio_on_room(root, &(sio_room_hooks){ .leave = on_room_of_id }, "leave");
  struct peer *p = peer_new();
  say(p, "40");
  sio_next_ok(held[0]);
  turn();
  sio_socket *s = holder[0];
  const char *rooms[2] = { "", "" };
  EQ(sio_join(s, sio_socket_id(s)), 0);
  sio_all_join((sio_target){ .nsp = root }, SIO_ROOMS(sio_socket_id(s)));
  EQ(sio_rooms(s, rooms, 2), 1);
  EQ_STR(rooms[0], sio_socket_id(s));
  EQ(sio_nsp_count_sockets(root, sio_socket_id(s)), 1);
  EQ(sio_nsp_rooms(root, NULL, 0), 1);
  EQ(sio_leave(s, sio_socket_id(s)), 0);
  CHECK(sio_in_room(s, sio_socket_id(s)));
  sio_disconnect(s, false);
  turn();
  SAW("hold join leave ");
  stop();
}

/* ---- in middleware -------------------------------------------------------------------------- */

static void drop_peer(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  sio_disconnect(s, false); /* not connected: nothing to leave */
  sio_disconnect(s, true);
  sio_next_ok(next);
}

TEST(middleware_may_end_the_connection) {
  begin();
  sio_use(root, drop_peer, NULL);
  sio_use(root, pass, "never");
  struct peer *p = peer_new();
  say(p, "40");
  HEARD(p, "end ");
  turn();
  SAW("");
  stop();
}

static void kick(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s, false);
  EQ(sio_join(s, "a"), SIO_ECLOSED);
  EQ(sio_emit(s, "x", SIO_NONE), SIO_ECLOSED);
}

TEST(a_connect_handler_may_disconnect_and_then_join_is_refused) {
  begin();
  sio_on_connect(root, kick, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} 41 ");
  turn();
  SAW("connect(connected,1) left: server namespace disconnect left: server namespace disconnect ");
  stop();
}

TEST(with_drop_handshake_it_is_freed_after_the_connect_handlers) {
  nheld = 0;
  start(&(sio_options){ .drop_handshake = true });
  sio_on_connect(root, on_connect, NULL);
  struct peer *p = peer_new();
  p->session->head = sio__calloc(1, sizeof(struct kept_head) + sizeof "\0/\0a\0b");
  memcpy(p->session->head->text, "\0/\0a\0b", sizeof "\0/\0a\0b");
  p->session->head->url_at = 1;
  p->session->head->url_len = 1;
  p->session->head->nheaders = 1;
  EQ_MEM(sio_session_info_of(p->session).url.p, sio_session_info_of(p->session).url.n, "/", 1);
  CHECK(sio_session_header(p->session, "a").p != NULL);
  say(p, "40");
  EQ(sio_session_info_of(p->session).url.n, 0);
  CHECK(sio_session_header(p->session, "a").p == NULL);
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_on_the_way_in) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    begin();
    sio_use(root, hold, NULL);
    sio_use(root, refuse, "{\"x\":1}");
    struct peer *p = peer_new();
    size_t before = alloc_calls;
    alloc_fail_in(i);
    say(p, "40{\"a\":1}");
    if (nheld) sio_join(holder[0], "room");
    if (nheld) sio_next_ok(held[0]);
    turn();
    failed = alloc_calls - before >= i;
    stop();
  }
  CHECK(!failed);
}

TESTS_BEGIN
T(middleware_runs_in_order_before_the_reply_and_the_handlers)
T(a_refusal_is_a_connect_error_with_the_message_and_ends_the_row)
T(a_refusal_may_carry_data)
T(bad_data_of_a_refusal_is_left_out)
T(a_client_of_protocol_3_is_refused_with_the_data_or_else_the_message)
T(a_client_that_was_refused_may_connect_again)
T(a_late_yes_lets_in_at_the_end_of_the_turn)
T(a_late_no_refuses)
T(middleware_added_while_one_is_pending_is_not_run_for_it)
T(middleware_of_one_namespace_does_not_guard_another)
T(a_second_connect_while_the_first_is_pending_is_the_same_wish)
T(a_second_connect_with_another_auth_is_decided_after_the_first)
T(events_for_a_socket_that_another_connect_replaced_are_dropped)
T(events_after_an_answer_that_was_repeated_too_late_are_dropped)
T(a_client_that_returns_to_its_first_auth_is_decided_by_the_first_verdict)
T(a_disconnect_before_the_verdict_withdraws_the_connect)
T(connect_disconnect_and_connect_before_the_verdict_are_one_wish)
T(a_flood_of_connects_before_the_verdict_holds_one_auth)
T(a_peer_may_go_while_its_second_connect_waits)
T(a_second_connect_without_memory_ends_the_session)
T(a_reply_that_cannot_be_repeated_for_want_of_memory_ends_the_session)
T(a_second_connect_is_decided_when_the_time_of_the_first_is_up)
T(an_event_before_the_verdict_closes)
T(a_verdict_for_a_peer_that_left_is_ignored_and_frees_the_socket)
T(a_peer_that_leaves_in_the_turn_of_its_verdict_is_not_connected)
T(a_verdict_may_come_after_the_server_has_closed)
T(a_pending_socket_may_join_rooms_but_receives_no_events)
T(a_refused_socket_is_in_no_room)
T(a_socket_that_joins_the_room_of_its_own_id_in_middleware_is_in_it_once)
T(middleware_may_end_the_connection)
T(a_connect_handler_may_disconnect_and_then_join_is_refused)
T(with_drop_handshake_it_is_freed_after_the_connect_handlers)
T(no_failing_allocation_leaks_or_crashes_on_the_way_in)
TESTS_END
