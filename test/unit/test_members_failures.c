/* SPDX-License-Identifier: MIT
 *
 * test_members_failures.c - messages between members that are lost, because too many bytes wait or
 * memory ends, and questions that nobody answers: what the caller is told, what is counted, and
 * what is logged.
 */
#include "clock.h"
#include "server/server.h"

#include "members_rig.h"

static struct {
  unsigned runs;
  int status;
  size_t n, expected, gone;
} answered;

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  answered.runs++;
  answered.status = status;
  answered.n = r->count;
  answered.expected = r->expected;
  answered.gone = r->gone;
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)list, (void)user;
  answered.runs++;
  answered.status = status;
  answered.n = n;
}

static void on_count(int status, size_t n, void *user) {
  (void)user;
  answered.runs++;
  answered.status = status;
  answered.n = n;
}

static void on_sum(const sio_stats *sum, unsigned n, void *user) {
  (void)sum, (void)user;
  answered.runs++;
  answered.n = n;
}

static void on_metrics(sio_slice text, void *user) {
  (void)user;
  answered.runs++;
  answered.status = text.n > 0 ? 0 : UV_ENOMEM; /* an empty text says so */
  answered.n = text.n > 0 ? MEMBERS : 0;
}

static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  sio_reply(e, SIO_NONE);
}

static void later(unsigned ms) {
  clock_ms += ms;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&members[i]->core.loop.timers, clock_ms);
  turns(2);
}

static uint64_t lost_by(sio_server *member) {
  sio_stats st;
  sio_server_get_stats(member, &st, sizeof st);
  return st.thread_messages_lost;
}

static uint64_t lost(void) {
  return lost_by(members[0]) + lost_by(members[1]) + lost_by(members[2]);
}

/* ---- too many bytes wait for a member ---------------------------------------- */

static void begin_full(void) {
  begin();
  connect_peers();
  threads->inbox_max = 0;
  answered.runs = 0;
}

TEST(a_broadcast_that_finds_an_inbox_full_reaches_its_own_member_and_is_counted) {
  begin_full();
  EQ(sio_broadcast((sio_target){ .nsp = roots[0] }, "news", SIO_NONE), 0);
  turns(2);
  expect_next(peers[0], "[\"news\"]");
  CHECK(!sio_test_next(peers[1]));
  EQ(lost_by(members[0]), 2);
  CHECK(strstr(
      log_text,
      "a message about namespace / from one thread to another is lost or cannot be handled: "));
  free_peers();
  end();
}

TEST(a_question_that_finds_an_inbox_full_ends_with_an_error) {
  begin_full();
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 0, on_replies, NULL), 0);
  turns(2);
  expect_next(peers[0], "ask [\"q\"]");
  EQ(sio_test_answer(peers[0], SIO_NONE), 0);
  turns(2);
  EQ(answered.runs, 1);
  EQ(answered.status, SIO_ETOOBIG);
  EQ(answered.n, 1);
  EQ(sio_all_fetch((sio_target){ .nsp = roots[0] }, 0, on_fetched, NULL), 0);
  turns(2);
  EQ(answered.runs, 2);
  EQ(answered.status, SIO_ETOOBIG);
  EQ(answered.n, 1);
  EQ(sio_server_side_emit(roots[0], "x", SIO_NONE, 0, on_replies, NULL), 0);
  turns(2);
  EQ(answered.runs, 3);
  EQ(answered.status, SIO_ETOOBIG);
  free_peers();
  end();
}

TEST(an_answer_that_finds_an_inbox_full_ends_its_question_with_an_error) {
  begin();
  connect_peers();
  answered.runs = 0;
  EQ(sio_on_server_side(roots[1], "x", on_server_side, NULL), 0);
  EQ(sio_server_side_emit(roots[0], "x", SIO_NONE, 0, on_replies, NULL), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = roots[0] }, 0, on_fetched, NULL), 0);
  threads->inbox_max = 0;
  turns(4);
  EQ(answered.runs, 0);
  later(5000);
  EQ(answered.runs, 2);
  EQ(answered.status, SIO_ETIMEOUT);
  CHECK(lost_by(members[1]) > 0 && lost_by(members[2]) > 0);
  free_peers();
  end();
}

