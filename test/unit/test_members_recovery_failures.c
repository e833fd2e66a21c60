/* SPDX-License-Identifier: MIT
 *
 * test_members_recovery_failures.c - clients that return to another one of several servers when
 * events are lost, members close, messages are refused, or memory runs out.
 */
#include "clock.h"
#include "members_recovery_rig.h"

/* One member has these options of recovery, the others have the usual ones. */
static void start_members_with_own_recovery_of(int member, const sio_recovery *r) {
  how = options();
  alloc_install();
  log_text[0] = '\0';
  if (uv_loop_init(&uv) || sio_threads_new(&threads)) abort();
  how.threads = threads;
  how.socket_data_size = 8;
  for (int i = 0; i < MEMBERS; i++) {
    how.recovery = i == member ? r : &recovery;
    EQ(sio_server_new(&uv, &how, &members[i]), 0);
    EQ(sio_of(members[i], "/", &roots[i]), 0);
  }
  sio_threads_unref(threads);
}

TEST(a_client_whose_missed_events_were_dropped_is_a_new_one) {
  struct client c, other;
  recovery.max_log_bytes = 4000;
  start_members();
  client_start(&c, 0);
  client_start(&other, 0);
  EQ(sio_broadcast(all_of(0), "seen", SIO_NONE), 0);
  turns(2);
  client_read(&c);
  client_break(&c);
  turns(2);
  for (int i = 0; i < 40; i++) EQ(sio_broadcast(all_of(1), "x", SIO_ARGS("some text")), 0);
  turns(2);
  CHECK(!client_return(&c, 1));
  EQ(failures(1, SIO_RECOVERY_LOG_GONE) + failures(1, SIO_RECOVERY_TOO_MUCH), 1);
  client_break(&c);
  client_break(&other);
  recovery.max_log_bytes = 0;
  end();
}

TEST(a_member_that_closes_meanwhile_costs_the_client_its_socket_and_nothing_else) {
  struct client c;
  start_members();
  client_start(&c, 0);
  client_break(&c);
  turns(2);
  client_open(&c, 1);
  close_members();
  client_break(&c);
  wait_until_closed();
}

static void client_expect_all_or_new(struct client *c) {
  REQUIRE(sio_test_socket(c->peer));
  client_read(c);
  if (sio_socket_recovered(sio_test_socket(c->peer)))
    EXPECT_TEXTS(c, "[\"a\"]");
  else
    EQ(c->n, 0);
  client_break(c);
}

/* Member 0 has the socket, 1 asks for it, 2 is asked in vain. Whichever closes, and however far the
 * messages are, the client is connected to a member that is left, and hears each event once. */
TEST(a_member_may_close_at_any_point_of_the_return_to_another_one) {
  for (int closing = 0; closing < MEMBERS; closing++)
    for (int before = 0; before < 5; before++) {
      struct client c;
      start_members();
      client_start(&c, 0);
      client_break(&c);
      turns(2);
      EQ(sio_broadcast(all_of(2), "a", SIO_NONE), 0);
      turns(2);
      client_open(&c, 1);
      turns(before);
      nclosed = 0;
      sio_server_close(members[closing], on_member_closed, NULL);
      if (closing == 1) client_break(&c);
      turns(8);
      EQ(nclosed, 1);
      if (closing != 1) client_expect_all_or_new(&c);
      for (int i = 0; i < MEMBERS; i++)
        if (i != closing) sio_server_close(members[i], on_member_closed, NULL);
      wait_until_closed();
    }
}

