/* SPDX-License-Identifier: MIT
 *
 * test_recovery_lost.c - clients that are not recovered, and that a pid belongs to one socket.
 */
#include "recovery_rig.h"

/* ---- one pid, one socket --------------------------------------------------------------------- */

TEST(a_client_that_returns_before_its_old_connection_ends_takes_over_its_socket) {
  begin();
  struct client4 *c = come();
  struct peer *old = c->p;
  char id[24];
  strcpy(id, c->id);
  sio_join(first(), "room");
  to_all("seen");
  told(c);
  sio_emit(first(), "into the void", SIO_NONE);
  old->n = 0;
  come_back(c);
  GOT(c, "42[\"into the void\",\"@2\"] 40+pid ");
  EQ_STR(c->id, id);
  EQ(root->nmembers, 1);
  CHECK(sio_in_room(first(), "room"));
  SAW("connect left: transport close connect(recovered) ");
  HEARD(old, "cut ");
  turn();
  EQ(root->nmembers, 1);
  EQ(srv->core.stats.sockets, 1);
  SAW("");
  to_all("new");
  GOT(c, "42[\"new\",\"@3\"] ");
  stop();
}

static void on_texts(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("'%s' '%s' ", why->detail ? why->detail : "NULL", why->ws_text ? why->ws_text : "NULL");
}

TEST(the_end_of_a_connection_that_is_taken_over_has_its_texts) {
  begin();
  struct client4 *c = come();
  sio_on_disconnecting(root, on_texts, NULL);
  to_all("seen");
  told(c);
  traced[0] = '\0';
  come_back(c);
  SAW("'the client returned over another connection' '' left: transport close connect(recovered) ");
  stop();
}

TEST(a_connection_that_is_taken_over_keeps_its_other_namespaces_for_their_return) {
  begin();
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  struct client4 *c = come();
  char pid[24];
  strcpy(pid, c->pid);
  say(c->p, "40/chat,");
  c->p->out[c->p->n] = '\0';
  char chat_pid[24] = "", text[128];
  take(chat_pid, sizeof chat_pid, c->p->out, "\"pid\":\"");
  come_back(c);
  GOT(c, "40+pid ");
  snprintf(text, sizeof text, "40/chat,{\"pid\":\"%s\"}", chat_pid);
  say(c->p, text);
  CHECK(sio_socket_recovered(chat->members[0]));
  turn();
  EQ(chat->nmembers, 1);
  EQ(srv->core.stats.recovered, 2);
  stop();
}

TEST(two_clients_with_the_same_pid_never_have_the_same_socket) {
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  struct peer *before = c->p;
  come_back(c);
  GOT(c, "40+pid ");
  HEARD(before, "cut ");
  turn();
  EQ(root->nmembers, 1);
  EQ(root->recovery->by_pid.n, 1);
  stop();
}

/* ---- sockets that are not recovered ---------------------------------------------------------- */

static void expect_not_recovered_after(void (*leave)(struct client4 *c)) {
  begin();
  struct client4 *c = come();
  leave(c);
  turn();
  EQ(root->recovery->by_pid.n, 0);
  hang_up(c->p);
  come_back(c);
  told(c);
  CHECK(!sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  stop();
}

static void says_so(struct client4 *c) { say(c->p, "41"); }
static void is_disconnected(struct client4 *c) {
  (void)c;
  sio_disconnect(first(), false);
}
static void is_thrown_out(struct client4 *c) {
  (void)c;
  sio_disconnect(first(), true);
}
static void breaks_the_engine(struct client4 *c) { sio__session_end_for_bad_packet(c->p->session); }

TEST(a_socket_that_left_its_namespace_is_not_recovered) { expect_not_recovered_after(says_so); }
TEST(a_socket_that_was_disconnected_by_the_host_is_not_recovered) {
  expect_not_recovered_after(is_disconnected);
}
TEST(a_socket_whose_session_was_ended_is_not_recovered) {
  expect_not_recovered_after(is_thrown_out);
}
TEST(a_peer_that_violated_the_engine_protocol_is_not_recovered) {
  expect_not_recovered_after(breaks_the_engine);
}

TEST(what_breaks_a_connection_can_be_recovered_from) {
  static const int reasons[] = { SIO_REASON_TRANSPORT_ERROR, SIO_REASON_TRANSPORT_CLOSE,
                                 SIO_REASON_FORCED_CLOSE, SIO_REASON_PING_TIMEOUT };
  begin();
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    struct client4 *c = come();
    sio__session_end(c->p->session, true, reasons[i], 0, "test");
    turn();
    come_back(c);
    EQ(srv->core.stats.recovered, i + 1);
    say(c->p, "41");
    hang_up(c->p);
  }
  struct client4 *c = come();
  sio__session_end(c->p->session, true, SIO_REASON_PARSE_ERROR, 0, "test");
  turn();
  come_back(c);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  stop();
}

