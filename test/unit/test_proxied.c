/* SPDX-License-Identifier: MIT
 *
 * test_proxied.c - a whole server behind proxies: for whom they ask, by headers and by the PROXY
 * protocol, and what is counted for whom.
 */
#include "limits_rig.h"

/* ---- behind proxies -------------------------------------------------------------------------- */

static void who(const char *lines, const char *want) {
  struct raw *c = &peers[0];
  if (c->fd < 0) CHECK(raw_open(c, srv));
  get_as(c, "/who", lines);
  bool heard = raw_expect(c, want);
  if (!heard) fprintf(stderr, "not %s in %s\n", want, c->in);
  CHECK(heard);
}

TEST(a_trusted_proxy_says_for_whom_it_asks_with_each_request) {
  start((sio_options){ .trusted_proxies = unix_proxies });
  who("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "[1.2.3.4||tls]");
  who("X-Forwarded-For: 6.6.6.6, 2001:db8::1, 10.1.1.1\r\n", "[2001:db8::1||plain]");
  who("X-Forwarded-For: nonsense\r\n", "[||plain]");
  who("Forwarded: for=1.2.3.4\r\n", "[||plain]");
  who("", "[||plain]");
  stop();
  start((sio_options){ .trusted_proxies = unix_proxies, .forwarded = SIO_FORWARDED_RFC7239 });
  who("Forwarded: for=1.2.3.4;proto=https\r\nX-Forwarded-For: 6.6.6.6\r\n", "[1.2.3.4||tls]");
  stop();
}

TEST(nobody_else_is_believed) {
  static const char *const others[] = { "10.0.0.0/8", NULL };
  start((sio_options){ .trusted_proxies = others });
  who("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "[||plain]");
  stop();
  start((sio_options){ 0 });
  who("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "[||plain]");
  stop();
}

TEST(a_session_keeps_the_address_of_its_first_request) {
  start((sio_options){ .trusted_proxies = unix_proxies });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv));
  get_as(c, WS,
         "X-Forwarded-For: 1.2.3.4\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  CHECK(raw_expect(c, "101 Switching") && raw_text(c, "40") && raw_expect(c, "40{"));
  EQ_STR(address, "1.2.3.4");
  EQ_STR(direct, "");
  sio_session *s = container_of(srv->eio.all.next, sio_session, link);
  CHECK(slice_equals_str(sio_session_header(s, "x-forwarded-for"), "1.2.3.4"));
  CHECK(slice_equals_str(sio_session_info_of(s).url, WS));
  stop();
}

static void open_for(int i, const char *from, const char *want) {
  char line[64];
  struct raw *c = &peers[i];
  if (c->fd < 0) CHECK(raw_open(c, srv));
  snprintf(line, sizeof line, "X-Forwarded-For: %s\r\n", from);
  get_as(c, POLL, line);
  bool heard = raw_expect(c, want);
  if (!heard) fprintf(stderr, "not %s in %s\n", want, c->in);
  CHECK(heard);
}

TEST(clients_behind_a_proxy_open_so_many_sessions_each) {
  start((sio_options){ .trusted_proxies = unix_proxies, .connects_per_s = 1, .connects_burst = 3 });
  for (int i = 0; i < 3; i++) open_for(0, "1.2.3.4", "200 OK");
  open_for(0, "1.2.3.4", "429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n");
  open_for(0, "1.2.3.5", "200 OK");
  EQ_STR(told, "4:1.2.3.4 ");
  EQ(stats().rejected[SIO_REJECT_SESSIONS], 1);
  CHECK(strstr(logged, "rejected 1.2.3.4: the address requests sessions faster than") != NULL);
  later(1000);
  open_for(0, "1.2.3.4", "200 OK");
  EQ(sessions, 5);
  EQ(stats().addresses, 2);
  stop();
}

TEST(and_have_so_many_open) {
  start((sio_options){ .trusted_proxies = unix_proxies, .max_per_address = 2 });
  for (int i = 0; i < 2; i++) open_for(0, "1.2.3.4", "200 OK");
  open_for(0, "1.2.3.4", "429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 30\r\n");
  open_for(0, "1.2.3.5", "200 OK");
  EQ_STR(told, "5:1.2.3.4 ");
  sio_session_close(container_of(srv->eio.all.next, sio_session, link), NULL);
  later(31000);
  open_for(1, "1.2.3.4", "200 OK");
  stop();
}

TEST(websockets_of_both_kinds_count) {
  start((sio_options){ .trusted_proxies = unix_proxies, .max_per_address = 2 });
  upgrade_for(0, "/plain", "1.2.3.4", "101 Switching");
  upgrade_for(1, WS, "1.2.3.4", "101 Switching");
  upgrade_for(2, "/plain", "1.2.3.4", "429 Too Many");
  upgrade_for(2, WS, "1.2.3.4", "429 Too Many");
  upgrade_for(2, WS, "1.2.3.5", "101 Switching");
  raw_close(&peers[0]);
  turns();
  upgrade_for(0, WS, "1.2.3.4", "101 Switching");
  EQ_STR(told, "5:1.2.3.4 5:1.2.3.4 ");
  stop();
}

/* One that breaks the rules: a frame without a mask. */
static void break_rules(int i, const char *path, const char *from) {
  char want[100];
  logged[0] = '\0';
  upgrade_for(i, path, from, "101 Switching");
  CHECK(raw_send(&peers[i], "\x81\1x", 3) && raw_expect_end(&peers[i]));
  snprintf(want, sizeof want, " %s: a WebSocket is being opened", from);
  CHECK(strstr(logged, want) != NULL);
  snprintf(want, sizeof want, " %s: the WebSocket is closed (error 1002): ", from);
  CHECK(strstr(logged, want) != NULL);
}

TEST(the_log_names_the_client_whose_websocket_comes_through_a_proxy) {
  start((sio_options){ .trusted_proxies = unix_proxies, .log_level = SIO_LOG_DEBUG });
  break_rules(0, WS, "1.2.3.4");
  break_rules(1, "/plain", "1.2.3.5");
  stop();
  start((sio_options){ .trusted_proxies = unix_proxies, .packets_per_s = 1 });
  upgrade_for(0, "/plain", "1.2.3.6", "101 Switching");
  for (int i = 0; i < 3; i++) CHECK(raw_text(&peers[0], "x"));
  turns();
  CHECK(strstr(logged, "1.2.3.6 sends more than packets_per_s") != NULL);
  stop();
}

TEST(a_head_that_is_malformed_is_not_laid_to_the_client_before) {
  struct raw *c = &peers[0];
  start((sio_options){ .trusted_proxies = unix_proxies });
  CHECK(raw_open(c, srv));
  get_as(c, "/who", "X-Forwarded-For: 1.2.3.4\r\n");
  CHECK(raw_expect(c, "[1.2.3.4||plain]") && raw_send(c, "?\r\n\r\n", 5) && raw_expect(c, "400 "));
  CHECK(strstr(logged, "refused with status 400") &&
        !strstr(logged, "1.2.3.4: the request is refused"));
  stop();
}

/* ---- PROXY headers --------------------------------------------------------------------------- */

static const sio_options proxied = { .trusted_proxies = unix_proxies, .proxy_protocol = true };

static const char v1[] = "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n";
static const char v2[] =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\1\2\3\4\5\6\7\10\3\350\0\120\x20\0\5\1\0\0\0\0";
static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

static struct raw *dial(int i, const char *header, size_t n) {
  struct raw *c = &peers[i];
  raw_close(c);
  CHECK(raw_open(c, srv) && raw_send(c, header, n));
  return c;
}

TEST(a_connection_begins_with_a_header_of_its_proxy) {
  start(proxied);
  is_from(dial(0, v1, sizeof v1 - 1), "", "[1.2.3.4||plain]");
  is_from(&peers[0], "X-Forwarded-For: 6.6.6.6\r\n", "[1.2.3.4||plain]");
  is_from(dial(0, v2, sizeof v2 - 1), "X-Forwarded-Proto: http\r\n", "[1.2.3.4||tls]");
  is_from(dial(0, v2_local, sizeof v2_local - 1), "X-Forwarded-For: 6.6.6.6\r\n", "[||plain]");
  is_from(dial(0, "PROXY UNKNOWN\r\n", 15), "X-Forwarded-For: 6.6.6.6\r\n", "[||plain]");
  stop();
}

TEST(it_may_come_in_pieces_and_with_the_request) {
  char all[300];
  start(proxied);
  for (size_t cut = 1; cut < sizeof v2 - 1; cut++) {
    struct raw *c = dial(0, v2, cut);
    turns();
    CHECK(raw_send(c, v2 + cut, sizeof v2 - 1 - cut));
    is_from(c, "", "[1.2.3.4||tls]");
  }
  struct raw *c = dial(0, v1, 0);
  for (size_t i = 0; i < sizeof v1 - 1; i++) {
    CHECK(raw_send(c, v1 + i, 1));
    turns();
  }
  is_from(c, "", "[1.2.3.4||plain]");
  snprintf(all, sizeof all, "%sGET /who HTTP/1.1\r\nHost: a\r\n\r\n", v1);
  CHECK(raw_expect(dial(0, all, strlen(all)), "[1.2.3.4||plain]"));
  stop();
}

TEST(a_proxy_behind_a_proxy_is_believed_where_it_is_trusted) {
  static const char inner[] = "PROXY TCP4 10.0.0.9 5.6.7.8 1000 80\r\n";
  start(proxied);
  is_from(dial(0, inner, sizeof inner - 1), "X-Forwarded-For: 1.2.3.4\r\n", "[1.2.3.4||plain]");
  is_from(&peers[0], "", "[10.0.0.9||plain]");
  stop();
}

TEST(a_missing_or_malformed_header_ends_the_connection_and_is_told) {
  start(proxied);
  CHECK(raw_expect_end(dial(0, "GET / HTTP/1.1\r\n", 16)));
  EQ(peers[0].n, 0);
  CHECK(raw_expect_end(dial(0, "PROXY TCP4 1.2.3.4\r\n", 20)));
  CHECK(raw_expect_end(dial(0, "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16)));
  EQ_STR(told, "6: 6: 6: ");
  EQ(stats().rejected[SIO_REJECT_PROXY], 3);
  CHECK(strstr(logged, "malformed PROXY line") && strstr(logged, "no PROXY header"));
  stop();
}

TEST(it_has_as_long_as_a_head) {
  start(proxied);
  struct raw *c = dial(0, v1, 10);
  later(9900);
  raw_turn(c);
  CHECK(!c->fin);
  later(200);
  CHECK(raw_expect_end(c));
  EQ_STR(told, "6: ");
  CHECK(strstr(logged, "no PROXY header within head_timeout_ms") != NULL);
  stop();
}

TEST(the_time_for_the_head_goes_on_behind_it) {
  start(proxied);
  struct raw *c = dial(0, v1, 0);
  later(9000);
  CHECK(raw_send(c, v1, sizeof v1 - 1));
  turns();
  later(1100);
  CHECK(raw_expect_end(c));
  stop();
}

TEST(a_look_whether_the_port_is_open_is_nothing_to_tell_of) {
  start(proxied);
  dial(0, v1, 0);
  turns();
  raw_close(&peers[0]);
  turns();
  EQ_STR(told, "");
  EQ(stats().connections, 0);
  stop();
}

TEST(others_must_not_send_one) {
  static const char *const others[] = { "10.0.0.0/8", NULL };
  start((sio_options){ .trusted_proxies = others, .proxy_protocol = true });
  CHECK(raw_expect(dial(0, v1, sizeof v1 - 1), "400 Bad Request"));
  is_from(dial(1, v1, 0), "", "[||plain]");
  stop();
}

TEST(connections_of_an_address_behind_it_are_counted) {
  sio_options o = proxied;
  o.max_per_address = 2;
  start(o);
  is_from(dial(0, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  is_from(dial(1, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  CHECK(raw_expect_end(dial(2, v1, sizeof v1 - 1)));
  EQ_STR(told, "3:1.2.3.4 ");
  EQ(stats().addresses, 1);
  is_from(dial(2, "PROXY TCP4 1.2.3.5 5.6.7.8 1 2\r\n", 32), "", "[1.2.3.5|");
  is_from(dial(3, v2_local, sizeof v2_local - 1), "", "[||plain]");
  raw_close(&peers[0]);
  turns();
  is_from(dial(2, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  stop();
}

TEST(and_how_often_it_connects) {
  sio_options o = proxied;
  o.connects_per_s = 1;
  o.connects_burst = 2;
  start(o);
  is_from(dial(0, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  is_from(dial(0, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  CHECK(raw_expect_end(dial(0, v1, sizeof v1 - 1)));
  EQ_STR(told, "2:1.2.3.4 ");
  later(1000);
  is_from(dial(0, v1, sizeof v1 - 1), "", "[1.2.3.4|");
  stop();
}

TEST(without_memory_for_its_proxy_a_connection_is_closed) {
  for (size_t i = 1; i < 8; i++) {
    start((sio_options){ .trusted_proxies = unix_proxies, .max_per_address = 5 });
    alloc_fail_in(i);
    struct raw *c = &peers[0];
    bool in = raw_open(c, srv);
    if (in) get_as(c, "/who", "X-Forwarded-For: 1.2.3.4\r\n");
    turns();
    alloc_fail_in(0);
    CHECK(raw_open(&peers[1], srv));
    is_from(&peers[1], "X-Forwarded-For: 1.2.3.4\r\n", "[1.2.3.4|");
    stop();
  }
}

/* ---- all together ---------------------------------------------------------------------------- */

TEST(a_server_that_closes_lets_go_of_who_waits_for_a_header) {
  start(proxied);
  dial(0, v1, 5);
  turns();
  stop();
}

TESTS_BEGIN
T(a_trusted_proxy_says_for_whom_it_asks_with_each_request)
T(nobody_else_is_believed)
T(a_session_keeps_the_address_of_its_first_request)
T(clients_behind_a_proxy_open_so_many_sessions_each)
T(and_have_so_many_open)
T(websockets_of_both_kinds_count)
T(the_log_names_the_client_whose_websocket_comes_through_a_proxy)
T(a_head_that_is_malformed_is_not_laid_to_the_client_before)
T(a_connection_begins_with_a_header_of_its_proxy)
T(it_may_come_in_pieces_and_with_the_request)
T(a_proxy_behind_a_proxy_is_believed_where_it_is_trusted)
T(a_missing_or_malformed_header_ends_the_connection_and_is_told)
T(it_has_as_long_as_a_head)
T(the_time_for_the_head_goes_on_behind_it)
T(a_look_whether_the_port_is_open_is_nothing_to_tell_of)
T(others_must_not_send_one)
T(connections_of_an_address_behind_it_are_counted)
T(and_how_often_it_connects)
T(without_memory_for_its_proxy_a_connection_is_closed)
T(a_server_that_closes_lets_go_of_who_waits_for_a_header)
TESTS_END
