/* SPDX-License-Identifier: MIT
 *
 * test_redis_threads_streams.c - the streams adapter with two servers that serve as one
 * (sio/threads.h), of which the first is connected to Redis.
 */
#include "eio/polling.h"
#include "redis_questions.h"
#include "redis_streams_rig.h"
#include "redis_threads_rig.h"

#define ENTRY_OF(name)                                \
  "{\"packet\":{\"type\":2,\"data\":[\"" name "\"]}," \
  "\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}}}"

static void begin_streams_of_threads(const sio_recovery *r) {
  prepare_streams(r);
  fake_special = streams_special;
  begin_threads(sio_redis_streams_adapter);
}

static sio_target all_of_second(void) { return (sio_target){ .nsp = second_root }; }

/* ---- without recovery ------------------------------------------------------------------------ */

TEST(without_recovery_events_of_all_threads_are_entries_and_reach_each_peer_once) {
  begin_streams_of_threads(NULL);
  struct peer *p = joined(), *q = joined_second();
  EQ(sio_broadcast((sio_target){ .nsp = root }, "one", SIO_NONE), 0);
  EQ(sio_broadcast(all_of_second(), "two", SIO_NONE), 0);
  IS_ENTRY(0, "3", ENTRY_OF("one"));
  IS_ENTRY(1, "3", ENTRY_OF("two"));
  settle();
  HEARD(p, "42[\"one\"] 42[\"two\"] ");
  HEARD(q, "42[\"two\"] 42[\"one\"] ");
  of_other(ENTRY_OF("three"));
  HEARD(p, "42[\"three\"] ");
  HEARD(q, "42[\"three\"] ");
  end_threads();
}

TEST(sockets_of_all_threads_join_and_leave_when_another_server_says_so) {
  begin_streams_of_threads(NULL);
  joined();
  struct peer *q = joined_second();
  add_entry("1c48d7e685e0e7fe", "/", "4",
            "{\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"r\"]}");
  feed_reader();
  settle();
  CHECK(sio_in_room(first_root->members[0], "r"));
  CHECK(sio_in_room(second_root->members[0], "r"));
  EQ(sio_all_disconnect(all_of_second(), false), 0);
  IS_ENTRY(1, "6", "{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},\"close\":false}");
  HEARD(q, "41 ");
  end_threads();
}

/* ---- with recovery: events ------------------------------------------------------------------- */

static sio_target all_of_first(void) { return (sio_target){ .nsp = first_root }; }
static sio_socket *socket_of_first(void) { return first_root->members[0]; }
static sio_socket *socket_of_second(void) { return second_root->members[0]; }

TEST(with_recovery_all_threads_deliver_events_in_the_order_of_the_stream_with_offsets) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second();
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  turn();
  EQ(sio_broadcast(all_of_first(), "two", SIO_NONE), 0);
  EQ(sio_broadcast(all_of_second(), "three", SIO_NONE), 0);
  EQ(sio_emit(socket_of_second(), "own", SIO_NONE), 0);
  UNTIL(nentries == 4);
  settle();
  HEARD(p, "");
  HEARD(q, "");
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"two\",\"7-2\"] 42[\"three\",\"7-3\"] ");
  HEARD(q, "42[\"one\",\"7-1\"] 42[\"two\",\"7-2\"] 42[\"three\",\"7-3\"] 42[\"own\",\"7-4\"] ");
  of_other(ENTRY_OF("four"));
  HEARD(p, "42[\"four\",\"7-5\"] ");
  HEARD(q, "42[\"four\",\"7-5\"] ");
  end_threads();
}

TEST(attachments_rooms_and_an_excluded_socket_go_through_the_stream_too) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second(), *other = joined_second();
  EQ(sio_join(socket_of_first(), "r"), 0);
  EQ(sio_join(socket_of_second(), "r"), 0);
  const sio_target to = { .nsp = second_root, .rooms = SIO_ROOMS("r"), .skip = socket_of_second() };
  EQ(sio_broadcast(to, "bin", SIO_ARGS(sio_bin("x", 1))), 0);
  UNTIL(nentries == 1);
  settle();
  HEARD(p, "451-[\"bin\",{\"_placeholder\":true,\"num\":0},\"7-1\"] b:78 ");
  HEARD(q, "");
  HEARD(other, "");
  end_threads();
}

