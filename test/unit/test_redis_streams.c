/* SPDX-License-Identifier: MIT
 *
 * test_redis_streams.c - the streams adapter: what @socket.io/redis-streams-adapter 0.3 was seen to
 * write, and what happens when connections break and answers fail.
 */
#include "redis/stream_repeats.h"
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

TEST(an_event_that_redis_refuses_is_not_delivered_before_an_earlier_one) {
  begin_streams(&normal);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1);
  refuse_add = true;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(redis_stats().dropped == 1);
  settle();
  HEARD(p, "");
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"two\"] ");
  end();
}

TEST(a_socket_that_is_disconnected_is_sent_a_refused_event_that_waits_for_an_earlier_one) {
  begin_streams(&normal);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1);
  refuse_add = true;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(redis_stats().dropped == 1);
  sio_disconnect(root->members[0], false);
  HEARD(p, "42[\"one\"] 42[\"two\"] 41 ");
  end();
}

/* A client has joined, and Redis has its session. */
static struct peer *begin_with_stored_session(void) {
  begin_streams(&normal);
  struct peer *p = joined();
  UNTIL(strstr(commands, "SET"));
  settle();
  return p;
}

/* The second is read from the stream while the replies to both are held. */
static void add_two_of_which_the_first_is_refused(void) {
  hold_adds = refuse_add = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(strstr(held_adds, "OOM"));
  refuse_add = false;
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(redis_stats().received == 1);
}

/* The connection that reads may be faster than the one that adds. */
TEST(an_entry_that_is_read_before_its_reply_comes_is_not_taken_for_the_next_one) {
  struct peer *p = begin_with_stored_session();
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
  struct peer *p = begin_with_stored_session();
  add_two_of_which_the_first_is_refused();
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
  add_two_of_which_the_first_is_refused();
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

/* ---- entries that are added twice ------------------------------------------------------------ */

static const char other_uid[] = "1c48d7e685e0e7fe";

static void of_other_numbered(const char *seq, const char *data) {
  add_numbered_entry(other_uid, seq, data);
  feed_reader();
  settle();
}

static const char event_for_all[] =
    "{\"packet\":{\"type\":2,\"data\":[\"all\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";

TEST(an_entry_that_another_server_has_added_twice_is_delivered_once) {
  begin_streams(&normal);
  struct peer *p = joined();
  of_other_numbered("1", event_for_all);
  of_other_numbered("2", event_for_all);
  of_other_numbered("1", event_for_all);
  of_other_numbered("2", event_for_all);
  of_other_numbered("3", event_for_all);
  HEARD(p, "42[\"all\",\"7-1\"] 42[\"all\",\"7-2\"] 42[\"all\",\"7-5\"] ");
  EQ(redis_stats().repeated, 2);
  end();
}

TEST(entries_that_are_trimmed_before_they_are_read_back_are_delivered_and_take_no_room) {
  begin_streams(&normal);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_broadcast(ALL, "two", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_LOCAL }, "here", SIO_NONE);
  UNTIL(nentries == 2);
  settle();
  HEARD(p, "");
  read_to = 2; /* the next XREAD finds neither */
  hold_reads = false;
  of_other(event_for_all);
  HEARD(p, "42[\"one\"] 42[\"two\"] 42[\"here\"] 42[\"all\",\"7-3\"] ");
  EQ(redis_stats().queued, 0);
  EQ(redis_stats().dropped, 0);
  end();
}

TEST(entries_without_a_valid_number_are_all_delivered) {
  begin_streams(&normal);
  struct peer *p = joined();
  of_other_numbered("7", event_for_all);
  of_other_numbered("", event_for_all);
  of_other_numbered("", event_for_all);
  of_other_numbered("x", event_for_all);
  of_other_numbered("0", event_for_all);
  of_other_numbered("18446744073709551616", event_for_all);
  HEARD(p, "42[\"all\",\"7-1\"] 42[\"all\",\"7-2\"] 42[\"all\",\"7-3\"] "
           "42[\"all\",\"7-4\"] 42[\"all\",\"7-5\"] 42[\"all\",\"7-6\"] ");
  EQ(redis_stats().repeated, 0);
  end();
}

