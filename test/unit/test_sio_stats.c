/* SPDX-License-Identifier: MIT
 *
 * test_sio_stats.c - a whole server: what was done is what is counted, and at every step the
 * counters add up as <sio/server.h> says.
 */
#include "alloc.h"
#include "clock.h"
#include "poll_client.h"
#include "server/server.h"
#include "stats.h"
#include "test.h"
#include <sys/socket.h>

enum { PEERS = 8 };

static const char polling[] = "/socket.io/?EIO=4&transport=polling";
static const char websocket[] = "/socket.io/?EIO=4&transport=websocket";

static uv_loop_t uv;
static sio_server *srv;
static sio_nsp *root;
static sio_stats st;
static struct raw peers[PEERS];
static struct poller poller;
static int replies[3]; /* that came, that timed out, that are lost */

/* ---- what must always be so ---------------------------------------------------------------- */

#define SUM(field) STATS_SUM(st.field)

static void look(void) {
  sio_server_get_stats(srv, &st, sizeof st);
  const char *fault = stats_fault_at_rest(&st);
  if (fault) fprintf(stderr, "not so: %s\n", fault);
  CHECK(!fault);
}

/* ---- the host -------------------------------------------------------------------------------- */

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)reply, (void)user;
  replies[status == 0 ? 0 : status == SIO_ETIMEOUT ? 1 : 2]++;
  look();
}

static void on_ask(sio_socket *s, sio_event *e, void *user) {
  int64_t ms = 0;
  (void)user;
  sio_event_int(e, 0, &ms);
  EQ(sio_emit_ack(s, "question", SIO_NONE, (unsigned)ms, on_reply, NULL), 0);
  look();
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_arg(e, 0)));
}

static void on_flood(sio_socket *s, sio_event *e, void *user) {
  static char text[60000];
  (void)e, (void)user;
  memset(text, 'x', sizeof text);
  for (int i = 0; i < 20; i++) sio_emit(s, "flood", SIO_ARGS(sio_strn(text, sizeof text)));
}

static void on_kick(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
}

static void guard(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  if (sio_socket_auth(s).n > 2)
    sio_next_fail(next, "no", sio_null());
  else
    sio_next_ok(next);
}

static void guard_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  if (strcmp(sio_event_name(e), "bad") == 0)
    sio_next_fail(next, "no", sio_null());
  else
    sio_next_ok(next);
}

static void begin(const sio_options *o) {
  for (int i = 0; i < PEERS; i++) peers[i].fd = -1;
  poller = (struct poller)POLLER;
  memset(replies, 0, sizeof replies);
  if (uv_loop_init(&uv) || sio_server_new(&uv, o, &srv) || sio_of(srv, "/", &root)) abort();
  sio_on(root, "ask", on_ask, NULL);
  sio_on(root, "echo", on_echo, NULL);
  sio_on(root, "flood", on_flood, NULL);
  sio_on(root, "kick", on_kick, NULL);
  sio_use(root, guard, NULL);
  look();
  EQ(st.nsps, 1);
}

static void turns(void) {
  for (int i = 0; i < 6; i++) uv_run(&uv, UV_RUN_NOWAIT);
  look();
}

static void later(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  turns();
}

