/* SPDX-License-Identifier: MIT
 *
 * test_hostile.c - a whole server, peers that do what they should not, and a host whose callbacks
 * pull things from under each other.
 */
#include "server/server.h"

#include "alloc.h"
#include "raw_client.h"
#include "test.h"

static uv_loop_t uv;
static uv_async_t alive; /* so that the loop has turns although nothing listens */
static sio_server *srv;
static sio_nsp *root;
static struct raw a, b;
static unsigned connects, disconnects, plain_closes;
static int last_reason;
static sio_socket *newest;

#define POLL "/socket.io/?EIO=4&transport=polling"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  newest = s;
  connects++;
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  disconnects++;
  last_reason = why->reason;
}

static void plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  plain_closes++;
  last_reason = why->reason;
}

static void no_event(uv_async_t *h) { (void)h; }

static void start(const sio_options *o) {
  static const sio_ws_callbacks plain = { .close = plain_close };
  alloc_install();
  a = b = (struct raw){ .fd = -1 };
  connects = disconnects = plain_closes = 0;
  last_reason = -1;
  newest = NULL;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &alive, no_event)) abort();
  if (sio_server_new(&uv, o, &srv) || sio_of(srv, "/", &root)) abort();
  if (sio_on_connect(root, on_connect, NULL) || sio_on_disconnect(root, on_disconnect, NULL))
    abort();
  if (sio_ws_route(srv, "/plain", &plain, NULL)) abort();
}

static void turns(void) {
  for (int i = 0; i < 5; i++) uv_run(&uv, UV_RUN_NOWAIT);
}

static void stop(void) {
  raw_close(&a);
  raw_close(&b);
  if (srv) sio_server_close(srv, NULL, NULL);
  srv = NULL;
  uv_close((uv_handle_t *)&alive, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(connects, disconnects);
  EQ(alloc_live, 0);
}

static bool join(struct raw *c) {
  return raw_open(c, srv) && raw_upgrade(c, SOCK) && raw_expect(c, "0{") && raw_text(c, "40") &&
         raw_expect(c, "40{");
}

/* A session over polling; path is where it is polled. */
static bool begin_polling(struct raw *c, char path[128]) {
  char sid[64];
  bool ok = raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
            raw_take(c, '"', sid, sizeof sid) && raw_expect(c, "}");
  snprintf(path, 128, POLL "&sid=%s", ok ? sid : "");
  return ok;
}

static void upgrade_of(const char *path, char out[128]) {
  snprintf(out, 128, SOCK "%s", strstr(path, "&sid="));
}

/* ---- peers that keep their stream open ----------------------------------------------------- */

TEST(the_host_hears_of_a_broken_rule_though_the_peer_keeps_its_stream_open) {
  start(NULL);
  REQUIRE(join(&a));
  REQUIRE(raw_frame(&a, 0xc1, "x", 1));
  REQUIRE(raw_expect_n(&a, "\x88\2\x03\xea", 4) && raw_expect_end(&a));
  EQ(disconnects, 1);
  EQ(last_reason, SIO_REASON_TRANSPORT_ERROR);
  EQ(srv->core.loop.nconns, 1);
  stop();
}

TEST(the_host_hears_of_a_close_frame_though_the_peer_keeps_its_stream_open) {
  start(NULL);
  REQUIRE(join(&a));
  REQUIRE(raw_frame(&a, 0x88, "\3\xe8", 2));
  REQUIRE(raw_expect_n(&a, "\x88\2\x03\xe8", 4) && raw_expect_end(&a));
  EQ(disconnects, 1);
  EQ(last_reason, SIO_REASON_TRANSPORT_CLOSE);
  stop();
}

TEST(a_plain_route_hears_of_it_as_well) {
  start(NULL);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/plain"));
  REQUIRE(raw_frame(&a, 0x81, "\xff", 1) && raw_expect_n(&a, "\x88\2\x03\xef", 4));
  turns();
  EQ(plain_closes, 1);
  EQ(last_reason, SIO_REASON_TRANSPORT_ERROR);
  stop();
}

static const char upgrade_head[] =
    "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\xc1\x80";

TEST(a_broken_rule_in_the_segment_of_the_handshake_is_heard_of_too) {
  char head[512];
  start(NULL);
  int n = snprintf(head, sizeof head, upgrade_head, "/plain");
  REQUIRE(raw_open(&a, srv) && raw_send(&a, head, (size_t)n) && raw_expect_end(&a));
  EQ(plain_closes, 1);
  n = snprintf(head, sizeof head, upgrade_head, SOCK);
  REQUIRE(raw_open(&b, srv) && raw_send(&b, head, (size_t)n) && raw_expect_end(&b));
  EQ(srv->core.stats.sessions, 0);
  EQ(srv->core.stats.sessions_closed[SIO_REASON_TRANSPORT_ERROR], 1);
  stop();
}

/* ---- requests that are not what they say ----------------------------------------------------- */

TEST(requests_for_a_session_over_websocket_must_be_upgrades) {
  static const char *const methods[] = { "GET", "POST", "PUT" };
  char sid[64], path[128];
  start(NULL);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, SOCK) && raw_expect(&a, "\"sid\":\"") &&
          raw_take(&a, '"', sid, sizeof sid));
  snprintf(path, sizeof path, SOCK "&sid=%s", sid);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    REQUIRE(raw_open(&b, srv) && raw_request(&b, methods[i], path, "", "40"));
    CHECK(raw_expect(&b, "HTTP/1.1 400") && raw_expect(&b, "{\"code\":3,"));
    raw_close(&b);
  }
  REQUIRE(raw_text(&a, "40") && raw_expect(&a, "40{"));
  stop();
}