/* After each failure the client is the same socket with all it missed, or a new one. */
TEST(without_memory_nothing_leaks_and_nothing_comes_twice) {
  for (size_t at = 1; at < 60; at++) {
    struct client c;
    start_members();
    client_start(&c, 0);
    EQ(sio_join(sio_test_socket(c.peer), "red"), 0);
    client_break(&c);
    turns(2);
    EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
    EQ(sio_broadcast(all_of(2), "b", SIO_NONE), 0);
    turns(2);
    client_open(&c, 1);
    alloc_fail_in(at);
    turns(6);
    alloc_fail_in(0);
    turns(2);
    sio_socket *s = sio_test_is_open(c.peer) ? sio_test_socket(c.peer) : NULL;
    if (s && sio_socket_recovered(s)) {
      client_read(&c);
      EXPECT_TEXTS(&c, "[\"a\"]", "[\"b\"]");
    }
    client_break(&c);
    end();
  }
}

/* The numbers of the events that the client was sent grow. */
static void expect_growing_numbers(const struct client *c) {
  int last = -1;
  for (int i = 0; i < c->n; i++) {
    int number = -1;
    EQ(sscanf(c->texts[i], "[\"n\",%d]", &number), 1);
    CHECK(number > last);
    last = number;
  }
}

static void broadcast_number(int member, int number) {
  (void)sio_broadcast(all_of(member), "n", SIO_ARGS(number));
}

/* Broadcasts cross the record on its way while memory ends. */
TEST(without_memory_for_what_crosses_nothing_comes_twice_or_out_of_order) {
  for (size_t at = 1; at < 80; at++) {
    struct client c;
    start_members();
    client_start(&c, 0);
    broadcast_number(2, 0);
    turns(2);
    client_read(&c);
    client_break(&c);
    turns(2);
    broadcast_number(2, 1);
    client_open(&c, 1);
    alloc_fail_in(at);
    for (int k = 2; k < 8; k++) {
      broadcast_number(k % 3, k);
      turn();
    }
    alloc_fail_in(0);
    turns(4);
    broadcast_number(1, 8);
    turns(3);
    if (sio_test_is_open(c.peer) && sio_test_socket(c.peer)) {
      client_read(&c);
      expect_growing_numbers(&c);
    }
    client_break(&c);
    end();
  }
}

TEST(a_client_is_new_if_more_crosses_its_socket_than_may_be_kept) {
  struct client c;
  recovery.max_log_bytes = 4000;
  start_members();
  client_start_and_break(&c, 0);
  client_open(&c, 1);
  for (int i = 0; i < 40; i++) EQ(sio_broadcast(all_of(1), "x", SIO_ARGS("some text")), 0);
  turns(6);
  REQUIRE(sio_test_socket(c.peer));
  CHECK(!sio_socket_recovered(sio_test_socket(c.peer)));
  EQ(failures(1, SIO_RECOVERY_LOG_GONE) + failures(1, SIO_RECOVERY_TOO_MUCH), 1);
  client_break(&c);
  recovery.max_log_bytes = 0;
  end();
}

TEST(volatile_events_that_cross_a_socket_are_not_kept_for_it) {
  struct client c;
  sio_target to;
  start_members();
  client_start_and_break(&c, 0);
  client_open(&c, 1);
  to = all_of(1);
  to.flags = SIO_VOLATILE;
  EQ(sio_broadcast(to, "v", SIO_NONE), 0);
  EQ(sio_broadcast(all_of(1), "kept", SIO_NONE), 0);
  turns(6);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"kept\"]");
  client_break(&c);
  end();
}

static uint64_t lost_by(int member) {
  sio_stats st;
  sio_server_get_stats(members[member], &st, sizeof st);
  return st.thread_messages_lost;
}

TEST(a_client_is_new_if_no_member_can_be_asked) {
  struct client c;
  start_members();
  client_start(&c, 0);
  client_break(&c);
  turns(2);
  threads->inbox_max = 0;
  CHECK(!client_return(&c, 1));
  EQ(failures(1, SIO_RECOVERY_NO_ANSWER), 1);
  EQ(lost_by(1), 2);
  client_break(&c);
  end();
}

static void later(uint64_t ms) {
  clock_ms += ms;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&members[i]->core.loop.timers, clock_ms);
  turns(2);
}

