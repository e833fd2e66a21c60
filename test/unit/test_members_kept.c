/* SPDX-License-Identifier: MIT
 *
 * test_members_kept.c - an adapter on one thread keeps the lost sockets of all threads, and finds
 * them for clients that return to any of them.
 */
#include "members_kept_rig.h"

/* ---- sockets that the adapter keeps ---------------------------------------------------------- */

TEST(sockets_of_all_threads_are_kept_by_the_adapter_and_forgotten_when_disconnected) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    char want[160];
    start_kept();
    client_start(&c, i);
    EQ(sio_join(socket_of(&c), "red"), 0);
    EQ(sio_socket_set_shared(socket_of(&c), SLICE("{\"x\":1}")), 0);
    turns(3);
    client_break(&c);
    turns(3);
    snprintf(want, sizeof want, "%s red, {\"x\":1}", c.pid);
    EQ_STR(store.saved, want);
    EQ_STR(store.forgotten, "");
    client_start(&c, i);
    turns(3);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    EQ_STR(store.forgotten, c.pid);
    client_break(&c);
    end();
  }
}

TEST(an_adapter_that_need_not_forget_nor_hear_of_ends_serves_all_threads) {
  sio_adapter_ops ops = keeper;
  ops.forget = NULL;
  ops.restore_over = NULL;
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept_with(&ops);
    client_start(&c, i);
    turns(3);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_break(&c);
    come_from_elsewhere(&c, i);
    EQ(store.nasked, 1);
    EQ(find_socket(0), 0);
    end_answer(0, 0);
    CHECK(is_recovered(&c));
    EQ_STR(sio_socket_id(socket_of(&c)), id_there);
    client_break(&c);
    turns(3);
    CHECK(strncmp(store.saved, pid_there, 20) == 0);
    end();
  }
}

TEST(a_socket_is_sent_again_until_it_is_disconnected_and_then_no_more) {
  struct client c;
  recovery.max_disconnection_ms = 60000;
  start_kept();
  client_start(&c, 0);
  turns(3);
  unsigned before = store.persisted;
  CHECK(before > 0);
  later(10001);
  EQ(store.persisted, before); /* not yet a third of the time */
  later(10001);
  EQ(store.persisted, before + 1);
  client_break(&c);
  turns(3);
  before = store.persisted;
  for (int i = 0; i < 3; i++) later(20001);
  EQ(store.persisted, before);
  end();
  recovery.max_disconnection_ms = 0;
}

TEST(a_socket_that_could_not_be_sent_is_sent_when_the_timer_fires) {
  struct client c;
  recovery.max_disconnection_ms = 60000;
  start_kept();
  client_start(&c, 0);
  turns(3);
  size_t max = members[0]->core.threads->inbox_max;
  unsigned before = store.persisted;
  members[0]->core.threads->inbox_max = 1;
  EQ(sio_join(socket_of(&c), "red"), 0);
  turns(3);
  EQ(store.persisted, before);
  members[0]->core.threads->inbox_max = max;
  later(10001);
  EQ(store.persisted, before + 1);
  CHECK(strstr(store.saved, " red,"));
  client_break(&c);
  end();
  recovery.max_disconnection_ms = 0;
}

static void join_early(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  EQ(sio_join(s, "early"), 0);
  sio_next_ok(next);
}

TEST(a_room_that_middleware_joins_is_kept_with_the_socket) {
  struct client c[2];
  start_kept();
  EQ(sio_use(roots[0], join_early, NULL), 0);
  for (int i = 0; i < 2; i++) client_start(&c[i], 0);
  turns(3);
  client_break(&c[1]);
  turns(3);
  CHECK(strstr(store.saved, " early,") && strncmp(store.saved, c[1].pid, 20) == 0);
  client_break(&c[0]);
  end();
}

static unsigned shared_changes, leavings;
static void store_shared_changed(sio_adapter *a, sio_socket *s) {
  (void)a, (void)s;
  shared_changes++;
}
static void store_leaving(sio_adapter *a, sio_socket *s) {
  (void)a, (void)s;
  leavings++;
}

TEST(an_adapter_hears_of_shared_data_and_of_sockets_that_leave_on_its_thread) {
  struct client c;
  sio_adapter_ops ops = keeper;
  ops.shared_changed = store_shared_changed;
  ops.leaving = store_leaving;
  shared_changes = leavings = 0;
  start_kept_with(&ops);
  for (int i = 0; i < MEMBERS; i++) {
    client_start(&c, i);
    EQ(sio_socket_set_shared(socket_of(&c), SLICE("{}")), 0);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_break(&c);
  }
  EQ(shared_changes, 1);
  EQ(leavings, 1);
  end();
}

