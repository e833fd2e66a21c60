/* SPDX-License-Identifier: MIT
 *
 * test_redis_streams_failures.c - entries of the streams adapter when Redis answers what nobody
 * expects, is slow, or is lost half way, and when memory is exhausted. Clients that return are in
 * test_redis_streams_restores.c.
 */
#include "redis_odd_rig.h"

/* ---- the last id, and what is read ----------------------------------------------------------- */

TEST(a_last_id_that_is_malformed_is_asked_for_again) {
  static const char *const replies[] = {
    "-ERR no\r\n",
    ":7\r\n",
    "*2\r\n:1\r\n:2\r\n",
    "*1\r\n:1\r\n",
    "*1\r\n*1\r\n$3\r\n7-1\r\n",
    "*1\r\n*2\r\n:1\r\n*0\r\n",
    "*1\r\n*2\r\n$1\r\n7\r\n*0\r\n",
    "*1\r\n*2\r\n$0\r\n\r\n*0\r\n",
    "*1\r\n*2\r\n$3\r\nx-1\r\n*0\r\n",
    "*1\r\n*2\r\n$3\r\n7-x\r\n*0\r\n",
    "*1\r\n*2\r\n$2\r\n7-\r\n*0\r\n",
    "*-1\r\n",
  };
  for (unsigned i = 0; i < sizeof replies / sizeof *replies; i++) {
    begin_odd(NULL, NULL);
    answer_oddly("XREVRANGE", replies[i], 2); /* on both connections */
    clock_ms += 2000;
    uint64_t failures = redis_stats().failures;
    fake_cut();
    UNTIL(odd_times == 0);
    UNTIL(redis_stats().failures >= failures + 4 + 2);
    is_ready_again();
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(nentries == 1);
    end();
  }
}

TEST(entries_that_come_in_no_known_form_end_the_connection_and_are_read_again) {
  static const char *const replies[] = {
    "-ERR no\r\n",
    ":7\r\n",
    "*2\r\n*0\r\n*0\r\n",
    "*1\r\n:1\r\n",
    "*1\r\n*1\r\n$9\r\nsocket.io\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n:1\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n*0\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n:1\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n*2\r\n:1\r\n*0\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n*2\r\n$1\r\nx\r\n*0\r\n",
    "*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n*2\r\n$3\r\n0-0\r\n*0\r\n",
  };
  begin_odd(NULL, NULL);
  struct peer *p = joined();
  for (unsigned i = 0; i < sizeof replies / sizeof *replies; i++) {
    uint64_t failures = redis_stats().failures;
    clock_ms += 2000;
    lines[0] = '\0';
    read_oddly(replies[i]);
    UNTIL(redis_stats().failures == failures + 1);
    settle();
    CHECK(strstr(lines, "XREAD is refused, or its answer is malformed"));
    is_ready_again();
  }
  of_other(event_for_all);
  read_all(1);
  HEARD(p, "42[\"all\"] ");
  end();
}

TEST(entries_whose_fields_are_malformed_are_counted_and_passed_over) {
  static const char *const fields[] = {
    ":1\r\n",
    "*2\r\n:1\r\n$1\r\nx\r\n",
    "*2\r\n$3\r\nuid\r\n:1\r\n",
    "*1\r\n$3\r\nuid\r\n",
    "*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
    ("*10\r\n$3\r\nuid\r\n$1\r\nu\r\n$3\r\nnsp\r\n$1\r\n/"
     "\r\n$4\r\ntype\r\n$1\r\n3\r\n$4\r\ndata\r\n"
     "$34\r\n{\"packet\":{\"type\":2,\"data\":[\"e\"]}}\r\n:1\r\n$1\r\nx\r\n"),
  };
  char reply[300];
  begin_odd(NULL, NULL);
  struct peer *p = joined();
  for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
    snprintf(reply, sizeof reply, "*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n*2\r\n$3\r\n7-%u\r\n%s",
             i + 1, fields[i]);
    read_oddly(reply);
    UNTIL(redis_stats().malformed == i + 1);
  }
  EQ(redis_stats().failures, 0);
  HEARD(p, "");
  end();
}

