/* SPDX-License-Identifier: MIT
 *
 * test_sio_packet_middleware.c - packet middleware: what it lets through, changes, refuses and
 * keeps, and the limit of events that wait for it.
 */
#include "dispatch_rig.h"

/* ---- packet middleware ----------------------------------------------------------------------- */

TEST(packet_middleware_stands_between_catch_all_and_handlers) {
  begin();
  sio_on_any(root, tell, "any");
  sio_use_packet(root, pass, "1");
  sio_use_packet(root, pass, "2");
  sio_on(root, "a", tell, "a");
  say(joined(), "42[\"a\",1]");
  SAW("any:a(1) 1:a 2:a a:a(1) ");
  CHECK(root->members[0]->event_queue == NULL);
  stop();
}

TEST(a_refused_packet_is_dropped_and_reported_as_an_error) {
  begin();
  sio_use_packet(root, refuse, NULL);
  sio_on(root, "a", tell, "a");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  SAW("error:not you(1) ");
  CHECK(p->session != NULL);
  CHECK(root->members[0]->event_queue == NULL);
  stop();
}

static void rewrite(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_event_set_name_and_args(e, "b", SIO_ARGS("new", 2));
  sio_next_ok(next);
}

TEST(packet_middleware_may_rename_and_rewrite_the_event) {
  begin();
  sio_use_packet(root, rewrite, NULL);
  sio_use_packet(root, pass, "then");
  sio_on(root, "a", tell, "a");
  sio_on(root, "b", tell, "b");
  say(joined(), "42[\"a\",1]");
  SAW("then:b b:b(\"new\",2) ");
  stop();
}

TEST(a_late_verdict_lets_the_event_go_on_at_the_end_of_the_turn) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_use_packet(root, pass, "2");
  sio_on(root, "a", reply, NULL);
  struct peer *p = joined();
  say(p, "451-9[\"a\",{\"_placeholder\":true,\"num\":0},\"x\"]");
  say_bin(p, "\7", 1);
  saw();
  turn();
  sio_next_ok(held[0]);
  SAW("");
  turn();
  SAW("2:a asked 0 -10009 ");
  HEARD(p, "461-9[{\"_placeholder\":true,\"num\":0},\"x\"] b:07 ");
  stop();
}

TEST(what_was_rewritten_is_kept_for_a_late_verdict) {
  begin();
  sio_use_packet(root, rewrite, NULL);
  sio_use_packet(root, hold, NULL);
  sio_on(root, "b", tell, "b");
  say(joined(), "42[\"a\",1]");
  sio_next_ok(held[0]);
  turn();
  SAW("hold:b b:b(\"new\",2) ");
  stop();
}

/* Refuses an event with its first argument as data, or with what its name asks for. */
static void refuse_with_data(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  const char *name = sio_event_name(e);
  sio_val data = sio_arg(e, 0);
  (void)s, (void)user;
  if (strcmp(name, "bytes") == 0) data = sio_bin("x", 1);
  if (strcmp(name, "spoilt") == 0) data = sio_json(SLICE("{"));
  if (strcmp(name, "all") == 0) data = sio_event_args(e);
  sio_next_fail(next, name, data);
}

static void on_error_with_data(sio_socket *s, const sio_error_info *error, void *user) {
  sio_slice data = error->data;
  (void)s, (void)user;
  trace("error:%s:%.*s ", error->message, data.p ? (int)data.n : 4, data.p ? data.p : "none");
}

static void on_error_disconnect(sio_socket *s, const sio_error_info *error, void *user) {
  (void)error, (void)user;
  sio_disconnect(s, false);
}

TEST(the_data_of_a_refusal_reaches_the_error_callbacks) {
  start(NULL);
  sio_on_error(root, on_error_with_data, NULL);
  sio_use_packet(root, refuse_with_data, NULL);
  struct peer *p = joined();
  say(p, "42[\"a\",{\"code\":7}]");
  say(p, "42[\"b\",null]");
  say(p, "42[\"c\"]");
  SAW("error:a:{\"code\":7} error:b:null error:c:none ");
  HEARD(p, "");
  stop();
}

