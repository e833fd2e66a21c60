/* SPDX-License-Identifier: MIT
 *
 * test_probe.c - a polling session and the WebSockets that want it: who gets it, and what is said
 * of the others.
 */
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct poller poller;
static struct raw w, v;
static sio_session *session;

static void on_log(const sio_log_line *l, void *user) {
  static const char slow[] = "blocked the event loop"; /* on a machine that has much to do */
  (void)user;
  if (l->level == SIO_LOG_WARN && strncmp(l->text, slow, sizeof slow - 1) != 0)
    trace("%s\n", l->text);
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void start_with(const sio_options *more) {
  sio_options o = *more;
  o.log = on_log;
  traced[0] = '\0';
  w.fd = v.fd = -1;
  poller = (struct poller)POLLER;
  session = NULL;
  whole_start(&o);
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL);
}

static bool start(void) {
  start_with(&(sio_options){ 0 });
  return poller_open(&poller, srv, "/socket.io/");
}

static void stop(void) {
  raw_close(&w);
  raw_close(&v);
  poller_close(&poller);
  whole_stop();
}

static bool wants(struct raw *c) { return poller_upgrade(&poller, c, "/socket.io/"); }

TEST(a_websocket_that_is_on_trial_is_not_disturbed) {
  REQUIRE(start() && wants(&w) && wants(&v));
  SAW("a WebSocket of  cannot upgrade its session and is closed: another WebSocket is upgrading "
      "the session already\n");
  CHECK(raw_expect_n(&v, "\x88\0", 2));
  REQUIRE(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5"));
  stop();
}

TEST(nor_is_one_that_has_the_session) {
  REQUIRE(start() && wants(&w) && raw_text(&w, "2probe") && raw_expect(&w, "3probe") &&
          raw_text(&w, "5"));
  turn();
  CHECK(sio_session_info_of(session).upgraded);
  REQUIRE(wants(&v));
  SAW("a WebSocket of  cannot upgrade its session and is closed: the session uses a WebSocket "
      "already\n");
  CHECK(raw_expect_n(&v, "\x88\0", 2));
  REQUIRE(raw_text(&w, "40") && raw_expect(&w, "40{"));
  stop();
}

TEST(what_stands_behind_the_five_means_nothing) {
  REQUIRE(start() && wants(&w) && raw_text(&w, "2probe") && raw_expect(&w, "3probe") &&
          raw_text(&w, "52"));
  turn();
  CHECK(sio_session_info_of(session).upgraded);
  REQUIRE(raw_text(&w, "40") && raw_expect(&w, "40{"));
  stop();
}

/* In protocol 3, where each packet may come as base64 or as bytes. */
TEST(neither_does_the_form_it_comes_in) {
  static const char *const fives[] = { "5", "b5", "b5AA", "\5", "\5x" };
  char url[100];
  for (size_t i = 0; i < sizeof fives / sizeof *fives; i++) {
    start_with(&(sio_options){ .allow_eio3 = true });
    REQUIRE(raw_open(&poller.get, srv) &&
            raw_get(&poller.get, "/socket.io/?EIO=3&transport=polling") &&
            raw_expect(&poller.get, "sid") && session);
    snprintf(url, sizeof url, "/socket.io/?EIO=3&transport=websocket&sid=%s",
             sio_session_info_of(session).id);
    REQUIRE(raw_open(&w, srv) && raw_upgrade(&w, url) && raw_text(&w, "2probe") &&
            raw_expect(&w, "3probe"));
    CHECK(raw_frame(&w, *fives[i] == 5 ? 0x82 : 0x81, fives[i], strlen(fives[i])));
    turn();
    CHECK(session && sio_session_info_of(session).upgraded);
    stop();
  }
}

static void on_upgrading(sio_session *c, void *user) {
  (void)user;
  sio_session_close(c, NULL);
}

/* Its poll is answered by the upgrade, and not once more at the end of the turn. */
TEST(a_session_that_ends_while_it_is_upgraded_is_upgraded_to_be_closed) {
  struct wire frames = { 0 };
  REQUIRE(start());
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open, .upgrading = on_upgrading }, NULL);
  REQUIRE(poller_get(&poller) && wants(&w));
  wire_frame(&frames, 0x81, "2probe", 6);
  wire_frame(&frames, 0x81, "5", 1);
  REQUIRE(raw_send(&w, frames.p, frames.n));
  turn();
  CHECK(raw_expect(&w, "3probe"));
  free(frames.p);
  stop();
}