TEST(entries_of_unknown_namespaces_and_types_are_ignored) {
  begin_odd(NULL, NULL);
  struct peer *p = joined();
  add_entry("other", "/none", "3", event_for_all);
  add_entry("other", "/", "1", event_for_all);
  add_entry("other", "/", "33", event_for_all);
  add_entry("other", "/", "", event_for_all);
  of_other(event_for_all);
  read_all(5);
  HEARD(p, "42[\"all\"] ");
  EQ(redis_stats().malformed, 0);
  end();
}

/* XREAD has ended because nothing came. */
TEST(when_nothing_comes_it_asks_again) {
  begin_odd(NULL, NULL);
  read_oddly("*-1\r\n");
  UNTIL(reader != NULL);
  read_oddly("$-1\r\n");
  UNTIL(reader != NULL);
  EQ(redis_stats().failures, 0);
  EQ(redis_stats().received, 0);
  end();
}

/* ---- adding ---------------------------------------------------------------------------------- */

TEST(a_reply_without_an_id_is_a_refusal) {
  static const char *const replies[] = { ":1\r\n", "*0\r\n", "$1\r\n7\r\n", "$-1\r\n", "-ERR\r\n" };
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  for (unsigned i = 0; i < sizeof replies / sizeof *replies; i++) {
    answer_oddly("XADD", replies[i], 1);
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(redis_stats().dropped == i + 1);
    HEARD(p, "42[\"ev\"] ");
  }
  EQ(redis_stats().errors, 1);
  end();
}

TEST(an_entry_that_redis_is_slow_with_is_delivered_without_an_id_after_a_second) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_LOCAL }, "local", SIO_NONE);
  UNTIL(nentries == 1);
  settle();
  HEARD(p, "");
  clock_ms += STREAM_WAIT_MS;
  UNTIL(p->n);
  HEARD(p, "42[\"one\"] 42[\"local\"] ");
  hold_reads = false;
  of_other(event_for_all);
  read_all(2);
  HEARD(p, "42[\"all\",\"7-2\"] ");
  end();
}

/* The later event is not delivered at once before the local one, which was queued after half of the
 * time and waits for no entry any more. */
TEST(a_local_event_does_not_wait_longer_than_the_entry_before_it) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  sio_target local = { .nsp = root, .flags = SIO_LOCAL };
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1);
  clock_ms += STREAM_WAIT_MS / 2;
  settle();
  sio_broadcast(local, "two", SIO_NONE);
  settle();
  HEARD(p, "");
  clock_ms += STREAM_WAIT_MS / 2;
  UNTIL(p->n);
  sio_broadcast(local, "three", SIO_NONE);
  settle();
  HEARD(p, "42[\"one\"] 42[\"two\"] 42[\"three\"] ");
  end();
}

static struct stream *only_stream(void) {
  return stream_of_part(container_of(list_first(&redis->parts), struct redis_part, link));
}

/* The same if the entry before the local event was not written, because there is no room. */
TEST(a_local_event_does_not_wait_until_the_entry_before_it_is_written) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  sio_target local = { .nsp = root, .flags = SIO_LOCAL };
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1);
  settle();
  sio__link_set_max_queued(&only_stream()->writer, 1);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "two", SIO_NONE);
  HEARD(p, "");
  hold_reads = false;
  feed_reader();
  UNTIL(p->n);
  sio_broadcast(local, "three", SIO_NONE);
  settle();
  HEARD(p, "42[\"one\",\"7-1\"] 42[\"two\"] 42[\"three\"] ");
  EQ(nentries, 1);
  end();
}

/* The same if the entry before the local event was trimmed, and another one is not confirmed. */
TEST(a_local_event_does_not_wait_for_an_entry_that_was_delivered) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  sio_target local = { .nsp = root, .flags = SIO_LOCAL };
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  UNTIL(nentries == 1);
  settle();
  hold_adds = true;
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "two", SIO_NONE);
  UNTIL(nentries == 2);
  HEARD(p, "");
  read_to = 2; /* the next XREAD finds neither */
  hold_reads = false;
  of_other(event_for_all);
  sio_broadcast(local, "three", SIO_NONE);
  settle();
  HEARD(p, "42[\"one\"] 42[\"two\"] 42[\"all\",\"7-3\"] 42[\"three\"] ");
  end();
}