TEST(events_for_one_thread_wait_behind_those_that_it_has_sent_to_all) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second();
  const sio_target local = { .nsp = second_root, .flags = SIO_LOCAL };
  const sio_emit_options dropped = { .flags = SIO_VOLATILE };
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  EQ(sio_broadcast(local, "two", SIO_NONE), 0);
  EQ(sio_emit_with(socket_of_second(), &dropped, "three", SIO_NONE), 0);
  EQ(sio_broadcast(all_of_second(), "four", SIO_NONE), 0);
  UNTIL(nentries == 2);
  settle();
  HEARD(q, "");
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"four\",\"7-2\"] ");
  HEARD(q, "42[\"one\",\"7-1\"] 42[\"two\"] 42[\"three\"] 42[\"four\",\"7-2\"] ");
  EQ(sio_broadcast(local, "five", SIO_NONE), 0);
  HEARD(q, "42[\"five\"] ");
  end_threads();
}

TEST(volatile_events_of_a_thread_keep_their_place_among_its_others) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second();
  const sio_target maybe = { .nsp = second_root, .flags = SIO_VOLATILE };
  const sio_target process = { .nsp = second_root, .flags = SIO_PROCESS };
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  EQ(sio_broadcast(maybe, "two", SIO_NONE), 0);
  EQ(sio_broadcast(process, "three", SIO_NONE), 0);
  UNTIL(nentries == 2); /* what is for this process is none of the stream's */
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"two\"] 42[\"three\"] ");
  HEARD(q, "42[\"one\",\"7-1\"] 42[\"two\"] 42[\"three\"] ");
  end_threads();
}

/* Traces a message that waits in the queue of a session. */
static bool show_waiting(const struct msg *m, size_t bytes, void *user) {
  (void)bytes, (void)user;
  trace("%.*s%s ", (int)m->len, msg_data(m), m->key ? " has a key" : "");
  return false;
}

/* Without the key older events would not be dropped for newer ones (SIO_FULL_KEEP_LATEST). */
TEST(an_event_that_waits_has_its_key_on_all_threads) {
  begin_streams_of_threads(&normal);
  joined();
  struct peer *q = joined_second();
  if (sio__polling_init_for_session(q->session)) abort(); /* and it never polls */
  const sio_target process = { .nsp = root, .flags = SIO_PROCESS, .key = "position" };
  hold_reads = true;
  EQ(sio_broadcast(all_of_first(), "one", SIO_NONE), 0);
  EQ(sio_broadcast(process, "two", SIO_NONE), 0);
  UNTIL(nentries == 1);
  hold_reads = false;
  feed_reader();
  settle();
  q->session->transport->remove_if(q->session, show_waiting, NULL);
  SAW("42[\"two\"] has a key ");
  end_threads();
}

TEST(a_socket_that_its_thread_disconnects_is_sent_first_what_waits_for_it) {
  begin_streams_of_threads(&normal);
  struct peer *q = joined_second(), *rest = joined_second();
  hold_reads = true;
  EQ(sio_emit(socket_of_second(), "bye", SIO_NONE), 0);
  EQ(sio_emit(second_root->members[1], "not for it", SIO_NONE), 0);
  sio_disconnect(socket_of_second(), false);
  HEARD(q, "42[\"bye\"] 41 ");
  UNTIL(nentries == 2);
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(q, "");
  HEARD(rest, "42[\"not for it\",\"7-2\"] ");
  end_threads();
}

TEST(sockets_of_all_threads_that_are_disconnected_are_sent_first_what_the_caller_has_sent) {
  for (int from = 0; from < 2; from++) {
    begin_streams_of_threads(&normal);
    struct peer *p = joined(), *q = joined_second();
    hold_reads = true;
    const sio_target all = from ? all_of_second() : all_of_first();
    EQ(sio_broadcast(all, "bye", SIO_NONE), 0);
    EQ(sio_all_disconnect(all, false), 0);
    UNTIL(nentries == 2);
    hold_reads = false;
    feed_reader();
    settle();
    HEARD(p, "42[\"bye\"] 41 ");
    HEARD(q, from ? "42[\"bye\"] 41 " : "42[\"bye\",\"7-1\"] 41 ");
    end_threads();
  }
}