TEST(data_that_cannot_be_kept_is_left_out_of_a_refusal_and_that_is_logged) {
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_WARN });
  sio_on_error(root, on_error_with_data, NULL);
  sio_use_packet(root, refuse_with_data, NULL);
  struct peer *p = joined();
  say(p, "42[\"bytes\"]");
  say(p, "42[\"spoilt\"]");
  say(p, "42[\"all\",1,2]");
  SAW("error:bytes:none error:spoilt:none error:all:none ");
  turn();
  const char *seen = saw();
  CHECK(strstr(seen, "an event is refused without the data of sio_next_fail(), which cannot be "
                     "encoded: a placeholder "
                     "names no attachment"));
  CHECK(strstr(seen, "an event is refused without the data of sio_next_fail(), which cannot be "
                     "encoded: not one valid JSON text"));
  stop();
}

TEST(an_error_callback_that_disconnects_leaves_the_data_to_those_after_it) {
  start(NULL);
  sio_on_error(root, on_error_disconnect, NULL);
  sio_on_error(root, on_error_with_data, NULL);
  sio_use_packet(root, refuse_with_data, NULL);
  say(joined(), "42[\"a\",[1]]");
  SAW("error:a:[1] ");
  turn();
  stop();
}

/* The verdict waits for the end of the turn, and the other error comes before. */
TEST(another_error_has_no_data_though_a_refusal_waits) {
  start(NULL);
  nheld = 0;
  sio_on_error(root, on_error_with_data, NULL);
  sio_use_packet(root, hold, NULL);
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  SAW("hold:a ");
  sio_next_fail(held[0], "late", sio_str("data"));
  say(p, "451-x");
  turn();
  SAW("error:invalid payload:none ");
  stop();
}

TEST(data_of_a_later_refusal_outlives_what_the_host_gave) {
  start(NULL);
  nheld = 0;
  char data[] = "{\"code\":7}";
  sio_on_error(root, on_error_with_data, NULL);
  sio_use_packet(root, hold, NULL);
  say(joined(), "42[\"a\"]");
  SAW("hold:a ");
  sio_next_fail(held[0], "late", sio_json(slice_str(data)));
  memset(data, '#', sizeof data);
  turn();
  SAW("error:late:{\"code\":7} ");
  stop();
}

TEST(a_refusal_of_packet_middleware_is_a_line_of_the_log) {
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_WARN });
  sio_use_packet(root, refuse, NULL);
  say(joined(), "42[\"a\"]");
  turn();
  const char *seen = saw();
  CHECK(strstr(seen, "log:1:sio:") == seen);
  CHECK(strstr(seen, sio_socket_public_id(root->members[0])));
  CHECK(strstr(seen, "\"a\" refused by packet middleware: not you "));
  stop();
}

static void refuse_peer(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_next_fail(next, "not here", sio_null());
}

TEST(a_refusal_of_namespace_middleware_is_a_line_of_the_log) {
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_WARN });
  sio_use(root, refuse_peer, NULL);
  say(peer_new(), "40");
  turn();
  CHECK(strstr(saw(), "refused by the middleware of namespace /: not here "));
  stop();
}

TEST(a_namespace_that_does_not_exist_is_a_line_of_the_log) {
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_WARN });
  say(peer_new(), "40/nowhere,");
  turn();
  CHECK(strstr(saw(), "CONNECT to namespace /nowhere refused: Invalid namespace "));
  stop();
}

TEST(later_events_wait_their_turn_in_order) {
  begin();
  sio_on_any(root, tell, "any");
  sio_use_packet(root, hold, NULL);
  sio_on(root, "a", tell, "a");
  struct peer *p = joined();
  say(p, "42[\"a\",1]");
  say(p, "42[\"a\",2]");
  say(p, "451-[\"a\",{\"_placeholder\":true,\"num\":0}]");
  say_bin(p, "\7", 1);
  SAW("any:a(1) hold:a ");
  sio_next_ok(held[0]);
  turn();
  SAW("a:a(1) any:a(2) hold:a ");
  say(p, "42[\"a\",4]");
  sio_next_fail(held[1], "no", sio_null());
  turn();
  SAW("error:no(1) any:a({\"_placeholder\":true,\"num\":0}) hold:a ");
  sio_next_ok(held[2]);
  turn();
  SAW("a:a({\"_placeholder\":true,\"num\":0}) any:a(4) hold:a ");
  say(p, "42[\"a\",5]"); /* the last that waited is with the middleware now */
  SAW("");
  sio_next_ok(held[3]);
  turn();
  SAW("a:a(4) any:a(5) hold:a ");
  sio_next_ok(held[4]);
  turn();
  SAW("a:a(5) ");
  CHECK(root->members[0]->event_queue == NULL);
  stop();
}