TEST(statistics_that_a_member_cannot_be_asked_for_are_missing_and_counted) {
  begin_full();
  EQ(sio_threads_fetch_stats(members[0], on_sum, NULL), 0);
  turns(2);
  EQ(answered.runs, 1);
  EQ(answered.n, 1);
  EQ(lost_by(members[0]), 2);
  CHECK(strstr(log_text, "cannot be asked for its statistics: "));
  free_peers();
  end();
}

/* ---- memory ends ---------------------------------------- */

static int call_broadcast(void) {
  sio_val v[] = { sio_str("x"), sio_bin("\1\2", 2) };
  sio_target to = { .nsp = roots[0], .rooms = SIO_ROOMS("red"), .except = SIO_ROOMS("blue") };
  return sio_broadcast(to, "news", sio_argv(v, 2));
}
static int call_join(void) {
  return sio_all_join((sio_target){ .nsp = roots[0] }, SIO_ROOMS("green"));
}
static int call_leave(void) {
  return sio_all_leave((sio_target){ .nsp = roots[0] }, SIO_ROOMS("red"));
}
static int call_disconnect(void) {
  return sio_all_disconnect((sio_target){ .nsp = roots[0] }, true);
}
static int call_ask(void) {
  return sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 0, on_replies, NULL);
}
static int call_fetch(void) {
  return sio_all_fetch((sio_target){ .nsp = roots[0] }, 0, on_fetched, NULL);
}
static int call_server_side(void) {
  return sio_server_side_emit(roots[0], "x", SIO_ARGS(1), 0, on_replies, NULL);
}
static int call_tell_servers(void) {
  return sio_server_side_emit(roots[0], "x", SIO_ARGS(1), 0, NULL, NULL);
}
static int call_count(void) { return sio_server_count(roots[0], 0, on_count, NULL); }
static int call_stats(void) { return sio_threads_fetch_stats(members[0], on_sum, NULL); }
static int call_metrics(void) { return sio_threads_fetch_metrics(members[0], on_metrics, NULL); }

static void answer_questions(void) {
  for (int i = 0; i < MEMBERS; i++)
    for (const char *text; (text = sio_test_next(peers[i]));)
      if (strncmp(text, "ask", 3) == 0) sio_test_answer(peers[i], SIO_NONE);
}

static void begin_rooms(void) {
  begin();
  connect_peers();
  answered.runs = 0;
  answered.expected = answered.gone = answered.n = 0;
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_join(sio_test_socket(peers[i]), "red"), 0);
    EQ(sio_on_server_side(roots[i], "x", on_server_side, NULL), 0);
  }
}

/* What a caller may rely on: an error that is returned means that the callback does not run;
 * otherwise it runs once, and if answers are missing it says so, or a message was counted as
 * lost. */
static void every_allocation_of(int (*call)(void), bool asks, size_t want) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_rooms();
    alloc_fail_in(at);
    int err = call();
    for (int i = 0; i < 6; i++) {
      turn();
      answer_questions();
    }
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    CHECK(err == 0 || err == UV_ENOMEM);
    if (asks && !err && !answered.runs) later(5000);
    EQ(answered.runs, asks && !err);
    if (!failed) EQ(err, 0);
    if (asks && !err && answered.n != want)
      CHECK(failed && (answered.status || answered.expected > answered.n || lost() > 0));
    free_peers();
    end();
  }
}

TEST(any_allocation_of_a_call_to_all_members_may_fail) {
  every_allocation_of(call_broadcast, false, 0);
  every_allocation_of(call_join, false, 0);
  every_allocation_of(call_leave, false, 0);
  every_allocation_of(call_disconnect, false, 0);
  every_allocation_of(call_tell_servers, false, 0);
}

TEST(any_allocation_of_a_question_to_all_members_may_fail) {
  every_allocation_of(call_ask, true, MEMBERS);
  every_allocation_of(call_fetch, true, MEMBERS);
  every_allocation_of(call_server_side, true, MEMBERS - 1);
  every_allocation_of(call_count, true, MEMBERS);
  every_allocation_of(call_stats, true, MEMBERS);
  every_allocation_of(call_metrics, true, MEMBERS);
}

