/* SPDX-License-Identifier: MIT
 *
 * test_limits.c - a whole server under its limits: what one peer sends, over each transport, and
 * what all peers share.
 */
#include "http/client.h"
#include "limits_rig.h"

/* Replaces the table that the build makes, which is empty in a build without the client. */
const sio_asset sio__client_assets[] = {
  { "socket.io.js", "application/javascript; charset=utf-8", "io()", 4, "\"9.9.9\"" },
  { NULL, NULL, NULL, 0, NULL },
};
const size_t sio__client_assets_count = 1;
const char sio__client_version[] = "9.9.9";

/* ---- what one peer sends --------------------------------------------------------------------- */

static const sio_options ten_packets = { .packets_per_s = 10,
                                         .ping_interval_ms = 1000,
                                         .ping_timeout_ms = 500 };

TEST(a_peer_past_its_packets_is_not_read_until_it_is_within_them_again) {
  start(ten_packets);
  struct raw *c = joined(0);
  count_to(c, 1, 10);
  EQ(got, 10);
  EQ_STR(told, "packets_per_s paused ");
  count_to(c, 11, 20);
  EQ(got, 10);
  later(90);
  EQ(got, 10);
  later(10);
  CHECK(got > 10 && in_order);
  for (int i = 0; i < 20 && got < 20; i++) later(100);
  EQ(got, 20);
  CHECK(in_order);
  EQ(disconnects, 0);
  CHECK(stats().limited >= 1);
  EQ(stats().limited_closed, 0);
  CHECK(strstr(logged, "sends more than packets_per_s") != NULL);
  stop();
}

#ifdef SIO_ZLIB
/* A long event, compressed: a hundredth of the bytes. */
static size_t packed(struct wire *to, int n) {
  static char text[100000];
  static struct msgs home;
  struct deflater *z = sio__deflater_new(&(struct deflate_settings){ 0 });
  struct msg *m = NULL;
  int head = snprintf(text, sizeof text, "42[\"n\",%d,\"", n);
  memset(text + head, 'x', sizeof text - (size_t)head);
  memcpy(text + sizeof text - 2, "\"]", 2);
  sio__msg_allocator_init(&home);
  CHECK(z && sio__deflate(z, DEFLATE_MESSAGE, &home, slice(text, sizeof text), &m) == 1);
  wire_frame(to, 0xc1, msg_data(m), m->len);
  size_t len = m->len;
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  sio__deflater_free(z);
  return len;
}

static struct raw *packs(sio_options o) {
  static const sio_deflate deflate = { 0 };
  struct raw *c = &peers[0];
  o.per_message_deflate = &deflate;
  start(o);
  CHECK(raw_open(c, srv) &&
        raw_request(c, "GET", WS,
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                    NULL) &&
        raw_expect(c, "permessage-deflate") && raw_text(c, "40") && raw_expect(c, "40{"));
  return c;
}

TEST(what_is_inflated_counts_as_bytes) {
  struct raw *c = packs((sio_options){ .bytes_per_s = 50000 });
  struct wire all = { 0 };
  for (int i = 1; i <= 5; i++) CHECK(packed(&all, i) < 1000);
  CHECK(raw_send(c, all.p, all.n));
  turns();
  EQ(got, 1); /* the rest, read with it, is not inflated yet */
  EQ_STR(told, "bytes_per_s paused ");
  EQ(stats().inflated, 1);
  later(1100);
  EQ(got, 2);
  later(10000);
  EQ(got, 5);
  CHECK(in_order);
  EQ(disconnects, 0);
  wire_clear(&all);
  stop();
}

TEST(it_may_close_the_peer_before_anybody_sees_the_message) {
  struct raw *c = packs((sio_options){ .bytes_per_s = 50000, .when_limited = SIO_LIMITED_CLOSE });
  struct wire all = { 0 };
  for (int i = 1; i <= 2; i++) packed(&all, i);
  CHECK(raw_send(c, all.p, all.n));
  turns();
  EQ(got, 0);
  EQ(disconnects, 1);
  EQ_STR(told, "bytes_per_s closed ");
  wire_clear(&all);
  stop();
}
#endif

TEST(others_are_served_meanwhile) {
  start(ten_packets);
  struct raw *flood = joined(0), *other = joined(1);
  count_to(flood, 1, 100);
  unsigned before = got;
  CHECK(before < 100 + 5);
  last_n = 0;
  count_to(other, 1, 5);
  EQ(got, before + 5);
  EQ(last_n, 5);
  stop();
}

