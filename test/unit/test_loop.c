/* SPDX-License-Identifier: MIT
 *
 * test_loop.c - the turn and its end, the one alarm, posts from other threads, and the close.
 */
#include "net_rig.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- what happened, in order ------------------------------------------------------------ */

static char seen[4096];

static void note(const char *what) {
  if (strlen(seen) + strlen(what) + 2 > sizeof seen) abort();
  if (seen[0]) strcat(seen, " ");
  strcat(seen, what);
}

/* A task that notes its name, and may do one thing more. */
struct step {
  struct task task;
  struct deferred_free deferred_free;
  const char *name;
  struct step *then;
  void (*also)(struct step *s);
  unsigned runs;
};

static void step_run(struct task *t) {
  struct step *s = container_of(t, struct step, task);
  s->runs++;
  note(s->name);
  if (s->then) sio__loop_defer(&loop, &s->then->task);
  if (s->also) s->also(s);
}

static void step_init(struct step *s, const char *name) {
  *s = (struct step){ .name = name };
  task_init(&s->task, step_run);
}

static void step_freed(struct deferred_free *g) {
  note(container_of(g, struct step, deferred_free)->name);
  note("freed");
}

static void begin(void) {
  seen[0] = '\0';
  net_open();
}

/* ---- tasks --------------------------------------------------------------------------------- */

TEST(tasks_run_at_the_end_of_the_turn_in_the_order_they_were_queued) {
  struct step a, b, c;
  begin();
  step_init(&a, "a"), step_init(&b, "b"), step_init(&c, "c");
  sio__loop_defer(&loop, &b.task);
  sio__loop_defer(&loop, &a.task);
  sio__loop_defer(&loop, &c.task);
  EQ_STR(seen, "");
  turn();
  EQ_STR(seen, "b a c");
  net_close();
}

TEST(a_task_queued_twice_runs_once) {
  struct step a;
  begin();
  step_init(&a, "a");
  sio__loop_defer(&loop, &a.task);
  sio__loop_defer(&loop, &a.task);
  turns(2);
  EQ(a.runs, 1);
  sio__loop_defer(&loop, &a.task);
  turn();
  EQ(a.runs, 2);
  net_close();
}

static void cancel_next(struct step *s) { task_cancel(&s[1].task); }

TEST(a_task_may_cancel_one_that_was_to_run_after_it) {
  struct step s[3];
  begin();
  step_init(&s[0], "a"), step_init(&s[1], "b"), step_init(&s[2], "c");
  s[0].also = cancel_next;
  for (int i = 0; i < 3; i++) sio__loop_defer(&loop, &s[i].task);
  turns(2);
  EQ_STR(seen, "a c");
  net_close();
}

TEST(what_a_task_queues_runs_in_the_same_turn_behind_what_waits) {
  struct step a, b, c, d;
  begin();
  step_init(&a, "a"), step_init(&b, "b"), step_init(&c, "c"), step_init(&d, "d");
  a.then = &c;
  c.then = &d;
  sio__loop_defer(&loop, &a.task);
  sio__loop_defer(&loop, &b.task);
  turn();
  EQ_STR(seen, "a b c d");
  net_close();
}

static unsigned checks;
static void on_check(uv_check_t *h) {
  (void)h;
  checks++;
}

static struct step *restless;
static void again(struct step *s) {
  seen[0] = '\0';
  if (restless) sio__loop_defer(&loop, &s->task);
}

TEST(tasks_that_never_stop_give_the_loop_back_and_go_on_without_an_event) {
  struct step s;
  uv_check_t check;
  begin();
  step_init(&s, "s");
  s.also = again;
  restless = &s;
  checks = 0;
  uv_check_init(&uv, &check);
  uv_check_start(&check, on_check);
  sio__loop_defer(&loop, &s.task);
  for (unsigned i = 1; i <= 5; i++) {
    unsigned before = s.runs;
    /* Blocks for ever if what is left over waits for something to happen. */
    uv_run(&uv, UV_RUN_ONCE);
    EQ(checks, i);
    CHECK(s.runs > before);
  }
  restless = NULL;
  uv_close((uv_handle_t *)&check, NULL);
  turns(2);
  net_close();
}

