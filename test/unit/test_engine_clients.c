/* SPDX-License-Identifier: MIT
 *
 * What clients of an engine ask for in their requests, what those are told that are refused, and
 * what the host and its log see of them.
 */
#include "poll_client.h"
#include "raw_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct raw a;
static struct poller poller;
static sio_session *session;

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void on_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)user;
  EQ(sio_session_send(c, 0, binary, data), 0);
}

/* Its host listens to nothing else. */
static const sio_engine_callbacks echo = { .open = on_open, .message = on_message };

static void start(const sio_options *o) {
  traced[0] = '\0';
  a.fd = -1;
  poller = (struct poller)POLLER;
  session = NULL;
  whole_start(o);
  EQ(sio_engine_route(srv, "/raw", &echo, NULL), 0);
}

static void stop(void) {
  raw_close(&a);
  poller_close(&poller);
  whole_stop();
}

static void turns(void) {
  for (int i = 0; i < 3; i++) turn();
}

/* True: the answer to these lines, of a client of its own, holds what is wanted. */
static bool answers(const char *lines, const char *want) {
  char text[600];
  snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", lines);
  raw_close(&a);
  return raw_open(&a, srv) && raw_send(&a, text, strlen(text)) && raw_expect(&a, want);
}

#define WS_LINES                                                                                 \
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" \
  "Sec-WebSocket-Version: 13"

/* ---- refusals -------------------------------------------------------------------------------- */

static void on_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  trace("%d:%s:%.*s ", e->code, e->name, (int)e->detail.n, e->detail.n ? e->detail.p : "");
}

