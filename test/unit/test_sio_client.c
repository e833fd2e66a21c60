/* SPDX-License-Identifier: MIT */
#include "core/client.h"
#include "core/socket.h"
#include "peer.h"

static void on_connect(sio_socket *s, void *user) {
  (void)s;
  trace("connect%s ", (const char *)user);
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s;
  trace("left%s: %s ", (const char *)user, sio_reason_str(why->reason));
}

static void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  (void)s, (void)user;
  trace("error: %s (%d) ", error->message, error->err);
}

static void on_event(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  trace("%s ", sio_event_name(e));
}

static sio_next *held_back;

static void hold_back(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  held_back = next;
}

static void on_leave(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
}

static sio_nsp *custom;

static void begin(const sio_options *opts) {
  start(opts);
  sio_of(srv, "custom", &custom);
  sio_on_connect(root, on_connect, "/");
  sio_on_connect(custom, on_connect, "/custom");
  sio_on_disconnect(root, on_disconnect, "/");
  sio_on_disconnect(custom, on_disconnect, "/custom");
  sio_on_error(root, on_error, NULL);
  sio_on_error(custom, on_error, NULL);
  sio_on_any(root, on_event, NULL);
  sio_on_any(custom, on_event, NULL);
  sio_on(root, "leave", on_leave, NULL);
}

/* ---- CONNECT ------------------------------------------------------------------------ */

TEST(a_connect_is_answered_with_a_sid_and_nothing_else) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} ");
  SAW("connect/ ");
  stop();
}

TEST(the_socket_id_is_not_the_session_id) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40");
  EQ(root->nmembers, 1);
  EQ(strlen(root->members[0]->id), 20);
  CHECK(strcmp(root->members[0]->id, sio_session_info_of(p->session).id) != 0);
  stop();
}

TEST(auth_is_kept_as_text_and_tree) {
  begin(NULL);
  say(peer_new(), "40{\"token\":\"123\"}");
  sio_slice auth = sio_socket_auth(root->members[0]);
  EQ_MEM(auth.p, auth.n, "{\"token\":\"123\"}", 15);
  CHECK(sio_socket_auth_tree(root->members[0]) != NULL);
  CHECK(sio_socket_auth_tree(root->members[0]) == sio_socket_auth_tree(root->members[0]));
  stop();
}

TEST(no_auth_is_an_empty_object) {
  begin(NULL);
  say(peer_new(), "40");
  sio_slice auth = sio_socket_auth(root->members[0]);
  EQ_MEM(auth.p, auth.n, "{}", 2);
  stop();
}

TEST(auth_that_is_not_an_object_closes_the_connection) {
  static const char *const bad[] = { "40\"x\"", "40[]", "40null", "40false" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin(NULL);
    struct peer *p = peer_new();
    say(p, bad[i]);
    HEARD(p, "end ");
    stop();
  }
}

TEST(other_namespaces_are_joined_by_name_with_a_comma_or_without) {
  begin(NULL);
  struct peer *p = peer_new(), *q = peer_new();
  say(p, "40/custom,");
  HEARD(p, "40/custom,{\"sid\":\"?\"} ");
  say(q, "40/custom");
  HEARD(q, "40/custom,{\"sid\":\"?\"} ");
  SAW("connect/custom connect/custom ");
  stop();
}

TEST(auth_follows_the_name_of_a_namespace) {
  begin(NULL);
  say(peer_new(), "40/custom,{\"a\":1}");
  sio_slice auth = sio_socket_auth(custom->members[0]);
  EQ_MEM(auth.p, auth.n, "{\"a\":1}", 7);
  stop();
}

TEST(an_unknown_namespace_is_refused_and_the_connection_stays_open) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40/random");
  HEARD(p, "44/random,{\"message\":\"Invalid namespace\"} ");
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} ");
  stop();
}

TEST(a_query_is_part_of_a_namespace_name) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40/custom?a=1,");
  HEARD(p, "44/custom?a=1,{\"message\":\"Invalid namespace\"} ");
  stop();
}

TEST(a_second_connect_in_one_turn_is_the_same_wish) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40");
  say(p, "40{}");
  HEARD(p, "40{\"sid\":\"?\"} ");
  turn();
  SAW("connect/ ");
  EQ(srv->core.stats.sockets, 1);
  stop();
}

