/* SPDX-License-Identifier: MIT
 *
 * test_target.c - request targets that name a host, and "*": whole servers over real bytes.
 */
#include "base/slice.h"
#include "raw_client.h"
#include "trace.h"
#include "whole.h"

static struct raw c;

/* The status of the answer, which is left in c.in. */
static int answer_to(const char *request) {
  raw_close(&c);
  CHECK(raw_open(&c, srv) && raw_send(&c, request, strlen(request)));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  c.in[c.n] = '\0';
  return strncmp(c.in, "HTTP/1.1 ", 9) ? 0 : atoi(c.in + 9);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: other\r\n\r\n"
#define UPGRADE(target)                                                                     \
  "GET " target " HTTP/1.1\r\nHost: other\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void on_see(sio_request *r, void *user) {
  (void)user;
  sio_slice url = sio_request_info_of(r).url, path = sio_request_info_of(r).path;
  sio_slice host = sio_request_header(r, "host");
  trace("%.*s|%.*s|%.*s ", (int)url.n, url.p, (int)path.n, path.p, (int)host.n, host.p);
  sio_respond(r, 200, NULL, SLICE("seen"));
}

static void on_open(sio_session *s, void *user) {
  (void)user;
  sio_slice url = sio_session_info_of(s).url, host = sio_session_header(s, "Host");
  trace("%.*s|%.*s ", (int)url.n, url.p, (int)host.n, host.p);
}

static void start(const sio_options *o) {
  static const sio_asset table[] = { { "/a.txt", "text/plain", "asset", 5, NULL } };
  traced[0] = '\0';
  c.fd = -1;
  whole_start(o);
  EQ(sio_route(srv, NULL, "/see", 0, on_see, NULL), 0);
  EQ(sio_route(srv, NULL, "/", 0, on_see, NULL), 0);
  EQ(sio_assets(srv, "/assets", table, 1), 0);
  EQ(sio_ws_route(srv, "/plain", &(sio_ws_callbacks){ 0 }, NULL), 0);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL), 0);
}

static void stop(void) {
  raw_close(&c);
  whole_stop();
}

TEST(a_target_that_names_a_host_reaches_what_its_path_names) {
  start(NULL);
  EQ(answer_to(GET("http://a/socket.io/?EIO=4&transport=polling")), 200);
  CHECK(strstr(c.in, "0{\"sid\":"));
  SAW("/socket.io/?EIO=4&transport=polling|a ");
  EQ(answer_to(UPGRADE("http://a:80/socket.io/?EIO=4&transport=websocket")), 101);
  SAW("/socket.io/?EIO=4&transport=websocket|a:80 ");
  EQ(answer_to(UPGRADE("http://a/plain")), 101);
  EQ(answer_to(GET("https://a/assets/a.txt")), 200);
  EQ(answer_to(GET("HTTP://a/see?x#y")), 200);
  SAW("/see?x#y|/see|a ");
  EQ(answer_to(GET("http://a/none")), 404);
  stop();
}

TEST(a_host_sees_the_targets_host_and_not_what_the_line_says) {
  start(NULL);
  EQ(answer_to(GET("/see")), 200);
  SAW("/see|/see|other ");
  EQ(answer_to(GET("http://[::1]:8080/see")), 200);
  SAW("/see|/see|[::1]:8080 ");
  EQ(answer_to("GET http://a/see HTTP/1.0\r\nAccept: b\r\n\r\n"), 200);
  SAW("/see|/see|a ");
  EQ(answer_to("GET http://a/see HTTP/1.1\r\n\r\n"), 400);
  EQ(answer_to("GET http://a/see HTTP/1.1\r\nHost: b/c\r\n\r\n"), 400);
  stop();
}

TEST(a_host_without_a_path_is_the_root) {
  start(NULL);
  EQ(answer_to(GET("http://abc")), 200);
  SAW("/|/|abc ");
  EQ(answer_to(GET("http://a?x=1")), 200);
  SAW("/?x=1|/|a ");
  EQ(answer_to(GET("https://a:443")), 200);
  SAW("/|/|a:443 ");
  stop();
}

TEST(a_preflight_may_name_a_host) {
  static const sio_cors cors = { 0 };
  start(&(sio_options){ .cors = &cors });
  EQ(answer_to("OPTIONS http://a/socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n"), 204);
  CHECK(strstr(c.in, "Access-Control-Allow-Origin: *"));
  stop();
}

TEST(a_star_is_the_server_as_a_whole_and_for_options_alone) {
  start(NULL);
  EQ(answer_to("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 204);
  CHECK(strstr(c.in, "\r\nAllow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n"));
  EQ(answer_to(GET("*")), 400);
  EQ(answer_to("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EQ(answer_to(GET("ftp://a/see")), 400);
  EQ(answer_to(GET("http:/see")), 400);
  SAW("");
  stop();
}

TESTS_BEGIN
T(a_target_that_names_a_host_reaches_what_its_path_names)
T(a_host_sees_the_targets_host_and_not_what_the_line_says)
T(a_host_without_a_path_is_the_root)
T(a_preflight_may_name_a_host)
T(a_star_is_the_server_as_a_whole_and_for_options_alone)
TESTS_END
