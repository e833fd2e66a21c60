/* SPDX-License-Identifier: MIT
 *
 * test_plain_ws.c - the life of a route's own WebSockets: pings, and peers that do not answer them.
 */
#include "clock.h"
#include "net/conn.h"
#include "raw_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>

/* How many bytes the kernel takes; -1: as many as it will. */
static ssize_t kernel_room = -1;
ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  if (kernel_room < 0) return __real_send(fd, p, n, flags);
  if (kernel_room == 0) {
    errno = EAGAIN;
    return -1;
  }
  if (n > (size_t)kernel_room) n = (size_t)kernel_room;
  kernel_room -= (ssize_t)n;
  return __real_send(fd, p, n, flags);
}

static struct raw w;
static sio_ws *plain;
static bool sends_in_close;

static void on_open(sio_ws *ws, void *user) {
  (void)user;
  plain = ws;
}

static void on_message(sio_ws *ws, bool binary, sio_slice data, void *user) {
  (void)ws, (void)binary, (void)user;
  trace("%.*s ", (int)data.n, data.p);
}

static void on_close(sio_ws *ws, const sio_close_info *why, void *user) {
  (void)user;
  plain = NULL;
  trace("%s %d %s ", sio_reason_str(why->reason), why->err, why->detail);
  if (sends_in_close) EQ(sio_ws_send(ws, false, sio_text("x")), SIO_ECLOSED);
  sio_ws_close(ws, 1000, NULL);
}

static sio_ws_callbacks callbacks(void) {
  return (sio_ws_callbacks){ .open = on_open, .message = on_message, .close = on_close };
}

static bool start(const sio_options *o, const sio_ws_callbacks *cbs) {
  traced[0] = '\0';
  plain = NULL;
  sends_in_close = false;
  w.fd = -1;
  whole_start(o);
  EQ(sio_ws_route(srv, "/plain", cbs, NULL), 0);
  return raw_open(&w, srv) && raw_upgrade(&w, "/plain") && plain;
}

static void later(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  for (int i = 0; i < 5; i++) turn();
}

static void stop(void) {
  raw_close(&w);
  sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 50 && !closed; i++) later(1000);
  whole_gone();
}

static bool pinged(void) { return raw_expect_n(&w, "\x89\0", 2); }
static bool pong(void) { return raw_frame(&w, 0x8a, "", 0); }

TEST(one_that_vanished_is_closed_after_25_and_20_seconds) {
  sio_ws_callbacks cbs = callbacks();
  char want[80];
  snprintf(want, sizeof want, "ping timeout %d no pong within ping_timeout_ms ", SIO_ETIMEOUT);
  REQUIRE(start(NULL, &cbs));
  later(24999);
  EQ(w.n, w.seen);
  later(1);
  CHECK(pinged());
  later(19999);
  SAW("");
  later(1);
  SAW(want);
  CHECK(plain == NULL && raw_expect_end(&w));
  EQ(srv->core.loop.nconns, 0);
  EQ(srv->core.stats.heartbeats_missed, 1);
  stop();
}

TEST(one_that_answers_stays) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  for (int i = 0; i < 20; i++) {
    later(25000);
    CHECK(pinged() && pong());
    later(0);
  }
  SAW("");
  CHECK(plain != NULL);
  stop();
}

TEST(anything_that_comes_is_an_answer) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  later(25000);
  CHECK(pinged() && raw_text(&w, "hi"));
  later(0);
  SAW("hi ");
  later(24999);
  EQ(w.n, w.seen);
  later(1);
  CHECK(pinged() && raw_send(&w, "\x81", 1)); /* a part of a frame */
  later(0);
  later(20001);
  SAW("");
  CHECK(plain != NULL);
  stop();
}

TEST(times_are_the_routes_own) {
  sio_ws_callbacks cbs = callbacks();
  cbs.ping_interval_ms = 100;
  cbs.ping_timeout_ms = 50;
  REQUIRE(start(NULL, &cbs));
  later(100);
  CHECK(pinged());
  later(50);
  CHECK(plain == NULL);
  stop();
}

TEST(a_route_may_do_without) {
  sio_ws_callbacks cbs = callbacks();
  cbs.no_pings = true;
  REQUIRE(start(NULL, &cbs));
  for (int i = 0; i < 10; i++) later(100000);
  EQ(w.n, w.seen);
  SAW("");
  stop();
}

TEST(times_past_what_a_timer_takes_are_refused) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  cbs.ping_interval_ms = 0x80000000u;
  EQ(sio_ws_route(srv, "/a", &cbs, NULL), UV_EINVAL);
  cbs.ping_interval_ms = 0;
  cbs.ping_timeout_ms = 0x80000000u;
  EQ(sio_ws_route(srv, "/a", &cbs, NULL), UV_EINVAL);
  stop();
}