TEST(no_more_answers_are_missing_than_were_asked_for) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_rooms();
    alloc_fail_in(at);
    int err = call_ask();
    turns(3);
    free_peers(); /* none of them has answered */
    turns(3);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    if (!err && !answered.runs) later(5000);
    EQ(answered.runs, !err);
    CHECK(answered.n + answered.gone <= answered.expected);
    end();
  }
}

/* Each peer has received the event, or its connection was closed, or a message was counted as
 * lost, or the caller was told. */
TEST(an_event_that_a_member_cannot_deliver_for_want_of_memory_is_counted) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_rooms();
    alloc_fail_in(at);
    int err = call_broadcast();
    turns(4);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    for (int i = 0; i < MEMBERS && !err; i++)
      CHECK(sio_test_next(peers[i]) || !sio_test_is_open(peers[i]) || lost() > 0);
    free_peers();
    end();
  }
}

/* Each member's socket has joined, or a message was counted as lost, or the caller was told. */
TEST(a_join_that_a_member_cannot_do_for_want_of_memory_is_counted) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_rooms();
    alloc_fail_in(at);
    int err = sio_all_join((sio_target){ .nsp = roots[0] }, SIO_ROOMS("blue"));
    turns(4);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    for (int i = 0; i < MEMBERS && !err; i++)
      CHECK(sio_nsp_count_sockets(roots[i], "blue") == 1 || lost() > 0);
    free_peers();
    end();
  }
}

/* The connection is answered by the member that has the session, or closed. */
TEST(any_allocation_may_fail_while_a_connection_moves_to_another_member) {
  bool failed = true;
  for (size_t at = 1; failed && at < 200; at++) {
    struct raw c;
    struct poller p = POLLER;
    begin();
    REQUIRE(poller_open(&p, members[0], "/socket.io/"));
    REQUIRE(raw_open(&c, members[1]));
    alloc_fail_in(at);
    CHECK(raw_request(&c, "POST", p.path, "", "40"));
    bool ok = raw_expect(&c, "ok");
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    CHECK(ok || c.fin || strstr(c.in, "503"));
    if (!failed) CHECK(ok);
    raw_close(&c);
    poller_close(&p);
    end();
  }
}

/* ---- a member closes while messages are on their way ---------------------------------------- */

static unsigned posted;
static void on_posted(sio_server *member, void *arg) {
  (void)member, (void)arg;
  posted++;
}

/* Closes a member, and runs the others until what they were asked has ended. */
static void close_one_and_then_all(int closing) {
  nclosed = 0;
  sio_server_close(members[closing], on_member_closed, NULL);
  sio_test_free(peers[closing]);
  peers[closing] = NULL;
  for (int i = 0; i < 8; i++) {
    turn();
    for (int k = 0; k < MEMBERS; k++)
      for (const char *text; peers[k] && (text = sio_test_next(peers[k]));)
        if (strncmp(text, "ask", 3) == 0) sio_test_answer(peers[k], SIO_NONE);
  }
  EQ(nclosed, 1);
  for (int k = 0; k < MEMBERS; k++) {
    if (k == closing) continue;
    sio_test_free(peers[k]);
    sio_server_close(members[k], on_member_closed, NULL);
  }
  wait_until_closed();
}

static const struct {
  int (*call)(void);
  bool asks;
} all_calls[] = { { call_broadcast, false },  { call_join, false },         { call_leave, false },
                  { call_disconnect, false }, { call_tell_servers, false }, { call_ask, true },
                  { call_fetch, true },       { call_server_side, true },   { call_count, true },
                  { call_stats, true },       { call_metrics, true } };

/* The member that was asked closes, or the one that asks, before the messages between them have
 * arrived or after some of them have. */
TEST(a_call_ends_once_whichever_member_closes_while_its_messages_are_on_their_way) {
  for (size_t i = 0; i < sizeof all_calls / sizeof *all_calls; i++)
    for (int closing = 0; closing < MEMBERS; closing++)
      for (int before = 0; before < 4; before++) {
        begin_rooms();
        EQ(all_calls[i].call(), 0);
        turns(before);
        close_one_and_then_all(closing);
        EQ(answered.runs, all_calls[i].asks);
      }
}