static void end(void) {
  for (int i = 0; i < PEERS; i++) raw_close(&peers[i]);
  poller_close(&poller);
  turns();
  EQ(st.queued_bytes, 0);
  EQ(st.sessions_now[1], 0);
  sio_server_close(srv, NULL, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
}

static struct raw *join(int i) {
  struct raw *c = &peers[i];
  CHECK(raw_open(c, srv) && raw_upgrade(c, websocket) && raw_expect(c, "0{") && raw_text(c, "40") &&
        raw_expect(c, "40{"));
  look();
  return c;
}

static bool poll_open(void) { return poller_open(&poller, srv, "/socket.io/"); }

static void ask_http(const char *request, const char *answer) {
  struct raw c;
  CHECK(raw_open(&c, srv) && raw_send(&c, request, strlen(request)));
  if (answer) CHECK(raw_expect(&c, answer));
  raw_close(&c);
  turns();
}

static void get(const char *path, const char *answer) {
  char request[256];
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
  ask_http(request, answer);
}

/* ---- net ------------------------------------------------------------------------------------- */

TEST(connections_are_accepted_turned_away_and_closed) {
  struct raw one, two;
  begin(&(sio_options){ .max_connections = 1 });
  CHECK(raw_open(&one, srv));
  CHECK(!raw_open(&two, srv));
  turns();
  EQ(st.connections, 1);
  EQ(st.connections_accepted, 1);
  EQ(st.rejected[SIO_REJECT_CONNECTIONS], 1);
  EQ(st.connections_refused, 0);
  EQ(st.connections_closed, 0);
  raw_close(&one);
  raw_close(&two);
  turns();
  EQ(st.connections_closed, 1);
  end();
}

TEST(what_no_limit_turns_away_but_want_of_memory_is_refused) {
  struct raw one;
  alloc_install();
  begin(NULL);
  alloc_fail_in(1);
  CHECK(!raw_open(&one, srv));
  alloc_fail_in(0);
  turns();
  EQ(st.connections_refused, 1);
  EQ(SUM(rejected), 0);
  EQ(st.connections_accepted, 0);
  raw_close(&one);
  end();
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

TEST(bytes_of_the_wire_and_the_calls_that_move_them) {
  struct raw c;
  begin(NULL);
  CHECK(raw_open(&c, srv) && raw_get(&c, "/no") && raw_expect(&c, "Not Found\n"));
  turns();
  EQ(st.net_bytes_in, strlen("GET /no HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n"));
  EQ(st.net_bytes_out, c.n);
  EQ(st.net_reads, 1);
  EQ(st.net_writes, 1);
  EQ(st.net_blocked, 0);
  CHECK(sio_histogram_total(&st.turn_us) > 0);
  raw_close(&c);
  end();
}

TEST(what_waits_is_a_gauge_over_both_transports) {
  begin(NULL);
  struct raw *c = join(0);
  EQ(st.queued_bytes, 0);
  /* More than a pair of sockets holds, and the peer does not read. */
  CHECK(raw_text(c, "42[\"flood\"]"));
  turns();
  CHECK(st.queued_bytes > 100000);
  CHECK(st.net_blocked > 0);
  for (int i = 0; i < 200 && st.queued_bytes; i++) {
    c->n = c->seen = 0;
    raw_turn(c);
    look();
  }
  EQ(st.queued_bytes, 0);
  end();
}

TEST(what_waits_for_a_poll_waits_too) {
  begin(NULL);
  CHECK(poll_open() && poller_post(&poller, "40"));
  turns();
  CHECK(st.queued_bytes > 400);
  EQ(st.sessions_now[0], 1);
  CHECK(poller_get(&poller) && raw_expect(&poller.get, "40{"));
  turns();
  EQ(st.queued_bytes, 0);
  CHECK(poller_post(&poller, "42[\"kick\"]"));
  turns();
  CHECK(st.queued_bytes > 400);
  EQ(st.sockets_closed[SIO_REASON_SERVER_NSP_DISCONNECT], 1);
  CHECK(poller_post(&poller, "1"));
  turns();
  EQ(st.queued_bytes, 0);
  EQ(st.sessions_closed[SIO_REASON_TRANSPORT_CLOSE], 1);
  end();
}

static uint64_t queued_meanwhile;
static void on_look(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_emit(s, "seen", SIO_NONE);
  look();
  queued_meanwhile = st.queued_bytes;
}

TEST(bytes_written_in_the_turn_in_which_they_were_sent_do_not_count_as_queued) {
  begin(NULL);
  queued_meanwhile = 1;
  sio_on(root, "look", on_look, NULL);
  struct raw *c = join(0);
  CHECK(raw_text(c, "42[\"look\"]") && raw_expect(c, "seen"));
  EQ(queued_meanwhile, 0);
  end();
}

/* ---- http ------------------------------------------------------------------------------------ */

TEST(answers_by_class_and_refusals_by_cause) {
  begin(&(sio_options){ .max_head = 1024, .max_payload = 1000 });
  get("/no", " 404 ");
  get(polling, " 200 ");
  ask_http("nonsense\r\n\r\n", " 400 ");
  char big[2048];
  memset(big, 'x', sizeof big);
  memcpy(big, "GET /", 5);
  memcpy(big + sizeof big - 5, "\r\n\r\n", 5);
  ask_http(big, " 431 ");
  sio_route(srv, "POST", "/in", 10, NULL, NULL);
  ask_http("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", " 404 ");
  ask_http("GET /half", NULL);
  EQ(st.http_requests, 6);
  EQ(st.http_responses[1], 1);
  EQ(st.http_responses[3], 4);
  EQ(st.http_refused[SIO_HTTP_MALFORMED], 1);
  EQ(st.http_refused[SIO_HTTP_HEAD_SIZE], 1);
  EQ(st.http_aborted, 1);
  EQ(st.http_requests, SUM(http_responses) + st.http_aborted);
  end();
}

TEST(a_body_over_the_limit_is_answered_and_no_abort) {
  char request[300];
  begin(&(sio_options){ .max_payload = 10 });
  CHECK(poll_open());
  snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
           poller.path);
  ask_http(request, " 413 ");
  EQ(st.http_refused[SIO_HTTP_BODY_SIZE], 1);
  EQ(st.http_responses[3], 1);
  EQ(st.http_aborted, 0);
  EQ(st.http_requests, 2);
  end();
}

TEST(the_engines_refusals_by_code) {
  begin(NULL);
  get("/socket.io/?EIO=4&transport=x", "\"code\":0");
  get("/socket.io/?EIO=4&transport=polling&sid=x", "\"code\":1");
  ask_http("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", "\"code\":2");
  get(websocket, "\"code\":3");
  get("/socket.io/?EIO=3&transport=polling", "\"code\":5");
  ask_http(
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
      "Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\n\r\n",
      " 400 ");
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_TRANSPORT], 1);
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_SESSION], 1);
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_METHOD], 1);
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_REQUEST], 2);
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_FORBIDDEN], 0);
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_VERSION], 1);
  EQ(st.requests_refused, 6);
  end();
}