/* ---- tasks, flush, graves -------------------------------------------------------------------- */

static struct conn *conn;
static int peer;

static void ignore_read(struct conn *c, char *p, size_t n) {
  (void)c, (void)p, (void)n;
  note("read");
}
static void ignore_eof(struct conn *c) {
  (void)c;
  note("eof");
}
static void ignore_conn_failed(struct conn *c, int err) {
  (void)c, (void)err;
  note("failed");
}
static const struct conn_ops quiet = { .read = ignore_read,
                                       .eof = ignore_eof,
                                       .failed = ignore_conn_failed };

static void conn_open(const struct conn_ops *ops) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  peer = pair[1];
  if (sio__conn_new(&conn, &loop, pair[0], ops, NULL)) abort();
}

static void conn_shut(void) {
  sio__conn_close(conn);
  close(peer);
}

static void note_heard(const char *what) {
  note(hear(peer));
  note(what);
}

static void say_and_bury(struct step *s) {
  note_heard("(task)");
  say(conn, "bytes");
  sio__loop_free_later(&loop, &s->deferred_free, step_freed);
}

static void say_more(struct conn *c) {
  (void)c;
  note("drained");
  note_heard("(drained)");
}

TEST(a_turn_ends_with_tasks_then_writes_then_graves) {
  static const struct conn_ops ops = {
    .read = ignore_read, .eof = ignore_eof, .failed = ignore_conn_failed, .drained = say_more
  };
  struct step s;
  begin();
  conn_open(&ops);
  step_init(&s, "s");
  s.also = say_and_bury;
  sio__loop_defer(&loop, &s.task);
  turn();
  EQ_STR(seen, "s  (task) drained bytes (drained) s freed");
  conn_shut();
  net_close();
}

static struct step answer;
static void defer_answer(struct conn *c) {
  (void)c;
  if (answer.runs == 0) sio__loop_defer(&loop, &answer.task);
}
static void say_answer(struct step *s) {
  (void)s;
  say(conn, " answer");
}

TEST(what_a_drained_peer_causes_still_leaves_in_this_turn) {
  static const struct conn_ops ops = {
    .read = ignore_read, .eof = ignore_eof, .failed = ignore_conn_failed, .drained = defer_answer
  };
  begin();
  conn_open(&ops);
  step_init(&answer, "answer");
  answer.also = say_answer;
  say(conn, "question");
  turn();
  IS(hear(peer), "question answer");
  conn_shut();
  net_close();
}

static void bury_next(struct deferred_free *g) {
  struct step *s = container_of(g, struct step, deferred_free);
  note(s->name);
  if (s->then) sio__loop_free_later(&loop, &s->then->deferred_free, step_freed);
}

TEST(a_grave_may_bury_another) {
  struct step a, b;
  begin();
  step_init(&a, "a"), step_init(&b, "b");
  a.then = &b;
  sio__loop_free_later(&loop, &a.deferred_free, bury_next);
  EQ_STR(seen, "");
  turn();
  EQ_STR(seen, "a b freed");
  net_close();
}

/* ---- the one alarm --------------------------------------------------------------------------- */

static uint64_t alarm_in; /* UINT64_MAX: off */
static unsigned alarm_starts;
static uv_timer_t *alarm_handle;
static uv_timer_cb alarm_cb;

int __real_uv_timer_start(uv_timer_t *h, uv_timer_cb cb, uint64_t in, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *h, uv_timer_cb cb, uint64_t in, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *h, uv_timer_cb cb, uint64_t in, uint64_t repeat) {
  alarm_in = in;
  alarm_starts++;
  alarm_handle = h;
  alarm_cb = cb;
  /* The tests call alarm_cb themselves: real time must not, however slow the machine is. */
  return __real_uv_timer_start(h, cb, in ? in + 3600 * 1000 : 0, repeat);
}

