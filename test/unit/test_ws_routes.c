/* SPDX-License-Identifier: MIT
 *
 * test_ws_routes.c - WebSockets of the host's own: who is let in, what is sent when it cannot be,
 * and how they end.
 */
#include "raw_client.h"
#include "trace.h"
#include "whole.h"

static struct raw c;
static sio_ws *peer;
static int verdict, sent;
static bool shows_text;

/* Not NULL: on_accept() sets a header with this name to announced_by_host. */
static const char *announced_in, *announced_by_host;
static char told_protocol[64];

static int on_accept(sio_request *r, void *user) {
  (void)user;
  if (announced_in) sio_respond_header(r, announced_in, announced_by_host);
  return verdict;
}
static void on_open(sio_ws *w, void *user) {
  (void)user;
  peer = w;
  sio_ws_set_data(w, &verdict);
  snprintf(told_protocol, sizeof told_protocol, "%s", sio_ws_info_of(w).protocol);
}
static void on_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  CHECK(sio_ws_data(w) == &verdict);
  trace("%s%.*s ", binary ? "b:" : "", (int)data.n, data.p);
}
static void on_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)user;
  peer = NULL;
  trace("%s %d %d ", sio_reason_str(why->reason), why->err, why->ws_code);
  if (shows_text) trace("%s ", why->ws_text);
  sent = sio_ws_send(w, false, sio_text("too late"));
  EQ(sio_ws_info_of(w).queued, 0);
  EQ(sio_ws_info_of(w).queued_memory, 0);
  EQ_STR(sio_ws_info_of(w).protocol, told_protocol); /* valid as long as w */
  sio_ws_close(w, 1000, "again");
}

static void begin(sio_options o) {
  static const sio_ws_callbacks all = {
    .accept = on_accept, .open = on_open, .message = on_message, .close = on_close
  };
  static const sio_ws_callbacks none = { .message = NULL };
  static const char *const protocols[] = { "chat", "game", NULL };
  sio_ws_callbacks choosing = all;
  choosing.protocols = protocols;
  verdict = sent = 0;
  shows_text = false;
  saw();
  peer = NULL;
  announced_in = NULL;
  whole_start(&o);
  EQ(sio_ws_route(srv, "/ws", &all, NULL), 0);
  EQ(sio_ws_route(srv, "/mute", &none, NULL), 0);
  EQ(sio_ws_route(srv, "/choosing", &choosing, NULL), 0);
}

static void end(void) {
  raw_close(&c);
  turn();
  whole_stop();
}

static bool opened(const char *path) { return raw_open(&c, srv) && raw_upgrade(&c, path); }

static uint64_t overflows(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st.overflows;
}

/* ---- who is let in --------------------------------------------------------------------------- */

static const char *refused_with(int status) {
  static char line[32];
  raw_open(&c, srv);
  verdict = status;
  raw_request(&c, "GET", "/ws",
              "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
              NULL);
  raw_expect(&c, "\r\n\r\n");
  snprintf(line, sizeof line, "%.12s", c.in);
  raw_close(&c);
  turn();
  return line;
}

TEST(the_host_refuses_with_a_status_that_is_an_error) {
  begin((sio_options){ 0 });
  const char *got = refused_with(404);
  EQ_STR(got, "HTTP/1.1 404");
  got = refused_with(400);
  EQ_STR(got, "HTTP/1.1 400");
  got = refused_with(599);
  EQ_STR(got, "HTTP/1.1 599");
  got = refused_with(200);
  EQ_STR(got, "HTTP/1.1 403");
  got = refused_with(600);
  EQ_STR(got, "HTTP/1.1 403");
  got = refused_with(-1);
  EQ_STR(got, "HTTP/1.1 403");
  CHECK(peer == NULL);
  end();
}

TEST(what_comes_with_the_handshake_is_heard) {
  static const char all[] =
      "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      "\x81\x82\0\0\0\0hi";
  begin((sio_options){ 0 });
  CHECK(raw_open(&c, srv) && raw_send(&c, all, sizeof all - 1) && raw_expect(&c, "101 "));
  SAW("hi ");
  end();
}