static void hold_first(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  if (nheld == 0)
    hold(s, e, next, user);
  else
    sio_next_ok(next);
}

static void count(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e;
  ++*(unsigned *)user;
}

TEST(a_long_queue_passes_without_recursion) {
  begin();
  unsigned n = 0;
  sio_use_packet(root, hold_first, NULL);
  sio_on(root, "a", count, &n);
  struct peer *p = joined();
  for (int i = 0; i < 20000; i++) say(p, "42[\"a\"]");
  sio_next_ok(held[0]);
  turn();
  EQ(n, 20000);
  stop();
}

TEST(sockets_do_not_wait_for_each_other) {
  begin();
  sio_use_packet(root, hold_first, NULL);
  sio_on(root, "a", tell, "a");
  struct peer *p = joined(), *q = joined();
  say(p, "42[\"a\",1]");
  say(q, "42[\"a\",2]");
  SAW("hold:a a:a(2) ");
  sio_next_ok(held[0]);
  stop();
}

TEST(a_peer_whose_events_pile_up_before_middleware_is_closed) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 4096 });
  sio_use_packet(root, hold, NULL);
  struct peer *p = joined();
  for (int i = 0; i < 100 && p->session; i++) say(p, "42[\"a\"]");
  HEARD(p, "end ");
  EQ(srv->core.stats.overflows, 1);
  turn();
  sio_next_ok(held[0]);
  stop();
}

/* "42/nsp,["a","xxx..."]" with n letters. */
static void say_long(struct peer *p, const char *nsp, size_t n) {
  char text[8192];
  int at = snprintf(text, sizeof text, "42%s[\"a\",\"", nsp);
  memset(text + at, 'x', n);
  memcpy(text + (size_t)at + n, "\"]", 3);
  say(p, text);
}

static sio_nsp *holding_nsp(const char *name) {
  sio_nsp *nsp;
  EQ(sio_of(srv, name, &nsp), 0);
  sio_use_packet(nsp, hold, NULL);
  return nsp;
}

static void overflows_at_last(struct peer *p) {
  HEARD(p, "end ");
  EQ(srv->core.stats.overflows, 1);
  turn();
  saw();
  while (nheld) sio_next_ok(held[--nheld]);
  stop();
}

TEST(events_that_wait_in_several_namespaces_count_together) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 10000 });
  holding_nsp("/a");
  holding_nsp("/b");
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "40/b,");
  heard(p);
  say_long(p, "/a,", 1);
  say_long(p, "/b,", 1);
  say_long(p, "/a,", 6000);
  HEARD(p, "");
  say_long(p, "/b,", 6000);
  overflows_at_last(p);
}

TEST(the_events_that_middleware_has_count_too) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 10000 });
  holding_nsp("/a");
  holding_nsp("/b");
  struct peer *p = joined();
  say(p, "40/a,");
  say(p, "40/b,");
  heard(p);
  say_long(p, "/a,", 6000);
  HEARD(p, "");
  say_long(p, "/b,", 6000);
  overflows_at_last(p);
}

TEST(one_event_may_be_larger_than_max_queued) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 1000, .high_water = 1000 });
  sio_use_packet(root, hold, NULL);
  sio_on(root, "a", leave, NULL);
  struct peer *p = joined();
  say_long(p, "", 6000);
  HEARD(p, "");
  sio_next_ok(held[0]);
  turn();
  HEARD(p, "41 ");
  EQ(srv->core.stats.overflows, 0);
  stop();
}

TEST(a_verdict_takes_its_event_off_the_count) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 10000 });
  sio_use_packet(root, hold, NULL);
  struct peer *p = joined();
  for (unsigned i = 0; i < 20; i++) {
    say_long(p, "", 6000);
    say_long(p, "", 1000);
    sio_next_ok(held[nheld - 1]);
    turn();
    sio_next_ok(held[nheld - 1]);
    turn();
  }
  HEARD(p, "");
  EQ(srv->core.stats.overflows, 0);
  stop();
}

