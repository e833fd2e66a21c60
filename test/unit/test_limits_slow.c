/* SPDX-License-Identifier: MIT
 *
 * test_limits_slow.c - peers whose packets arrive slowly, or are read late because of a limit; and
 * limits that are reached while a request waits.
 */
#include "limits_rig.h"

static unsigned events;

static void on_bytes(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  events++;
}

static void start_with_bytes(sio_options o) {
  sio_nsp *root;
  events = 0;
  start(o);
  EQ(sio_of(srv, "/", &root), 0);
  EQ(sio_on(root, "bytes", on_bytes, NULL), 0);
}

static const char announced[] = "451-[\"bytes\",{\"_placeholder\":true,\"num\":0}]";

/* ---- attachments -------------------------------------------------------------------------- */

TEST(an_attachment_in_a_post_has_time_as_long_as_it_arrives) {
  char head[300];
  start_with_bytes((sio_options){ .packet_timeout_ms = 1000 });
  const char *query = polling(&peers[0]);
  CHECK(raw_request(&peers[0], "POST", query, "", announced) && raw_expect(&peers[0], "ok"));
  snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", query);
  CHECK(raw_open(&peers[1], srv) && raw_send(&peers[1], head, strlen(head)));
  for (int i = 0; i < 4; i++) {
    CHECK(raw_send(&peers[1], &"bAAAA"[i], 1));
    later(900);
  }
  EQ(disconnects, 0);
  later(2500); /* nothing arrives any more */
  EQ(disconnects, 1);
  EQ(left.err, SIO_ETIMEOUT);
  EQ(events, 0);
  stop();
}

TEST(an_attachment_over_websocket_has_time_as_long_as_it_arrives) {
  struct wire frame = { 0 };
  start_with_bytes((sio_options){ .packet_timeout_ms = 1000 });
  struct raw *c = joined(0);
  CHECK(raw_text(c, announced));
  wire_frame(&frame, 0x82, "0123456789", 10);
  CHECK(raw_send(c, frame.p, 6)); /* its header */
  for (size_t i = 6; i < 12; i++) {
    CHECK(raw_send(c, frame.p + i, 1));
    later(700);
  }
  EQ(disconnects, 0);
  CHECK(raw_send(c, frame.p + 12, frame.n - 12));
  turns();
  EQ(events, 1);
  CHECK(raw_text(c, announced));
  CHECK(raw_send(c, frame.p, 9));
  later(3500);
  EQ(disconnects, 1);
  EQ(left.err, SIO_ETIMEOUT);
  wire_clear(&frame);
  stop();
}

TEST(an_attachment_that_is_not_read_because_of_a_limit_is_not_late) {
  struct wire frames = { 0 };
  start_with_bytes((sio_options){ .packet_timeout_ms = 100, .packets_per_s = 2 });
  struct raw *c = joined(0);
  later(1000);
  wire_frame(&frames, 0x81, "42[\"x\"]", 7);
  wire_frame(&frames, 0x81, "42[\"x\"]", 7);
  wire_frame(&frames, 0x81, announced, sizeof announced - 1);
  wire_frame(&frames, 0x82, "x", 1);
  CHECK(raw_send(c, frames.p, frames.n));
  later(3000);
  EQ(disconnects, 0);
  EQ(events, 1);
  wire_clear(&frames);
  stop();
}

/* Makes the server stop reading because of high_water. Replies to the peer's own packets would make
 * it pause the session instead. */
static void emit_past_high_water(void) {
  static char text[256 << 10];
  sio_nsp *root;
  memset(text, 'x', sizeof text - 1);
  EQ(sio_of(srv, "/", &root), 0);
  for (int i = 0; i < 4; i++)
    EQ(sio_broadcast((sio_target){ .nsp = root }, "x", SIO_ARGS(text)), 0);
  turns();
}

static void read_all(struct raw *c) {
  for (int i = 0; i < 200; i++) {
    raw_turn(c);
    c->n = c->seen = 0;
  }
}

