/* SPDX-License-Identifier: MIT
 *
 * test_loop_alarm.c - the one alarm of a loop, and deadlines that are met late.
 */
#include "loop_rig.h"

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

static void begin_to_watch_stalls(void) {
  begin();
  lateness = -1;
  stalls = 0;
  loop.stall_ms = 1000;
  loop.stalled = on_stall;
}

/* Time passes, and the alarm fires when it is due: more than once, where the wheel has to sort. */
static void fire_alarm_until_seen(const char *what) {
  for (int i = 0; i < 40 && !strstr(seen, what); i++) {
    clock_ms += alarm_in;
    alarm_cb(alarm_handle);
    turns(2);
  }
}

/* A deadline in 50 ms, and a peer; then the host keeps the loop for so long. */
static struct conn *block(struct timer *t, unsigned ms, size_t unread) {
  int pair[2], room = 1 << 20;
  struct conn *c;
  begin_to_watch_stalls();
  reads = 0;
  talkative = false;
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
  begin_to_watch_stalls();
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
  EQ(stalls, 1); /* the turn; the deadline was met in time */
  fire_alarm_until_seen("deadline deadline");
  EQ_STR(seen, "deadline deadline");
  EQ(lateness, false);
  net_close();
}

TEST(a_turn_that_takes_as_long_as_a_stall_is_one_even_if_no_timer_is_due) {
  begin_to_watch_stalls();
  loop_begin_turn(&loop);
  loop.turn_began -= 900 * 1000000ull;
  turn();
  EQ(stalls, 0);
  loop_begin_turn(&loop);
  loop.turn_began -= 1500 * 1000000ull;
  turn();
  EQ(stalls, 1);
  CHECK(stalled_ms >= 1500);
  turns(3);
  EQ(stalls, 1);
  net_close();
}

/* The turn is counted, and then the timer that was due in it comes late. One that was due after it
 * and comes late shows that the loop was blocked once more. */
TEST(a_long_turn_and_the_timers_that_are_late_because_of_it_are_one_stall) {
  struct timer t;
  begin_to_watch_stalls();
  timer_init(&t, on_deadline);
  sio__loop_start_timer(&loop, &t, 50);
  turn();
  loop_begin_turn(&loop);
  loop.turn_began -= 1500 * 1000000ull;
  turn();
  EQ(stalls, 1);
  clock_ms += 1500;
  alarm_cb(alarm_handle);
  turns(3);
  EQ_STR(seen, "deadline");
  EQ(lateness, true);
  EQ(stalls, 1);
  sio__loop_start_timer(&loop, &t, 50);
  turn();
  clock_ms += 1500;
  alarm_cb(alarm_handle);
  turns(3);
  EQ(stalls, 2);
  net_close();
}

TEST(a_long_turn_in_which_the_host_updates_the_time_excuses_no_later_deadlines) {
  struct timer t;
  begin_to_watch_stalls();
  timer_init(&t, on_deadline);
  loop_begin_turn(&loop);
  clock_ms += 1500; /* as by uv_update_time() */
  turn();
  sio__loop_start_timer(&loop, &t, 1800);
  turn();
  fire_alarm_until_seen("deadline");
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
  fire_alarm_until_seen("deadline");
  EQ_STR(seen, "deadline");
  EQ(lateness, false);
  EQ(stalls, 1);
  unblock(c);
}

/* The host blocks the loop after its timers have run, so what was received is read before the alarm
 * fires. Reading stops one deadline, and the alarm is set again while it is overdue. */
TEST(a_stall_is_noticed_when_reading_stops_an_overdue_deadline_before_the_alarm_fires) {
  struct timer t, stopped;
  begin_to_watch_stalls();
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
  begin_to_watch_stalls();
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

TESTS_BEGIN
T(the_alarm_is_never_later_than_the_first_deadline)
T(turns_without_a_new_deadline_leave_the_alarm_alone)
T(a_deadline_met_in_time_is_at_once)
T(what_lies_unread_is_read_before_a_deadline_that_is_met_late)
T(all_of_it_is_read_first)
T(a_peer_that_never_stops_talking_holds_no_deadline_up_for_ever)
T(deadlines_behind_a_stall_know_of_it)
T(deadlines_that_began_in_a_long_turn_know_of_it)
T(a_turn_that_takes_as_long_as_a_stall_is_one_even_if_no_timer_is_due)
T(a_long_turn_and_the_timers_that_are_late_because_of_it_are_one_stall)
T(a_long_turn_in_which_the_host_updates_the_time_excuses_no_later_deadlines)
T(a_deadline_that_was_taken_back_leaves_no_excuse_to_the_next)
T(a_stall_is_noticed_when_reading_stops_an_overdue_deadline_before_the_alarm_fires)
T(the_first_deadline_after_a_long_silence_is_not_late)
T(a_deadline_that_is_now_fires_without_an_event)
TESTS_END
