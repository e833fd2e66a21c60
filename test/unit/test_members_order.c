/* SPDX-License-Identifier: MIT
 *
 * test_members_order.c - the order of events of several threads that go through an adapter which
 * recovers, on one of them; and what happens to them on their way.
 */
#include "members_kept_rig.h"

/* ---- the order of events --------------------------------------------------------------------- */

static sio_target here(int member) {
  return (sio_target){ .nsp = roots[member], .flags = SIO_LOCAL };
}

TEST(a_question_that_waits_for_an_earlier_event_and_ends_meanwhile_is_not_asked) {
  struct client c;
  questions = 0;
  start_kept();
  client_start(&c, 0);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "first", SIO_NONE), 0);
  EQ(sio_broadcast_ack(here(0), "q", SIO_NONE, 1000, on_any_replies, NULL), 0);
  EQ(sio_broadcast(here(0), "own", SIO_NONE), 0);
  turns(3);
  later(1001);
  EQ(questions, 1);
  store_deliver_held();
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"first\"]", "[\"own\"]");
  client_break(&c);
  end();
}

TEST(events_of_more_than_four_megabytes_do_not_wait_for_an_earlier_one) {
  static char big[900000];
  struct client c;
  start_kept();
  client_start(&c, 0);
  memset(big, 'x', sizeof big - 1);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "first", SIO_NONE), 0);
  for (int i = 0; i < 6; i++)
    EQ(sio_broadcast(here(0), "big", SIO_ARGS(i, sio_json(SLICE("1")), big)), 0);
  turns(3);
  int at_once = 0, waited = 0;
  bool first = false;
  for (const char *text; (text = sio_test_next(c.peer));)
    at_once += strncmp(text, "[\"big\"", 6) == 0;
  CHECK(at_once > 0 && at_once < 6);
  store_deliver_held();
  turns(3);
  for (const char *text; (text = sio_test_next(c.peer));) {
    first |= strncmp(text, "[\"first\"", 8) == 0;
    waited += first && strncmp(text, "[\"big\"", 6) == 0;
  }
  EQ(at_once + waited, 6);
  client_break(&c);
  end();
}

TEST(a_socket_that_is_disconnected_is_sent_of_what_waits_that_which_is_for_it) {
  for (int i = 0; i < MEMBERS; i += 2) {
    struct client c;
    start_kept();
    client_start(&c, i);
    EQ(sio_join(socket_of(&c), "red"), 0);
    turns(3);
    store.hold = true;
    sio_target to = all_of(i);
    EQ(sio_broadcast(to, "all", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("blue", "red");
    EQ(sio_broadcast(to, "room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("blue");
    EQ(sio_broadcast(to, "other room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS(sio_socket_id(socket_of(&c)));
    EQ(sio_broadcast(to, "id", SIO_NONE), 0);
    to.rooms = NULL;
    to.except = SIO_ROOMS("red");
    EQ(sio_broadcast(to, "except", SIO_NONE), 0);
    to = all_of(i);
    to.flags = SIO_VOLATILE;
    EQ(sio_broadcast(to, "volatile", SIO_NONE), 0);
    EQ(sio_broadcast_ack(all_of(i), "q", SIO_NONE, 100, on_any_replies, NULL), 0);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_read(&c);
    EXPECT_TEXTS(&c, "[\"all\"]", "[\"room\"]", "[\"id\"]", "disconnect");
    store_deliver_held();
    later(200);
    client_break(&c);
    end();
  }
}

static void deliver_first_held(void) {
  struct held_event first = store.held[0];
  memmove(store.held, store.held + 1, --store.nheld * sizeof first);
  store_deliver(&first);
}

TEST(events_for_one_thread_wait_for_the_last_event_before_them_and_for_no_later_one) {
  struct client c, d;
  start_kept();
  client_start(&c, 0);
  client_start(&d, 0);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "one", SIO_NONE), 0);
  EQ(sio_broadcast(here(0), "after one", SIO_NONE), 0);
  EQ(sio_broadcast(all_of(0), "two", SIO_NONE), 0);
  sio_target but_c = here(0);
  but_c.skip = socket_of(&c);
  EQ(sio_broadcast(but_c, "after two", SIO_NONE), 0);
  turns(3);
  deliver_first_held();
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"one\"]", "[\"after one\"]");
  deliver_first_held();
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"two\"]");
  client_read(&d);
  EXPECT_TEXTS(&d, "[\"one\"]", "[\"after one\"]", "[\"two\"]", "[\"after two\"]");
  client_break(&c);
  client_break(&d);
  end();
}

TEST(sockets_are_disconnected_at_once_where_the_events_before_have_been_delivered) {
  struct client c;
  start_kept();
  client_start(&c, 2);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "one", SIO_NONE), 0);
  turns(3);
  store_deliver_held(); /* member 0 does not know yet */
  EQ(sio_all_disconnect(all_of(0), false), 0);
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"one\"]", "disconnect");
  client_break(&c);
  end();
}

