/* SPDX-License-Identifier: MIT
 *
 * test_engine.c - engines without Socket.IO: messages, their end, and several engines of one
 * server.
 */
#include "engine_rig.h"

/* ---- messages ------------------------------------------------------------------------------ */

TEST(messages_go_both_ways_over_websocket) {
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  SAW("open:raw ");
  REQUIRE(raw_text(&a, "4hello") && raw_expect(&a, "\x81\x06"
                                                   "4hello"));
  REQUIRE(raw_frame(&a, 0x82, "\1\2", 2) && raw_expect(&a, "\x82\x02\1\2"));
  REQUIRE(raw_text(&a, "4") && raw_expect(&a, "\x81\x01"
                                              "4"));
  SAW("text:hello bytes:\1\2 text: ");
  REQUIRE(raw_text(&a, "1") && raw_expect_n(&a, "\x88\0", 2));
  SAW("close:transport close/0/ ");
  stop();
}

TEST(messages_go_both_ways_over_polling) {
  start_raw(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/") &&
          poller_post(&poller, "4hello\x1e"
                               "bAQI=") &&
          poller_get(&poller));
  CHECK(raw_expect(&poller.get, "\r\n\r\n4hello\x1e"
                                "bAQI="));
  SAW("open:raw text:hello bytes:\1\2 ");
  stop();
}

TEST(a_body_of_more_packets_than_may_be_ends_the_session_behind_the_last_of_them) {
  start_raw(&(sio_options){ .max_payload_packets = 3 });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  SAW("open:raw ");
  REQUIRE(poller_post(&poller, "4a\x1e"
                               "4b\x1e"
                               "4c"));
  SAW("text:a text:b text:c ");
  CHECK(poller_post(&poller, "4d\x1e"
                             "4e\x1e"
                             "4f\x1e"
                             "4g"));
  turns();
  SAW("text:d text:e text:f close:parse error/0/ ");
  stop();
}

TEST(connecting_to_no_namespace_is_no_fault_here) {
  start_raw(&(sio_options){ .connect_timeout_ms = 1 });
  REQUIRE(open_ws(&a, "/raw/"));
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + 1000);
  REQUIRE(raw_text(&a, "4x") && raw_expect(&a, "4x"));
  stop();
}

TEST(text_that_is_none_and_sessions_that_are_over_take_nothing) {
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  EQ(sio_session_send(session, 0, false, sio_text("\xff")), UV_EINVAL);
  EQ(sio_session_send(session, 0, true, sio_text("\xff")), 0);
  EQ(sio_session_send(session, 0, true, (sio_slice){ name, (size_t)UINT32_MAX }), SIO_ETOOBIG);
  alloc_fail_all();
  static char big[1000];
  EQ(sio_session_send(session, 0, true, (sio_slice){ big, sizeof big }), UV_ENOMEM);
  alloc_fail_in(0);
  sio_session *c = session;
  sio_session_close(c, NULL);
  EQ(sio_session_info_of(c).state, SIO_SESSION_CLOSED);
  EQ(sio_session_send(c, 0, false, sio_text("x")), SIO_ECLOSED);
  turns();
  CHECK(raw_expect(&a, "\x82\x01\xff"));
  stop();
}

