/* SPDX-License-Identifier: MIT
 *
 * test_redis_streams_failures.c - the streams adapter when Redis answers what nobody expects, is
 * slow, or is lost half way, and when memory is exhausted.
 */
#include "redis_streams_rig.h"

/* ---- a Redis that answers what the test says ------------------------------------------------- */

static const char *odd_verb;  /* the command that is answered with odd_reply */
static const char *odd_reply; /* NULL: no answer                             */
static int odd_times;         /* that often                                  */
static struct fake_conn *odd; /* the connection that asked last              */

static bool odd_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (odd_times <= 0 || !slice_equals_str(w[0], odd_verb)) return streams_special(c, w, n);
  odd_times--;
  odd = c;
  if (odd_reply) fake_say(c, odd_reply);
  return true;
}

static void answer_oddly(const char *verb, const char *reply, int times) {
  odd_verb = verb;
  odd_reply = reply;
  odd_times = times;
  odd = NULL;
}

static void begin_odd(const sio_recovery *r, const sio_redis_options *more) {
  static const sio_redis_options none;
  answer_oddly("", NULL, 0);
  fake_special = odd_special;
  begin_streams_with(r, more ? more : &none);
}

/* What the reader gets for its XREAD. */
static void read_oddly(const char *reply) {
  UNTIL(reader != NULL);
  struct fake_conn *c = reader;
  reader = NULL;
  fake_say(c, reply);
}

static void is_ready_again(void) {
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
}

static const char event_for_all[] =
    "{\"packet\":{\"type\":2,\"data\":[\"all\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";

static uint64_t failed_to_recover(int cause) { return srv->core.stats.recovery_failed[cause]; }

static void on_ended(int status, sio_replies *r, void *user) {
  (void)user;
  trace("%s %zu ", status ? sio_strerror(status) : "all", r->count);
}

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
  CHECK(strstr(lines, "is dropped: max_queued bytes wait for Redis"));
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

/* ---- restoring ------------------------------------------------------------------------------- */

TEST(a_client_that_returns_is_new_if_an_answer_is_malformed) {
  static const struct {
    const char *verb, *reply;
    int cause;
  } odds[] = {
    { "XRANGE", "-ERR no\r\n", SIO_RECOVERY_LOG_GONE },
    { "XRANGE", ":1\r\n", SIO_RECOVERY_LOG_GONE },
    { "XRANGE", "*0\r\n", SIO_RECOVERY_LOG_GONE },
    { "EXEC", "-EXECABORT no\r\n", SIO_RECOVERY_NO_ANSWER },
    { "EXEC", "*-1\r\n", SIO_RECOVERY_NO_SESSION },
    { "EXEC", "*1\r\n$1\r\nx\r\n", SIO_RECOVERY_NO_ANSWER },
    { "EXEC", ":1\r\n", SIO_RECOVERY_NO_ANSWER },
    { "EXEC", "*2\r\n$-1\r\n:0\r\n", SIO_RECOVERY_NO_SESSION },
    { "EXEC", "*2\r\n:1\r\n:0\r\n", SIO_RECOVERY_NO_SESSION },
  };
  for (unsigned i = 0; i < sizeof odds / sizeof *odds; i++) {
    begin_odd(&normal, NULL);
    of_other(event_for_all);
    key_value = SESSION;
    answer_oddly(odds[i].verb, odds[i].reply, 1);
    struct peer *p = come_back("7-1");
    UNTIL(root->nmembers == 1);
    if (failed_to_recover(odds[i].cause) != 1) fprintf(stderr, "reply %s\n", odds[i].reply);
    EQ(failed_to_recover(odds[i].cause), 1);
    CHECK(strstr(heard(p), "40{\"sid\":\"?\",\"pid\":\""));
    end();
  }
}

TEST(a_client_that_returns_is_new_if_the_connection_breaks_meanwhile) {
  static const char *const verbs[] = { "XRANGE", "GET", "EXEC" };
  for (unsigned i = 0; i < 3; i++) {
    begin_odd(&normal, NULL);
    of_other(event_for_all);
    key_value = SESSION;
    answer_oddly(verbs[i], NULL, 1);
    come_back("7-1");
    UNTIL(odd != NULL);
    EQ(root->nmembers, 0);
    fake_close(odd);
    UNTIL(root->nmembers == 1);
    EQ(failed_to_recover(SIO_RECOVERY_NO_ANSWER), 1);
    is_ready_again();
    end();
  }
}

