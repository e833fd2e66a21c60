/* SPDX-License-Identifier: MIT
 *
 * test_redis_failures.c - the adapter over Redis when Redis is away, refuses, stays silent or sends
 * what nobody expects, and when memory is exhausted.
 */
#include "redis_questions.h"
#include <signal.h>

TEST(a_broken_connection_is_made_again_and_subscribed) {
  begin(NULL);
  saw();
  struct peer *p = joined();
  subscribed[0] = '\0';
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  SAW("connecting: the connection broke: Redis closed the connection ready ");
  EQ(redis_stats().failures, 2);
  EQ(redis_stats().connects, 4);
  EQ(redis_stats().interrupted, 4); /* broadcasts, requests, and two of answers */
  CHECK(strstr(subscribed, "PSUBSCRIBE socket.io#/#*\n"));
  CHECK(strstr(subscribed, "SUBSCRIBE socket.io-response#/#w1gYUz#\n"));
  CHECK(strstr(lines,
               "the connection to Redis for commands failed: the connection broke: Redis closed "
               "the connection; next attempt in") ||
        strstr(lines, "the connection to Redis for subscriptions failed: the connection broke"));
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a26576a36e7370a12f80");
  HEARD(p, "42[\"ev\"] ");
  end();
}

TEST(what_is_said_while_redis_is_away_waits_up_to_a_bound) {
  begin(&(sio_redis_options){ .max_queued = 1000 });
  struct peer *p = joined();
  fake_stop_listening();
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  for (int i = 0; i < 20; i++) sio_broadcast(ALL, "ev", SIO_ARGS(i));
  CHECK(redis_stats().dropped > 5 && redis_stats().dropped < 19);
  CHECK(redis_stats().queued > 500 && redis_stats().queued <= 1000);
  unsigned kept = 20 - (unsigned)redis_stats().dropped;
  EQ(strlen(heard(p)), 10 * 11 + 10 * 12); /* all of it, here */
  settle();
  saw();
  sio_server_count(root, 0, on_count, NULL);
  sio_all_fetch(ALL, 0, on_list, NULL);
  sio_server_side_emit(root, "e", SIO_NONE, 0, on_replies, NULL);
  sio_broadcast_ack((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r") }, "q", SIO_NONE, 0,
                    on_replies, NULL);
  turn();
  SAW("socket is not connected 1 socket is not connected own socket is not connected 0/0 "
      "socket is not connected 0/0 ");
  fake_listen();
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  UNTIL(nsaid == kept); /* held until the other servers are back, a second at most */
  CHECK(strstr(lines, "a message or other command for Redis is dropped: max_queued leaves no "
                      "room for it"));
  end();
}

static unsigned sigpipes;

static void on_sigpipe(int number) {
  (void)number;
  sigpipes++;
}

/* A host that does not ignore SIGPIPE must not be killed by it. */
TEST(writing_to_a_redis_that_has_closed_raises_no_signal) {
  void (*old)(int) = signal(SIGPIPE, on_sigpipe);
  begin(NULL);
  struct peer *p = joined();
  sigpipes = 0;
  for (int round = 0; round < 5; round++) {
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    fake_cut();
    for (int i = 0; i < 3; i++) {
      sio_broadcast(ALL, "ev", SIO_ARGS(i));
      sio_server_count(root, 0, on_count, NULL);
      turn();
    }
  }
  settle();
  saw();
  heard(p);
  EQ(sigpipes, 0);
  end();
  signal(SIGPIPE, old);
}

TEST(what_the_kernel_does_not_take_is_sent_when_it_can_be) {
  static char text[64 * 1024];
  memset(text, 'x', sizeof text - 1);
  begin(&(sio_redis_options){ .max_queued = 64 << 20 });
  for (int i = 0; i < 128; i++) {
    sio_broadcast(ALL, "ev", SIO_ARGS(text));
    turn(); /* the other end does not read in it */
  }
  CHECK(redis_stats().queued > 1 << 20);
  UNTIL(nsaid == 128);
  EQ(redis_stats().queued, 0);
  EQ(redis_stats().dropped, 0);
  for (int i = 0; i < 128; i++) sio_broadcast(ALL, "ev", SIO_ARGS(text));
  turn();
  fake_cut(); /* with bytes that still wait */
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(a_question_whose_count_is_lost_ends) {
  begin(NULL);
  mute = true;
  saw();
  sio_server_count(root, 0, on_count, NULL);
  settle();
  fake_cut();
  UNTIL(redis_stats().unanswered == 1);
  settle();
  CHECK(strstr(saw(), "socket is not connected 1 "));
  mute = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(a_wrong_password_is_said_in_one_line_and_tried_again) {
  static const char *const first[] = { "w1gYUz", NULL };
  ids = first;
  EQ(begin_code(&(sio_redis_options){ .password = "wrong" }), 0);
  refusal = "-WRONGPASS invalid username-password pair\x1b\r\n";
  UNTIL(redis_stats().failures > 5);
  CHECK(strstr(lines,
               "Redis answers with an error: WRONGPASS invalid username-password pair?; next"));
  char *second = strchr(lines, '\n');
  CHECK(second && !second[1]); /* the clock stands: no second line in this second */
  EQ(redis_stats().state, SIO_REDIS_CONNECTING);
  refusal = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(a_subscription_that_is_refused_is_tried_again) {
  static const char *const first[] = { "w1gYUz", NULL };
  ids = first;
  EQ(begin_code(&(sio_redis_options){ .ping_interval_ms = 20 }), 0);
  no_subscribers = true;
  UNTIL(redis_stats().errors > 10);
  CHECK(strstr(lines, "Redis refuses a command: NOPERM no channels\n"));
  EQ(redis_stats().state, SIO_REDIS_CONNECTING);
  no_subscribers = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  end();
}

TEST(a_namespace_whose_subscriptions_are_refused_later_is_reported_and_tried_again) {
  sio_nsp *chat;
  begin(&(sio_redis_options){ .ping_interval_ms = 20 });
  struct peer *p = joined();
  saw();
  no_subscribers = true;
  EQ(sio_of(srv, "/chat", &chat), 0);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  settle();
  CHECK(strstr(saw(), "connecting: Redis refuses a subscription "));
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a26576a36e7370a12f80");
  HEARD(p, "42[\"ev\"] "); /* the other namespace works */
  UNTIL(redis_stats().errors > 20);
  CHECK(!strstr(subscribed, "/chat"));
  no_subscribers = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  CHECK(strstr(subscribed, "PSUBSCRIBE socket.io#/chat#*\n"));
  SAW("ready ");
  EQ(redis_stats().failures, 0);
  end();
}

TEST(a_redis_that_loads_is_waited_for) {
  static const char *const first[] = { "w1gYUz", NULL };
  ids = first;
  EQ(begin_code(NULL), 0);
  refusal = "-LOADING Redis is loading the dataset in memory\r\n";
  UNTIL(redis_stats().failures > 2);
  CHECK(
      strstr(lines, "Redis answers with an error: LOADING Redis is loading the dataset in memory"));
  refusal = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(a_silent_redis_is_given_up) {
  begin(&(sio_redis_options){ .ping_interval_ms = 20 });
  for (int i = 0; i < 1000; i++) pump(); /* pings are answered */
  EQ(redis_stats().failures, 0);
  mute = true;
  UNTIL(redis_stats().failures >= 2);
  pump();
  CHECK(strstr(lines, "Redis does not answer"));
  mute = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

/* Runs the ticks of a link as if their time had passed. Returns the milliseconds until it fails. */
static uint64_t silence_until_failure(struct link *l) {
  uint64_t before = redis_stats().failures, ms = 0;
  while (redis_stats().failures == before && ms < 1000000) {
    ms += uv_timer_get_repeat(&l->timer);
    l->timer.timer_cb(&l->timer);
  }
  return ms;
}

TEST(a_silent_redis_is_given_up_after_two_intervals_and_a_quarter) {
  begin(&(sio_redis_options){ .ping_interval_ms = 10000 });
  EQ(silence_until_failure(&redis->only_server->commands), 22500);
  EQ(silence_until_failure(&redis->only_server->subscriber), 22500);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(an_answered_ping_keeps_the_connection) {
  begin(&(sio_redis_options){ .ping_interval_ms = 10000 });
  struct link *l = &redis->only_server->commands;
  for (int i = 0; i < 100; i++) {
    for (int k = 0; k < 8; k++) l->timer.timer_cb(&l->timer);
    settle();
  }
  EQ(redis_stats().failures, 0);
  end();
}

TEST(a_redis_that_does_not_greet_is_given_up_in_time) {
  static const char *const first[] = { "w1gYUz", NULL };
  ids = first;
  EQ(begin_code(&(sio_redis_options){ .connect_timeout_ms = 5 }), 0);
  mute = true;
  UNTIL(redis_stats().failures >= 2);
  pump();
  CHECK(strstr(lines, "cannot connect: connection timed out"));
  mute = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

static void answer_is_refused(const char *bytes, const char *line) {
  begin(&(sio_redis_options){ .max_message = 10000 });
  uint64_t before = redis_stats().failures;
  lines[0] = '\0';
  clock_ms += 2000;
  for (size_t n = 0; n < 200000 && redis_stats().failures == before; n += strlen(bytes)) {
    if (subscriber()) fake_say(subscriber(), bytes);
    pump();
  }
  UNTIL(redis_stats().failures > before);
  settle();
  CHECK(strstr(lines, line));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(what_is_no_redis_is_left) {
  answer_is_refused("HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak the protocol of Redis");
}

TEST(an_endless_message_is_refused) {
  static char bytes[5000];
  memset(bytes, 'x', sizeof bytes - 1);
  memcpy(bytes, "$1000000000\r\n", 13);
  answer_is_refused(bytes, "longer than max_message allows");
}

TEST(an_array_of_a_billion_is_refused_before_it_is_allocated) {
  answer_is_refused("*1000000000\r\n", "longer than max_message allows");
}

/* Sends an array of n strings of 99000 bytes, until the connection fails. */
static void send_long_elements(unsigned n) {
  static char bytes[99000];
  char head[20];
  struct fake_conn *c = subscriber();
  uint64_t before = redis_stats().failures;
  snprintf(head, sizeof head, "*%u\r\n", n);
  fake_say(c, head);
  for (unsigned i = 0; i < n && redis_stats().failures == before; i++) {
    fake_bulk(c, slice(bytes, sizeof bytes));
    turn();
  }
  settle();
}

TEST(an_array_of_many_elements_of_just_under_max_message_is_refused) {
  begin(&(sio_redis_options){ .max_message = 100000 });
  clock_ms += 2000;
  send_long_elements(4096);
  EQ(redis_stats().failures, 1);
  CHECK(strstr(lines, "longer than max_message allows"));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

TEST(a_reply_of_as_many_entries_as_are_read_at_a_time_may_be_longer_than_max_message) {
  begin(&(sio_redis_options){ .max_message = 100000 });
  send_long_elements(300);
  EQ(redis_stats().failures, 0);
  push("socket.io-request#/#", SLICE("nonsense"));
  EQ(redis_stats().malformed, 1);
  end();
}

TEST(surprising_replies_are_ignored) {
  begin(NULL);
  struct fake_conn *c = subscriber();
  fake_say(c, "+OK\r\n:7\r\n*0\r\n*1\r\n$7\r\nmessage\r\n*3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n"
              "*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n*-1\r\n$-1\r\n"
              "*3\r\n$7\r\nmessage\r\n$7\r\nunknown\r\n$1\r\nx\r\n*2\r\n*1\r\n:1\r\n:1\r\n");
  settle();
  EQ(redis_stats().state, SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  fake_say(c, "-NOPERM no\r\n");
  settle();
  EQ(redis_stats().errors, 1);
  end();
}

TEST(a_server_goes_on_alone_when_its_redis_is_freed) {
  begin(NULL);
  struct peer *p = joined();
  sio_redis_free(redis);
  settle();
  EQ(sio_broadcast(ALL, "ev", SIO_NONE), 0);
  saw();
  sio_all_fetch(ALL, 0, on_list, NULL);
  sio_server_count(root, 0, on_count, NULL);
  settle();
  SAW("socket is not connected own socket is not connected 1 ");
  HEARD(p, "42[\"ev\"] ");
  server_gone();
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

TEST(the_connections_end_with_the_last_server_and_come_back_with_the_next) {
  begin(NULL);
  server_gone();
  for (int i = 0; i < 10; i++) pump();
  EQ(redis_stats().state, SIO_REDIS_IDLE);
  CHECK(!subscriber());
  sio_options o = { .adapter = sio_redis_adapter, .adapter_user = &cluster };
  closed = false;
  EQ(sio_server_new(&loop, &o, &srv), 0);
  EQ(sio_of(srv, "/", &root), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end();
}

static bool login_takes_long(struct fake_conn *c, const sio_slice *w, size_t n) {
  (void)c, (void)n;
  if (slice_equals_str(w[0], "PING")) clock_ms += 31000;
  return false;
}

/* The other servers are back by then. */
TEST(what_waits_for_a_redis_that_was_away_for_long_is_sent_at_once) {
  begin(&(sio_redis_options){ .retry_max_ms = 3600000, .retry_min_ms = 1 });
  fake_special = login_takes_long;
  fake_cut();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(!redis->only_server->commands_held);
  settle();
  EQ(nsaid, 1);
  fake_special = NULL;
  end();
}

/* ---- how long it waits ----------------------------------------------------------------------- */

/* The milliseconds until the next attempt, after a connection broke that has lasted so long. */
static unsigned wait_after(unsigned lasted_ms) {
  clock_ms += lasted_ms;
  lines[0] = '\0';
  fake_cut();
  UNTIL(strstr(lines, "next attempt in "));
  const char *at = strstr(lines, "next attempt in ");
  unsigned ms = at ? (unsigned)strtoul(at + 16, NULL, 10) : 0;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  return ms;
}

TEST(the_wait_doubles_and_begins_anew_after_a_connection_that_lasted) {
  begin(&(sio_redis_options){ .retry_min_ms = 1, .retry_max_ms = 5000 });
  unsigned ms = 0;
  for (int i = 0; i < 5; i++) ms = wait_after(1001); /* the lines are told once a second */
  CHECK(ms >= 8 && ms <= 16);
  ms = wait_after(5000);
  CHECK(ms >= 16);
  EQ(wait_after(5001), 1);
  end();
}

/* ---- answers that are malformed -------------------------------------------------------------- */

static void answers_are_malformed(const char *const *answers, size_t n) {
  uint64_t before = redis_stats().malformed;
  for (size_t i = 0; i < n; i++) {
    push("socket.io-response#/#", slice_str(answers[i]));
    if (redis_stats().malformed != before + i + 1) fprintf(stderr, "answer %s\n", answers[i]);
    EQ(redis_stats().malformed, before + i + 1);
  }
}
#define ANSWERS_ARE_MALFORMED(...)                            \
  answers_are_malformed((const char *const[]){ __VA_ARGS__ }, \
                        sizeof(const char *const[]){ __VA_ARGS__ } / sizeof(char *))

TEST(malformed_counts_and_acks_are_counted_and_the_question_waits_on) {
  begin(NULL);
  saw();
  servers = 3;
  draw("XgUhE7");
  EQ(sio_broadcast_ack(ALL, "q", SIO_NONE, 0, on_replies, NULL), 0);
  settle();
  ANSWERS_ARE_MALFORMED("7", "{\"type\":\"x\",\"requestId\":\"XgUhE7\"}",
                        "{\"type\":99,\"requestId\":\"XgUhE7\"}",
                        "{\"type\":6,\"requestId\":\"XgUhE7\",\"data\":1}",
                        "{\"type\":8,\"requestId\":\"XgUhE7\"}",
                        "{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":-1}",
                        "{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":1e30}",
                        "{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":\"1\"}");
  SAW("");
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":1.0}"));
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":0}"));
  push("socket.io-response#/#", SLICE("{\"type\":9,\"requestId\":\"XgUhE7\",\"packet\":[1]}"));
  settle();
  SAW("all 1/1 [1] ");
  end();
}

TEST(malformed_sockets_are_counted_and_that_server_has_answered) {
  begin(NULL);
  saw();
  servers = 4;
  draw("2hCaKp");
  EQ(sio_all_fetch(ALL, 0, on_list, NULL), 0);
  settle();
  ANSWERS_ARE_MALFORMED("{\"requestId\":\"2hCaKp\"}", "{\"requestId\":\"2hCaKp\",\"sockets\":7}");
  SAW("");
  ANSWERS_ARE_MALFORMED("{\"requestId\":\"2hCaKp\",\"sockets\":[7]}",
                        "{\"requestId\":\"2hCaKp\",\"sockets\":[{\"id\":7}]}",
                        "{\"requestId\":\"2hCaKp\",\"sockets\":[{\"id\":\"x\",\"rooms\":7}]}");
  SAW("all ");
  end();
}

/* What is not for a question of this server is not even read: others hear it too. */
TEST(answers_without_a_known_question_are_ignored) {
  static const char *const answers[] = { "{\"type\":8}", "{\"type\":8,\"requestId\":7}",
                                         "{\"type\":8,\"requestId\":\"nobody\"}" };
  begin(NULL);
  push("socket.io-response#/#", SLICE("nonsense"));
  draw("XgUhE7");
  EQ(sio_broadcast_ack(ALL, "q", SIO_NONE, 0, on_replies, NULL), 0);
  settle();
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    push("socket.io-response#/#", slice_str(answers[i]));
  EQ(redis_stats().malformed, 0);
  end();
}

TEST(names_and_numbers_of_unusual_kinds_are_understood_or_refused) {
  begin(NULL);
  struct peer *p = joined();
  EQ(sio_join(root->members[0], "-5"), 0);
  push("socket.io-request#/#", SLICE("{\"type\":2.0,\"opts\":{\"rooms\":[-5]},\"rooms\":[9]}"));
  EQ(sio_nsp_count_sockets(root, "9"), 1);
  push("socket.io-request#/#", SLICE("{\"type\":2.5,\"opts\":{},\"rooms\":[10]}"));
  push("socket.io-request#/#",
       SLICE(
           "{\"type\":2,\"opts\":{\"flags\":{\"volatile\":7,\"compress\":null,\"timeout\":\"x\"}},"
           "\"rooms\":[\"a\\u0000b\",true,\"ok\"]}"));
  EQ(sio_nsp_count_sockets(root, "ok"), 1);
  EQ(sio_nsp_count_sockets(root, "10"), 0);
  EQ(redis_stats().malformed, 1);
  HEARD(p, "");
  end();
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void do_everything(void) {
  const sio_slice bin = { "\1", 1 };
  sio_broadcast(ALL, "ev", SIO_ARGS("x", sio_bin(bin.p, 1)));
  sio_broadcast_ack(ALL, "q", SIO_NONE, 0, on_replies, NULL);
  sio_all_join(ALL, SIO_ROOMS("r"));
  sio_all_fetch(ALL, 0, on_list, NULL);
  sio_server_side_emit(root, "hello", SIO_ARGS(sio_bin(bin.p, 1)), 0, on_replies, NULL);
  sio_server_count(root, 0, on_count, NULL);
  settle();
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":5,\"opts\":{"
                                     "\"rooms\":[],\"except\":[]}}"));
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":6,\"data\":"
                                     "[\"hello\",{\"x\":1}]}"));
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":1}"));
  push("socket.io-request#/#",
       SLICE("{\"uid\":\"x\",\"requestId\":\"2\",\"type\":7,\"packet\":"
             "{\"type\":2,\"data\":[\"q\"]},\"opts\":{\"rooms\":[\"r\"]}}"));
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746192a26576c40101a36e7370a12f80");
}

TEST(any_allocation_may_fail_and_no_message_is_malformed_for_that) {
  bool failed = true;
  uint64_t unhandled = 0;
  for (size_t at = 1; failed; at++) {
    begin(NULL);
    sio_on_server_side(root, "hello", on_hello, "pong");
    joined();
    alloc_fail_in(at);
    if (subscriber()) do_everything();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    EQ(redis_stats().malformed, 0);
    unhandled += redis_stats().unhandled;
    end();
  }
  CHECK(unhandled > 0);
}

TEST(any_allocation_may_fail_while_it_begins) {
  for (size_t at = 1; at < 120; at++) {
    alloc_install();
    traced[0] = '\0';
    npeers = 0;
    closed = false;
    uv_loop_init(&loop);
    uv_async_init(&loop, &alive, on_alive);
    begin_redis(NULL);
    sio_options o = { .adapter = sio_redis_adapter, .adapter_user = &cluster };
    alloc_fail_in(at);
    int err = sio_server_new(&loop, &o, &srv);
    if (!err) {
      UNTIL(redis_stats().state == SIO_REDIS_READY);
      if (redis_stats().state != SIO_REDIS_READY) fprintf(stderr, "at %zu: %s\n", at, lines);
      end();
      continue;
    }
    EQ(err, UV_ENOMEM);
    alloc_fail_in(0);
    sio_redis_free(redis);
    fake_stop_listening();
    nothing_left();
  }
  for (size_t at = 1; at < 5; at++) {
    sio_redis *r;
    alloc_install();
    uv_loop_init(&loop);
    alloc_fail_in(at);
    int err = sio_redis_new(&loop, NULL, why, sizeof why, &r);
    alloc_fail_in(0);
    if (!err) sio_redis_free(r);
    uv_run(&loop, UV_RUN_DEFAULT);
    EQ(uv_loop_close(&loop), 0);
    EQ(alloc_live, 0);
  }
}

TESTS_BEGIN
T(a_broken_connection_is_made_again_and_subscribed)
T(what_is_said_while_redis_is_away_waits_up_to_a_bound)
T(writing_to_a_redis_that_has_closed_raises_no_signal)
T(what_the_kernel_does_not_take_is_sent_when_it_can_be)
T(a_question_whose_count_is_lost_ends)
T(a_wrong_password_is_said_in_one_line_and_tried_again)
T(a_subscription_that_is_refused_is_tried_again)
T(a_namespace_whose_subscriptions_are_refused_later_is_reported_and_tried_again)
T(a_redis_that_loads_is_waited_for)
T(a_silent_redis_is_given_up)
T(a_silent_redis_is_given_up_after_two_intervals_and_a_quarter)
T(an_answered_ping_keeps_the_connection)
T(a_redis_that_does_not_greet_is_given_up_in_time)
T(what_is_no_redis_is_left)
T(an_endless_message_is_refused)
T(an_array_of_a_billion_is_refused_before_it_is_allocated)
T(an_array_of_many_elements_of_just_under_max_message_is_refused)
T(a_reply_of_as_many_entries_as_are_read_at_a_time_may_be_longer_than_max_message)
T(surprising_replies_are_ignored)
T(a_server_goes_on_alone_when_its_redis_is_freed)
T(the_connections_end_with_the_last_server_and_come_back_with_the_next)
T(what_waits_for_a_redis_that_was_away_for_long_is_sent_at_once)
T(the_wait_doubles_and_begins_anew_after_a_connection_that_lasted)
T(malformed_counts_and_acks_are_counted_and_the_question_waits_on)
T(malformed_sockets_are_counted_and_that_server_has_answered)
T(answers_without_a_known_question_are_ignored)
T(names_and_numbers_of_unusual_kinds_are_understood_or_refused)
T(any_allocation_may_fail_and_no_message_is_malformed_for_that)
T(any_allocation_may_fail_while_it_begins)
TESTS_END