TEST(volatile_messages_are_for_who_is_ready) {
  start_raw(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  CHECK(!sio_session_info_of(session).writable);
  EQ(sio_session_send(session, SIO_VOLATILE, false, sio_text("x")), SIO_EDROPPED);
  EQ(srv->core.stats.volatile_dropped, 1);
  REQUIRE(poller_get(&poller));
  turns();
  CHECK(sio_session_info_of(session).writable);
  EQ(sio_session_send(session, SIO_VOLATILE, false, sio_text("y")), 0);
  CHECK(raw_expect(&poller.get, "\r\n\r\n4y"));
  stop();
}

TEST(whole_messages_are_dropped_for_who_does_not_read) {
  start_raw(
      &(sio_options){ .queue_high = 20000, .queue_low = 10000, .when_full = SIO_FULL_DROP_OLDEST });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  for (int i = 0; i < 60; i++) EQ(sio_session_send(session, 0, false, sio_text("message")), 0);
  CHECK(srv->core.stats.events_dropped > 0);
  turns();
  CHECK(strstr(traced, "drop:"));
  traced[0] = '\0';
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4message"));
  SAW("writable ");
  stop();
}

TEST(past_max_queued_it_is_closed) {
  static char big[4000];
  start_raw(&(sio_options){ .max_queued = 20000 });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  sio_session *c = session;
  int err = 0;
  for (int i = 0; i < 10 && !err; i++)
    err = sio_session_send(c, 0, true, (sio_slice){ big, sizeof big });
  EQ(err, SIO_ETOOBIG);
  turns();
  SAW("open:raw close:forced close/0/ ");
  stop();
}

TEST(a_session_moves_to_websocket_and_says_so) {
  start_raw(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  REQUIRE(poller_upgrade(&poller, &b, "/raw/"));
  CHECK(sio_session_info_of(session).upgrading && !sio_session_info_of(session).upgraded);
  EQ(sio_session_send(session, 0, false, sio_text("early")), 0);
  REQUIRE(raw_text(&b, "2probe") && raw_expect(&b, "3probe") && raw_text(&b, "5") &&
          raw_expect(&b, "4early"));
  CHECK(!sio_session_info_of(session).upgrading && sio_session_info_of(session).upgraded);
  EQ_STR(sio_session_info_of(session).transport, "websocket");
  stop();
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(codes_and_texts_of_close_frames_go_both_ways) {
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  REQUIRE(raw_frame(&a, 0x88, "\x0f\xa1so long", 9) && raw_expect(&a, "\x88\x02\x0f\xa1"));
  raw_close(&a);
  turns();
  SAW("open:raw close:transport close/4001/so long ");
  REQUIRE(open_ws(&a, "/raw/"));
  sio_session_close(session, &(sio_session_close_options){ .ws_code = 4002, .ws_text = "enough" });
  turns();
  SAW("open:raw close:forced close/4002/ ");
  CHECK(raw_expect(&a, "\x88\x08\x0f\xa2"
                       "enough"));
  stop();
}

TEST(a_close_may_drop_what_is_queued) {
  start_raw(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  EQ(sio_session_send(session, 0, false, sio_text("lost")), 0);
  sio_session_close(session, &(sio_session_close_options){ .discard = true });
  turns();
  SAW("open:raw close:forced close/0/ ");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "Session ID unknown"));
  stop();
}

TEST(a_close_keeps_what_is_queued_unless_told_otherwise) {
  start_raw(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  sio_session *c = session;
  EQ(sio_session_send(c, 0, false, sio_text("kept")), 0);
  sio_session_close(c, NULL);
  EQ(sio_session_info_of(c).state, SIO_SESSION_CLOSING);
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4kept"));
  stop();
}

TEST(a_server_that_closes_or_drains_ends_them) {
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  EQ(srv->core.stats.sessions, 1);
  EQ(sio_server_drain(srv, NULL, on_done, NULL), 0);
  later(1);
  SAW("open:raw close:server shutting down/0/ ");
  raw_close(&a);
  later(100);
  uv_run(&uv, UV_RUN_DEFAULT);
  CHECK(closed);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  stop();
  SAW("open:raw close:server shutting down/0/ ");
}

/* ---- several engines ------------------------------------------------------------------------- */

TEST(engines_of_one_server_do_not_disturb_each_other) {
  static char longer[] = "longer";
  start_raw(NULL);
  EQ(sio_engine_route(srv, "/raw/longer/", &echo, longer), 0);
  REQUIRE(open_ws(&a, "/raw/longer/"));
  SAW("open:longer ");
  sio_session *one = session;
  REQUIRE(open_ws(&b, "/socket.io/") && raw_text(&b, "40") && raw_expect(&b, "40{"));
  raw_close(&b);
  REQUIRE(open_ws(&b, "/raw/"));
  SAW("open:raw ");
  EQ(sio_session_send(one, 0, false, sio_text("to one")), 0);
  EQ(sio_session_send(session, 0, false, sio_text("to the other")), 0);
  CHECK(raw_expect(&a, "4to one") && raw_expect(&b, "4to the other"));
  CHECK(sio_session_info_of(one).server == srv);
  sio_session_close(one, NULL);
  stop();
  SAW("close:forced close/0/ close:server shutting down/0/ ");
}

TEST(an_engine_whose_host_does_not_listen_works_all_the_same) {
  start(NULL);
  EQ(sio_engine_route(srv, "/deaf/", &(sio_engine_callbacks){ 0 }, NULL), 0);
  REQUIRE(open_ws(&a, "/deaf/") && raw_text(&a, "4x") && raw_text(&a, "1"));
  CHECK(raw_expect_n(&a, "\x88\0", 2));
  stop();
}

static void count(sio_session *c, void *user) {
  (void)c;
  ++*(int *)user;
}

static void hang_up(sio_session *c, void *user) {
  (void)user;
  sio_session_close(c, NULL);
}

TEST(the_open_sessions_can_be_walked) {
  int n = 0;
  start_raw(NULL);
  sio_sessions(srv, count, &n);
  EQ(n, 0);
  REQUIRE(open_ws(&a, "/raw/") && open_ws(&b, "/socket.io/"));
  sio_sessions(srv, count, &n);
  EQ(n, 2);
  EQ(sio_session_data(session) == name, true);
  sio_sessions(srv, hang_up, NULL);
  n = 0;
  sio_sessions(srv, count, &n);
  EQ(n, 0);
  session = NULL;
  raw_turn(&a);
  stop();
}

TEST(an_engine_may_take_the_place_of_socket_io) {
  start(NULL);
  EQ(sio_engine_route(srv, NULL, &echo, name), 0);
  REQUIRE(open_ws(&a, "/socket.io/") && raw_text(&a, "40") &&
          raw_expect(&a, "\x81\2"
                         "40"));
  SAW("open:raw text:0 ");
  stop();
}

TEST(paths_that_are_none_or_taken_are_refused) {
  start_raw(NULL);
  EQ(sio_engine_route(srv, "raw", &echo, NULL), UV_EINVAL);
  EQ(sio_engine_route(srv, "/a?b", &echo, NULL), UV_EINVAL);
  EQ(sio_engine_route(srv, "/x", NULL, NULL), UV_EINVAL);
  EQ(sio_engine_route(srv, "/raw//", &echo, NULL), SIO_EEXISTS);
  EQ(sio_engine_route(srv, NULL, &echo, NULL), 0);
  EQ(sio_engine_route(srv, "/socket.io", &echo, NULL), SIO_EEXISTS);
  int err = UV_ENOMEM;
  for (unsigned i = 1; err; i++) {
    alloc_fail_in(i);
    err = sio_engine_route(srv, "/y", &echo, NULL);
    alloc_fail_in(0);
    if (err || i < 3) EQ(err, UV_ENOMEM);
  }
  sio_server_close(srv, on_done, NULL);
  EQ(sio_engine_route(srv, "/z", &echo, NULL), SIO_ESTATE);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static void look(sio_session *c, void *user) {
  (void)user;
  EQ(sio_session_set_data(c, name), UV_ENOTSUP);
  CHECK(!sio_session_data(c));
  EQ(sio_session_send(c, 0, false, sio_text("2[\"by hand\"]")), 0);
}

TEST(sessions_of_socket_io_have_no_pointer_but_take_messages) {
  start(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = look }, NULL), 0);
  REQUIRE(open_ws(&a, "/socket.io/") && raw_expect(&a, "42[\"by hand\"]"));
  stop();
}

/* ---- what a host may ask and be asked ------------------------------------------------------ */

static uint64_t unix_ms(void) {
  uv_timeval64_t tv;
  uv_gettimeofday(&tv);
  return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

TEST(a_session_tells_when_and_how_it_came_and_how_far_it_is) {
  uint64_t before = unix_ms();
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  CHECK(sio_session_info_of(session).opened_ms >= before &&
        sio_session_info_of(session).opened_ms <= unix_ms());
  CHECK(!sio_session_info_of(session).ping_pending);
  EQ(sio_session_sockets(session, NULL, 0), 0);
  CHECK(sio_session_info_of(session).xdomain); /* the client sends an Origin */
  CHECK(!sio_session_info_of(session).secure);
  EQ_STR(sio_session_info_of(session).address, "");
  EQ(sio_session_info_of(session).rtt_us, 0);
  REQUIRE(raw_text(&a, "3")); /* one that nobody asked for says nothing */
  turns();
  EQ(sio_session_info_of(session).rtt_us, 0);
  uint64_t asked = uv_hrtime();
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + 25000);
  REQUIRE(raw_expect(&a, "\x81\x01"
                         "2"));
  CHECK(sio_session_info_of(session).ping_pending);
  uv_sleep(2);
  REQUIRE(raw_text(&a, "3"));
  turns();
  CHECK(!sio_session_info_of(session).ping_pending);
  CHECK(sio_session_info_of(session).rtt_us >= 2000);
  CHECK(sio_session_info_of(session).rtt_us <= (uv_hrtime() - asked) / 1000);
  stop();
}

TEST(a_page_of_the_same_origin_is_no_other_domain) {
  start_raw(NULL);
  static const char get[] = "GET /raw/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(raw_open(&a, srv) && raw_send(&a, get, sizeof get - 1) && raw_expect(&a, "0{"));
  CHECK(!sio_session_info_of(session).xdomain);
  stop();
}

static void allow(sio_request *r, sio_next *next, void *user) {
  (void)r;
  trace("%s ", (const char *)user);
  sio_next_ok(next);
}

static int make_id(sio_request *r, char out[64], void *user) {
  (void)r;
  trace("%s ", (const char *)user);
  strcpy(out, "an-id");
  return 0;
}

static void on_refused(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r;
  trace("%s:%d ", (const char *)user, e->code);
}

static const char *logger;

static void on_line(const sio_log_line *l, void *user) {
  (void)l;
  logger = user;
}

TEST(each_callback_of_the_options_is_handed_its_own_pointer) {
  static char users[4][8] = { "allow", "id", "error", "log" };
  start_raw(&(sio_options){ .allow_request = allow,
                            .allow_request_user = users[0],
                            .generate_id = make_id,
                            .generate_id_user = users[1],
                            .connection_error = on_refused,
                            .connection_error_user = users[2],
                            .log = on_line,
                            .log_user = users[3],
                            .log_level = SIO_LOG_INFO });
  REQUIRE(open_ws(&a, "/raw/"));
  SAW("allow id open:raw ");
  EQ_STR(logger, "log");
  REQUIRE(raw_open(&b, srv) && raw_get(&b, "/raw/?EIO=4&transport=tobi") &&
          raw_expect(&b, "Transport unknown"));
  SAW("error:0 ");
  stop();
}

static void on_plain_open(sio_ws *w, void *user) { sio_ws_set_data(w, user); }

static void on_plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  static char big[1 << 20];
  (void)binary, (void)data, (void)user;
  trace("%s ", (const char *)sio_ws_data(w));
  EQ(sio_ws_info_of(w).queued, 0);
  EQ(sio_ws_send(w, true, (sio_slice){ big, sizeof big }), 0);
  CHECK(sio_ws_info_of(w).queued > sizeof big);
}

TEST(a_plain_websocket_has_a_pointer_of_its_hosts_and_tells_what_waits) {
  static const sio_ws_callbacks cbs = { .open = on_plain_open, .message = on_plain_message };
  start(NULL);
  EQ(sio_ws_route(srv, "/plain", &cbs, name), 0);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/plain") && raw_text(&a, "x"));
  turns();
  SAW("raw ");
  for (int i = 0; i < 200; i++) {
    raw_turn(&a);
    a.n = a.seen = 0;
  }
  REQUIRE(raw_text(&a, "x"));
  turns();
  SAW("raw "); /* all of the first had left */
  stop();
}

TESTS_BEGIN
T(messages_go_both_ways_over_websocket)
T(messages_go_both_ways_over_polling)
T(a_body_of_more_packets_than_may_be_ends_the_session_behind_the_last_of_them)
T(connecting_to_no_namespace_is_no_fault_here)
T(text_that_is_none_and_sessions_that_are_over_take_nothing)
T(volatile_messages_are_for_who_is_ready)
T(whole_messages_are_dropped_for_who_does_not_read)
T(past_max_queued_it_is_closed)
T(a_session_moves_to_websocket_and_says_so)
T(codes_and_texts_of_close_frames_go_both_ways)
T(a_close_may_drop_what_is_queued)
T(a_close_keeps_what_is_queued_unless_told_otherwise)
T(a_server_that_closes_or_drains_ends_them)
T(engines_of_one_server_do_not_disturb_each_other)
T(an_engine_whose_host_does_not_listen_works_all_the_same)
T(the_open_sessions_can_be_walked)
T(an_engine_may_take_the_place_of_socket_io)
T(paths_that_are_none_or_taken_are_refused)
T(sessions_of_socket_io_have_no_pointer_but_take_messages)
T(a_session_tells_when_and_how_it_came_and_how_far_it_is)
T(a_page_of_the_same_origin_is_no_other_domain)
T(each_callback_of_the_options_is_handed_its_own_pointer)
T(a_plain_websocket_has_a_pointer_of_its_hosts_and_tells_what_waits)
TESTS_END