TEST(entries_wait_up_to_max_queued_bytes) {
  static char text[500];
  memset(text, 'x', sizeof text - 1);
  begin_odd(&normal, &(sio_redis_options){ .max_queued = 3000 });
  struct peer *p = joined();
  UNTIL(strstr(commands, "SET"));
  settle();
  fake_stop_listening();
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  for (int i = 0; i < 10; i++) sio_broadcast(ALL, "ev", SIO_ARGS(text));
  uint64_t dropped = redis_stats().dropped;
  CHECK(dropped > 4 && dropped < 10);
  CHECK(redis_stats().queued > 1000 && redis_stats().queued <= 3000);
  settle();
  CHECK(strstr(lines, "is dropped: max_queued leaves no room for it"));
  unsigned got = 0;
  for (const char *at = heard(p); (at = strstr(at, "[\"ev\"")); at++) got++;
  EQ(got, 10); /* here all of them */
  fake_listen();
  is_ready_again();
  UNTIL(nentries == 10 - dropped);
  end();
}

/* It is dropped, or it is added: an entry that fits into the queue, but whose command does not,
 * would stay at the head of the queue for ever. */
TEST(an_event_almost_as_large_as_the_queue_does_not_keep_others_from_the_stream) {
  static char text[3000];
  for (unsigned n = 2100; n < 3000; n += 25) {
    memset(text, 'x', n);
    text[n] = '\0';
    begin_odd(NULL, &(sio_redis_options){ .max_queued = 3000 });
    sio_broadcast(ALL, "large", SIO_ARGS(text));
    sio_broadcast(ALL, "after", SIO_NONE);
    unsigned added = 2 - (unsigned)redis_stats().dropped;
    UNTIL(nentries == added);
    REQUIRE(nentries == added);
    sio_broadcast(ALL, "last", SIO_NONE);
    UNTIL(nentries == added + 1);
    end();
  }
}

TEST(a_key_that_finds_no_room_is_counted_as_dropped) {
  static char name[250];
  static const char *rooms[] = { name, name, name, name, name, name, name, name, name, NULL };
  const sio_saved_socket s = { .id = "Pi44Wbm5eyKL6lYOAAAA",
                               .pid = "30W7ZDd8ZgFjh8FkAAAB",
                               .rooms = rooms,
                               .shared = slice(NULL, 0) };
  memset(name, 'r', sizeof name - 1);
  begin_odd(&normal, &(sio_redis_options){ .max_queued = 2000 });
  root->ops->persist(root->adapter, &s);
  EQ(redis_stats().dropped, 1);
  rooms[0] = NULL;
  root->ops->persist(root->adapter, &s);
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB "));
  EQ(redis_stats().dropped, 1);
  root->ops->forget(root->adapter, s.pid);
  UNTIL(strstr(commands, "DEL sio:session:30W7ZDd8ZgFjh8FkAAAB\n"));
  end();
}

TEST(keys_that_were_not_confirmed_are_written_again) {
  begin_odd(&normal, NULL);
  UNTIL(reader != NULL);
  answer_oddly("SET", NULL, 1); /* its reply is lost */
  joined();
  UNTIL(odd != NULL);
  EQ_STR(commands, "");
  fake_close(odd);
  UNTIL(strncmp(commands, "SET sio:session:", 16) == 0);
  is_ready_again();
  end();
}

TEST(a_local_event_of_a_question_that_has_ended_is_not_sent) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  servers = 1;
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "asked", SIO_NONE, 50, on_ended, NULL), 0);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "later", SIO_NONE, 5000, on_ended, NULL), 0);
  UNTIL(nentries == 1);
  settle();
  HEARD(p, "");
  later(60);
  SAW("operation has timed out 0 ");
  hold_reads = false;
  feed_reader();
  UNTIL(p->n);
  HEARD(p, "42[\"one\",\"7-1\"] 421[\"later\"] ");
  say(p, "431[1]");
  settle();
  SAW("all 1 ");
  end();
}