TEST(a_client_that_is_away_too_long_is_forgotten) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 } });
  struct client4 *c = come(), *d = come();
  to_all("a");
  told(c);
  hang_up(c->p);
  hang_up(d->p);
  later(1000);
  come_back(c);
  EQ(srv->core.stats.recovered, 1);
  told(c);
  clock_ms += 1;
  come_back(d);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  hang_up(c->p);
  hang_up(d->p);
  EQ(root->recovery->by_pid.n, 2);
  for (int i = 0; i < 100; i++) later(1000);
  EQ(root->recovery->by_pid.n, 0);
  EQ(root->recovery->log.bytes, 0);
  CHECK(!timer_is_active(&root->recovery->expiry_timer));
  stop();
}

TEST(events_are_kept_as_long_as_a_dead_connection_may_go_unnoticed_and_be_away) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 },
                             .ping_interval_ms = 300000,
                             .ping_timeout_ms = 300000 });
  struct client4 *c = come();
  to_all("lost");
  c->p->n = 0;
  later(250000);
  hang_up(c->p);
  later(999);
  come_back(c);
  GOT(c, "42[\"lost\",\"@1\"] 40+pid ");
  stop();
}

TEST(a_peer_that_has_all_comes_back_though_its_last_event_is_not_kept_any_more) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 2000 } });
  struct client4 *c = come(), *other = come();
  to_all("seen");
  told(c);
  for (int i = 0; i < 50; i++) to_room(other->id, "not for it");
  CHECK(root->recovery->log.last_dropped > 1);
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  GOT(c, "42[\"missed\",\"@52\"] 40+pid ");
  stop();
}

TEST(what_was_dropped_for_its_size_cannot_be_recovered_and_is_counted) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 4000 } });
  struct client4 *c = come();
  to_all("seen");
  told(c);
  hang_up(c->p);
  for (int i = 0; i < 50; i++) {
    to_all("missed");
    CHECK(root->recovery->log.bytes <= 4000);
  }
  come_back(c);
  GOT(c, "40+pid ");
  CHECK(!sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_LOG_GONE), 1);
  EQ(root->recovery->by_pid.n, 1);
  stop();
}

TEST(an_event_bigger_than_the_log_drops_all) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 1000 } });
  struct client4 *c = come();
  static char big[2000];
  memset(big, 'x', sizeof big - 1);
  sio_emit(first(), "big", SIO_ARGS(big));
  EQ(root->recovery->log.bytes, 0);
  EQ(root->recovery->log.last_dropped, 1);
  told(c);
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  EQ(srv->core.stats.recovered, 1);
  stop();
}

TEST(of_too_many_clients_the_one_that_left_first_is_forgotten) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_sessions = 2 } });
  struct client4 *c[3] = { come(), come(), come() };
  for (int i = 0; i < 3; i++) hang_up(c[i]->p);
  EQ(root->recovery->by_pid.n, 2);
  for (int i = 0; i < 3; i++) come_back(c[i]);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  EQ(srv->core.stats.recovered, 2);
  stop();
}

TEST(more_than_may_wait_for_a_peer_is_not_replayed) {
  begin_with(&(sio_options){ .recovery = &normal, .max_queued = 1000, .high_water = 1000 });
  struct client4 *c = come();
  sio_join(first(), "room");
  hang_up(c->p);
  for (int i = 0; i < 30; i++) to_all("many many many bytes");
  come_back(c);
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  CHECK(!sio_in_room(first(), "room"));
  CHECK(sio_socket_find(root, c->id) == first());
  stop();
}

