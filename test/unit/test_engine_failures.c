/* SPDX-License-Identifier: MIT
 *
 * test_engine_failures.c - sessions of Engine.IO at moments at which something is missing: memory
 * for a packet of the library, the session that a request names, or the rest of a request.
 */
#include "base/mem.h"
#include "engine_rig.h"

/* ---- a pool without a block --------------------------------------------------------------- */

static const struct pool *empty_pool;

void *__real_sio__pool_get(struct pool *pool);
void *__wrap_sio__pool_get(struct pool *pool);

void *__wrap_sio__pool_get(struct pool *pool) {
  return pool == empty_pool ? NULL : __real_sio__pool_get(pool);
}

/* ---- the host ----------------------------------------------------------------------------- */

static void on_end(sio_session *c, const sio_close_info *why, void *user) {
  (void)user;
  if (c == session) session = NULL;
  trace("%s:%s:%s ", sio_reason_str(why->reason), why->err == UV_ENOMEM ? "no memory" : "other",
        why->detail);
}

static void on_begin(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void begin(const sio_options *o) {
  empty_pool = NULL;
  start(o);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = on_begin, .close = on_end }, NULL), 0);
}

static void end(void) {
  empty_pool = NULL;
  stop();
}

static sio_stats stats(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st;
}

static bool polls(const char *query) {
  char path[100];
  snprintf(path, sizeof path, "/socket.io/?transport=polling&%s", query);
  return raw_open(&a, srv) && raw_get(&a, path) && raw_expect(&a, "\"sid\"") && session;
}

static bool upgrades(const char *query) {
  char url[200];
  snprintf(url, sizeof url, "/socket.io/?transport=websocket&%s&sid=%s", query,
           sio_session_info_of(session).id);
  return raw_open(&b, srv) && raw_upgrade(&b, url);
}

/* ---- memory for packets of the library ------------------------------------------------------- */

TEST(a_session_whose_ping_finds_no_memory_ends) {
  begin(NULL);
  REQUIRE(polls("EIO=4"));
  empty_pool = &srv->eio.nodes;
  later(25000);
  SAW("transport error:no memory:out of memory for a ping ");
  EQ(stats().out_of_memory, 1);
  end();
}

TEST(a_session_whose_pong_finds_no_memory_ends) {
  char path[200];
  begin(&(sio_options){ .allow_eio3 = true });
  REQUIRE(polls("EIO=3"));
  snprintf(path, sizeof path, "/socket.io/?transport=polling&EIO=3&sid=%s",
           sio_session_info_of(session).id);
  empty_pool = &srv->eio.nodes;
  REQUIRE(raw_open(&b, srv) && raw_request(&b, "POST", path, "", "1:2"));
  turns();
  SAW("transport error:no memory:out of memory for a pong ");
  end();
}

TEST(a_probe_whose_answer_finds_no_memory_leaves_the_session_on_polling) {
  char path[200];
  begin(NULL);
  REQUIRE(polls("EIO=4") && upgrades("EIO=4") && raw_text(&b, "2probe"));
  empty_pool = &srv->core.loop.msgs.small;
  turn();
  empty_pool = NULL;
  turns();
  EQ(stats().upgrades_failed, 1);
  REQUIRE(raw_expect_end(&b) && session);
  snprintf(path, sizeof path, "/socket.io/?transport=polling&EIO=4&sid=%s",
           sio_session_info_of(session).id);
  CHECK(raw_request(&a, "POST", path, "", "40") && raw_expect(&a, "ok"));
  end();
}

/* A client that wants base64 gets a new packet made of each binary one, which needs memory. */
static bool upgrades_with_binary_packets_queued(void) {
  if (!polls("EIO=4&b64=1")) return false;
  for (int i = 0; i < 3; i++) EQ(sio_session_send(session, 0, true, sio_text("bytes")), 0);
  return upgrades("EIO=4") && raw_text(&b, "2probe") && raw_expect(&b, "3probe");
}

TEST(an_upgrade_that_cannot_convert_a_packet_ends_the_session_and_counts_what_is_lost) {
  begin(NULL);
  REQUIRE(upgrades_with_binary_packets_queued());
  REQUIRE(raw_text(&b, "5"));
  empty_pool = &srv->core.loop.msgs.small;
  turn();
  empty_pool = NULL;
  turns();
  SAW("transport error:no memory:out of memory for an upgrade ");
  EQ(stats().bytes_lost, 3 * strlen("bytes"));
  end();
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (strstr(l->text, "are lost")) trace("[%s] ", l->text);
}

