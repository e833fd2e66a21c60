/* SPDX-License-Identifier: MIT
 *
 * test_sio_dispatch.c - an event and its handlers: by name, and catch-all.
 */
#include "dispatch_rig.h"

/* ---- handlers ------------------------------------------------------------------------- */

TEST(all_handlers_of_an_event_run_in_order_and_only_those) {
  begin();
  sio_on(root, "a", tell, "1");
  sio_on(root, "b", tell, "x");
  sio_on(root, "a", tell, "2");
  say(joined(), "42[\"a\",1,\"2\",{\"3\":[true]}]");
  SAW("1:a(1,\"2\",{\"3\":[true]}) 2:a(1,\"2\",{\"3\":[true]}) ");
  stop();
}

TEST(a_number_as_event_name_matches_its_text) {
  begin();
  sio_on(root, "42", tell, "n");
  sio_on(root, "-1.5", tell, "n");
  struct peer *p = joined();
  say(p, "42[42,true]");
  say(p, "42[-1.5]");
  SAW("n:42(true) n:-1.5() ");
  stop();
}

TEST(a_name_is_compared_after_unescaping_and_beyond_a_nul) {
  begin();
  sio_on(root, "a", tell, "a");
  sio_on(root, "a\"b", tell, "q");
  struct peer *p = joined();
  say(p, "42[\"\\u0061\"]");
  say(p, "42[\"a\\\"b\"]");
  say(p, "42[\"a\\u0000b\"]");
  SAW("a:a() q:a\"b() ");
  stop();
}

TEST(a_name_with_a_nul_has_separate_handlers) {
  begin();
  EQ(sio_on(root, "a\xC0\x80", tell, "nul"), 0);
  sio_on(root, "a", tell, "a");
  sio_on_any(root, tell, "any");
  CHECK(sio_has_handler(root, "a\xC0\x80") && !sio_has_handler(root, "\xC0\x80"));
  struct peer *p = joined();
  say(p, "42[\"a\\u0000\"]");
  SAW("any:a\xC0\x80() nul:a\xC0\x80() ");
  EQ(sio_off(root, "\xC0\x80", tell, "nul"), UV_ENOENT);
  EQ(sio_off(root, "a\xC0\x80", tell, "nul"), 0);
  say(p, "42[\"a\\u0000\"]");
  SAW("any:a\xC0\x80() ");
  stop();
}

static void send_back(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  EQ(sio_emit(s, sio_event_name(e), SIO_ARGS(sio_event_args(e))), 0);
}

TEST(a_name_with_nuls_can_be_sent_as_it_came) {
  start(NULL);
  sio_on_any(root, send_back, NULL);
  struct peer *p = joined();
  say(p, "42[\"a\\u0000\\\"b\\u0000\",1]");
  say(p, "42[\"\\u0000\\u0000\"]");
  HEARD(p, "42[\"a\\u0000\\\"b\\u0000\",1] 42[\"\\u0000\\u0000\"] ");
  EQ(sio_emit(root->members[0], "no \xC0 nul \x80", SIO_NONE), 0);
  HEARD(p, "42[\"no \xef\xbf\xbd nul \xef\xbf\xbd\"] ");
  stop();
}

static void off_and_ask(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e;
  EQ(sio_off(root, "a", off_and_ask, user), 0);
  trace("%d ", sio_has_handler(root, "a"));
}

TEST(a_host_can_ask_whether_an_event_has_a_handler) {
  start(NULL);
  CHECK(!sio_has_handler(root, "a") && !sio_has_handler(root, NULL));
  sio_on(root, "a", off_and_ask, NULL);
  CHECK(sio_has_handler(root, "a") && !sio_has_handler(root, "b"));
  say(joined(), "42[\"a\"]");
  SAW("0 ");
  CHECK(!sio_has_handler(root, "a"));
  stop();
}