/* ---- events for some sockets ----------------------------------------------------------------- */

/* A local event waits for its turn with a copy of its target. */
TEST(a_local_event_that_waits_reaches_those_whom_it_was_for) {
  begin_odd(&normal, NULL);
  struct peer *p[4];
  for (int i = 0; i < 4; i++) p[i] = joined();
  sio_socket *s[4];
  for (int i = 0; i < 4; i++) s[i] = root->members[i];
  sio_join(s[0], "a");
  sio_join(s[1], "a");
  sio_join(s[2], "b");
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_target to = { .nsp = root, .flags = SIO_LOCAL };
  to.rooms = SIO_ROOMS("a", "b");
  to.except = SIO_ROOMS("b");
  to.skip = s[0];
  sio_broadcast(to, "x", SIO_NONE); /* s[1] */
  to.except = NULL;
  sio_broadcast(to, "y", SIO_NONE); /* s[1], s[2] */
  to.rooms = NULL;
  to.except = SIO_ROOMS("a");
  to.skip = NULL;
  sio_broadcast(to, "z", SIO_NONE); /* s[2], s[3] */
  to.except = NULL;
  sio_broadcast(to, "all", SIO_NONE);
  sio_leave(s[1], "a");
  for (int i = 0; i < 4; i++) HEARD(p[i], "");
  hold_reads = false;
  UNTIL(nentries == 1);
  feed_reader();
  UNTIL(p[3]->n);
  settle();
  HEARD(p[0], "42[\"one\",\"7-1\"] 42[\"all\"] ");
  HEARD(p[1], "42[\"one\",\"7-1\"] 42[\"z\"] 42[\"all\"] "); /* it has left "a" */
  HEARD(p[2], "42[\"one\",\"7-1\"] 42[\"y\"] 42[\"z\"] 42[\"all\"] ");
  HEARD(p[3], "42[\"one\",\"7-1\"] 42[\"z\"] 42[\"all\"] ");
  end();
}

TEST(the_sender_is_left_out_here_and_on_other_servers) {
  char text[200];
  begin_odd(&normal, NULL);
  struct peer *p = joined(), *q = joined();
  snprintf(text, sizeof text,
           "{\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":{\"rooms\":[],\"except\":"
           "[\"%s\"],\"flags\":{}}}",
           sio_socket_id(root->members[0]));
  sio_broadcast((sio_target){ .nsp = root, .skip = root->members[0] }, "ev", SIO_NONE);
  IS_ENTRY(0, "3", text);
  read_all(1);
  HEARD(p, "");
  HEARD(q, "42[\"ev\",\"7-1\"] ");
  end();
}

TEST(events_with_a_key_keep_their_place_in_the_stream) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  sio_target to = { .nsp = root, .key = "position" };
  hold_reads = true;
  sio_broadcast(to, "at", SIO_ARGS(1));
  sio_broadcast(to, "at", SIO_ARGS(2));
  UNTIL(nentries == 2);
  HEARD(p, "");
  hold_reads = false;
  feed_reader();
  read_all(2);
  HEARD(p, "42[\"at\",1,\"7-1\"] 42[\"at\",2,\"7-2\"] ");
  end();
}

TEST(an_entry_without_data_is_malformed) {
  begin_odd(NULL, NULL);
  of_other("");
  of_other("kA=="); /* [] */
  read_all(2);
  EQ(redis_stats().malformed, 2);
  end();
}

/* ---- the host meddles ------------------------------------------------------------------------ */

static void free_redis(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)e, (void)user;
  sio_redis_free(redis);
}