TEST(two_polls_at_once_and_requests_while_draining_are_refused) {
  struct raw d;
  begin(NULL);
  CHECK(poll_open() && poller_get(&poller));
  turns();
  CHECK(raw_open(&d, srv) && raw_get(&d, poller.path) && raw_expect(&d, " 400 "));
  turns();
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_MISUSE], 1);
  EQ(st.sessions_closed[SIO_REASON_TRANSPORT_ERROR], 1);
  poller_close(&poller);
  raw_close(&d);
  join(0);
  sio_server_drain(srv, &(sio_drain_options){ .spread_ms = 60000 }, NULL, NULL);
  get(polling, " 503 ");
  EQ(st.engine_refused[SIO_ENGINE_REFUSED_DRAINING], 1);
  EQ(st.http_responses[4], 1);
  end();
}

/* ---- ws -------------------------------------------------------------------------------------- */

static void leave(int i, unsigned code) {
  struct raw *c = join(i);
  unsigned char body[] = { (unsigned char)(code >> 8), (unsigned char)code };
  if (code) CHECK(raw_frame(c, 0x88, body, 2) && raw_expect_end(c));
  raw_close(c);
  turns();
}

TEST(websockets_end_by_the_family_of_their_code) {
  begin(NULL);
  leave(0, 1000);
  leave(1, 1001);
  leave(2, 1011);
  leave(3, 4321);
  leave(4, 0);
  EQ(st.websockets, 0);
  EQ(st.websockets_opened, 5);
  EQ(st.websockets_closed[SIO_WS_CLOSE_NORMAL], 2);
  EQ(st.websockets_closed[SIO_WS_CLOSE_ERROR], 1);
  EQ(st.websockets_closed[SIO_WS_CLOSE_APPLICATION], 1);
  EQ(st.websockets_closed[SIO_WS_CLOSE_ABNORMAL], 1);
  EQ(st.http_responses[0], 5);
  EQ(st.ws_messages_in, 5);
  EQ(st.ws_messages_out, 10);
  EQ(st.sessions_closed[SIO_REASON_TRANSPORT_CLOSE], 5);
  EQ(st.sockets_closed[SIO_REASON_TRANSPORT_CLOSE], 5);
  end();
}