TEST(a_handler_for_an_event_that_no_client_sends_is_refused_with_a_hint) {
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_ERROR });
  EQ(sio_on(root, "connection", tell, NULL), SIO_ENAME);
  SAW("log:0:sio:sio_on(\"connection\") is refused: the name of the event is reserved; use "
      "sio_on_connect() instead ");
  EQ(sio_on(root, "disconnect", tell, NULL), SIO_ENAME);
  SAW("log:0:sio:sio_on(\"disconnect\") is refused: the name of the event is reserved; use "
      "sio_on_disconnect() instead ");
  CHECK(!sio_has_handler(root, "connection"));
  stop();
}

TEST(arguments_go_back_as_they_came) {
  begin();
  sio_on(root, "m", echo, NULL);
  struct peer *p = joined();
  say(p, "42[\"m\",1,\"2\",{\"3\":[true]}]");
  HEARD(p, "42[\"back\",1,\"2\",{\"3\":[true]}] ");
  say(p, "452-[\"m\",{\"_placeholder\":true,\"num\":0},[{\"_placeholder\":true,\"num\":1}]]");
  say_bin(p, "\1\2", 2);
  say_bin(p, "\3", 1);
  HEARD(p, "452-[\"back\",{\"_placeholder\":true,\"num\":0},[{\"_placeholder\":true,\"num\":1}]] "
           "b:0102 b:03 ");
  stop();
}

TEST(no_handler_runs_after_one_that_disconnects) {
  begin();
  sio_on(root, "a", leave, NULL);
  sio_on(root, "a", tell, "2");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  say(p, "42[\"a\"]");
  SAW("");
  HEARD(p, "41 ");
  stop();
}

static void close_session(sio_socket *s, sio_event *e, void *user) {
  (void)e;
  trace("%s ", (const char *)user);
  sio_session_close(sio_socket_session(s), NULL);
}

static void leave_with_session(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, true);
}

TEST(no_handler_runs_after_one_that_closes_the_session) {
  static const sio_event_cb ways[] = { close_session, leave_with_session };
  for (int i = 0; i < 2; i++) {
    begin();
    sio_on(root, "a", ways[i], "close");
    sio_on(root, "a", tell, "2");
    struct peer *p = joined();
    say(p, "42[\"a\"]");
    SAW(i == 0 ? "close " : "");
    CHECK(!p->session);
    stop();
  }
}

static void off_two(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  trace("off ");
  sio_off(root, "a", tell, "2");
}

TEST(a_handler_removed_by_another_does_not_run) {
  begin();
  sio_on(root, "a", off_two, NULL);
  sio_on(root, "a", tell, "2");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  say(p, "42[\"a\"]");
  SAW("off off ");
  EQ(sio_off(root, "a", tell, "2"), UV_ENOENT);
  stop();
}

static void off_self(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e;
  trace("once ");
  EQ(sio_off(root, "a", off_self, user), 0);
}

TEST(a_handler_may_remove_itself) {
  begin();
  sio_on(root, "a", off_self, NULL);
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  say(p, "42[\"a\"]");
  SAW("once ");
  EQ(root->handlers.n, 0);
  stop();
}

static void add_one(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  trace("add ");
  sio_on(root, "a", tell, "new");
}

TEST(a_handler_added_by_another_sees_the_next_event) {
  begin();
  sio_on(root, "a", add_one, NULL);
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  SAW("add ");
  say(p, "42[\"a\"]");
  SAW("add new:a() ");
  stop();
}

TEST(reserved_names_have_no_handlers) {
  begin();
  static const char *const names[] = { "connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener" };
  for (size_t i = 0; i < 6; i++) EQ(sio_on(root, names[i], tell, "x"), SIO_ENAME);
  EQ(sio_on(root, NULL, tell, "x"), SIO_ENAME);
  EQ(sio_on(root, "x", NULL, NULL), UV_EINVAL);
  stop();
}

/* ---- catch-all -------------------------------------------------------------------------- */

