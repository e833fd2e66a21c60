/* SPDX-License-Identifier: MIT
 *
 * test_fence.c - who hears when what: whole sessions over real bytes, the kernel's buffers kept
 * small.
 */
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct raw a, b;
static struct poller poller;
static sio_session *session;
static sio_socket *sock;

static void on_sent(int status, void *user) {
  trace("%s%s ", (const char *)user, status == 0 ? "+" : status == SIO_ECLOSED ? "-" : "?");
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)why, (void)user;
  session = NULL;
  trace("close ");
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sock = s;
}

static void start(const sio_options *o) {
  traced[0] = '\0';
  a.fd = b.fd = -1;
  poller = (struct poller)POLLER;
  whole_start(o);
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open, .close = on_close }, NULL);
  sio_on_connect(root, on_connect, NULL);
}

static void stop(void) {
  raw_close(&a);
  raw_close(&b);
  poller_close(&poller);
  whole_stop();
}

static int sent(const char *name) {
  return sio_session_on_sent(session, on_sent, (void *)(uintptr_t)name);
}

static int text(const char *s) { return sio_emit(sock, s, SIO_NONE); }

/* ---- over WebSocket ------------------------------------------------------------------------ */

static bool over_websocket(const sio_options *o) {
  start(o);
  return raw_open(&a, srv) && raw_upgrade(&a, "/socket.io/?EIO=4&transport=websocket") &&
         raw_expect(&a, "0{") && raw_text(&a, "40") && raw_expect(&a, "40{") && session && sock;
}

TEST(it_is_told_when_the_kernel_has_it_and_never_inside_the_call) {
  REQUIRE(over_websocket(NULL));
  EQ(text("one"), 0);
  EQ(sent("1"), 0);
  EQ(sent("2"), 0);
  EQ(text("two"), 0);
  EQ(sio_session_on_sent(sio_socket_session(sock), on_sent, "3"), 0);
  SAW("");
  turn();
  SAW("1+ 2+ 3+ ");
  CHECK(raw_expect(&a, "42[\"one\"]") && raw_expect(&a, "42[\"two\"]"));
  stop();
}

TEST(with_nothing_queued_it_is_told_at_the_end_of_the_turn) {
  REQUIRE(over_websocket(NULL));
  EQ(sent("1"), 0);
  SAW("");
  turn();
  SAW("1+ ");
  stop();
}

static void fill(void) {
  static char big[1 << 16];
  memset(big, 'x', sizeof big - 1);
  for (int i = 0; i < 60; i++) EQ(sio_emit(sock, "big", SIO_ARGS(big)), 0);
}

TEST(a_slow_peer_is_waited_for) {
  REQUIRE(over_websocket(NULL));
  EQ(sent("before"), 0);
  fill();
  EQ(sent("behind"), 0);
  turn();
  SAW("before+ ");
  EQ(text("last"), 0);
  for (int i = 0; i < 10; i++) turn();
  SAW("");
  for (int i = 0; i < 200 && !traced[0]; i++) {
    raw_turn(&a);
    a.n = a.seen = 0;
  }
  SAW("behind+ ");
  stop();
}

TEST(limits_on_what_comes_in_change_nothing_of_it) {
  REQUIRE(over_websocket(&(sio_options){ .packets_per_s = 1000 }));
  EQ(text("one"), 0);
  EQ(sent("1"), 0);
  turn();
  SAW("1+ ");
  CHECK(raw_expect(&a, "42[\"one\"]"));
  stop();
}

TEST(what_is_dropped_around_a_mark_leaves_it_its_place) {
  REQUIRE(over_websocket(&(sio_options){
      .queue_high = 1 << 20, .queue_low = 1 << 16, .when_full = SIO_FULL_DROP_OLDEST }));
  EQ(sent("first"), 0);
  fill();
  EQ(sent("last"), 0);
  turn();
  SAW("first+ ");
  fill();
  EQ(sent("end"), 0);
  CHECK(srv->core.stats.events_dropped > 0);
  for (int i = 0; i < 200 && strlen(traced) < 11; i++) {
    raw_turn(&a);
    a.n = a.seen = 0;
  }
  SAW("last+ end+ ");
  stop();
}

TEST(a_session_that_ends_first_says_so_once) {
  REQUIRE(over_websocket(NULL));
  fill();
  EQ(sent("1"), 0);
  EQ(sent("2"), 0);
  turn();
  SAW("");
  raw_close(&a);
  for (int i = 0; i < 5; i++) turn();
  SAW("1- 2- close ");
  stop();
}