TEST(of_what_one_read_brings_only_as_much_is_handled_as_the_limit_allows) {
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = joined(0);
  struct wire all = { 0 };
  char text[40];
  for (int i = 1; i <= 110; i++) {
    snprintf(text, sizeof text, "42[\"n\",%d]", i);
    wire_frame(&all, 0x81, text, strlen(text));
  }
  CHECK(raw_send(c, all.p, all.n));
  wire_clear(&all);
  turns();
  EQ(got, 10); /* and the CONNECT */
  count_to(c, 111, 111);
  later(5000);
  EQ(got, 60);
  later(6000);
  EQ(got, 111);
  EQ(disconnects, 0);
  stop();
}

TEST(a_paused_peer_is_told_of_once_in_ten_seconds) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 12; i++) {
    count_to(c, i * 12 + 1, i * 12 + 12);
    CHECK(raw_text(c, "3"));
    later(400);
  }
  EQ_STR(told, "packets_per_s paused ");
  CHECK(stats().limited > 2);
  later(10000);
  CHECK(raw_text(c, "3"));
  count_to(c, 145, 170);
  stop();
}

TEST(no_heartbeat_is_missed_because_we_do_not_read) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 60; i++) raw_text(c, "42[\"x\"]");
  turns();
  later(4500);
  EQ(disconnects, 0);
  CHECK(raw_expect(c, "\x81\1"
                      "2"));
  CHECK(raw_text(c, "3"));
  later(1000);
  EQ(disconnects, 0);
  stop();
}

TEST(but_one_that_is_read_again_and_says_nothing_is_over) {
  start(ten_packets);
  struct raw *c = joined(0);
  count_to(c, 1, 15);
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

/* Its limits are far: what keeps the server from reading it is that it does not read. */
TEST(one_that_takes_nothing_is_over_although_its_packets_are_counted) {
  start((sio_options){ .packets_per_s = 1000,
                       .ping_interval_ms = 1000,
                       .ping_timeout_ms = 500,
                       .high_water = 1000 });
  static char much[1 << 20];
  sio_nsp *root;
  joined(0);
  memset(much, 'x', sizeof much);
  EQ(sio_of(srv, "/", &root), 0);
  for (int i = 0; i < 8; i++)
    EQ(sio_broadcast((sio_target){ .nsp = root }, "m", SIO_ARGS(sio_strn(much, sizeof much))), 0);
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

TEST(one_that_does_not_poll_is_over_although_its_packets_are_counted) {
  start((sio_options){ .packets_per_s = 1000,
                       .ping_interval_ms = 1000,
                       .ping_timeout_ms = 500,
                       .high_water = 1000 });
  struct raw *c = &peers[0];
  const char *path = polling(c);
  char body[1000] = "";
  sio_nsp *root;
  EQ(sio_of(srv, "/", &root), 0);
  for (int i = 0; i < 30; i++)
    EQ(sio_broadcast((sio_target){ .nsp = root }, "m", SIO_ARGS("a hundred bytes or less")), 0);
  for (int i = 0; i < 30; i++)
    strcat(body, &"\x1e"
                  "42[\"n\",1]"[i == 0]);
  CHECK(raw_request(c, "POST", path, "", body));
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

/* ---- reading that was stopped for another reason than the rate limits ------------------------ */

static const sio_options small_unjoined = { .packets_per_s = 1000,
                                            .ping_interval_ms = 1000,
                                            .ping_timeout_ms = 500,
                                            .max_unjoined = 16384,
                                            .high_water = 32 << 20,
                                            .max_queued = 32 << 20 };

static sio_next *kept_next;

static void keep_next(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  kept_next = next;
}

/* More than the kernel takes. */
static void on_open_fill(sio_session *c, void *user) {
  static char much[8 << 20];
  (void)user;
  memset(much, 'x', sizeof much);
  EQ(sio_session_send(c, 0, false, (sio_slice){ much, sizeof much }), 0);
}

/* Its first CONNECT waits for middleware, and the replies to the others are more than a peer that
 * has not joined may leave unread. */
static void start_with_middleware(bool fills) {
  sio_nsp *root;
  start(small_unjoined);
  EQ(sio_of(srv, "/", &root), 0);
  EQ(sio_use(root, keep_next, NULL), 0);
  if (fills) EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open_fill }, NULL), 0);
}

