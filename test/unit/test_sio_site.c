/* SPDX-License-Identifier: MIT */
#include "http/client.h"
#include "pair.h"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
/* Long enough to be compressed. */
#define LONG \
  HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN

/* In the place of the table that the build makes. */
const sio_asset sio__client_assets[] = {
  { "socket.io.js", "application/javascript; charset=utf-8", "io()", 4, "\"9.9.9\"" },
  { "long.js", "application/javascript; charset=utf-8", LONG, sizeof LONG - 1, "\"9.9.9\"" },
  { NULL, NULL, NULL, 0, NULL },
};
const size_t sio__client_assets_count = 2;
const char sio__client_version[] = "9.9.9";

/* ---- whose request is it? ------------------------------------------------------------------- */

static const char everything[] = { '/', '*', '\0' }; /* no comment's beginning */

static void on_route(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", SLICE("routed"));
}

static void answers(const sio_options *opts, const char *path, const char *head, const char *in) {
  char request[512];
  int err;
  start(opts);
  EQ(sio_route(srv, NULL, everything, 0, on_route, NULL), 0);
  int fd = dial(&err);
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, head);
  const char *answer = ask(fd, request);
  if (!strstr(answer, in)) fprintf(stderr, "%s: %s\n", path, answer);
  CHECK(strstr(answer, in) != NULL);
  close(fd);
  stop();
}

TEST(requests_go_to_the_client_files_the_engine_or_the_routes) {
  answers(NULL, "/socket.io/socket.io.js", "", "\r\n\r\nio()");
  answers(NULL, "/socket.io/socket.io.js?v=1", "", "ETag: \"9.9.9\"\r\n");
  answers(NULL, "/socket.io/socket.io.js", "If-None-Match: W/\"9.9.9\"\r\n", "304 Not Modified");
  answers(NULL, "/socket.io/other.js", "", "{\"code\":0,");
  answers(NULL, "/socket.io/?EIO=4&transport=polling", "", "0{\"sid\":");
  answers(NULL, "/else", "", "routed");
  answers(NULL, "/socket.io", "", "routed");
  answers(&(sio_options){ .no_serve_client = true }, "/socket.io/socket.io.js", "", "{\"code\":0,");
  answers(&(sio_options){ .path = "/live", .no_trailing_slash = true }, "/live/socket.io.js", "",
          "\r\n\r\nio()");
  answers(&(sio_options){ .cors = &(sio_cors){ .credentials = false } }, "/socket.io/socket.io.js",
          "Origin: http://a\r\n", "Access-Control-Allow-Origin: *");
}

TEST(a_file_has_its_place_right_under_the_path) {
  static const char *const others[] = { "/socket.io/socket.io.js/",  "/socket.io/x/socket.io.js",
                                        "/socket.io//socket.io.js",  "/socket.io/socket.io.jsx",
                                        "/socket.io/socket.io%2Ejs", "/socket.io/" };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    answers(NULL, others[i], "", "{\"code\":0,");
  answers(NULL, "/socket.iosocket.io.js", "", "routed");
  answers(NULL, "/socket.io.js", "", "routed");
  answers(&(sio_options){ .path = "/" }, "/socket.io.js", "", "\r\n\r\nio()");
  answers(&(sio_options){ .path = "/a/b/" }, "/a/b/socket.io.js", "", "\r\n\r\nio()");
  answers(&(sio_options){ .path = "/a/b/" }, "/a/socket.io.js", "", "routed");
}

TEST(a_websocket_asks_for_no_file) {
  answers(NULL, "/socket.io/socket.io.js",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
          "400 Bad Request");
}

TEST(a_long_file_is_compressed_once_and_without_memory_sent_as_it_is) {
  static const char request[] =
      "GET /socket.io/long.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";
  bool plain = false, packed = false, failed = true;
  for (size_t i = 1; failed && i < 60; i++) {
    int err;
    start(NULL);
    int fd = dial(&err);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    const char *answer = ask(fd, request);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    bool is_packed = strstr(answer, "Content-Encoding: gzip") != NULL;
    bool is_whole = strstr(answer, LONG) != NULL;
    CHECK(!answer[0] || is_packed != is_whole);
    packed = packed || is_packed;
    plain = plain || is_whole;
    close(fd);
    stop();
  }
  CHECK(!failed);
  CHECK(plain);
#ifdef SIO_ZLIB
  CHECK(packed);
#endif
}

/* ---- the host's WebSockets ------------------------------------------------------------------- */

static void on_ws_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}

static void on_ws_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  trace("%d:%s ", why->ws_code, why->detail);
}

static const sio_ws_callbacks callbacks = { .message = on_ws_message, .close = on_ws_close };

TEST(a_route_for_websockets_that_makes_no_sense_is_refused) {
  start(NULL);
  EQ(sio_ws_route(srv, "/ws", NULL, NULL), UV_EINVAL);
  EQ(sio_ws_route(srv, "no slash", &callbacks, NULL), UV_EINVAL);
  EQ(sio_ws_route(srv, "/ws", &callbacks, NULL), 0);
  EQ(sio_ws_route(srv, "/ws", &callbacks, NULL), SIO_EEXISTS);
  stop();
}

TEST(without_memory_there_is_no_route) {
  bool failed = true;
  for (size_t i = 1; failed && i < 20; i++) {
    start(NULL);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_ws_route(srv, "/ws", &callbacks, NULL);
    failed = alloc_calls - before >= i;
    EQ(err, failed ? UV_ENOMEM : 0);
    stop();
  }
  CHECK(!failed);
}

TEST(websockets_of_routes_are_closed_when_the_server_drains) {
  static const char upgrade[] =
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  int err;
  start(NULL);
  EQ(sio_ws_route(srv, "/ws", &callbacks, NULL), 0);
  int fd = dial(&err);
  CHECK(strstr(ask(fd, upgrade), " 101 ") != NULL);
  EQ(sio_server_drain(srv, NULL, on_done, NULL), 0);
  const char *frame = ask(fd, "");
  EQ(frame[0] & 0xff, 0x88);
  EQ_MEM(frame + 2, 2, "\x03\xe9", 2); /* 1001 */
  close(fd);
  stop();
  SAW("1001:the peer ended the connection without a close frame ");
}

TESTS_BEGIN
T(requests_go_to_the_client_files_the_engine_or_the_routes)
T(a_file_has_its_place_right_under_the_path)
T(a_websocket_asks_for_no_file)
T(a_long_file_is_compressed_once_and_without_memory_sent_as_it_is)
T(a_route_for_websockets_that_makes_no_sense_is_refused)
T(without_memory_there_is_no_route)
T(websockets_of_routes_are_closed_when_the_server_drains)
TESTS_END