TEST(before_a_close_what_can_leave_at_once_does) {
  REQUIRE(over_websocket(NULL));
  EQ(text("bye"), 0);
  EQ(sent("1"), 0);
  sio_session_close(session, NULL);
  SAW("");
  EQ(sent("2"), SIO_ECLOSED);
  EQ(sio_session_on_sent(sio_socket_session(sock), on_sent, "3"), SIO_ECLOSED);
  turn();
  SAW("1+ close ");
  CHECK(raw_expect(&a, "42[\"bye\"]"));
  stop();
}

/* Reads on, keeping what might be half of what is looked for. */
static bool hears_at_last(struct raw *c, const char *want) {
  for (int i = 0; i < 400 && !c->fin; i++) {
    size_t kept = c->n < 32 ? c->n : 32;
    memmove(c->in, c->in + c->n - kept, kept);
    c->n = kept;
    c->seen = 0;
    raw_turn(c);
    if (memmem(c->in, c->n, want, strlen(want))) return true;
  }
  return false;
}

TEST(what_waits_for_a_slow_peer_comes_before_the_close) {
  REQUIRE(over_websocket(NULL));
  fill();
  EQ(text("last"), 0);
  turn();
  sio_session_close(session, NULL);
  turn();
  SAW("close ");
  CHECK(hears_at_last(&a, "42[\"last\"]\x88"));
  stop();
}

TEST(the_server_may_end_meanwhile) {
  REQUIRE(over_websocket(NULL));
  fill();
  EQ(sent("1"), 0);
  stop();
  SAW("1- close ");
}

static void again(int status, void *user) {
  on_sent(status, user);
  if (session) EQ(sent("again"), 0);
}

static void hang_up(int status, void *user) {
  on_sent(status, user);
  sio_session_close(session, NULL);
}

TEST(the_callback_may_ask_again_and_may_close) {
  REQUIRE(over_websocket(NULL));
  EQ(sio_session_on_sent(session, again, "once"), 0);
  turn();
  turn();
  SAW("once+ again+ ");
  EQ(sio_session_on_sent(session, hang_up, "hang"), 0);
  EQ(sent("next"), 0);
  turn();
  SAW("hang+ next+ close ");
  stop();
}

TEST(only_so_many_wait) {
  REQUIRE(over_websocket(NULL));
  for (int i = 0; i < 4096; i++) EQ(sent("x"), 0);
  EQ(sent("x"), SIO_ETOOBIG);
  EQ(sio_session_on_sent(session, NULL, NULL), UV_EINVAL);
  turn();
  traced[0] = '\0';
  EQ(sent("1"), 0);
  turn();
  SAW("1+ ");
  stop();
}

TEST(without_memory_nobody_is_told) {
  REQUIRE(over_websocket(NULL));
  for (unsigned i = 1; i <= 2; i++) {
    alloc_fail_in(i);
    EQ(sent("no"), UV_ENOMEM);
    alloc_fail_in(0);
  }
  turn();
  SAW("");
  EQ(sent("yes"), 0);
  turn();
  SAW("yes+ ");
  stop();
}

/* ---- over polling ------------------------------------------------------------------------ */

static bool over_polling(const sio_options *o) {
  start(o);
  return poller_open(&poller, srv, "/socket.io/") && poller_post(&poller, "40") &&
         poller_get(&poller) && raw_expect(&poller.get, "40{") && session && sock;
}

TEST(a_poll_carries_it_away) {
  REQUIRE(over_polling(NULL));
  EQ(text("one"), 0);
  EQ(sent("1"), 0);
  EQ(sent("2"), 0);
  EQ(text("two"), 0);
  EQ(sent("3"), 0);
  turn();
  SAW("");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "\r\n\r\n42[\"one\"]\x1e"
                                                         "42[\"two\"]"));
  SAW("1+ 2+ 3+ ");
  EQ(poller.get.n, poller.get.seen);
  stop();
}

TEST(marks_alone_answer_no_poll) {
  REQUIRE(over_polling(NULL));
  EQ(sent("1"), 0);
  turn();
  SAW("1+ ");
  REQUIRE(poller_get(&poller));
  for (int i = 0; i < 5; i++) raw_turn(&poller.get);
  EQ(poller.get.n, 0);
  EQ(sio_emit_with(sock, &(sio_emit_options){ .flags = SIO_VOLATILE }, "now", SIO_NONE), 0);
  CHECK(raw_expect(&poller.get, "42[\"now\"]"));
  stop();
}

TEST(a_client_that_never_polls_again_is_over_first) {
  REQUIRE(over_polling(NULL));
  EQ(text("one"), 0);
  EQ(sent("1"), 0);
  sio_session_close(session, NULL);
  turn();
  SAW("1- close ");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "42[\"one\"]"));
  turn();
  SAW("");
  stop();
}