TEST(a_session_that_is_over_wants_none) {
  REQUIRE(start());
  sio_session_close(session, NULL);
  REQUIRE(wants(&w));
  SAW("a WebSocket of  cannot upgrade its session and is closed: the session is over\n");
  CHECK(raw_expect_n(&w, "\x88\0", 2));
  stop();
}

/* ---- an upgrade while packets of a POST wait ------------------------------------------------- */

static unsigned events, last_event;

/* Replies with more than a peer may leave unread. Events have to come in their order. */
static void reply_with_much(sio_socket *s, sio_event *e, void *user) {
  static char much[200 << 10];
  int64_t number = 0;
  (void)s, (void)user;
  memset(much, 'x', sizeof much);
  CHECK(sio_event_int(e, 0, &number));
  EQ((unsigned)number, ++events);
  last_event = (unsigned)number;
  EQ(sio_reply(e, SIO_ARGS(sio_strn(much, sizeof much))), 0);
}

static bool join_with_replies_of_much_and(const sio_options *o) {
  events = last_event = 0;
  start_with(o);
  bool ok = poller_open(&poller, srv, "/socket.io/") && poller_post(&poller, "40") &&
            poller_get(&poller) && raw_expect(&poller.get, "40{");
  EQ(sio_on(root, "much", reply_with_much, NULL), 0);
  return ok && wants(&w);
}
static bool join_with_replies_of_much(void) {
  return join_with_replies_of_much_and(&(sio_options){ 0 });
}

#define EVENTS_1_TO_3   \
  "420[\"much\",1]\x1e" \
  "421[\"much\",2]\x1e" \
  "422[\"much\",3]"

/* Like raw_expect(), after more bytes than fit into the buffer: those before `want` are dropped. */
static bool expect_after_much(struct raw *c, const char *want) {
  size_t n = strlen(want), kept;
  for (unsigned i = 0; i < 600 && !c->fin; i++) {
    char *at = memmem(c->in, c->n, want, n);
    kept = at ? (size_t)(c->in + c->n - at) : c->n < n ? c->n : n;
    memmove(c->in, c->in + c->n - kept, kept);
    c->n = kept;
    c->seen = 0;
    if (at) return true;
    raw_turn(c);
  }
  return false;
}

/* The client has stopped polling, and takes the replies only over the WebSocket, over which it
 * sends its last event. */
static void must_get_replies_over_websocket(unsigned from, unsigned count) {
  char event[32], reply[16];
  snprintf(event, sizeof event, "42%u[\"much\",%u]", count - 1, count);
  REQUIRE(raw_text(&w, "5") && raw_text(&w, event));
  for (unsigned i = from; i < count; i++) {
    snprintf(reply, sizeof reply, "43%u[\"x", i);
    REQUIRE(expect_after_much(&w, reply));
  }
  EQ(last_event, count);
  stop();
}

static void must_get_all_replies_over_websocket(void) { must_get_replies_over_websocket(0, 4); }