TEST(a_call_posted_to_a_member_that_closes_is_run_by_it) {
  for (int closing = 0; closing < MEMBERS; closing++) {
    unsigned count = 0;
    begin_rooms();
    posted = 0;
    EQ(sio_threads_post(threads, on_posted, NULL, &count), 0);
    EQ(count, MEMBERS);
    close_one_and_then_all(closing);
    EQ(posted, MEMBERS);
  }
}

TEST(a_connection_on_its_way_to_a_member_that_closes_is_closed) {
  struct raw c;
  struct poller p = POLLER;
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  REQUIRE(raw_open(&c, members[1]));
  CHECK(raw_request(&c, "POST", p.path, "", "40"));
  UNTIL(atomic_load(&threads->members[0].inbox) > 0 ||
        members[1]->core.stats.connections_handed_over > 0);
  close_members();
  poller_close(&p);
  CHECK(raw_expect_end(&c));
  raw_close(&c);
  wait_until_closed();
}

TEST(a_connection_that_finds_an_inbox_full_is_closed_and_counted) {
  struct raw c;
  struct poller p = POLLER;
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  REQUIRE(raw_open(&c, members[1]));
  threads->inbox_max = 0;
  CHECK(raw_request(&c, "POST", p.path, "", "40"));
  CHECK(raw_expect_end(&c));
  EQ(lost_by(members[1]), 1);
  CHECK(strstr(log_text, "a connection cannot be handed over to the server of another thread"));
  threads->inbox_max = SIZE_MAX;
  raw_close(&c);
  poller_close(&p);
  end();
}

/* ---- questions without an answer ---------------------------------------- */

TEST(a_question_that_times_out_forgets_the_members_that_did_not_answer) {
  begin();
  connect_peers();
  answered.runs = 0;
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 100, on_replies, NULL), 0);
  turns(2);
  for (int i = 0; i < 2; i++) {
    expect_next(peers[i], "ask [\"q\"]");
    EQ(sio_test_answer(peers[i], SIO_NONE), 0);
  }
  turns(2);
  later(99);
  EQ(answered.runs, 0);
  later(1);
  EQ(answered.runs, 1);
  EQ(answered.status, SIO_ETIMEOUT);
  EQ(answered.n, 2);
  EQ(answered.expected, 3);
  expect_next(peers[2], "ask [\"q\"]");
  EQ(sio_test_answer(peers[2], SIO_NONE), 0);
  turns(4);
  EQ(answered.runs, 1);
  free_peers();
  end();
}

TEST(an_answer_to_a_namespace_that_is_gone_is_ignored) {
  sio_nsp *parents[MEMBERS], *child;
  sio_test_peer *here, *there;
  begin();
  answered.runs = 0;
  for (int i = 0; i < MEMBERS; i++) EQ(sio_of_pattern(members[i], "/c-*", &parents[i]), 0);
  EQ(sio_test_connect(members[0], "/c-1", NULL, &here), 0);
  EQ(sio_test_connect(members[2], "/c-1", NULL, &there), 0);
  expect_next(here, "connect");
  expect_next(there, "connect");
  EQ(sio_of(members[0], "/c-1", &child), 0);
  EQ(sio_broadcast_ack((sio_target){ .nsp = child }, "q", SIO_NONE, 100, on_replies, NULL), 0);
  turns(2);
  later(100);
  EQ(answered.runs, 1);
  EQ(answered.status, SIO_ETIMEOUT);
  sio_test_free(here);
  turns(4);
  CHECK(!sio_nsp_find(members[0], "/c-1"));
  expect_next(there, "ask [\"q\"]");
  EQ(sio_test_answer(there, SIO_NONE), 0);
  turns(4);
  EQ(answered.runs, 1);
  sio_test_free(there);
  end();
}

TEST(two_questions_at_once_get_their_own_answers) {
  begin();
  connect_peers();
  answered.runs = 0;
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 0, on_replies, NULL), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = roots[0] }, 0, on_fetched, NULL), 0);
  turns(4);
  EQ(answered.runs, 1); /* the sockets; the other question still waits */
  EQ(answered.n, 3);
  answer_questions();
  turns(4);
  EQ(answered.runs, 2);
  EQ(answered.n, 3);
  free_peers();
  end();
}