static int fails_to_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user,
                         sio_adapter **out) {
  (void)nsp, (void)calls, (void)user, (void)out;
  return UV_ENOSPC;
}

/* The host has to close that member; until then the threads serve, but keep no sockets. */
TEST(clients_that_return_are_new_if_the_adapter_could_not_be_opened) {
  sio_adapter_ops ops = keeper;
  ops.open = fails_to_open;
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_members();
    EQ(sio_threads_set_adapter(members[CONNECTED], &ops, NULL), UV_ENOSPC);
    client_start(&c, i);
    EQ(sio_broadcast(all_of(0), "news", SIO_NONE), 0);
    turns(3);
    client_read(&c);
    EXPECT_TEXTS(&c, "[\"news\"]");
    client_break(&c);
    turns(3);
    CHECK(!client_return(&c, (i + 1) % MEMBERS));
    CHECK(socket_of(&c) != NULL);
    EQ(failures((i + 1) % MEMBERS, SIO_RECOVERY_NO_ANSWER), 1);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_break(&c);
    end();
  }
}

/* ---- members whose adapters differ ----------------------------------------------------------- */

/* The adapter of a cluster that keeps no lost sockets. */
static sio_adapter_ops keeps_nothing(void) {
  sio_adapter_ops ops = keeper;
  ops.flags = 0;
  ops.persist = NULL;
  ops.forget = NULL;
  ops.restore = NULL;
  ops.restore_over = NULL;
  return ops;
}

static void close_and_connect_next_member(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  EQ(sio_server_close(members[0], on_member_closed, NULL), 0);
  EQ(sio_threads_set_adapter(members[1], &keeper, NULL), 0);
}

static void end_all_but(int member) {
  for (int i = 0; i < MEMBERS; i++)
    if (i != member) sio_server_close(members[i], on_member_closed, NULL);
  wait_until_closed();
}

TEST(a_member_that_closes_passes_its_last_sockets_to_the_member_that_keeps_them_from_then_on) {
  struct client c;
  char want[160];
  sio_adapter_ops ops = keeps_nothing();
  nclosed = 0;
  memset(&store, 0, sizeof store);
  start_members();
  EQ(sio_threads_set_adapter(members[0], &ops, NULL), 0);
  EQ(sio_on_disconnecting(roots[0], close_and_connect_next_member, NULL), 0);
  client_start(&c, 0);
  EQ(sio_join(socket_of(&c), "red"), 0);
  client_break(&c);
  turns(3);
  snprintf(want, sizeof want, "%s red, {}", c.pid);
  EQ_STR(store.saved, want);
  end_all_but(0);
}

TEST(a_member_whose_adapter_keeps_no_sockets_is_sent_those_of_others_in_vain) {
  struct client c[2];
  sio_adapter_ops ops = keeps_nothing();
  nclosed = 0;
  start_kept();
  for (int i = 0; i < 2; i++) client_start(&c[i], 0);
  turns(3);
  sio_server_close(members[CONNECTED], on_member_closed, NULL);
  turns(5);
  EQ(nclosed, 1);
  unsigned before = store.persisted;
  EQ(sio_threads_set_adapter(members[2], &ops, NULL), 0);
  EQ(sio_join(socket_of(&c[0]), "red"), 0);
  turns(3);
  sio_disconnect(socket_of(&c[1]), false);
  turns(3);
  EQ(store.persisted, before);
  EQ_STR(store.forgotten, "");
  for (int i = 0; i < 2; i++) client_break(&c[i]);
  turns(3);
  end_all_but(CONNECTED);
}

TEST(a_member_whose_adapter_keeps_no_sockets_is_asked_for_one_in_vain) {
  struct client c = { .n = 0 };
  sio_adapter_ops ops = keeps_nothing();
  nclosed = 0;
  start_kept();
  strcpy(c.pid, pid_there);
  client_open(&c, 0);
  sio_server_close(members[CONNECTED], on_member_closed, NULL);
  EQ(sio_threads_set_adapter(members[2], &ops, NULL), 0);
  turns(6);
  CHECK(socket_of(&c) && !sio_socket_recovered(socket_of(&c)));
  EQ(failures(0, SIO_RECOVERY_NO_ANSWER), 1);
  client_break(&c);
  end_all_but(CONNECTED);
}