int __real_uv_timer_stop(uv_timer_t *h);
int __wrap_uv_timer_stop(uv_timer_t *h);
int __wrap_uv_timer_stop(uv_timer_t *h) {
  alarm_in = UINT64_MAX;
  return __real_uv_timer_stop(h);
}

static void on_timer(struct timer *t) {
  (void)t;
  note("timer");
}

TEST(the_alarm_is_never_later_than_the_first_deadline) {
  struct timer far, near;
  begin();
  timer_init(&far, on_timer);
  timer_init(&near, on_timer);
  sio__loop_start_timer(&loop, &far, 60000);
  turn();
  CHECK(alarm_in <= 60000);
  sio__loop_start_timer(&loop, &near, 50);
  turn();
  CHECK(alarm_in <= 50);
  sio__loop_stop_timer(&loop, &near);
  turn();
  CHECK(alarm_in > 50);
  sio__loop_stop_timer(&loop, &far);
  turn();
  EQ(alarm_in, UINT64_MAX);
  net_close();
}

TEST(turns_without_a_new_deadline_leave_the_alarm_alone) {
  struct timer t;
  begin();
  timer_init(&t, on_timer);
  sio__loop_start_timer(&loop, &t, 3600 * 1000);
  turn();
  unsigned starts = alarm_starts;
  turns(10);
  EQ(alarm_starts, starts);
  sio__loop_stop_timer(&loop, &t);
  net_close();
}

/* ---- deadlines that are met late ------------------------------------------------------------- */

static unsigned reads, stalls;
static uint64_t stalled_ms;
static int lateness; /* what the last deadline saw */
static int peer = -1;
static bool talkative;

static void on_deadline(struct timer *t) {
  (void)t;
  lateness = loop.late;
  note("deadline");
}

static void on_stall(struct loop *l, uint64_t ms) {
  (void)l;
  stalls++;
  stalled_ms = ms;
}

static void fill(size_t n) {
  static char much[NET_RBUF];
  while (n) {
    size_t k = n < sizeof much ? n : sizeof much;
    if (send(peer, much, k, MSG_DONTWAIT) <= 0) return;
    n -= k;
  }
}

static void on_bytes(struct conn *c, char *p, size_t n) {
  (void)c, (void)p, (void)n;
  if (!reads++) note("read");
  if (talkative) fill(2 * NET_RBUF);
}

static const struct conn_ops reader = { .read = on_bytes };

/* A deadline in 50 ms, and a peer; then the host keeps the loop for so long. */
static struct conn *block(struct timer *t, unsigned ms, size_t unread) {
  int pair[2], room = 1 << 20;
  struct conn *c;
  begin();
  reads = stalls = 0;
  lateness = -1;
  talkative = false;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) abort();
  peer = pair[1];
  setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  if (sio__conn_new(&c, &loop, pair[0], &reader, NULL)) abort();
  timer_init(t, on_deadline);
  sio__loop_start_timer(&loop, t, 50);
  turn();
  fill(unread);
  clock_ms += ms;
  alarm_cb(alarm_handle);
  return c;
}

static void unblock(struct conn *c) {
  close(peer);
  sio__conn_close(c);
  net_close();
}

TEST(a_deadline_met_in_time_is_at_once) {
  struct timer t;
  struct conn *c = block(&t, 51, 1);
  EQ_STR(seen, "deadline");
  EQ(lateness, false);
  unblock(c);
}

TEST(what_lies_unread_is_read_before_a_deadline_that_is_met_late) {
  struct timer t;
  struct conn *c = block(&t, 150, 1);
  EQ_STR(seen, "");
  turns(3);
  EQ_STR(seen, "read deadline");
  EQ(lateness, false);
  EQ(stalls, 0);
  unblock(c);
}

TEST(all_of_it_is_read_first) {
  struct timer t;
  struct conn *c = block(&t, 150, 3 * NET_RBUF);
  turns(10);
  EQ_STR(seen, "read deadline");
  CHECK(reads >= 3);
  unblock(c);
}