TEST(a_session_that_was_closed_before_its_upgrade_loses_packets_that_cannot_be_converted) {
  begin(&(sio_options){ .log = on_log });
  REQUIRE(upgrades_with_binary_packets_queued());
  sio_session_close(session, NULL);
  turns();
  SAW("forced close:other:the server program closed the session ");
  REQUIRE(raw_text(&b, "5"));
  empty_pool = &srv->core.loop.msgs.small;
  turn();
  empty_pool = NULL;
  turns();
  SAW("[packets for , whose session is closing, are lost: its new WebSocket cannot queue them: "
      "not enough memory] ");
  EQ(stats().bytes_lost, 3 * strlen("bytes"));
  end();
}

TEST(a_packet_that_cannot_be_converted_ends_a_session_over_websocket) {
  static const char *const queries[] = { "EIO=3", "EIO=3&b64=1", "EIO=4&b64=1" };
  for (size_t i = 0; i < 3; i++) {
    char url[100];
    snprintf(url, sizeof url, "/socket.io/?transport=websocket&%s", queries[i]);
    begin(&(sio_options){ .allow_eio3 = true });
    REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, url) && raw_expect(&a, "\"sid\"") && session);
    struct msg *m = sio__msg_from_bytes(&srv->core.loop.msgs, "bytes", 5);
    m->binary = true;
    empty_pool = &srv->core.loop.msgs.small;
    EQ(sio__session_send(session, m, 0), UV_ENOMEM);
    empty_pool = NULL;
    msg_unref(m);
    turns();
    SAW("transport error:no memory:out of memory for a packet ");
    end();
  }
}

TEST(an_answer_in_jsonp_is_whole_or_its_connection_is_closed) {
  static char big[3000];
  char url[200];
  bool failed = true;
  memset(big, 'b', sizeof big);
  for (size_t at = 1; failed; at++) {
    begin(&(sio_options){ .allow_eio3 = true });
    REQUIRE(polls("EIO=4"));
    EQ(sio_session_send(session, 0, false, slice(big, sizeof big)), 0);
    snprintf(url, sizeof url, "/socket.io/?transport=polling&EIO=4&j=0&sid=%s",
             sio_session_info_of(session).id);
    REQUIRE(raw_get(&a, url));
    alloc_fail_in(at);
    turn();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    bool answered = raw_expect(&a, "___eio[0](\"4b") && raw_expect(&a, "b\");");
    CHECK(answered || (failed && a.fin));
    CHECK(at < 40);
    end();
  }
}

static const char handshake[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

static void on_sent(int status, void *user) {
  (void)status, (void)user;
  trace("sent ");
}

TEST(a_callback_for_sent_packets_that_finds_no_memory_is_an_error_of_the_call) {
  begin(NULL);
  REQUIRE(polls("EIO=4"));
  EQ(sio_session_on_sent(session, on_sent, NULL), 0);
  turns();
  SAW("sent ");
  EQ(sio_session_send(session, 0, false, sio_text("queued")), 0);
  empty_pool = &srv->eio.nodes;
  int err = sio_session_on_sent(session, on_sent, NULL);
  empty_pool = NULL;
  EQ(err, UV_ENOMEM);
  turns();
  SAW("");
  CHECK(session != NULL);
  end();
}

static void on_plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  trace("closed:%s ", sio_reason_str(why->reason));
}

TEST(a_websocket_of_the_host_whose_ping_finds_no_memory_is_pinged_later) {
  begin(NULL);
  EQ(sio_ws_route(srv, "/plain", &(sio_ws_callbacks){ .close = on_plain_close }, NULL), 0);
  REQUIRE(raw_open(&a, srv) && raw_upgrade(&a, "/plain"));
  sio__pool_clear(&srv->core.loop.msgs.small);
  empty_pool = &srv->core.loop.msgs.small;
  later(25000);
  empty_pool = NULL;
  CHECK(!raw_expect_n(&a, "\x89\0", 2));
  later(25000);
  CHECK(raw_expect_n(&a, "\x89\0", 2));
  SAW("");
  end();
}

/* ---- requests of sessions that end -------------------------------------------------------- */

static sio_next *verdict;

static void hold(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  verdict = next;
}

TEST(a_websocket_whose_session_ends_after_its_request_was_allowed_is_refused) {
  char url[200];
  begin(NULL);
  REQUIRE(polls("EIO=4"));
  sio_use_engine_request(srv, hold, NULL);
  snprintf(url, sizeof url, "/socket.io/?transport=websocket&EIO=4&sid=%s",
           sio_session_info_of(session).id);
  REQUIRE(raw_open(&b, srv) && raw_request(&b, "GET", url, handshake, NULL));
  turns();
  sio_next_ok(verdict);
  sio_session_close(session, &(sio_session_close_options){ .discard = true });
  CHECK(raw_expect(&b, "400 Bad Request") && raw_expect(&b, "Session ID unknown"));
  EQ(stats().upgrades_started, 0);
  end();
}