/* The client may have missed the answer to the first. */
TEST(a_later_second_connect_is_answered_with_the_same_sid) {
  char answer[64];
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40{\"a\":1}");
  turn();
  snprintf(answer, sizeof answer, "%.*s", (int)p->n, p->out);
  say(p, "42[\"x\"]");
  for (int i = 0; i < 3; i++) {
    heard(p);
    say(p, "40{\"a\":1}");
    EQ_MEM(p->out, p->n, answer, strlen(answer));
    turn();
  }
  SAW("connect/ x ");
  EQ(srv->core.stats.sockets_opened, 1);
  stop();
}

TEST(a_flood_of_connects_is_answered_once_a_turn) {
  begin(NULL);
  struct peer *p = joined();
  turn();
  size_t before = alloc_live;
  uint64_t calls = alloc_calls;
  for (int i = 0; i < 1000; i++) say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} ");
  CHECK(alloc_live <= before + 1 && alloc_calls < calls + 10);
  turn();
  SAW("connect/ ");
  stop();
}

TEST(a_second_connect_with_another_auth_is_another_socket) {
  begin(NULL);
  struct peer *p = joined();
  turn();
  say(p, "40{\"token\":\"b\"}");
  HEARD(p, "40{\"sid\":\"?\"} ");
  SAW("connect/ left/: client namespace disconnect connect/ ");
  EQ(srv->core.stats.sockets, 1);
  say(p, "42[\"x\"]");
  SAW("x ");
  stop();
}

static void on_leave_twice(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  sio_session_close(sio_socket_session(s), NULL);
}

TEST(a_session_may_end_while_a_second_connect_replaces_the_socket) {
  begin(NULL);
  sio_on_disconnecting(root, on_leave_twice, NULL);
  struct peer *p = joined();
  turn();
  say(p, "40{\"token\":\"b\"}");
  turn();
  SAW("connect/ left/: client namespace disconnect ");
  CHECK(!p->session);
  stop();
}

TEST(connect_disconnect_and_connect_in_one_burst_are_two_sockets) {
  begin(NULL);
  struct peer *p = peer_new();
  say(p, "40");
  say(p, "41");
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} 40{\"sid\":\"?\"} ");
  SAW("connect/ left/: client namespace disconnect connect/ ");
  stop();
}

/* "/" is joined by itself there. */
TEST(a_client_of_socket_io_2_may_connect_to_the_root_again) {
  begin(&(sio_options){ .allow_eio3 = true });
  struct peer *p = peer_new3();
  HEARD(p, "40 ");
  turn();
  say(p, "40");
  HEARD(p, "40 ");
  say(p, "40/?token=b,");
  turn();
  HEARD(p, "40 ");
  SAW("connect/ left/: client namespace disconnect connect/ ");
  stop();
}

TEST(the_query_of_a_client_of_socket_io_2_is_its_auth) {
  static const char want[] = "{\"token\":\"a b+\",\"n\":\"\",\"q\\\"\":\"1=2\",\"\":\"v\"}";
  begin(&(sio_options){ .allow_eio3 = true });
  struct peer *p = peer_new3();
  say(p, "40/custom?token=a%20b%2B&&n&q%22=1=2&=v,");
  turn();
  const sio_nsp *nsp = sio_nsp_find(srv, "/custom");
  REQUIRE(nsp != NULL && nsp->nmembers == 1);
  sio_slice auth = sio_socket_auth(nsp->members[0]);
  EQ_MEM(auth.p, auth.n, want, sizeof want - 1);
  stop();
}

TEST(namespaces_per_connection_are_limited) {
  begin(&(sio_options){ .max_nsps = 1 });
  struct peer *p = joined();
  say(p, "40/custom");
  HEARD(p, "44/custom,{\"message\":\"Too many namespaces\"} ");
  CHECK(p->session != NULL);
  stop();
}

TEST(a_namespace_left_in_this_turn_makes_room_for_another) {
  begin(&(sio_options){ .max_nsps = 1 });
  struct peer *p = joined();
  say(p, "41");
  say(p, "40/custom");
  HEARD(p, "40/custom,{\"sid\":\"?\"} ");
  SAW("connect/ left/: client namespace disconnect connect/custom ");
  say(p, "40");
  HEARD(p, "44{\"message\":\"Too many namespaces\"} ");
  stop();
}