/* ---- clients that return --------------------------------------------------------------------- */

TEST(what_the_adapter_finds_is_checked_by_the_thread_of_the_client) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    come_from_elsewhere(&c, i);
    REQUIRE(store.nasked == 1);
    (void)find_socket_with_pid(0, "another pid of 20 by");
    end_answer(0, 0);
    CHECK(!is_recovered(&c));
    CHECK(socket_of(&c)); /* it is a new one */
    EQ(failures(i, SIO_RECOVERY_NO_SESSION), 1);
    client_break(&c);
    end();
  }
}

TEST(a_client_that_the_adapter_does_not_know_is_a_new_one_with_that_reason) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    come_from_elsewhere(&c, i);
    end_answer(0, SIO_RECOVERY_LOG_GONE);
    CHECK(!is_recovered(&c));
    EQ(failures(i, SIO_RECOVERY_LOG_GONE), 1);
    client_break(&c);
    end();
  }
}

TEST(a_socket_that_is_found_for_a_client_that_has_left_is_kept_again) {
  struct client c;
  start_kept();
  come_from_elsewhere(&c, 0);
  REQUIRE(store.nasked == 1);
  client_break(&c);
  EQ(find_socket(0), 0); /* before the message that the client has left */
  end_answer(0, 0);
  EQ(store.persisted, 0);
  turns(4);
  EQ(store.persisted, 1);
  CHECK(strncmp(store.saved, pid_there, 20) == 0);
  EQ(store.over, 1);
  end();
}

TEST(an_event_that_is_found_for_a_client_that_has_left_is_dropped) {
  struct client c;
  start_kept();
  come_from_elsewhere(&c, 0);
  EQ(find_socket(0), 0);
  find_event(0, "[\"missed\"]", "at.8");
  client_break(&c); /* before these messages arrive */
  turns(4);
  EQ(store.persisted, 1);
  EQ(store.over, 1);
  end();
}

TEST(an_event_right_before_or_after_the_end_of_the_answer_is_received_once) {
  struct client c;
  start_kept();
  come_from_elsewhere(&c, 0);
  EQ(find_socket(0), 0);
  EQ(sio_broadcast(all_of(CONNECTED), "before", SIO_NONE), 0);
  find_event(0, "[\"before\"]", "at.1"); /* as an adapter does with what it delivers meanwhile */
  end_answer(0, 0);
  EQ(sio_broadcast(all_of(CONNECTED), "after", SIO_NONE), 0);
  EQ(sio_broadcast(all_of(2), "later", SIO_NONE), 0);
  CHECK(is_recovered(&c));
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"before\"]", "[\"after\"]", "[\"later\"]");
  client_break(&c);
  end();
}

TEST(clients_that_return_at_once_are_each_given_their_own_socket) {
  static const char other_pid[] = "another-pid-there-ab";
  struct client c[2];
  start_kept();
  come_from_elsewhere(&c[0], 0);
  memset(&c[1], 0, sizeof c[1]);
  strcpy(c[1].pid, other_pid);
  strcpy(c[1].offset, "at.7");
  client_open(&c[1], 0);
  turns(4);
  REQUIRE(store.nasked == 2);
  const char *const rooms[] = { "three", NULL };
  const sio_saved_socket other = {
    .id = "otherother-otherothe", .pid = other_pid, .rooms = rooms, .shared = SLICE("{}")
  };
  EQ(store.api->restore_found(store.asked[1], &other), 0);
  EQ(find_socket(0), 0);
  find_event(0, "[\"first\"]", "at.8");
  find_event(1, "[\"second\"]", "at.9");
  end_answer(1, 0);
  CHECK(is_recovered(&c[1]));
  CHECK(!socket_of(&c[0])); /* its answer is not complete */
  end_answer(0, 0);
  CHECK(is_recovered(&c[0]));
  EQ_STR(sio_socket_id(socket_of(&c[0])), id_there);
  EQ_STR(sio_socket_id(socket_of(&c[1])), other.id);
  client_read(&c[0]);
  EXPECT_TEXTS(&c[0], "[\"first\"]");
  client_read(&c[1]);
  EXPECT_TEXTS(&c[1], "[\"second\"]");
  EQ(store.over, 2);
  client_break(&c[0]);
  client_break(&c[1]);
  end();
}