TEST(leaving_a_namespace_does_not_make_room_for_more_events) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 20000 });
  holding_nsp("/a");
  struct peer *p = joined();
  for (unsigned i = 0; i < 60 && p->session; i++) {
    say(p, "40/a,");
    heard(p);
    say_long(p, "/a,", 4000);
    if (p->session) say(p, "41/a,");
    if (p->session) turn();
  }
  CHECK(!p->session);
  EQ(srv->core.stats.overflows, 1);
  CHECK(nheld <= 5);
  turn();
  while (nheld) sio_next_ok(held[--nheld]);
  stop();
}

TEST(verdicts_for_a_socket_that_has_left_are_ignored) {
  nheld = 0;
  start(&(sio_options){ .max_queued = 10000 });
  sio_use_packet(root, hold, NULL);
  struct peer *p = joined();
  say_long(p, "", 6000);
  hang_up(p);
  struct peer *q = joined();
  say_long(q, "", 6000);
  HEARD(q, "");
  sio_next_ok(held[0]);
  say_long(q, "", 1);
  HEARD(q, "");
  EQ(srv->core.stats.overflows, 0);
  sio_next_ok(held[1]);
  turn();
  sio_next_ok(held[2]);
  stop();
}

TEST(a_verdict_for_a_socket_that_left_is_ignored_and_frees_what_was_kept) {
  for (int no = 0; no < 2; no++) {
    begin();
    sio_use_packet(root, hold, NULL);
    sio_on(root, "a", tell, "a");
    struct peer *p = joined();
    say(p, "42[\"a\"]");
    say(p, "42[\"a\"]");
    hang_up(p);
    saw();
    size_t before = alloc_live;
    if (no)
      sio_next_fail(held[0], "x", sio_null());
    else
      sio_next_ok(held[0]);
    CHECK(alloc_live < before);
    turn();
    SAW("");
    stop();
  }
}

TEST(a_verdict_in_the_turn_of_leaving_runs_no_handler) {
  begin();
  sio_use_packet(root, hold, NULL);
  sio_on(root, "a", tell, "a");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  saw();
  sio_next_ok(held[0]);
  hang_up(p);
  SAW("");
  stop();
}

static void leave_and_pass(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
  sio_next_ok(next);
}

TEST(middleware_that_disconnects_ends_the_event) {
  begin();
  sio_use_packet(root, leave_and_pass, NULL);
  sio_use_packet(root, pass, "2");
  sio_on(root, "a", tell, "a");
  struct peer *p = joined();
  say(p, "42[\"a\"]");
  say(p, "42[\"a\"]");
  turn();
  SAW("");
  HEARD(p, "41 ");
  stop();
}

TEST(packet_middleware_of_a_dead_server_may_still_be_answered) {
  begin();
  sio_use_packet(root, hold, NULL);
  say(joined(), "42[\"a\",\"some text\"]");
  server_gone();
  sio_next_ok(held[0]);
  nothing_left();
}

/* A long name has no room in the event itself. */
TEST(an_event_whose_name_finds_no_memory_ends_the_session_and_runs_no_handler) {
  static char text[3000];
  for (int behind_middleware = 0; behind_middleware < 2; behind_middleware++) {
    begin();
    sio_on_any(root, tell, "any");
    if (behind_middleware) sio_use_packet(root, pass, "1");
    memset(text, 'n', sizeof text - 1);
    memcpy(text, "42[\"", 4);
    memcpy(text + sizeof text - 3, "\"]", 2);
    struct peer *p = joined();
    say(p, "42[\"a\"]"); /* what is kept for reuse is there */
    saw();
    alloc_fail_all();
    say(p, text);
    alloc_fail_in(0);
    SAW("");
    HEARD(p, "cut ");
    stop();
  }
}

TEST(no_failing_allocation_leaks_or_crashes_on_the_way_through) {
  bool failed = true;
  for (size_t i = 1; failed && i < 200; i++) {
    begin();
    sio_on_any(root, tell, "any");
    sio_use_packet(root, rewrite, NULL);
    sio_use_packet(root, hold, NULL);
    sio_on(root, "b", reply, NULL);
    struct peer *p = joined();
    size_t before = alloc_calls;
    alloc_fail_in(i);
    for (int k = 0; k < 3; k++) say(p, "4212[\"a\",\"some text\"]");
    for (unsigned k = 0; k < nheld; k++) {
      if (k % 2)
        sio_next_fail(held[k], "no", sio_null());
      else
        sio_next_ok(held[k]);
      turn();
    }
    failed = alloc_calls - before >= i;
    stop();
  }
  CHECK(!failed);
}

