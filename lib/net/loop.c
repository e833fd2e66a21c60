/* SPDX-License-Identifier: MIT
 *
 * loop.c - the end of the turn (tasks, writes, deferred frees), the timers, and calls posted from
 * other threads.
 */
#include "net/loop.h"
#include "net/queue.h"
#include <pthread.h>
#include <sio/error.h>

/* A task may queue further tasks. run_tasks() and run_turn_work() do at most TASK_ROUNDS rounds of
 * their work, so that a turn ends even if tasks never stop queuing further tasks. */
enum { TASK_ROUNDS = 64, HIGH_WATER = 1024 * 1024, LOG_SECOND_MS = 1000 };

/* If a deadline fires at least LATE_MS late, the loop did not run for a while, and the peer's
 * answer may be waiting unread. Before such deadlines run, the loop reads for up to READ_TURNS
 * turns. */
enum { LATE_MS = 20, READ_TURNS = 64 };

/* When the memory in use has fallen below its last peak by at least TRIM_MIN, and by at least a
 * quarter of the peak, the loop waits for TRIM_MS. If that is still so then, the loop returns
 * unused memory to the system. */
enum {
  TRIM_MS = 10000,
  TRIM_MIN = 1024 * 1024,
  CONN_BYTES = 4096 /* the estimated memory of a connection with its session */
};

struct loop_posts {
  pthread_mutex_t lock;
  struct loop_post *first, **last;
  bool shut;
};

/* ---- the end of the turn --------------------------------------------------- */

static void run_tasks(struct loop *l) {
  for (int round = 0; round < TASK_ROUNDS && !list_is_empty(&l->tasks); round++) {
    struct list batch;
    list_init(&batch);
    list_splice(&batch, &l->tasks);
    while (!list_is_empty(&batch)) {
      struct task *t = container_of(list_take_first(&batch), struct task, link);
      t->run(t);
    }
  }
}

static void flush_dirty_conns(struct loop *l) {
  struct list batch;
  list_init(&batch);
  list_splice(&batch, &l->dirty);
  while (!list_is_empty(&batch)) l->conn_ops->flush(list_take_first(&batch));
}

static void run_deferred_frees(struct loop *l) {
  struct list *item;
  while ((item = list_take_first(&l->deferred_frees))) {
    struct deferred_free *g = container_of(item, struct deferred_free, link);
    g->free(g);
  }
}

static void loop_set_alarm_for_next_timer(struct loop *l);
static void on_idle_do_nothing(uv_idle_t *h) { (void)h; }
static void close_loop_handles_and_drop_log_lines(struct loop *l);

/* Returns true if no connection is open and no task or write is queued. First runs the posted calls
 * for which the loop was not woken yet. */
static bool run_posted_calls_and_check_loop_idle(struct loop *l);

/* Starts the idle handle, which makes uv_backend_timeout() return 0: a host that runs the loop in
 * steps then does not wait for events while there is work. A turn that began in libuv's poll does
 * not need the idle handle: it ends before uv_run() returns, and so before the host could wait. */
static void start_idle_handle(struct loop *l) { uv_idle_start(&l->idle, on_idle_do_nothing); }

void sio__loop_request_turn_end(struct loop *l) {
  if (l->turn_end_requested) return;
  l->turn_end_requested = true;
  if (!l->turn_began) start_idle_handle(l);
}

static bool loop_has_work(const struct loop *l) {
  return !list_is_empty(&l->tasks) || !list_is_empty(&l->dirty) || log_has_waiting_lines(l->log);
}

/* libuv registers a new poll handle with the kernel only at its next poll. Old versions of libuv do
 * not report this in uv_backend_timeout(), so the idle handle must be started. */
void sio__loop_mark_new_poll_handle(struct loop *l) {
  l->has_new_poll = true;
  sio__loop_request_turn_end(l);
}

static void start_or_stop_idle_handle(struct loop *l, bool polls_next) {
  bool wait = l->has_new_poll && !polls_next;
  if (wait || loop_has_work(l)) {
    start_idle_handle(l);
    return;
  }
  l->turn_end_requested = l->has_new_poll = false;
  if (uv_is_active((uv_handle_t *)&l->idle)) uv_idle_stop(&l->idle);
}