static void trace_id_on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  trace("join %s as %.4s ", room, sio_socket_id(s));
}
static void trace_id_on_leave(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  trace("leave %s as %.4s ", room, sio_socket_id(s));
}

TEST(room_hooks_see_the_same_id_when_a_client_joins_and_cannot_be_recovered_after_all) {
  char want[100];
  begin_with(&(sio_options){ .recovery = &normal, .max_queued = 1000, .high_water = 1000 });
  struct client4 *c = come();
  sio_join(first(), "room");
  hang_up(c->p);
  for (int i = 0; i < 30; i++) to_all("many many many bytes");
  snprintf(want, sizeof want, "join room as %.4s leave room as %.4s ", c->id, c->id);
  saw();
  sio_on_room(root, &(sio_room_hooks){ .join = trace_id_on_join, .leave = trace_id_on_leave },
              NULL);
  come_back(c);
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  const char *seen = saw();
  CHECK(strncmp(seen, want, strlen(want)) == 0);
  stop();
}

static int tries;
static void change_all_on_leave(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  trace("leave %s with %.*s ", room, LOG_SLICE(sio_socket_shared(s)));
  if (tries++ == 10) return; /* if it could join, it would leave again, without end */
  EQ(sio_join(s, "lobby"), SIO_ECLOSED);
  EQ(sio_leave(s, "room"), SIO_ECLOSED);
  EQ(sio_socket_set_shared(s, SLICE("1")), SIO_ECLOSED);
}

TEST(a_socket_that_cannot_be_recovered_after_all_joins_nothing_while_it_leaves_its_rooms) {
  begin_with(&(sio_options){ .recovery = &normal, .max_queued = 1000, .high_water = 1000 });
  struct client4 *c = come();
  EQ(sio_join(first(), "room"), 0);
  EQ(sio_join(first(), "other"), 0);
  EQ(sio_socket_set_shared(first(), SLICE("{\"x\":1}")), 0);
  hang_up(c->p);
  for (int i = 0; i < 30; i++) to_all("many many many bytes");
  saw();
  tries = 0;
  sio_on_room(root, &(sio_room_hooks){ .leave = change_all_on_leave }, NULL);
  come_back(c);
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  EQ_STR(saw(), "leave other with {\"x\":1} leave room with {\"x\":1} connect ");
  EQ(sio_rooms(first(), NULL, 0), 1);
  CHECK(slice_equals_str(sio_socket_shared(first()), "{}"));
  EQ(sio_join(first(), "lobby"), 0);
  EQ(sio_nsp_count_sockets(root, "lobby"), 1);
  stop();
}

static void big_to_all(int n) {
  static char bytes[1001];
  memset(bytes, 'x', sizeof bytes - 1);
  while (n--) sio_broadcast((sio_target){ .nsp = root }, "big", SIO_ARGS(bytes));
}

/* Each request of it is some 100 bytes. */
TEST(a_client_that_repeats_an_old_offset_gets_the_events_three_times) {
  char old[64];
  size_t sent = 0;
  begin();
  struct client4 *c = come();
  to_all("a");
  told(c);
  snprintf(old, sizeof old, "%s", c->offset);
  hang_up(c->p);
  big_to_all(30);
  for (int i = 0; i < 20; i++) {
    ask_back(c, old);
    sent += c->p->n;
    told(c);
    hang_up(c->p);
  }
  CHECK(sent > 3 * 30000 && sent < 100000);
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  stop();
}

/* The connection breaks before all is there: each time a few more events have come. */
TEST(a_client_may_return_repeatedly_as_long_as_its_offset_advances) {
  char place[64];
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  big_to_all(30);
  for (uint64_t seq = 1; seq < 30; seq += 6) {
    size_t n = sio__replay_log_format_event_offset(&root->recovery->log, seq, place);
    place[n] = '\0';
    ask_back(c, place);
    CHECK(sio_socket_recovered(first()));
    told(c);
    hang_up(c->p);
  }
  stop();
}