/* ---- hooks that end what they were asked about ----------------------------------------------- */

static bool hook_ends_sessions;

static void end_sessions(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
  if (hook_ends_sessions) sio_all_disconnect((sio_target){ .nsp = root }, true);
}

TEST(a_header_hook_may_end_the_session_that_is_about_to_upgrade) {
  char path[128], upgrade[128];
  start(NULL);
  hook_ends_sessions = false;
  EQ(sio_on_engine_headers(srv, end_sessions, NULL), 0);
  REQUIRE(begin_polling(&a, path));
  REQUIRE(raw_request(&a, "POST", path, "", "40") && raw_expect(&a, "ok"));
  hook_ends_sessions = true;
  upgrade_of(path, upgrade);
  REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, upgrade));
  turns();
  EQ(disconnects, 1);
  /* The last poll, and the session is gone. */
  hook_ends_sessions = false;
  CHECK(raw_get(&a, path) && raw_expect(&a, "41") && raw_get(&a, path) &&
        raw_expect(&a, "6\x1e\x31"));
  turns();
  raw_frame(&b, 0x81, "2probe", 6);
  CHECK(raw_expect_n(&b, "\x88\0", 2));
  stop();
}

static bool hook_sends;

static void send_two(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
  if (hook_sends) sio_emit(newest, "two", SIO_NONE);
  hook_sends = false;
}

static void send_one(sio_server *server, void *arg) {
  (void)server, (void)arg;
  EQ(sio_emit(newest, "one", SIO_NONE), 0);
}

/* All of it in one turn: a poll comes, something is queued, and then the upgrade completes. */
TEST(what_a_header_hook_sends_while_a_session_upgrades_comes_behind_what_is_queued) {
  char path[128], upgrade[128];
  start(NULL);
  hook_sends = false;
  EQ(sio_on_engine_headers(srv, send_two, NULL), 0);
  REQUIRE(begin_polling(&a, path));
  REQUIRE(raw_request(&a, "POST", path, "", "40") && raw_expect(&a, "ok"));
  REQUIRE(raw_get(&a, path) && raw_expect(&a, "40{"));
  upgrade_of(path, upgrade);
  REQUIRE(raw_open(&b, srv) && raw_upgrade(&b, upgrade));
  raw_frame(&b, 0x81, "2probe", 6);
  REQUIRE(raw_expect(&b, "3probe"));
  turns(); /* epoll reports in the order in which bytes come now */
  hook_sends = true;
  REQUIRE(raw_get(&a, path));
  EQ(sio_post(srv, send_one, NULL), 0);
  raw_frame(&b, 0x81, "5", 1);
  turns();
  CHECK(!hook_sends);
  CHECK(raw_expect(&b, "42[\"one\"]"));
  CHECK(raw_expect(&b, "42[\"two\"]"));
  stop();
}

static sio_session *sessions[3];
static unsigned nsessions;

static void on_session(sio_session *c, void *user) {
  (void)user;
  sessions[nsessions++] = c;
}

static void on_session_end(sio_session *c, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  for (unsigned i = 0; i < nsessions; i++)
    if (sessions[i] == c) sessions[i] = NULL;
}

/* The answer to one poll ends the two sessions behind it. */
static void end_others(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
  if (!hook_ends_sessions) return;
  for (unsigned i = 1; i < nsessions; i++)
    if (sessions[i]) sio_session_close(sessions[i], NULL);
}

static void start_three_polls(struct raw *c) {
  static const sio_engine_hooks engine = { .open = on_session, .close = on_session_end };
  char path[128];
  start(NULL);
  nsessions = 0;
  hook_ends_sessions = false;
  EQ(sio_on_engine_headers(srv, end_others, NULL), 0);
  EQ(sio_on_engine(srv, &engine, NULL), 0);
  for (int i = 0; i < 3; i++) {
    CHECK(begin_polling(&c[i], path) && raw_get(&c[i], path));
    turns();
  }
  hook_ends_sessions = true;
}

TEST(a_header_hook_may_end_other_sessions_while_the_server_closes) {
  static struct raw c[3];
  start_three_polls(c);
  sio_server_close(srv, NULL, NULL);
  for (int i = 0; i < 3; i++) CHECK(raw_expect(&c[i], "200 OK"));
  srv = NULL;
  for (int i = 0; i < 3; i++) raw_close(&c[i]);
  stop();
}

static void on_drained(void *user) { *(bool *)user = true; }

TEST(a_header_hook_may_end_other_sessions_while_the_server_drains) {
  static struct raw c[3];
  bool drained = false;
  start_three_polls(c);
  EQ(sio_server_drain(srv, NULL, on_drained, &drained), 0);
  for (int i = 0; i < 3; i++) CHECK(raw_expect(&c[i], "200 OK"));
  for (int i = 0; i < 3; i++) raw_close(&c[i]);
  while (!drained) uv_run(&uv, UV_RUN_ONCE);
  srv = NULL;
  stop();
}

TESTS_BEGIN
T(the_host_hears_of_a_broken_rule_though_the_peer_keeps_its_stream_open)
T(the_host_hears_of_a_close_frame_though_the_peer_keeps_its_stream_open)
T(a_plain_route_hears_of_it_as_well)
T(a_broken_rule_in_the_segment_of_the_handshake_is_heard_of_too)
T(requests_for_a_session_over_websocket_must_be_upgrades)
T(a_header_hook_may_end_the_session_that_is_about_to_upgrade)
T(what_a_header_hook_sends_while_a_session_upgrades_comes_behind_what_is_queued)
T(a_header_hook_may_end_other_sessions_while_the_server_closes)
T(a_header_hook_may_end_other_sessions_while_the_server_drains)
TESTS_END