TEST(all_sockets_answer_an_event_with_acks_of_any_thread_in_its_place) {
  for (int from = 0; from < 2; from++) {
    begin_streams_of_threads(&normal);
    servers = 1;
    struct peer *p = joined(), *q = joined_second();
    const sio_target all = from ? all_of_second() : all_of_first();
    hold_reads = true;
    EQ(sio_broadcast(all, "one", SIO_NONE), 0);
    EQ(sio_broadcast_ack(all, "q", SIO_NONE, 5000, on_replies, NULL), 0);
    UNTIL(nentries == 1);
    settle();
    HEARD(p, "");
    HEARD(q, "");
    hold_reads = false;
    feed_reader();
    settle();
    HEARD(p, "42[\"one\",\"7-1\"] 420[\"q\"] ");
    HEARD(q, from ? "42[\"one\",\"7-1\"] 421[\"q\"] " : "42[\"one\",\"7-1\"] 420[\"q\"] ");
    say(p, "430[1]");
    say(q, from ? "431[1]" : "430[1]");
    UNTIL(*traced);
    SAW("all 2/2 1 1 ");
    end_threads();
  }
}

TEST(without_redis_all_threads_get_events_at_once_and_without_offsets) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second();
  fake_stop_listening();
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  EQ(sio_emit(socket_of_second(), "two", SIO_NONE), 0);
  settle();
  HEARD(p, "42[\"one\"] ");
  HEARD(q, "42[\"one\"] 42[\"two\"] ");
  end_threads();
}

TEST(when_the_connected_thread_has_closed_the_others_go_on_among_themselves) {
  begin_streams_of_threads(&normal);
  struct peer *q = joined_second(), *rest = joined_second();
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  turn();
  sio_server_close(first, on_done, NULL);
  EQ(sio_broadcast(all_of_second(), "two", SIO_NONE), 0);
  UNTIL(closed);
  EQ(sio_broadcast(all_of_second(), "three", SIO_NONE), 0);
  EQ(sio_emit(socket_of_second(), "four", SIO_NONE), 0);
  settle();
  const char *text = heard(q);
  CHECK(strstr(text, "[\"one\"") && strstr(text, "[\"two\"]") && strstr(text, "[\"three\"]"));
  CHECK(strstr(text, "[\"four\"]"));
  CHECK(!strstr(heard(rest), "four"));
  EQ(second->core.stats.thread_messages_lost, 0);
  end_threads();
}

/* ---- with recovery: sockets ------------------------------------------------------------------ */

TEST(a_socket_of_another_thread_has_a_key_until_it_is_disconnected) {
  begin_streams_of_threads(&normal);
  joined_second();
  UNTIL(strstr(commands, "SET sio:session:"));
  commands[0] = '\0';
  EQ(sio_join(socket_of_second(), "room"), 0);
  EQ(sio_socket_set_shared(socket_of_second(), SLICE("{\"user\":\"bob\"}")), 0);
  UNTIL(strstr(commands, "SET sio:session:"));
  settle();
  EQ(strstr(strstr(commands, "SET") + 1, "SET") != NULL, false); /* once a turn */
  EQ(strstr(commands, "DEL") != NULL, false);
  sio_disconnect(socket_of_second(), false);
  UNTIL(strstr(commands, "DEL sio:session:"));
  end_threads();
}

static void second_later(uint64_t ms) {
  clock_ms += ms;
  sio__timers_fire_due(&second->core.loop.timers, clock_ms);
  settle();
}

TEST(the_key_of_a_socket_of_another_thread_is_written_again_before_it_expires) {
  begin_streams_of_threads(&(sio_recovery){ .max_disconnection_ms = 60000 });
  joined_second();
  UNTIL(strstr(commands, "SET sio:session:"));
  commands[0] = '\0';
  for (int i = 0; i < 3; i++) second_later(5000);
  EQ_STR(commands, "");
  for (int i = 0; i < 2; i++) second_later(10001);
  CHECK(strstr(commands, "SET sio:session:"));
  end_threads();
}