/* ---- eio ------------------------------------------------------------------------------------- */

static void probe(struct raw *w) {
  CHECK(poller_upgrade(&poller, w, "/socket.io/"));
  turns();
}

TEST(upgrades_succeed_or_fail_and_the_session_moves) {
  struct raw w, v;
  begin(NULL);
  CHECK(poll_open());
  look();
  EQ(st.sessions_polling, 1);
  EQ(st.sessions_now[0], 1);
  probe(&w);
  EQ(st.upgrades_started, 1);
  EQ(st.upgrades + st.upgrades_failed, 0);
  probe(&v); /* one too many */
  EQ(st.upgrades_started, 2);
  EQ(st.upgrades_failed, 1);
  raw_close(&v);
  CHECK(raw_text(&w, "nonsense"));
  turns();
  EQ(st.upgrades_failed, 2);
  raw_close(&w);
  probe(&w);
  CHECK(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5"));
  turns();
  EQ(st.upgrades_started, 3);
  EQ(st.upgrades, 1);
  EQ(st.sessions_now[0], 0);
  EQ(st.sessions_now[1], 1);
  EQ(st.sessions_polling, 1);
  raw_close(&w);
  turns();
  EQ(st.sessions, 0);
  end();
}

TEST(an_upgrade_whose_session_ends_has_failed) {
  struct raw w;
  begin(NULL);
  CHECK(poll_open());
  probe(&w);
  CHECK(poller_post(&poller, "1"));
  turns();
  EQ(st.upgrades_started, 1);
  EQ(st.upgrades_failed, 1);
  raw_close(&w);
  end();
}

TEST(packets_by_size_and_what_breaks_the_protocol) {
  begin(NULL);
  struct raw *c = join(0);
  uint64_t in = st.packets_in, bytes = st.bytes_in;
  char text[1000];
  memset(text, 'x', sizeof text);
  memcpy(text, "421[\"echo\",\"", 12);
  CHECK(raw_frame(c, 0x81, text, sizeof text - 1)); /* no end: no JSON */
  turns();
  EQ(st.packets_in, in + 1);
  EQ(st.bytes_in, bytes + 998);
  EQ(st.packet_bytes_in.count[4], 1); /* up to 1024 */
  EQ(st.parse_errors, 1);
  EQ(st.sessions_closed[SIO_REASON_FORCED_CLOSE], 1);
  EQ(st.sockets_closed[SIO_REASON_FORCED_CLOSE], 1);
  end();
}

/* ---- sio ------------------------------------------------------------------------------------- */

TEST(acks_are_received_late_or_lost_and_add_up) {
  begin(NULL);
  struct raw *c = join(0), *d = join(1);
  CHECK(raw_text(c, "42[\"ask\"]") && raw_expect(c, "420[\"question\"]"));
  look();
  EQ(st.acks_asked, 1);
  EQ(st.acks_pending, 1);
  CHECK(raw_text(c, "430[1]"));
  turns();
  EQ(st.acks_received, 1);
  CHECK(raw_text(c, "42[\"ask\",1]") && raw_expect(c, "421[\"question\"]"));
  later(20);
  EQ(replies[1], 1);
  EQ(st.acks_timed_out, 1);
  CHECK(raw_text(d, "42[\"ask\"]") && raw_expect(d, "422[\"question\"]"));
  look();
  EQ(st.acks_pending, 1);
  raw_close(d);
  turns();
  EQ(st.acks_lost, 1);
  EQ(st.acks_pending, 0);
  EQ(st.acks_asked, 3);
  EQ(replies[0] + replies[1] + replies[2], 3);
  CHECK(raw_text(c, "421[\"echo\",1]") && raw_expect(c, "431[1]"));
  look();
  EQ(st.acks_sent, 1);
  EQ(st.events_in, 4);
  EQ(st.events_out, 3);
  end();
}

static void on_end(int status, sio_replies *r, void *user) {
  (void)status, (void)user;
  replies[0] += (int)r->count;
}

TEST(each_receiver_of_a_broadcast_with_acks_is_counted) {
  begin(NULL);
  struct raw *c = join(0);
  join(1), join(2);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_NONE, 20, on_end, NULL), 0);
  look();
  EQ(st.acks_asked, 3);
  EQ(st.broadcasts, 1);
  EQ(st.events_out, 3);
  CHECK(raw_expect(c, "420[\"q\"]") && raw_text(c, "430[]"));
  raw_close(&peers[2]);
  turns();
  EQ(st.acks_received, 1);
  EQ(st.acks_lost, 1);
  EQ(st.acks_pending, 1);
  later(20);
  EQ(replies[0], 1);
  EQ(st.acks_timed_out, 1);
  EQ(st.acks_pending, 0);
  end();
}

