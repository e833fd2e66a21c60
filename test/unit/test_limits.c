/* SPDX-License-Identifier: MIT
 *
 * test_limits.c - a whole server under its limits, and behind proxies: peers over socket pairs,
 * which count as "unix", and a clock that is a variable.
 */
#include "alloc.h"
#include "base/deflate.h"
#include "clock.h"
#include "eio/session.h"
#include "raw_client.h"
#include "server/server.h"
#include "test.h"

static uv_loop_t uv;
static uv_async_t alive;
static sio_server *srv;
static struct raw peers[4];
static unsigned got, disconnects, sessions;
static int last_n;
static bool in_order, done;
static sio_close_info left;
static char told[4096], logged[8192], address[64], direct[64];

static const char *const unix_proxies[] = { "unix", "10.0.0.0/8", NULL };

/* ---- the host -------------------------------------------------------------------------- */

static void wake(uv_async_t *a) { (void)a; }

static void add(char *to, size_t size, const char *what) {
  if (strlen(to) + strlen(what) + 2 < size) strcat(strcat(to, what), " ");
}

static void on_n(sio_socket *s, sio_event *e, void *user) {
  long long n = strtoll(sio_event_json(e, 0).p, NULL, 10);
  (void)s, (void)user;
  in_order &= n == last_n + 1;
  last_n = (int)n;
  got++;
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  snprintf(address, sizeof address, "%s", sio_session_address(sio_socket_session(s)));
  snprintf(direct, sizeof direct, "%s", sio_session_peer(sio_socket_session(s)));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  static char detail[100];
  (void)s, (void)user;
  disconnects++;
  left = *why;
  snprintf(detail, sizeof detail, "%s", why->detail);
  left.detail = detail;
}

static void on_open(sio_session *c, void *user) {
  (void)c, (void)user;
  sessions++;
}

static bool ends_who_is_limited;

static void on_limited(sio_server *server, const sio_limited *l, void *user) {
  (void)server, (void)user;
  CHECK(!l->session != !l->ws);
  if (ends_who_is_limited) sio_session_close(l->session);
  add(told, sizeof told, l->limit);
  add(told, sizeof told, l->wait_ms ? "paused" : "closed");
}

static void on_refused(sio_server *server, const sio_rejection *r, void *user) {
  char text[64];
  CHECK(server == srv && !user);
  snprintf(text, sizeof text, "%d:%s", r->cause, r->address);
  add(told, sizeof told, text);
}

static void on_log(int level, const char *room, const char *line, void *user) {
  (void)level, (void)room, (void)user;
  add(logged, sizeof logged, line);
}

static void on_route(sio_request *r, void *user) {
  char text[200];
  (void)user;
  snprintf(text, sizeof text, "[%s|%s|%s]", sio_request_address(r), sio_request_peer(r),
           sio_request_secure(r) ? "tls" : "plain");
  sio_respond(r, 200, "text/plain", sio_text(text));
}

static void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)binary, (void)user;
  got++;
  sio_ws_send(w, false, data);
}

static void plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  disconnects++;
  left = *why;
}

static int welcome_all(sio_request *r, void *user) {
  (void)r, (void)user;
  return 0;
}

static void set_up(void) {
  static const sio_ws_callbacks plain = { .message = plain_message, .close = plain_close };
  static const sio_ws_callbacks open = { .accept = welcome_all,
                                         .message = plain_message,
                                         .any_origin = true };
  sio_nsp *root;
  if (sio_of(srv, "/", &root) || sio_on(root, "n", on_n, NULL) ||
      sio_on_connect(root, on_connect, NULL) || sio_on_disconnect(root, on_disconnect, NULL) ||
      sio_route(srv, "GET", "/who", 0, on_route, NULL) ||
      sio_ws_route(srv, "/plain", &plain, NULL) || sio_ws_route(srv, "/open", &open, NULL) ||
      sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL))
    abort();
  sio_on_limited(srv, on_limited, NULL);
  sio_on_reject(srv, on_refused, NULL);
}

static void start(sio_options o) {
  alloc_install();
  o.log = on_log;
  got = disconnects = sessions = 0;
  last_n = 0;
  in_order = true;
  done = ends_who_is_limited = false;
  told[0] = logged[0] = address[0] = direct[0] = '\0';
  left = (sio_close_info){ 0 };
  for (size_t i = 0; i < 4; i++) peers[i].fd = -1;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &alive, wake) || sio_server_new(&srv, &uv, &o))
    abort();
  set_up();
}

static void on_done(void *user) {
  (void)user;
  done = true;
}