TEST(a_client_that_joins_no_namespace_in_time_is_closed) {
  begin(&(sio_options){ .connect_timeout_ms = 10 });
  struct peer *p = peer_new(), *q = joined();
  say(q, "41");
  later(9);
  CHECK(p->session != NULL);
  later(11);
  HEARD(p, "cut ");
  CHECK(q->session != NULL); /* it has joined once */
  stop();
}

TEST(a_refused_connect_does_not_stop_the_connect_timeout) {
  begin(&(sio_options){ .connect_timeout_ms = 10 });
  struct peer *p = peer_new();
  say(p, "40/nope");
  heard(p);
  later(11);
  HEARD(p, "cut ");
  stop();
}

/* ---- what a peer may not do ------------------------------------------------------------ */

TEST(a_packet_before_connect_closes_the_connection) {
  static const char *const bad[] = { "42[\"x\"]",
                                     "41",
                                     "430[]",
                                     "4abc",
                                     "4",
                                     "44{\"message\":\"x\"}",
                                     "42/custom,[\"x\"]",
                                     "451-[\"x\",{\"_placeholder\":true,\"num\":1}]x",
                                     "47",
                                     "49[]" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin(NULL);
    struct peer *p = peer_new();
    say(p, bad[i]);
    HEARD(p, "end ");
    EQ(srv->core.stats.parse_errors, 1);
    SAW("");
    stop();
  }
}

TEST(what_cannot_be_decoded_is_an_error_and_a_forced_close) {
  static const struct {
    const char *text, *trace;
  } bad[] = {
    { "4abc", "the packet type is not a digit" },
    { "42{}", "invalid payload" },
    { "42abc[\"x\"]", "invalid payload" },
    { "42[\"connect\"]", "invalid payload" },
    { "450-[\"x\"]", "Illegal attachments" },
    { "45woooot", "Illegal attachments" },
    { "45", "Illegal attachments" },
    { "4511-[\"x\"]", "too many attachments" },
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin(NULL);
    struct peer *p = joined();
    saw();
    say(p, bad[i].text);
    HEARD(p, "end ");
    turn();
    const char *t = saw();
    CHECK(strstr(t, bad[i].trace) != NULL);
    CHECK(strncmp(t, "error: ", 7) == 0);
    CHECK(strstr(t, "left/: forced close") != NULL);
    EQ(srv->core.stats.parse_errors, 1);
    stop();
  }
}

TEST(a_decode_error_is_reported_to_every_namespace_of_the_connection) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "40/custom,");
  saw();
  say(p, "4abc");
  turn();
  const char *t = saw();
  CHECK(strstr(t, "error") && strstr(strstr(t, "error") + 1, "error"));
  stop();
}

TEST(a_client_may_not_send_connect_error) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "44{\"message\":\"x\"}");
  HEARD(p, "end ");
  stop();
}

TEST(packets_for_a_namespace_it_is_not_in_close_the_connection) {
  static const char *const bad[] = { "42/custom,[\"x\"]", "41/custom", "43/custom,0[]" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin(NULL);
    struct peer *p = joined();
    say(p, bad[i]);
    HEARD(p, "end ");
    turn();
    SAW("connect/ left/: forced close ");
    stop();
  }
}

TEST(an_event_without_payload_is_ignored) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "42");
  say(p, "4212");
  SAW("connect/ ");
  CHECK(p->session != NULL);
  stop();
}

TEST(an_ack_with_an_unknown_id_is_ignored) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "430[1]");
  say(p, "439007199254740991[1]");
  say(p, "43[1]");
  HEARD(p, "");
  CHECK(p->session != NULL);
  stop();
}

/* ---- leaving -------------------------------------------------------------------------------- */

TEST(a_client_that_leaves_keeps_its_connection) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "41");
  turn();
  HEARD(p, "");
  SAW("connect/ left/: client namespace disconnect ");
  CHECK(p->session != NULL);
  stop();
}

TEST(leaving_one_namespace_leaves_the_others_alone) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "40/custom,");
  say(p, "41/custom,");
  turn();
  saw();
  say(p, "42[\"hi\"]");
  SAW("hi ");
  stop();
}

