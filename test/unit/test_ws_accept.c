/* SPDX-License-Identifier: MIT
 *
 * test_ws_accept.c - opening handshakes of WebSockets, on Socket.IO's path and on routes: which
 * subprotocol is agreed on, and that each refusal is logged, counted, and told of.
 */
#include "pair.h"

static unsigned errors;
static char error_text[200], chosen[64];
static bool header_hook_chooses;

#define SOCK "/socket.io/?EIO=4&transport=websocket"

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level <= SIO_LOG_WARN) trace("%s\n", l->text);
}

static void on_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  errors++;
  snprintf(error_text, sizeof error_text, "%d %s %.*s", e->code, e->name, (int)e->detail.n,
           e->detail.p);
}

static void ws_open(sio_ws *w, void *user) {
  (void)user;
  snprintf(chosen, sizeof chosen, "[%s]", sio_ws_info_of(w).protocol);
}

static int turn_away(sio_request *r, void *user) {
  (void)r, (void)user;
  return 401;
}

static int choose(sio_request *r, void *user) {
  (void)user;
  return sio_respond_header(r, "sec-websocket-Protocol", "own") ? 500 : 0;
}

static void on_headers(sio_request *r, bool initial, void *user) {
  (void)initial, (void)user;
  if (header_hook_chooses) sio_respond_header(r, "Sec-WebSocket-Protocol", "hooked");
}

static void on_route(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, NULL, sio_text(""));
}

static void begin(sio_options o) {
  static const char *const spoken[] = { "mqtt", "v2.chat", NULL };
  static const sio_ws_callbacks plain = { .open = ws_open };
  static const sio_ws_callbacks some = { .open = ws_open, .protocols = spoken };
  static const sio_ws_callbacks closed_one = { .accept = turn_away };
  static const sio_ws_callbacks own = { .open = ws_open, .accept = choose, .protocols = spoken };
  errors = 0;
  error_text[0] = chosen[0] = '\0';
  header_hook_chooses = false;
  o.log = on_log;
  o.connection_error = on_error;
  start(&o);
  EQ(sio_ws_route(srv, "/plain", &plain, NULL), 0);
  EQ(sio_ws_route(srv, "/some", &some, NULL), 0);
  EQ(sio_ws_route(srv, "/closed", &closed_one, NULL), 0);
  EQ(sio_ws_route(srv, "/own", &own, NULL), 0);
  EQ(sio_route(srv, "GET", "/page", 0, on_route, NULL), 0);
  EQ(sio_on_engine_headers(srv, on_headers, NULL), 0);
}

/* What is answered to a handshake with these header lines more; what `with` names replaces the
 * ordinary line that begins alike. */
static const char *shake(const char *path, const char *with) {
  static const char *const usual[] = { "Sec-WebSocket-Version: 13\r\n",
                                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" };
  char text[2048];
  int err, fd = dial(&err);
  int n = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%s",
                   path, with);
  for (size_t i = 0; i < 2; i++) {
    size_t name = strcspn(usual[i], ":");
    if (strncmp(with, usual[i], name) != 0)
      n += snprintf(text + n, sizeof text - (size_t)n, "%s", usual[i]);
  }
  snprintf(text + n, sizeof text - (size_t)n, "\r\n");
  const char *answer = ask(fd, text);
  close(fd);
  turn();
  return answer;
}

/* The subprotocol in a 101; "": none; NULL: no 101. */
static const char *agreed(const char *path, const char *lines) {
  static const char name[] = "\r\nSec-WebSocket-Protocol: ";
  static char value[64];
  const char *answer = shake(path, lines);
  if (!strstr(answer, " 101 ")) return NULL;
  const char *at = strcasestr(answer, name);
  if (!at) return "";
  CHECK(strcasestr(at + 1, name) == NULL);
  at += sizeof name - 1;
  snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
  return value;
}

#define OFFER "Sec-WebSocket-Protocol: "
#define AGREED(path, lines, want)              \
  do {                                         \
    const char *agreed_ = agreed(path, lines); \
    REQUIRE(agreed_ != NULL);                  \
    EQ_STR(agreed_, want);                     \
  } while (0)

/* ---- subprotocols ---------------------------------------------------------------------------- */

TEST(socket_io_takes_the_first_that_is_offered) {
  begin((sio_options){ 0 });
  AGREED(SOCK, OFFER "chat, superchat\r\n", "chat");
  AGREED(SOCK, OFFER "\tone\t,two\r\n", "one");
  AGREED(SOCK, OFFER "v1.x!#$%&'*+-^_`|~\r\n", "v1.x!#$%&'*+-^_`|~");
  AGREED(SOCK, "", "");
  stop();
}