/* ---- hosts that send ------------------------------------------------------------------------- */

static void send_bytes(size_t n) {
  static char text[1 << 16];
  for (; n > 0; n -= n < sizeof text ? n : sizeof text)
    EQ(sio_ws_send(plain, true, slice(text, n < sizeof text ? n : sizeof text)), 0);
  for (int i = 0; i < 5; i++) turn();
}

TEST(what_the_host_sends_is_no_sign_of_life) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  for (int i = 0; i < 44; i++) {
    later(1000);
    if (plain) EQ(sio_ws_send(plain, false, sio_text("tick")), 0);
  }
  CHECK(plain != NULL);
  later(1001);
  CHECK(plain == NULL);
  stop();
}

TEST(one_that_never_reads_is_closed_while_bytes_wait_for_it) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  send_bytes(2 << 20);
  CHECK(sio_ws_info_of(plain).queued > 1 << 20);
  later(25000);
  later(20000);
  CHECK(plain == NULL);
  CHECK(srv->core.loop.stats.lost > 1 << 20);
  stop();
}

static void read_some_of_it(size_t n) {
  char buf[4096];
  for (size_t got = 0; got < n;) {
    ssize_t k = recv(w.fd, buf, sizeof buf, 0);
    if (k <= 0) break;
    got += (size_t)k;
  }
  for (int i = 0; i < 5; i++) turn();
}

TEST(a_kernel_that_takes_half_a_ping_does_not_speak_for_the_peer) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  kernel_room = 1;
  later(25000);
  EQ(kernel_room, 0);
  later(19999);
  CHECK(plain != NULL);
  later(1);
  CHECK(plain == NULL);
  kernel_room = -1;
  stop();
}

TEST(one_that_reads_slowly_what_stands_before_the_ping_has_time) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  send_bytes(2 << 20);
  later(25000);
  for (int i = 0; i < 4; i++) {
    read_some_of_it(400000);
    later(19999);
    CHECK(plain != NULL);
    later(1);
    CHECK(plain != NULL);
  }
  later(20000);
  CHECK(plain == NULL);
  stop();
}

/* ---- ends ----------------------------------------------------------------------------------- */

TEST(a_close_while_a_ping_is_out_has_the_time_of_a_close) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  later(25000);
  CHECK(pinged());
  sio_ws_close(plain, 1000, "bye");
  later(29999);
  SAW("");
  CHECK(raw_frame(&w, 0x88, "\3\xe8", 2));
  later(0);
  SAW("transport close 0 both sides closed the WebSocket ");
  stop();
}

TEST(a_peer_that_leaves_while_a_ping_is_out_leaves_no_timer) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  later(25000);
  CHECK(pinged());
  raw_close(&w);
  later(0);
  SAW("transport close 0 the peer ended the connection without a close frame ");
  later(20000);
  later(25000);
  stop();
}

TEST(the_callback_may_call_what_it_likes) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  sends_in_close = true;
  later(25000);
  later(20000);
  CHECK(plain == NULL);
  stop();
}

TEST(without_memory_for_a_ping_the_next_one_has_to_do) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  alloc_fail_all();
  later(25000);
  alloc_fail_in(0);
  EQ(w.n, w.seen);
  later(25000);
  CHECK(pinged());
  stop();
}

/* ---- where it is not the peer's fault -------------------------------------------------------- */

TEST(a_late_deadline_is_no_proof_against_it) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  later(25000);
  srv->core.loop.late = true;
  later(20000);
  srv->core.loop.late = false;
  CHECK(plain != NULL);
  later(20000);
  CHECK(plain == NULL);
  stop();
}

TEST(nor_is_one_while_it_is_not_read) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(&(sio_options){ .packets_per_s = 1 }, &cbs));
  for (int i = 0; i < 60; i++) CHECK(raw_text(&w, "x"));
  for (int i = 0; i < 5; i++) turn();
  later(25000);
  later(20000);
  CHECK(plain != NULL);
  stop();
}

/* ---- TCP's own ------------------------------------------------------------------------------- */

static int option(int fd, int level, int name) {
  int v = -1;
  socklen_t n = sizeof v;
  EQ(getsockopt(fd, level, name, &v, &n), 0);
  return v;
}

static void probes_are_on(void) {
  REQUIRE(!list_is_empty(&srv->core.loop.conns));
  int fd = container_of(srv->core.loop.conns.prev, struct conn, link)->fd;
  EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
  EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
}

