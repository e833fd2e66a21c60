/* SPDX-License-Identifier: MIT
 *
 * test_redis_answers.c - what Redis answers to commands, and servers that Redis counts although
 * they do not answer.
 */
#include "redis_questions.h"

static struct fake_conn *of_commands(void) {
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0 && !conns[i].subscribed) return &conns[i];
  return NULL;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static const char *count_reply, *publish_reply;

static bool odd_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  (void)n;
  if (count_reply && slice_equals_str(w[0], "PUBSUB"))
    fake_say(c, count_reply);
  else if (publish_reply && slice_equals_str(w[0], "PUBLISH"))
    fake_say(c, publish_reply);
  else
    return false;
  return true;
}

static void begin_odd(const sio_redis_options *o) {
  count_reply = publish_reply = NULL;
  fake_special = odd_special;
  begin(o);
  saw();
}

static void end_odd(void) {
  fake_special = NULL;
  end();
}

TEST(a_count_that_is_malformed_ends_the_question) {
  static const char *const replies[] = { ":1\r\n",
                                         "*0\r\n",
                                         "*3\r\n$1\r\nx\r\n:1\r\n:2\r\n",
                                         "*2\r\n$1\r\nx\r\n$1\r\n7\r\n",
                                         "*2\r\n$1\r\nx\r\n:-1\r\n",
                                         "-ERR\r\n" };
  begin_odd(NULL);
  for (unsigned i = 0; i < sizeof replies / sizeof *replies; i++) {
    count_reply = replies[i];
    sio_server_count(root, 0, on_count, NULL);
    UNTIL(*traced);
    SAW("i/o error 1 ");
  }
  EQ(redis_stats().state, SIO_REDIS_READY);
  end_odd();
}

/* This server's own subscription may not be there yet. */
TEST(a_count_of_nobody_is_this_server_alone) {
  begin_odd(NULL);
  servers = 0;
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 1 ");
  sio_all_fetch(ALL, 0, on_list, NULL);
  UNTIL(*traced);
  SAW("all ");
  end_odd();
}

TEST(a_question_that_finds_no_room_in_the_queue_ends) {
  static char text[600];
  memset(text, 'x', sizeof text - 1);
  begin_odd(&(sio_redis_options){ .max_queued = 1000 });
  sio_broadcast(ALL, "ev", SIO_ARGS(text));
  sio_broadcast(ALL, "ev", SIO_ARGS("and more, so that nothing else fits"));
  for (int i = 0; i < 3; i++) sio_broadcast(ALL, "ev", SIO_NONE);
  CHECK(redis_stats().dropped > 0);
  sio_server_count(root, 0, on_count, NULL);
  sio_all_fetch(ALL, 0, on_list, NULL);
  UNTIL(nsaid > 0);
  settle();
  SAW("no buffer space available 1 no buffer space available ");
  sio_broadcast_ack(ALL, "q", SIO_ARGS(text, text), 0, on_replies, NULL);
  sio_server_side_emit(root, "q", SIO_ARGS(text, text), 0, on_replies, NULL);
  settle();
  SAW("no buffer space available 0/0 no buffer space available 0/0 ");
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 ");
  end_odd();
}

/* ---- how many servers a message reached ------------------------------------------------------ */

/* Publishes once, and has the reply. */
static void reach(const char *reply) {
  publish_reply = reply;
  uint64_t received = redis_stats().connects;
  sio_broadcast(ALL, "ev", SIO_NONE);
  settle();
  saw();
  sio_server_count(root, 0, on_count, NULL); /* its reply comes after that to PUBLISH */
  UNTIL(strstr(traced, "all 2 "));
  EQ(redis_stats().connects, received);
}

static void break_once(void) {
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
}

TEST(messages_that_reach_fewer_servers_after_a_break_are_counted) {
  begin_odd(NULL);
  reach(":3\r\n");
  reach(":2\r\n");
  EQ(redis_stats().missed, 0); /* one has left: nothing has broken */
  reach(":3\r\n");
  break_once();
  clock_ms += 2000;
  lines[0] = '\0';
  reach(":1\r\n");
  EQ(redis_stats().missed, 1);
  settle();
  CHECK(strstr(lines, "a message reached only 1 of the 3 servers that listened before a "
                      "connection broke"));
  reach("+OK\r\n"); /* no number */
  EQ(redis_stats().missed, 1);
  reach(":2\r\n");
  EQ(redis_stats().missed, 2);
  break_once();
  reach(":2\r\n"); /* still fewer than before the first break */
  EQ(redis_stats().missed, 3);
  reach(":3\r\n");
  reach(":2\r\n"); /* all were back: this one has left */
  EQ(redis_stats().missed, 3);
  end_odd();
}

TEST(servers_that_do_not_come_back_in_ten_seconds_are_not_missed_any_more) {
  begin_odd(NULL);
  reach(":3\r\n");
  break_once();
  reach(":2\r\n");
  EQ(redis_stats().missed, 1);
  clock_ms += 10001;
  reach(":2\r\n");
  reach(":2\r\n");
  EQ(redis_stats().missed, 1);
  end_odd();
}

