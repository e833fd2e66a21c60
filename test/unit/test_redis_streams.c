/* SPDX-License-Identifier: MIT
 *
 * test_redis_streams.c - the streams adapter: what @socket.io/redis-streams-adapter 0.3 was seen to
 * write, and what happens when connections break and answers fail.
 */
#include "redis_streams_rig.h"

/* ---- as npm does it -------------------------------------------------------------------------- */

TEST(events_are_added_as_npm_does_it) {
  begin_streams(NULL);
  struct peer *p = joined();
  sio_broadcast(ALL, "ev", SIO_ARGS("x", 1));
  IS_ENTRY(0, "3",
           "{\"packet\":{\"type\":2,\"data\":[\"ev\",\"x\",1]},\"opts\":{\"rooms\":[],"
           "\"except\":[],\"flags\":{}}}");
  sio_broadcast(ALL, "bin", SIO_ARGS(sio_bin("\1\2\3", 3)));
  IS_ENTRY(1, "3",
           "gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQIDpG9wdHODpXJvb21zkKZleGNlcHSQpWZsYWdzgA"
           "==");
  sio_all_join((sio_target){ .nsp = root, .rooms = SIO_ROOMS("room1") }, SIO_ROOMS("r2"));
  IS_ENTRY(2, "4",
           "{\"opts\":{\"rooms\":[\"room1\"],\"except\":[],\"flags\":{}},\"rooms\":[\"r2\"]}");
  settle();
  HEARD(p, "42[\"ev\",\"x\",1] 451-[\"bin\",{\"_placeholder\":true,\"num\":0}] b:010203 ");
  end();
}

TEST(a_socket_is_kept_as_npm_does_it) {
  static const char *const rooms[] = { "room1", "r2", NULL };
  const sio_saved_socket s = { .id = "Pi44Wbm5eyKL6lYOAAAA",
                               .pid = "30W7ZDd8ZgFjh8FkAAAB",
                               .rooms = rooms,
                               .shared = SLICE("{\"user\":\"bob\"}") };
  begin_streams(&(sio_recovery){ .max_disconnection_ms = 60000 });
  root->ops->persist(root->adapter, &s);
  UNTIL(commands[0]);
  EQ_STR(commands,
         "SET sio:session:30W7ZDd8ZgFjh8FkAAAB "
         "hKNzaWS0UGk0NFdibTVleUtMNmxZT0FBQUGjcGlktDMwVzdaRGQ4WmdGamg4RmtBQUFCpXJvb21zk7RQaTQ0V2Jt"
         "NWV5S0w2bFlPQUFBQaVyb29tMaJyMqRkYXRhgaR1c2Vyo2JvYg== PX 60000\n");
  end();
}

/* ---- order ----------------------------------------------------------------------------------- */

TEST(with_recovery_events_are_delivered_in_the_order_of_the_stream) {
  begin_streams(&normal);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_LOCAL }, "local", SIO_NONE);
  UNTIL(nentries == 1);
  settle();
  HEARD(p, "");
  hold_reads = false;
  of_other("{\"packet\":{\"type\":2,\"data\":[\"other\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"local\"] 42[\"other\",\"7-2\"] ");
  end();
}

TEST(a_socket_that_is_disconnected_is_sent_what_waits_first) {
  begin_streams(&normal);
  struct peer *p = joined(), *q = joined();
  hold_reads = true;
  sio_socket *s = root->members[0];
  sio_emit(s, "bye", SIO_NONE);
  sio_broadcast(ALL, "all", SIO_NONE);
  sio_disconnect(s, false);
  HEARD(p, "42[\"bye\"] 42[\"all\"] 41 ");
  hold_reads = false;
  UNTIL(nentries == 2);
  feed_reader();
  settle();
  HEARD(q, "42[\"all\",\"7-2\"] ");
  HEARD(p, "");
  end();
}

/* ---- failures -------------------------------------------------------------------------------- */

TEST(an_event_that_redis_refuses_is_delivered_here_and_counted) {
  begin_streams(&normal);
  struct peer *p = joined();
  refuse_add = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(redis_stats().dropped == 1);
  HEARD(p, "42[\"one\"] ");
  end();
}

/* The connection that reads may be faster than the one that adds. */
TEST(an_entry_that_is_read_before_its_reply_comes_is_not_taken_for_the_next_one) {
  begin_streams(&normal);
  struct peer *p = joined();
  UNTIL(strstr(commands, "SET"));
  settle();
  hold_adds = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(redis_stats().received == 1);
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] ");
  refuse_add = true;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(strstr(held_adds, "OOM"));
  fake_say(writer, held_adds);
  UNTIL(redis_stats().errors == 1);
  settle();
  EQ(redis_stats().dropped, 1);
  HEARD(p, "42[\"two\"] ");
  end();
}

