/* SPDX-License-Identifier: MIT
 *
 * test_hints.c - mistakes that a client shows and an option mends: the log names the option.
 */
#include "pair.h"

static char said[4096];

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  if (l->level == SIO_LOG_WARN) snprintf(said + n, sizeof said - n, "%s\n", l->text);
}

static void begin(sio_options o) {
  said[0] = '\0';
  o.log = on_log;
  start(&o);
}

static void send_request(const char *method, const char *url, const char *headers) {
  char text[512];
  int err, fd = dial(&err);
  snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: here.example\r\n%s\r\n", method, url,
           headers);
  ask(fd, text);
  close(fd);
  turn();
}

#define POLL "/socket.io/?EIO=4&transport=polling"

/* True if exactly one line was logged, and it contains both texts. */
static bool one_line_says(const char *a, const char *b) {
  char *end = strchr(said, '\n');
  bool ok = end && end[1] == '\0' && strstr(said, a) && strstr(said, b);
  if (!ok) fprintf(stderr, "logged: %s", said);
  return ok;
}

TEST(a_client_at_a_wrong_path_is_told_which_the_path_is) {
  begin((sio_options){ .path = "/live/" });
  send_request("GET", POLL, "");
  CHECK(one_line_says("/socket.io/", "sio_options.path is /live/"));
  said[0] = '\0';
  send_request("GET", "/socket.io/", "");
  send_request("GET", "/other?EIO=4", "");
  EQ_STR(said, "");
  stop();
}