static void turns(void) {
  for (int i = 0; i < 10; i++) uv_run(&uv, UV_RUN_NOWAIT);
}

static void later(unsigned ms) {
  while (ms > 0 && !done) {
    unsigned step = ms < 10 ? ms : 10;
    ms -= step;
    clock_ms += step;
    sio__timers_run(&srv->core.loop.timers, clock_ms);
    turns();
  }
}

static void stop(void) {
  for (size_t i = 0; i < 4; i++) raw_close(&peers[i]);
  turns();
  sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 50 && !done; i++) later(1000);
  CHECK(done);
  uv_close((uv_handle_t *)&alive, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static sio_stats stats(void) {
  sio_stats st;
  sio_server_stats(srv, &st, sizeof st);
  return st;
}

/* ---- peers ------------------------------------------------------------------------------- */

#define WS "/socket.io/?EIO=4&transport=websocket"
#define POLL "/socket.io/?EIO=4&transport=polling"

/* It has joined "/". */
static struct raw *joined(int i) {
  struct raw *c = &peers[i];
  bool ok = raw_open(c, srv) && raw_upgrade(c, WS) && raw_text(c, "40") && raw_expect(c, "40{");
  CHECK(ok);
  return c;
}

static void count_to(struct raw *c, int from, int to) {
  char text[40];
  for (int i = from; i <= to; i++) {
    snprintf(text, sizeof text, "42[\"n\",%d]", i);
    CHECK(raw_text(c, text));
  }
  turns();
}

static void get_as(struct raw *c, const char *path, const char *lines) {
  CHECK(raw_request(c, "GET", path, lines, NULL));
}

/* A polling session, joined; the query that names it. */
static const char *polling(struct raw *c) {
  static char query[120];
  char sid[64];
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(query, sizeof query, POLL "&sid=%s", sid);
  CHECK(raw_request(c, "POST", query, "", "40") && raw_expect(c, "ok"));
  CHECK(raw_get(c, query) && raw_expect(c, "40{\"sid\""));
  return query;
}

/* ---- polling sessions that join nothing ------------------------------------------------------ */

/* Opened and never polled; the query that names it. */
static const char *silent(struct raw *c) {
  static char query[120];
  char sid[64];
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(query, sizeof query, POLL "&sid=%s", sid);
  return query;
}

TEST(a_silent_polling_session_that_joins_nothing_is_gone_with_its_connect_timeout) {
  start((sio_options){ .connect_timeout_ms = 10000 });
  silent(&peers[0]);
  later(9990);
  EQ(stats().sessions, 1);
  later(20);
  EQ(stats().sessions, 0);
  CHECK(list_empty(&srv->eio.all));
  stop();
}

TEST(one_that_polls_is_told_of_it) {
  start((sio_options){ .connect_timeout_ms = 10000 });
  const char *query = silent(&peers[0]);
  CHECK(raw_get(&peers[0], query));
  later(10010);
  CHECK(raw_expect(&peers[0], "\r\n\r\n1"));
  CHECK(list_empty(&srv->eio.all));
  stop();
}

TEST(what_is_left_for_one_that_never_joined_is_kept_for_five_seconds) {
  start((sio_options){ 0 });
  const char *query = silent(&peers[0]);
  CHECK(raw_request(&peers[0], "POST", query, "",
                    "40/x,\x1e"
                    "42[\"stray\"]") &&
        raw_expect(&peers[0], "ok"));
  later(4900);
  CHECK(!list_empty(&srv->eio.all));
  EQ(stats().sessions, 0);
  later(200);
  CHECK(list_empty(&srv->eio.all));
  CHECK(strstr(logged, "did not fetch") != NULL);
  stop();
}

/* ---- what one peer sends -------------------------------------------------------------------- */

static const sio_options ten_packets = { .packets_per_s = 10,
                                         .ping_interval_ms = 1000,
                                         .ping_timeout_ms = 500 };

TEST(a_peer_past_its_packets_is_not_read_until_it_is_within_them_again) {
  start(ten_packets);
  struct raw *c = joined(0);
  count_to(c, 1, 10);
  EQ(got, 10);
  EQ_STR(told, "packets_per_s paused ");
  count_to(c, 11, 20);
  EQ(got, 10);
  later(90);
  EQ(got, 10);
  later(10);
  CHECK(got > 10 && in_order);
  for (int i = 0; i < 20 && got < 20; i++) later(100);
  EQ(got, 20);
  CHECK(in_order);
  EQ(disconnects, 0);
  CHECK(stats().limited >= 1);
  EQ(stats().limited_closed, 0);
  CHECK(strstr(logged, "sends more than packets_per_s") != NULL);
  stop();
}

#ifdef SIO_ZLIB
/* A long event, compressed: a hundredth of the bytes. */
static size_t packed(struct wire *to, int n) {
  static char text[100000];
  static struct msgs home;
  struct deflater *z = sio__deflater_new(&(struct deflate_settings){ 0 });
  struct msg *m = NULL;
  int head = snprintf(text, sizeof text, "42[\"n\",%d,\"", n);
  memset(text + head, 'x', sizeof text - (size_t)head);
  memcpy(text + sizeof text - 2, "\"]", 2);
  sio__msgs_init(&home);
  CHECK(z && sio__deflate(z, DEFLATE_MESSAGE, &home, slice(text, sizeof text), &m) == 1);
  wire_frame(to, 0xc1, msg_data(m), m->len);
  size_t len = m->len;
  msg_unref(m);
  sio__msgs_clear(&home);
  sio__deflater_free(z);
  return len;
}

static struct raw *packs(sio_options o) {
  static const sio_deflate deflate = { 0 };
  struct raw *c = &peers[0];
  o.per_message_deflate = &deflate;
  start(o);
  CHECK(raw_open(c, srv) &&
        raw_request(c, "GET", WS,
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                    NULL) &&
        raw_expect(c, "permessage-deflate") && raw_text(c, "40") && raw_expect(c, "40{"));
  return c;
}

TEST(what_is_inflated_counts_as_bytes) {
  struct raw *c = packs((sio_options){ .bytes_per_s = 50000 });
  struct wire all = { 0 };
  for (int i = 1; i <= 5; i++) CHECK(packed(&all, i) < 1000);
  CHECK(raw_send(c, all.p, all.n));
  turns();
  EQ(got, 1); /* the rest, read with it, is not inflated yet */
  EQ_STR(told, "bytes_per_s paused ");
  EQ(stats().inflated, 1);
  later(1100);
  EQ(got, 2);
  later(10000);
  EQ(got, 5);
  CHECK(in_order);
  EQ(disconnects, 0);
  wire_clear(&all);
  stop();
}

TEST(it_may_close_the_peer_before_anybody_sees_the_message) {
  struct raw *c = packs((sio_options){ .bytes_per_s = 50000, .when_limited = SIO_LIMITED_CLOSE });
  struct wire all = { 0 };
  for (int i = 1; i <= 2; i++) packed(&all, i);
  CHECK(raw_send(c, all.p, all.n));
  turns();
  EQ(got, 0);
  EQ(disconnects, 1);
  EQ_STR(told, "bytes_per_s closed ");
  wire_clear(&all);
  stop();
}
#endif

TEST(others_are_served_meanwhile) {
  start(ten_packets);
  struct raw *flood = joined(0), *other = joined(1);
  count_to(flood, 1, 100);
  unsigned before = got;
  CHECK(before < 100 + 5);
  last_n = 0;
  count_to(other, 1, 5);
  EQ(got, before + 5);
  EQ(last_n, 5);
  stop();
}

TEST(of_what_one_read_brings_only_as_much_is_handled_as_the_limit_allows) {
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = joined(0);
  struct wire all = { 0 };
  char text[40];
  for (int i = 1; i <= 110; i++) {
    snprintf(text, sizeof text, "42[\"n\",%d]", i);
    wire_frame(&all, 0x81, text, strlen(text));
  }
  CHECK(raw_send(c, all.p, all.n));
  wire_clear(&all);
  turns();
  EQ(got, 10); /* and the CONNECT */
  count_to(c, 111, 111);
  later(5000);
  EQ(got, 60);
  later(6000);
  EQ(got, 111);
  EQ(disconnects, 0);
  stop();
}

TEST(a_paused_peer_is_told_of_once_in_ten_seconds) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 12; i++) {
    count_to(c, i * 12 + 1, i * 12 + 12);
    CHECK(raw_text(c, "3"));
    later(400);
  }
  EQ_STR(told, "packets_per_s paused ");
  CHECK(stats().limited > 2);
  later(10000);
  CHECK(raw_text(c, "3"));
  count_to(c, 145, 170);
  stop();
}