TEST(a_handler_may_free_the_redis_that_has_called_it) {
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  sio_on_server_side(root, "stop", free_redis, NULL);
  hold_reads = true;
  add_entry("other", "/", "9", "{\"packet\":[\"stop\"]}");
  add_entry("other", "/", "3", event_for_all);
  hold_reads = false;
  feed_reader();
  settle();
  HEARD(p, ""); /* what comes after it is not handled any more */
  server_gone();
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

TEST(a_reader_that_has_heard_nothing_for_long_is_asked_whether_it_is_there) {
  begin_odd(NULL, &(sio_redis_options){ .ping_interval_ms = 4 });
  unsigned before = greetings;
  UNTIL(greetings > before + 10);
  EQ(redis_stats().failures, 0);
  of_other(event_for_all);
  read_all(1);
  EQ(redis_stats().failures, 0);
  end();
}

/* ---- in a cluster ---------------------------------------------------------------------------- */

TEST(an_entry_that_a_server_of_a_cluster_refuses_is_dropped) {
  begin_streams_in_cluster(&normal);
  struct peer *p = joined();
  UNTIL(strstr(commands, "SET"));
  uint64_t failures = redis_stats().failures;
  slot_error = "-NOPERM no\r\n";
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().dropped == 1);
  slot_error = NULL;
  HEARD(p, "42[\"ev\"] ");
  EQ(redis_stats().failures, failures);
  end_cluster();
}

/* ---- sentinels ------------------------------------------------------------------------------- */

static int master; /* the node that the sentinel, node 0, names */
static bool says_replica;

static bool sentinel_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  char text[60];
  if (slice_equals_str(w[0], "SENTINEL")) {
    snprintf(text, sizeof text, "*2\r\n$9\r\n127.0.0.1\r\n+%u\r\n", fake_ports[master]);
    fake_say(c, text);
  } else if (slice_equals_str(w[0], "ROLE")) {
    fake_say(c, says_replica ? "*1\r\n$5\r\nslave\r\n" : "*1\r\n$6\r\nmaster\r\n");
  } else {
    return streams_special(c, w, n);
  }
  return true;
}

TEST(the_connections_of_a_stream_follow_the_master_that_sentinels_name) {
  static char url[80];
  for (int i = 0; i < 3; i++) fake_open_node(i);
  fake_special = sentinel_special;
  master = 1;
  says_replica = false;
  snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:%u/mymaster", fake_ports[0]);
  begin_streams_with(NULL, &(sio_redis_options){ .url = url });
  struct peer *p = joined();
  sio_broadcast(ALL, "one", SIO_NONE);
  read_all(1);
  says_replica = true;
  master = 2;
  fake_close_node(1);
  UNTIL(redis_stats().failures > 4);
  EQ(redis_stats().state, SIO_REDIS_CONNECTING); /* no replica is used */
  says_replica = false;
  is_ready_again();
  sio_broadcast(ALL, "two", SIO_NONE);
  read_all(2);
  EQ(writer->node, 2);
  HEARD(p, "42[\"one\"] 42[\"two\"] ");
  fake_special = NULL;
  for (int i = 0; i < 3; i++) fake_close_node(i);
  end();
}

/* ---- lives ----------------------------------------------------------------------------------- */