/* Bytes that have left this machine reach Redis after the connection was given up. */
TEST(an_entry_that_redis_executes_late_has_the_number_of_the_one_that_replaced_it) {
  struct peer *p = begin_with_stored_session();
  lose_adds = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(lost_adds == 1);
  lose_adds = false;
  fake_close(writer);
  UNTIL(nentries == 1);
  sio_broadcast(ALL, "two", SIO_NONE);
  UNTIL(nentries == 2);
  settle();
  HEARD(p, "42[\"one\"] 42[\"two\",\"7-2\"] ");
  EQ_STR(entries[0].seq, "1");
  EQ_STR(entries[1].seq, "2");
  const char *data =
      "{\"packet\":{\"type\":2,\"data\":[\"one\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";
  add_numbered_entry("ea552cd3114e40c2", "1", data);
  feed_reader();
  settle();
  HEARD(p, "");
  EQ(redis_stats().repeated, 1);
  EQ(redis_stats().dropped, 0);
  end();
}

/* Two entries are written to a connection that breaks, and again to the next one. Redis executes
 * the first copies late: it refuses one of "one", and adds one of "two". So "one" comes after "two"
 * in the stream, where every server takes it for a second copy. */
TEST(an_entry_that_is_added_after_a_later_one_is_counted_as_dropped) {
  static const char of_two[] =
      "{\"packet\":{\"type\":2,\"data\":[\"two\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";
  static const char of_one[] =
      "{\"packet\":{\"type\":2,\"data\":[\"one\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";
  for (int confirmed = 0; confirmed <= 2; confirmed++) {
    struct peer *p = begin_with_stored_session();
    lose_adds = true;
    sio_broadcast(ALL, "one", SIO_NONE);
    sio_broadcast(ALL, "two", SIO_NONE);
    UNTIL(lost_adds == 2);
    fake_close(writer);
    UNTIL(lost_adds == 4);
    hold_reads = true;
    add_numbered_entry("ea552cd3114e40c2", "2", of_two);
    add_numbered_entry("ea552cd3114e40c2", "1", of_one);
    add_numbered_entry("ea552cd3114e40c2", "2", of_two);
    if (confirmed > 0) fake_say(writer, "$3\r\n7-2\r\n");
    if (confirmed > 1) fake_say(writer, "$3\r\n7-3\r\n");
    settle();
    hold_reads = false;
    feed_reader();
    UNTIL(redis_stats().received == 3);
    settle();
    EQ(redis_stats().dropped, 1);
    EQ(redis_stats().repeated, 2);
    HEARD(p, "42[\"one\"] 42[\"two\"] ");
    end();
  }
}

/* The numbers of the two are compared, not their contents. */
TEST(equal_events_are_different_entries) {
  struct peer *p = begin_with_stored_session();
  hold_adds = true;
  sio_broadcast(ALL, "ev", SIO_NONE);
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(nentries == 2);
  settle();
  HEARD(p, "42[\"ev\",\"7-1\"] 42[\"ev\",\"7-2\"] ");
  end();
}

TEST(a_restored_client_is_not_sent_the_second_of_two) {
  begin_streams(&normal);
  of_other_numbered("1", event_for_room);
  of_other_numbered("2", event_for_room);
  of_other_numbered("1", event_for_room);
  of_other_numbered("2", event_for_room);
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"missed\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end();
}

static struct stream *stream_of_redis(void) {
  return stream_of_part(container_of(redis->parts.next, struct redis_part, link));
}