TEST(no_heartbeat_is_missed_because_we_do_not_read) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 60; i++) raw_text(c, "42[\"x\"]");
  turns();
  later(4500);
  EQ(disconnects, 0);
  CHECK(raw_expect(c, "\x81\1"
                      "2"));
  CHECK(raw_text(c, "3"));
  later(1000);
  EQ(disconnects, 0);
  stop();
}

TEST(but_one_that_is_read_again_and_says_nothing_is_over) {
  start(ten_packets);
  struct raw *c = joined(0);
  count_to(c, 1, 15);
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

/* Its limits are far: what keeps the server from reading it is that it does not read. */
TEST(one_that_takes_nothing_is_over_although_its_packets_are_counted) {
  start((sio_options){ .packets_per_s = 1000,
                       .ping_interval_ms = 1000,
                       .ping_timeout_ms = 500,
                       .high_water = 1000 });
  static char much[1 << 20];
  sio_nsp *root;
  joined(0);
  memset(much, 'x', sizeof much);
  EQ(sio_of(srv, "/", &root), 0);
  for (int i = 0; i < 8; i++)
    EQ(sio_broadcast((sio_target){ .nsp = root }, "m", SIO_ARGS(sio_strn(much, sizeof much))), 0);
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

TEST(one_that_does_not_poll_is_over_although_its_packets_are_counted) {
  start((sio_options){ .packets_per_s = 1000,
                       .ping_interval_ms = 1000,
                       .ping_timeout_ms = 500,
                       .high_water = 1000 });
  struct raw *c = &peers[0];
  const char *path = polling(c);
  char body[1000] = "";
  sio_nsp *root;
  EQ(sio_of(srv, "/", &root), 0);
  for (int i = 0; i < 30; i++)
    EQ(sio_broadcast((sio_target){ .nsp = root }, "m", SIO_ARGS("a hundred bytes or less")), 0);
  for (int i = 0; i < 30; i++)
    strcat(body, &"\x1e"
                  "42[\"n\",1]"[i == 0]);
  CHECK(raw_request(c, "POST", path, "", body));
  later(6000);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_PING_TIMEOUT);
  stop();
}

TEST(a_peer_past_its_packets_is_closed_if_that_is_asked_for) {
  sio_options o = ten_packets;
  o.when_limited = SIO_LIMITED_CLOSE;
  start(o);
  struct raw *c = joined(0);
  count_to(c, 1, 9);
  EQ(disconnects, 0);
  count_to(c, 10, 20);
  EQ(got, 9);
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_FORCED_CLOSE);
  EQ(left.err, SIO_ELIMIT);
  EQ_STR(left.detail, "it sends more than its limits allow");
  EQ_STR(told, "packets_per_s closed ");
  EQ(stats().limited_closed, 1);
  EQ(stats().limited, 0);
  stop();
}