/* A deadline is counted from loop_now(), which is usually the beginning of the turn. But what is
 * sent in a turn usually leaves at the end of the turn, so a peer may have up to `ms` milliseconds
 * less to answer. Therefore, after a turn of stall_ms or longer, the deadlines that are due within
 * stall_ms after the turn are treated as late. Pings that are sent after the turn need no
 * extension, and usually get none: their deadlines are due later, because stall_ms is less than
 * ping_timeout_ms unless that is very short (loop_stall_threshold_ms() in server_start.c). */
static void mark_deadlines_late_after_long_turn(struct loop *l, uint64_t ms) {
  l->late_until = l->turn_began_ms + ms + l->stall_ms;
}

/* Reports a turn that took stall_ms or longer as a stall. The turn must be over, so that the line
 * which this logs gets another turn. */
static void report_long_turn_as_stall(struct loop *l, uint64_t ms) {
  if (!l->stall_ms || ms < l->stall_ms) return;
  mark_deadlines_late_after_long_turn(l, ms);
  l->stalled(l, ms);
}

static void record_turn_time_and_mark_turn_over(struct loop *l) {
  if (!l->turn_began) return;
  uint64_t us = (uv_hrtime() - l->turn_began) / 1000;
  histogram_add(&l->stats.turns, us);
  l->turn_began = 0;
  report_long_turn_as_stall(l, us / 1000);
}

static void on_timer_report_left_out_log_lines(struct timer *t) {
  sio__log_report_left_out_lines(container_of(t, struct loop, log_second)->log);
}

static void start_log_rate_limit_timer_if_needed(struct loop *l) {
  if (l->log->counting && !timer_is_active(&l->log_second))
    sio__loop_start_timer(l, &l->log_second, LOG_SECOND_MS);
}

static void run_turn_work(struct loop *l) {
  for (int round = 0; round < TASK_ROUNDS; round++) {
    if (l->unwatched) l->conn_ops->fail_unwatched(l);
    if (log_has_waiting_lines(l->log)) sio__log_deliver_lines(l->log);
    run_tasks(l);
    flush_dirty_conns(l);
    if (!loop_has_work(l)) break;
  }
}

/* Calls l->ending and delivers the last log lines, while the host may still call the library.
 * Returns false if that made new work; then the loop closes in a later turn. */
static bool deliver_last_log_lines_and_recheck_close(struct loop *l) {
  void (*ending)(struct loop * l) = l->ending;
  l->ending = NULL;
  sio__log_report_left_out_lines(l->log);
  if (ending) ending(l);
  sio__log_deliver_lines(l->log);
  return run_posted_calls_and_check_loop_idle(l);
}

/* ---- returning unused memory ----------------------------------------------- */

static size_t estimate_memory_in_use(const struct loop *l) {
  return l->msgs.bytes + l->nconns * CONN_BYTES;
}

/* Returns true if so much less memory is used than at the peak that returning the unused memory to
 * the system is worthwhile. */
static bool has_memory_to_trim(const struct loop *l) {
  size_t used = estimate_memory_in_use(l), surplus = l->peak > used ? l->peak - used : 0;
  return surplus >= TRIM_MIN && surplus >= l->peak / 4;
}

static void on_timer_return_unused_memory(struct timer *t) {
  struct loop *l = container_of(t, struct loop, trim);
  if (!has_memory_to_trim(l)) return;
  l->peak = estimate_memory_in_use(l);
  sio__msg_allocator_clear(&l->msgs);
  sio__pool_clear(&l->chunks);
  sio__mem_return_to_system();
}

static void update_memory_peak_or_start_trim_timer(struct loop *l) {
  size_t now = estimate_memory_in_use(l);
  if (now >= l->peak)
    l->peak = now;
  else if (has_memory_to_trim(l) && !timer_is_active(&l->trim))
    sio__timer_start(&l->timers, &l->trim, loop_now(l) + TRIM_MS);
}

/* ---- the whole end of the turn --------------------------------------------- */