/* The member that has the socket keeps it, because it could not send it. */
TEST(a_client_whose_socket_could_not_be_sent_may_return_to_it_later) {
  struct client c;
  size_t inbox;
  start_members();
  client_start(&c, 0);
  EQ(sio_broadcast(all_of(2), "a", SIO_NONE), 0);
  turns(2);
  client_read(&c);
  client_break(&c);
  turns(2);
  inbox = threads->inbox_max;
  client_open(&c, 1);
  threads->inbox_max = 0; /* the questions are on their way, the answers are not */
  turns(4);
  CHECK(lost_by(0) > 0);
  EQ(lost_by(2), 1);
  threads->inbox_max = inbox;
  later(5000);
  turns(2);
  REQUIRE(sio_test_socket(c.peer));
  CHECK(!sio_socket_recovered(sio_test_socket(c.peer)));
  EQ(failures(1, SIO_RECOVERY_NO_ANSWER), 1);
  client_break(&c);
  turns(2);
  later(11000); /* nobody waits for those answers any more */
  EQ(sio_broadcast(all_of(2), "b", SIO_NONE), 0);
  turns(2);
  REQUIRE(client_return(&c, 0));
  EXPECT_TEXTS(&c, "[\"b\"]");
  client_break(&c);
  client_start(&c, 0);
  client_break(&c);
  turns(2);
  (void)client_return(&c, 1);
  client_break(&c);
  end();
}

/* There is room for an answer without the socket, so that the client does not wait in vain. */
TEST(a_client_whose_socket_and_events_do_not_fit_is_new_at_once) {
  struct client c;
  start_members();
  client_start_and_break(&c, 0);
  for (int i = 0; i < 40; i++) EQ(sio_broadcast(all_of(0), "x", SIO_ARGS("some text")), 0);
  turns(2);
  size_t inbox = threads->inbox_max;
  client_open(&c, 1);
  threads->inbox_max = 4000;
  turns(4);
  threads->inbox_max = inbox;
  REQUIRE(sio_test_socket(c.peer));
  CHECK(!sio_socket_recovered(sio_test_socket(c.peer)));
  EQ(failures(1, SIO_RECOVERY_NO_ANSWER), 1);
  EQ(lost_by(0), 1);
  client_break(&c);
  turns(2);
  REQUIRE(client_return(&c, 0)); /* which has kept it */
  EQ(c.n, 40);
  client_break(&c);
  end();
}

/* Member 1 holds the question of member 2 until its own is answered, and then sends it to itself.
 * In one of the runs there is no room for that, nor for the answer to member 2. */
TEST(a_held_question_that_finds_no_room_is_counted) {
  bool counted = false;
  for (int before = 0; before < 6; before++) {
    struct client c;
    sio_test_peer *first;
    start_members();
    client_start_and_break(&c, 0);
    client_open(&c, 1);
    first = c.peer;
    client_open(&c, 2);
    turns(before);
    size_t inbox = threads->inbox_max;
    threads->inbox_max = 0;
    turns(4);
    counted |= lost_by(1) == 2;
    threads->inbox_max = inbox;
    sio_test_free(first);
    client_break(&c);
    end();
  }
  CHECK(counted);
}

TEST(a_namespace_that_other_members_do_not_have_has_no_lost_sockets_there) {
  sio_nsp *only;
  sio_test_peer *p;
  start_members();
  EQ(sio_of(members[1], "/only", &only), 0);
  EQ(sio_test_connect(members[1], "/only", "{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"x.1\"}",
                      &p),
     0);
  turns(4);
  REQUIRE(sio_test_socket(p));
  CHECK(!sio_socket_recovered(sio_test_socket(p)));
  EQ(failures(1, SIO_RECOVERY_NO_SESSION), 1);
  sio_test_free(p);
  end();
}