TEST(bytes_count_as_they_come) {
  static char big[3000];
  start((sio_options){ .bytes_per_s = 1000, .bytes_burst = 2000 });
  struct raw *c = joined(0);
  memset(big, 'x', sizeof big);
  memcpy(big, "42[\"n\",1,\"", 10);
  memcpy(big + sizeof big - 2, "\"]", 2);
  CHECK(raw_frame(c, 0x81, big, sizeof big));
  turns();
  EQ(got, 1);
  EQ_STR(told, "bytes_per_s paused ");
  count_to(c, 2, 2);
  later(900);
  EQ(got, 1);
  later(300);
  EQ(got, 2);
  stop();
}

TEST(pings_of_websocket_are_packets) {
  start(ten_packets);
  struct raw *c = joined(0);
  for (int i = 0; i < 40; i++) CHECK(raw_frame(c, 0x89, "p", 1));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  stop();
}

TEST(over_polling_the_answer_to_a_post_waits) {
  char body[400] = "";
  start((sio_options){ .packets_per_s = 10 });
  struct raw *c = &peers[0];
  const char *query = polling(c);
  for (int i = 1; i <= 19; i++)
    sprintf(body + strlen(body), "%s42[\"n\",%d]", i > 1 ? "\x1e" : "", i);
  c->n = c->seen = 0;
  CHECK(raw_request(c, "POST", query, "", body));
  later(900);
  EQ(got, 19);
  raw_turn(c);
  EQ(c->n, 0);
  later(200);
  CHECK(raw_expect(c, "ok"));
  CHECK(raw_request(c, "POST", query, "", "42[\"n\",20]") && raw_expect(c, "200 OK"));
  EQ(got, 20);
  EQ(disconnects, 0);
  EQ_STR(told, "packets_per_s paused ");
  stop();
}

static const char *held_post(struct raw *c) {
  static char body[2000];
  const char *query = polling(c);
  body[0] = '\0';
  for (int i = 0; i < 30; i++)
    strcat(body, i ? "\x1e"
                     "42[\"x\"]"
                   : "42[\"x\"]");
  c->n = c->seen = 0;
  CHECK(raw_request(c, "POST", query, "", body));
  turns();
  raw_turn(c);
  EQ(c->n, 0);
  return query;
}

