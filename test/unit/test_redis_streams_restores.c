/* SPDX-License-Identifier: MIT
 *
 * test_redis_streams_restores.c - the keys of sockets, and clients that return to the streams
 * adapter: also when Redis answers what nobody expects about them, refuses, is slow, or is lost
 * half way, and when memory runs out.
 */
#include "redis_odd_rig.h"

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

/* ---- a Redis that is slow ----------------------------------------------------------------- */

/* Broadcasts an event, and waits until it is delivered although it was not read back. */
static void broadcast_to_room_while_redis_is_slow(struct peer *witness, const char *event) {
  hold_reads = true;
  unsigned n = nentries;
  EQ(sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r2") }, event, SIO_NONE), 0);
  UNTIL(nentries == n + 1);
  clock_ms += STREAM_WAIT_MS;
  UNTIL(witness->n);
}

static struct peer *witness_in_room(void) {
  struct peer *p = joined();
  EQ(sio_join(root->members[0], "r2"), 0);
  return p;
}

/* The event was delivered to those who were there, and is in the stream. */
TEST(a_client_that_returns_while_redis_is_slow_gets_an_event_that_was_not_read_back) {
  begin_streams(&normal);
  of_other(event_for_room);
  broadcast_to_room_while_redis_is_slow(witness_in_room(), "late");
  key_value = SESSION;
  struct peer *p = come_back("7-1");
  UNTIL(!key_value);
  settle();
  hold_reads = false;
  feed_reader();
  UNTIL(root->nmembers == 2);
  HEARD(p, "42[\"late\",\"7-2\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end();
}

static sio_next *waiting;
static void wait_for_host(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  waiting = next;
}

TEST(a_client_that_waits_for_middleware_gets_an_event_that_redis_is_slow_with) {
  begin_streams(&(sio_recovery){ .run_middlewares = true });
  struct peer *witness = witness_in_room();
  EQ(sio_use(root, wait_for_host, NULL), 0);
  settle();
  of_other(event_for_room);
  heard(witness);
  key_value = SESSION;
  waiting = NULL;
  struct peer *p = come_back("7-1");
  UNTIL(waiting);
  broadcast_to_room_while_redis_is_slow(witness, "late");
  hold_reads = false;
  feed_reader();
  settle();
  sio_next_ok(waiting);
  settle();
  HEARD(p, "42[\"late\"] 40{\"sid\":\"?\",\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\"} ");
  end();
}

/* ---- keys of connected sockets --------------------------------------------------------------- */

/* How many SET there are, and forgets them. */
static unsigned count_sets(void) {
  unsigned n = 0;
  for (const char *at = commands; (at = strstr(at, "SET ")); at++) n++;
  commands[0] = '\0';
  return n;
}

TEST(the_key_of_a_socket_is_written_again_after_each_change_and_before_it_expires) {
  begin_streams(&(sio_recovery){ .max_disconnection_ms = 60000 });
  joined();
  UNTIL(strstr(commands, "SET "));
  settle();
  EQ(count_sets(), 1);
  sio_join(root->members[0], "a");
  sio_join(root->members[0], "b");
  UNTIL(strstr(commands, "SET "));
  settle();
  EQ(count_sets(), 1); /* once a turn */
  sio_leave(root->members[0], "a");
  UNTIL(strstr(commands, "SET "));
  settle();
  EQ(count_sets(), 1);
  sio_socket_set_shared(root->members[0], SLICE("{\"user\":\"bob\"}"));
  UNTIL(strstr(commands, "SET "));
  settle();
  EQ(count_sets(), 1);
  clock_ms += 19999;
  of_other("{}"); /* it looks whenever something was read */
  read_all(1);
  EQ(count_sets(), 0);
  clock_ms += 1;
  of_other("{}");
  UNTIL(strstr(commands, "SET "));
  read_all(2);
  EQ(count_sets(), 1);
  end();
}

TEST(without_recovery_no_key_is_written) {
  begin_streams(NULL);
  joined();
  sio_join(root->members[0], "a");
  sio_leave(root->members[0], "a");
  settle();
  EQ_STR(commands, "");
  end();
}

/* ---- answers that nobody expects ------------------------------------------------------------- */

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

/* ---- keys ------------------------------------------------------------------------------------ */

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

TESTS_BEGIN
T(a_client_that_returns_while_redis_is_slow_gets_an_event_that_was_not_read_back)
T(a_client_that_waits_for_middleware_gets_an_event_that_redis_is_slow_with)
T(a_client_of_another_server_is_restored_with_what_it_missed)
T(a_client_whose_key_or_offset_is_gone_is_new)
T(a_key_that_was_taken_for_a_client_that_vanished_is_written_again)
T(without_redis_a_client_that_returns_is_new_at_once)
T(a_connected_socket_has_a_key_until_it_is_disconnected)
T(the_key_of_a_socket_is_written_again_after_each_change_and_before_it_expires)
T(without_recovery_no_key_is_written)
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
T(clients_that_come_back_at_once_get_their_own_answers)
T(an_event_that_is_read_while_a_client_is_restored_comes_once)
T(what_was_missed_is_read_in_pages)
T(a_client_is_new_if_a_server_of_a_cluster_refuses_its_offset)
T(a_client_that_vanishes_before_its_offset_is_known_keeps_its_key)
T(keys_of_a_cluster_whose_replies_are_lost_are_written_again)
T(a_saved_socket_may_be_in_no_rooms)
T(without_memory_for_a_restore_events_are_added_as_before)
T(a_restore_that_finds_little_room_in_the_queue_takes_all_or_nothing)
TESTS_END
