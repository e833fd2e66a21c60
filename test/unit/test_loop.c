/* SPDX-License-Identifier: MIT
 *
 * test_loop.c - the turn and its end, and the close.
 */
#include "loop_rig.h"

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
static void on_check_end_turn(uv_check_t *h) {
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
  uv_check_start(&check, on_check_end_turn);
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

/* ---- tasks, writes, what is freed ------------------------------------------------------------ */

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

/* ---- what keeps the host running ------------------------------------------------------------- */

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

/* ---- the close ------------------------------------------------------------------------------- */

TEST(the_close_waits_for_the_last_connection) {
  begin();
  conn_open_quiet();
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
T(the_loop_alone_does_not_keep_the_host_running)
T(work_for_the_end_of_the_turn_keeps_the_host_running_until_it_is_done)
T(the_close_waits_for_the_last_connection)
T(a_closing_loop_keeps_the_host_running_until_it_has_closed)
T(a_task_may_close_the_loop_and_those_behind_it_run)
T(the_loop_may_be_freed_when_it_has_closed)
T(two_loops_share_a_uv_loop)
T(a_loop_without_memory_does_not_begin)
TESTS_END