TEST(a_second_post_meanwhile_breaks_the_protocol) {
  start((sio_options){ .packets_per_s = 10 });
  const char *query = held_post(&peers[0]);
  CHECK(raw_open(&peers[1], srv) && raw_request(&peers[1], "POST", query, "", "42[\"n\",1]"));
  CHECK(raw_expect(&peers[1], "400 Bad Request"));
  CHECK(raw_expect(&peers[0], "200 OK"));
  EQ(disconnects, 1);
  EQ(got, 0);
  stop();
}

TEST(an_end_meanwhile_answers_it) {
  start((sio_options){ .packets_per_s = 10 });
  held_post(&peers[0]);
  sio_session_close(container_of(srv->eio.all.next, sio_session, link));
  CHECK(raw_expect(&peers[0], "200 OK"));
  later(5000);
  EQ(disconnects, 1);
  stop();
}

TEST(a_peer_that_gives_up_waiting_is_gone) {
  start((sio_options){ .packets_per_s = 10 });
  held_post(&peers[0]);
  raw_close(&peers[0]);
  turns();
  EQ(disconnects, 1);
  EQ(left.reason, SIO_REASON_TRANSPORT_ERROR);
  later(5000);
  stop();
}

TEST(a_pause_goes_on_through_the_upgrade) {
  start((sio_options){ .packets_per_s = 10 });
  const char *query = held_post(&peers[0]);
  struct raw *w = &peers[1];
  char path[200];
  snprintf(path, sizeof path, WS "%s", strstr(query, "&sid="));
  CHECK(raw_open(w, srv) && raw_upgrade(w, path) && raw_text(w, "2probe") &&
        raw_expect(w, "3probe") && raw_text(w, "5"));
  count_to(w, 1, 1);
  later(1900);
  EQ(got, 0);
  EQ(stats().upgrades, 0);
  later(400); /* 1 CONNECT, 30 events */
  EQ(stats().upgrades, 1);
  CHECK(raw_expect(&peers[0], "200 OK"));
  later(200);
  EQ(got, 1);
  EQ(disconnects, 0);
  stop();
}

TEST(without_limits_nothing_is_counted) {
  start((sio_options){ 0 });
  struct raw *c = joined(0);
  count_to(c, 1, 500);
  EQ(got, 500);
  EQ(container_of(srv->eio.all.next, sio_session, link)->guarded, 0);
  EQ(stats().addresses, 0);
  EQ_STR(told, "");
  stop();
}

/* ---- a WebSocket on trial -------------------------------------------------------------------- */

/* A polling session and the WebSocket that may take it over. */
static struct raw *on_trial(sio_options o) {
  char path[200];
  start(o);
  snprintf(path, sizeof path, WS "%s", strstr(polling(&peers[0]), "&sid="));
  CHECK(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], path));
  told[0] = '\0';
  return &peers[1];
}

/* As much as the kernel takes. */
static void send_for_long(struct raw *c, const char *text) {
  struct wire one = { 0 };
  wire_frame(&one, 0x81, text, strlen(text));
  for (int i = 0; i < 20; i++) {
    while (send(c->fd, one.p, one.n, MSG_NOSIGNAL) == (ssize_t)one.n) continue;
    turns();
  }
  wire_clear(&one);
}

TEST(a_websocket_on_trial_is_metered_like_one_that_has_the_session) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 100 });
  CHECK(raw_text(w, "2probe") && raw_expect(w, "3probe"));
  uint64_t before = srv->core.loop.stats.bytes_in;
  send_for_long(w, "2probe");
  EQ_STR(told, "packets_per_s paused ");
  CHECK(srv->core.loop.stats.bytes_in - before < 2 * NET_RBUF);
  before = srv->core.loop.stats.bytes_in;
  turns();
  EQ(srv->core.loop.stats.bytes_in, before);
  EQ(disconnects, 0);
  stop();
}

TEST(so_are_its_pings_and_its_bytes) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 100 });
  for (int i = 0; i < 120; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  stop();
  w = on_trial((sio_options){ .bytes_per_s = 2000 });
  for (int i = 0; i < 30; i++) CHECK(raw_frame(w, 0x8a, "an unasked pong, which may be", 29));
  turns();
  for (int i = 0; i < 70; i++) CHECK(raw_frame(w, 0x8a, "an unasked pong, which may be", 29));
  turns();
  EQ_STR(told, "bytes_per_s paused ");
  stop();
}

TEST(its_pause_ends_and_the_upgrade_goes_on) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10 });
  for (int i = 0; i < 20; i++) CHECK(raw_text(w, "2probe"));
  CHECK(raw_text(w, "5"));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  for (int i = 0; i < 40; i++) later(100);
  EQ(stats().upgrades, 1);
  EQ(disconnects, 0);
  stop();
}