/* Its reply is on the way on the connection that did not break. */
TEST(an_entry_under_way_is_not_added_again_when_the_reader_comes_back) {
  begin_streams(NULL);
  hold_adds = hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1 && reader);
  struct fake_conn *before = reader;
  reader = NULL;
  fake_close(before);
  UNTIL(reader);
  settle();
  EQ(nentries, 1);
  hold_adds = hold_reads = false;
  fake_say(writer, held_adds);
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(nentries == 2);
  settle();
  EQ(nentries, 2);
  end();
}

TEST(an_entry_that_was_refused_is_not_taken_for_the_one_that_is_read) {
  begin_streams(&normal);
  struct peer *p = joined();
  UNTIL(strstr(commands, "SET"));
  settle();
  hold_adds = refuse_add = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(strstr(held_adds, "OOM"));
  refuse_add = false;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(redis_stats().received == 1);
  settle();
  HEARD(p, "42[\"one\"] 42[\"two\",\"7-1\"] ");
  EQ(redis_stats().dropped, 1);
  fake_say(writer, held_adds);
  settle();
  EQ(redis_stats().dropped, 1);
  HEARD(p, "");
  end();
}

/* Added again, it would come after the other for the clients of other servers. */
TEST(an_entry_that_was_refused_is_not_added_again_after_a_later_one) {
  begin_streams(NULL);
  hold_adds = refuse_add = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(strstr(held_adds, "OOM"));
  refuse_add = false;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(redis_stats().received == 1);
  hold_adds = false;
  unsigned connects = (unsigned)redis_stats().connects;
  fake_close(writer);
  UNTIL(redis_stats().connects > connects);
  sio_broadcast(ALL, "three", SIO_NONE);
  UNTIL(redis_stats().received > 1);
  settle();
  EQ(nentries, 2);
  CHECK(strstr(entries[1].data, "[\"three\"]"));
  EQ(redis_stats().dropped, 1);
  end();
}

TEST(entries_that_are_malformed_are_counted_and_passed_over) {
  begin_streams(&normal);
  struct peer *p = joined();
  of_other("{\"packet\":");
  of_other("!!!");
  of_other("{\"packet\":{\"type\":2,\"data\":{}},\"opts\":{}}");
  add_entry("x", "", "3", "{}");
  of_other("{\"packet\":{\"type\":2,\"data\":[\"ok\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  HEARD(p, "42[\"ok\",\"7-5\"] ");
  EQ(redis_stats().malformed, 4);
  end();
}

/* ---- restoring ------------------------------------------------------------------------------- */

TEST(a_client_of_another_server_is_restored_with_what_it_missed) {
  begin_streams(&normal);
  of_other("{\"packet\":{\"type\":2,\"data\":[\"seen\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  of_other(event_for_room);
  of_other(
      "{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[\"x\"],\"except\":[]}}");
  of_other(
      "{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[],\"except\":[\"r2\"]}}");
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"missed\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  EQ_STR(sio_socket_id(root->members[0]), "Pi44Wbm5eyKL6lYOAAAA");
  CHECK(sio_in_room(root->members[0], "r2"));
  EQ_STR(sio_socket_shared(root->members[0]).p, "{\"user\":\"bob\"}");
  of_other(event_for_room);
  HEARD(p, "42[\"missed\",\"7-5\"] ");
  EQ(srv->core.stats.recovered, 1);
  end();
}

TEST(a_client_whose_key_or_offset_is_gone_is_new) {
  begin_streams(&normal);
  key_value = "";
  come_back("7-1");
  UNTIL(root->nmembers == 1);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_NO_SESSION], 1);
  key_value = SESSION;
  come_back("7-9");
  UNTIL(root->nmembers == 2);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_LOG_GONE], 1);
  key_value = "AAAA";
  of_other(event_for_room);
  come_back("7-1");
  UNTIL(root->nmembers == 3);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_NO_SESSION], 2);
  come_back("x");
  UNTIL(root->nmembers == 4);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_BAD_OFFSET], 1);
  end();
}

TEST(a_key_that_was_taken_for_a_client_that_vanished_is_written_again) {
  begin_streams(&normal);
  of_other(event_for_room);
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  hang_up(p);
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB " SESSION));
  end();
}

TEST(without_redis_a_client_that_returns_is_new_at_once) {
  begin_streams(&normal);
  fake_stop_listening();
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  come_back("7-1");
  UNTIL(root->nmembers == 1);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_NO_ANSWER], 1);
  end();
}

TEST(a_connected_socket_has_a_key_until_it_is_disconnected) {
  begin_streams(&normal);
  joined();
  sio_join(root->members[0], "room");
  UNTIL(strstr(commands, "SET sio:session:"));
  CHECK(strstr(commands, " PX 120000\n"));
  EQ(strstr(strstr(commands, "SET") + 1, "SET") != NULL, false);
  sio_disconnect(root->members[0], false);
  UNTIL(strstr(commands, "DEL sio:session:"));
  end();
}

/* ---- a Redis Cluster ------------------------------------------------------------------------- */

