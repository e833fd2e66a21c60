/* SPDX-License-Identifier: MIT
 *
 * test_recovery_middleware.c - recovery, and what the host does meanwhile: middleware, and
 * callbacks that interfere; and memory that fails.
 */
#include "eio/polling.h"
#include "eio/polling_queue.h"
#include "recovery_rig.h"

/* ---- middleware ------------------------------------------------------------------------------ */

static sio_next *held;
static bool held_recovered;

static void hold(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  held = next;
  held_recovered = sio_socket_recovered(s);
}

static struct client4 *come_held(void) {
  struct client4 *c = come();
  sio_next_ok(held);
  turn();
  told(c);
  held = NULL;
  return c;
}

TEST(middleware_is_skipped_for_recovered_sockets) {
  begin();
  sio_use(root, hold, NULL);
  struct client4 *c = come_held();
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  CHECK(!held);
  stop();
}

static void begin_middleware(void) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .run_middlewares = true } });
  sio_use(root, hold, NULL);
}

TEST(middleware_may_be_run_and_what_happens_meanwhile_is_missed_too) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("1");
  come_back(c);
  GOT(c, "");
  CHECK(held && held_recovered);
  to_all("2");
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"1\",\"@1\"] 42[\"2\",\"@2\"] 40+pid ");
  stop();
}

TEST(a_client_that_middleware_refuses_is_forgotten) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  come_back(c);
  sio_next_fail(held, "no", sio_null());
  turn();
  GOT(c, "44{\"message\":\"no\"} ");
  EQ(root->recovery->by_pid.n, 0);
  stop();
}

TEST(a_client_that_is_lost_again_while_middleware_runs_can_return) {
  begin_middleware();
  struct client4 *c = come_held();
  char id[24];
  strcpy(id, c->id);
  sio_join(first(), "room");
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  hang_up(c->p);
  sio_next_ok(held);
  turn();
  EQ(root->nmembers, 0);
  come_back(c);
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id);
  CHECK(sio_in_room(first(), "room"));
  stop();
}

/* With another auth the first verdict is not used, and what it had is there for the second. */
TEST(a_second_connect_while_middleware_runs_does_not_prevent_recovery) {
  char text[128], id[24];
  begin_middleware();
  struct client4 *c = come_held();
  strcpy(id, c->id);
  sio_join(first(), "room");
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"token\":2}", c->pid);
  say(c->p, text);
  sio_next_fail(held, "no", sio_null());
  turn();
  EQ(root->nmembers, 0);
  CHECK(held_recovered);
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id);
  CHECK(sio_in_room(first(), "room"));
  say(c->p, text); /* the answer may have been missed */
  GOT(c, "40+pid ");
  EQ_STR(c->id, id);
  EQ(root->nmembers, 1);
  stop();
}

/* Its own pid with it: a connection does not take itself over. */
TEST(a_client_that_sends_its_pid_while_connected_gets_a_new_socket) {
  begin();
  struct client4 *c = come();
  char id[24], text[128];
  strcpy(id, c->id);
  turn();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
  say(c->p, text);
  turn();
  GOT(c, "40+pid ");
  CHECK(c->p->session && strcmp(c->id, id) != 0);
  SAW("connect left: client namespace disconnect connect ");
  stop();
}

TEST(a_second_connection_takes_over_from_one_that_waits_for_middleware) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  sio_next *older = held;
  struct peer *before = c->p;
  come_back(c);
  HEARD(before, "cut ");
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  sio_next_ok(older);
  turn();
  EQ(root->nmembers, 1);
  stop();
}

TEST(what_was_dropped_while_middleware_thought_ends_the_connection_and_the_next_is_new) {
  begin_with(&(sio_options){
      .recovery = &(sio_recovery){ .run_middlewares = true, .max_log_bytes = 2000 } });
  sio_use(root, hold, NULL);
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  for (int i = 0; i < 30; i++) to_all("more");
  sio_next_ok(held);
  turn();
  GOT(c, "cut ");
  turn();
  come_back(c);
  sio_next_ok(held);
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_LOG_GONE), 2);
  EQ(srv->core.stats.recovered, 0);
  stop();
}