TEST(a_handshake_that_is_never_complete_opens_no_session) {
  begin(NULL);
  REQUIRE(raw_open(&a, srv) && raw_request(&a, "GET", "/socket.io/?transport=polling&EIO=4",
                                           "Content-Length: 4\r\n", NULL));
  turns();
  raw_close(&a);
  turns();
  EQ(stats().sessions_opened, 0);
  EQ(stats().connections, 0);
  EQ(stats().http_aborted, 1);
  end();
}

/* ---- hooks of the host -------------------------------------------------------------------- */

static void answer_itself(sio_request *r, const sio_connection_error *error, void *user) {
  (void)user;
  trace("refused:%d ", error->code);
  sio_respond(r, 418, "text/plain", sio_text("by the host"));
}

TEST(the_callback_for_a_refused_request_may_answer_it) {
  begin(&(sio_options){ .connection_error = answer_itself });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?transport=none&EIO=4"));
  CHECK(raw_expect(&a, "418") && raw_expect(&a, "by the host"));
  turns();
  EQ(a.n, a.seen);
  SAW("refused:0 ");
  end();
}

static void refuse_without_words(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  sio_next_fail(next, "", sio_null());
}

TEST(a_refusal_without_a_message_has_the_usual_one) {
  begin(&(sio_options){ .allow_request = refuse_without_words });
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?transport=polling&EIO=4"));
  CHECK(raw_expect(&a, "403") && raw_expect(&a, "{\"code\":4,\"message\":\"Forbidden\"}"));
  end();
}

static void close_server(sio_request *r, bool initial, void *user) {
  (void)r, (void)user;
  if (initial) sio_server_close(srv, on_done, NULL);
}

static void answer_upgrade(sio_request *r, bool initial, void *user) {
  (void)initial, (void)user;
  sio_respond(r, 404, "text/plain", sio_text("not here"));
}

TEST(a_websocket_whose_request_is_answered_by_the_header_hook_is_not_opened) {
  begin(NULL);
  EQ(sio_on_engine_headers(srv, answer_upgrade, NULL), 0);
  REQUIRE(raw_open(&a, srv) &&
          raw_request(&a, "GET", "/socket.io/?EIO=4&transport=websocket", handshake, NULL));
  CHECK(raw_expect(&a, "404") && raw_expect(&a, "not here"));
  turns();
  EQ(stats().sessions_opened, 0);
  EQ(stats().websockets_opened, 0);
  end();
}

TEST(a_server_may_be_closed_by_the_header_hook_of_a_session_that_opens) {
  static const char *const transports[] = { "polling", "websocket" };
  for (size_t i = 0; i < 2; i++) {
    char url[100];
    snprintf(url, sizeof url, "/socket.io/?EIO=4&transport=%s", transports[i]);
    begin(NULL);
    EQ(sio_on_engine_headers(srv, close_server, NULL), 0);
    CHECK(raw_open(&a, srv) &&
          (i ? raw_request(&a, "GET", url, handshake, NULL) : raw_get(&a, url)));
    turns();
    raw_close(&a);
    whole_gone();
  }
}

TESTS_BEGIN
T(a_session_whose_ping_finds_no_memory_ends)
T(a_session_whose_pong_finds_no_memory_ends)
T(a_probe_whose_answer_finds_no_memory_leaves_the_session_on_polling)
T(an_upgrade_that_cannot_convert_a_packet_ends_the_session_and_counts_what_is_lost)
T(a_session_that_was_closed_before_its_upgrade_loses_packets_that_cannot_be_converted)
T(a_packet_that_cannot_be_converted_ends_a_session_over_websocket)
T(an_answer_in_jsonp_is_whole_or_its_connection_is_closed)
T(a_callback_for_sent_packets_that_finds_no_memory_is_an_error_of_the_call)
T(a_websocket_of_the_host_whose_ping_finds_no_memory_is_pinged_later)
T(a_websocket_whose_session_ends_after_its_request_was_allowed_is_refused)
T(a_handshake_that_is_never_complete_opens_no_session)
T(the_callback_for_a_refused_request_may_answer_it)
T(a_refusal_without_a_message_has_the_usual_one)
T(a_websocket_whose_request_is_answered_by_the_header_hook_is_not_opened)
T(a_server_may_be_closed_by_the_header_hook_of_a_session_that_opens)
TESTS_END