/* Opens a WebSocket that offers game, then chat. Returns the subprotocol that the 101 announces and
 * that sio_ws_info tells; "?" if they differ. */
static const char *agreed_on(const char *path) {
  static char line[128];
  raw_open(&c, srv);
  raw_request(&c, "GET", path,
              "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Protocol: game, chat\r\n",
              NULL);
  raw_expect(&c, "\r\n\r\n");
  const char *at = strcasestr(c.in, "sec-websocket-protocol:");
  snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at + 24, "\r") : 0, at ? at + 24 : "");
  CHECK(!at || !strcasestr(at + 1, "sec-websocket-protocol:"));
  if (strcmp(line, told_protocol) != 0)
    fprintf(stderr, "announced: %s, told: %s\n", line, told_protocol);
  bool same = strcmp(line, told_protocol) == 0;
  raw_close(&c);
  turn();
  turn();
  CHECK(peer == NULL);
  return same ? line : "?";
}

TEST(the_subprotocol_of_a_websocket_is_the_one_that_was_announced) {
  begin((sio_options){ 0 });
  const char *got = agreed_on("/ws");
  EQ_STR(got, "");
  got = agreed_on("/choosing");
  EQ_STR(got, "game");
  announced_by_host = "own.v2";
  announced_in = "Sec-WebSocket-Protocol";
  got = agreed_on("/ws");
  EQ_STR(got, "own.v2");
  got = agreed_on("/choosing");
  EQ_STR(got, "own.v2");
  announced_in = "sec-websocket-PROTOCOL";
  got = agreed_on("/choosing");
  EQ_STR(got, "own.v2");
  end();
}

TEST(a_route_need_not_listen) {
  begin((sio_options){ 0 });
  CHECK(opened("/mute") && raw_text(&c, "hi"));
  turn();
  CHECK(!c.fin);
  end();
}

TEST(without_memory_for_it_the_connection_is_closed) {
  for (size_t n = 1; n < 40; n++) {
    begin((sio_options){ .packets_per_s = 100 });
    if (!raw_open(&c, srv)) abort();
    alloc_fail_in(n);
    bool there = raw_upgrade(&c, "/ws");
    bool failed = alloc_fuse == 0;
    alloc_fail_in(0);
    CHECK(failed || there);
    CHECK(there || raw_expect_end(&c));
    end();
    saw();
    if (!failed) return;
  }
  CHECK(false); /* it failed each time */
}

/* Opens a WebSocket while the n-th allocation fails. Returns false if there are fewer. */
static bool is_counted_where_memory_ends(const char *path, size_t n) {
  sio_stats st;
  begin((sio_options){ 0 });
  if (!raw_open(&c, srv)) abort();
  alloc_fail_in(n);
  bool there = raw_upgrade(&c, path), failed = alloc_fuse == 0;
  alloc_fail_in(0);
  CHECK(there || raw_expect_end(&c));
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.http_requests, st.http_responses[0] + st.http_responses[4] + st.http_aborted);
  EQ(st.http_responses[0], st.websockets_opened);
  end();
  return failed;
}

TEST(a_handshake_that_finds_no_memory_is_counted_as_aborted_and_not_as_101) {
  static const char *const paths[] = { "/ws", "/socket.io/?EIO=4&transport=websocket" };
  for (size_t i = 0; i < 2; i++) {
    size_t n = 1;
    while (n < 100 && is_counted_where_memory_ends(paths[i], n)) n++;
    CHECK(n > 5 && n < 100);
  }
}

/* ---- sending --------------------------------------------------------------------------------- */

TEST(both_sides_send_text_and_bytes) {
  begin((sio_options){ 0 });
  CHECK(opened("/ws"));
  CHECK(raw_text(&c, "hello") && raw_frame(&c, 0x82, "\1", 1));
  turn();
  EQ(sio_ws_send(peer, false, sio_text("text")), 0);
  EQ(sio_ws_send(peer, true, sio_text("bytes")), 0);
  CHECK(raw_expect_n(&c, "\x81\4text\x82\5bytes", 13));
  SAW("hello b:\1 ");
  end();
}