/* ---- queues that are full -------------------------------------------------------------------- */

/* A short message takes a block, and a place in the queue. */
enum { ONE = sizeof(struct msg) + MSG_HEADROOM + MSG_SMALL + sizeof(struct out_node) };

static sio_nsp *other;

/* A peer with a real queue does not hear of the end: a later session may have the same address. */
static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)user;
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i]->session == c) peers[i]->session = NULL;
  trace("closed: %s%s ", sio_reason_str(why->reason), why->err == SIO_ETOOBIG ? ", too big" : "");
}

static void begin_full(const sio_recovery *recovery, size_t queue_high, int when_full) {
  begin_with(&(sio_options){
      .recovery = recovery, .queue_high = queue_high, .queue_low = ONE, .when_full = when_full });
  sio_engine_hooks hooks = { .close = on_close };
  sio_on_engine(srv, &hooks, NULL);
  EQ(sio_of(srv, "/other", &other), 0);
}

/* A client that does not poll: what it is sent waits in a real queue. It is in another namespace,
 * too. */
static void open_again_without_polling(struct client4 *c) {
  c->p = peer_new();
  if (sio__polling_init_for_session(c->p->session)) abort();
  say(c->p, "40/other,");
}

static void say_pid(struct client4 *c) {
  char text[128];
  snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
  say(c->p, text);
}

static void ignore_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}

static void ask(int n) {
  while (n--) sio_emit_ack(other->members[0], "q", SIO_NONE, 0, ignore_reply, NULL);
}

static bool show(const struct msg *m, size_t bytes, void *user) {
  (void)bytes, (void)user;
  trace("%.*s ", m->len < 8 ? (int)m->len : 8, msg_data(m));
  return false;
}

static void show_queue(const struct client4 *c) {
  traced[0] = '\0';
  c->p->session->transport->remove_if(c->p->session, show, NULL);
}

/* A client returns, and its queue is full when middleware has accepted it. */
static struct client4 *fill_queue_while_middleware_runs(int when_full) {
  begin_full(&(sio_recovery){ .run_middlewares = true }, 10 * ONE, when_full);
  sio_use(root, hold, NULL);
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("missed");
  open_again_without_polling(c);
  say_pid(c);
  ask(9);
  turn();
  traced[0] = '\0';
  sio_next_ok(held);
  return c;
}

TEST(a_queue_that_is_filled_while_middleware_runs_ends_the_connection_and_the_client_can_return) {
  for (int when_full = SIO_FULL_DROP_OLDEST; when_full <= SIO_FULL_CLOSE; when_full++) {
    struct client4 *c = fill_queue_while_middleware_runs(when_full);
    turn();
    SAW("closed: forced close, too big ");
    EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
    EQ(srv->core.stats.events_dropped, 0);
    EQ(srv->core.stats.overflows, 0);
    come_back(c);
    sio_next_ok(held);
    turn();
    GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
    stop();
  }
}

TEST(a_queue_from_which_nothing_is_dropped_may_be_long_when_middleware_accepts) {
  struct client4 *c = fill_queue_while_middleware_runs(SIO_FULL_DROP_VOLATILE);
  turn();
  SAW("connect(recovered) ");
  show_queue(c);
  const char *seen = saw();
  CHECK(strstr(seen, "42[\"miss 40{\"sid\" "));
  stop();
}

static bool drop_two(const struct msg *m, size_t bytes, void *user) {
  unsigned *n = user;
  (void)m, (void)bytes;
  return ++*n <= 2;
}