TEST(several_lines_are_one_list_and_empty_elements_mean_nothing) {
  begin((sio_options){ 0 });
  AGREED(SOCK, OFFER "\r\n" OFFER ", ,\r\n" OFFER "b, c\r\n", "b");
  AGREED(SOCK, OFFER "\r\n", "");
  AGREED("/some", OFFER "x\r\n" OFFER "y, v2.chat\r\nsec-websocket-protocol: mqtt\r\n", "v2.chat");
  stop();
}

TEST(so_does_the_websocket_of_an_upgrade) {
  char sid[64] = "", path[200];
  int err;
  begin((sio_options){ 0 });
  int fd = dial(&err);
  const char *answer =
      ask(fd, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
  const char *at = strstr(answer, "\"sid\":\"");
  REQUIRE(at != NULL);
  snprintf(sid, sizeof sid, "%.*s", (int)strcspn(at + 7, "\""), at + 7);
  snprintf(path, sizeof path, SOCK "&sid=%s", sid);
  AGREED(path, OFFER "chat, superchat\r\n", "chat");
  close(fd);
  stop();
}

TEST(what_is_no_token_is_refused) {
  static const char *const bad[] = { "a b", "a, b;c", "\"a\"", "a/b", "a, (b)", "\xc3\xa4", "a=b" };
  char lines[80];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin((sio_options){ 0 });
    snprintf(lines, sizeof lines, OFFER "%s\r\n", bad[i]);
    const char *answer = shake(SOCK, lines);
    CHECK(strstr(answer, " 400 ") && strstr(answer, "Invalid Sec-WebSocket-Protocol header"));
    EQ(errors, 1);
    CHECK(strstr(shake("/some", lines), " 400 ") != NULL);
    stop();
  }
}

TEST(a_route_takes_the_first_offered_that_it_speaks) {
  begin((sio_options){ 0 });
  AGREED("/some", OFFER "soap, v2.chat, mqtt\r\n", "v2.chat");
  EQ_STR(chosen, "[v2.chat]");
  AGREED("/some", OFFER "soap, MQTT\r\n", "");
  EQ_STR(chosen, "[]");
  AGREED("/some", "", "");
  AGREED("/plain", OFFER "mqtt\r\n", "");
  stop();
}

TEST(the_host_may_choose_by_itself) {
  begin((sio_options){ 0 });
  AGREED("/own", OFFER "mqtt, own\r\n", "own");
  header_hook_chooses = true;
  AGREED(SOCK, OFFER "mqtt, hooked\r\n", "hooked");
  stop();
}

TEST(a_route_speaks_tokens_only) {
  static const char *const bad[] = { "ok", "not ok", NULL };
  static const char *const empty[] = { "", NULL };
  static const char *const none[] = { NULL };
  begin((sio_options){ 0 });
  EQ(sio_ws_route(srv, "/a", &(sio_ws_callbacks){ .protocols = bad }, NULL), UV_EINVAL);
  EQ(sio_ws_route(srv, "/a", &(sio_ws_callbacks){ .protocols = empty }, NULL), UV_EINVAL);
  EQ(sio_ws_route(srv, "/a", &(sio_ws_callbacks){ .protocols = none }, NULL), 0);
  AGREED("/a", OFFER "x\r\n", "");
  stop();
}

TEST(its_names_are_copied) {
  char name[] = "mqtt";
  const char *list[] = { name, NULL };
  begin((sio_options){ 0 });
  EQ(sio_ws_route(srv, "/a", &(sio_ws_callbacks){ .open = ws_open, .protocols = list }, NULL), 0);
  memset(name, '#', sizeof name - 1);
  list[0] = NULL;
  AGREED("/a", OFFER "mqtt\r\n", "mqtt");
  for (unsigned i = 1; i <= 2; i++) {
    list[0] = "x";
    alloc_fail_in(i);
    EQ(sio_ws_route(srv, "/b", &(sio_ws_callbacks){ .protocols = list }, NULL), UV_ENOMEM);
    alloc_fail_in(0);
  }
  stop();
}

/* ---- how it leaves --------------------------------------------------------------------------- */

TEST(the_answer_and_the_first_packet_leave_in_one_write) {
  sio_stats before, after;
  begin((sio_options){ 0 });
  sio_server_get_stats(srv, &before, sizeof before);
  const char *answer = shake(SOCK, "");
  sio_server_get_stats(srv, &after, sizeof after);
  CHECK(strstr(answer, " 101 ") && strstr(answer, "0{\"sid\":"));
  EQ(after.net_writes - before.net_writes, 1);
  stop();
}