TEST(sockets_of_threads_that_recover_without_an_adapter_are_disconnected) {
  struct client c;
  start_members();
  client_start(&c, 2);
  EQ(sio_broadcast(all_of(0), "one", SIO_NONE), 0);
  EQ(sio_all_disconnect(all_of(0), false), 0);
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"one\"]", "disconnect");
  client_break(&c);
  end();
}

/* ---- a namespace that the connected thread does not have ------------------------------------ */

static struct {
  sio_nsp *nsp[MEMBERS];
  sio_test_peer *peer;
} own;

/* "/own" of the members 0 and 2, and a peer of it at member 2. */
static void start_own(void) {
  start_kept();
  EQ(sio_of(members[0], "/own", &own.nsp[0]), 0);
  EQ(sio_of(members[2], "/own", &own.nsp[2]), 0);
  EQ(sio_test_connect(members[2], "/own", NULL, &own.peer), 0);
  turns(3);
  expect_next(own.peer, "connect");
}

static void stop_own(void) {
  sio_test_free(own.peer);
  end();
}

static uint64_t lost_messages(void) {
  uint64_t lost = 0;
  for (int i = 0; i < MEMBERS; i++) lost += members[i]->core.stats.thread_messages_lost;
  return lost;
}

static struct {
  int runs, status;
  size_t n;
} asked;
static void on_own_replies(int status, sio_replies *r, void *user) {
  (void)user;
  asked.runs++;
  asked.status = status;
  asked.n = r->count;
}

TEST(an_event_or_a_question_of_such_a_namespace_reaches_the_other_threads) {
  start_own();
  asked.runs = 0;
  const sio_target to = { .nsp = own.nsp[0] };
  EQ(sio_broadcast(to, "ev", SIO_NONE), 0);
  EQ(sio_broadcast_ack(to, "q", SIO_NONE, 1000, on_own_replies, NULL), 0);
  turns(4);
  expect_next(own.peer, "[\"ev\"]");
  expect_next(own.peer, "ask [\"q\"]");
  EQ(sio_test_answer(own.peer, SIO_NONE), 0);
  turns(4);
  EQ(asked.runs, 1);
  EQ(asked.status, 0);
  EQ(asked.n, 1);
  stop_own();
}

/* Only small messages fit: the first is the question itself, the second is the one that would pass
 * it on. */