TEST(a_client_is_new_while_nothing_that_can_be_dropped_is_queued_for_it) {
  unsigned n = 0;
  begin_full(&normal, 10 * ONE, SIO_FULL_DROP_OLDEST);
  struct client4 *c = come();
  hang_up(c->p);
  to_all("missed");
  open_again_without_polling(c);
  ask(10);
  EQ(sio_emit(other->members[0], "e", SIO_NONE), SIO_EDROPPED);
  c->p->session->transport->remove_if(c->p->session, drop_two, &n);
  say_pid(c);
  CHECK(first() && !sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  stop();
}

static void expect_queue_after_eight_missed_events(size_t queue_high, const char *want) {
  begin_full(&normal, queue_high, SIO_FULL_DROP_OLDEST);
  struct client4 *c = come();
  hang_up(c->p);
  for (int i = 0; i < 8; i++) to_all("missed");
  open_again_without_polling(c);
  say_pid(c);
  show_queue(c);
  SAW(want);
  EQ(srv->core.stats.events_dropped, 0);
  stop();
}

/* The answer to CONNECT must not drive out what was sent again before it. */
TEST(missed_events_and_the_answer_are_all_queued_or_the_client_is_new) {
#define MISSED "42[\"miss "
  expect_queue_after_eight_missed_events(11 * ONE,
                                         MISSED MISSED MISSED MISSED MISSED MISSED MISSED MISSED
                                         "40{\"sid\" ");
  expect_queue_after_eight_missed_events(9 * ONE, "40{\"sid\" ");
}

/* ---- callbacks that interfere ---------------------------------------------------------------- */

static void close_server(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  if (!srv->core.closing) sio_server_close(srv, on_done, NULL);
}

TEST(the_server_may_be_closed_inside_the_end_of_a_predecessor) {
  begin();
  struct client4 *c = come();
  sio_on_disconnect(root, close_server, NULL);
  come_back(c);
  stop();
}

static struct peer *newcomer;
static void end_newcomer(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  if (newcomer && newcomer->session) sio_session_close(newcomer->session, NULL);
}

TEST(the_new_connection_may_be_closed_inside_the_end_of_its_predecessor) {
  begin();
  struct client4 *c = come();
  char text[128];
  sio_on_disconnect(root, end_newcomer, NULL);
  newcomer = peer_new();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
  say(newcomer, text);
  turn();
  newcomer = NULL;
  EQ(root->nmembers, 0);
  come_back(c);
  GOT(c, "40+pid ");
  EQ(srv->core.stats.recovered, 1);
  stop();
}

static void end_session_of_returning_socket(sio_nsp *nsp, const char *room, sio_socket *s,
                                            void *user) {
  bool *is_on = user;
  (void)nsp, (void)room;
  if (*is_on && sio_socket_recovered(s)) sio_disconnect(s, true);
}

TEST(a_client_whose_connection_is_closed_as_its_socket_joins_its_rooms_can_return) {
  bool is_on = true;
  begin();
  struct client4 *c = come();
  sio_join(first(), "one");
  sio_join(first(), "two");
  hang_up(c->p);
  to_room("two", "missed");
  sio_on_room(root, &(sio_room_hooks){ .join = end_session_of_returning_socket }, &is_on);
  come_back(c);
  turn();
  CHECK(!c->p->session);
  EQ(root->nmembers, 0);
  EQ(failed(SIO_RECOVERY_NO_MEMORY), 0);
  is_on = false;
  come_back(c);
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  CHECK(sio_in_room(first(), "one") && sio_in_room(first(), "two"));
  stop();
}

static void say_farewell(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  sio_broadcast((sio_target){ .nsp = root, .skip = s }, "left", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root }, "to all", SIO_NONE);
}

TEST(events_sent_while_a_socket_disconnects_are_replayed) {
  begin();
  sio_on_disconnecting(root, say_farewell, NULL);
  struct client4 *c = come();
  hang_up(c->p);
  come_back(c);
  GOT(c, "42[\"to all\",\"@2\"] 40+pid ");
  stop();
}

/* ---- without memory -------------------------------------------------------------------------- */