TEST(without_memory_nothing_is_sent_and_the_peer_stays) {
  static char text[3000];
  memset(text, 'x', sizeof text - 1);
  begin((sio_options){ 0 });
  CHECK(opened("/ws"));
  alloc_fail_in(1);
  EQ(sio_ws_send(peer, false, sio_text(text)), UV_ENOMEM);
  alloc_fail_in(0);
  EQ(sio_ws_send(peer, false, sio_text("later")), 0);
  CHECK(raw_expect_n(&c, "\x81\5later", 7));
  end();
}

TEST(a_peer_that_does_not_read_is_closed_past_max_queued) {
  static char text[5000];
  memset(text, 'x', sizeof text - 1);
  int err = 0;
  begin((sio_options){ .max_queued = 50000, .close_timeout_ms = 1 });
  CHECK(opened("/ws"));
  for (int i = 0; i < 1000 && !err; i++) {
    err = sio_ws_send(peer, false, sio_text(text));
    if (!err) uv_run(&uv, UV_RUN_NOWAIT);
  }
  EQ(err, SIO_ETOOBIG);
  size_t queued = sio_ws_info_of(peer).queued;
  EQ(sio_ws_send(peer, false, sio_text(text)), SIO_ETOOBIG);
  EQ(sio_ws_info_of(peer).queued, queued);
  CHECK(sio_ws_info_of(peer).queued_memory > queued);
  EQ(overflows(), 0);
  turn();
  SAW("forced close -10004 0 ");
  CHECK(peer == NULL);
  EQ(sent, SIO_ECLOSED);
  EQ(overflows(), 1);
  end();
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(a_close_says_its_code_and_the_answer_ends_it) {
  begin((sio_options){ 0 });
  CHECK(opened("/ws"));
  sio_ws_close(peer, 4000, NULL);
  CHECK(raw_expect_n(&c, "\x88\2\x0f\xa0", 4));
  SAW("");
  CHECK(raw_frame(&c, 0x88, "\x0f\xa0", 2) && raw_expect_end(&c));
  SAW("transport close 0 4000 ");
  EQ(sent, SIO_ECLOSED);
  end();
}

TEST(a_peer_that_hangs_up_is_a_transport_close_and_one_that_errs_an_error) {
  begin((sio_options){ 0 });
  CHECK(opened("/ws"));
  raw_close(&c);
  turn();
  turn();
  SAW("transport close 0 1006 ");
  CHECK(opened("/ws") && raw_send(&c, "\x81\1x", 3) && raw_expect_n(&c, "\x88", 1));
  raw_close(&c);
  turn();
  turn();
  SAW("transport error -10003 1002 ");
  end();
}

TEST(a_nul_in_the_reason_of_a_close_does_not_cut_it) {
  begin((sio_options){ 0 });
  shows_text = true;
  CHECK(opened("/ws"));
  CHECK(raw_frame(&c, 0x88,
                  "\x0f\xa1"
                  "a\0b\0",
                  6) &&
        raw_expect_end(&c));
  turn();
  SAW("transport close 0 4001 a\xef\xbf\xbd"
      "b\xef\xbf\xbd ");
  end();
}

TESTS_BEGIN
T(the_host_refuses_with_a_status_that_is_an_error)
T(what_comes_with_the_handshake_is_heard)
T(the_subprotocol_of_a_websocket_is_the_one_that_was_announced)
T(a_route_need_not_listen)
T(without_memory_for_it_the_connection_is_closed)
T(a_handshake_that_finds_no_memory_is_counted_as_aborted_and_not_as_101)
T(both_sides_send_text_and_bytes)
T(without_memory_nothing_is_sent_and_the_peer_stays)
T(a_peer_that_does_not_read_is_closed_past_max_queued)
T(a_close_says_its_code_and_the_answer_ends_it)
T(a_peer_that_hangs_up_is_a_transport_close_and_one_that_errs_an_error)
T(a_nul_in_the_reason_of_a_close_does_not_cut_it)
TESTS_END