TEST(a_server_goes_on_alone_when_its_redis_is_freed) {
  sio_nsp *late;
  begin_odd(&normal, NULL);
  struct peer *p = joined();
  hold_reads = true;
  sio_broadcast(ALL, "one", SIO_NONE);
  sio_redis_free(redis);
  settle();
  sio_broadcast(ALL, "two", SIO_NONE);
  HEARD(p, "42[\"one\"] 42[\"two\"] ");
  EQ(sio_of(srv, "/late", &late), UV_ENOTSUP);
  come_back("7-1");
  UNTIL(root->nmembers == 2);
  EQ(failed_to_recover(SIO_RECOVERY_NO_ANSWER), 1);
  server_gone();
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

TEST(it_may_end_at_any_time) {
  for (int turns = 0; turns < 40; turns++) {
    fake_special = odd_special;
    answer_oddly("", NULL, 0);
    begin_code(NULL);
    for (int i = 0; i < turns; i++) pump();
    if (turns > 2) sio_broadcast(ALL, "ev", SIO_NONE);
    if (turns & 1) pump();
    end();
  }
}

static void do_everything(void) {
  struct peer *p = peer_new();
  if (p) say(p, "40");
  if (root->nmembers) sio_join(root->members[0], "r");
  sio_broadcast(ALL, "one", SIO_ARGS("x"));
  sio_broadcast(ALL, "bin", SIO_ARGS(sio_bin("\1", 1)));
  sio_broadcast((sio_target){ .nsp = root,
                              .flags = SIO_LOCAL,
                              .except = SIO_ROOMS("q"),
                              .skip = root->nmembers ? root->members[0] : NULL },
                "local", SIO_NONE);
  sio_broadcast_ack(ALL, "q", SIO_NONE, 0, on_ended, NULL);
  sio_broadcast((sio_target){ .nsp = root, .key = "k" }, "keyed", SIO_NONE);
  sio_all_join(ALL, SIO_ROOMS("s"));
  sio_server_side_emit(root, "hello", SIO_NONE, 0, NULL, NULL);
  settle();
  of_other(event_for_room);
  of_other(event_for_all);
  key_value = SESSION;
  struct peer *q = nentries ? peer_new() : NULL;
  if (q) say(q, "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"7-1\"}");
  settle();
  if (root->nmembers) sio_disconnect(root->members[0], false);
  settle();
}

TEST(any_allocation_may_fail) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_odd(&normal, NULL);
    alloc_fail_in(at);
    do_everything();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    is_ready_again();
    end();
  }
}

TEST(any_allocation_may_fail_while_it_begins) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    fake_special = odd_special;
    answer_oddly("", NULL, 0);
    alloc_install();
    traced[0] = '\0';
    npeers = 0;
    closed = false;
    uv_loop_init(&loop);
    uv_async_init(&loop, &alive, on_alive);
    begin_redis(NULL);
    sio_options o = { .adapter = sio_redis_streams_adapter,
                      .adapter_user = &cluster,
                      .recovery = &normal };
    alloc_fail_in(at);
    int err = sio_server_new(&loop, &o, &srv);
    if (!err) {
      for (int i = 0; i < 40; i++) pump();
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      is_ready_again();
      end();
      continue;
    }
    EQ(err, UV_ENOMEM);
    alloc_fail_in(0);
    sio_redis_free(redis);
    fake_stop_listening();
    nothing_left();
  }
}

TESTS_BEGIN
T(a_last_id_that_is_malformed_is_asked_for_again)
T(entries_that_come_in_no_known_form_end_the_connection_and_are_read_again)
T(entries_whose_fields_are_malformed_are_counted_and_passed_over)
T(entries_of_unknown_namespaces_and_types_are_ignored)
T(when_nothing_comes_it_asks_again)
T(a_reply_without_an_id_is_a_refusal)
T(an_entry_that_redis_is_slow_with_is_delivered_without_an_id_after_a_second)
T(a_local_event_does_not_wait_longer_than_the_entry_before_it)
T(a_local_event_does_not_wait_until_the_entry_before_it_is_written)
T(a_local_event_does_not_wait_for_an_entry_that_was_delivered)
T(entries_wait_up_to_max_queued_bytes)
T(an_event_almost_as_large_as_the_queue_does_not_keep_others_from_the_stream)
T(a_key_that_finds_no_room_is_counted_as_dropped)
T(keys_that_were_not_confirmed_are_written_again)
T(a_local_event_of_a_question_that_has_ended_is_not_sent)
T(a_local_event_that_waits_reaches_those_whom_it_was_for)
T(the_sender_is_left_out_here_and_on_other_servers)
T(events_with_a_key_keep_their_place_in_the_stream)
T(an_entry_without_data_is_malformed)
T(a_handler_may_free_the_redis_that_has_called_it)
T(a_reader_that_has_heard_nothing_for_long_is_asked_whether_it_is_there)
T(an_entry_that_a_server_of_a_cluster_refuses_is_dropped)
T(the_connections_of_a_stream_follow_the_master_that_sentinels_name)
T(a_server_goes_on_alone_when_its_redis_is_freed)
T(it_may_end_at_any_time)
T(any_allocation_may_fail)
T(any_allocation_may_fail_while_it_begins)
TESTS_END