TEST(a_client_that_leaves_before_the_other_threads_have_answered_is_not_asked_for) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c = { .n = 0 };
    start_kept();
    strcpy(c.pid, pid_there);
    client_open(&c, i);
    client_break(&c);
    turns(6);
    EQ(store.nasked, 0);
    EQ(store.persisted, 0);
    end();
  }
}

TEST(a_client_is_new_if_its_socket_does_not_fit_into_the_queue_of_its_thread) {
  struct client c;
  start_kept();
  come_from_elsewhere(&c, 0);
  REQUIRE(store.nasked == 1);
  size_t max = members[0]->core.threads->inbox_max;
  members[0]->core.threads->inbox_max = 1;
  CHECK(find_socket(0) != 0);
  members[0]->core.threads->inbox_max = max;
  end_answer(0, 0);
  CHECK(!is_recovered(&c));
  CHECK(socket_of(&c) != NULL);
  EQ(failures(0, SIO_RECOVERY_TOO_MUCH), 1);
  client_break(&c);
  end();
}

TEST(a_client_is_new_if_the_connected_thread_closes_before_it_is_asked) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    memset(&c, 0, sizeof c);
    strcpy(c.pid, pid_there);
    strcpy(c.offset, "at.7");
    client_open(&c, i);
    sio_server_close(members[CONNECTED], on_member_closed, NULL);
    turns(6);
    EQ(store.nasked, 0);
    if (i != CONNECTED) CHECK(socket_of(&c) && !sio_socket_recovered(socket_of(&c)));
    if (i != CONNECTED) EQ(failures(i, SIO_RECOVERY_NO_ANSWER), 1);
    client_break(&c);
    nclosed = 0;
    for (int k = 0; k < MEMBERS; k++)
      if (k != CONNECTED) sio_server_close(members[k], on_member_closed, NULL);
    for (int k = 0; k < 40 && nclosed < MEMBERS - 1; k++) turn();
    nclosed = MEMBERS;
    wait_until_closed();
  }
}

TEST(a_namespace_that_the_connected_thread_lacks_has_no_lost_sockets) {
  sio_nsp *own;
  sio_test_peer *p;
  start_kept();
  EQ(sio_of(members[0], "/own", &own), 0);
  EQ(sio_test_connect(members[0], "/own", "{\"pid\":\"pidpidpidpidpidpidpi\",\"offset\":\"at.7\"}",
                      &p),
     0);
  turns(6);
  CHECK(sio_test_socket(p) && !sio_socket_recovered(sio_test_socket(p)));
  EQ(failures(0, SIO_RECOVERY_NO_SESSION), 1);
  EQ(store.nasked, 0);
  sio_test_free(p);
  end();
}

TEST(a_restore_whose_end_was_lost_ends_with_a_later_one) {
  struct client c[2];
  start_kept();
  come_from_elsewhere(&c[0], 0);
  end_answer(0, SIO_RECOVERY_NO_SESSION);
  size_t max = members[0]->core.threads->inbox_max;
  members[0]->core.threads->inbox_max = 1; /* the message that it is over is lost */
  turns(4);
  members[0]->core.threads->inbox_max = max;
  CHECK(socket_of(&c[0]) != NULL);
  EQ(store.over, 0);
  later(2 * (uint64_t)members[0]->core.opts->request_timeout_ms + 1);
  come_from_elsewhere(&c[1], 2);
  EQ(store.over, 1);
  end_answer(1, SIO_RECOVERY_NO_SESSION);
  turns(4);
  EQ(store.over, 2);
  client_break(&c[0]);
  client_break(&c[1]);
  end();
}

/* ---- events for a client that waits for middleware ------------------------------------------- */

static sio_next *verdict;
static void decide_later(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  verdict = next;
}