/* ---- servers that are silent ----------------------------------------------------------------- */

static void response(const char *id, const char *data) {
  char text[200];
  snprintf(text, sizeof text, "{\"type\":6,\"requestId\":\"%s\",\"data\":%s}", id, data);
  push("socket.io-response#/#", slice_str(text));
}

static void ask(const char *id) {
  draw(id);
  EQ(sio_server_side_emit(root, "hello", SIO_NONE, 2000, on_replies, NULL), 0);
  settle();
}

/* Two other servers are asked, and one answers. */
static void leave_one_silent(void) {
  servers = 3;
  ask("aaaaaa");
  response("aaaaaa", "1");
  SAW("");
  later(2000);
  settle();
  SAW("operation has timed out 1/2 1 ");
}

TEST(a_server_that_does_not_answer_is_waited_for_once) {
  begin_odd(NULL);
  leave_one_silent();
  settle();
  CHECK(strstr(lines, "1 of 2 other servers do not answer; the next requests do not wait for "
                      "them\n"));
  ask("bbbbbb");
  SAW("");
  response("bbbbbb", "2");
  SAW("operation has timed out 1/2 2 "); /* at once */
  end_odd();
}

/* Redis alone answers the question for the number. */
TEST(a_count_of_the_servers_does_not_forget_the_silent_one) {
  begin_odd(NULL);
  leave_one_silent();
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  settle();
  SAW("all 3 ");
  ask("bbbbbb");
  response("bbbbbb", "2");
  SAW("operation has timed out 1/2 2 "); /* at once */
  end_odd();
}

TEST(a_silent_server_that_answers_late_is_waited_for_again) {
  begin_odd(NULL);
  leave_one_silent();
  response("zzzzzz", "0"); /* the answer to a question of another server */
  response("aaaaaa", "2");
  ask("bbbbbb");
  response("bbbbbb", "1");
  SAW("");
  response("bbbbbb", "2");
  SAW("all 2/2 1 2 ");
  end_odd();
}

TEST(a_silent_server_that_redis_counts_no_longer_is_forgotten) {
  begin_odd(NULL);
  leave_one_silent();
  servers = 2;
  ask("bbbbbb");
  SAW("");
  response("bbbbbb", "1");
  SAW("all 1/1 1 ");
  servers = 3;
  ask("cccccc");
  response("cccccc", "1");
  SAW("");
  response("cccccc", "2");
  SAW("all 2/2 1 2 ");
  end_odd();
}

TEST(a_question_whose_time_is_short_makes_nobody_silent) {
  begin_odd(NULL);
  servers = 3;
  draw("aaaaaa");
  EQ(sio_server_side_emit(root, "hello", SIO_NONE, 500, on_replies, NULL), 0);
  settle();
  response("aaaaaa", "1");
  later(500);
  settle();
  SAW("operation has timed out 1/2 1 ");
  ask("bbbbbb");
  response("bbbbbb", "1");
  SAW("");
  response("bbbbbb", "2");
  SAW("all 2/2 1 2 ");
  end_odd();
}

/* Each server has said how many sockets it asked; one of these does not answer. */
TEST(a_socket_that_does_not_answer_makes_no_server_silent) {
  begin_odd(NULL);
  servers = 3;
  draw("aaaaaa");
  EQ(sio_broadcast_ack(ALL, "q", SIO_NONE, 2000, on_replies, NULL), 0);
  settle();
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"aaaaaa\",\"clientCount\":1}"));
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"aaaaaa\",\"clientCount\":0}"));
  later(2000);
  settle();
  SAW("operation has timed out 0/1 ");
  CHECK(!strstr(lines, "do not answer"));
  end_odd();
}

TEST(a_server_that_is_silent_still_is_not_said_again) {
  begin_odd(NULL);
  leave_one_silent();
  settle();
  lines[0] = '\0';
  clock_ms += 2000;
  draw("bbbbbb");
  EQ(sio_broadcast_ack(ALL, "q", SIO_NONE, 2000, on_replies, NULL), 0);
  settle();
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"bbbbbb\",\"clientCount\":1}"));
  later(2000);
  settle();
  SAW("operation has timed out 0/1 ");
  CHECK(!strstr(lines, "do not answer"));
  end_odd();
}

TEST(a_fetch_does_not_wait_for_a_silent_server_and_says_so) {
  begin_odd(NULL);
  leave_one_silent();
  draw("bbbbbb");
  EQ(sio_all_fetch(ALL, 2000, on_list, NULL), 0);
  settle();
  push("socket.io-response#/#", SLICE("{\"requestId\":\"bbbbbb\",\"sockets\":[]}"));
  SAW("operation has timed out ");
  end_odd();
}