/* The second XRANGE asks for what the client has missed. */
static unsigned xranges;
static const char *page_reply;
static bool page_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "XRANGE") || ++xranges != 2) return streams_special(c, w, n);
  odd = c;
  if (page_reply) fake_say(c, page_reply);
  return true;
}

static void begin_page(const char *reply) {
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  of_other(event_for_all);
  xranges = 0;
  page_reply = reply;
  fake_special = page_special;
  key_value = SESSION;
}

TEST(a_client_is_new_if_what_it_missed_cannot_be_read) {
  static const char *const replies[] = { "-ERR no\r\n", ":1\r\n", NULL };
  for (int i = 0; i < 3; i++) {
    begin_page(replies[i]);
    come_back("7-1");
    UNTIL(odd != NULL);
    if (!replies[i]) fake_close(odd);
    UNTIL(root->nmembers == 1);
    EQ(failed_to_recover(SIO_RECOVERY_NO_ANSWER), 1);
    is_ready_again();
    end();
  }
}

#define ENTRY(id, nsp, type, data, len)                                                          \
  "*2\r\n$3\r\n" id "\r\n*8\r\n$3\r\nuid\r\n$1\r\nx\r\n$3\r\nnsp\r\n" nsp "\r\n$4\r\ntype\r\n$1" \
  "\r\n" type "\r\n$4\r\ndata\r\n$" len "\r\n" data "\r\n"

TEST(of_what_was_missed_only_events_for_the_socket_are_sent) {
  begin_page("*7\r\n:1\r\n"                          /* no entry */
             ENTRY("7-1", "$1\r\n/", "3", "{", "1")  /* the client has it */
             ENTRY("7-2", "$2\r\n/x", "3", "{", "1") /* of another namespace */
             ENTRY("7-3", "$1\r\n/", "4", "{", "1")  /* no event */
             ENTRY("7-4", "$1\r\n/", "3", "", "0")   /* without data */
             ENTRY("7-5", "$1\r\n/", "3", "{}", "2") /* malformed */
             ENTRY("7-6", "$1\r\n/", "3",
                   "gqZwYWNrZXSCpHR5cGUCpGRhdGGRo2JpbqRvcHRzgqVyb29tc5GicjKmZXhjZXB0kA==", "68"));
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"bin\",\"7-6\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  EQ(srv->core.stats.recovered, 1);
  end();
}

TEST(events_that_are_volatile_or_for_others_are_not_sent_again) {
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  of_other("{\"packet\":{\"type\":2,\"data\":[\"v\"]},\"opts\":{\"rooms\":[],\"except\":[],"
           "\"flags\":{\"volatile\":true}}}");
  of_other("{\"packet\":{\"type\":2,\"data\":[\"to id\"]},\"opts\":{\"rooms\":[\"x\","
           "\"Pi44Wbm5eyKL6lYOAAAA\"]}}");
  of_other("{\"packet\":{\"type\":2,\"data\":[\"not\"]},\"opts\":{\"rooms\":[],\"except\":[\"x\","
           "\"Pi44Wbm5eyKL6lYOAAAA\"]}}");
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"to id\",\"7-3\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end();
}

