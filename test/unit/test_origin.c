/* SPDX-License-Identifier: MIT
 *
 * test_origin.c - which pages sio_options.allowed_origins lets in: whole servers over real bytes,
 * and requests as browsers make them.
 */
#include "raw_client.h"
#include "whole.h"

static const char *const pages[] = { "https://a.example", "http://localhost:8080", NULL };
static const sio_options options = { .allow_eio3 = true, .allowed_origins = pages };
static char last[4096];

#define POLL "/socket.io/?EIO=4&transport=polling"
#define POLL3 "/socket.io/?EIO=3&transport=polling"
#define JSONP POLL3 "&j=0"
#define UPGRADE                                                                \
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define FOREIGN "Sec-Fetch-Site: cross-site\r\n"
#define NEIGHBOUR "Sec-Fetch-Site: same-site\r\n"
#define OWN "Sec-Fetch-Site: same-origin\r\n"
#define TYPED "Sec-Fetch-Site: none\r\n"

/* The status of the answer, which is left in `last`. */
static int answer_to(const char *method, const char *path, const char *lines, const char *body) {
  static struct raw c;
  char request[1024];
  int n = snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n"
                   "\r\n%s",
                   method, path, lines, strlen(body), body);
  bool ok = raw_open(&c, srv) && raw_send(&c, request, (size_t)n) && raw_expect(&c, "HTTP/1.1 ");
  for (int i = 0; i < 3; i++) raw_turn(&c);
  snprintf(last, sizeof last, "%.*s", (int)c.n, c.in);
  int status = ok ? atoi(c.in + c.seen) : 0;
  raw_close(&c);
  return status;
}

static int get(const char *path, const char *lines) { return answer_to("GET", path, lines, ""); }

TEST(a_script_of_a_foreign_page_opens_no_session) {
  whole_start(&options);
  EQ(get(JSONP, ""), 403);
  CHECK(strstr(last, "{\"code\":4,\"message\":\"Forbidden\"}"));
  EQ(get(JSONP, FOREIGN), 403);
  EQ(get(JSONP, "Referer: https://evil.example/\r\n" FOREIGN), 403);
  EQ(get(JSONP, "Referer: https://evil.example/\r\n"), 403);
  EQ(get(JSONP, "Referer: https://a.example.evil/\r\n"), 403);
  EQ(get(JSONP, "Referer: https://a.example:444/\r\n"), 403);
  EQ(get(JSONP, "Referer: https://a.exampl\r\n"), 403);
  EQ(get(JSONP, "Referer: evil\r\n"), 403);
  EQ(get(JSONP, "Referer: https:/a.example/\r\n"), 403);
  EQ(get(POLL3 "&%6A=0", FOREIGN), 403);
  whole_stop();
}

TEST(a_script_of_a_listed_page_or_of_our_own_opens_one) {
  whole_start(&options);
  EQ(get(JSONP, "Referer: https://a.example/some/page?x=1\r\n" FOREIGN), 200);
  CHECK(strstr(last, "___eio[0](\""));
  EQ(get(JSONP, "Referer: https://a.example\r\n"), 200);
  EQ(get(JSONP, "Referer: http://localhost:8080/\r\n" NEIGHBOUR), 200);
  EQ(get(JSONP, OWN), 200);
  EQ(get(JSONP, TYPED), 200);
  EQ(get(JSONP, "Origin: https://a.example\r\n" FOREIGN), 200);
  EQ(get(JSONP, "Origin: https://evil.example\r\nReferer: https://a.example/\r\n"), 403);
  whole_stop();
}

TEST(a_script_is_sent_as_one_and_nothing_else_is_taken_for_one) {
  whole_start(&(sio_options){ .allow_eio3 = true });
  EQ(get(JSONP, FOREIGN), 200);
  CHECK(strstr(last, "\r\nContent-Type: text/javascript; charset=UTF-8\r\n"));
  CHECK(strstr(last, "\r\nX-Content-Type-Options: nosniff\r\n"));
  EQ(get(POLL, ""), 200);
  CHECK(strstr(last, "\r\nContent-Type: text/plain; charset=UTF-8\r\n"));
  CHECK(strstr(last, "\r\nX-Content-Type-Options: nosniff\r\n"));
  EQ(get("/socket.io/?EIO=4", ""), 400);
  CHECK(strstr(last, "\r\nX-Content-Type-Options: nosniff\r\n"));
  whole_stop();
}

/* Images, styles, navigation, fetch() with mode "no-cors": none of them sends an Origin. */
TEST(what_a_foreign_page_loads_without_an_origin_is_refused) {
  whole_start(&options);
  EQ(get(POLL, FOREIGN), 403);
  EQ(get(POLL, NEIGHBOUR), 403);
  EQ(get(POLL, FOREIGN "Referer: https://evil.example/a\r\n"), 403);
  EQ(get(POLL, FOREIGN "Referer: https://a.example/a\r\n"), 200);
  EQ(get("/socket.io/?EIO=4&transport=websocket", UPGRADE FOREIGN), 403);
  EQ(answer_to("POST", POLL "&sid=x", FOREIGN "Content-Type: text/plain\r\n", "40"), 403);
  EQ(get(POLL, "Sec-Fetch-Site: something-new\r\n"), 403);
  whole_stop();
}