TEST(a_peer_that_never_stops_talking_holds_no_deadline_up_for_ever) {
  struct timer t;
  struct conn *c = block(&t, 150, 2 * NET_RBUF);
  talkative = true;
  turns(200);
  EQ_STR(seen, "read deadline");
  CHECK(reads > 3);
  unblock(c);
}

TEST(deadlines_behind_a_stall_know_of_it) {
  struct timer t;
  struct conn *c = block(&t, 1500, 1);
  EQ(stalls, 1);
  EQ(stalled_ms, 1450);
  turns(3);
  EQ_STR(seen, "read deadline");
  EQ(lateness, true);
  EQ(loop.late, false);
  unblock(c);
}

/* The clock of deadlines stands still during a turn: one that begins in a turn of 1500 ms, such as
 * the time for the pong to a ping that is sent at the turn's end, has lost as much. */
TEST(deadlines_that_began_in_a_long_turn_know_of_it) {
  struct timer t, later;
  begin();
  lateness = -1;
  stalls = 0;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
  timer_init(&t, on_deadline);
  timer_init(&later, on_deadline);
  loop_begin_turn(&loop);
  sio__loop_start_timer(&loop, &t, 1800);
  sio__loop_start_timer(&loop, &later, 4000);
  loop.turn_began -= 1500 * 1000000ull;
  turn();
  clock_ms += 1801;
  alarm_cb(alarm_handle);
  turns(3);
  EQ_STR(seen, "deadline");
  EQ(lateness, true);
  EQ(stalls, 0); /* it was met in time */
  for (int i = 0; i < 40 && !strstr(seen, "deadline deadline"); i++) {
    clock_ms += alarm_in;
    alarm_cb(alarm_handle);
    turns(2);
  }
  EQ_STR(seen, "deadline deadline");
  EQ(lateness, false);
  net_close();
}

TEST(a_long_turn_in_which_the_host_updates_the_time_excuses_no_later_deadlines) {
  struct timer t;
  begin();
  lateness = -1;
  stalls = 0;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
  timer_init(&t, on_deadline);
  loop_begin_turn(&loop);
  clock_ms += 1500; /* as by uv_update_time() */
  turn();
  sio__loop_start_timer(&loop, &t, 1800);
  turn();
  for (int i = 0; i < 40 && !*seen; i++) {
    clock_ms += alarm_in;
    alarm_cb(alarm_handle);
    turns(2);
  }
  EQ_STR(seen, "deadline");
  EQ(lateness, false);
  net_close();
}

TEST(a_deadline_that_was_taken_back_leaves_no_excuse_to_the_next) {
  struct timer t;
  struct conn *c = block(&t, 1500, 0);
  sio__loop_stop_timer(&loop, &t);
  turns(2);
  sio__loop_start_timer(&loop, &t, 2 * 4096 - clock_ms % 4096); /* where the wheel need not sort */
  turns(2);
  EQ_STR(seen, "");
  for (int i = 0; i < 4 && !*seen; i++) { /* the wheel may ring before, to sort */
    clock_ms += alarm_in;
    alarm_cb(alarm_handle);
    turn();
  }
  EQ_STR(seen, "deadline");
  EQ(lateness, false);
  EQ(stalls, 1);
  unblock(c);
}

/* The host blocks the loop after its timers have run, so what was received is read before the alarm
 * fires. Reading stops one deadline, and the alarm is set again while it is overdue. */
TEST(a_stall_is_noticed_when_reading_stops_an_overdue_deadline_before_the_alarm_fires) {
  struct timer t, stopped;
  begin();
  lateness = -1;
  stalls = 0;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
  timer_init(&t, on_deadline);
  timer_init(&stopped, on_timer);
  sio__loop_start_timer(&loop, &stopped, 50);
  sio__loop_start_timer(&loop, &t, 200);
  turn();
  clock_ms += 1500;
  sio__loop_stop_timer(&loop, &stopped);
  turns(2);
  alarm_cb(alarm_handle);
  turns(3);
  EQ_STR(seen, "deadline");
  EQ(stalls, 1);
  CHECK(stalled_ms >= 1300 && stalled_ms <= 1500);
  EQ(lateness, true);
  net_close();
}