TEST(an_event_after_the_client_has_disconnected_closes_the_connection) {
  begin(NULL);
  struct peer *p = joined();
  saw();
  say(p, "41");
  say(p, "42[\"late\"]");
  turn();
  HEARD(p, "end ");
  SAW("left/: client namespace disconnect ");
  stop();
}

TEST(a_client_that_left_may_connect_again_within_the_same_turn) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "41");
  say(p, "40");
  SAW("connect/ left/: client namespace disconnect connect/ ");
  HEARD(p, "40{\"sid\":\"?\"} ");
  EQ(root->nmembers, 1);
  stop();
}

TEST(events_on_their_way_when_the_server_disconnects_are_dropped) {
  begin(NULL);
  struct peer *p = joined();
  saw();
  say(p, "42[\"leave\"]");
  say(p, "42[\"late\"]");
  turn();
  say(p, "42[\"later\"]");
  say(p, "430[]");
  say(p, "41");
  HEARD(p, "41 ");
  SAW("leave left/: server namespace disconnect ");
  CHECK(p->session != NULL);
  say(p, "40");
  HEARD(p, "40{\"sid\":\"?\"} ");
  say(p, "42[\"again\"]");
  SAW("connect/ again ");
  /* The client knows that it has disconnected, so a later packet is its own fault. */
  say(p, "41");
  turn();
  say(p, "42[\"late\"]");
  HEARD(p, "end ");
  stop();
}

TEST(a_connection_that_ends_ends_all_its_sockets_with_its_reason) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "40/custom,");
  saw();
  hang_up(p);
  const char *t = saw();
  CHECK(strstr(t, "left/: transport close") && strstr(t, "left/custom: transport close"));
  EQ(srv->core.stats.sockets, 0);
  EQ(srv->core.stats.sessions, 0);
  stop();
}

/* ---- binary ---------------------------------------------------------------------------------- */

TEST(a_binary_event_arrives_when_its_last_attachment_does) {
  begin(NULL);
  struct peer *p = joined();
  saw();
  say(p, "452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  say_bin(p, "\1\2", 2);
  SAW("");
  say_bin(p, "\3", 1);
  SAW("b ");
  stop();
}

TEST(text_between_attachments_closes_the_connection) {
  begin(NULL);
  struct peer *p = joined();
  saw();
  say(p, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
  say(p, "42[\"x\"]");
  HEARD(p, "end ");
  CHECK(strstr(saw(), "got plaintext data when reconstructing a packet") != NULL);
  stop();
}

TEST(an_attachment_that_was_not_announced_closes_the_connection) {
  begin(NULL);
  struct peer *p = joined();
  saw();
  say_bin(p, "\1", 1);
  HEARD(p, "end ");
  CHECK(strstr(saw(), "got binary data when not reconstructing a packet") != NULL);
  stop();
}

TEST(a_handler_may_close_the_session_while_an_attachment_is_handled) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "451-[\"leave\",{\"_placeholder\":true,\"num\":0}]");
  say_bin(p, "\1", 1);
  hang_up(p);
  stop();
}

TEST(an_incomplete_binary_packet_is_freed_with_its_connection) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  say_bin(p, "\1", 1);
  hang_up(p);
  stop();
}

#define HOLE "{\"_placeholder\":true,\"num\":0}"

TEST(an_incomplete_packet_is_waited_for_until_packet_timeout_ms) {
  begin(&(sio_options){ .packet_timeout_ms = 50 });
  struct peer *p = joined();
  say(p, "451-[\"b\"," HOLE "]");
  later(40);
  say_bin(p, "\1", 1);
  later(100);
  CHECK(p->session != NULL);
  CHECK(client_of_session(p->session)->timeout == NULL);
  say(p, "451-[\"b\"," HOLE "]");
  saw();
  later(51);
  HEARD(p, "end ");
  SAW("left/: forced close ");
  stop();
}

TEST(each_attachment_gives_the_rest_more_time) {
  begin(&(sio_options){ .packet_timeout_ms = 50 });
  struct peer *p = joined();
  say(p, "454-[\"b\"," HOLE "," HOLE "," HOLE "," HOLE "]");
  for (int i = 0; i < 3; i++) {
    say_bin(p, "\1", 1);
    later(51);
    CHECK(p->session != NULL);
  }
  later(51);
  HEARD(p, "end ");
  stop();
}