TEST(the_key_is_written_when_the_connection_of_a_socket_of_another_thread_breaks) {
  begin_streams_of_threads(&normal);
  struct peer *q = joined_second();
  UNTIL(strstr(commands, "SET sio:session:"));
  settle();
  commands[0] = '\0';
  hang_up(q);
  UNTIL(strstr(commands, "SET sio:session:"));
  settle();
  CHECK(!strstr(commands, "DEL"));
  end_threads();
}

static struct peer *come_back_to_second(const char *offset) {
  srv = second;
  struct peer *p = come_back(offset);
  srv = first;
  return p;
}

TEST(a_client_of_another_process_is_restored_on_any_thread_with_what_it_missed) {
  begin_streams_of_threads(&normal);
  joined();
  of_other("{\"packet\":{\"type\":2,\"data\":[\"seen\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  of_other(event_for_room);
  of_other(
      "{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[\"x\"],\"except\":[]}}");
  of_other(
      "{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[],\"except\":[\"r2\"]}}");
  key_value = SESSION;
  struct peer *q = come_back_to_second("7-1");
  UNTIL(second_root->nmembers == 1);
  HEARD(q, "42[\"missed\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  EQ_STR(sio_socket_id(socket_of_second()), "Pi44Wbm5eyKL6lYOAAAA");
  CHECK(sio_in_room(socket_of_second(), "r2"));
  EQ_STR(sio_socket_shared(socket_of_second()).p, "{\"user\":\"bob\"}");
  of_other(event_for_room);
  HEARD(q, "42[\"missed\",\"7-5\"] ");
  EQ(second->core.stats.recovered, 1);
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB"));
  end_threads();
}

static sio_next *waiting;
static void wait_for_host(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  waiting = next;
}

TEST(events_that_come_while_a_client_waits_for_middleware_are_sent_once) {
  begin_streams_of_threads(&(sio_recovery){ .run_middlewares = true });
  EQ(sio_use(second_root, wait_for_host, NULL), 0);
  of_other(event_for_room);
  key_value = SESSION;
  waiting = NULL;
  struct peer *q = come_back_to_second("7-1");
  UNTIL(waiting);
  of_other(event_for_room);
  of_other(
      "{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[\"x\"],\"except\":[]}}");
  EQ(sio_broadcast((sio_target){ .nsp = second_root, .rooms = SIO_ROOMS("r2") }, "own", SIO_NONE),
     0);
  UNTIL(nentries == 4);
  settle();
  HEARD(q, "");
  sio_next_ok(waiting);
  settle();
  HEARD(q, "42[\"missed\",\"7-2\"] 42[\"own\",\"7-4\"] "
           "40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end_threads();
}

TEST(a_client_that_returns_while_redis_is_slow_misses_nothing_on_any_thread) {
  begin_streams_of_threads(&(sio_recovery){ .run_middlewares = true });
  struct peer *witness = joined();
  EQ(sio_join(socket_of_first(), "r2"), 0);
  EQ(sio_use(second_root, wait_for_host, NULL), 0);
  of_other(event_for_room);
  heard(witness);
  const sio_target room = { .nsp = first_root, .rooms = SIO_ROOMS("r2") };
  hold_reads = true;
  EQ(sio_broadcast(room, "before", SIO_NONE), 0);
  UNTIL(nentries == 2);
  clock_ms += STREAM_WAIT_MS;
  UNTIL(witness->n);
  key_value = SESSION;
  waiting = NULL;
  struct peer *q = come_back_to_second("7-1");
  UNTIL(!key_value);
  settle();
  EQ(waiting != NULL, false);
  hold_reads = false;
  feed_reader();
  UNTIL(waiting);
  heard(witness);
  hold_reads = true;
  EQ(sio_broadcast(room, "meanwhile", SIO_NONE), 0);
  UNTIL(nentries == 3);
  clock_ms += STREAM_WAIT_MS;
  UNTIL(witness->n);
  hold_reads = false;
  feed_reader();
  settle();
  sio_next_ok(waiting);
  settle();
  HEARD(q, "42[\"before\",\"7-2\"] 42[\"meanwhile\"] "
           "40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end_threads();
}

TEST(a_key_that_was_taken_for_a_client_of_another_thread_that_vanished_is_written_again) {
  for (int turns = 0; turns < 6; turns++) {
    begin_streams_of_threads(&normal);
    of_other(event_for_room);
    key_value = SESSION;
    struct peer *q = come_back_to_second("7-1");
    for (int i = 0; i < turns; i++) pump();
    if (!second_root->nmembers) commands[0] = '\0';
    hang_up(q);
    settle();
    CHECK(key_value || strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB "));
    end_threads();
  }
}

TEST(a_client_that_cannot_be_restored_is_new_on_its_thread) {
  begin_streams_of_threads(&normal);
  key_value = "";
  come_back_to_second("7-1");
  UNTIL(second_root->nmembers == 1);
  EQ(second->core.stats.recovery_failed[SIO_RECOVERY_NO_SESSION], 1);
  key_value = SESSION;
  come_back_to_second("7-9");
  UNTIL(second_root->nmembers == 2);
  EQ(second->core.stats.recovery_failed[SIO_RECOVERY_LOG_GONE], 1);
  come_back_to_second("x");
  UNTIL(second_root->nmembers == 3);
  EQ(second->core.stats.recovery_failed[SIO_RECOVERY_BAD_OFFSET], 1);
  fake_stop_listening();
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  come_back_to_second("7-1");
  UNTIL(second_root->nmembers == 4);
  EQ(second->core.stats.recovery_failed[SIO_RECOVERY_NO_ANSWER], 1);
  sio_server_close(first, on_done, NULL);
  UNTIL(closed);
  come_back_to_second("7-1");
  UNTIL(second_root->nmembers == 5);
  EQ(second->core.stats.recovery_failed[SIO_RECOVERY_NO_ANSWER], 2);
  end_threads();
}

/* Its first connection may still be open: nobody has noticed yet that it is dead. */
TEST(a_client_that_returns_to_another_thread_leaves_the_one_where_it_was_first) {
  for (int to_first = 0; to_first < 2; to_first++) {
    begin_streams_of_threads(&normal);
    of_other(event_for_room);
    key_value = SESSION;
    struct peer *old = to_first ? come_back_to_second("7-1") : come_back("7-1");
    sio_nsp *left = to_first ? second_root : first_root, *now = to_first ? first_root : second_root;
    UNTIL(left->nmembers == 1);
    settle();
    commands[0] = '\0';
    key_value = SESSION;
    struct peer *p = to_first ? come_back("7-1") : come_back_to_second("7-1");
    UNTIL(now->nmembers == 1);
    EQ(left->nmembers, 0);
    CHECK(!old->session);
    CHECK(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB"));
    HEARD(p, "40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
    EQ_STR(sio_socket_id(now->members[0]), "Pi44Wbm5eyKL6lYOAAAA");
    end_threads();
  }
}

/* ---- messages that are lost --------------------------------------------------------------- */

TEST(an_event_that_the_connected_thread_cannot_be_sent_is_delivered_at_once_and_counted) {
  begin_streams_of_threads(&normal);
  joined();
  struct peer *q = joined_second();
  settle();
  first->core.threads->inbox_max = 1;
  EQ(sio_broadcast(all_of_second(), "ev", SIO_NONE), 0);
  settle();
  HEARD(q, "42[\"ev\"] ");
  CHECK(second->core.stats.thread_messages_lost >= 1);
  EQ(nentries, 0);
  end_threads();
}

TEST(nothing_waits_for_an_event_that_the_connected_thread_could_not_be_sent) {
  begin_streams_of_threads(&normal);
  joined();
  struct peer *q = joined_second();
  size_t max = first->core.threads->inbox_max;
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "one", SIO_NONE), 0);
  UNTIL(nentries == 1);
  settle();
  first->core.threads->inbox_max = 1;
  EQ(sio_broadcast(all_of_second(), "two", SIO_NONE), 0);
  first->core.threads->inbox_max = max;
  EQ(sio_broadcast((sio_target){ .nsp = second_root, .flags = SIO_LOCAL }, "own", SIO_NONE), 0);
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(q, "42[\"two\"] 42[\"one\",\"7-1\"] 42[\"own\"] ");
  end_threads();
}

TEST(what_waits_for_an_event_that_is_lost_waits_five_seconds_at_most) {
  begin_streams_of_threads(&normal);
  struct peer *p = joined(), *q = joined_second();
  hold_reads = true;
  EQ(sio_broadcast(all_of_second(), "lost", SIO_NONE), 0);
  EQ(sio_broadcast((sio_target){ .nsp = second_root, .flags = SIO_LOCAL }, "own", SIO_NONE), 0);
  UNTIL(nentries == 1);
  settle();
  size_t max = first->core.threads->inbox_max;
  EQ(sio_broadcast(all_of_first(), "lost", SIO_NONE), 0);
  EQ(sio_all_disconnect(all_of_first(), false), 0);
  UNTIL(nentries == 3);
  first->core.threads->inbox_max = 1;
  hold_reads = false;
  feed_reader();
  settle();
  first->core.threads->inbox_max = max;
  HEARD(p, "42[\"lost\"] 42[\"lost\"] 41 ");
  HEARD(q, "");
  EQ(first->core.stats.thread_messages_lost, 2);
  for (int i = 0; i < 4; i++) second_later(1001);
  HEARD(q, "");
  for (int i = 0; i < 2; i++) second_later(1001);
  HEARD(q, "42[\"own\"] 41 ");
  end_threads();
}

TEST(a_client_that_cannot_be_sent_what_it_missed_is_new) {
  begin_streams_of_threads(&normal);
  of_other(event_for_room);
  of_other(event_for_room);
  key_value = SESSION;
  come_back_to_second("7-1");
  UNTIL(!key_value);
  size_t max = first->core.threads->inbox_max;
  first->core.threads->inbox_max = 1;
  UNTIL(first->core.stats.thread_messages_lost > 0);
  first->core.threads->inbox_max = max;
  for (int i = 0; i < 6 && !second_root->nmembers; i++) second_later(1000);
  EQ(second_root->nmembers, 1);
  CHECK(!sio_socket_recovered(socket_of_second()));
  end_threads();
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int ended;
static void on_any_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  ended++;
}

static void let_much_happen(struct peer *back) {
  const sio_target local = { .nsp = second_root, .flags = SIO_LOCAL };
  int asked = 0;
  ended = 0;
  sio_broadcast(all_of_second(), "one", SIO_ARGS(sio_bin("x", 1)));
  sio_broadcast(all_of_first(), "two", SIO_NONE);
  sio_broadcast(local, "three", SIO_NONE);
  asked += !sio_broadcast_ack(local, "q", SIO_NONE, 100, on_any_replies, NULL);
  asked += !sio_broadcast_ack(all_of_second(), "q", SIO_NONE, 100, on_any_replies, NULL);
  if (second_root->nmembers) sio_join(socket_of_second(), "room");
  if (second_root->nmembers) sio_socket_set_shared(socket_of_second(), SLICE("{}"));
  settle();
  key_value = SESSION;
  say(back, "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"7-1\"}");
  settle();
  sio_broadcast((sio_target){ .nsp = second_root, .rooms = SIO_ROOMS("r2") }, "r2", SIO_NONE);
  if (second_root->nmembers > 1) sio_emit(second_root->members[1], "own", SIO_NONE);
  if (second_root->nmembers > 1) sio_disconnect(second_root->members[1], false);
  sio_all_disconnect((sio_target){ .nsp = first_root, .rooms = SIO_ROOMS("room") }, true);
  settle();
  hang_up(back);
  clock_ms += 6000;
  sio__timers_fire_due(&first->core.loop.timers, clock_ms);
  sio__timers_fire_due(&second->core.loop.timers, clock_ms);
  settle();
  EQ(ended, asked);
}

/* 42["later","7-<number>"] */
static bool has_later_event(struct peer *p) {
  return strncmp(heard(p), "42[\"later\",\"7-", 14) == 0;
}

TEST(memory_that_ends_costs_events_at_most_and_later_ones_arrive) {
  bool reached = true;
  for (size_t at = 1; reached; at++) {
    begin_streams_of_threads(&normal);
    servers = 1;
    joined();
    joined_second();
    srv = second;
    struct peer *back = peer_new(), *p, *q;
    srv = first;
    of_other(event_for_room);
    alloc_fail_in(at);
    let_much_happen(back);
    reached = alloc_fuse == 0;
    alloc_fail_in(0);
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    p = joined();
    q = joined_second();
    EQ(sio_broadcast(all_of_second(), "later", SIO_NONE), 0);
    settle();
    CHECK(has_later_event(p));
    CHECK(has_later_event(q));
    end_threads();
  }
}

/* ---- namespaces and options ------------------------------------------------------------------ */

TEST(a_namespace_that_the_connected_thread_does_not_have_stays_in_the_process) {
  sio_nsp *nsp;
  begin_streams_of_threads(&normal);
  EQ(sio_of(second, "/own", &nsp), 0);
  srv = second;
  struct peer *q = peer_new();
  say(q, "40/own,");
  heard(q);
  srv = first;
  EQ(sio_broadcast((sio_target){ .nsp = nsp }, "ev", SIO_NONE), 0);
  EQ(sio_broadcast_ack((sio_target){ .nsp = nsp }, "q", SIO_NONE, 5000, on_replies, NULL), 0);
  settle();
  HEARD(q, "42/own,[\"ev\"] 42/own,1[\"q\"] ");
  say(q, "43/own,1[1]");
  UNTIL(*traced);
  SAW("all 1/1 1 ");
  EQ(nentries, 0);
  end_threads();
}

TEST(servers_with_another_time_for_recovery_are_refused) {
  sio_server *third;
  begin_streams_of_threads(&normal);
  sio_options o = { .threads = first->core.threads, .log = on_server_line };
  EQ(sio_server_new(&loop, &o, &third), UV_EINVAL);
  CHECK(strstr(server_lines,
               "sio_options.recovery: with this adapter of sio_threads_set_adapter(), all threads "
               "need the same recovery.max_disconnection_ms"));
  end_threads();
}

TESTS_BEGIN
T(with_recovery_all_threads_deliver_events_in_the_order_of_the_stream_with_offsets)
T(attachments_rooms_and_an_excluded_socket_go_through_the_stream_too)
T(events_for_one_thread_wait_behind_those_that_it_has_sent_to_all)
T(volatile_events_of_a_thread_keep_their_place_among_its_others)
T(an_event_that_waits_has_its_key_on_all_threads)
T(a_socket_that_its_thread_disconnects_is_sent_first_what_waits_for_it)
T(sockets_of_all_threads_that_are_disconnected_are_sent_first_what_the_caller_has_sent)
T(all_sockets_answer_an_event_with_acks_of_any_thread_in_its_place)
T(without_redis_all_threads_get_events_at_once_and_without_offsets)
T(when_the_connected_thread_has_closed_the_others_go_on_among_themselves)
T(a_socket_of_another_thread_has_a_key_until_it_is_disconnected)
T(the_key_of_a_socket_of_another_thread_is_written_again_before_it_expires)
T(the_key_is_written_when_the_connection_of_a_socket_of_another_thread_breaks)
T(a_client_of_another_process_is_restored_on_any_thread_with_what_it_missed)
T(events_that_come_while_a_client_waits_for_middleware_are_sent_once)
T(a_client_that_returns_while_redis_is_slow_misses_nothing_on_any_thread)
T(a_key_that_was_taken_for_a_client_of_another_thread_that_vanished_is_written_again)
T(a_client_that_cannot_be_restored_is_new_on_its_thread)
T(a_client_that_returns_to_another_thread_leaves_the_one_where_it_was_first)
T(an_event_that_the_connected_thread_cannot_be_sent_is_delivered_at_once_and_counted)
T(nothing_waits_for_an_event_that_the_connected_thread_could_not_be_sent)
T(what_waits_for_an_event_that_is_lost_waits_five_seconds_at_most)
T(a_client_that_cannot_be_sent_what_it_missed_is_new)
T(memory_that_ends_costs_events_at_most_and_later_ones_arrive)
T(a_namespace_that_the_connected_thread_does_not_have_stays_in_the_process)
T(servers_with_another_time_for_recovery_are_refused)
T(without_recovery_events_of_all_threads_are_entries_and_reach_each_peer_once)
T(sockets_of_all_threads_join_and_leave_when_another_server_says_so)
TESTS_END