TEST(without_memory_the_entries_of_a_new_server_are_delivered) {
  const struct stream_fields f = { .uid = SLICE("server"), .seq = 5 };
  begin_streams(NULL);
  struct stream *st = stream_of_redis();
  for (size_t at = 1; at <= 2; at++) {
    alloc_fail_in(at);
    CHECK(!sio__stream_check_duplicate_and_remember_entry(st, &f, (struct stream_id){ 1, at }));
    alloc_fail_in(0);
    EQ(st->senders.n, 0);
  }
  CHECK(!sio__stream_check_duplicate_and_remember_entry(st, &f, (struct stream_id){ 1, 3 }));
  CHECK(sio__stream_check_duplicate_and_remember_entry(st, &f, (struct stream_id){ 1, 4 }));
  end();
}

TEST(a_thousand_servers_are_remembered_and_the_oldest_is_forgotten) {
  begin_streams(NULL);
  struct stream *st = stream_of_redis();
  char uid[20];
  for (unsigned i = 0; i < 1024 + 1; i++) {
    snprintf(uid, sizeof uid, "server %u", i);
    CHECK(!sio__stream_check_duplicate_and_remember_entry(
        st, &(struct stream_fields){ .uid = slice_str(uid), .seq = 5 },
        (struct stream_id){ 1, i }));
  }
  EQ(st->senders.n, 1024);
  const struct stream_fields second = { .uid = SLICE("server 1"), .seq = 5 },
                             first = { .uid = SLICE("server 0"), .seq = 5 };
  CHECK(sio__stream_check_duplicate_and_remember_entry(st, &second, (struct stream_id){ 2, 1 }));
  CHECK(sio__stream_is_id_of_recent_duplicate(st, (struct stream_id){ 2, 1 }));
  CHECK(!sio__stream_check_duplicate_and_remember_entry(st, &first, (struct stream_id){ 2, 2 }));
  CHECK(!sio__stream_is_id_of_recent_duplicate(st, (struct stream_id){ 2, 2 }));
  end();
}

/* ---- what is no entry ------------------------------------------------------------------------ */

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

/* ---- options --------------------------------------------------------------------------------- */

static char streams_read[1000]; /* what XREAD asks for, each time once */

static bool note_xread(struct fake_conn *c, const sio_slice *w, size_t n) {
  char text[200] = "";
  if (slice_equals_str(w[0], "XREAD")) fake_note(text, sizeof text, w + 1, n - 2);
  size_t at = strlen(streams_read);
  if (*text && !strstr(streams_read, text))
    snprintf(streams_read + at, sizeof streams_read - at, "%s", text);
  if (slice_equals_str(w[0], "XADD")) {
    fake_note(commands, sizeof commands, w, 6);
    fake_say(c, "$3\r\n7-1\r\n");
    return true;
  }
  return streams_special(c, w, n);
}

static void begin_noting(const sio_recovery *r) {
  streams_read[0] = '\0';
  fake_special = note_xread;
  begin_streams_with(r, &(sio_redis_options){ .ping_interval_ms = 0 });
}

static void end_noting(void) {
  end();
  cluster = (sio_redis_adapter_options){ 0 };
}

/* hash(name) % count, with the hash of JavaScript strings, whose remainder may be negative. */
TEST(of_several_streams_the_name_of_a_namespace_chooses_one_as_npm_does_it) {
  static const struct {
    const char *nsp, *stream;
  } chosen[] = {
    { "/", "socket.io-2" },
    { "/\xe0\xb8\xa1", "socket.io-1" },
    { "/chat", "socket.io-1" },
    { "/\xc3\xa9", "socket.io-1" },
    { "/\xe2\x82\xac"
      "uro",
      "socket.io-2" },
    { "/\xf0\x9f\x98\x80"
      "x",
      "socket.io-0" },
    { "/lobby-2", "socket.io-0" },
    { "/stocks-and-bonds", "socket.io--1" },
  };
  cluster.stream_count = 3;
  begin_noting(NULL);
  for (unsigned i = 0; i < sizeof chosen / sizeof *chosen; i++) {
    sio_nsp *nsp;
    streams_read[0] = '\0';
    EQ(sio_of(srv, chosen[i].nsp, &nsp), 0);
    char text[100];
    snprintf(text, sizeof text, "STREAMS %s\n", chosen[i].stream);
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    sio_broadcast((sio_target){ .nsp = nsp }, "ev", SIO_NONE);
    snprintf(text, sizeof text, "XADD %s MAXLEN", chosen[i].stream);
    UNTIL(strstr(commands, text));
    commands[0] = '\0';
  }
  end_noting();
}