TEST(members_may_differ_in_whether_they_recover) {
  struct client c;
  start_members_with_own_recovery_of(2, NULL);
  client_start_and_break(&c, 2);
  EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
  turns(2);
  REQUIRE(client_return(&c, 1));
  client_break(&c);
  turns(2);
  CHECK(!client_return(&c, 2)); /* it does not ask */
  client_break(&c);
  end();
}

/* A broken client of member 0, which is in the room "red" and asks member 1 for its socket. */
static void start_crossing(struct client *c) {
  start_members();
  client_start(c, 0);
  EQ(sio_join(sio_test_socket(c->peer), "red"), 0);
  EQ(sio_broadcast(all_of(0), "seen", SIO_NONE), 0);
  turns(2);
  client_read(c);
  client_break(c);
  turns(2);
  client_open(c, 1);
}

TEST(of_what_crosses_a_socket_only_events_for_it_are_kept) {
  struct client c;
  start_crossing(&c);
  sio_target to[4];
  for (int i = 0; i < 4; i++) to[i] = all_of(1);
  to[0].rooms = SIO_ROOMS("blue", "red");
  to[1].rooms = SIO_ROOMS("blue");
  to[2].except = SIO_ROOMS("blue", "red");
  to[3].except = SIO_ROOMS("blue");
  for (int i = 0; i < 4; i++) EQ(sio_broadcast(to[i], "x", SIO_ARGS(i)), 0);
  turns(6);
  REQUIRE(sio_socket_recovered(sio_test_socket(c.peer)));
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"x\",0]", "[\"x\",3]");
  client_break(&c);
  end();
}

/* The client is gone when its socket arrives, and its log has lost an event meanwhile. */
TEST(a_socket_that_arrives_for_nobody_and_has_lost_events_is_freed) {
  struct client c;
  recovery.max_log_bytes = 4000;
  start_crossing(&c);
  client_break(&c);
  for (int i = 0; i < 40; i++) EQ(sio_broadcast(all_of(0), "x", SIO_ARGS("some text")), 0);
  turns(6);
  CHECK(!client_return(&c, 2));
  client_break(&c);
  recovery.max_log_bytes = 0;
  end();
}

/* The log of the member that it comes to is too small for what its client has missed. */
TEST(a_socket_that_arrives_for_nobody_without_its_events_is_freed) {
  static const sio_recovery small = { .max_log_bytes = 300 };
  struct client c;
  start_members_with_own_recovery_of(1, &small);
  client_start_and_break(&c, 0);
  for (int i = 0; i < 20; i++) EQ(sio_broadcast(all_of(0), "x", SIO_ARGS("some text")), 0);
  turns(2);
  client_open(&c, 1);
  client_break(&c);
  turns(6);
  CHECK(!client_return(&c, 0));
  client_break(&c);
  end();
}

/* The client has left when its socket arrives. If it returns once more, it is a new one, or the
 * same with all it missed. */
TEST(any_allocation_may_fail_while_a_socket_arrives_for_nobody) {
  bool failed = true;
  unsigned recovered = 0, new = 0;
  for (size_t at = 1; failed; at++) {
    struct client c;
    start_members();
    client_start_and_break(&c, 0);
    for (int i = 0; i < 3; i++) EQ(sio_broadcast(all_of(0), "x", SIO_ARGS(i)), 0);
    turns(2);
    client_open(&c, 1);
    client_break(&c);
    alloc_fail_in(at);
    turns(6);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    if (client_return(&c, 2)) {
      EXPECT_TEXTS(&c, "[\"x\",0]", "[\"x\",1]", "[\"x\",2]");
      recovered++;
    } else {
      new ++;
    }
    client_break(&c);
    end();
  }
  CHECK(recovered > 0 && new > 0);
}