TEST(an_answer_may_come_before_redis_has_counted) {
  begin_odd(NULL);
  count_reply = publish_reply = ""; /* no reply */
  ask("aaaaaa");
  response("aaaaaa", "1");
  SAW("");
  fake_say(of_commands(), "*2\r\n$20\r\nsocket.io-request#/#\r\n:2\r\n:1\r\n");
  settle();
  SAW("all 1/1 1 ");
  ask("bbbbbb"); /* Redis never counts */
  later(2000);
  settle();
  SAW("operation has timed out 0/0 ");
  CHECK(!strstr(lines, "do not answer"));
  end_odd();
}

TEST(more_servers_that_do_not_answer_are_said_fewer_are_not) {
  begin_odd(NULL);
  servers = 4;
  ask("aaaaaa");
  later(2000);
  settle();
  SAW("operation has timed out 0/3 ");
  CHECK(strstr(lines, "3 of 3 other servers do not answer"));
  lines[0] = '\0';
  clock_ms += 2000;
  response("aaaaaa", "1"); /* late */
  response("aaaaaa", "2");
  ask("bbbbbb");
  SAW("");
  later(2000);
  settle();
  SAW("operation has timed out 0/3 ");
  CHECK(strstr(lines, "3 of 3 other servers do not answer"));
  end_odd();
}

/* ---- errors and replies ---------------------------------------------------------------------- */

TEST(a_master_that_has_become_a_replica_is_left) {
  begin_odd(NULL);
  publish_reply = "-READONLY You can't write against a read only replica.\r\n";
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().failures == 1);
  settle();
  CHECK(strstr(lines, "for commands failed: the server is a read-only replica; next attempt in"));
  publish_reply = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().errors, 1);
  publish_reply = "-ERR\r\n";
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().errors == 2);
  EQ(redis_stats().failures, 1);
  end_odd();
}

TEST(a_reply_that_nobody_waits_for_is_ignored) {
  begin_odd(NULL);
  fake_say(of_commands(), "+OK\r\n:1\r\n*0\r\n-ERR what\r\n");
  settle();
  EQ(redis_stats().errors, 0);
  EQ(redis_stats().failures, 0);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 ");
  end_odd();
}

TEST(errors_are_logged_as_one_line_of_printable_text) {
  char text[400] = "-ERR \x1b[2J\x7f ";
  begin_odd(NULL);
  memset(text + 11, 'e', 300);
  memcpy(text + 311, "\r\n", 3);
  publish_reply = text;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().errors == 1);
  settle();
  const char *at = strstr(lines, "Redis refuses a command: ERR ?[2J? eee");
  REQUIRE(at != NULL);
  EQ(strcspn(at, "\n"), strlen("Redis refuses a command: ") + 159);
  end_odd();
}

TEST(lines_that_were_left_out_are_counted_in_the_next) {
  begin_odd(NULL);
  publish_reply = "-ERR no\r\n";
  for (int i = 0; i < 3; i++) {
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(redis_stats().errors == (unsigned)i + 1);
    settle();
  }
  EQ_STR(strstr(lines, "Redis refuses"), "Redis refuses a command: ERR no\n");
  clock_ms += 1000;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().errors == 4);
  settle();
  CHECK(strstr(lines, "Redis refuses a command: ERR no (2 similar lines before this one were left "
                      "out)\n"));
  end_odd();
}

TEST(a_context_without_a_server_does_nothing_and_ends_once) {
  begin_odd(NULL);
  server_gone();
  settle();
  EQ(redis_stats().state, SIO_REDIS_IDLE);
  sio_redis_stats half;
  sio_redis_get_stats(redis, &half, sizeof half / 2);
  sio_redis_free(redis);
  sio_redis_free(redis);
  fake_cut();
  fake_stop_listening();
  nothing_left();
  fake_special = NULL;
}

TESTS_BEGIN
T(a_count_that_is_malformed_ends_the_question)
T(a_count_of_nobody_is_this_server_alone)
T(a_question_that_finds_no_room_in_the_queue_ends)
T(messages_that_reach_fewer_servers_after_a_break_are_counted)
T(servers_that_do_not_come_back_in_ten_seconds_are_not_missed_any_more)
T(a_server_that_does_not_answer_is_waited_for_once)
T(a_count_of_the_servers_does_not_forget_the_silent_one)
T(a_silent_server_that_answers_late_is_waited_for_again)
T(a_silent_server_that_redis_counts_no_longer_is_forgotten)
T(a_question_whose_time_is_short_makes_nobody_silent)
T(a_socket_that_does_not_answer_makes_no_server_silent)
T(a_server_that_is_silent_still_is_not_said_again)
T(a_fetch_does_not_wait_for_a_silent_server_and_says_so)
T(an_answer_may_come_before_redis_has_counted)
T(more_servers_that_do_not_answer_are_said_fewer_are_not)
T(a_master_that_has_become_a_replica_is_left)
T(a_reply_that_nobody_waits_for_is_ignored)
T(errors_are_logged_as_one_line_of_printable_text)
T(lines_that_were_left_out_are_counted_in_the_next)
T(a_context_without_a_server_does_nothing_and_ends_once)
TESTS_END