TEST(a_transport_that_the_host_does_not_offer_is_refused_like_one_that_is_none) {
  start(&(sio_options){ .transports = SIO_WEBSOCKET });
  CHECK(
      answers("GET /raw/?EIO=4&transport=polling HTTP/1.1", "{\"code\":0,\"message\":\"Transport"));
  raw_close(&a);
  CHECK(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=4&transport=websocket"));
  stop();
  start(&(sio_options){ .transports = SIO_POLLING });
  CHECK(answers("GET /raw/?EIO=4&transport=websocket HTTP/1.1\r\n" WS_LINES, "400 Bad Request"));
  CHECK(answers("GET /raw/?EIO=4&transport=polling HTTP/1.1", "0{\"sid\""));
  CHECK(answers("GET /raw/?EIO=4&transport=none HTTP/1.1", "{\"code\":0,"));
  stop();
}

TEST(a_websocket_that_is_asked_for_with_another_method_is_refused) {
  start(NULL);
  CHECK(answers("POST /raw/?EIO=4&transport=websocket HTTP/1.1\r\n" WS_LINES, "400 Bad Request"));
  CHECK(
      answers("POST /raw/?EIO=4&transport=polling HTTP/1.1", "{\"code\":2,\"message\":\"Bad hand"));
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  char lines[400];
  snprintf(lines, sizeof lines, "PUT /raw/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\n" WS_LINES,
           sio_session_info_of(session).id);
  CHECK(answers(lines, "400 Bad Request"));
  EQ(srv->core.stats.engine_refused[SIO_ENGINE_REFUSED_METHOD], 3);
  stop();
}

TEST(a_handshake_that_lacks_a_part_is_told_which) {
  static const char *const lacks[][2] = {
    { "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
      "Missing or invalid Sec-WebSocket-Key" },
    { "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n"
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Missing or invalid Sec-WebSocket-Version" },
  };
  start(NULL);
  for (size_t i = 0; i < 2; i++) {
    char lines[400];
    snprintf(lines, sizeof lines, "GET /raw/?EIO=4&transport=websocket HTTP/1.1\r\n%s",
             lacks[i][0]);
    CHECK(answers(lines, lacks[i][1]));
  }
  stop();
}

TEST(old_internet_explorers_are_told_not_to_look_for_scripts_and_others_are_not) {
  static const char get[] = "GET /raw/?EIO=4&transport=polling HTTP/1.1\r\nUser-Agent: ";
  static const char *const agents[] = { "Mozilla/4.0 (compatible;MSIE 8.0)",
                                        "Mozilla/5.0 (Trident/7.0; rv:11.0)",
                                        "Mozilla/5.0 Firefox/115.0", "" };
  start(NULL);
  for (size_t i = 0; i < 4; i++) {
    char lines[200];
    snprintf(lines, sizeof lines, "%s%s", get, agents[i]);
    CHECK(answers(lines, "0{\"sid\""));
    EQ(memmem(a.in, a.n, "\r\nX-XSS-Protection: 0\r\n", 23) != NULL, i < 2);
  }
  stop();
}

/* ---- protocol 3 ------------------------------------------------------------------------------ */

static char post_path[120];

static void open_polling3(void) {
  start(&(sio_options){ .allow_eio3 = true });
  CHECK(answers("GET /raw/?EIO=3&transport=polling HTTP/1.1", "\"sid\""));
  if (!session) abort();
  snprintf(post_path, sizeof post_path, "/raw/?EIO=3&transport=polling&sid=%s",
           sio_session_info_of(session).id);
}

/* The answer to a body in the binary form. */
static bool post_bytes(const char *p, size_t n, const char *want) {
  char head[300];
  snprintf(head, sizeof head,
           "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n"
           "Content-Length: %zu\r\n\r\n",
           post_path, n);
  raw_close(&a);
  return raw_open(&a, srv) && raw_send(&a, head, strlen(head)) && raw_send(&a, p, n) &&
         raw_expect(&a, want);
}

TEST(a_body_in_the_binary_form_holds_text_and_bytes) {
  open_polling3();
  CHECK(post_bytes("\0\6\xff"
                   "4hello\1\3\xff\4\1\2",
                   15, "ok"));
  char lines[200];
  snprintf(lines, sizeof lines, "GET %s HTTP/1.1", post_path);
  CHECK(answers(lines, "4hello"));
  stop();
}

TEST(text_in_the_binary_form_that_is_not_utf_8_ends_the_session) {
  open_polling3();
  post_bytes("\0\3\xff"
             "4\xff\xfe",
             6, "HTTP/1.1");
  turns();
  EQ(srv->core.stats.sessions, 0);
  stop();
}

TEST(a_method_that_polling_does_not_know_is_refused) {
  open_polling3();
  char lines[200];
  snprintf(lines, sizeof lines, "DELETE %s HTTP/1.1", post_path);
  CHECK(answers(lines, "HTTP/1.1 500"));
  EQ(srv->core.stats.engine_refused[SIO_ENGINE_REFUSED_MISUSE], 1);
  EQ(srv->core.stats.sessions, 1);
  stop();
}

TEST(bytes_that_are_no_packet_end_the_trial_of_a_websocket) {
  for (size_t n = 0; n < 2; n++) {
    struct raw w = { .fd = -1 };
    char url[160];
    open_polling3();
    snprintf(url, sizeof url, "/raw/?EIO=3&transport=websocket&sid=%s",
             sio_session_info_of(session).id);
    REQUIRE(raw_open(&w, srv) && raw_upgrade(&w, url));
    CHECK(sio_session_info_of(session).upgrading);
    CHECK(raw_frame(&w, 0x82, "\7", n));
    turns();
    CHECK(!sio_session_info_of(session).upgrading);
    EQ(srv->core.stats.upgrades_failed, 1);
    EQ(srv->core.stats.sessions, 1);
    raw_close(&w);
    stop();
  }
}

/* ---- ids ------------------------------------------------------------------------------------- */

static const char *next_id;
static int make_id(sio_request *r, char id[64], void *user) {
  (void)r, (void)user;
  if (!next_id) return 1;
  snprintf(id, 64, "%s", next_id);
  return 0;
}

TEST(an_id_of_the_hosts_that_is_none_or_taken_refuses_the_session) {
  static const char open[] = "GET /raw/?EIO=4&transport=polling HTTP/1.1";
  static const char *const bad[] = { NULL, "", "a b", "a\"b", "taken" };
  start(&(sio_options){ .generate_id = make_id, .connection_error = on_error });
  next_id = "taken";
  CHECK(answers(open, "0{\"sid\":\"taken\""));
  for (size_t i = 0; i < 5; i++) {
    next_id = bad[i];
    CHECK(answers(open, "{\"code\":3,\"message\":\"Bad request\"}"));
    SAW("3:ID_GENERATION_ERROR: ");
  }
  next_id = "Another-1_";
  CHECK(answers(open, "0{\"sid\":\"Another-1_\""));
  stop();
}

/* ---- base64 ---------------------------------------------------------------------------------- */

TEST(a_client_that_asks_for_base64_gets_bytes_as_text_over_websocket_too) {
  start(&(sio_options){ .allow_eio3 = true });
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=4&transport=websocket&b64=1"));
  REQUIRE(raw_frame(&a, 0x82, "\1\2", 2) && raw_expect(&a, "\x81\x05"
                                                           "bAQI="));
  raw_close(&a);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=3&transport=websocket&b64=1"));
  REQUIRE(raw_frame(&a, 0x82, "\4\1\2", 3) && raw_expect(&a, "\x81\x06"
                                                             "b4AQI="));
  REQUIRE(raw_text(&a, "4text") && raw_expect(&a, "\x81\x05"
                                                  "4text"));
  raw_close(&a);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=3&transport=websocket&b64="));
  REQUIRE(raw_frame(&a, 0x82, "\4\1\2", 3) && raw_expect(&a, "\x82\x03\4\1\2"));
  stop();
}

TEST(bytes_without_a_packets_type_end_a_session_of_the_old_protocol) {
  for (int i = 0; i < 2; i++) {
    start(&(sio_options){ .allow_eio3 = true });
    REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=3&transport=websocket"));
    REQUIRE(raw_frame(&a, 0x82, "\7", (size_t)i));
    CHECK(raw_expect(&a, "\x88"));
    turns();
    stop();
  }
}

/* ---- what the host sees ---------------------------------------------------------------------- */

TEST(a_session_shows_its_first_request_until_the_host_wants_it_forgotten) {
  for (int forget = 0; forget < 2; forget++) {
    char out[16] = "?";
    start(&(sio_options){ .drop_handshake = forget });
    REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=4&transport=websocket&token=x%20y"));
    REQUIRE(session != NULL);
    turns();
    EQ(sio_url_param(sio_session_info_of(session).url, "token", out, sizeof out),
       forget ? UV_ENOENT : 3);
    EQ_STR(out, forget ? "" : "x y");
    EQ(sio_session_header(session, "Host").n > 0, !forget);
    EQ(sio_session_info_of(session).url.n > 0, !forget);
    EQ_STR(sio_session_info_of(session).peer, "");
    CHECK(sio_session_info_of(session).tls == NULL);
    EQ_STR(sio_session_info_of(session).transport, "websocket");
    stop();
  }
}

TEST(a_host_that_does_not_listen_for_drops_has_them_counted_all_the_same) {
  start(&(sio_options){ .queue_high = 20000, .when_full = SIO_FULL_DROP_OLDEST });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  for (int i = 0; i < 60; i++) EQ(sio_session_send(session, 0, false, sio_text("message")), 0);
  CHECK(srv->core.stats.events_dropped > 0);
  turns();
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4message"));
  turns();
  EQ(sio_session_info_of(session).queued, 0);
  stop();
}

TEST(hooks_that_listen_to_nothing_change_nothing) {
  static const sio_engine_hooks none = { .open = NULL };
  struct raw w = { .fd = -1 };
  start(NULL);
  EQ(sio_on_engine(srv, &none, NULL), 0);
  EQ(sio_on_engine(srv, NULL, NULL), UV_EINVAL);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_upgrade(&poller, &w, "/raw/"));
  REQUIRE(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5"));
  REQUIRE(raw_text(&w, "4x") && raw_expect(&w, "4x"));
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + 25000);
  REQUIRE(raw_expect(&w, "\x81\x01"
                         "2") &&
          raw_text(&w, "3"));
  turns();
  EQ_STR(sio_session_info_of(session).transport, "websocket");
  raw_close(&w);
  stop();
}

/* ---- while it is full, and while it is open already ----------------------------------------- */

static void on_writable(sio_session *c, void *user) {
  (void)c, (void)user;
  trace("writable ");
}

static const sio_engine_callbacks listening = { .open = on_open, .writable = on_writable };

TEST(a_session_that_is_full_upgrades_and_says_when_there_is_room_again) {
  struct raw w = { .fd = -1 };
  start(&(sio_options){ .queue_high = 20000, .when_full = SIO_FULL_DROP_VOLATILE });
  EQ(sio_engine_route(srv, "/full", &listening, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/full/"));
  for (int i = 0; i < 60; i++) EQ(sio_session_send(session, 0, false, sio_text("message")), 0);
  REQUIRE(poller_upgrade(&poller, &w, "/full/"));
  REQUIRE(raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  SAW("");
  REQUIRE(raw_text(&w, "5"));
  for (int i = 0; i < 60; i++) REQUIRE(raw_expect(&w, "4message"));
  turns();
  SAW("writable ");
  raw_close(&w);
  stop();
}

static void on_flush(sio_session *c, void *user) {
  (void)user;
  trace("flush:%s ", sio_session_info_of(c).transport);
}

TEST(a_hook_that_comes_late_is_shown_the_sessions_that_are_open) {
  static const sio_engine_hooks hooks = { .flush = on_flush };
  start(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  sio_session *polls = session;
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/raw/?EIO=4&transport=websocket"));
  turns();
  EQ(sio_on_engine(srv, &hooks, NULL), 0);
  EQ(sio_session_send(session, 0, false, sio_text("x")), 0);
  REQUIRE(raw_expect(&a, "4x"));
  SAW("flush:websocket ");
  EQ(sio_session_send(polls, 0, false, sio_text("y")), 0);
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4y"));
  SAW("flush:polling ");
  stop();
}

TEST(a_post_that_is_too_long_is_refused_and_the_session_lives) {
  static char body[3000];
  start(&(sio_options){ .max_payload = 2000 });
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  memset(body, 'x', sizeof body - 1);
  body[0] = '4';
  CHECK(!poller_post(&poller, body));
  CHECK(memmem(poller.post.in, poller.post.n, "HTTP/1.1 413", 12) != NULL);
  EQ(srv->core.stats.sessions, 1);
  stop();
}

/* ---- without memory ----------------------------------------------------------------------- */

/* Messages wait, bytes among them, and the session upgrades while the i-th allocation fails. */
static bool upgrade_failing_at(size_t i, const char *query) {
  struct raw w = { .fd = -1 };
  char path[160], url[240];
  start(&(sio_options){ .allow_eio3 = true });
  snprintf(path, sizeof path, "GET /raw/?%s&transport=polling HTTP/1.1", query);
  CHECK(answers(path, "\"sid\""));
  for (int k = 0; k < 3; k++) EQ(sio_session_send(session, 0, k == 1, sio_text("message")), 0);
  snprintf(url, sizeof url, "/raw/?%s&transport=websocket&sid=%s", query,
           sio_session_info_of(session).id);
  CHECK(raw_open(&w, srv) && raw_upgrade(&w, url));
  alloc_fail_in(i);
  if (raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5")) turns();
  bool failed = alloc_fuse == 0;
  alloc_fail_in(0);
  turns();
  raw_read(&w);
  bool all = memmem(w.in, w.n, "message", 7) != NULL;
  CHECK(all || srv->core.stats.sessions == 0 || srv->core.stats.upgrades_failed == 1);
  if (!failed) CHECK(all && srv->core.stats.upgrades == 1);
  raw_close(&w);
  stop();
  return failed;
}

TEST(memory_may_end_while_a_session_upgrades) {
  static const char *const queries[] = { "EIO=4", "EIO=3", "EIO=3&b64=1" };
  for (size_t k = 0; k < 3; k++) {
    size_t i = 1;
    while (i < 60 && upgrade_failing_at(i, queries[k])) i++;
    CHECK(i > 1 && i < 60);
  }
}

/* ---- the log --------------------------------------------------------------------------------- */

static unsigned logged;
static void count_line(const sio_log_line *l, void *user) {
  (void)l;
  (void)user;
  logged++;
}

/* A session that opens, one that upgrades, one that is refused, one that breaks a rule. */
static void one_of_each(void) {
  struct raw w = { .fd = -1 };
  answers("GET /raw/?EIO=9&transport=none HTTP/1.1", "400");
  if (poller_open(&poller, srv, "/raw/")) poller_upgrade(&poller, &w, "/raw/");
  raw_frame(&w, 0x81, "x", 1);
  turns();
  raw_close(&w);
  poller_close(&poller);
  poller = (struct poller)POLLER;
  turns();
}

TEST(what_peers_cause_is_logged_so_often_a_second_and_counted_behind_that) {
  start(&(sio_options){ .log = count_line, .log_level = SIO_LOG_WARN });
  logged = 0;
  for (int i = 0; i < 40; i++) one_of_each();
  CHECK(logged > 5 && logged < 60);
  CHECK(srv->core.log.left_out > 20);
  stop();
}

TEST(a_level_that_is_off_costs_nothing_and_says_nothing) {
  start(&(sio_options){ .log = count_line });
  logged = 0;
  EQ(sio_log_set(srv, "off"), 0);
  one_of_each();
  EQ(logged, 0);
  EQ(srv->core.log.left_out, 0);
  CHECK(srv->core.stats.engine_refused[SIO_ENGINE_REFUSED_TRANSPORT] > 0);
  stop();
}

/* ---- a POST half received --------------------------------------------------------------- */

static void post_half(void) {
  char text[400];
  snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4ab",
           poller.path);
  CHECK(raw_open(&a, srv) && raw_send(&a, text, strlen(text)));
  turns();
}

TEST(a_post_half_received_is_answered_when_its_session_closes) {
  start(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  post_half();
  sio_session_close(session, NULL);
  CHECK(raw_expect(&a, "200 OK") && raw_expect(&a, "ok"));
  stop();
}

TEST(a_post_half_received_is_cut_off_when_its_session_is_discarded) {
  start(NULL);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  post_half();
  sio_session_close(session, &(sio_session_close_options){ .discard = true });
  CHECK(raw_expect_end(&a));
  EQ(a.n, 0);
  stop();
}

/* ---- what is converted for a client ----------------------------------------------------- */

static char stream[1 << 21];

static size_t read_stream(size_t n) {
  ssize_t k = recv(a.fd, stream + n, sizeof stream - n, 0);
  turn();
  return k > 0 ? n + (size_t)k : n;
}

/* One frame of the stream: its payload, and whether it is whole. */
static bool next_frame(size_t *at, size_t n, sio_slice *payload) {
  if (n - *at < 4) return false;
  const unsigned char *p = (const unsigned char *)stream + *at;
  size_t head = p[1] == 126 ? 4 : 2, len = p[1] == 126 ? (size_t)p[2] << 8 | p[3] : p[1];
  if (n - *at < head + len) return false;
  *payload = (sio_slice){ stream + *at + head, len };
  *at += head + len;
  return true;
}

static bool is_event(sio_slice s) { return s.n > 4 && memcmp(s.p, "451-", 4) == 0; }

/* Every event has its attachment behind it, and every attachment its event before it. */
static unsigned count_whole_events(size_t n) {
  sio_slice s;
  bool owes = false;
  unsigned whole = 0;
  for (size_t at = 0; next_frame(&at, n, &s); whole += owes) {
    CHECK(is_event(s) != owes);
    owes = is_event(s);
  }
  CHECK(!owes);
  return whole;
}

static void emit_attachments_past_the_mark(const char *query) {
  static const sio_options o = { .queue_high = 60000,
                                 .when_full = SIO_FULL_DROP_OLDEST,
                                 .allow_eio3 = true };
  static char bytes[1000];
  char url[160];
  unsigned sent = 0;
  start(&o);
  snprintf(url, sizeof url, "/socket.io/?transport=websocket&%s", query);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, url));
  if (strstr(query, "EIO=4")) REQUIRE(raw_text(&a, "40"));
  REQUIRE(raw_expect(&a, "40"));
  raw_turn(&a);
  for (; sent < 2000 && !srv->core.stats.events_dropped; sent++) {
    EQ(sio_broadcast((sio_target){ .nsp = root }, "e", SIO_ARGS(sio_bin(bytes, sizeof bytes))), 0);
    turn();
  }
  CHECK(srv->core.stats.events_dropped > 0);
  size_t n = 0;
  for (int i = 0; i < 2000; i++) n = read_stream(n);
  EQ(count_whole_events(n) + srv->core.stats.events_dropped, sent);
  stop();
}

TEST(an_attachment_is_dropped_with_its_event_in_the_form_that_its_client_takes) {
  emit_attachments_past_the_mark("EIO=4");
  emit_attachments_past_the_mark("EIO=4&b64=1");
  emit_attachments_past_the_mark("EIO=3");
  emit_attachments_past_the_mark("EIO=3&b64=1");
}

/* ---- an end within an upgrade ------------------------------------------------------------ */

static void close_it(sio_session *c, void *user) {
  (void)user;
  sio_session_close(c, NULL);
}

TEST(a_session_that_closes_at_the_probe_tells_the_poll_that_waits) {
  static struct raw w;
  start(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .upgrading = close_it }, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/socket.io/") && poller_get(&poller));
  turns();
  REQUIRE(poller_upgrade(&poller, &w, "/socket.io/") && raw_text(&w, "2probe"));
  CHECK(raw_expect(&poller.get, "\r\n\r\n1"));
  EQ(poller.get.n, poller.get.seen);
  raw_close(&w);
  stop();
}

TESTS_BEGIN
T(a_session_that_closes_at_the_probe_tells_the_poll_that_waits)
T(an_attachment_is_dropped_with_its_event_in_the_form_that_its_client_takes)
T(a_post_half_received_is_answered_when_its_session_closes)
T(a_post_half_received_is_cut_off_when_its_session_is_discarded)
T(a_transport_that_the_host_does_not_offer_is_refused_like_one_that_is_none)
T(a_websocket_that_is_asked_for_with_another_method_is_refused)
T(a_handshake_that_lacks_a_part_is_told_which)
T(old_internet_explorers_are_told_not_to_look_for_scripts_and_others_are_not)
T(a_body_in_the_binary_form_holds_text_and_bytes)
T(text_in_the_binary_form_that_is_not_utf_8_ends_the_session)
T(a_method_that_polling_does_not_know_is_refused)
T(bytes_that_are_no_packet_end_the_trial_of_a_websocket)
T(an_id_of_the_hosts_that_is_none_or_taken_refuses_the_session)
T(a_client_that_asks_for_base64_gets_bytes_as_text_over_websocket_too)
T(bytes_without_a_packets_type_end_a_session_of_the_old_protocol)
T(a_session_shows_its_first_request_until_the_host_wants_it_forgotten)
T(a_host_that_does_not_listen_for_drops_has_them_counted_all_the_same)
T(hooks_that_listen_to_nothing_change_nothing)
T(a_session_that_is_full_upgrades_and_says_when_there_is_room_again)
T(a_hook_that_comes_late_is_shown_the_sessions_that_are_open)
T(a_post_that_is_too_long_is_refused_and_the_session_lives)
T(memory_may_end_while_a_session_upgrades)
T(what_peers_cause_is_logged_so_often_a_second_and_counted_behind_that)
T(a_level_that_is_off_costs_nothing_and_says_nothing)
TESTS_END