/* It is new, or the same with all it missed. */
TEST(any_allocation_may_fail_while_a_client_asks_for_its_socket) {
  for (size_t at = 1; at < 60; at++) {
    char auth[160];
    struct client c;
    start_members();
    client_start_and_break(&c, 2);
    EQ(sio_broadcast(all_of(2), "a", SIO_NONE), 0);
    turns(2);
    snprintf(auth, sizeof auth, "{\"pid\":\"%s\",\"offset\":\"%s\"}", c.pid, c.offset);
    alloc_fail_in(at);
    int err = sio_test_connect(members[1], "/", auth, &c.peer);
    alloc_fail_in(0);
    turns(6);
    if (!err && sio_test_is_open(c.peer) && sio_test_socket(c.peer)) {
      client_read(&c);
      if (sio_socket_recovered(sio_test_socket(c.peer))) EXPECT_TEXTS(&c, "[\"a\"]");
    }
    if (!err) client_break(&c);
    end();
  }
}

/* Three connections of one client, at once, while memory ends or the second member closes. */
TEST(a_client_that_asks_again_and_again_is_recovered_once) {
  for (int closes = 0; closes < 2; closes++)
    for (size_t at = 0; at < 30; at++) {
      struct client c;
      sio_test_peer *all[3];
      start_members();
      client_start(&c, 0);
      client_break(&c);
      turns(2);
      EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
      turns(2);
      client_open(&c, 1);
      all[0] = c.peer;
      turn();
      client_open(&c, 2);
      all[1] = c.peer;
      client_open(&c, 0);
      all[2] = c.peer;
      alloc_fail_in(at);
      turns((int)at % 3);
      if (closes) sio_server_close(members[1], NULL, NULL);
      turns(8);
      alloc_fail_in(0);
      turns(4);
      unsigned recovered = 0;
      for (int i = closes ? 1 : 0; i < 3; i++) {
        sio_socket *s = sio_test_is_open(all[i]) ? sio_test_socket(all[i]) : NULL;
        recovered += s && sio_socket_recovered(s);
      }
      CHECK(recovered <= 1);
      for (int i = 0; i < 3; i++) sio_test_free(all[i]);
      nclosed = closes ? 1 : 0;
      for (int i = 0; i < MEMBERS; i++)
        if (!closes || i != 1) sio_server_close(members[i], on_member_closed, NULL);
      wait_until_closed();
    }
}

TEST(any_allocation_may_fail_while_a_namespace_is_opened) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    sio_nsp *late;
    start_members();
    alloc_fail_in(at);
    int err = sio_of(members[0], "/late", &late);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    EQ(err, failed ? UV_ENOMEM : 0);
    end();
  }
}

TESTS_BEGIN
T(a_client_whose_missed_events_were_dropped_is_a_new_one)
T(a_member_that_closes_meanwhile_costs_the_client_its_socket_and_nothing_else)
T(a_member_may_close_at_any_point_of_the_return_to_another_one)
T(without_memory_nothing_leaks_and_nothing_comes_twice)
T(without_memory_for_what_crosses_nothing_comes_twice_or_out_of_order)
T(a_client_is_new_if_more_crosses_its_socket_than_may_be_kept)
T(volatile_events_that_cross_a_socket_are_not_kept_for_it)
T(a_client_is_new_if_no_member_can_be_asked)
T(a_client_whose_socket_could_not_be_sent_may_return_to_it_later)
T(a_client_whose_socket_and_events_do_not_fit_is_new_at_once)
T(a_held_question_that_finds_no_room_is_counted)
T(a_namespace_that_other_members_do_not_have_has_no_lost_sockets_there)
T(members_may_differ_in_whether_they_recover)
T(of_what_crosses_a_socket_only_events_for_it_are_kept)
T(a_socket_that_arrives_for_nobody_and_has_lost_events_is_freed)
T(a_socket_that_arrives_for_nobody_without_its_events_is_freed)
T(any_allocation_may_fail_while_a_socket_arrives_for_nobody)
T(any_allocation_may_fail_while_a_client_asks_for_its_socket)
T(a_client_that_asks_again_and_again_is_recovered_once)
T(any_allocation_may_fail_while_a_namespace_is_opened)
TESTS_END