TEST(a_stream_of_a_cluster_is_on_the_server_of_its_slot) {
  begin_streams_in_cluster(NULL);
  struct peer *p = joined();
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(nentries == 1);
  EQ(adds[0], 0);
  EQ(adds[1], 1);
  of_other("{\"packet\":{\"type\":2,\"data\":[\"other\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  read_all(2);
  HEARD(p, "42[\"ev\"] 42[\"other\"] ");
  EQ(redis_stats().errors, 0);
  end_cluster();
}

TEST(entries_follow_the_slot_of_their_stream_once_and_in_order) {
  begin_streams_in_cluster(&normal);
  struct peer *p = joined();
  sio_broadcast(ALL, "one", SIO_NONE);
  read_all(1);
  HEARD(p, "42[\"one\",\"7-1\"] ");
  move_stream(0);
  sio_broadcast(ALL, "two", SIO_NONE);
  sio_broadcast(ALL, "three", SIO_NONE);
  UNTIL(nentries == 3);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  of_other("{\"packet\":{\"type\":2,\"data\":[\"other\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  read_all(4);
  EQ(adds[0], 2);
  CHECK(strstr(entries[1].data, "two") && strstr(entries[2].data, "three"));
  /* What waited when the connection was left was delivered at once, without an offset. */
  HEARD(p, "42[\"two\"] 42[\"three\"] 42[\"other\",\"7-4\"] ");
  EQ(redis_stats().dropped, 0);
  CHECK(redis_stats().redirected > 0);
  end_cluster();
}

TEST(entries_wait_while_the_slot_of_their_stream_is_on_no_server) {
  static const char *const errors[] = { "-CLUSTERDOWN Hash slot not served\r\n",
                                        "-TRYAGAIN Multiple keys\r\n", NULL };
  for (int i = 0; i < 3; i++) {
    char ask[80];
    begin_streams_in_cluster(NULL);
    snprintf(ask, sizeof ask, "-ASK %u 127.0.0.1:%u\r\n",
             sio__cluster_slot_of_key(SLICE("socket.io")), fake_ports[0]);
    struct peer *p = joined();
    slot_error = errors[i] ? errors[i] : ask;
    sio_broadcast(ALL, "one", SIO_NONE);
    sio_broadcast(ALL, "two", SIO_NONE);
    UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
    settle();
    EQ(nentries, 0);
    slot_error = NULL;
    UNTIL(nentries == 2);
    CHECK(strstr(entries[0].data, "one") && strstr(entries[1].data, "two"));
    HEARD(p, "42[\"one\"] 42[\"two\"] ");
    EQ(redis_stats().dropped, 0);
    end_cluster();
  }
}

TEST(a_socket_is_restored_from_a_key_on_another_server_of_the_cluster) {
  begin_streams_in_cluster(&normal);
  key_node = 1;
  of_other("{\"packet\":{\"type\":2,\"data\":[\"seen\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  of_other(event_for_room);
  read_all(2);
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"missed\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  EQ(takes[1], 1);
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB")); /* it is connected */
  end_cluster();
}

TEST(a_key_of_a_cluster_stays_if_the_offset_is_gone) {
  begin_streams_in_cluster(&normal);
  key_value = SESSION;
  come_back("7-9");
  UNTIL(root->nmembers == 1);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_LOG_GONE], 1);
  EQ(takes[0], 0);
  key_value = NULL;
  of_other(event_for_room);
  come_back("7-1");
  UNTIL(root->nmembers == 2);
  EQ(srv->core.stats.recovery_failed[SIO_RECOVERY_NO_SESSION], 1);
  end_cluster();
}

TESTS_BEGIN
T(events_are_added_as_npm_does_it)
T(a_socket_is_kept_as_npm_does_it)
T(with_recovery_events_are_delivered_in_the_order_of_the_stream)
T(a_socket_that_is_disconnected_is_sent_what_waits_first)
T(an_event_that_redis_refuses_is_delivered_here_and_counted)
T(an_entry_that_is_read_before_its_reply_comes_is_not_taken_for_the_next_one)
T(an_entry_under_way_is_not_added_again_when_the_reader_comes_back)
T(an_entry_that_was_refused_is_not_taken_for_the_one_that_is_read)
T(an_entry_that_was_refused_is_not_added_again_after_a_later_one)
T(entries_that_are_malformed_are_counted_and_passed_over)
T(a_client_of_another_server_is_restored_with_what_it_missed)
T(a_client_whose_key_or_offset_is_gone_is_new)
T(a_key_that_was_taken_for_a_client_that_vanished_is_written_again)
T(without_redis_a_client_that_returns_is_new_at_once)
T(a_connected_socket_has_a_key_until_it_is_disconnected)
T(a_stream_of_a_cluster_is_on_the_server_of_its_slot)
T(entries_follow_the_slot_of_their_stream_once_and_in_order)
T(entries_wait_while_the_slot_of_their_stream_is_on_no_server)
T(a_socket_is_restored_from_a_key_on_another_server_of_the_cluster)
T(a_key_of_a_cluster_stays_if_the_offset_is_gone)
TESTS_END