TEST(a_client_of_version_2_is_told_of_allow_eio3) {
  begin((sio_options){ 0 });
  send_request("GET", "/socket.io/?EIO=3&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "sio_options.allow_eio3"));
  said[0] = '\0';
  send_request("GET", "/socket.io/?EIO=9&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "9") && !strstr(said, "allow_eio3"));
  stop();
}

/* allow_eio3 admits EIO=3 alone: the second half of this test shows it. */
TEST(a_client_of_engine_io_2_is_not_told_of_allow_eio3_which_does_not_admit_it) {
  begin((sio_options){ 0 });
  send_request("GET", "/socket.io/?EIO=2&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "2") && !strstr(said, "allow_eio3"));
  stop();
  begin((sio_options){ .allow_eio3 = true });
  send_request("GET", "/socket.io/?EIO=2&transport=polling", "");
  CHECK(one_line_says("Unsupported protocol version", "2") && !strstr(said, "allow_eio3"));
  stop();
}

TEST(a_page_whose_origin_is_not_listed_is_told_of_cors) {
  static const char *const listed[] = { "https://a.example", NULL };
  begin((sio_options){ .cors = &(sio_cors){ .origins = listed } });
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors does not list this origin"));
  said[0] = '\0';
  send_request("OPTIONS", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors does not list this origin"));
  said[0] = '\0';
  send_request("GET", POLL, "Origin: https://a.example\r\n");
  send_request("GET", POLL, "Origin: https://here.example\r\n");
  send_request("GET", POLL, "");
  EQ_STR(said, "");
  stop();
}

TEST(a_page_of_another_site_is_told_that_cors_is_not_set) {
  begin((sio_options){ 0 });
  send_request("GET", POLL, "Origin: https://b.example\r\nSec-Fetch-Site: cross-site\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors is not set"));
  said[0] = '\0';
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  send_request("GET", POLL, "Sec-Fetch-Site: same-origin\r\n");
  EQ_STR(said, "");
  stop();
}

TEST(a_page_that_may_not_connect_is_told_of_allowed_origins) {
  static const char *const listed[] = { "https://a.example", NULL };
  begin((sio_options){ .allowed_origins = listed });
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  CHECK(
      one_line_says("https://b.example", "sio_options.allowed_origins does not list this origin"));
  stop();
}

/* ---- one line for each refusal --------------------------------------------------------------- */

#define UPGRADE                                                                \
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

TEST(a_websocket_at_a_wrong_path_is_one_line) {
  begin((sio_options){ .path = "/live/" });
  send_request("GET", SOCK, UPGRADE);
  CHECK(one_line_says("/socket.io/", "sio_options.path is /live/"));
  EQ(srv->http.stats.handshakes_refused, 1);
  stop();
}

TEST(a_page_of_another_origin_that_is_refused_is_one_line) {
  static const char *const listed[] = { "https://a.example", NULL };
  begin((sio_options){ .allowed_origins = listed, .cors = &(sio_cors){ .origins = listed } });
  send_request("GET", POLL, "Origin: https://b.example\r\n");
  CHECK(
      one_line_says("https://b.example", "sio_options.allowed_origins does not list this origin"));
  said[0] = '\0';
  send_request("GET", "/socket.io/?EIO=3&transport=polling", "Origin: https://b.example\r\n");
  CHECK(
      one_line_says("https://b.example", "sio_options.allowed_origins does not list this origin"));
  said[0] = '\0';
  send_request("OPTIONS", POLL, "Origin: https://b.example\r\n");
  CHECK(one_line_says("https://b.example", "sio_options.cors does not list this origin"));
  stop();
}

TEST(a_refused_preflight_is_one_line_that_says_that_cors_is_not_set) {
  begin((sio_options){ 0 });
  send_request("OPTIONS", POLL, "Origin: https://b.example\r\nSec-Fetch-Site: cross-site\r\n");
  CHECK(one_line_says("Bad handshake method", "sio_options.cors is not set"));
  stop();
}

static void answer_it(sio_request *r, const sio_connection_error *e, void *user) {
  (void)e, (void)user;
  EQ(sio_respond(r, 418, NULL, sio_text("")), 0);
}

TEST(a_refusal_that_the_host_answers_itself_is_one_line) {
  begin((sio_options){ .connection_error = answer_it });
  send_request("GET", SOCK "&sid=nobody", UPGRADE);
  CHECK(one_line_says("Session ID unknown", "refused a request for /socket.io/"));
  EQ(srv->http.stats.handshakes_refused, 1);
  stop();
}

static int websocket_of(const char *url) {
  char text[512];
  int err, fd = dial(&err);
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", url, UPGRADE);
  CHECK(strstr(ask(fd, text), " 101 ") != NULL);
  return fd;
}

TEST(a_websocket_that_breaks_the_protocol_is_one_line) {
  static const sio_ws_callbacks nothing = { 0 };
  const char *sid;
  char url[256];
  begin((sio_options){ 0 });
  sio_ws_route(srv, "/plain", &nothing, NULL);
  int fd = websocket_of("/plain");
  ask(fd, "no frame");
  CHECK(one_line_says("closed (error 1002)", ""));
  close(fd);
  said[0] = '\0';
  fd = websocket_of(SOCK);
  ask(fd, "no frame");
  CHECK(one_line_says("closed: transport error", "reserved bits set"));
  close(fd);
  said[0] = '\0';
  int err, poll = dial(&err);
  sid = strstr(ask(poll, "GET " POLL " HTTP/1.1\r\nHost: x\r\n\r\n"), "\"sid\":\"");
  CHECK(sid != NULL);
  snprintf(url, sizeof url, SOCK "&sid=%.20s", sid + 7);
  fd = websocket_of(url);
  ask(fd, "no frame");
  CHECK(one_line_says("upgrade of session", "reserved bits set"));
  close(fd);
  close(poll);
  stop();
}

TESTS_BEGIN
T(a_client_at_a_wrong_path_is_told_which_the_path_is)
T(a_client_of_version_2_is_told_of_allow_eio3)
T(a_client_of_engine_io_2_is_not_told_of_allow_eio3_which_does_not_admit_it)
T(a_page_whose_origin_is_not_listed_is_told_of_cors)
T(a_page_of_another_site_is_told_that_cors_is_not_set)
T(a_page_that_may_not_connect_is_told_of_allowed_origins)
T(a_websocket_at_a_wrong_path_is_one_line)
T(a_page_of_another_origin_that_is_refused_is_one_line)
T(a_refused_preflight_is_one_line_that_says_that_cors_is_not_set)
T(a_refusal_that_the_host_answers_itself_is_one_line)
T(a_websocket_that_breaks_the_protocol_is_one_line)
TESTS_END