TEST(one_stream_has_no_number) {
  cluster.stream_count = 1;
  begin_noting(NULL);
  UNTIL(strstr(streams_read, "STREAMS socket.io\n"));
  end_noting();
}

TEST(names_and_bounds_of_streams_are_those_of_the_options) {
  cluster = (sio_redis_adapter_options){ .stream_name = "mine",
                                         .session_key_prefix = "my:",
                                         .max_len = 77,
                                         .read_count = 2,
                                         .block_time_in_ms = 1234 };
  begin_noting(&normal);
  UNTIL(strstr(streams_read, "COUNT 1 BLOCK 1234 STREAMS mine\n"));
  of_other("{}");
  of_other("{}");
  UNTIL(strstr(streams_read, "COUNT 2 BLOCK 1234 STREAMS mine\n"));
  CHECK(!strstr(streams_read, "COUNT 4"));
  joined();
  UNTIL(strstr(commands, "SET my:"));
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(strstr(commands, "XADD mine MAXLEN ~ 77 *\n"));
  end_noting();
}

/* Otherwise the connection would count as broken. */
TEST(the_reader_is_not_silent_for_longer_than_half_of_the_time_of_a_ping) {
  streams_read[0] = '\0';
  fake_special = note_xread;
  begin_streams_with(NULL, &(sio_redis_options){ .ping_interval_ms = 3000 });
  UNTIL(strstr(streams_read, "BLOCK 1501 "));
  end_noting();
}