static void must_end_after_it_has_joined(void) {
  turns();
  sio_next_ok(kept_next);
  later(200);
  EQ(stats().sockets, 1);
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

TEST(one_that_joins_while_its_post_waits_for_polls_is_over_when_it_does_not_answer_a_ping) {
  struct raw *c = &peers[0];
  char body[200 * 6 + 3] = "40", sid[64], query[120];
  start_with_middleware(false);
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(query, sizeof query, POLL "&sid=%s", sid);
  for (int i = 0; i < 200; i++)
    strcat(body, "\x1e"
                 "40/x,");
  CHECK(raw_request(c, "POST", query, "", body));
  must_end_after_it_has_joined();
}

TEST(one_that_joins_while_its_websocket_is_not_read_is_over_when_it_does_not_answer_a_ping) {
  struct raw *c = &peers[0];
  start_with_middleware(true);
  CHECK(raw_open(c, srv) && raw_upgrade(c, WS) && raw_text(c, "40"));
  for (int i = 0; i < 200; i++) CHECK(raw_text(c, "40/x,"));
  must_end_after_it_has_joined();
}

TEST(a_peer_past_its_packets_is_closed_if_that_is_asked_for) {
  sio_options o = ten_packets;
  o.when_limited = SIO_LIMITED_CLOSE;
  start(o);
  struct raw *c = joined(0);
  count_to(c, 1, 9);
  EQ(disconnects, 0);
  count_to(c, 10, 20);
  EQ(got, 9);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_FORCED_CLOSE);
  EQ(left.err, SIO_ELIMIT);
  EQ_STR(left.detail, "the peer sends more than packets_per_s or bytes_per_s");
  EQ_STR(told, "packets_per_s closed ");
  EQ(stats().limited_closed, 1);
  EQ(stats().limited, 0);
  stop();
}

TEST(bytes_count_as_they_come) {
  static char big[3000];
  start((sio_options){ .bytes_per_s = 1000, .bytes_burst = 2000 });
  struct raw *c = joined(0);
  memset(big, 'x', sizeof big);
  memcpy(big, "42[\"n\",1,\"", 10);
  memcpy(big + sizeof big - 2, "\"]", 2);
  CHECK(raw_frame(c, 0x81, big, sizeof big));
  turns();
  EQ(got, 1);
  EQ_STR(told, "bytes_per_s paused ");
  count_to(c, 2, 2);
  later(900);
  EQ(got, 1);
  later(300);
  EQ(got, 2);
  stop();
}

TEST(pings_of_websocket_are_packets) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 40; i++) CHECK(raw_frame(c, 0x89, "p", 1));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  stop();
}

/* Answers whether an allocation failed. */
static bool post_without_allocation(size_t at) {
  char body[400] = "";
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = &peers[0];
  const char *query = polling(c);
  for (int i = 1; i <= 19; i++)
    sprintf(body + strlen(body), "%s42[\"n\",%d]", i > 1 ? "\x1e" : "", i);
  c->n = c->seen = 0;
  alloc_fail_in(at);
  CHECK(raw_request(c, "POST", query, "", body));
  later(2000);
  bool failed = alloc_fuse == 0;
  alloc_fail_in(0);
  if (raw_expect(c, "200 OK")) CHECK(got == 19 || disconnects == 1);
  CHECK(in_order);
  stop();
  return failed;
}

TEST(without_memory_a_post_that_waits_is_handled_whole_or_ends_its_session) {
  size_t at = 1;
  while (post_without_allocation(at)) at++;
  CHECK(at > 3);
}

TEST(over_polling_the_answer_to_a_post_waits) {
  char body[400] = "";
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = &peers[0];
  const char *query = polling(c);
  for (int i = 1; i <= 19; i++)
    sprintf(body + strlen(body), "%s42[\"n\",%d]", i > 1 ? "\x1e" : "", i);
  c->n = c->seen = 0;
  CHECK(raw_request(c, "POST", query, "", body));
  later(900);
  EQ(got, 19);
  raw_turn(c);
  EQ(c->n, 0);
  later(200);
  CHECK(raw_expect(c, "ok"));
  CHECK(raw_request(c, "POST", query, "", "42[\"n\",20]") && raw_expect(c, "200 OK"));
  EQ(got, 20);
  EQ(disconnects, 0);
  EQ_STR(told, "packets_per_s paused ");
  stop();
}

