/* SPDX-License-Identifier: MIT
 *
 * test_nul.c - bytes of a peer that hold a NUL are not taken for what stands before it: whole
 * servers over real bytes.
 */
#include "base/slice.h"
#include "net/proxy.h"
#include "poll_client.h"
#include "trace.h"
#include "whole.h"

static struct raw c;

/* The status of the answer, which is left in c.in. */
static int get(const char *target) {
  char request[512];
  int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
  raw_close(&c);
  CHECK(raw_open(&c, srv) && raw_send(&c, request, (size_t)n));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  c.in[c.n] = '\0';
  return strncmp(c.in, "HTTP/1.1 ", 9) ? 0 : atoi(c.in + 9);
}

static int post(const char *target, const char *body) {
  raw_close(&c);
  CHECK(raw_open(&c, srv) && raw_request(&c, "POST", target, "", body));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  c.in[c.n] = '\0';
  return strncmp(c.in, "HTTP/1.1 ", 9) ? 0 : atoi(c.in + 9);
}

static bool heard(const char *text) { return strstr(c.in, text) != NULL; }

static void start(const sio_options *o) {
  c.fd = -1;
  traced[0] = '\0';
  whole_start(o);
}

static void stop(void) {
  raw_close(&c);
  whole_stop();
}

TEST(a_transport_is_its_whole_name) {
  start(&(sio_options){ .allow_eio3 = true });
  EQ(get("/socket.io/?EIO=4&transport=polling"), 200);
  EQ(get("/socket.io/?EIO=4&transport=polling%00x"), 400);
  CHECK(heard("{\"code\":0,"));
  EQ(get("/socket.io/?EIO=4&transport=polling%00"), 400);
  EQ(get("/socket.io/?EIO=4&transport=%00polling"), 400);
  EQ(get("/socket.io/?EIO=4&transport=websocket%00"), 400);
  CHECK(heard("{\"code\":0,"));
  EQ(get("/socket.io/?EIO=4&transport%00=polling"), 400);
  CHECK(heard("{\"code\":0,"));
  EQ(get("/socket.io/?EIO=4&transport=pollingpollingpolling"), 400);
  CHECK(heard("{\"code\":0,"));
  stop();
}

TEST(a_protocol_is_its_whole_number) {
  start(&(sio_options){ .allow_eio3 = true });
  EQ(get("/socket.io/?EIO=4%00&transport=polling"), 400);
  CHECK(heard("{\"code\":5,"));
  EQ(get("/socket.io/?EIO=3%00x&transport=polling"), 400);
  CHECK(heard("{\"code\":5,"));
  stop();
}

TEST(a_session_is_found_by_its_whole_id) {
  struct poller p = POLLER;
  char target[400];
  start(NULL);
  REQUIRE(poller_open(&p, srv, "/socket.io/"));
  snprintf(target, sizeof target, "%s%%00", p.path);
  EQ(get(target), 400);
  CHECK(heard("{\"code\":1,"));
  EQ(post(target, "40"), 400);
  CHECK(heard("{\"code\":1,"));
  snprintf(target, sizeof target, "%s%%00%s", p.path, p.sid);
  EQ(get(target), 400);
  EQ(post(p.path, "40"), 200);
  poller_close(&p);
  stop();
}

TEST(a_callback_has_all_digits_of_its_number) {
  start(&(sio_options){ .allow_eio3 = true });
  EQ(get("/socket.io/?EIO=3&transport=polling&j=1%002"), 200);
  CHECK(heard("___eio[12](\""));
  EQ(get("/socket.io/?EIO=3&transport=polling&j=%00"), 200);
  CHECK(heard("___eio[](\""));
  stop();
}

/* ---- paths --------------------------------------------------------------------------------- */

static void on_route(sio_request *r, void *user) {
  (void)user;
  char key[16];
  long n = sio_url_param(sio_request_info_of(r).url, "key", key, sizeof key);
  trace("%ld:%zu ", n, n > 0 ? strlen(key) : 0);
  sio_respond(r, 200, NULL, SLICE("route"));
}

