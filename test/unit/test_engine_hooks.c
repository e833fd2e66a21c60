/* SPDX-License-Identifier: MIT
 *
 * test_engine_hooks.c - what hooks and the log are shown of an engine, and what hooks may do.
 */
#include "engine_rig.h"

/* ---- hooks ----------------------------------------------------------------------------------- */

static void show(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c;
  trace("%s%d%s%.*s ", (const char *)user, p->type, p->binary ? "b" : "", (int)p->data.n,
        p->data.p);
}

static void on_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)user;
  show(c, p, "in:");
}
static void on_create(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)user;
  show(c, p, "out:");
}
static void on_flush(sio_session *c, void *user) {
  (void)user;
  CHECK(sio_session_info_of(c).queued > 0);
  trace("flush ");
}
static void on_drain(sio_session *c, void *user) {
  (void)user;
  EQ(sio_session_info_of(c).queued, 0);
  trace("drain ");
}

static const sio_engine_hooks taps = {
  .packet = on_packet, .packet_create = on_create, .flush = on_flush, .drain = on_drain
};

TEST(hooks_are_shown_packets_both_ways) {
  start_raw(NULL);
  REQUIRE(open_ws(&a, "/raw/"));
  traced[0] = '\0';
  EQ(sio_on_engine(srv, &taps, NULL), 0);
  REQUIRE(raw_text(&a, "4hi") && raw_expect(&a, "4hi"));
  SAW("in:4hi text:hi out:4hi flush drain ");
  REQUIRE(raw_frame(&a, 0x82, "\7", 1) && raw_expect(&a, "\7"));
  SAW("in:4b\7 bytes:\7 out:4b\7 flush drain ");
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + 25000);
  REQUIRE(raw_expect(&a, "\x81\x01"
                         "2") &&
          raw_text(&a, "3"));
  turns();
  SAW("out:2 flush drain in:3 ");
  stop();
}

TEST(they_are_shown_the_same_where_peers_are_limited) {
  start_raw(&(sio_options){ .bytes_per_s = 1 << 20 });
  EQ(sio_on_engine(srv, &taps, NULL), 0);
  REQUIRE(open_ws(&a, "/raw/"));
  traced[0] = '\0';
  REQUIRE(raw_text(&a, "4hi") && raw_expect(&a, "4hi"));
  SAW("in:4hi text:hi out:4hi flush drain ");
  stop();
}

TEST(hooks_are_shown_what_a_poll_takes) {
  start_raw(NULL);
  EQ(sio_on_engine(srv, &taps, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/"));
  SAW("open:raw ");
  REQUIRE(poller_post(&poller, "4a\x1e"
                               "4b"));
  SAW("in:4a text:a out:4a in:4b text:b out:4b ");
  REQUIRE(poller_get(&poller) && raw_expect(&poller.get, "4a\x1e"
                                                         "4b"));
  SAW("flush drain ");
  stop();
}

static void close_on(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)user;
  if (p->data.n && p->data.p[0] == 'x') sio_session_close(c, NULL);
}

static void close_at_flush(sio_session *c, void *user) {
  (void)user;
  trace("flush ");
  sio_session_close(c, NULL);
}

TEST(hooks_may_close_the_session) {
  start_raw(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .packet = close_on }, NULL), 0);
  REQUIRE(open_ws(&poller.get, "/raw/") && raw_text(&poller.get, "4x"));
  turns();
  SAW("open:raw close:forced close/0/ ");
  stop();
  start_raw(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .flush = close_at_flush }, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_post(&poller, "4last") &&
          poller_get(&poller) && raw_expect(&poller.get, "4last"));
  SAW("open:raw text:last flush close:forced close/0/ ");
  raw_close(&poller.get);
  REQUIRE(raw_open(&poller.get, srv) &&
          raw_upgrade(&poller.get, "/raw/?EIO=4&transport=websocket") &&
          raw_expect(&poller.get, "0{") && raw_expect_n(&poller.get, "\x88\0", 2));
  SAW("open:raw flush close:forced close/0/ ");
  stop();
}

static bool take_private(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)c, (void)user;
  bool mine = !binary && data.n && data.p[0] == '!';
  if (mine) trace("private:%.*s ", (int)data.n - 1, data.p + 1);
  return mine;
}

static void close_at_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)binary, (void)user;
  EQ(sio_session_send(c, 0, false, data), 0);
  sio_session_close(c, NULL);
}

static void show_state_at_flush(sio_session *c, void *user) {
  (void)user;
  trace("flush/%d ", sio_session_info_of(c).state);
}

/* The session ends in a POST, and in the same turn the next request arrives after its GET. */
TEST(no_flush_is_shown_of_a_session_that_has_ended) {
  static const sio_engine_callbacks cbs = { .open = on_open,
                                            .message = close_at_message,
                                            .close = on_close };
  start(NULL);
  EQ(sio_engine_route(srv, "/raw", &cbs, name), 0);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .flush = show_state_at_flush }, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && poller_get(&poller));
  REQUIRE(raw_open(&poller.post, srv));
  turns();
  REQUIRE(raw_request(&poller.post, "POST", poller.path, "", "4last") &&
          raw_get(&poller.get, "/other"));
  REQUIRE(raw_expect(&poller.get, "4last"));
  SAW("open:raw close:forced close/0/ ");
  stop();
}

TEST(a_hook_may_keep_messages_to_itself) {
  start_raw(NULL);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .message = take_private }, NULL), 0);
  REQUIRE(open_ws(&a, "/raw/") && raw_text(&a, "4!psst") && raw_text(&a, "4loud") &&
          raw_expect(&a, "4loud"));
  SAW("open:raw private:psst text:loud ");
  REQUIRE(open_ws(&b, "/socket.io/") && raw_text(&b, "4!psst") && raw_text(&b, "40") &&
          raw_expect(&b, "40{"));
  SAW("private:psst ");
  stop();
}