TEST(a_client_that_missed_little_may_disconnect_any_number_of_times) {
  char old[64];
  begin();
  struct client4 *c = come();
  to_all("a");
  told(c);
  snprintf(old, sizeof old, "%s", c->offset);
  hang_up(c->p);
  to_all("b");
  for (int i = 0; i < 50; i++) {
    ask_back(c, old);
    GOT(c, "42[\"b\",\"@2\"] 40+pid ");
    hang_up(c->p);
  }
  EQ(srv->core.stats.recovered, 50);
  stop();
}

TEST(new_events_are_replayed_to_one_that_breaks_off_each_time) {
  begin();
  struct client4 *c = come();
  for (int i = 0; i < 20; i++) {
    hang_up(c->p);
    big_to_all(30);
    come_back(c);
    CHECK(sio_socket_recovered(first()));
    told(c);
  }
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 0);
  stop();
}

TEST(no_event_is_kept_without_recoverable_sockets) {
  begin();
  to_all("a");
  EQ(root->recovery->log.seq, 1);
  EQ(root->recovery->log.bytes, 0);
  struct client4 *c = come();
  to_all("b");
  CHECK(root->recovery->log.bytes > 0);
  say(c->p, "41");
  turn();
  for (int i = 0; i < 8; i++) later(30001);
  EQ(root->recovery->log.bytes, 0);
  stop();
}

/* ---- other moments ----------------------------------------------------------------------- */

TEST(a_client_may_be_away_longer_than_the_clock_has_run) {
  static const sio_recovery patient = { .max_disconnection_ms = 2000000000 };
  begin_with(&(sio_options){ .recovery = &patient });
  struct client4 *c = come();
  hang_up(c->p);
  to_all("missed");
  later(600000000); /* the expiry is checked meanwhile */
  come_back(c);
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  EQ(srv->core.stats.recovered, 1);
  stop();
}

static struct client4 *returning;

static void come_back_at_once(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  ask_back(returning, NULL);
}

/* Both sockets of the client leave; the callback of the first runs before the second has left. */
TEST(a_client_may_return_while_its_sockets_leave) {
  sio_nsp *second;
  begin();
  EQ(sio_of(srv, "/second", &second), 0);
  sio_on_disconnect(second, come_back_at_once, NULL);
  returning = come();
  say(returning->p, "40/second,");
  told(returning);
  saw();
  hang_up(returning->p);
  SAW("left: transport close connect(recovered) ");
  GOT(returning, "40+pid ");
  EQ(root->nmembers, 1);
  stop();
}

TESTS_BEGIN
T(a_client_may_be_away_longer_than_the_clock_has_run)
T(a_client_may_return_while_its_sockets_leave)
T(a_client_that_returns_before_its_old_connection_ends_takes_over_its_socket)
T(the_end_of_a_connection_that_is_taken_over_has_its_texts)
T(a_connection_that_is_taken_over_keeps_its_other_namespaces_for_their_return)
T(two_clients_with_the_same_pid_never_have_the_same_socket)
T(a_socket_that_left_its_namespace_is_not_recovered)
T(a_socket_that_was_disconnected_by_the_host_is_not_recovered)
T(a_socket_whose_session_was_ended_is_not_recovered)
T(a_peer_that_violated_the_engine_protocol_is_not_recovered)
T(what_breaks_a_connection_can_be_recovered_from)
T(a_client_that_is_away_too_long_is_forgotten)
T(events_are_kept_as_long_as_a_dead_connection_may_go_unnoticed_and_be_away)
T(a_peer_that_has_all_comes_back_though_its_last_event_is_not_kept_any_more)
T(what_was_dropped_for_its_size_cannot_be_recovered_and_is_counted)
T(an_event_bigger_than_the_log_drops_all)
T(of_too_many_clients_the_one_that_left_first_is_forgotten)
T(more_than_may_wait_for_a_peer_is_not_replayed)
T(room_hooks_see_the_same_id_when_a_client_joins_and_cannot_be_recovered_after_all)
T(a_socket_that_cannot_be_recovered_after_all_joins_nothing_while_it_leaves_its_rooms)
T(a_client_that_repeats_an_old_offset_gets_the_events_three_times)
T(a_client_may_return_repeatedly_as_long_as_its_offset_advances)
T(a_client_that_missed_little_may_disconnect_any_number_of_times)
T(new_events_are_replayed_to_one_that_breaks_off_each_time)
T(no_event_is_kept_without_recoverable_sockets)
TESTS_END