static const char *held_post(struct raw *c) {
  static char body[2000];
  const char *query = polling(c);
  body[0] = '\0';
  for (int i = 0; i < 30; i++)
    strcat(body, i ? "\x1e"
                     "42[\"x\"]"
                   : "42[\"x\"]");
  c->n = c->seen = 0;
  CHECK(raw_request(c, "POST", query, "", body));
  turns();
  raw_turn(c);
  EQ(c->n, 0);
  return query;
}

TEST(a_second_post_meanwhile_breaks_the_protocol) {
  start((sio_options){ .packets_per_s = 10 });
  const char *query = held_post(&peers[0]);
  CHECK(raw_open(&peers[1], srv) && raw_request(&peers[1], "POST", query, "", "42[\"n\",1]"));
  CHECK(raw_expect(&peers[1], "400 Bad Request"));
  CHECK(raw_expect(&peers[0], "200 OK"));
  EQ(disconnects, 1);
  EQ(got, 0);
  stop();
}

TEST(an_end_meanwhile_answers_it) {
  start((sio_options){ .packets_per_s = 10 });
  held_post(&peers[0]);
  sio_session_close(container_of(srv->eio.all.next, sio_session, link), NULL);
  CHECK(raw_expect(&peers[0], "200 OK"));
  later(5000);
  EQ(disconnects, 1);
  stop();
}

/* The event lies in the body of a POST that was handled as far as the limit let it. */
static void read_then_end(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_disconnect(s, true);
  EQ_STR(sio_event_str(e, 0), "read to its end");
  got++;
}

TEST(a_handler_that_ends_the_session_reads_its_event_to_the_end) {
  char body[600] = "";
  sio_nsp *root;
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = &peers[0];
  const char *query = polling(c);
  EQ(sio_of(srv, "/", &root), 0);
  EQ(sio_on(root, "end", read_then_end, NULL), 0);
  for (int i = 0; i < 30; i++) strcat(body, "42[\"x\"]\x1e");
  strcat(body, "42[\"end\",\"read to its end\"]");
  CHECK(raw_request(c, "POST", query, "", body));
  turns();
  EQ(got, 0);
  later(4000);
  EQ(got, 1);
  EQ(disconnects, 1);
  later(5000);
  stop();
}

TEST(a_peer_that_gives_up_waiting_is_gone) {
  start((sio_options){ .packets_per_s = 10 });
  held_post(&peers[0]);
  raw_close(&peers[0]);
  turns();
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_TRANSPORT_ERROR);
  later(5000);
  stop();
}

TEST(a_pause_goes_on_through_the_upgrade) {
  start((sio_options){ .packets_per_s = 10 });
  const char *query = held_post(&peers[0]);
  struct raw *w = &peers[1];
  char path[200];
  snprintf(path, sizeof path, WS "%s", strstr(query, "&sid="));
  CHECK(raw_open(w, srv) && raw_upgrade(w, path) && raw_text(w, "2probe") &&
        raw_expect(w, "3probe") && raw_text(w, "5"));
  count_to(w, 1, 1);
  CHECK(raw_expect(&peers[0], "200 OK"));
  EQ(stats().upgrades, 1);
  later(1900);
  EQ(got, 0);
  later(600); /* 1 CONNECT, 30 events */
  EQ(got, 1);
  EQ(disconnects, 0);
  stop();
}

/* The client sends "5" when its POSTs are answered, and would wait for longer than
 * upgrade_timeout_ms. */
TEST(a_client_that_upgrades_gets_the_answers_to_its_posts_although_it_is_paused) {
  start((sio_options){ .packets_per_s = 10 });
  const char *query = held_post(&peers[0]);
  struct raw *w = &peers[1], *second = &peers[2];
  char path[200];
  snprintf(path, sizeof path, WS "%s", strstr(query, "&sid="));
  CHECK(raw_open(w, srv) && raw_upgrade(w, path) && raw_text(w, "2probe") &&
        raw_expect(w, "3probe"));
  CHECK(raw_expect(&peers[0], "200 OK"));
  CHECK(raw_open(second, srv) && raw_request(second, "POST", query, "", "42[\"n\",1]"));
  CHECK(raw_expect(second, "200 OK"));
  EQ(got, 0);
  CHECK(raw_text(w, "5"));
  count_to(w, 2, 2);
  EQ(stats().upgrades, 1);
  later(1900);
  EQ(got, 0);
  later(900); /* 1 CONNECT, 32 events */
  EQ(got, 2);
  EQ(disconnects, 0);
  stop();
}