TEST(the_first_deadline_after_a_long_silence_is_not_late) {
  struct timer t;
  begin();
  lateness = -1;
  stalls = 0;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
  clock_ms += 100000;
  timer_init(&t, on_deadline);
  sio__loop_start_timer(&loop, &t, 10);
  turn();
  clock_ms += 10;
  for (int i = 0; i < 4 && !*seen; i++) {
    alarm_cb(alarm_handle);
    turn();
  }
  EQ_STR(seen, "deadline");
  EQ(lateness, false);
  EQ(stalls, 0);
  net_close();
}

TEST(a_deadline_that_is_now_fires_without_an_event) {
  struct timer t;
  begin();
  timer_init(&t, on_timer);
  sio__loop_start_timer(&loop, &t, 0);
  uv_run(&uv, UV_RUN_ONCE);
  turn();
  EQ_STR(seen, "timer");
  net_close();
}

TEST(the_loop_alone_does_not_keep_the_host_running) {
  struct timer t;
  begin();
  timer_init(&t, on_timer);
  sio__loop_start_timer(&loop, &t, 3600 * 1000);
  uv_unref((uv_handle_t *)&the_host);
  EQ(uv_run(&uv, UV_RUN_DEFAULT), 0);
  uv_ref((uv_handle_t *)&the_host);
  sio__loop_stop_timer(&loop, &t);
  net_close();
}

TEST(work_for_the_end_of_the_turn_keeps_the_host_running_until_it_is_done) {
  struct step a, b;
  begin();
  step_init(&a, "a"), step_init(&b, "b");
  a.then = &b;
  uv_unref((uv_handle_t *)&the_host);
  sio__loop_defer(&loop, &a.task);
  EQ(uv_run(&uv, UV_RUN_DEFAULT), 0);
  EQ_STR(seen, "a b");
  uv_ref((uv_handle_t *)&the_host);
  net_close();
}

/* ---- posts ----------------------------------------------------------------------------------- */

enum { THREADS = 4, POSTS = 2000, AHEAD = 100 };

struct poster {
  pthread_t thread;
  unsigned accepted;  /* posts that were answered 0              */
  atomic_uint ran;    /* on the loop's thread                    */
  unsigned misplaced; /* of them                                 */
  atomic_bool done;
  int err;           /* the first answer that was none          */
  bool until_closed; /* goes on until the loop does not want it */
};

/* Which poster, and its how manieth. */
struct ticket {
  struct poster *by;
  uint32_t place;
};

static void on_ticket(void *arg) {
  struct ticket *t = arg;
  t->by->misplaced += t->place != t->by->ran;
  t->by->ran++;
  free(t);
}

static void post_one(struct poster *p) {
  struct ticket *t = malloc(sizeof *t);
  *t = (struct ticket){ p, p->accepted };
  p->err = sio__loop_post(&loop, on_ticket, t);
  if (p->err)
    free(t);
  else
    p->accepted++;
}

static void *post_all(void *arg) {
  struct poster *p = arg;
  while (!p->err && (p->until_closed || p->accepted < POSTS)) {
    post_one(p);
    while (p->accepted - p->ran > AHEAD) sched_yield();
  }
  p->done = true;
  return NULL;
}

static void *locked_malloc(size_t n) { return malloc(n); }
static void *locked_realloc(void *p, size_t n) { return realloc(p, n); }

/* The counting allocator is not made for threads. */
static void begin_threads(struct poster p[THREADS], bool until_closed) {
  seen[0] = '\0';
  sio_set_allocator(locked_malloc, locked_realloc, free);
  alloc_live = 0;
  if (net_open_code()) abort();
  for (int i = 0; i < THREADS; i++) {
    p[i] = (struct poster){ .until_closed = until_closed };
    if (pthread_create(&p[i].thread, NULL, post_all, &p[i])) abort();
  }
}