/* ---- refusals -------------------------------------------------------------------------------- */

static uint64_t refused(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st.websockets_refused;
}

/* One handshake, one line in the log, one more in the counter; `error`: what connection_error was
 * told, or "". */
static void is_refused(const char *path, const char *lines, const char *status, const char *line,
                       const char *error) {
  uint64_t before = refused();
  traced[0] = '\0';
  error_text[0] = '\0';
  const char *answer = shake(path, lines);
  CHECK(strstr(answer, status) != NULL);
  EQ(refused(), before + 1);
  const char *log = saw();
  if (!strstr(log, line)) fprintf(stderr, "%s: logged \"%s\", not \"%s\"\n", path, log, line);
  CHECK(strstr(log, line) != NULL);
  const char *end = strchr(log, '\n');
  CHECK(end && end[1] == '\0');
  EQ_STR(error_text, error);
}

#define KEY "Sec-WebSocket-Key: x\r\n"
#define VERSION "Sec-WebSocket-Version: 12\r\n"

TEST(each_refusal_on_socket_ios_path_is_logged_counted_and_told) {
  static const char *const origins[] = { "http://good", NULL };
  begin((sio_options){ .allowed_origins = origins });
  is_refused(SOCK, KEY, " 400 ", "TRANSPORT_HANDSHAKE_ERROR Missing or invalid Sec-WebSocket-Key",
             "3 TRANSPORT_HANDSHAKE_ERROR Missing or invalid Sec-WebSocket-Key header");
  is_refused(SOCK, VERSION, "Sec-WebSocket-Version: 13, 8\r\n",
             "Missing or invalid Sec-WebSocket-Version",
             "3 TRANSPORT_HANDSHAKE_ERROR Missing or invalid Sec-WebSocket-Version header");
  is_refused(SOCK, OFFER "a b\r\n", " 400 ", "Invalid Sec-WebSocket-Protocol",
             "3 TRANSPORT_HANDSHAKE_ERROR Invalid Sec-WebSocket-Protocol header");
  is_refused(SOCK "&sid=nobody", "", " 400 ", "Session ID unknown", "1  nobody");
  is_refused(SOCK, "Origin: http://evil\r\n", " 403 ", "Forbidden ORIGIN http://evil",
             "4 ORIGIN http://evil");
  is_refused("/socket.io/?EIO=2&transport=websocket", "", " 400 ", "Unsupported protocol version",
             "5  2");
  EQ(errors, 6);
  stop();
}

TEST(each_refusal_on_a_route_is_logged_and_counted) {
  static const char *const origins[] = { "http://good", NULL };
  begin((sio_options){ .allowed_origins = origins });
  is_refused("/plain", KEY, " 400 ",
             "/plain is refused with status 400: Missing or invalid Sec-WebSocket-Key", "");
  is_refused("/plain", VERSION, "Sec-WebSocket-Version: 13, 8\r\n",
             "refused with status 400: Missing", "");
  is_refused("/plain", "Origin: http://evil\r\n", " 403 ",
             "sio_options.allowed_origins does not list the origin", "");
  is_refused("/closed", "", " 401 ",
             "refused with status 401: the accept callback of the route refused the WebSocket", "");
  is_refused("/nowhere", "", " 404 ", "refused with status 404: no route has this path", "");
  is_refused("/page", "", " 400 ", "refused with status 400: the route is not for WebSockets", "");
  EQ(errors, 0);
  stop();
}

TEST(a_flood_of_them_fills_the_counter_and_not_the_log) {
  begin((sio_options){ 0 });
  traced[0] = '\0';
  for (int i = 0; i < 60; i++) shake("/nowhere", "");
  EQ(refused(), 60);
  unsigned lines = 0;
  for (const char *at = traced; (at = strstr(at, "no route has this path")); at++) lines++;
  CHECK(lines >= 10 && lines < 40);
  stop();
}

TESTS_BEGIN
T(socket_io_takes_the_first_that_is_offered)
T(several_lines_are_one_list_and_empty_elements_mean_nothing)
T(so_does_the_websocket_of_an_upgrade)
T(what_is_no_token_is_refused)
T(a_route_takes_the_first_offered_that_it_speaks)
T(the_host_may_choose_by_itself)
T(a_route_speaks_tokens_only)
T(its_names_are_copied)
T(the_answer_and_the_first_packet_leave_in_one_write)
T(each_refusal_on_socket_ios_path_is_logged_counted_and_told)
T(each_refusal_on_a_route_is_logged_and_counted)
T(a_flood_of_them_fills_the_counter_and_not_the_log)
TESTS_END