/* The client has read more of the stream on its last server than this server has. */
TEST(a_client_that_is_ahead_waits_until_this_server_has_read_as_much) {
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  hold_reads = true;
  of_other(event_for_all);
  of_other(event_for_room);
  key_value = SESSION;
  struct peer *p = come_back("7-2");
  UNTIL(key_value == NULL);
  settle();
  EQ(root->nmembers, 0);
  hold_reads = false;
  feed_reader();
  UNTIL(root->nmembers == 1);
  HEARD(p, "42[\"missed\",\"7-3\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end();
}

TEST(a_client_that_vanishes_while_its_key_is_taken_leaves_the_key) {
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  key_value = SESSION;
  answer_oddly("EXEC", NULL, 1);
  struct peer *p = come_back("7-1");
  UNTIL(odd != NULL);
  hang_up(p);
  in_multi = NULL;
  fake_say(odd, "*2\r\n");
  fake_bulk(odd, SLICE(SESSION));
  fake_say(odd, ":1\r\n");
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB " SESSION));
  EQ(root->nmembers, 0);
  end();
}

TEST(a_client_that_vanishes_while_what_it_missed_is_read_is_not_joined) {
  begin_page(NULL);
  struct peer *p = come_back("7-1");
  UNTIL(odd != NULL);
  hang_up(p);
  fake_say(odd, "*0\r\n");
  settle();
  EQ(root->nmembers, 0);
  EQ(redis_stats().errors, 0);
  end();
}

TEST(the_key_of_a_client_that_was_being_restored_is_written_back_when_the_server_closes) {
  begin_page(NULL);
  come_back("7-1");
  UNTIL(odd != NULL);
  server_gone();
  UNTIL(strstr(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB " SESSION));
  end();
}

TEST(pids_and_offsets_are_checked_before_redis_is_asked) {
  static const char *const hellos[] = {
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB-and-more\",\"offset\":\"7-1\"}",
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAA\\u0000\",\"offset\":\"7-1\"}",
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"}",
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"\"}",
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"7-x\"}",
    "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"18446744073709551616-1\"}",
  };
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  for (unsigned i = 0; i < sizeof hellos / sizeof *hellos; i++) {
    key_value = SESSION;
    say(peer_new(), hellos[i]);
    UNTIL(root->nmembers == i + 1);
    CHECK(key_value != NULL);
    key_value = NULL;
  }
  EQ(failed_to_recover(SIO_RECOVERY_NO_SESSION), 2);
  EQ(failed_to_recover(SIO_RECOVERY_BAD_OFFSET), 4);
  end();
}

TEST(a_key_whose_value_is_malformed_restores_nobody) {
  static const char *const values[] = {
    "",                             /* nothing */
    "wA==",                         /* null */
    "gA==",                         /* {} */
    "gaNzaWSheA==",                 /* {"sid":"x"} */
    "gqNzaWSheKNwaWQH",             /* {"sid":"x","pid":7} */
    "gqNzaWQHo3BpZKF4",             /* {"sid":7,"pid":"x"} */
    "g6NzaWSheKNwaWSheaVyb29tcwc=", /* {"sid":"x","pid":"y","rooms":7} */
    "g6NzaWSheKNwaWSheaRkYXRhgcAB", /* {"sid":"x","pid":"y","data":{null:1}} */
  };
  for (unsigned i = 1; i < sizeof values / sizeof *values; i++) {
    begin_odd(&normal, NULL);
    of_other(event_for_all);
    key_value = values[i];
    come_back("7-1");
    UNTIL(root->nmembers == 1);
    EQ(failed_to_recover(SIO_RECOVERY_NO_SESSION), 1);
    end();
  }
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

TEST(a_saved_socket_may_be_in_no_rooms) {
  const sio_saved_socket s = { .id = "Pi44Wbm5eyKL6lYOAAAA", .pid = "30W7ZDd8ZgFjh8FkAAAB" };
  begin_odd(&(sio_recovery){ .max_disconnection_ms = 60000 }, NULL);
  root->ops->persist(root->adapter, &s);
  UNTIL(*commands);
  EQ_STR(commands, "SET sio:session:30W7ZDd8ZgFjh8FkAAAB "
                   "hKNzaWS0UGk0NFdibTVleUtMNmxZT0FBQUGjcGlktDMwVzdaRGQ4WmdGamg4RmtBQUFCpXJvb21z"
                   "kbRQaTQ0V2JtNWV5S0w2bFlPQUFBQaRkYXRhgA== PX 60000\n");
  end();
}

/* It is answered, although Redis would not answer while it waits in XREAD. */
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

/* ---- several that come back ------------------------------------------------------------------ */

static struct peer *come_back_as(const char *pid, const char *offset) {
  char text[200];
  struct peer *p = peer_new();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", pid, offset);
  say(p, text);
  return p;
}

TEST(clients_that_come_back_at_once_get_their_own_answers) {
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  of_other(event_for_room);
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  struct peer *q = come_back_as("AAAAAAAAAAAAAAAAAAAA", "7-9");
  struct peer *gone = come_back_as("BBBBBBBBBBBBBBBBBBBB", "7-1");
  hang_up(gone);
  UNTIL(root->nmembers == 2);
  settle();
  HEARD(p, "42[\"missed\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  CHECK(strstr(heard(q), "40{\"sid\":\"?\",\"pid\":\""));
  EQ(srv->core.stats.recovered, 1);
  EQ(failed_to_recover(SIO_RECOVERY_NO_SESSION), 1);
  end();
}

/* The answer with what it missed, and a new entry, come in one turn. */
TEST(an_event_that_is_read_while_a_client_is_restored_comes_once) {
  for (int first = 0; first < 2; first++) {
    begin_page(NULL);
    struct peer *p = come_back("7-1");
    UNTIL(odd != NULL && reader != NULL);
    if (first) fake_say(odd, "*0\r\n");
    add_entry("other", "/", "3", event_for_room);
    feed_reader();
    if (!first) fake_say(odd, "*0\r\n");
    UNTIL(root->nmembers == 1);
    settle();
    const char *text = heard(p), *at = strstr(text, "42[\"missed\",\"7-3\"]");
    CHECK(at != NULL);
    CHECK(at && !strstr(at + 12, "missed"));
    end();
  }
}

/* Redis gives pages of 300 entries. */
TEST(what_was_missed_is_read_in_pages) {
  static char page[60000];
  begin_odd(&normal, NULL);
  of_other(event_for_all);
  read_oddly("*1\r\n*2\r\n$9\r\nsocket.io\r\n*1\r\n" ENTRY("7-9", "$1\r\n/", "4", "{", "1"));
  settle();
  size_t n = (size_t)snprintf(page, sizeof page, "*300\r\n");
  for (int i = 0; i < 300; i++)
    n += (size_t)snprintf(page + n, sizeof page - n, "*2\r\n$3\r\n7-%d\r\n*0\r\n", 2 + i % 6);
  xranges = 0;
  page_reply = page;
  fake_special = page_special;
  key_value = SESSION;
  come_back("7-1");
  UNTIL(xranges == 3); /* there is more after 7-7 */
  UNTIL(root->nmembers == 1);
  EQ(srv->core.stats.recovered, 1);
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

static bool refuse_xrange(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "XRANGE")) return cluster_special(c, w, n);
  odd = c;
  if (page_reply) fake_say(c, page_reply);
  return true;
}

TEST(a_client_is_new_if_a_server_of_a_cluster_refuses_its_offset) {
  begin_streams_in_cluster(&normal);
  of_other(event_for_all);
  read_all(1);
  fake_special = refuse_xrange;
  page_reply = "-NOPERM no\r\n";
  key_value = SESSION;
  come_back("7-1");
  UNTIL(root->nmembers == 1);
  EQ(failed_to_recover(SIO_RECOVERY_NO_ANSWER), 1);
  EQ(takes[0] + takes[1], 0); /* its key stays for another server */
  end_cluster();
}

TEST(a_client_that_vanishes_before_its_offset_is_known_keeps_its_key) {
  begin_streams_in_cluster(&normal);
  of_other(event_for_all);
  read_all(1);
  fake_special = refuse_xrange;
  page_reply = NULL;
  odd = NULL;
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(odd != NULL);
  hang_up(p);
  say_entries(odd, 0, 1);
  settle();
  EQ(takes[0] + takes[1], 0);
  EQ(root->nmembers, 0);
  end_cluster();
}

static unsigned sets_to_lose;

static bool lose_sets(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "SET") || !sets_to_lose) return cluster_special(c, w, n);
  sets_to_lose--;
  odd = c;
  return true;
}

TEST(keys_of_a_cluster_whose_replies_are_lost_are_written_again) {
  begin_streams_in_cluster(&normal);
  joined();
  UNTIL(strstr(commands, "SET sio:session:"));
  settle();
  commands[0] = '\0';
  fake_special = lose_sets;
  sets_to_lose = 2;
  odd = NULL;
  joined();
  pump();
  joined();
  UNTIL(sets_to_lose == 0);
  EQ_STR(commands, "");
  fake_close(odd);
  UNTIL(strstr(commands, "SET ") && strstr(strstr(commands, "SET ") + 4, "SET "));
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

/* The commands that take a key are sent together or not at all: without its EXEC, MULTI would keep
 * Redis from executing all that follows. */
TEST(without_memory_for_a_restore_events_are_added_as_before) {
  static char text[1200];
  for (unsigned n = 560; n < 800; n += 30) /* so that the queue has to grow in the middle */
    for (size_t at = 1; at < 30; at++) {
      memset(text, 'x', n);
      text[n] = '\0';
      begin_odd(&normal, NULL);
      of_other(event_for_all);
      read_all(1);
      key_value = SESSION;
      sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "before", SIO_ARGS(text));
      alloc_fail_in(at);
      struct peer *p = peer_new();
      if (p) say(p, "40{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"7-1\"}");
      alloc_fail_in(0);
      settle();
      is_ready_again();
      sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "after", SIO_NONE);
      UNTIL(nentries == 3);
      REQUIRE(nentries == 3);
      EQ(redis_stats().dropped, 0);
      end();
    }
}