TEST(an_attachment_that_is_not_read_because_its_peer_does_not_read_is_not_late) {
  start_with_bytes((sio_options){ .packet_timeout_ms = 1000, .high_water = 64 << 10 });
  struct raw *c = joined(0);
  CHECK(raw_text(c, announced));
  turns();
  emit_past_high_water();
  CHECK(raw_frame(c, 0x82, "x", 1));
  later(3500);
  EQ(disconnects, 0);
  EQ(events, 0);
  read_all(c);
  EQ(events, 1);
  stop();
}

/* ---- limits that are reached meanwhile ------------------------------------------------------- */

static sio_next *waiting[2];
static unsigned nwaiting;

static void allow_later(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  waiting[nwaiting++] = next;
}

TEST(of_two_handshakes_that_wait_only_one_is_opened_where_one_is_allowed) {
  nwaiting = 0;
  start((sio_options){
      .max_per_address = 1, .trusted_proxies = unix_proxies, .allow_request = allow_later });
  for (int i = 0; i < 2; i++) {
    CHECK(raw_open(&peers[i], srv));
    get_as(&peers[i], POLL, "X-Forwarded-For: 192.0.2.1\r\n");
  }
  turns();
  EQ(nwaiting, 2);
  sio_next_ok(waiting[0]);
  sio_next_ok(waiting[1]);
  CHECK(raw_expect(&peers[0], "\"sid\""));
  CHECK(raw_expect(&peers[1], "429"));
  EQ(stats().sessions_opened, 1);
  stop();
}

TEST(the_callback_for_a_limit_may_end_the_session_of_a_probe) {
  char url[200];
  start((sio_options){ .packets_per_s = 3 });
  const char *query = polling(&peers[0]);
  snprintf(url, sizeof url, "%s", query);
  char *kind = strstr(url, "polling");
  memmove(kind + 9, kind + 7, strlen(kind + 7) + 1);
  memcpy(kind, "websocket", 9);
  CHECK(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], url));
  ends_who_is_limited = true;
  how_it_ends = &(const sio_session_close_options){ .discard = true };
  for (int i = 0; i < 20; i++) raw_text(&peers[1], "2probe");
  turns();
  EQ(disconnects, 1);
  EQ(stats().upgrades_failed, 1);
  stop();
}

TEST(a_client_of_protocol_3_that_is_read_again_has_time_for_its_ping) {
  static const char url[] = "/socket.io/?EIO=3&transport=websocket";
  start((sio_options){
      .packets_per_s = 2, .allow_eio3 = true, .ping_interval_ms = 1000, .ping_timeout_ms = 1000 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, url) && raw_expect(c, "40"));
  for (int i = 0; i < 12; i++) CHECK(raw_text(c, "42[\"n\",1]"));
  later(4000); /* longer than both times: it is paused for most of it */
  EQ(disconnects, 0);
  later(8000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

TEST(a_session_that_closes_while_it_is_paused_is_not_read_again) {
  start((sio_options){ .packets_per_s = 2 });
  const char *query = polling(&peers[0]);
  CHECK(raw_open(&peers[1], srv) && raw_request(&peers[1], "POST", query, "",
                                                "42[\"n\",1]\x1e"
                                                "42[\"n\",2]\x1e"
                                                "42[\"n\",3]\x1e"
                                                "42[\"n\",4]"));
  turns();
  unsigned before = got;
  CHECK(before < 4);
  list_each (it, next, &srv->eio.all) sio_session_close(container_of(it, sio_session, link), NULL);
  later(3000);
  EQ(got, before);
  CHECK(raw_get(&peers[0], query) && raw_expect(&peers[0], "6\x1e"
                                                           "1"));
  stop();
}

/* ---- messages that are too big ------------------------------------------------------------ */

static void is_closed_with(int code, const char *detail) {
  turns();
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_TRANSPORT_ERROR);
  EQ(left.err, SIO_ETOOBIG);
  EQ(left.ws_code, code);
  EQ_STR(left.detail, detail);
}

TEST(a_session_that_ends_because_of_too_many_frames_says_so) {
  start((sio_options){ .max_fragments = 2 });
  struct raw *c = joined(0);
  CHECK(raw_frame(c, 0x01, "4", 1) && raw_frame(c, 0x00, "2", 1) && raw_frame(c, 0x80, "[]", 2));
  is_closed_with(1008, "the message has more than max_fragments frames");
  stop();
}

TEST(a_session_that_ends_because_of_too_many_bytes_says_so_in_the_words_of_node_js) {
  static char big[2000];
  start((sio_options){ .max_payload = 1000 });
  CHECK(raw_frame(joined(0), 0x81, big, sizeof big));
  is_closed_with(1009, "Max payload size exceeded");
  stop();
}

/* ---- WebSockets of the host --------------------------------------------------------------- */

static sio_ws *plain;
static int send_result;

static void on_plain_open(sio_ws *w, void *user) {
  (void)user;
  plain = w;
}

static void close_and_send(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)binary, (void)user;
  sio_ws_close(w, 1000, NULL);
  send_result = sio_ws_send(w, false, data);
}