static void end_turn(struct loop *l, bool polls_next) {
  if (l->turn_end_requested) loop_begin_turn(l);
  run_turn_work(l);
  start_log_rate_limit_timer_if_needed(l);
  run_deferred_frees(l);
  update_memory_peak_or_start_trim_timer(l);
  loop_set_alarm_for_next_timer(l);
  start_or_stop_idle_handle(l, polls_next);
  record_turn_time_and_mark_turn_over(l);
  if (l->closing && run_posted_calls_and_check_loop_idle(l) &&
      deliver_last_log_lines_and_recheck_close(l))
    close_loop_handles_and_drop_log_lines(l);
}

static bool has_turn_to_end(const struct loop *l) {
  return l->turn_end_requested || l->turn_began || l->closing;
}

/* Ends the turn after libuv's poll. If work arises later (in closing callbacks, in timers, outside
 * the loop), on_prepare_end_turn() ends the turn, before the next poll. */
static void on_check_end_turn(uv_check_t *h) {
  struct loop *l = h->data;
  if (has_turn_to_end(l)) end_turn(l, false);
}

static void on_prepare_end_turn(uv_prepare_t *h) {
  struct loop *l = h->data;
  if (has_turn_to_end(l)) end_turn(l, true);
}

/* ---- deadlines -------------------------------------------------------------- */

static void clear_late_deadline_state(struct loop *l) {
  l->late = false;
  l->read_turns = 0;
}

/* A timer that was due before the end of a long turn is late because of that turn, which
 * report_long_turn_as_stall() has counted. */
static bool alarm_was_due_after_long_turn(const struct loop *l) {
  return l->alarm_due + l->stall_ms >= l->late_until;
}

/* Called when the alarm has fired, `late` milliseconds too late. Returns true if the due timers
 * must wait while the loop reads in one more turn, because the answers of peers may have arrived
 * already. The end of this turn then starts the alarm again. */
static bool decide_to_read_before_late_deadlines(struct loop *l, uint64_t late) {
  bool more = l->read_turns ? l->has_unread_bytes && l->read_turns < READ_TURNS : late >= LATE_MS;
  l->has_unread_bytes = false;
  l->read_turns += more;
  return more;
}

static void loop_on_alarm_fire_due_timers(uv_timer_t *h) {
  struct loop *l = h->data;
  loop_begin_turn(l);
  uint64_t now = loop_now(l), late = now > l->alarm_due ? now - l->alarm_due : 0;
  bool stall = l->stall_ms && late >= l->stall_ms;
  l->late |= l->alarm_due < l->late_until;
  l->alarm_at = UINT64_MAX;
  l->turn_end_requested = true; /* The end of the turn sets the next alarm. */
  start_idle_handle(l);
  l->late |= stall;
  if (stall && alarm_was_due_after_long_turn(l)) l->stalled(l, late);
  if (decide_to_read_before_late_deadlines(l, late)) return;
  sio__timers_fire_due(&l->timers, now);
  clear_late_deadline_state(l);
}

/* Sets alarm_due, from which the delay of an alarm is measured, for an alarm at the time `at`:
 * alarm_due becomes `at`, or the current time if that is later. But if the alarm that was set
 * before is overdue too, because the host has blocked the loop, and `at` has passed, then the old
 * alarm_due stays, so that the whole delay is noticed. */
static void set_alarm_due_time(struct loop *l, uint64_t at) {
  uint64_t now = loop_now(l);
  bool overdue = l->alarm_at != UINT64_MAX && l->alarm_due < now;
  if (at > now)
    l->alarm_due = at;
  else if (!overdue)
    l->alarm_due = now;
}

static void loop_set_alarm_for_next_timer(struct loop *l) {
  uint64_t at = sio__timers_next_due_time(&l->timers), now = loop_now(l);
  if (l->read_turns && at > now) clear_late_deadline_state(l);
  if (at == l->alarm_at) return;
  set_alarm_due_time(l, at);
  l->alarm_at = at;
  if (at == UINT64_MAX)
    uv_timer_stop(&l->alarm);
  else
    uv_timer_start(&l->alarm, loop_on_alarm_fire_due_timers, at > now ? at - now : 0, 0);
}