TEST(who_is_no_browser_or_our_own_page_gets_in_without_an_origin) {
  whole_start(&options);
  EQ(get(POLL, ""), 200);
  EQ(get(POLL, "Referer: https://evil.example/\r\n"), 200);
  EQ(get(POLL, OWN), 200);
  EQ(get(POLL, TYPED), 200);
  EQ(get("/socket.io/?EIO=4&transport=websocket", UPGRADE), 101);
  EQ(get("/socket.io/?EIO=4&transport=websocket", UPGRADE OWN), 101);
  whole_stop();
}

TEST(without_a_list_every_page_gets_in) {
  whole_start(&(sio_options){ .allow_eio3 = true });
  EQ(get(JSONP, FOREIGN), 200);
  EQ(get(POLL, FOREIGN), 200);
  EQ(get("/socket.io/?EIO=4&transport=websocket", UPGRADE "Origin: https://evil.example\r\n"), 101);
  whole_stop();
}

/* ---- why: the host's callback ---------------------------------------------------------------- */

static char why[256];

static void on_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  snprintf(why, sizeof why, "%d %s %.*s", e->code, e->name, (int)e->detail.n, e->detail.p);
}

TEST(the_host_is_told_where_a_refused_request_came_from) {
  sio_options o = options;
  o.connection_error = on_error;
  whole_start(&o);
  EQ(get(POLL, "Origin: https://evil.example\r\n"), 403);
  EQ_STR(why, "4 ORIGIN https://evil.example");
  EQ(get(POLL, FOREIGN "Referer: https://evil.example/a\r\n"), 403);
  EQ_STR(why, "4 ORIGIN https://evil.example");
  EQ(get(POLL, FOREIGN), 403);
  EQ_STR(why, "4 ORIGIN cross-site");
  EQ(get(JSONP, ""), 403);
  EQ_STR(why, "4 ORIGIN ");
  whole_stop();
}

/* ---- plain WebSockets ---------------------------------------------------------------- */

static int yes(sio_request *r, void *user) {
  (void)r, (void)user;
  return 0;
}

static int no(sio_request *r, void *user) {
  (void)r, (void)user;
  return 401;
}

TEST(the_list_holds_for_plain_websockets_with_an_accept_callback_too) {
  whole_start(&options);
  EQ(sio_ws_route(srv, "/plain", &(sio_ws_callbacks){ 0 }, NULL), 0);
  EQ(sio_ws_route(srv, "/asked", &(sio_ws_callbacks){ .accept = yes }, NULL), 0);
  EQ(sio_ws_route(srv, "/never", &(sio_ws_callbacks){ .accept = no }, NULL), 0);
  static const char *const paths[] = { "/plain", "/asked" };
  for (int i = 0; i < 2; i++) {
    EQ(get(paths[i], UPGRADE "Origin: https://evil.example\r\n"), 403);
    EQ(get(paths[i], UPGRADE FOREIGN), 403);
    EQ(get(paths[i], UPGRADE "Origin: https://a.example\r\n"), 101);
    EQ(get(paths[i], UPGRADE), 101);
  }
  EQ(get("/never", UPGRADE "Origin: https://a.example\r\n"), 401);
  EQ(get("/never", UPGRADE "Origin: https://evil.example\r\n"), 403);
  whole_stop();
}

TEST(a_plain_websocket_may_be_for_the_pages_of_all_origins) {
  whole_start(&options);
  EQ(sio_ws_route(srv, "/open", &(sio_ws_callbacks){ .any_origin = true }, NULL), 0);
  EQ(sio_ws_route(srv, "/asked", &(sio_ws_callbacks){ .accept = no, .any_origin = true }, NULL), 0);
  EQ(get("/open", UPGRADE "Origin: https://evil.example\r\n"), 101);
  EQ(get("/asked", UPGRADE "Origin: https://evil.example\r\n"), 401);
  whole_stop();
}

TESTS_BEGIN
T(a_script_of_a_foreign_page_opens_no_session)
T(a_script_of_a_listed_page_or_of_our_own_opens_one)
T(a_script_is_sent_as_one_and_nothing_else_is_taken_for_one)
T(what_a_foreign_page_loads_without_an_origin_is_refused)
T(who_is_no_browser_or_our_own_page_gets_in_without_an_origin)
T(without_a_list_every_page_gets_in)
T(the_host_is_told_where_a_refused_request_came_from)
T(the_list_holds_for_plain_websockets_with_an_accept_callback_too)
T(a_plain_websocket_may_be_for_the_pages_of_all_origins)
TESTS_END