TEST(a_timer_for_an_old_packet_does_not_end_a_new_one) {
  begin(&(sio_options){ .packet_timeout_ms = 50 });
  struct peer *p = joined();
  say(p, "451-[\"b\"," HOLE "]");
  say_bin(p, "\1", 1);
  say(p, "451-[\"b\"," HOLE "]"); /* just before the timer of the first fires */
  later(51);
  CHECK(p->session != NULL);
  later(51);
  HEARD(p, "end ");
  stop();
}

TEST(one_that_began_before_it_was_in_is_waited_for_no_longer) {
  begin(&(sio_options){ .packet_timeout_ms = 50 });
  sio_use(root, hold_back, NULL);
  struct peer *p = peer_new();
  say(p, "40");
  say(p, "451-[\"b\"," HOLE "]");
  sio_next_ok(held_back);
  turn();
  heard(p);
  later(51);
  HEARD(p, "end ");
  stop();
}

TEST(by_default_half_a_packet_is_waited_for_a_minute) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "451-[\"b\"," HOLE "]");
  REQUIRE(client_of_session(p->session)->timeout != NULL);
  sio__loop_stop_timer(&srv->core.loop, &p->session->heartbeat);
  later(59999);
  CHECK(p->session != NULL);
  later(60001);
  HEARD(p, "end ");
  stop();
}

TEST(without_memory_for_the_time_its_peer_is_closed) {
  begin(&(sio_options){ .packet_timeout_ms = 50 });
  struct peer *p = joined();
  alloc_fail_in(2); /* behind the packet's own */
  say(p, "451-[\"b\"," HOLE "]");
  alloc_fail_in(0);
  HEARD(p, "cut ");
  stop();
}

/* ---- without memory -------------------------------------------------------------------------- */

/* Connects, joins another namespace, is heard, leaves; the i-th allocation fails. Whatever happens
 * the peer is either served or closed, and nothing leaks. */
TEST(no_failing_allocation_leaks_or_crashes) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    begin(NULL);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    struct peer *p = peer_new();
    if (p) {
      say(p, "40{\"token\":1}");
      say(p, "40/custom,");
      say(p, "451-1[\"b\",{\"_placeholder\":true,\"num\":0}]");
      say_bin(p, "\1", 1);
      say(p, "42[\"leave\"]");
      turn();
    }
    failed = alloc_calls - before >= i;
    stop();
  }
  CHECK(!failed);
}

/* ---- the log ------------------------------------------------------------------------------ */

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level < SIO_LOG_DEBUG) return;
  CHECK(strlen(l->text) <= 512);
  trace("%s: %.120s; ", l->part, l->text);
}

static void relay(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_join(s, "room");
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("room") }, "b",
                SIO_ARGS(sio_arg(e, 0)));
  sio_leave(s, "room");
}

static struct peer *logged(int level) {
  start(&(sio_options){ .log = on_log, .log_level = level });
  sio_on(root, "relay", relay, NULL);
  struct peer *p = peer_new();
  say(p, "40{\"token\":\"secret\"}");
  sio_log_set(srv, "eio=off");
  return p;
}

TEST(each_packet_is_a_log_line_at_level_debug) {
  struct peer *p = logged(SIO_LOG_DEBUG);
  turn();
  const char *seen = saw();
  CHECK(strstr(seen, "sio: received CONNECT for namespace /: 18 bytes of JSON, 0 attachments; ") !=
        NULL);
  CHECK(!strstr(seen, "secret"));
  say(p, "42[\"relay\",\"private\"]");
  turn();
  seen = saw();
  CHECK(strstr(seen, "sio: received EVENT for namespace /: 19 bytes of JSON, 0 attachments; ") !=
        NULL);
  CHECK(strstr(seen, " joins room \"room\" of namespace /; adapter: broadcasting event \"b\" in "
                     "namespace / to 1 rooms, except 0 rooms; ") != NULL);
  CHECK(strstr(seen, "sio: sending event \"b\" in namespace /, 17 bytes without attachments; ") !=
        NULL);
  CHECK(strstr(seen, " leaves room \"room\" of namespace /; ") != NULL);
  CHECK(!strstr(seen, "private"));
  stop();
}