/* A returning client gets each event that was sent without an error, once and in order. */
static void live_without(size_t at) {
  char want[128] = "";
  begin_with(&(sio_options){ .recovery = &normal, .socket_data_size = 16 });
  struct client4 *c = come();
  sio_join(first(), "room");
  sio_socket_set_shared(first(), SLICE("[1]"));
  to_all("seen");
  told(c);
  alloc_fail_in(at);
  sio_target all = { .nsp = root };
  if (sio_broadcast(all, "1", SIO_NONE) == 0) strcat(want, "42[\"1\",\"@2\"] ");
  c->p->n = 0;
  hang_up(c->p);
  if (sio_broadcast(all, "2", SIO_NONE) == 0)
    strcat(want, want[0] ? "42[\"2\",\"@3\"] " : "42[\"2\",\"@2\"] ");
  come_back(c);
  bool was_hit = alloc_fuse == 0;
  alloc_fail_in(0);
  turn();
  bool recovered = root->nmembers && sio_socket_recovered(first());
  if (recovered) {
    strcat(want, "40+pid ");
    GOT(c, want);
    CHECK(sio_in_room(first(), "room"));
    EQ(sio_socket_shared(first()).n, 3);
  }
  CHECK(recovered || was_hit);
  stop();
}

TEST(without_memory_a_peer_is_not_recovered_and_nothing_worse) {
  for (size_t at = 1; at < 60; at++) live_without(at);
}

TEST(a_socket_without_memory_for_a_berth_has_no_pid) {
  begin();
  bool without = false;
  for (size_t at = 1; at < 20 && !without; at++) {
    struct client4 c = { .p = peer_new() };
    alloc_fail_in(at);
    say(c.p, "40");
    alloc_fail_in(0);
    without = strcmp(told(&c), "40 ") == 0;
    if (!without) continue;
    sio_emit(root->members[root->nmembers - 1], "a", SIO_NONE);
    GOT(&c, "42[\"a\"] ");
  }
  CHECK(without);
  stop();
}

TEST(a_server_without_memory_for_recovery_is_not_created) {
  bool made = false;
  for (size_t at = 1; !made; at++) {
    alloc_install();
    uv_loop_init(&loop);
    alloc_fail_in(at);
    int err = sio_server_new(&loop, &(sio_options){ .recovery = &normal }, &srv);
    alloc_fail_in(0);
    made = err == 0;
    if (made) {
      closed = false;
      sio_server_close(srv, on_done, NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    EQ(uv_loop_close(&loop), 0);
    EQ(alloc_live, 0);
  }
}

TESTS_BEGIN
T(middleware_is_skipped_for_recovered_sockets)
T(middleware_may_be_run_and_what_happens_meanwhile_is_missed_too)
T(a_client_that_middleware_refuses_is_forgotten)
T(a_client_that_is_lost_again_while_middleware_runs_can_return)
T(a_second_connect_while_middleware_runs_does_not_prevent_recovery)
T(a_client_that_sends_its_pid_while_connected_gets_a_new_socket)
T(a_second_connection_takes_over_from_one_that_waits_for_middleware)
T(what_was_dropped_while_middleware_thought_ends_the_connection_and_the_next_is_new)
T(the_server_may_be_closed_inside_the_end_of_a_predecessor)
T(the_new_connection_may_be_closed_inside_the_end_of_its_predecessor)
T(a_queue_that_is_filled_while_middleware_runs_ends_the_connection_and_the_client_can_return)
T(a_queue_from_which_nothing_is_dropped_may_be_long_when_middleware_accepts)
T(a_client_is_new_while_nothing_that_can_be_dropped_is_queued_for_it)
T(missed_events_and_the_answer_are_all_queued_or_the_client_is_new)
T(a_client_whose_connection_is_closed_as_its_socket_joins_its_rooms_can_return)
T(events_sent_while_a_socket_disconnects_are_replayed)
T(without_memory_a_peer_is_not_recovered_and_nothing_worse)
T(a_socket_without_memory_for_a_berth_has_no_pid)
T(a_server_without_memory_for_recovery_is_not_created)
TESTS_END