TEST(without_limits_nothing_is_counted) {
  start((sio_options){ 0 });
  struct raw *c = joined(0);
  count_to(c, 1, 500);
  EQ(got, 500);
  EQ(container_of(srv->eio.all.next, sio_session, link)->limited, 0);
  EQ(stats().addresses, 0);
  EQ_STR(told, "");
  stop();
}

/* ---- plain WebSockets ------------------------------------------------------------------------ */

TEST(a_plain_websocket_is_paused_too) {
  start((sio_options){ .packets_per_s = 5 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 6; i++) {
    CHECK(raw_text(c, "hello"));
    turns();
  }
  EQ(got, 6);
  EQ_STR(told, "packets_per_s paused ");
  CHECK(raw_text(c, "more"));
  later(190);
  EQ(got, 6);
  later(10);
  EQ(got, 7);
  EQ(disconnects, 0);
  stop();
}

TEST(or_closed) {
  start((sio_options){ .bytes_per_s = 50, .when_limited = SIO_LIMITED_CLOSE });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 6; i++) {
    raw_text(c, "hello");
    turns();
  }
  CHECK(got < 6);
  EQ(disconnects, 1);
  EQ(left.err, SIO_ELIMIT);
  EQ_STR(told, "bytes_per_s closed ");
  CHECK(raw_expect_end(c));
  stop();
}

TEST(a_plain_websocket_that_the_host_closes_for_it_has_no_further_message) {
  start((sio_options){ .packets_per_s = 5 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  ends_who_is_limited = true;
  for (int i = 0; i < 6; i++) {
    CHECK(raw_text(c, "hello"));
    turns();
  }
  EQ_STR(told, "packets_per_s paused ");
  EQ(got, 5);
  stop();
}

TEST(one_that_leaves_while_it_is_paused_leaves_nothing) {
  start((sio_options){ .packets_per_s = 5 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 20; i++) CHECK(raw_text(c, "hello"));
  turns();
  raw_close(c);
  later(5000);
  EQ(disconnects, 1);
  stop();
}

TEST(the_list_of_origins_holds_for_plain_websockets_unless_the_host_says_otherwise) {
  static const char *const origins[] = { "http://other", NULL };
  static const char *const ours[] = { "http://b", NULL };
  start((sio_options){ .allowed_origins = origins });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && !raw_upgrade(c, "/plain"));
  CHECK(strstr(c->in, "403 Forbidden") != NULL);
  CHECK(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], "/open"));
  stop();
  start((sio_options){ .allowed_origins = ours });
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  stop();
}

/* ---- all together ---------------------------------------------------------------------------- */

TEST(of_those_that_ask_for_nothing_the_oldest_makes_room) {
  start((sio_options){ .max_pending = 2 });
  CHECK(raw_open(&peers[0], srv) && raw_open(&peers[1], srv));
  CHECK(raw_send(&peers[0], "GET /wh", 7));
  turns();
  CHECK(raw_open(&peers[2], srv));
  CHECK(raw_expect_end(&peers[0]));
  EQ_STR(told, "1: ");
  is_from(&peers[1], "", "[||plain]");
  /* It has asked: it is no longer one of them. */
  CHECK(raw_open(&peers[3], srv));
  is_from(&peers[2], "", "[||plain]");
  is_from(&peers[3], "", "[||plain]");
  is_from(&peers[1], "", "[||plain]");
  EQ(stats().rejected[SIO_REJECT_PENDING], 1);
  stop();
}

TEST(a_connection_past_max_connections_is_told_of) {
  start((sio_options){ .max_connections = 1 });
  CHECK(raw_open(&peers[0], srv) && !raw_open(&peers[1], srv));
  EQ_STR(told, "0: ");
  EQ(stats().rejected[SIO_REJECT_CONNECTIONS], 1);
  stop();
}

/* ---- requests that are refused --------------------------------------------------------------- */

