/* SPDX-License-Identifier: MIT
 *
 * test_engine_requests.c - requests of sessions that the host answers itself, hooks that use some
 * of the callbacks only, and what a session tells about itself in unusual states.
 */
#include "eio/session.h"
#include "engine_rig.h"

static sio_request *kept;

static void on_begin(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void keep(sio_request *r, sio_next *next, void *user) {
  (void)user;
  kept = r;
  sio_next_ok(next);
}

static void answer_kept(void) {
  sio_respond(kept, 200, "text/plain", sio_text("from the host"));
  kept = NULL;
}

static void start_keeping(const sio_options *o) {
  start_raw(o);
  sio_use_engine_request(srv, keep, NULL);
}

/* ---- requests that the host answers ------------------------------------------------------- */

TEST(a_poll_that_the_host_answers_itself_takes_nothing_of_the_queue) {
  start_keeping(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_get(&poller));
  turns();
  EQ(sio_session_send(session, 0, false, sio_text("queued")), 0);
  answer_kept();
  CHECK(raw_expect(&poller.get, "from the host"));
  turns();
  CHECK(!memmem(poller.get.in, poller.get.n, "queued", 6));
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4queued"));
  CHECK(session != NULL);
  stop();
}

static void answer_in_flush(sio_session *c, void *user) {
  (void)c, (void)user;
  if (kept) answer_kept();
}

TEST(a_poll_that_the_flush_hook_answers_takes_nothing_of_the_queue) {
  start_keeping(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_get(&poller));
  turns();
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .flush = answer_in_flush }, NULL), 0);
  EQ(sio_session_send(session, 0, false, sio_text("queued")), 0);
  CHECK(raw_expect(&poller.get, "from the host"));
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "from the host"));
  stop();
}

/* ---- hooks that leave a queue which is still full -------------------------------------------- */

static bool once;

static void send_60(sio_session *c) {
  for (int i = 0; i < 60; i++) EQ(sio_session_send(c, 0, false, sio_text("message")), 0);
}

static void answer_once_in_flush(sio_session *c, void *user) {
  if (once) answer_in_flush(c, user);
  once = false;
}

static void send_60_once_in_headers(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
  if (once) send_60(session);
  once = false;
}

static void send_60_once_in_hook(sio_session *c, void *user) {
  (void)user;
  if (once) send_60(c);
  once = false;
}

/* A session whose queue is over queue_high, and which polls. */
static void start_full(const sio_engine_hooks *hooks, sio_headers_cb headers) {
  start_keeping(&(sio_options){ .queue_high = 20000, .when_full = SIO_FULL_DROP_VOLATILE });
  EQ(sio_on_engine(srv, hooks, NULL), 0);
  if (headers) EQ(sio_on_engine_headers(srv, headers, NULL), 0);
  once = false;
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  send_60(session);
  saw();
  once = true;
  REQUIRE(poller_get(&poller));
  turns();
}

/* The queue becomes short only when the next poll has taken it. */
static void is_writable_after_the_next_poll(void) {
  CHECK(!once);
  SAW("");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4message"));
  turns();
  SAW("writable ");
  stop();
}

TEST(a_queue_that_is_full_because_the_flush_hook_has_answered_the_poll_is_not_writable) {
  start_full(&(sio_engine_hooks){ .flush = answer_once_in_flush }, NULL);
  CHECK(raw_expect(&poller.get, "from the host"));
  is_writable_after_the_next_poll();
}

TEST(a_queue_that_the_header_hook_fills_again_is_not_writable) {
  start_full(&(sio_engine_hooks){ 0 }, send_60_once_in_headers);
  CHECK(raw_expect(&poller.get, "4message"));
  is_writable_after_the_next_poll();
}

TEST(a_queue_that_the_drain_hook_fills_again_is_not_writable) {
  start_full(&(sio_engine_hooks){ .drain = send_60_once_in_hook }, NULL);
  CHECK(raw_expect(&poller.get, "4message"));
  is_writable_after_the_next_poll();
}

TEST(a_queue_that_the_header_hook_fills_when_another_request_arrives_is_not_writable) {
  start_full(&(sio_engine_hooks){ 0 }, NULL);
  SAW("writable ");
  EQ(sio_on_engine_headers(srv, send_60_once_in_headers, NULL), 0);
  REQUIRE(poller_get(&poller));
  turns();
  REQUIRE(raw_get(&poller.get, "/nothing/") && raw_expect(&poller.get, "404"));
  is_writable_after_the_next_poll();
}

static void on_drain(sio_session *c, void *user) {
  (void)user;
  EQ(sio_session_info_of(c).queued, 0);
  trace("drain ");
}