TEST(refused_connects_are_counted_by_cause) {
  begin(&(sio_options){ .max_nsps = 2 });
  struct raw *c = join(0);
  EQ(sio_of(srv, "/b", NULL), 0);
  EQ(sio_of(srv, "/c", NULL), 0);
  CHECK(raw_text(c, "40/none,") && raw_expect(c, "44/none"));
  CHECK(raw_text(c, "40/b,") && raw_expect(c, "40/b"));
  CHECK(raw_text(c, "40/c,") && raw_expect(c, "44/c"));
  struct raw *d = &peers[1];
  CHECK(raw_open(d, srv) && raw_upgrade(d, websocket) && raw_expect(d, "0{") &&
        raw_text(d, "40{\"a\":1}") && raw_expect(d, "44{"));
  look();
  EQ(st.connects_refused[SIO_REFUSED_NO_NSP], 1);
  EQ(st.connects_refused[SIO_REFUSED_TOO_MANY], 1);
  EQ(st.connects_refused[SIO_REFUSED_BY_MIDDLEWARE], 1);
  EQ(st.connects_refused[SIO_REFUSED_TIMEOUT], 0);
  EQ(st.sockets, 2);
  EQ(st.nsps, 3);
  end();
}

static void park(sio_socket *s, sio_next *next, void *user) {
  (void)s;
  *(sio_next **)user = next;
}

TEST(middleware_that_does_not_decide_is_a_timeout) {
  begin(&(sio_options){ .middleware_timeout_ms = 1 });
  sio_next *next = NULL;
  sio_use(root, park, &next);
  struct raw *c = &peers[0];
  CHECK(raw_open(c, srv) && raw_upgrade(c, websocket) && raw_expect(c, "0{") && raw_text(c, "40"));
  turns();
  later(1);
  EQ(st.connects_refused[SIO_REFUSED_TIMEOUT], 1);
  CHECK(raw_expect(c, "44{\"message\":\"timeout\"}"));
  sio_next_ok(next);
  look();
  EQ(SUM(connects_refused), 1);
  EQ(st.sockets, 0);
  end();
}

TEST(events_that_packet_middleware_refuses_came_in_nevertheless) {
  begin(NULL);
  sio_use_packet(root, guard_packet, NULL);
  struct raw *c = join(0);
  CHECK(raw_text(c, "42[\"bad\"]") && raw_text(c, "421[\"echo\",1]") && raw_expect(c, "431[1]"));
  look();
  EQ(st.events_in, 2);
  EQ(st.events_refused, 1);
  end();
}

static sio_next *held[2];
static unsigned nheld;

static void hold_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  held[nheld++] = next;
}

static unsigned ignored_lines;

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  ignored_lines += strstr(l->text, "is ignored: ") != NULL;
}

TEST(packets_that_cross_the_end_of_their_socket_are_counted_and_logged) {
  ignored_lines = 0;
  begin(&(sio_options){ .log = on_log, .log_level = SIO_LOG_DEBUG });
  struct raw *c = join(0);
  CHECK(raw_text(c, "42[\"kick\"]") && raw_text(c, "42[\"echo\"]") && raw_text(c, "430[]") &&
        raw_text(c, "41") && raw_expect(c, "41"));
  turns();
  EQ(st.packets_ignored[SIO_IGNORED_LEFT], 3);
  EQ(st.events_in, 1);
  EQ(ignored_lines, 3);
  end();
}