TEST(refused_requests_make_few_lines_and_one_more_says_how_many_there_were) {
  struct raw *c = &peers[0];
  start((sio_options){ 0 });
  REQUIRE(raw_open(c, srv));
  for (int i = 0; i < 200; i++)
    REQUIRE(raw_get(c, POLL "&sid=x") && raw_expect(c, "Session ID unknown"));
  EQ(stats().engine_refused[SIO_ENGINE_REFUSED_SESSION], 200);
  CHECK(count_lines("Session ID unknown") <= 10);
  EQ(stats().log_lines_left_out + count_lines("Session ID unknown"), 200);
  logged[0] = '\0';
  later(1000);
  EQ(count_lines("refused Engine.IO requests: "), 1);
  CHECK(strstr(logged, "more log lines of this kind were left out in the last second") != NULL);
  stop();
}

TEST(a_refused_request_for_a_session_costs_its_address_what_opening_one_costs) {
  static const char *const from = "X-Forwarded-For: 1.2.3.4\r\n";
  struct raw *c = &peers[0];
  start((sio_options){ .trusted_proxies = unix_proxies, .connects_per_s = 5 });
  REQUIRE(raw_open(c, srv));
  for (int i = 0; i < 5; i++) {
    get_as(c, POLL "&sid=x", from);
    REQUIRE(raw_expect(c, "Session ID unknown"));
  }
  get_as(c, POLL "&sid=x", from);
  REQUIRE(raw_expect(c, "429") && raw_expect_end(c));
  EQ(stats().engine_refused[SIO_ENGINE_REFUSED_SESSION], 5);
  EQ(stats().rejected[SIO_REJECT_SESSIONS], 1);
  stop();
}

static bool asks(const char *path, const char *from, const char *want) {
  char line[60];
  struct raw *c = &peers[1];
  snprintf(line, sizeof line, "X-Forwarded-For: %s\r\n", from);
  if (!raw_open(c, srv)) abort();
  get_as(c, path, line);
  bool heard = raw_expect(c, want);
  raw_close(c);
  return heard;
}

TEST(requests_past_requests_per_s_are_answered_429_whatever_they_are_for) {
  static const char *const paths[] = { "/hello", "/nowhere", "/socket.io/socket.io.js" };
  static const char *const answers[] = { "200 OK", "404 Not Found", "200 OK" };
  start((sio_options){ .trusted_proxies = unix_proxies, .requests_per_s = 3 });
  EQ(sio_route(srv, "GET", "/hello", 0, on_route, NULL), 0);
  for (int i = 0; i < 3; i++) {
    for (int n = 0; n < 3; n++) CHECK(asks(paths[i], "1.2.3.4", answers[i]));
    CHECK(asks(paths[i], "1.2.3.4", "429 Too Many Requests\r\nContent-Length: 0"));
    CHECK(asks(paths[i], "1.2.3.5", answers[i]));
    later(2000);
  }
  EQ(stats().rejected[SIO_REJECT_REQUESTS], 3);
  EQ_STR(told, "7:1.2.3.4 7:1.2.3.4 7:1.2.3.4 ");
  CHECK(count_lines("rejected 1.2.3.4: the address sends requests faster than requests_per_s") > 0);
  stop();
}

TEST(a_request_past_requests_per_s_ends_its_connection) {
  static const char *const from = "X-Forwarded-For: 1.2.3.4\r\n";
  struct raw *c = &peers[0];
  start((sio_options){ .trusted_proxies = unix_proxies, .requests_per_s = 1 });
  REQUIRE(raw_open(c, srv));
  get_as(c, "/nowhere", from);
  CHECK(raw_expect(c, "404"));
  get_as(c, "/nowhere", from);
  CHECK(raw_expect(c, "Retry-After: 1\r\n") && raw_expect_end(c));
  stop();
}

TEST(requests_for_sessions_do_not_count_against_requests_per_s) {
  start((sio_options){ .trusted_proxies = unix_proxies, .requests_per_s = 1 });
  for (int i = 0; i < 5; i++) CHECK(asks(POLL, "1.2.3.4", "200 OK"));
  for (int i = 0; i < 5; i++) upgrade_for(0, WS, "1.2.3.4", "101 Switching");
  EQ(stats().rejected[SIO_REJECT_REQUESTS], 0);
  CHECK(asks("/nowhere", "1.2.3.4", "404"));
  CHECK(asks("/nowhere", "1.2.3.4", "429"));
  stop();
}

/* ---- what all share -------------------------------------------------------------------------- */