static int dial(int port) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

TEST(tcp_looks_for_peers_that_are_gone_on_every_accepted_connection) {
  whole_start(NULL);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  int peer = dial(sio_port(srv));
  for (int i = 0; i < 5; i++) turn();
  probes_are_on();
  close(peer);
  whole_stop();
}

static int accepted_elsewhere(int *peer) {
  struct sockaddr_in own = { .sin_family = AF_INET };
  socklen_t n = sizeof own;
  int ln = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  inet_pton(AF_INET, "127.0.0.1", &own.sin_addr);
  EQ(bind(ln, (struct sockaddr *)&own, sizeof own), 0);
  EQ(listen(ln, 1), 0);
  EQ(getsockname(ln, (struct sockaddr *)&own, &n), 0);
  *peer = dial(ntohs(own.sin_port));
  int fd = accept(ln, NULL, NULL);
  close(ln);
  return fd;
}

TEST(also_where_the_host_accepted_it) {
  int peer;
  whole_start(NULL);
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = accepted_elsewhere(&peer) }), 0);
  probes_are_on();
  close(peer);
  whole_stop();
}

TEST(unless_the_host_chose_times_of_its_own) {
  int peer;
  whole_start(NULL);
  int fd = accepted_elsewhere(&peer);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 7 }, sizeof(int));
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = fd }), 0);
  EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7);
  close(peer);
  whole_stop();
}

/* ---- messages that are begun ---------------------------------------------------------------- */

static const char incomplete[] = "no further payload of a message arrived within packet_timeout_ms";

/* Answers each ping for so many seconds. */
static void answer_pings(unsigned seconds) {
  for (unsigned i = 0; i < seconds; i++) {
    later(1000);
    raw_read(&w);
    if (w.n > w.seen && raw_expect_n(&w, "\x89\0", 2)) pong();
  }
}

TEST(a_message_that_is_begun_and_not_ended_has_a_minute_though_pongs_come) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  CHECK(raw_frame(&w, 0x01, "begun", 5)); /* not the last fragment */
  answer_pings(59);
  SAW("");
  answer_pings(3);
  char want[120];
  snprintf(want, sizeof want, "forced close %d %s ", SIO_ETIMEOUT, incomplete);
  SAW(want);
  CHECK(plain == NULL && raw_expect_n(&w, "\x88\2\x03\xf0", 4)); /* 1008 */
  stop();
}

TEST(so_has_a_frame_where_there_are_no_pings) {
  sio_ws_callbacks cbs = callbacks();
  cbs.no_pings = true;
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 500 }, &cbs));
  CHECK(raw_send(&w, "\x82\x85", 2)); /* a header that is not complete */
  later(499);
  SAW("");
  later(501);
  CHECK(plain == NULL && raw_expect_n(&w, "\x88\2\x03\xf0", 4));
  stop();
}

TEST(each_piece_of_a_message_gives_the_rest_more_time) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 5000 }, &cbs));
  CHECK(raw_frame(&w, 0x01, "a", 1));
  for (int i = 0; i < 20; i++) {
    later(4000);
    CHECK(raw_frame(&w, 0x00, "b", 1));
    later(0);
  }
  CHECK(plain != NULL && raw_frame(&w, 0x80, "c", 1));
  later(0);
  SAW("abbbbbbbbbbbbbbbbbbbbc ");
  answer_pings(20);
  CHECK(plain != NULL);
  stop();
}

TEST(the_time_of_a_message_is_not_that_of_the_one_before_it) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 5000 }, &cbs));
  CHECK(raw_frame(&w, 0x01, "a", 1));
  later(0);
  later(4999);
  CHECK(raw_frame(&w, 0x80, "b", 1) && raw_frame(&w, 0x01, "c", 1));
  later(0);
  SAW("ab ");
  later(4999);
  CHECK(plain != NULL);
  later(5001);
  CHECK(plain == NULL);
  stop();
}

TEST(who_is_closing_has_the_time_of_a_close_and_not_that_of_its_message) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 5000, .close_timeout_ms = 3000 }, &cbs));
  CHECK(raw_frame(&w, 0x01, "a", 1));
  later(4000);
  sio_ws_close(plain, 1000, NULL);
  later(2999);
  SAW("");
  later(1);
  CHECK(strstr(saw(), "no close frame within close_timeout_ms"));
  stop();
}