TEST(acks_that_nobody_waits_for_and_events_without_a_name_are_counted_and_logged) {
  ignored_lines = 0;
  begin(&(sio_options){ .log = on_log, .log_level = SIO_LOG_DEBUG });
  struct raw *c = join(0);
  CHECK(raw_text(c, "42[\"ask\"]") && raw_expect(c, "420[\"question\"]") && raw_text(c, "430[1]") &&
        raw_text(c, "430[1]") && raw_text(c, "4399[1]") && raw_text(c, "42"));
  turns();
  EQ(st.acks_received, 1);
  EQ(st.packets_ignored[SIO_IGNORED_ACK], 2);
  EQ(st.packets_ignored[SIO_IGNORED_EMPTY], 1);
  EQ(ignored_lines, 3);
  end();
}

/* The first one is with the middleware, the other two wait for it. */
TEST(events_that_waited_for_packet_middleware_when_their_socket_left_are_counted) {
  nheld = 0;
  begin(NULL);
  sio_use_packet(root, hold_packet, NULL);
  struct raw *c = join(0);
  for (int i = 0; i < 3; i++) CHECK(raw_text(c, "42[\"echo\"]"));
  CHECK(raw_text(c, "41"));
  turns();
  EQ(nheld, 1);
  EQ(st.packets_ignored[SIO_IGNORED_LEFT], 2);
  sio_next_ok(held[0]);
  turns();
  EQ(st.packets_ignored[SIO_IGNORED_LEFT], 3);
  end();
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(no_memory_of_messages_is_counted_once_the_server_has_closed) {
  begin(NULL);
  CHECK(st.message_bytes > 0);
  sio_nsp_ref(root); /* keeps the memory of the server */
  sio_server_close(srv, NULL, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(srv->core.loop.msgs.bytes, 0);
  sio_nsp_unref(root);
  EQ(uv_loop_close(&uv), 0);
}

/* ---- reading them ---------------------------------------------------------------------------- */

TEST(several_servers_are_one_when_added_up) {
  begin(NULL);
  join(0);
  sio_stats twice = st;
  sio_stats_add(&twice, &st);
  EQ(twice.sessions, 2);
  EQ(twice.turn_us.sum, 2 * st.turn_us.sum);
  EQ(sio_histogram_total(&twice.packet_bytes_in), 2 * st.packets_in);
  EQ(sizeof(sio_stats) % sizeof(uint64_t), 0);
  end();
}

TESTS_BEGIN
T(connections_are_accepted_turned_away_and_closed)
T(what_no_limit_turns_away_but_want_of_memory_is_refused)
T(bytes_of_the_wire_and_the_calls_that_move_them)
T(what_waits_is_a_gauge_over_both_transports)
T(what_waits_for_a_poll_waits_too)
T(bytes_written_in_the_turn_in_which_they_were_sent_do_not_count_as_queued)
T(answers_by_class_and_refusals_by_cause)
T(a_body_over_the_limit_is_answered_and_no_abort)
T(the_engines_refusals_by_code)
T(two_polls_at_once_and_requests_while_draining_are_refused)
T(websockets_end_by_the_family_of_their_code)
T(upgrades_succeed_or_fail_and_the_session_moves)
T(an_upgrade_whose_session_ends_has_failed)
T(packets_by_size_and_what_breaks_the_protocol)
T(acks_are_received_late_or_lost_and_add_up)
T(each_receiver_of_a_broadcast_with_acks_is_counted)
T(refused_connects_are_counted_by_cause)
T(middleware_that_does_not_decide_is_a_timeout)
T(events_that_packet_middleware_refuses_came_in_nevertheless)
T(packets_that_cross_the_end_of_their_socket_are_counted_and_logged)
T(acks_that_nobody_waits_for_and_events_without_a_name_are_counted_and_logged)
T(events_that_waited_for_packet_middleware_when_their_socket_left_are_counted)
T(no_memory_of_messages_is_counted_once_the_server_has_closed)
T(several_servers_are_one_when_added_up)
TESTS_END