/* A Node.js emitter throws if "error" has no listener. */
TEST(an_event_called_error_means_nothing_special) {
  static const char *const names[] = { "error", "__proto__", "close", "message",
                                       "uncaughtException" };
  begin();
  struct peer *p = joined();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[80];
    snprintf(text, sizeof text, "42[\"%s\",1]", names[i]);
    say(p, text); /* no handler */
    sio_on(root, names[i], tell, "it");
    say(p, text);
    snprintf(text, sizeof text, "it:%s(1) ", names[i]);
    SAW(text);
  }
  CHECK(p->session != NULL);
  stop();
}

static void keep_log(const sio_log_line *l, void *user) {
  (void)user;
  if (strchr(l->text, '%')) trace("%s|", l->text);
}

TEST(a_percent_sign_of_a_peer_is_only_text) {
  nheld = 0;
  start(&(sio_options){ .log = keep_log, .log_level = SIO_LOG_TRACE });
  sio_on(root, "%n%s", echo, NULL);
  sio_use_packet(root, refuse, NULL);
  struct peer *p = joined();
  say(p, "40/%s%n%999d,{\"%s\":\"%n\"}");
  turn();
  HEARD(p, "44/%s%n%999d,{\"message\":\"Invalid namespace\"} ");
  CHECK(strstr(saw(), "CONNECT to namespace /%s%n%999d refused: Invalid namespace|"));
  say(p, "42[\"%n%s\",\"%d%n\"]");
  turn();
  const char *all = saw();
  CHECK(strstr(all, "event \"%n%s\" refused by packet middleware: not you|"));
  CHECK(strstr(all, "payload: [\"%n%s\",\"%d%n\"]|"));
  stop();
}

TESTS_BEGIN
T(packet_middleware_stands_between_catch_all_and_handlers)
T(a_refused_packet_is_dropped_and_reported_as_an_error)
T(packet_middleware_may_rename_and_rewrite_the_event)
T(a_late_verdict_lets_the_event_go_on_at_the_end_of_the_turn)
T(what_was_rewritten_is_kept_for_a_late_verdict)
T(the_data_of_a_refusal_reaches_the_error_callbacks)
T(data_that_cannot_be_kept_is_left_out_of_a_refusal_and_that_is_logged)
T(an_error_callback_that_disconnects_leaves_the_data_to_those_after_it)
T(another_error_has_no_data_though_a_refusal_waits)
T(data_of_a_later_refusal_outlives_what_the_host_gave)
T(a_refusal_of_packet_middleware_is_a_line_of_the_log)
T(a_refusal_of_namespace_middleware_is_a_line_of_the_log)
T(a_namespace_that_does_not_exist_is_a_line_of_the_log)
T(later_events_wait_their_turn_in_order)
T(a_long_queue_passes_without_recursion)
T(sockets_do_not_wait_for_each_other)
T(a_peer_whose_events_pile_up_before_middleware_is_closed)
T(events_that_wait_in_several_namespaces_count_together)
T(the_events_that_middleware_has_count_too)
T(one_event_may_be_larger_than_max_queued)
T(a_verdict_takes_its_event_off_the_count)
T(leaving_a_namespace_does_not_make_room_for_more_events)
T(verdicts_for_a_socket_that_has_left_are_ignored)
T(a_verdict_for_a_socket_that_left_is_ignored_and_frees_what_was_kept)
T(a_verdict_in_the_turn_of_leaving_runs_no_handler)
T(middleware_that_disconnects_ends_the_event)
T(packet_middleware_of_a_dead_server_may_still_be_answered)
T(an_event_whose_name_finds_no_memory_ends_the_session_and_runs_no_handler)
T(no_failing_allocation_leaks_or_crashes_on_the_way_through)
T(an_event_called_error_means_nothing_special)
T(a_percent_sign_of_a_peer_is_only_text)
TESTS_END