TEST(a_path_is_compared_to_its_end) {
  static const sio_asset table[] = { { "/a.txt", "text/plain", "asset", 5, NULL } };
  start(NULL);
  EQ(sio_route(srv, NULL, "/route", 0, on_route, NULL), 0);
  EQ(sio_assets(srv, "/assets", table, 1), 0);
  EQ(sio_static(srv, "/files", "/etc"), 0);
  EQ(get("/route"), 200);
  EQ(get("/route%00"), 404);
  EQ(get("/assets/a.txt"), 200);
  EQ(get("/assets/a.txt%00"), 404);
  EQ(get("/assets/a.txt%00.html"), 404);
  EQ(get("/files/passwd"), 200);
  EQ(get("/files/passwd%00"), 404);
  EQ(get("/files/passwd%00.html"), 404);
  EQ(get("/socket.io/socket.io.js%00"), 400);
  stop();
}

TEST(a_host_is_told_the_length_of_a_value) {
  start(NULL);
  EQ(sio_route(srv, NULL, "/route", 0, on_route, NULL), 0);
  EQ(get("/route?key=ab%00cd"), 200);
  SAW("5:2 ");
  EQ(get("/route?key%00=ab"), 200);
  SAW("-2:0 ");
  stop();
}

/* ---- bytes as they are --------------------------------------------------------------------- */

static int answer_to(const char *p, size_t n) {
  raw_close(&c);
  CHECK(raw_open(&c, srv) && raw_send(&c, p, n));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  c.in[c.n] = '\0';
  return strncmp(c.in, "HTTP/1.1 ", 9) ? 0 : atoi(c.in + 9);
}

#define BYTES(s) s, sizeof(s) - 1

TEST(a_head_holds_no_nul) {
  start(NULL);
  EQ(answer_to(BYTES("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n")), 400);
  EQ(answer_to(BYTES("GET /?\0 HTTP/1.1\r\nHost: a\r\n\r\n")), 400);
  EQ(answer_to(BYTES("G\0T / HTTP/1.1\r\nHost: a\r\n\r\n")), 400);
  EQ(answer_to(BYTES("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n")), 400);
  EQ(answer_to(BYTES("GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://b\0\r\n\r\n")), 400);
  EQ(answer_to(BYTES("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ::1\0\r\n\r\n")), 400);
  EQ(answer_to(BYTES("GET / HTTP/1.1\r\nHost: a\r\nCookie\0: b\r\n\r\n")), 400);
  stop();
}

TEST(a_proxy_names_no_address_with_a_nul) {
  struct proxied p;
  const char *why;
  CHECK(sio__proxy_parse_header(BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), &p, &why) > 0);
  CHECK(sio__proxy_parse_header(BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), &p, &why) < 0);
  CHECK(sio__proxy_parse_header(BYTES("PROXY TCP4 192.0.2.1 192.0.2.2\0x 1 2\r\n"), &p, &why) < 0);
  CHECK(sio__proxy_parse_header(BYTES("PROXY TCP4\0 192.0.2.1 192.0.2.2 1 2\r\n"), &p, &why) < 0);
  CHECK(sio__proxy_parse_header(BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n"), &p, &why) < 0);
  CHECK(sio__proxy_parse_header(BYTES("PROXY UNKNOWN\0\r\n"), &p, &why) < 0);
}

TESTS_BEGIN
T(a_transport_is_its_whole_name)
T(a_protocol_is_its_whole_number)
T(a_session_is_found_by_its_whole_id)
T(a_callback_has_all_digits_of_its_number)
T(a_path_is_compared_to_its_end)
T(a_host_is_told_the_length_of_a_value)
T(a_head_holds_no_nul)
T(a_proxy_names_no_address_with_a_nul)
TESTS_END