TEST(of_the_events_that_come_while_a_client_waits_it_is_sent_those_for_its_socket) {
  recovery.run_middlewares = true;
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    verdict = NULL;
    questions = 0;
    start_kept();
    EQ(sio_use(roots[i], decide_later, NULL), 0);
    come_from_elsewhere(&c, i);
    EQ(find_socket(0), 0);
    find_event(0, "[\"missed\"]", "at.8");
    end_answer(0, 0);
    turns(4);
    REQUIRE(verdict);
    int from = i == 2 ? 0 : 2;
    sio_target to = all_of(from);
    EQ(sio_broadcast(to, "all", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("one");
    EQ(sio_broadcast(to, "room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("three");
    EQ(sio_broadcast(to, "no: other room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS(id_there);
    EQ(sio_broadcast(to, "id", SIO_NONE), 0);
    to.rooms = NULL;
    to.except = SIO_ROOMS("two");
    EQ(sio_broadcast(to, "no: except", SIO_NONE), 0);
    to.except = SIO_ROOMS("three");
    EQ(sio_broadcast(to, "not except", SIO_NONE), 0);
    to = all_of(from);
    to.flags = SIO_VOLATILE;
    EQ(sio_broadcast(to, "no: volatile", SIO_NONE), 0);
    EQ(sio_broadcast_ack(all_of(from), "no: ack", SIO_NONE, 100, on_any_replies, NULL), 0);
    turns(4);
    EQ(sio_test_next(c.peer) != NULL, false);
    sio_next_ok(verdict);
    CHECK(is_recovered(&c));
    client_read(&c);
    if (i == CONNECTED) /* there the adapter adds events, which this one does not do */
      EXPECT_TEXTS(&c, "[\"missed\"]");
    else
      EXPECT_TEXTS(&c, "[\"missed\"]", "[\"all\"]", "[\"room\"]", "[\"id\"]", "[\"not except\"]");
    client_break(&c);
    later(200);
    EQ(questions, 1);
    end();
  }
  recovery.run_middlewares = false;
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(any_allocation_may_fail_while_a_client_is_restored_and_it_is_recovered_whole_or_new) {
  for (int i = 0; i < MEMBERS; i++) {
    bool failed = true;
    for (size_t at = 1; failed && at < 300; at++) {
      struct client c = { .n = 0 };
      start_kept();
      alloc_fail_in(at);
      (void)sio_test_connect(members[i], "/",
                             "{\"pid\":\"pidpidpidpidpidpidpi\",\"offset\":\"at.7\"}", &c.peer);
      turns(4);
      if (store.nasked && store.asked[0]) {
        int err = find_socket(0);
        if (!err)
          err = store.api->restore_event(store.asked[0], SLICE("[\"missed\"]"), NULL, 0,
                                         SLICE("at.8"));
        end_answer(0, err ? SIO_RECOVERY_NO_MEMORY : 0);
      }
      turns(4);
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      later(members[0]->core.opts->request_timeout_ms + 1u);
      if (c.peer && is_recovered(&c)) {
        client_read(&c);
        EXPECT_TEXTS(&c, "[\"missed\"]");
      }
      if (c.peer) client_break(&c);
      end();
    }
  }
}

TESTS_BEGIN
T(sockets_of_all_threads_are_kept_by_the_adapter_and_forgotten_when_disconnected)
T(an_adapter_that_need_not_forget_nor_hear_of_ends_serves_all_threads)
T(a_socket_is_sent_again_until_it_is_disconnected_and_then_no_more)
T(a_socket_that_could_not_be_sent_is_sent_when_the_timer_fires)
T(a_room_that_middleware_joins_is_kept_with_the_socket)
T(an_adapter_hears_of_shared_data_and_of_sockets_that_leave_on_its_thread)
T(clients_that_return_are_new_if_the_adapter_could_not_be_opened)
T(a_member_that_closes_passes_its_last_sockets_to_the_member_that_keeps_them_from_then_on)
T(a_member_whose_adapter_keeps_no_sockets_is_sent_those_of_others_in_vain)
T(a_member_whose_adapter_keeps_no_sockets_is_asked_for_one_in_vain)
T(what_the_adapter_finds_is_checked_by_the_thread_of_the_client)
T(a_client_that_the_adapter_does_not_know_is_a_new_one_with_that_reason)
T(a_socket_that_is_found_for_a_client_that_has_left_is_kept_again)
T(an_event_that_is_found_for_a_client_that_has_left_is_dropped)
T(an_event_right_before_or_after_the_end_of_the_answer_is_received_once)
T(clients_that_return_at_once_are_each_given_their_own_socket)
T(a_client_that_leaves_before_the_other_threads_have_answered_is_not_asked_for)
T(a_client_is_new_if_its_socket_does_not_fit_into_the_queue_of_its_thread)
T(a_client_is_new_if_the_connected_thread_closes_before_it_is_asked)
T(a_namespace_that_the_connected_thread_lacks_has_no_lost_sockets)
T(a_restore_whose_end_was_lost_ends_with_a_later_one)
T(of_the_events_that_come_while_a_client_waits_it_is_sent_those_for_its_socket)
T(any_allocation_may_fail_while_a_client_is_restored_and_it_is_recovered_whole_or_new)
TESTS_END