void sio__loop_start_timer(struct loop *l, struct timer *t, uint64_t in_ms) {
  sio__timer_start(&l->timers, t, loop_now(l) + in_ms);
  if (t->at < l->alarm_at) sio__loop_request_turn_end(l);
}

void sio__loop_stop_timer(struct loop *l, struct timer *t) {
  if (!timer_is_active(t)) return;
  sio__timer_stop(&l->timers, t);
  sio__loop_request_turn_end(l);
}

/* ---- callbacks that may only observe --------------------------------------- */

bool sio__loop_count_and_log_refused_call(struct loop *l, const char *call) {
  l->refused++;
  LOG_RATED(l->log, SIO_LOG_ERROR, SIO_PART_SIO, LOG_CALL_REFUSED, NULL,
            "%s is refused: it was called inside %s", call, l->watcher);
  return true;
}

/* ---- tasks and deferred frees ---------------------------------------------- */

void sio__loop_defer(struct loop *l, struct task *t) {
  if (!list_is_empty(&t->link)) return;
  list_append(&l->tasks, &t->link);
  sio__loop_request_turn_end(l);
}

void sio__loop_free_later(struct loop *l, struct deferred_free *g,
                          void (*free_fn)(struct deferred_free *g)) {
  g->free = free_fn;
  list_append(&l->deferred_frees, &g->link);
  sio__loop_request_turn_end(l);
}

/* ---- posts from other threads ------------------------------------------------------ */

static struct loop_post *take_all_posted_calls(struct loop_posts *q) {
  pthread_mutex_lock(&q->lock);
  struct loop_post *first = q->first;
  q->first = NULL;
  q->last = &q->first;
  pthread_mutex_unlock(&q->lock);
  return first;
}

static void run_posted_calls_on_wakeup(uv_async_t *h) {
  struct loop *l = h->data;
  loop_begin_turn(l);
  for (struct loop_post *p = take_all_posted_calls(l->posts), *next; p; p = next) {
    next = p->next;
    p->fn(p->arg);
    sio__free(p);
  }
}

static bool run_posted_calls_and_check_loop_idle(struct loop *l) {
  if (l->posts->first) run_posted_calls_on_wakeup(&l->wake);
  return list_is_empty(&l->conns) && list_is_empty(&l->tasks) && list_is_empty(&l->dirty);
}

int sio__loop_post_allocated_call(struct loop *l, struct loop_post *p) {
  struct loop_posts *q = l->posts;
  p->next = NULL;
  pthread_mutex_lock(&q->lock);
  bool shut = q->shut;
  if (!shut) {
    *q->last = p;
    q->last = &p->next;
    /* Under the lock, so that the handle cannot be closed between the test of `shut` and the
     * send. */
    uv_async_send(&l->wake);
  }
  pthread_mutex_unlock(&q->lock);
  return shut ? SIO_ECLOSED : 0;
}

int sio__loop_post_call(struct loop *l, void (*fn)(void *arg), void *arg) {
  struct loop_post *p = sio__malloc(sizeof *p);
  if (!p) return UV_ENOMEM;
  *p = (struct loop_post){ .fn = fn, .arg = arg };
  int err = sio__loop_post_allocated_call(l, p);
  if (err) sio__free(p);
  return err;
}

static struct loop_posts *posted_call_queue_new(void) {
  struct loop_posts *q = sio__calloc(1, sizeof *q);
  if (!q) return NULL;
  if (pthread_mutex_init(&q->lock, NULL)) {
    sio__free(q);
    return NULL;
  }
  q->last = &q->first;
  return q;
}

static void posted_call_queue_free(struct loop_posts *q) {
  if (!q) return;
  pthread_mutex_destroy(&q->lock);
  sio__free(q);
}

static void close_posted_call_queue(struct loop_posts *q) {
  pthread_mutex_lock(&q->lock);
  q->shut = true;
  pthread_mutex_unlock(&q->lock);
}

/* ---- start and stop ------------------------------------------------------------------ */