TEST(a_queue_is_not_drained_if_the_flush_hook_has_answered_the_poll) {
  start_full(&(sio_engine_hooks){ .flush = answer_once_in_flush, .drain = on_drain }, NULL);
  SAW("");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4message"));
  SAW("drain writable ");
  stop();
}

TEST(a_queue_that_the_header_hook_fills_again_is_drained_by_the_next_poll) {
  start_full(&(sio_engine_hooks){ .drain = on_drain }, send_60_once_in_headers);
  SAW("");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4message"));
  SAW("drain writable ");
  stop();
}

TEST(a_queue_is_drained_also_by_the_poll_that_is_answered_for_an_upgrade) {
  static struct raw w;
  start_keeping(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .upgrading = send_60_once_in_hook, .drain = on_drain },
                   NULL),
     0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_get(&poller));
  turns();
  saw();
  once = true;
  REQUIRE(poller_upgrade(&poller, &w, "/raw/") && raw_text(&w, "2probe"));
  REQUIRE(raw_expect(&poller.get, "4message"));
  SAW("drain ");
  raw_close(&w);
  stop();
}

/* ---- a POST that the host answers ------------------------------------------------------------ */

TEST(a_post_that_the_host_answers_itself_is_not_handled) {
  char head[300];
  start_keeping(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  SAW("open:raw ");
  snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n4a",
           poller.path);
  REQUIRE(raw_open(&poller.post, srv) && raw_send(&poller.post, head, strlen(head)));
  turns();
  answer_kept();
  CHECK(raw_expect(&poller.post, "from the host"));
  raw_send(&poller.post, "bcd", 3);
  turns();
  SAW("");
  REQUIRE(poller_post(&poller, "4next"));
  SAW("text:next ");
  stop();
}

/* ---- hooks with some of the callbacks -------------------------------------------------------- */

static bool eat_x(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)c, (void)binary, (void)user;
  return data.n == 1 && *data.p == 'x';
}

static void on_flush(sio_session *c, void *user) {
  (void)c, (void)user;
  trace("flush ");
}

TEST(hooks_that_use_different_callbacks_are_called_side_by_side) {
  start_raw(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .flush = on_flush }, NULL), 0);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .message = eat_x }, NULL), 0);
  REQUIRE(open_ws(&a, "/raw/"));
  saw();
  REQUIRE(raw_text(&a, "4x") && raw_text(&a, "4y") && raw_expect(&a, "4y"));
  SAW("text:y flush ");
  stop();
}

/* ---- sessions in unusual states -------------------------------------------------------------- */

TEST(an_event_that_is_dropped_because_the_queue_is_full_is_not_a_volatile_one) {
  static char big[8000];
  sio_stats st;
  memset(big, 'b', sizeof big);
  start_raw(
      &(sio_options){ .queue_high = 20000, .queue_low = 10000, .when_full = SIO_FULL_DROP_OLDEST });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  int err = 0;
  for (int i = 0; i < 10 && err != SIO_EDROPPED; i++)
    err = sio_session_send(session, 0, false, slice(big, sizeof big));
  for (int i = 0; i < 30; i++) {
    int dropped = sio_session_send(session, 0, false, slice(big, sizeof big));
    CHECK(dropped == 0 || dropped == SIO_EDROPPED);
  }
  sio_server_get_stats(srv, &st, sizeof st);
  CHECK(st.events_dropped > 0);
  EQ(st.volatile_dropped, 0);
  EQ(sio_session_send(session, SIO_VOLATILE, false, sio_text("v")), SIO_EDROPPED);
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.volatile_dropped, 1);
  stop();
}

TEST(a_server_without_websockets_offers_no_upgrade) {
  start(&(sio_options){ .transports = SIO_POLLING });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&a, "\"upgrades\":[]"));
  stop();
  start(&(sio_options){ .no_upgrades = true });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&a, "\"upgrades\":[]"));
  stop();
}

TEST(a_round_trip_too_long_for_32_bits_is_shown_as_the_most_they_hold) {
  start(&(sio_options){ .ping_interval_ms = 1000, .ping_timeout_ms = 100000000 });
  REQUIRE(open_ws(&a, "/socket.io/"));
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_begin }, NULL);
  REQUIRE(open_ws(&b, "/socket.io/") && session);
  later(1000);
  REQUIRE(raw_expect(&b, "2"));
  session->ping_at -= (uint64_t)3 * 3600 * 1000000000; /* the ping was sent three hours ago */
  REQUIRE(raw_text(&b, "3"));
  turns();
  CHECK(sio_session_info_of(session).rtt_us == UINT32_MAX);
  stop();
}