TEST(a_post_whose_packets_wait_is_answered_after_the_probe) {
  REQUIRE(join_with_replies_of_much() && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  REQUIRE(poller_post(&poller, EVENTS_1_TO_3));
  EQ(events, 1);
  must_get_all_replies_over_websocket();
}

TEST(a_post_whose_packets_wait_is_answered_by_the_probe) {
  REQUIRE(join_with_replies_of_much());
  raw_close(&poller.post);
  REQUIRE(raw_open(&poller.post, srv) &&
          raw_request(&poller.post, "POST", poller.path, "", EVENTS_1_TO_3));
  while (events == 0) turn();
  REQUIRE(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_expect(&poller.post, "ok"));
  EQ(events, 1);
  must_get_all_replies_over_websocket();
}

#define EVENTS_4_TO_6   \
  "423[\"much\",4]\x1e" \
  "424[\"much\",5]\x1e" \
  "425[\"much\",6]"

/* The answer to its first POST may reach the client before "3probe" does, so that it sends another
 * POST. It sends "5" when that is answered. */
TEST(a_post_that_crosses_the_probe_is_answered_although_an_earlier_one_waits) {
  REQUIRE(join_with_replies_of_much() && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  REQUIRE(poller_post(&poller, EVENTS_1_TO_3) && poller_post(&poller, EVENTS_4_TO_6));
  EQ(events, 1);
  must_get_replies_over_websocket(0, 7);
}

TEST(all_posts_that_wait_are_handled_in_order_if_there_is_no_upgrade_after_all) {
  REQUIRE(join_with_replies_of_much() && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  REQUIRE(poller_post(&poller, EVENTS_1_TO_3) && poller_post(&poller, EVENTS_4_TO_6));
  raw_close(&w);
  for (unsigned i = 0; i < 6; i++) {
    char reply[] = { '4', '3', (char)('0' + i), '[', '"', 'x', '\0' };
    REQUIRE(poller_get(&poller) && expect_after_much(&poller.get, reply));
  }
  EQ(last_event, 6);
  stop();
}

enum { BODY = 250000 };

/* Two events in each. Two of the bodies fit into max_queued; the third one has to wait. */
static void post_three_bodies_of_max_payload(void) {
  static char body[BODY + 1];
  const sio_options o = { .max_payload = BODY, .max_queued = 2 * BODY + 1000 };
  REQUIRE(join_with_replies_of_much_and(&o) && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  for (unsigned i = 0; i < 3; i++) {
    unsigned first = 2 * i + 1;
    int n = snprintf(body, sizeof body, "42%u[\"much\",%u]%c42%u[\"much\",%u,\"", first - 1, first,
                     0x1e, first, first + 1);
    memset(body + n, 'p', sizeof body - (size_t)n);
    memcpy(body + BODY - 2, "\"]", 3);
    if (i < 2) REQUIRE(poller_post(&poller, body));
  }
  raw_close(&poller.post);
  REQUIRE(raw_open(&poller.post, srv) && raw_request(&poller.post, "POST", poller.path, "", body));
  for (int i = 0; i < 20; i++) raw_turn(&poller.post);
  EQ(poller.post.n, 0);
  EQ(events, 1);
}

/* There is room for the third one when the first one is handled, that is when a GET has taken the
 * reply to its first event. */
TEST(posts_are_added_to_those_that_wait_until_they_take_max_queued) {
  post_three_bodies_of_max_payload();
  REQUIRE(poller_get(&poller) && expect_after_much(&poller.get, "430[\"x"));
  REQUIRE(raw_expect(&poller.post, "ok"));
  EQ(events, 2);
  must_get_replies_over_websocket(1, 7);
}

/* Such a client breaks the rules, and all its packets are handled even so. */
TEST(an_upgrade_waits_for_a_post_for_which_there_is_no_room) {
  post_three_bodies_of_max_payload();
  REQUIRE(raw_text(&w, "5"));
  for (int i = 0; i < 20; i++) turn();
  CHECK(!sio_session_info_of(session).upgraded);
  REQUIRE(poller_get(&poller) && expect_after_much(&poller.get, "430[\"x"));
  REQUIRE(raw_expect(&poller.post, "ok"));
  for (unsigned i = 1; i < 6; i++) {
    char reply[] = { '4', '3', (char)('0' + i), '[', '"', 'x', '\0' };
    REQUIRE(expect_after_much(&w, reply));
  }
  CHECK(sio_session_info_of(session).upgraded);
  EQ(last_event, 6);
  stop();
}

TEST(a_malformed_post_that_crosses_the_probe_ends_the_session_and_is_answered) {
  REQUIRE(join_with_replies_of_much() && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  REQUIRE(poller_post(&poller, EVENTS_1_TO_3) && poller_post(&poller, "42[\"\xff\"]"));
  REQUIRE(raw_expect_n(&w, "\x88\0", 2));
  EQ(events, 1);
  stop();
}

TEST(packets_that_wait_go_with_a_session_that_ends_after_its_upgrade) {
  REQUIRE(join_with_replies_of_much() && raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  REQUIRE(poller_post(&poller, EVENTS_1_TO_3) && raw_text(&w, "5"));
  while (!sio_session_info_of(session).upgraded) turn();
  raw_close(&w);
  for (int i = 0; i < 20; i++) turn();
  CHECK(events < 3);
  stop();
}

TESTS_BEGIN
T(a_websocket_that_is_on_trial_is_not_disturbed)
T(nor_is_one_that_has_the_session)
T(what_stands_behind_the_five_means_nothing)
T(neither_does_the_form_it_comes_in)
T(a_session_that_ends_while_it_is_upgraded_is_upgraded_to_be_closed)
T(a_session_that_is_over_wants_none)
T(a_post_whose_packets_wait_is_answered_after_the_probe)
T(a_post_whose_packets_wait_is_answered_by_the_probe)
T(a_post_that_crosses_the_probe_is_answered_although_an_earlier_one_waits)
T(all_posts_that_wait_are_handled_in_order_if_there_is_no_upgrade_after_all)
T(posts_are_added_to_those_that_wait_until_they_take_max_queued)
T(an_upgrade_waits_for_a_post_for_which_there_is_no_room)
T(a_malformed_post_that_crosses_the_probe_ends_the_session_and_is_answered)
T(packets_that_wait_go_with_a_session_that_ends_after_its_upgrade)
TESTS_END