static void start_plain(sio_options o) {
  static const sio_ws_callbacks cbs = { .open = on_plain_open,
                                        .message = close_and_send,
                                        .close = plain_close };
  start(o);
  plain = NULL;
  EQ(sio_ws_route(srv, "/closing", &cbs, NULL), 0);
  CHECK(raw_open(&peers[0], srv) && raw_upgrade(&peers[0], "/closing") && plain);
}

TEST(nothing_is_sent_on_a_websocket_that_closes) {
  start_plain((sio_options){ 0 });
  send_result = 0;
  CHECK(raw_text(&peers[0], "hello"));
  turns();
  EQ(send_result, SIO_ECLOSED);
  CHECK(raw_expect_n(&peers[0], "\x88\2\x03\xe8", 4));
  EQ(peers[0].n, peers[0].seen);
  stop();
}

TEST(a_message_that_is_too_big_is_an_error_of_the_transport) {
  static char big[2000];
  start_plain((sio_options){ .max_payload = 1000 });
  CHECK(raw_frame(&peers[0], 0x82, big, sizeof big));
  turns();
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_TRANSPORT_ERROR);
  EQ(left.err, SIO_ETOOBIG);
  EQ(left.ws_code, 1009);
  stop();
}

TEST(of_messages_that_come_together_none_is_delivered_after_the_limit_that_closes) {
  struct wire frames = { 0 };
  start((sio_options){ .packets_per_s = 2, .when_limited = SIO_LIMITED_CLOSE });
  CHECK(raw_open(&peers[0], srv) && raw_upgrade(&peers[0], "/plain"));
  for (int i = 0; i < 8; i++) wire_frame(&frames, 0x81, "hello", 5);
  CHECK(raw_send(&peers[0], frames.p, frames.n));
  turns();
  EQ(got, 2);
  EQ(disconnects, 1);
  EQ_STR(told, "packets_per_s closed ");
  wire_clear(&frames);
  stop();
}

TESTS_BEGIN
T(an_attachment_in_a_post_has_time_as_long_as_it_arrives)
T(an_attachment_over_websocket_has_time_as_long_as_it_arrives)
T(an_attachment_that_is_not_read_because_of_a_limit_is_not_late)
T(an_attachment_that_is_not_read_because_its_peer_does_not_read_is_not_late)
T(of_two_handshakes_that_wait_only_one_is_opened_where_one_is_allowed)
T(the_callback_for_a_limit_may_end_the_session_of_a_probe)
T(a_client_of_protocol_3_that_is_read_again_has_time_for_its_ping)
T(a_session_that_closes_while_it_is_paused_is_not_read_again)
T(a_session_that_ends_because_of_too_many_frames_says_so)
T(a_session_that_ends_because_of_too_many_bytes_says_so_in_the_words_of_node_js)
T(nothing_is_sent_on_a_websocket_that_closes)
T(a_message_that_is_too_big_is_an_error_of_the_transport)
T(of_messages_that_come_together_none_is_delivered_after_the_limit_that_closes)
TESTS_END