TEST(a_namespace_that_another_member_does_not_have_has_no_sockets_there) {
  sio_nsp *chat;
  sio_test_peer *peer;
  begin();
  answered.runs = 0;
  EQ(sio_of(members[0], "/chat", &chat), 0);
  EQ(sio_test_connect(members[0], "/chat", NULL, &peer), 0);
  expect_next(peer, "connect");
  EQ(sio_all_fetch((sio_target){ .nsp = chat }, 0, on_fetched, NULL), 0);
  turns(4);
  EQ(answered.runs, 1);
  EQ(answered.status, 0);
  EQ(answered.n, 1);
  EQ(sio_broadcast((sio_target){ .nsp = chat }, "news", SIO_NONE), 0);
  turns(2);
  expect_next(peer, "[\"news\"]");
  EQ(sio_server_side_emit(chat, "x", SIO_NONE, 0, on_replies, NULL), 0);
  turns(4);
  EQ(answered.runs, 2);
  EQ(answered.status, 0);
  EQ(answered.n, 0);
  EQ(lost(), 0);
  sio_test_free(peer);
  end();
}

TEST(rooms_are_counted_on_their_own_member) {
  const char *rooms[8];
  begin();
  connect_peers();
  EQ(sio_all_join((sio_target){ .nsp = roots[0] }, SIO_ROOMS("red")), 0);
  turns(2);
  EQ(sio_nsp_count_sockets(roots[1], "red"), 1);
  EQ(sio_nsp_count_sockets(roots[1], "blue"), 0);
  EQ(sio_nsp_rooms(roots[1], rooms, 8), 2); /* "red", and that of its socket */
  free_peers();
  end();
}

TEST(bulk_calls_for_one_member_stay_there) {
  begin();
  connect_peers();
  sio_target here = { .nsp = roots[1], .flags = SIO_LOCAL };
  EQ(sio_all_join(here, SIO_ROOMS("red")), 0);
  turns(2);
  EQ(sio_nsp_count_sockets(roots[0], "red"), 0);
  EQ(sio_nsp_count_sockets(roots[1], "red"), 1);
  EQ(sio_all_disconnect(here, false), 0);
  turns(2);
  CHECK(!sio_test_next(peers[0]));
  expect_next(peers[1], "disconnect");
  free_peers();
  end();
}

/* ---- calls posted to all ---------------------------------------- */

TEST(a_call_posted_to_all_says_how_many_will_run_it_when_memory_ends) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    unsigned count = 99;
    begin();
    posted = 0;
    alloc_fail_in(at);
    int err = sio_threads_post(threads, on_posted, &posted, &count);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    turns(2);
    EQ(err, failed ? UV_ENOMEM : 0);
    EQ(posted, count);
    CHECK(failed ? count < MEMBERS : count == MEMBERS);
    end();
  }
}

TEST(a_call_posted_to_nobody_is_refused) {
  unsigned count = 99;
  sio_threads *nobody;
  alloc_install();
  EQ(sio_threads_post(NULL, on_posted, NULL, NULL), UV_EINVAL);
  EQ(sio_threads_new(&nobody), 0);
  EQ(sio_threads_post(nobody, NULL, NULL, NULL), UV_EINVAL);
  EQ(sio_threads_post(nobody, on_posted, NULL, &count), SIO_ECLOSED);
  EQ(count, 0);
  EQ(sio_threads_post(nobody, on_posted, NULL, NULL), SIO_ECLOSED);
  sio_threads_unref(nobody);
  sio_threads_unref(NULL);
  alloc_fail_in(1);
  EQ(sio_threads_new(&nobody), UV_ENOMEM);
  alloc_fail_in(0);
  EQ(alloc_live, 0);
}

/* ---- locks that cannot be made ---------------------------------------- */

static int lock_fails_in; /* counts down; at 1 the call fails */

static bool lock_fails(void) { return lock_fails_in > 0 && lock_fails_in-- == 1; }

int __real_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a);
int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a);
int __wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a) {
  return lock_fails() ? ENOMEM : __real_pthread_mutex_init(m, a);
}

int __real_pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a);
int __wrap_pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a);
int __wrap_pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a) {
  return lock_fails() ? ENOMEM : __real_pthread_rwlock_init(l, a);
}