/* The code that the host chose does not change what has happened. */
TEST(a_close_that_is_not_answered_has_the_same_reason_whatever_its_code) {
  static const unsigned codes[] = { 1000, 1008, 1009, 1011, 4000, 0 };
  sio_ws_callbacks cbs = callbacks();
  char want[100];
  snprintf(want, sizeof want, "transport close %d no close frame within close_timeout_ms ",
           SIO_ETIMEOUT);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    REQUIRE(start(&(sio_options){ .close_timeout_ms = 3000 }, &cbs));
    sio_ws_close(plain, codes[i], "bye");
    later(3001);
    SAW(want);
    stop();
  }
}

TEST(an_incomplete_message_is_a_forced_close_also_without_memory_for_the_close_frame) {
  sio_ws_callbacks cbs = callbacks();
  char want[120];
  snprintf(want, sizeof want, "forced close %d %s ", SIO_ETIMEOUT, incomplete);
  cbs.no_pings = true;
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 500 }, &cbs));
  CHECK(raw_frame(&w, 0x01, "begun", 5));
  for (int i = 0; i < 5; i++) turn();
  sio__pool_clear(&srv->core.loop.msgs.small);
  alloc_fail_all();
  later(501);
  alloc_fail_in(0);
  SAW(want);
  stop();
}

/* The peer answers the close frame of the server with a code of its own. */
TEST(the_code_of_the_peer_does_not_change_the_reason_either) {
  sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  sio_ws_close(plain, 1000, NULL);
  CHECK(raw_frame(&w, 0x88, "\3\xf0", 2));
  later(0);
  SAW("transport close 0 both sides closed the WebSocket ");
  stop();
}

TEST(a_message_of_a_paused_peer_is_not_late) {
  sio_ws_callbacks cbs = callbacks();
  cbs.no_pings = true;
  REQUIRE(start(&(sio_options){ .packet_timeout_ms = 500, .packets_per_s = 1 }, &cbs));
  for (int i = 0; i < 8; i++) CHECK(raw_text(&w, "x"));
  CHECK(raw_frame(&w, 0x01, "a", 1));
  for (int i = 0; i < 40; i++) later(100);
  CHECK(plain != NULL && raw_frame(&w, 0x80, "b", 1));
  for (int i = 0; i < 80; i++) later(100);
  CHECK(strstr(saw(), "ab "));
  stop();
}

TEST(text_that_is_not_utf8_is_not_sent) {
  const sio_ws_callbacks cbs = callbacks();
  REQUIRE(start(NULL, &cbs));
  EQ(sio_ws_send(plain, false, slice("ab\xff", 3)), UV_EINVAL);
  EQ(sio_ws_send(plain, true, slice("ab\xff", 3)), 0);
  EQ(sio_ws_send(plain, false, sio_text("\xc3\xa4")), 0);
  CHECK(raw_expect(&w, "ab\xff") && raw_expect(&w, "\xc3\xa4"));
  stop();
}

TESTS_BEGIN
T(one_that_vanished_is_closed_after_25_and_20_seconds)
T(one_that_answers_stays)
T(anything_that_comes_is_an_answer)
T(times_are_the_routes_own)
T(a_route_may_do_without)
T(times_past_what_a_timer_takes_are_refused)
T(what_the_host_sends_is_no_sign_of_life)
T(one_that_never_reads_is_closed_while_bytes_wait_for_it)
T(a_kernel_that_takes_half_a_ping_does_not_speak_for_the_peer)
T(one_that_reads_slowly_what_stands_before_the_ping_has_time)
T(a_close_while_a_ping_is_out_has_the_time_of_a_close)
T(a_peer_that_leaves_while_a_ping_is_out_leaves_no_timer)
T(the_callback_may_call_what_it_likes)
T(without_memory_for_a_ping_the_next_one_has_to_do)
T(a_late_deadline_is_no_proof_against_it)
T(nor_is_one_while_it_is_not_read)
T(tcp_looks_for_peers_that_are_gone_on_every_accepted_connection)
T(also_where_the_host_accepted_it)
T(unless_the_host_chose_times_of_its_own)
T(a_message_that_is_begun_and_not_ended_has_a_minute_though_pongs_come)
T(so_has_a_frame_where_there_are_no_pings)
T(each_piece_of_a_message_gives_the_rest_more_time)
T(the_time_of_a_message_is_not_that_of_the_one_before_it)
T(who_is_closing_has_the_time_of_a_close_and_not_that_of_its_message)
T(a_close_that_is_not_answered_has_the_same_reason_whatever_its_code)
T(an_incomplete_message_is_a_forced_close_also_without_memory_for_the_close_frame)
T(the_code_of_the_peer_does_not_change_the_reason_either)
T(a_message_of_a_paused_peer_is_not_late)
T(text_that_is_not_utf8_is_not_sent)
TESTS_END