TEST(what_cannot_be_passed_on_in_such_a_namespace_is_counted_and_ends_its_question) {
  static char big[5000];
  memset(big, 'x', sizeof big - 1);
  for (size_t inbox_max = 1; inbox_max <= 3001; inbox_max += 1500) {
    start_own();
    asked.runs = 0;
    const sio_target to = { .nsp = own.nsp[0] };
    size_t max = members[0]->core.threads->inbox_max;
    EQ(sio_broadcast(to, "ev", SIO_ARGS(big)), 0);
    EQ(sio_broadcast_ack(to, "q", SIO_ARGS(big), 1000, on_own_replies, NULL), 0);
    uint64_t lost = lost_messages();
    members[0]->core.threads->inbox_max = inbox_max;
    turns(4);
    members[0]->core.threads->inbox_max = max;
    CHECK(!sio_test_next(own.peer));
    CHECK(lost_messages() >= lost + 2);
    CHECK(strstr(log_text, "/own"));
    later(1001);
    EQ(asked.runs, 1);
    EQ(asked.n, 0);
    CHECK(asked.status != 0);
    EQ(sio_broadcast(to, "later", SIO_NONE), 0);
    turns(4);
    expect_next(own.peer, "[\"later\"]");
    stop_own();
  }
}

TEST(an_event_for_which_memory_runs_out_on_its_way_through_a_thread_is_counted) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    start_own();
    const sio_target to = { .nsp = own.nsp[0] };
    EQ(sio_broadcast(to, "ev", SIO_NONE), 0);
    alloc_fail_in(at);
    turns(4);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    const char *text = sio_test_next(own.peer);
    CHECK((text && strcmp(text, "[\"ev\"]") == 0) || lost_messages() > 0 ||
          !sio_test_is_open(own.peer));
    stop_own();
  }
}

/* ---- the connected thread closes ------------------------------------------------------------- */

static unsigned goodbyes;
static void say_goodbye(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user, (void)why;
  goodbyes += !sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "goodbye", SIO_NONE);
}

TEST(an_adapter_is_passed_no_event_after_its_thread_has_stopped_it) {
  struct client c;
  goodbyes = 0;
  start_kept();
  EQ(sio_on_disconnect(roots[CONNECTED], say_goodbye, NULL), 0);
  client_start(&c, CONNECTED);
  store.hold = true;
  close_members();
  client_break(&c);
  wait_until_closed();
  EQ(goodbyes, 1);
  EQ(store.after_shut, 0);
}

static void say_goodbye_to_all(sio_session *session, const sio_close_info *why, void *user) {
  (void)session, (void)why;
  goodbyes += !sio_broadcast((sio_target){ .nsp = user }, "goodbye", SIO_NONE);
}

TEST(an_adapter_is_passed_no_event_of_callbacks_for_sessions_that_close) {
  static const sio_engine_hooks hooks = { .close = say_goodbye_to_all };
  for (int i = 0; i < 2; i++) {
    struct client c;
    goodbyes = 0;
    start_kept();
    EQ(sio_on_engine(members[i], &hooks, roots[i]), 0);
    client_start(&c, i);
    close_members();
    turn();
    EQ(goodbyes, 1);
    EQ(store.after_shut, 0);
    sio_test_free(c.peer);
    wait_until_closed();
  }
}

TESTS_BEGIN
T(a_question_that_waits_for_an_earlier_event_and_ends_meanwhile_is_not_asked)
T(events_of_more_than_four_megabytes_do_not_wait_for_an_earlier_one)
T(a_socket_that_is_disconnected_is_sent_of_what_waits_that_which_is_for_it)
T(events_for_one_thread_wait_for_the_last_event_before_them_and_for_no_later_one)
T(sockets_are_disconnected_at_once_where_the_events_before_have_been_delivered)
T(sockets_of_threads_that_recover_without_an_adapter_are_disconnected)
T(an_event_or_a_question_of_such_a_namespace_reaches_the_other_threads)
T(what_cannot_be_passed_on_in_such_a_namespace_is_counted_and_ends_its_question)
T(an_event_for_which_memory_runs_out_on_its_way_through_a_thread_is_counted)
T(an_adapter_is_passed_no_event_after_its_thread_has_stopped_it)
T(an_adapter_is_passed_no_event_of_callbacks_for_sessions_that_close)
TESTS_END