TEST(the_next_one_has_no_limits_of_its_own) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10 });
  char path[200];
  snprintf(path, sizeof path, WS "&sid=%s",
           container_of(srv->eio.all.next, sio_session, link)->sid);
  for (int i = 0; i < 50; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  raw_close(w);
  later(10500); /* upgrade_timeout_ms: it is not read, so nobody saw that it left */
  CHECK(raw_open(w, srv) && raw_upgrade(w, path));
  for (int i = 0; i < 50; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  raw_close(w);
  CHECK(raw_open(&peers[2], srv));
  EQ_STR(told, "packets_per_s paused packets_per_s paused ");
  stop();
}

TEST(where_peers_are_closed_for_it_the_session_of_one_on_trial_stays) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10, .when_limited = SIO_LIMITED_CLOSE });
  for (int i = 0; i < 20; i++) raw_frame(w, 0x89, "p", 1);
  turns();
  EQ_STR(told, "packets_per_s closed ");
  EQ(stats().upgrades_failed, 1);
  EQ(stats().sessions, 1);
  EQ(disconnects, 0);
  stop();
}

TEST(the_host_may_end_the_session_when_it_hears_of_one_on_trial) {
  for (int close = 0; close < 2; close++) {
    struct raw *w = on_trial((sio_options){
        .packets_per_s = 10, .when_limited = close ? SIO_LIMITED_CLOSE : SIO_LIMITED_PAUSE });
    ends_who_is_limited = true;
    for (int i = 0; i < 30; i++) raw_text(w, "2probe");
    turns();
    EQ(disconnects, 1);
    later(31000);
    EQ(stats().sessions, 0);
    EQ(stats().upgrades_failed, 1);
    stop();
  }
}

TEST(anything_else_than_a_probe_costs_the_websocket_and_not_the_session) {
  static const char *const wrong[] = { "", "2", "2prob", "42[\"n\",1]", "3probe", "6", "x", "1" };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct raw *w = on_trial((sio_options){ .packets_per_s = 1000 });
    CHECK(raw_text(w, wrong[i]));
    turns();
    EQ(stats().upgrades_failed, 1);
    EQ(stats().sessions, 1);
    EQ(got, 0);
    stop();
  }
}

/* ---- plain WebSockets ---------------------------------------------------------------------- */

TEST(a_plain_websocket_is_paused_too) {
  start((sio_options){ .packets_per_s = 5 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 6; i++) {
    CHECK(raw_text(c, "hello"));
    turns();
  }
  EQ(got, 6);
  EQ_STR(told, "packets_per_s paused ");
  CHECK(raw_text(c, "more"));
  later(190);
  EQ(got, 6);
  later(10);
  EQ(got, 7);
  EQ(disconnects, 0);
  stop();
}

TEST(or_closed) {
  start((sio_options){ .bytes_per_s = 50, .when_limited = SIO_LIMITED_CLOSE });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 6; i++) {
    raw_text(c, "hello");
    turns();
  }
  CHECK(got < 6);
  EQ(disconnects, 1);
  EQ(left.err, SIO_ELIMIT);
  EQ_STR(told, "bytes_per_s closed ");
  CHECK(raw_expect_end(c));
  stop();
}

TEST(one_that_leaves_while_it_is_paused_leaves_nothing) {
  start((sio_options){ .packets_per_s = 5 });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  for (int i = 0; i < 20; i++) CHECK(raw_text(c, "hello"));
  turns();
  raw_close(c);
  later(5000);
  EQ(disconnects, 1);
  stop();
}

TEST(the_list_of_origins_holds_for_plain_websockets_unless_the_host_says_otherwise) {
  static const char *const origins[] = { "http://other", NULL };
  static const char *const ours[] = { "http://b", NULL };
  start((sio_options){ .allowed_origins = origins });
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && !raw_upgrade(c, "/plain"));
  CHECK(strstr(c->in, "403 Forbidden") != NULL);
  CHECK(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], "/open"));
  stop();
  start((sio_options){ .allowed_origins = ours });
  CHECK(raw_open(c, srv) && raw_upgrade(c, "/plain"));
  stop();
}

/* ---- behind proxies ------------------------------------------------------------------------- */

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
  CHECK(slice_is(sio_session_header(s, "x-forwarded-for"), "1.2.3.4"));
  CHECK(slice_is(sio_session_url(s), WS));
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
  CHECK(strstr(logged, "turned away 1.2.3.4: it opens sessions, or is refused, faster than") !=
        NULL);
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
  sio_session_close(container_of(srv->eio.all.next, sio_session, link));
  later(31000);
  open_for(1, "1.2.3.4", "200 OK");
  stop();
}