TEST(options_of_streams_are_checked) {
  static char prefix[300];
  memset(prefix, 'p', sizeof prefix - 1);
  const sio_redis_adapter_options bad[] = { { .read_count = 301 },
                                            { .stream_count = 1u << 31 },
                                            { .session_key_prefix = prefix } };
  for (int i = 0; i < 3; i++) {
    cluster = bad[i];
    streams = true;
    rig_recovery = NULL;
    EQ(begin_code(NULL), UV_EINVAL);
    sio_redis_free(redis);
    fake_stop_listening();
    nothing_left();
  }
  prefix[255] = '\0'; /* the longest */
  cluster = (sio_redis_adapter_options){ .session_key_prefix = prefix };
  begin_noting(&normal);
  of_other("{\"packet\":{\"type\":2,\"data\":[\"seen\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end_noting();
}

TEST(questions_go_through_sharded_channels_if_wanted) {
  cluster.use_sharded_pub_sub = true;
  sharded = true; /* the fake takes SPUBLISH alone */
  begin_noting(NULL);
  CHECK(strstr(subscribed, "SSUBSCRIBE socket.io#/#\n"));
  end_noting();
  sharded = false;
}

/* ---- two namespaces -------------------------------------------------------------------------- */

TEST(namespaces_share_a_stream_and_its_connections) {
  sio_nsp *chat;
  begin_streams(NULL);
  uint64_t connects = redis_stats().connects;
  EQ(sio_of(srv, "/chat", &chat), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  EQ(redis_stats().connects, connects);
  struct peer *p = peer_new();
  say(p, "40/chat,");
  heard(p);
  add_entry("other", "/chat", "3",
            "{\"packet\":{\"type\":2,\"data\":[\"there\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  of_other("{\"packet\":{\"type\":2,\"data\":[\"here\"]},\"opts\":{\"rooms\":[],\"except\":[]}}");
  read_all(2);
  HEARD(p, "42/chat,[\"there\"] ");
  end();
}

TEST(two_servers_of_one_redis_cannot_have_the_same_namespace) {
  sio_server *other;
  begin_streams(NULL);
  sio_options o = { .adapter = sio_redis_streams_adapter, .adapter_user = &cluster };
  EQ(sio_server_new(&loop, &o, &other), UV_EEXIST);
  settle();
  EQ(redis_stats().state, SIO_REDIS_READY);
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(nentries == 1);
  end();
}

/* ---- requests in the stream ------------------------------------------------------------------ */

TEST(leaves_and_disconnects_are_added_as_npm_does_it) {
  begin_streams(NULL);
  sio_target to = { .nsp = root, .rooms = SIO_ROOMS("r") };
  sio_all_leave(to, SIO_ROOMS("x", "y"));
  IS_ENTRY(0, "5",
           "{\"opts\":{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}},\"rooms\":[\"x\",\"y\"]}");
  sio_all_disconnect(to, false);
  IS_ENTRY(1, "6", "{\"opts\":{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}},\"close\":false}");
  sio_all_disconnect(to, true);
  IS_ENTRY(2, "6", "{\"opts\":{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}},\"close\":true}");
  sio_all_join((sio_target){ .nsp = root, .flags = SIO_LOCAL }, SIO_ROOMS("r"));
  settle();
  EQ(nentries, 3);
  end();
}

static void request_of_other(const char *type, const char *data) {
  add_entry("other", "/", type, data);
  feed_reader();
  settle();
}

TEST(requests_of_other_servers_in_the_stream_apply_here) {
  begin_streams(NULL);
  struct peer *p = joined(), *q = joined();
  request_of_other("4", "{\"opts\":{\"rooms\":[],\"except\":[]},\"rooms\":[\"r\",\"s\"]}");
  read_all(1);
  EQ(sio_nsp_count_sockets(root, "r") * 10 + sio_nsp_count_sockets(root, "s"), 22);
  sio_join(root->members[0], "x");
  request_of_other("5", "{\"opts\":{\"rooms\":[\"x\"],\"except\":[]},\"rooms\":[\"r\"]}");
  read_all(2);
  EQ(sio_nsp_count_sockets(root, "r"), 1);
  request_of_other("6", "{\"opts\":{\"rooms\":[\"x\"],\"except\":[]},\"close\":false}");
  read_all(3);
  HEARD(p, "41 ");
  request_of_other("6", "{\"opts\":{\"rooms\":[],\"except\":[]},\"close\":true}");
  read_all(4);
  HEARD(q, "41 end ");
  request_of_other("4", "{\"opts\":7}");
  request_of_other("9", "{\"packet\":7}");
  request_of_other("9", "{\"packet\":[\"hello\"]}");
  read_all(7);
  EQ(redis_stats().malformed, 2);
  end();
}

/* ---- leaving while events wait --------------------------------------------------------------- */

TEST(a_socket_that_is_disconnected_is_sent_only_what_is_for_it) {
  begin_streams(&normal);
  struct peer *p = joined();
  sio_socket *s = root->members[0];
  sio_join(s, "in");
  hold_reads = true;
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("out", "in") }, "a", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("out") }, "b", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .except = SIO_ROOMS("out", "in") }, "c", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS(sio_socket_id(s)) }, "d", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "v", SIO_NONE);
  sio_broadcast(ALL, "bin", SIO_ARGS(sio_bin("\1", 1)));
  HEARD(p, "");
  sio_disconnect(s, false);
  HEARD(p,
        "42[\"a\"] 42[\"d\"] 42[\"v\"] 451-[\"bin\",{\"_placeholder\":true,\"num\":0}] b:01 41 ");
  hold_reads = false;
  end();
}

static void on_acked(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)reply, (void)user;
  EQ(status, SIO_ECLOSED);
}