/* How many of the namespaces that it asks for a client gets; *fd is its connection. */
static unsigned made_for(const char *from, int *fd) {
  static unsigned n;
  unsigned made = 0;
  struct raw *c = &peers[0];
  char text[40];
  upgrade_for(0, WS, from, "101 Switching");
  for (bool more = true; more && made < 20; made += more) {
    snprintf(text, sizeof text, "40/made-%u,", ++n);
    if (!raw_text(c, text)) abort();
    snprintf(text, sizeof text, "40/made-%u,{", n);
    more = raw_expect(c, text);
  }
  CHECK(strstr(c->in, "Too many namespaces") != NULL);
  *fd = c->fd;
  c->fd = -1;
  raw_close(c);
  return made;
}

TEST(one_address_takes_half_of_the_namespaces_and_leaves_some_for_each_newcomer) {
  static const char *const from[] = { "1.2.3.4", "1.2.3.4", "1.2.3.5", "2001:db8::1", "1.2.3.6" };
  static const unsigned want[] = { 8, 0, 4, 2, 1 };
  sio_nsp *parent;
  int fds[6];
  start((sio_options){ .trusted_proxies = unix_proxies, .max_child_nsps = 16 });
  sio_of_pattern(srv, "/made-*", &parent);
  for (int i = 0; i < 5; i++) EQ(made_for(from[i], &fds[i]), want[i]);
  EQ(stats().child_nsps, 15);
  EQ(stats().nsps_refused, 5);
  CHECK(count_lines("no namespace created: 8 child namespaces exist, 8 of them for the client's "
                    "address (max_child_nsps)") > 0);
  close(fds[0]);
  turns();
  EQ(stats().child_nsps, 7);
  EQ(made_for("1.2.3.7", &fds[5]), 5);
  for (int i = 1; i < 6; i++) close(fds[i]);
  turns();
  EQ(stats().child_nsps, 0);
  stop();
}

TESTS_BEGIN
T(a_peer_past_its_packets_is_not_read_until_it_is_within_them_again)
#ifdef SIO_ZLIB
T(what_is_inflated_counts_as_bytes)
T(it_may_close_the_peer_before_anybody_sees_the_message)
#endif
T(others_are_served_meanwhile)
T(of_what_one_read_brings_only_as_much_is_handled_as_the_limit_allows)
T(a_paused_peer_is_told_of_once_in_ten_seconds)
T(no_heartbeat_is_missed_because_we_do_not_read)
T(but_one_that_is_read_again_and_says_nothing_is_over)
T(one_that_takes_nothing_is_over_although_its_packets_are_counted)
T(one_that_does_not_poll_is_over_although_its_packets_are_counted)
T(one_that_joins_while_its_post_waits_for_polls_is_over_when_it_does_not_answer_a_ping)
T(one_that_joins_while_its_websocket_is_not_read_is_over_when_it_does_not_answer_a_ping)
T(a_peer_past_its_packets_is_closed_if_that_is_asked_for)
T(bytes_count_as_they_come)
T(pings_of_websocket_are_packets)
T(without_memory_a_post_that_waits_is_handled_whole_or_ends_its_session)
T(over_polling_the_answer_to_a_post_waits)
T(a_second_post_meanwhile_breaks_the_protocol)
T(an_end_meanwhile_answers_it)
T(a_handler_that_ends_the_session_reads_its_event_to_the_end)
T(a_peer_that_gives_up_waiting_is_gone)
T(a_pause_goes_on_through_the_upgrade)
T(a_client_that_upgrades_gets_the_answers_to_its_posts_although_it_is_paused)
T(without_limits_nothing_is_counted)
T(a_plain_websocket_is_paused_too)
T(or_closed)
T(a_plain_websocket_that_the_host_closes_for_it_has_no_further_message)
T(one_that_leaves_while_it_is_paused_leaves_nothing)
T(the_list_of_origins_holds_for_plain_websockets_unless_the_host_says_otherwise)
T(of_those_that_ask_for_nothing_the_oldest_makes_room)
T(a_connection_past_max_connections_is_told_of)
T(refused_requests_make_few_lines_and_one_more_says_how_many_there_were)
T(a_refused_request_for_a_session_costs_its_address_what_opening_one_costs)
T(requests_past_requests_per_s_are_answered_429_whatever_they_are_for)
T(a_request_past_requests_per_s_ends_its_connection)
T(requests_for_sessions_do_not_count_against_requests_per_s)
T(one_address_takes_half_of_the_namespaces_and_leaves_some_for_each_newcomer)
TESTS_END