TEST(a_restore_that_finds_little_room_in_the_queue_takes_all_or_nothing) {
  static char text[900];
  for (unsigned n = 300; n < 900; n += 20) {
    memset(text, 'x', n);
    text[n] = '\0';
    begin_odd(&normal, &(sio_redis_options){ .max_queued = 1400 });
    of_other(event_for_all);
    read_all(1);
    key_value = SESSION;
    sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "full", SIO_ARGS(text));
    come_back("7-1");
    UNTIL(root->nmembers == 1);
    is_ready_again();
    unsigned added = 2 - (unsigned)redis_stats().dropped; /* it may be too large itself */
    UNTIL(nentries == added);
    sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "after", SIO_NONE);
    UNTIL(nentries == added + 1);
    settle();
    EQ(redis_stats().dropped, 2 - added);
    end();
  }
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
T(entries_wait_up_to_max_queued_bytes)
T(an_event_almost_as_large_as_the_queue_does_not_keep_others_from_the_stream)
T(a_key_that_finds_no_room_is_counted_as_dropped)
T(keys_that_were_not_confirmed_are_written_again)
T(a_local_event_of_a_question_that_has_ended_is_not_sent)
T(a_client_that_returns_is_new_if_an_answer_is_malformed)
T(a_client_that_returns_is_new_if_the_connection_breaks_meanwhile)
T(a_client_is_new_if_what_it_missed_cannot_be_read)
T(of_what_was_missed_only_events_for_the_socket_are_sent)
T(events_that_are_volatile_or_for_others_are_not_sent_again)
T(a_client_that_is_ahead_waits_until_this_server_has_read_as_much)
T(a_client_that_vanishes_while_its_key_is_taken_leaves_the_key)
T(a_client_that_vanishes_while_what_it_missed_is_read_is_not_joined)
T(the_key_of_a_client_that_was_being_restored_is_written_back_when_the_server_closes)
T(pids_and_offsets_are_checked_before_redis_is_asked)
T(a_key_whose_value_is_malformed_restores_nobody)
T(a_local_event_that_waits_reaches_those_whom_it_was_for)
T(the_sender_is_left_out_here_and_on_other_servers)
T(events_with_a_key_keep_their_place_in_the_stream)
T(an_entry_without_data_is_malformed)
T(a_handler_may_free_the_redis_that_has_called_it)
T(a_saved_socket_may_be_in_no_rooms)
T(a_reader_that_has_heard_nothing_for_long_is_asked_whether_it_is_there)
T(clients_that_come_back_at_once_get_their_own_answers)
T(an_event_that_is_read_while_a_client_is_restored_comes_once)
T(what_was_missed_is_read_in_pages)
T(an_entry_that_a_server_of_a_cluster_refuses_is_dropped)
T(a_client_is_new_if_a_server_of_a_cluster_refuses_its_offset)
T(a_client_that_vanishes_before_its_offset_is_known_keeps_its_key)
T(keys_of_a_cluster_whose_replies_are_lost_are_written_again)
T(the_connections_of_a_stream_follow_the_master_that_sentinels_name)
T(a_server_goes_on_alone_when_its_redis_is_freed)
T(without_memory_for_a_restore_events_are_added_as_before)
T(a_restore_that_finds_little_room_in_the_queue_takes_all_or_nothing)
T(it_may_end_at_any_time)
T(any_allocation_may_fail)
T(any_allocation_may_fail_while_it_begins)
TESTS_END