/* ---- the log --------------------------------------------------------------------------------- */

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level == SIO_LOG_DEBUG && strcmp(l->part, "eio") == 0) trace("%s; ", l->text);
}

TEST(the_log_shows_packets_when_it_is_to_and_never_what_is_in_them) {
  start_raw(&(sio_options){ .log = on_log, .log_level = SIO_LOG_INFO });
  REQUIRE(open_ws(&a, "/raw/") && raw_text(&a, "4secret") && raw_expect(&a, "4secret"));
  SAW("open:raw text:secret ");
  EQ(sio_log_set(srv, "eio=debug"), 0);
  REQUIRE(raw_text(&a, "4secret") && raw_expect(&a, "4secret"));
  turn();
  SAW("text:secret packet from : message, 6 bytes; packet to : message, 6 bytes; ");
  EQ(sio_log_set(srv, "eio=info"), 0);
  REQUIRE(raw_text(&a, "4secret") && raw_expect(&a, "4secret"));
  SAW("text:secret ");
  stop();
}

static sio_next *held;

/* Of requests of a session that is there. */
static void hold_polls(sio_request *r, sio_next *next, void *user) {
  char sid[64];
  (void)user;
  if (sio_url_param(sio_request_info_of(r).url, "sid", sid, sizeof sid) > 0)
    held = next;
  else
    sio_next_ok(next);
}

static void let_poll_in(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)why, (void)user;
  sio_next_ok(held);
}

/* The poll that was let in is told of the end, and nothing is waited for any more. */
TEST(a_poll_may_be_let_in_by_the_close_hook_of_its_session) {
  start_raw(NULL);
  EQ(sio_use_engine_request(srv, hold_polls, NULL), 0);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .close = let_poll_in }, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && session && poller_get(&poller));
  for (int i = 0; i < 10 && !held; i++) turn();
  REQUIRE(held);
  sio_session_close(session, NULL);
  REQUIRE(raw_expect(&poller.get, "1"));
  turn();
  SAW("open:raw close:forced close/0/ ");
  poller_close(&poller);
  stop();
}

static void on_last_headers(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
  trace("headers ");
}

TEST(the_header_hooks_of_the_last_answers_run_from_the_loop) {
  start_raw(NULL);
  EQ(sio_on_engine_headers(srv, on_last_headers, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && session && poller_get(&poller));
  for (int i = 0; i < 10; i++) turn();
  traced[0] = '\0';
  sio_session_close(session, NULL);
  trace("| ");
  REQUIRE(raw_expect(&poller.get, "1"));
  SAW("| headers close:forced close/0/ ");
  poller_close(&poller);
  stop();
}

TEST(no_header_hook_runs_in_a_send_that_ends_its_session) {
  static char big[40000];
  memset(big, 'x', sizeof big - 1);
  start_raw(&(sio_options){ .max_queued = 20000 });
  EQ(sio_on_engine_headers(srv, on_last_headers, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && session && poller_get(&poller));
  for (int i = 0; i < 10; i++) turn();
  traced[0] = '\0';
  EQ(sio_session_send(session, 0, false, sio_text(big)), SIO_ETOOBIG);
  trace("| ");
  REQUIRE(raw_expect(&poller.get, "1"));
  SAW("| headers close:forced close/0/ ");
  poller_close(&poller);
  stop();
}

static void end_session(sio_request *r, void *user) {
  (void)user;
  sio_session_close(session, NULL);
  sio_respond(r, 200, "text/plain", sio_text("ended"));
}

/* In one read the host ends the session and a poll arrives, while half of a POST is here. */
TEST(a_poll_right_after_the_end_leaves_nothing_of_a_post_that_arrives) {
  char both[600];
  start_raw(NULL);
  EQ(sio_route(srv, "GET", "/end", 0, end_session, NULL), 0);
  REQUIRE(poller_open(&poller, srv, "/raw/") && session);
  REQUIRE(raw_open(&a, srv) &&
          raw_request(&a, "POST", poller.path, "Content-Length: 9\r\n", NULL) &&
          raw_send(&a, "4", 1));
  turns();
  snprintf(both, sizeof both,
           "GET /end HTTP/1.1\r\nHost: a\r\n\r\nGET %s HTTP/1.1\r\nHost: a\r\n\r\n", poller.path);
  REQUIRE(raw_send(&poller.get, both, strlen(both)));
  CHECK(raw_expect(&poller.get, "ended") && raw_expect(&poller.get, "6\x1e"
                                                                    "1"));
  CHECK(raw_expect(&a, "200 OK"));
  turns();
  CHECK(!session);
  raw_close(&a);
  turns();
  stop();
}

TESTS_BEGIN
T(hooks_are_shown_packets_both_ways)
T(they_are_shown_the_same_where_peers_are_limited)
T(hooks_are_shown_what_a_poll_takes)
T(hooks_may_close_the_session)
T(no_flush_is_shown_of_a_session_that_has_ended)
T(a_hook_may_keep_messages_to_itself)
T(the_log_shows_packets_when_it_is_to_and_never_what_is_in_them)
T(a_poll_may_be_let_in_by_the_close_hook_of_its_session)
T(the_header_hooks_of_the_last_answers_run_from_the_loop)
T(no_header_hook_runs_in_a_send_that_ends_its_session)
T(a_poll_right_after_the_end_leaves_nothing_of_a_post_that_arrives)
TESTS_END