static void upgrade_for(int i, const char *path, const char *from, const char *want) {
  char lines[300];
  struct raw *c = &peers[i];
  CHECK(raw_open(c, srv));
  snprintf(lines, sizeof lines,
           "X-Forwarded-For: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
           from);
  get_as(c, path, lines);
  CHECK(raw_expect(c, want));
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
  snprintf(want, sizeof want, " %s: a WebSocket opens", from);
  CHECK(strstr(logged, want) != NULL);
  snprintf(want, sizeof want, " %s: closed with 1002, ", from);
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
  CHECK(strstr(logged, "refused with 400") && !strstr(logged, "1.2.3.4: refused"));
  stop();
}

/* ---- PROXY headers -------------------------------------------------------------------------- */

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

static void is_from(struct raw *c, const char *lines, const char *want) {
  get_as(c, "/who", lines);
  bool heard = raw_expect(c, want);
  if (!heard) fprintf(stderr, "not %s in %s\n", want, c->in);
  CHECK(heard);
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
  CHECK(strstr(logged, "a malformed PROXY line") && strstr(logged, "no PROXY header"));
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
  CHECK(strstr(logged, "no PROXY header in time") != NULL);
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

TEST(of_those_that_ask_for_nothing_the_oldest_makes_room) {
  start((sio_options){ .max_pending = 2 });
  CHECK(raw_open(&peers[0], srv) && raw_open(&peers[1], srv));
  CHECK(raw_send(&peers[0], "GET /wh", 7));
  turns();
  CHECK(raw_open(&peers[2], srv));
  CHECK(raw_expect_end(&peers[0]));
  EQ_STR(told, "1: ");
  is_from(&peers[1], "", "[||plain]");
  /* It has asked: it is no longer one of them. */
  CHECK(raw_open(&peers[3], srv));
  is_from(&peers[2], "", "[||plain]");
  is_from(&peers[3], "", "[||plain]");
  is_from(&peers[1], "", "[||plain]");
  EQ(stats().rejected[SIO_REJECT_PENDING], 1);
  stop();
}

TEST(a_connection_past_max_connections_is_told_of) {
  start((sio_options){ .max_connections = 1 });
  CHECK(raw_open(&peers[0], srv) && !raw_open(&peers[1], srv));
  EQ_STR(told, "0: ");
  EQ(stats().rejected[SIO_REJECT_CONNECTIONS], 1);
  stop();
}

TEST(a_server_that_closes_lets_go_of_who_waits_for_a_header) {
  start(proxied);
  dial(0, v1, 5);
  turns();
  stop();
}

/* ---- requests that are refused ----------------------------------------------------------- */

static unsigned count_lines(const char *text) {
  unsigned n = 0;
  for (const char *at = logged; (at = strstr(at, text)); at++) n++;
  return n;
}

TEST(refused_requests_make_few_lines_and_one_more_says_how_many_there_were) {
  struct raw *c = &peers[0];
  start((sio_options){ 0 });
  REQUIRE(raw_open(c, srv));
  for (int i = 0; i < 200; i++)
    REQUIRE(raw_get(c, POLL "&sid=x") && raw_expect(c, "Session ID unknown"));
  EQ(stats().engine_refused[SIO_ENGINE_REFUSED_SESSION], 200);
  CHECK(count_lines("Session ID unknown") <= 10);
  EQ(stats().log_lines_left_out + count_lines("Session ID unknown"), 200);
  logged[0] = '\0';
  later(1000);
  EQ(count_lines("requests refused by the engine: "), 1);
  CHECK(strstr(logged, "more such lines in the last second") != NULL);
  stop();
}

TEST(a_refused_request_for_a_session_costs_its_address_what_opening_one_costs) {
  static const char *const from = "X-Forwarded-For: 1.2.3.4\r\n";
  struct raw *c = &peers[0];
  start((sio_options){ .trusted_proxies = unix_proxies, .connects_per_s = 5 });
  REQUIRE(raw_open(c, srv));
  for (int i = 0; i < 5; i++) {
    get_as(c, POLL "&sid=x", from);
    REQUIRE(raw_expect(c, "Session ID unknown"));
  }
  get_as(c, POLL "&sid=x", from);
  REQUIRE(raw_expect(c, "429") && raw_expect_end(c));
  EQ(stats().engine_refused[SIO_ENGINE_REFUSED_SESSION], 5);
  EQ(stats().rejected[SIO_REJECT_SESSIONS], 1);
  stop();
}

/* ---- what all share ------------------------------------------------------------------------ */

/* How many of the namespaces that it asks for a client gets; *fd is its connection. */
static unsigned made_for(const char *from, int *fd) {
  static unsigned n;
  unsigned made = 0;
  struct raw *c = &peers[0];
  char text[40];
  upgrade_for(0, WS, from, "101 Switching");
  for (bool more = true; more && made < 20; made += more) {
    snprintf(text, sizeof text, "40/made-%u,", ++n);
    if (!raw_text(c, text)) abort();
    snprintf(text, sizeof text, "40/made-%u,{", n);
    more = raw_expect(c, text);
  }
  CHECK(strstr(c->in, "Too many namespaces") != NULL);
  *fd = c->fd;
  c->fd = -1;
  raw_close(c);
  return made;
}

TEST(one_address_takes_half_of_the_namespaces_and_leaves_some_for_each_newcomer) {
  static const char *const from[] = { "1.2.3.4", "1.2.3.4", "1.2.3.5", "2001:db8::1", "1.2.3.6" };
  static const unsigned want[] = { 8, 0, 4, 2, 1 };
  sio_nsp *parent;
  int fds[6];
  start((sio_options){ .trusted_proxies = unix_proxies, .max_child_nsps = 16 });
  sio_of_pattern(srv, "/made-*", &parent);
  for (int i = 0; i < 5; i++) EQ(made_for(from[i], &fds[i]), want[i]);
  EQ(stats().child_nsps, 15);
  EQ(stats().nsps_refused, 5);
  CHECK(count_lines("no namespace created: ") > 0);
  close(fds[0]);
  turns();
  EQ(stats().child_nsps, 7);
  EQ(made_for("1.2.3.7", &fds[5]), 5);
  for (int i = 1; i < 6; i++) close(fds[i]);
  turns();
  EQ(stats().child_nsps, 0);
  stop();
}

TESTS_BEGIN
T(a_peer_past_its_packets_is_not_read_until_it_is_within_them_again)
T(others_are_served_meanwhile)
T(of_what_one_read_brings_only_as_much_is_handled_as_the_limit_allows)
T(a_paused_peer_is_told_of_once_in_ten_seconds)
T(no_heartbeat_is_missed_because_we_do_not_read)
T(one_that_takes_nothing_is_over_although_its_packets_are_counted)
T(one_that_does_not_poll_is_over_although_its_packets_are_counted)
T(but_one_that_is_read_again_and_says_nothing_is_over)
T(a_peer_past_its_packets_is_closed_if_that_is_asked_for)
T(bytes_count_as_they_come)
T(pings_of_websocket_are_packets)
T(over_polling_the_answer_to_a_post_waits)
T(a_second_post_meanwhile_breaks_the_protocol)
T(an_end_meanwhile_answers_it)
T(a_peer_that_gives_up_waiting_is_gone)
T(a_pause_goes_on_through_the_upgrade)
T(a_silent_polling_session_that_joins_nothing_is_gone_with_its_connect_timeout)
T(one_that_polls_is_told_of_it)
T(what_is_left_for_one_that_never_joined_is_kept_for_five_seconds)
#ifdef SIO_ZLIB
T(what_is_inflated_counts_as_bytes)
T(it_may_close_the_peer_before_anybody_sees_the_message)
#endif
T(without_limits_nothing_is_counted)
T(a_websocket_on_trial_is_metered_like_one_that_has_the_session)
T(so_are_its_pings_and_its_bytes)
T(its_pause_ends_and_the_upgrade_goes_on)
T(the_next_one_has_no_limits_of_its_own)
T(where_peers_are_closed_for_it_the_session_of_one_on_trial_stays)
T(the_host_may_end_the_session_when_it_hears_of_one_on_trial)
T(anything_else_than_a_probe_costs_the_websocket_and_not_the_session)
T(a_plain_websocket_is_paused_too)
T(or_closed)
T(one_that_leaves_while_it_is_paused_leaves_nothing)
T(the_list_of_origins_holds_for_plain_websockets_unless_the_host_says_otherwise)
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
T(of_those_that_ask_for_nothing_the_oldest_makes_room)
T(a_connection_past_max_connections_is_told_of)
T(a_server_that_closes_lets_go_of_who_waits_for_a_header)
T(refused_requests_make_few_lines_and_one_more_says_how_many_there_were)
T(a_refused_request_for_a_session_costs_its_address_what_opening_one_costs)
T(one_address_takes_half_of_the_namespaces_and_leaves_some_for_each_newcomer)
TESTS_END