static bool all_done(struct poster p[THREADS]) {
  bool done = true;
  for (int i = 0; i < THREADS; i++) done = done && p[i].done;
  return done;
}

static void join_all(struct poster p[THREADS]) {
  for (int i = 0; i < THREADS; i++) pthread_join(p[i].thread, NULL);
}

TEST(posts_of_four_threads_run_once_each_in_their_order) {
  static struct poster p[THREADS];
  begin_threads(p, false);
  while (!all_done(p)) turn();
  join_all(p);
  turns(2);
  for (int i = 0; i < THREADS; i++) {
    EQ(p[i].accepted, POSTS);
    EQ(p[i].ran, POSTS);
    EQ(p[i].misplaced, 0);
  }
  net_close();
}

/* The loop may not be freed as long as somebody posts: that is the host's duty. */
TEST(posts_that_race_with_the_close_run_if_they_were_accepted) {
  static struct poster p[THREADS];
  begin_threads(p, true);
  conn_open(&quiet);
  turns(20);
  sio__loop_close(&loop, loop_closed);
  while (!all_done(p)) turn();
  join_all(p);
  conn_shut();
  turns(4);
  for (int i = 0; i < THREADS; i++) {
    EQ(p[i].err, SIO_ECLOSED);
    EQ(p[i].ran, p[i].accepted);
    EQ(p[i].misplaced, 0);
  }
  net_close();
}

static void on_post(void *arg) { note(arg); }

static void post_more(void *arg) {
  note(arg);
  sio__loop_post(&loop, on_post, "second");
}

static char first[] = "first";

TEST(a_post_may_post) {
  begin();
  EQ(sio__loop_post(&loop, post_more, first), 0);
  EQ_STR(seen, "");
  turns(3);
  EQ_STR(seen, "first second");
  net_close();
}

TEST(a_post_without_memory_is_refused) {
  begin();
  alloc_fail_in(1);
  EQ(sio__loop_post(&loop, on_post, first), UV_ENOMEM);
  turns(2);
  EQ_STR(seen, "");
  net_close();
}

/* ---- the close ------------------------------------------------------------------------------- */

TEST(what_was_posted_before_the_close_still_runs) {
  begin();
  EQ(sio__loop_post(&loop, on_post, first), 0);
  sio__loop_close(&loop, loop_closed);
  EQ(sio__loop_post(&loop, on_post, first), SIO_ECLOSED);
  turns(4);
  EQ_STR(seen, "first");
  net_close();
}

TEST(the_close_waits_for_the_last_connection) {
  begin();
  conn_open(&quiet);
  say(conn, "last words");
  sio__loop_close(&loop, loop_closed);
  turns(5);
  EQ(closes, 0);
  IS(hear(peer), "last words");
  tell(peer, "still heard");
  turns(2);
  EQ_STR(seen, "read");
  conn_shut();
  turns(3);
  EQ(closes, 1);
  net_close();
}

TEST(a_closing_loop_keeps_the_host_running_until_it_has_closed) {
  begin();
  uv_unref((uv_handle_t *)&the_host);
  sio__loop_close(&loop, loop_closed);
  EQ(uv_run(&uv, UV_RUN_DEFAULT), 0);
  EQ(closes, 1);
  uv_close_all();
}

static void close_loop(struct step *s) {
  (void)s;
  sio__loop_close(&loop, loop_closed);
}

TEST(a_task_may_close_the_loop_and_those_behind_it_run) {
  struct step a, b, c;
  begin();
  step_init(&a, "a"), step_init(&b, "b"), step_init(&c, "c");
  a.also = close_loop;
  b.then = &c;
  sio__loop_defer(&loop, &a.task);
  sio__loop_defer(&loop, &b.task);
  turns(4);
  EQ_STR(seen, "a b c");
  net_close();
}