TEST(a_socket_that_is_disconnected_is_sent_the_local_events_that_wait) {
  begin_streams(&normal);
  struct peer *p = joined(), *q = joined();
  sio_socket *s = root->members[0];
  sio_target local = { .nsp = root, .flags = SIO_LOCAL };
  sio_join(s, "in");
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_broadcast(local, "all", SIO_NONE);
  local.rooms = SIO_ROOMS("out", "in");
  sio_broadcast(local, "a", SIO_NONE);
  local.rooms = SIO_ROOMS("out");
  sio_broadcast(local, "b", SIO_NONE);
  local.rooms = NULL;
  local.except = SIO_ROOMS("in");
  sio_broadcast(local, "c", SIO_NONE);
  local.except = NULL;
  local.skip = s;
  sio_broadcast(local, "d", SIO_NONE);
  EQ(sio_emit_ack(s, "e", SIO_NONE, 1000, on_acked, NULL), 0);
  HEARD(p, "");
  sio_disconnect(s, false);
  HEARD(p, "42[\"one\"] 42[\"all\"] 42[\"a\"] 420[\"e\"] 41 ");
  hold_reads = false;
  UNTIL(nentries == 1);
  feed_reader();
  settle();
  HEARD(q, "42[\"one\",\"7-1\"] 42[\"all\"] 42[\"c\"] 42[\"d\"] ");
  HEARD(p, "");
  end();
}

TESTS_BEGIN
T(events_are_added_as_npm_does_it)
T(a_socket_is_kept_as_npm_does_it)
T(with_recovery_events_are_delivered_in_the_order_of_the_stream)
T(a_socket_that_is_disconnected_is_sent_what_waits_first)
T(an_event_that_redis_refuses_is_delivered_here_and_counted)
T(an_event_that_redis_refuses_is_not_delivered_before_an_earlier_one)
T(a_socket_that_is_disconnected_is_sent_a_refused_event_that_waits_for_an_earlier_one)
T(an_entry_that_is_read_before_its_reply_comes_is_not_taken_for_the_next_one)
T(an_entry_under_way_is_not_added_again_when_the_reader_comes_back)
T(an_entry_that_was_refused_is_not_taken_for_the_one_that_is_read)
T(an_entry_that_was_refused_is_not_added_again_after_a_later_one)
T(an_entry_that_another_server_has_added_twice_is_delivered_once)
T(entries_that_are_trimmed_before_they_are_read_back_are_delivered_and_take_no_room)
T(entries_without_a_valid_number_are_all_delivered)
T(an_entry_that_redis_executes_late_has_the_number_of_the_one_that_replaced_it)
T(an_entry_that_is_added_after_a_later_one_is_counted_as_dropped)
T(equal_events_are_different_entries)
T(a_restored_client_is_not_sent_the_second_of_two)
T(without_memory_the_entries_of_a_new_server_are_delivered)
T(a_thousand_servers_are_remembered_and_the_oldest_is_forgotten)
T(entries_that_are_malformed_are_counted_and_passed_over)
T(a_stream_of_a_cluster_is_on_the_server_of_its_slot)
T(entries_follow_the_slot_of_their_stream_once_and_in_order)
T(entries_wait_while_the_slot_of_their_stream_is_on_no_server)
T(a_socket_is_restored_from_a_key_on_another_server_of_the_cluster)
T(a_key_of_a_cluster_stays_if_the_offset_is_gone)
T(of_several_streams_the_name_of_a_namespace_chooses_one_as_npm_does_it)
T(one_stream_has_no_number)
T(names_and_bounds_of_streams_are_those_of_the_options)
T(the_reader_is_not_silent_for_longer_than_half_of_the_time_of_a_ping)
T(options_of_streams_are_checked)
T(questions_go_through_sharded_channels_if_wanted)
T(namespaces_share_a_stream_and_its_connections)
T(two_servers_of_one_redis_cannot_have_the_same_namespace)
T(leaves_and_disconnects_are_added_as_npm_does_it)
T(requests_of_other_servers_in_the_stream_apply_here)
T(a_socket_that_is_disconnected_is_sent_only_what_is_for_it)
T(a_socket_that_is_disconnected_is_sent_the_local_events_that_wait)
TESTS_END