TEST(without_its_locks_nothing_is_made_and_the_caller_is_told) {
  sio_threads *t;
  alloc_install();
  for (int at = 1; at <= 4; at++) {
    lock_fails_in = at;
    EQ(sio_threads_new(&t), UV_ENOMEM);
    EQ(lock_fails_in, 0);
    EQ(alloc_live, 0);
  }
  EQ(sio_threads_new(&t), 0);
  sio_threads_unref(t);
  EQ(alloc_live, 0);
}

/* ---- connections that are placed ---------------------------------------- */

/* Whatever fails, the client is served by one of the members, or its connection is closed. */
TEST(any_allocation_may_fail_while_a_new_connection_is_placed) {
  bool failed = true;
  for (size_t at = 1; failed && at < 100; at++) {
    struct raw c[2];
    int fd[2];
    begin();
    EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
    int port = sio_port(members[0]);
    turns(2);
    alloc_fail_in(at);
    for (int i = 0; i < 2; i++) {
      fd[i] = tcp_client(port);
      fcntl(fd[i], F_SETFL, O_NONBLOCK);
      c[i] = (struct raw){ .loop = &uv, .fd = fd[i] };
      if (raw_get(&c[i], "/")) UNTIL(raw_expect(&c[i], "404 Not Found") || c[i].fin);
    }
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    for (int i = 0; i < 2; i++) raw_close(&c[i]);
    end();
  }
}

TEST(no_more_than_sixty_four_servers_serve_as_one) {
  static sio_server *servers[SIO_THREADS_MAX];
  sio_server *one_more;
  alloc_install();
  log_text[0] = '\0';
  if (uv_loop_init(&uv) || sio_threads_new(&threads)) abort();
  sio_options o = options();
  for (int i = 0; i < SIO_THREADS_MAX; i++) EQ(sio_server_new(&uv, &o, &servers[i]), 0);
  EQ(sio_server_new(&uv, &o, &one_more), UV_ENOMEM);
  sio_server_close(servers[0], on_member_closed, NULL);
  EQ(sio_server_new(&uv, &o, &one_more), UV_ENOMEM);
  for (nclosed = 0; !nclosed;) turn();
  EQ(sio_server_new(&uv, &o, &servers[0]), 0);
  sio_threads_unref(threads);
  for (int i = 0; i < SIO_THREADS_MAX; i++) sio_server_close(servers[i], NULL, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

TESTS_BEGIN
T(a_broadcast_that_finds_an_inbox_full_reaches_its_own_member_and_is_counted)
T(a_question_that_finds_an_inbox_full_ends_with_an_error)
T(an_answer_that_finds_an_inbox_full_ends_its_question_with_an_error)
T(statistics_that_a_member_cannot_be_asked_for_are_missing_and_counted)
T(any_allocation_of_a_call_to_all_members_may_fail)
T(any_allocation_of_a_question_to_all_members_may_fail)
T(no_more_answers_are_missing_than_were_asked_for)
T(an_event_that_a_member_cannot_deliver_for_want_of_memory_is_counted)
T(a_join_that_a_member_cannot_do_for_want_of_memory_is_counted)
T(any_allocation_may_fail_while_a_connection_moves_to_another_member)
T(a_call_ends_once_whichever_member_closes_while_its_messages_are_on_their_way)
T(a_call_posted_to_a_member_that_closes_is_run_by_it)
T(a_connection_on_its_way_to_a_member_that_closes_is_closed)
T(a_connection_that_finds_an_inbox_full_is_closed_and_counted)
T(a_question_that_times_out_forgets_the_members_that_did_not_answer)
T(an_answer_to_a_namespace_that_is_gone_is_ignored)
T(two_questions_at_once_get_their_own_answers)
T(a_namespace_that_another_member_does_not_have_has_no_sockets_there)
T(rooms_are_counted_on_their_own_member)
T(bulk_calls_for_one_member_stay_there)
T(a_call_posted_to_all_says_how_many_will_run_it_when_memory_ends)
T(a_call_posted_to_nobody_is_refused)
T(without_its_locks_nothing_is_made_and_the_caller_is_told)
T(any_allocation_may_fail_while_a_new_connection_is_placed)
T(no_more_than_sixty_four_servers_serve_as_one)
TESTS_END