static void close_from_post(void *arg) {
  note(arg);
  sio__loop_close(&loop, loop_closed);
}

TEST(a_post_may_close_the_loop) {
  begin();
  EQ(sio__loop_post(&loop, close_from_post, first), 0);
  EQ(sio__loop_post(&loop, on_post, first), 0);
  turns(4);
  EQ_STR(seen, "first first");
  net_close();
}

static struct loop *owned;
static void free_owned(struct loop *l) {
  closes++;
  free(l);
}

TEST(the_loop_may_be_freed_when_it_has_closed) {
  alloc_install();
  closes = 0;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &the_host, host_woken)) abort();
  owned = malloc(sizeof *owned);
  EQ(sio__loop_init(owned, &uv, &net_log), 0);
  turn();
  sio__loop_close(owned, free_owned);
  turns(3);
  EQ(closes, 1);
  uv_close_all();
}

TEST(two_loops_share_a_uv_loop) {
  struct loop other;
  struct step s;
  begin();
  EQ(sio__loop_init(&other, &uv, &net_log), 0);
  step_init(&s, "s");
  sio__loop_defer(&other, &s.task);
  sio__loop_close(&other, NULL);
  turns(4);
  EQ_STR(seen, "s");
  EQ(other.open_handles, 0);
  net_close();
}

TEST(a_loop_without_memory_does_not_begin) {
  for (size_t i = 1; i <= 2; i++) {
    alloc_install();
    alloc_fail_in(i);
    EQ(net_open_code(), UV_ENOMEM);
    alloc_fail_in(0);
    uv_close_all();
  }
}

TESTS_BEGIN
T(tasks_run_at_the_end_of_the_turn_in_the_order_they_were_queued)
T(a_task_queued_twice_runs_once)
T(a_task_may_cancel_one_that_was_to_run_after_it)
T(what_a_task_queues_runs_in_the_same_turn_behind_what_waits)
T(tasks_that_never_stop_give_the_loop_back_and_go_on_without_an_event)
T(a_turn_ends_with_tasks_then_writes_then_graves)
T(what_a_drained_peer_causes_still_leaves_in_this_turn)
T(a_grave_may_bury_another)
T(the_alarm_is_never_later_than_the_first_deadline)
T(turns_without_a_new_deadline_leave_the_alarm_alone)
T(a_deadline_met_in_time_is_at_once)
T(what_lies_unread_is_read_before_a_deadline_that_is_met_late)
T(all_of_it_is_read_first)
T(a_peer_that_never_stops_talking_holds_no_deadline_up_for_ever)
T(deadlines_behind_a_stall_know_of_it)
T(deadlines_that_began_in_a_long_turn_know_of_it)
T(a_long_turn_in_which_the_host_updates_the_time_excuses_no_later_deadlines)
T(a_deadline_that_was_taken_back_leaves_no_excuse_to_the_next)
T(a_stall_is_noticed_when_reading_stops_an_overdue_deadline_before_the_alarm_fires)
T(the_first_deadline_after_a_long_silence_is_not_late)
T(a_deadline_that_is_now_fires_without_an_event)
T(the_loop_alone_does_not_keep_the_host_running)
T(work_for_the_end_of_the_turn_keeps_the_host_running_until_it_is_done)
T(posts_of_four_threads_run_once_each_in_their_order)
T(posts_that_race_with_the_close_run_if_they_were_accepted)
T(a_post_may_post)
T(a_post_without_memory_is_refused)
T(what_was_posted_before_the_close_still_runs)
T(the_close_waits_for_the_last_connection)
T(a_closing_loop_keeps_the_host_running_until_it_has_closed)
T(a_task_may_close_the_loop_and_those_behind_it_run)
T(a_post_may_close_the_loop)
T(the_loop_may_be_freed_when_it_has_closed)
T(two_loops_share_a_uv_loop)
T(a_loop_without_memory_does_not_begin)
TESTS_END