TEST(catch_all_handlers_run_first_and_without_a_handler_too) {
  begin();
  sio_on_any(root, tell, "any1");
  sio_on_any(root, tell, "any2");
  sio_on(root, "a", tell, "a");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  say(p, "42[\"b\"]");
  SAW("any1:a() any2:a() a:a() any1:b() any2:b() ");
  EQ(sio_off(root, NULL, tell, "any1"), 0);
  EQ(sio_off(root, NULL, tell, "any1"), UV_ENOENT);
  say(p, "42[\"b\"]");
  SAW("any2:b() ");
  stop();
}

TEST(a_catch_all_that_disconnects_keeps_the_event_from_its_handlers) {
  begin();
  sio_on_any(root, leave, NULL);
  sio_on(root, "a", tell, "a");
  say(joined(), "42[\"a\"]");
  SAW("");
  stop();
}

TEST(no_catch_all_handler_runs_after_one_that_ends_the_socket_or_its_session) {
  static const sio_event_cb ways[] = { leave, close_session, leave_with_session };
  for (int middleware = 0; middleware < 2; middleware++) {
    for (int i = 0; i < 3; i++) {
      begin();
      if (middleware) sio_use_packet(root, pass, "middleware");
      sio_on_any(root, ways[i], "close");
      sio_on_any(root, tell, "any2");
      sio_on(root, "a", tell, "a");
      say(joined(), "42[\"a\"]");
      SAW(i == 1 ? "close " : "");
      stop();
    }
  }
}

static void close_on_error(sio_socket *s, const sio_error_info *error, void *user) {
  (void)error, (void)user;
  trace("close ");
  sio_session_close(sio_socket_session(s), NULL);
}

TEST(all_error_callbacks_run_also_if_one_closes_the_session) {
  begin();
  sio_on_error(root, close_on_error, NULL);
  sio_on_error(root, on_error, NULL); /* begin() has added one before the others */
  struct peer *p = joined();
  say(p, "42[}");
  SAW("error:invalid payload(0) close error:invalid payload(0) ");
  stop();
}

static void count_connect(sio_socket *s, void *user) {
  trace("%s(%s) ", (const char *)user, sio_socket_connected(s) ? "connected" : "not");
}

static void close_on_connect(sio_socket *s, void *user) {
  (void)user;
  sio_session_close(sio_socket_session(s), NULL);
}

static void count_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why;
  trace("%s ", (const char *)user);
}

TEST(all_callbacks_of_connecting_and_disconnecting_run_also_if_one_ends_the_session) {
  begin();
  sio_on_connect(root, count_connect, "one");
  sio_on_connect(root, close_on_connect, NULL);
  sio_on_connect(root, count_connect, "two");
  sio_on_disconnect(root, count_disconnect, "one");
  sio_on_disconnect(root, count_disconnect, "two");
  say(peer_new(), "40");
  turn();
  SAW("one(connected) two(not) one two ");
  stop();
}

TESTS_BEGIN
T(all_handlers_of_an_event_run_in_order_and_only_those)
T(a_number_as_event_name_matches_its_text)
T(a_name_is_compared_after_unescaping_and_beyond_a_nul)
T(a_name_with_a_nul_has_separate_handlers)
T(a_name_with_nuls_can_be_sent_as_it_came)
T(a_host_can_ask_whether_an_event_has_a_handler)
T(a_handler_for_an_event_that_no_client_sends_is_refused_with_a_hint)
T(arguments_go_back_as_they_came)
T(no_handler_runs_after_one_that_disconnects)
T(no_handler_runs_after_one_that_closes_the_session)
T(a_handler_removed_by_another_does_not_run)
T(a_handler_may_remove_itself)
T(a_handler_added_by_another_sees_the_next_event)
T(reserved_names_have_no_handlers)
T(catch_all_handlers_run_first_and_without_a_handler_too)
T(a_catch_all_that_disconnects_keeps_the_event_from_its_handlers)
T(no_catch_all_handler_runs_after_one_that_ends_the_socket_or_its_session)
T(all_error_callbacks_run_also_if_one_closes_the_session)
T(all_callbacks_of_connecting_and_disconnecting_run_also_if_one_ends_the_session)
TESTS_END