static int start_loop_handles(struct loop *l) {
  int err = uv_async_init(l->uv, &l->wake, run_posted_calls_on_wakeup);
  if (err) return err;
  uv_prepare_init(l->uv, &l->prepare);
  uv_check_init(l->uv, &l->check);
  uv_idle_init(l->uv, &l->idle);
  uv_timer_init(l->uv, &l->alarm);
  l->prepare.data = l->check.data = l->alarm.data = l->wake.data = l;
  l->idle.data = l;
  uv_prepare_start(&l->prepare, on_prepare_end_turn);
  uv_check_start(&l->check, on_check_end_turn);
  /* Until uv_ref() is called for them, these handles do not keep the host's loop alive. The idle
   * handle does, while it is active. */
  uv_unref((uv_handle_t *)&l->prepare);
  uv_unref((uv_handle_t *)&l->check);
  uv_unref((uv_handle_t *)&l->alarm);
  uv_unref((uv_handle_t *)&l->wake);
  l->open_handles = 5;
  /* libuv may register the async handle `wake` with the kernel only at its next poll, so the loop
   * must not wait before that. */
  sio__loop_mark_new_poll_handle(l);
  return 0;
}

static void request_turn_end_for_log(void *loop) { sio__loop_request_turn_end(loop); }

int sio__loop_init(struct loop *l, uv_loop_t *uv, struct log *log) {
  *l = (struct loop){ .uv = uv, .log = log, .alarm_at = UINT64_MAX, .high_water = HIGH_WATER };
  list_init(&l->tasks);
  list_init(&l->dirty);
  list_init(&l->deferred_frees);
  list_init(&l->conns);
  list_init(&l->handshakes);
  sio__timers_init(&l->timers, uv_now(uv));
  timer_init(&l->trim, on_timer_return_unused_memory);
  timer_init(&l->log_second, on_timer_report_left_out_log_lines);
  sio__msg_allocator_init(&l->msgs);
  sio__pool_init(&l->chunks, sizeof(struct queue_chunk), 4096);
  l->rbuf = sio__malloc(NET_RBUF);
  l->posts = posted_call_queue_new();
  int err = l->rbuf && l->posts ? start_loop_handles(l) : UV_ENOMEM;
  if (err) {
    sio__free(l->rbuf);
    posted_call_queue_free(l->posts);
    return err;
  }
  log->on_work = request_turn_end_for_log;
  log->on_work_arg = l;
  return 0;
}

static void free_loop_memory_and_report_closed(struct loop *l) {
  run_deferred_frees(l);
  sio__msg_allocator_clear(&l->msgs);
  sio__pool_clear(&l->chunks);
  sio__free(l->rbuf);
  posted_call_queue_free(l->posts);
  if (l->peak >= TRIM_MIN) sio__mem_return_to_system();
  if (l->closed) l->closed(l);
}

void sio__loop_uncount_handle_and_end_if_last(struct loop *l) {
  if (--l->open_handles == 0) free_loop_memory_and_report_closed(l);
}

static void uncount_closed_loop_handle(uv_handle_t *h) {
  sio__loop_uncount_handle_and_end_if_last(h->data);
}

static void close_loop_handles_and_drop_log_lines(struct loop *l) {
  sio__log_drop_lines_and_callback(l->log);
  l->turn_end_requested = true; /* prevents that `idle` is started again */
  uv_close((uv_handle_t *)&l->idle, uncount_closed_loop_handle);
  uv_close((uv_handle_t *)&l->check, uncount_closed_loop_handle);
  uv_close((uv_handle_t *)&l->prepare, uncount_closed_loop_handle);
  uv_close((uv_handle_t *)&l->alarm, uncount_closed_loop_handle);
  uv_close((uv_handle_t *)&l->wake, uncount_closed_loop_handle);
}

void sio__loop_close(struct loop *l, void (*closed)(struct loop *l)) {
  l->closing = true;
  l->closed = closed;
  close_posted_call_queue(l->posts);
  sio__loop_request_turn_end(l);
  /* Until these handles are closed, they keep the loop running. */
  uv_ref((uv_handle_t *)&l->prepare);
  uv_ref((uv_handle_t *)&l->alarm);
  uv_ref((uv_handle_t *)&l->wake);
}