TEST(a_probe_of_protocol_3_may_not_be_an_empty_binary_message) {
  static const struct {
    const char *p;
    size_t n;
  } bad[] = { { "", 0 }, { "\7", 1 }, { "\2probe", 6 }, { "\2", 1 } };
  for (size_t i = 0; i < 4; i++) {
    char url[160];
    sio_stats st;
    start(&(sio_options){ .allow_eio3 = true });
    sio_on_engine(srv, &(sio_engine_hooks){ .open = on_begin }, NULL);
    REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=3&transport=polling") &&
            raw_expect(&a, "sid") && session);
    snprintf(url, sizeof url, "/socket.io/?EIO=3&transport=websocket&sid=%s",
             sio_session_info_of(session).id);
    REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, url) && raw_frame(&b, 0x82, bad[i].p, bad[i].n));
    turns();
    sio_server_get_stats(srv, &st, sizeof st);
    EQ(st.upgrades_failed, 1);
    EQ(st.sessions, 1);
    stop();
  }
}

static void close_at_upgrade_answer(sio_request *r, bool initial, void *user) {
  (void)r, (void)user;
  if (!initial && session) sio_session_close(session, NULL);
}

static void on_upgraded(sio_session *c, void *user) {
  (void)c, (void)user;
  trace("upgraded ");
}

TEST(a_session_that_is_closed_while_its_last_poll_is_answered_does_not_report_its_upgrade) {
  char url[200];
  start_raw(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .upgrade = on_upgraded }, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  snprintf(url, sizeof url, "/raw/?EIO=4&transport=websocket&sid=%s", poller.sid);
  REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, url) && raw_text(&b, "2probe") &&
          raw_expect(&b, "3probe"));
  REQUIRE(poller_get(&poller));
  turns();
  EQ(sio_on_engine_headers(srv, close_at_upgrade_answer, NULL), 0);
  REQUIRE(raw_text(&b, "5"));
  turns();
  SAW("open:raw close:forced close/0/ ");
  CHECK(raw_expect(&b, "\x88"));
  stop();
}

static void set_short_header(sio_request *r, bool initial, void *user) {
  (void)initial, (void)user;
  EQ(sio_respond_header(r, "X-A", "1"), 0);
}

static void choose_protocol(sio_request *r, bool initial, void *user) {
  (void)initial, (void)user;
  EQ(sio_respond_header(r, "Sec-WebSocket-Protocol", "second"), 0);
}

static const char offers[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Protocol: first, second\r\n";

TEST(the_first_subprotocol_is_accepted_unless_the_header_hook_has_chosen_one) {
  static const struct {
    sio_headers_cb hook;
    const char *want;
  } all[] = { { set_short_header, "Sec-WebSocket-Protocol: first\r\n" },
              { choose_protocol, "Sec-WebSocket-Protocol: second\r\n" } };
  for (size_t i = 0; i < 2; i++) {
    start(NULL);
    EQ(sio_on_engine_headers(srv, all[i].hook, NULL), 0);
    REQUIRE(raw_open(&a, srv) &&
            raw_request(&a, "GET", "/socket.io/?EIO=4&transport=websocket", offers, NULL));
    CHECK(raw_expect(&a, all[i].want));
    CHECK(!memmem(a.in + a.seen, a.n - a.seen, "Sec-WebSocket-Protocol", 22));
    stop();
  }
}

TESTS_BEGIN
T(the_first_subprotocol_is_accepted_unless_the_header_hook_has_chosen_one)
T(a_poll_that_the_host_answers_itself_takes_nothing_of_the_queue)
T(a_poll_that_the_flush_hook_answers_takes_nothing_of_the_queue)
T(a_queue_that_is_full_because_the_flush_hook_has_answered_the_poll_is_not_writable)
T(a_queue_that_the_header_hook_fills_again_is_not_writable)
T(a_queue_that_the_drain_hook_fills_again_is_not_writable)
T(a_queue_that_the_header_hook_fills_when_another_request_arrives_is_not_writable)
T(a_queue_is_not_drained_if_the_flush_hook_has_answered_the_poll)
T(a_queue_that_the_header_hook_fills_again_is_drained_by_the_next_poll)
T(a_queue_is_drained_also_by_the_poll_that_is_answered_for_an_upgrade)
T(a_post_that_the_host_answers_itself_is_not_handled)
T(hooks_that_use_different_callbacks_are_called_side_by_side)
T(an_event_that_is_dropped_because_the_queue_is_full_is_not_a_volatile_one)
T(a_server_without_websockets_offers_no_upgrade)
T(a_round_trip_too_long_for_32_bits_is_shown_as_the_most_they_hold)
T(a_probe_of_protocol_3_may_not_be_an_empty_binary_message)
T(a_session_that_is_closed_while_its_last_poll_is_answered_does_not_report_its_upgrade)
TESTS_END