TEST(a_close_that_a_poll_waits_for_takes_it_along) {
  REQUIRE(over_polling(NULL));
  REQUIRE(poller_get(&poller));
  turn();
  EQ(text("bye"), 0);
  EQ(sent("1"), 0);
  sio_session_close(session, NULL);
  turn();
  SAW("1+ close ");
  CHECK(raw_expect(&poller.get, "42[\"bye\"]"));
  stop();
}

TEST(order_holds_across_an_upgrade) {
  REQUIRE(over_polling(NULL));
  EQ(sent("0"), 0);
  EQ(text("one"), 0);
  EQ(sent("1"), 0);
  EQ(text("two"), 0);
  EQ(sent("2"), 0);
  REQUIRE(poller_upgrade(&poller, &b, "/socket.io/") && raw_text(&b, "2probe") &&
          raw_expect(&b, "3probe"));
  SAW("0+ ");
  EQ(text("three"), 0);
  EQ(sent("3"), 0);
  REQUIRE(raw_text(&b, "5") && raw_expect(&b, "one") && raw_expect(&b, "two") &&
          raw_expect(&b, "three"));
  SAW("1+ 2+ 3+ ");
  stop();
}

TEST(a_packet_of_the_hosts_stands_behind_the_handshake) {
  start(&(sio_options){ .initial_packet = sio_text("faster!") });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&a, "0{\"sid\":\"") && raw_expect(&a, "1000000}\x1e"
                                                         "4faster!"));
  EQ(a.n, a.seen);
  REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, "/socket.io/?EIO=4&transport=websocket"));
  CHECK(raw_expect(&b, "1000000}\x81\x08"
                       "4faster!"));
  stop();
}

TEST(and_may_be_binary_and_for_old_clients_too) {
  start(&(sio_options){
      .initial_packet = sio_text("hi"), .initial_binary = true, .allow_eio3 = true });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&a, "1000000}\x1e"
                       "baGk="));
  raw_close(&a);
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=3&transport=polling&b64=1"));
  CHECK(raw_expect(&a, "1000000}6:b4aGk="));
  REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, "/socket.io/?EIO=3&transport=websocket"));
  CHECK(raw_expect(&b, "1000000}\x82\x03\x04hi"));
  stop();
}

static sio_next *parked;

static void park_polls(sio_request *r, sio_next *next, void *user) {
  (void)user;
  bool is_poll = session && sio_request_header(r, "X-Park").p;
  if (is_poll)
    parked = next;
  else
    sio_next_ok(next);
}

/* The request that it lets through fetches the rest of the queue. */
static void let_poll_through(int status, void *user) {
  on_sent(status, user);
  sio_next_ok(parked);
}

TEST(a_callback_at_the_end_may_let_a_request_through_that_fetches_the_rest) {
  start(NULL);
  sio_use_engine_request(srv, park_polls, NULL);
  REQUIRE(poller_open(&poller, srv, "/socket.io/") && poller_post(&poller, "40"));
  CHECK(poller_get(&poller) && raw_expect(&poller.get, "40{") && session && sock);
  EQ(text("rest"), 0);
  EQ(sio_session_on_sent(session, let_poll_through, "1"), 0);
  EQ(sent("2"), 0);
  EQ(sent("3"), 0);
  CHECK(raw_open(&a, srv) && raw_request(&a, "GET", poller.path, "X-Park: 1\r\n", NULL));
  turn();
  REQUIRE(parked != NULL);
  sio_session_close(session, NULL);
  turn();
  SAW("1- 2+ 3+ close ");
  CHECK(raw_expect(&a, "42[\"rest\"]"));
  stop();
}

TESTS_BEGIN
T(it_is_told_when_the_kernel_has_it_and_never_inside_the_call)
T(with_nothing_queued_it_is_told_at_the_end_of_the_turn)
T(a_slow_peer_is_waited_for)
T(limits_on_what_comes_in_change_nothing_of_it)
T(what_is_dropped_around_a_mark_leaves_it_its_place)
T(a_session_that_ends_first_says_so_once)
T(before_a_close_what_can_leave_at_once_does)
T(what_waits_for_a_slow_peer_comes_before_the_close)
T(the_server_may_end_meanwhile)
T(the_callback_may_ask_again_and_may_close)
T(only_so_many_wait)
T(without_memory_nobody_is_told)
T(a_poll_carries_it_away)
T(marks_alone_answer_no_poll)
T(a_client_that_never_polls_again_is_over_first)
T(a_close_that_a_poll_waits_for_takes_it_along)
T(order_holds_across_an_upgrade)
T(a_packet_of_the_hosts_stands_behind_the_handshake)
T(and_may_be_binary_and_for_old_clients_too)
T(a_callback_at_the_end_may_let_a_request_through_that_fetches_the_rest)
TESTS_END