TEST(payloads_are_logged_at_level_trace_but_no_credentials) {
  struct peer *p = logged(SIO_LOG_TRACE);
  turn();
  CHECK(!strstr(saw(), "secret"));
  say(p, "42[\"relay\",\"private\\u0000\"]");
  turn();
  const char *seen = saw();
  CHECK(strstr(seen, "sio: received payload: [\"relay\",\"private\\u0000\"]; ") != NULL);
  CHECK(strstr(seen, "sio: sent payload: 2[\"b\",\"private\\u0000\"]; ") != NULL);
  static char big[5000];
  memset(big, 'x', sizeof big);
  memcpy(big, "42[\"", 4);
  memcpy(big + sizeof big - 3, "\"]", 3);
  say(p, big);
  turn();
  CHECK(strstr(saw(), "sio: received payload: [\"xxx") != NULL);
  EQ(sio_log_set(srv, "sio=info,adapter=off"), 0);
  say(p, "42[\"relay\",1]");
  turn();
  SAW("");
  stop();
}

TESTS_BEGIN
T(each_packet_is_a_log_line_at_level_debug)
T(payloads_are_logged_at_level_trace_but_no_credentials)
T(a_connect_is_answered_with_a_sid_and_nothing_else)
T(the_socket_id_is_not_the_session_id)
T(auth_is_kept_as_text_and_tree)
T(no_auth_is_an_empty_object)
T(auth_that_is_not_an_object_closes_the_connection)
T(other_namespaces_are_joined_by_name_with_a_comma_or_without)
T(auth_follows_the_name_of_a_namespace)
T(an_unknown_namespace_is_refused_and_the_connection_stays_open)
T(a_query_is_part_of_a_namespace_name)
T(a_second_connect_in_one_turn_is_the_same_wish)
T(a_later_second_connect_is_answered_with_the_same_sid)
T(a_flood_of_connects_is_answered_once_a_turn)
T(a_second_connect_with_another_auth_is_another_socket)
T(a_session_may_end_while_a_second_connect_replaces_the_socket)
T(connect_disconnect_and_connect_in_one_burst_are_two_sockets)
T(a_client_of_socket_io_2_may_connect_to_the_root_again)
T(the_query_of_a_client_of_socket_io_2_is_its_auth)
T(namespaces_per_connection_are_limited)
T(a_namespace_left_in_this_turn_makes_room_for_another)
T(a_client_that_joins_no_namespace_in_time_is_closed)
T(a_refused_connect_does_not_stop_the_connect_timeout)
T(a_packet_before_connect_closes_the_connection)
T(what_cannot_be_decoded_is_an_error_and_a_forced_close)
T(a_decode_error_is_reported_to_every_namespace_of_the_connection)
T(a_client_may_not_send_connect_error)
T(packets_for_a_namespace_it_is_not_in_close_the_connection)
T(an_event_without_payload_is_ignored)
T(an_ack_with_an_unknown_id_is_ignored)
T(a_client_that_leaves_keeps_its_connection)
T(leaving_one_namespace_leaves_the_others_alone)
T(an_event_after_the_client_has_disconnected_closes_the_connection)
T(a_client_that_left_may_connect_again_within_the_same_turn)
T(events_on_their_way_when_the_server_disconnects_are_dropped)
T(a_connection_that_ends_ends_all_its_sockets_with_its_reason)
T(a_binary_event_arrives_when_its_last_attachment_does)
T(text_between_attachments_closes_the_connection)
T(an_attachment_that_was_not_announced_closes_the_connection)
T(a_handler_may_close_the_session_while_an_attachment_is_handled)
T(an_incomplete_binary_packet_is_freed_with_its_connection)
T(an_incomplete_packet_is_waited_for_until_packet_timeout_ms)
T(one_that_began_before_it_was_in_is_waited_for_no_longer)
T(each_attachment_gives_the_rest_more_time)
T(a_timer_for_an_old_packet_does_not_end_a_new_one)
T(by_default_half_a_packet_is_waited_for_a_minute)
T(without_memory_for_the_time_its_peer_is_closed)
T(no_failing_allocation_leaks_or_crashes)
TESTS_END
