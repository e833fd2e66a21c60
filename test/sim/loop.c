/* SPDX-License-Identifier: MIT
 *
 * loop.c - handles, and the turn. What libuv keeps in a handle's private part lies in u.reserved
 * here: see struct hidden. Streams are in loop_stream.c.
 */
#include "loop.h"

#include "draw.h"
#include "fault.h"
#include "kernel.h"
#include "loop_handles.h"
#include "memory.h"
#include "peer.h"
#include "redis.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sim_loop loop;

union callback {
  uv_timer_cb timer;
  uv_poll_cb poll;
  uv_prepare_cb prepare;
  uv_check_cb check;
  uv_idle_cb idle;
  uv_async_cb async;
  void *slot;
};

/* ---- handles ------------------------------------------------------------------------ */

static int handle_new(uv_loop_t *l, uv_handle_t *h, uv_handle_type type) {
  if (loop.n == HANDLES) return UV_ENOMEM;
  h->loop = l;
  h->type = type;
  h->close_cb = NULL;
  *hidden(h) = (struct hidden){ .fd = -1 };
  loop.handles[loop.n++] = h;
  return 0;
}

static void handle_forget(const uv_handle_t *h) {
  for (int i = 0; i < loop.n; i++)
    if (loop.handles[i] == h) {
      memmove(loop.handles + i, loop.handles + i + 1,
              (size_t)(loop.n - i - 1) * sizeof *loop.handles);
      loop.n--;
      return;
    }
  fault("a handle that is not on the loop", "%s", uv_handle_type_name(h->type));
}

static bool is_current(const uv_handle_t *h) { return h->loop == &loop.uv[loop.current]; }

static bool handle_known(const uv_handle_t *h) {
  for (int i = 0; i < loop.n; i++)
    if (loop.handles[i] == h) return true;
  return false;
}

static void must_live(const uv_handle_t *h, const char *call) {
  if (!handle_known(h) || hidden(h)->closing) fault("a handle that is closed is used", "%s", call);
}

/* The callback of a handle is kept in handle_queue, which is two pointers or, in newer versions of
 * libuv, a struct of two. */
static void set_callback(uv_handle_t *h, union callback cb) {
  memcpy(&h->handle_queue, &cb.slot, sizeof cb.slot);
}

static union callback callback_of(const uv_handle_t *h) {
  union callback cb;
  memcpy(&cb.slot, &h->handle_queue, sizeof cb.slot);
  return cb;
}

void uv_close(uv_handle_t *h, uv_close_cb cb) {
  must_live(h, "uv_close");
  hidden(h)->closing = true;
  hidden(h)->active = false;
  h->close_cb = cb;
  stream_close_descriptor(h);
  loop.closing[loop.nclosing++] = h;
}

void uv_ref(uv_handle_t *h) { hidden(h)->unrefed = false; }
void uv_unref(uv_handle_t *h) { hidden(h)->unrefed = true; }
int uv_is_closing(const uv_handle_t *h) { return hidden(h)->closing; }
int uv_is_active(const uv_handle_t *h) { return hidden(h)->active; }
int uv_has_ref(const uv_handle_t *h) { return !hidden(h)->unrefed; }

/* ---- time --------------------------------------------------------------------------- */

static int index_of(const uv_loop_t *l) { return (int)(l - loop.uv); }

uint64_t uv_now(const uv_loop_t *l) { return loop.time_ms[index_of(l)]; }

void uv_update_time(uv_loop_t *l) { loop.time_ms[index_of(l)] = kernel.now / 1000; }

uint64_t uv_hrtime(void) { return kernel.now * 1000 + ++loop.hr; }

int uv_gettimeofday(uv_timeval64_t *tv) {
  tv->tv_sec = 1700000000 + (int64_t)(kernel.now / 1000000);
  tv->tv_usec = (int32_t)(kernel.now % 1000000);
  return 0;
}

static void stall(uint64_t us) {
  kernel.now += us;
  loop.stalled_us += us;
  loop.last_stall = kernel.now;
  loop.must_notice = false;
  TELL("the host keeps the loop for %llu ms", (unsigned long long)us / 1000);
}

void loop_stall(void) {
  if (draw_one_in(loop.stalls)) stall((uint64_t)draw_size(40000) * 1000);
}

void loop_pause(void) {
  uint64_t us = 1000 + (uint64_t)draw_size(2000) * 1000;
  if (loop.count == 1) return;
  loop.paused_until[loop.current] = kernel.now + us;
  loop.last_stall = kernel.now;
  loop.must_notice = false;
  TELL("thread %d is not run for %llu ms", loop.current, (unsigned long long)us / 1000);
}

/* ---- timers ------------------------------------------------------------------------- */

int uv_timer_init(uv_loop_t *l, uv_timer_t *t) { return handle_new(l, (uv_handle_t *)t, UV_TIMER); }

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat) {
  static uint32_t order;
  uv_handle_t *h = (uv_handle_t *)t;
  must_live(h, "uv_timer_start");
  t->repeat = repeat;
  set_callback(h, (union callback){ .timer = cb });
  hidden(h)->due = uv_now(h->loop) + timeout;
  hidden(h)->order = order++;
  hidden(h)->active = true;
  return 0;
}

int uv_timer_stop(uv_timer_t *t) {
  hidden((uv_handle_t *)t)->active = false;
  return 0;
}

static uv_handle_t *first_timer(void) {
  uv_handle_t *best = NULL;
  for (int i = 0; i < loop.n; i++) {
    uv_handle_t *h = loop.handles[i];
    const struct hidden *x = hidden(h), *b = best ? hidden(best) : NULL;
    if (h->type != UV_TIMER || !x->active || !is_current(h)) continue;
    if (!b || x->due < b->due || (x->due == b->due && (int32_t)(x->order - b->order) < 0)) best = h;
  }
  return best;
}

/* A timer of the host's own that is due at the same time runs behind ours, and keeps the loop past
 * the next deadline, or past that of the pings that were queued just now and have not left. */
static void stall_behind_timer(void) {
  const uv_handle_t *h = first_timer();
  uint64_t now = kernel.now / 1000, ms = loop.answer_ms;
  if (!draw_one_in(loop.timer_stalls)) return;
  if (draw(2) && h && hidden(h)->due > now) ms = hidden(h)->due - now;
  stall((ms + draw_size(300)) * 1000);
}

/* What of the host's runs when a ping has just left keeps the loop past the time of its answer, and
 * by so much that the library has to notice. */
static void stall_behind_ping(void) {
  if (loop.pinged[loop.current] && draw_one_in(loop.ping_stalls)) {
    stall((loop.answer_ms + 1000 + draw_size(300)) * (uint64_t)1000);
    loop.must_notice = true;
  }
  loop.pinged[loop.current] = false;
}

static void run_timers(void) {
  uv_handle_t *h;
  for (int i = 0; i < 1000 && (h = first_timer()) && hidden(h)->due <= loop.time_ms[loop.current];
       i++) {
    hidden(h)->active = ((uv_timer_t *)h)->repeat > 0;
    hidden(h)->due = uv_now(h->loop) + ((uv_timer_t *)h)->repeat;
    loop.callbacks++;
    callback_of(h).timer((uv_timer_t *)h);
    stall_behind_timer();
  }
}

/* ---- prepare, async ----------------------------------------------------------------- */

int uv_prepare_init(uv_loop_t *l, uv_prepare_t *p) {
  return handle_new(l, (uv_handle_t *)p, UV_PREPARE);
}

int uv_prepare_start(uv_prepare_t *p, uv_prepare_cb cb) {
  uv_handle_t *h = (uv_handle_t *)p;
  must_live(h, "uv_prepare_start");
  set_callback(h, (union callback){ .prepare = cb });
  hidden(h)->active = true;
  return 0;
}

int uv_prepare_stop(uv_prepare_t *p) {
  hidden((uv_handle_t *)p)->active = false;
  return 0;
}

int uv_check_init(uv_loop_t *l, uv_check_t *c) { return handle_new(l, (uv_handle_t *)c, UV_CHECK); }

int uv_check_start(uv_check_t *c, uv_check_cb cb) {
  uv_handle_t *h = (uv_handle_t *)c;
  must_live(h, "uv_check_start");
  set_callback(h, (union callback){ .check = cb });
  hidden(h)->active = true;
  return 0;
}

int uv_check_stop(uv_check_t *c) {
  hidden((uv_handle_t *)c)->active = false;
  return 0;
}

int uv_idle_init(uv_loop_t *l, uv_idle_t *i) { return handle_new(l, (uv_handle_t *)i, UV_IDLE); }

int uv_idle_start(uv_idle_t *i, uv_idle_cb cb) {
  uv_handle_t *h = (uv_handle_t *)i;
  must_live(h, "uv_idle_start");
  set_callback(h, (union callback){ .idle = cb });
  hidden(h)->active = true;
  return 0;
}

int uv_idle_stop(uv_idle_t *i) {
  hidden((uv_handle_t *)i)->active = false;
  return 0;
}

int uv_async_init(uv_loop_t *l, uv_async_t *a, uv_async_cb cb) {
  int err = handle_new(l, (uv_handle_t *)a, UV_ASYNC);
  if (err) return err;
  set_callback((uv_handle_t *)a, (union callback){ .async = cb });
  hidden((uv_handle_t *)a)->active = true;
  return 0;
}

/* To the loop of another thread it takes a while. */
int uv_async_send(uv_async_t *a) {
  uv_handle_t *h = (uv_handle_t *)a;
  must_live(h, "uv_async_send");
  if (!hidden(h)->sent)
    hidden(h)->due = kernel.now + (loop.count > 1 && draw(3) == 2 ? draw_size(50000) : 0);
  hidden(h)->sent = true;
  return 0;
}

static bool async_arrived(const uv_handle_t *h) {
  const struct hidden *x = hidden(h);
  return h->type == UV_ASYNC && x->sent && !x->closing && x->due <= kernel.now;
}

/* prepare, check and idle handles have callbacks of one shape. */
static void run_each(uv_handle_type type) {
  for (int i = 0; i < loop.n; i++) {
    uv_handle_t *h = loop.handles[i];
    if (h->type != type || !hidden(h)->active || !is_current(h)) continue;
    loop.callbacks++;
    callback_of(h).prepare((uv_prepare_t *)h);
  }
}

static void run_asyncs(void) {
  for (int i = 0; i < loop.n; i++) {
    uv_handle_t *h = loop.handles[i];
    if (!async_arrived(h) || !is_current(h)) continue;
    hidden(h)->sent = false;
    loop.callbacks++;
    callback_of(h).async((uv_async_t *)h);
  }
}

/* ---- polls -------------------------------------------------------------------------- */

int uv_poll_init(uv_loop_t *l, uv_poll_t *p, int fd) {
  if (!kernel_is_fd(fd)) fault("a descriptor of no simulated kernel is watched", "%d", fd);
  for (int i = 0; i < loop.n; i++)
    if (loop.handles[i]->type == UV_POLL && hidden(loop.handles[i])->fd == fd &&
        !hidden(loop.handles[i])->closing)
      return UV_EEXIST;
  if (draw_one_in(kernel.poll_init_fails)) {
    kernel.refused++;
    return UV_ENOMEM;
  }
  int err = handle_new(l, (uv_handle_t *)p, UV_POLL);
  if (!err) hidden((uv_handle_t *)p)->fd = fd;
  return err;
}

int uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb) {
  uv_handle_t *h = (uv_handle_t *)p;
  must_live(h, "uv_poll_start");
  set_callback(h, (union callback){ .poll = cb });
  hidden(h)->events = (int16_t)events;
  hidden(h)->active = events != 0;
  return 0;
}

int uv_poll_stop(uv_poll_t *p) {
  must_live((uv_handle_t *)p, "uv_poll_stop");
  hidden((uv_handle_t *)p)->active = false;
  return 0;
}

static int ready_events(const uv_handle_t *h) {
  const struct hidden *x = hidden(h);
  if (h->type != UV_POLL || !x->active || x->closing) return 0;
  return (x->events & UV_READABLE && kernel_readable(x->fd) ? UV_READABLE : 0) |
         (x->events & UV_WRITABLE && kernel_writable(x->fd) ? UV_WRITABLE : 0);
}

/* EPOLLERR comes whatever is watched, as long as something is. */
static bool is_ready(const uv_handle_t *h) {
  const struct hidden *x = hidden(h);
  if (handle_is_stream(h)) return stream_is_ready(h);
  if (h->type != UV_POLL || !x->active || x->closing) return false;
  return ready_events(h) || kernel_broken(x->fd);
}

static bool is_paused(const uv_loop_t *l) { return loop.paused_until[index_of(l)] > kernel.now; }

static bool any_ready(void) {
  for (int i = 0; i < loop.count; i++)
    if (!is_paused(&loop.uv[i]) && lookups_arrived(&loop.uv[i])) return true;
  for (int i = 0; i < loop.n; i++) {
    const uv_handle_t *h = loop.handles[i];
    if (!is_paused(h->loop) && (is_ready(h) || async_arrived(h))) return true;
  }
  return false;
}

static void on_ready(uv_handle_t *h) {
  struct wire *w = kernel_wire(hidden(h)->fd);
  bool error = kernel_broken(hidden(h)->fd);
  int events = ready_events(h);
  if (!events && !error) return;
  memory.owner = w ? peer_number(w->peer) : 0;
  loop.callbacks++;
  if (error) hidden(h)->active = false;
  callback_of(h).poll((uv_poll_t *)h, error ? UV_EBADF : 0, error ? 0 : events);
  memory.owner = 0;
}

/* Descriptors are reported in any order; those that are closed meanwhile are not reported. */
static void run_polls(void) {
  uv_handle_t *ready[HANDLES];
  int n = 0;
  for (int i = 0; i < loop.n; i++)
    if (is_current(loop.handles[i]) && is_ready(loop.handles[i])) ready[n++] = loop.handles[i];
  for (int left = n; left > 0; left--) {
    int i = (int)draw((uint32_t)left);
    uv_handle_t *h = ready[i];
    memmove(ready + i, ready + i + 1, (size_t)(left - i - 1) * sizeof *ready);
    if (!handle_known(h) || !is_ready(h)) continue;
    if (handle_is_stream(h))
      stream_on_ready(h);
    else
      on_ready(h);
  }
}

void loop_check_watches(void) {
  for (int i = 0; i < loop.n; i++)
    if (loop.handles[i]->type == UV_POLL && hidden(loop.handles[i])->active)
      kernel_readable(hidden(loop.handles[i])->fd);
}

/* ---- streams: the way of sio_accept() to a descriptor ------------------------------- */

static int stream_new(uv_loop_t *l, uv_stream_t *t, uv_handle_type type) {
  t->connect_req = NULL;
  return handle_new(l, (uv_handle_t *)t, type);
}

int uv_tcp_init(uv_loop_t *l, uv_tcp_t *t) { return stream_new(l, (uv_stream_t *)t, UV_TCP); }

int uv_pipe_init(uv_loop_t *l, uv_pipe_t *p, int ipc) {
  (void)ipc;
  return stream_new(l, (uv_stream_t *)p, UV_NAMED_PIPE);
}

/* The listener's data says which one it is. */
int uv_accept(uv_stream_t *listener, uv_stream_t *client) {
  int fd = kernel_accept_now((unsigned)(uintptr_t)listener->data);
  if (fd < 0) return UV_EAGAIN;
  hidden((uv_handle_t *)client)->fd = fd;
  return 0;
}

int uv_fileno(const uv_handle_t *h, uv_os_fd_t *fd) {
  *fd = hidden(h)->fd;
  return *fd < 0 ? UV_EBADF : 0;
}

/* ---- the turn ----------------------------------------------------------------------- */

static int take_closing(uv_handle_t **batch) {
  int n = 0, left = 0;
  for (int i = 0; i < loop.nclosing; i++)
    if (is_current(loop.closing[i]))
      batch[n++] = loop.closing[i];
    else
      loop.closing[left++] = loop.closing[i];
  loop.nclosing = left;
  return n;
}

static void run_closing(void) {
  uv_handle_t *batch[HANDLES];
  int n = take_closing(batch);
  for (int i = 0; i < n; i++) {
    stream_end_connect(batch[i]);
    handle_forget(batch[i]);
    loop.callbacks++;
    if (batch[i]->close_cb) batch[i]->close_cb(batch[i]);
  }
}

static bool has_active(uv_handle_type type) {
  for (int i = 0; i < loop.n; i++) {
    const uv_handle_t *h = loop.handles[i];
    if (h->type == type && hidden(h)->active && is_current(h)) return true;
  }
  return false;
}

static bool has_closing(void) {
  for (int i = 0; i < loop.nclosing; i++)
    if (is_current(loop.closing[i])) return true;
  return false;
}

/* uv_backend_timeout(), as a point in time. */
static uint64_t wait_until(uint64_t limit) {
  const uv_handle_t *h = first_timer();
  if (has_closing() || has_active(UV_IDLE)) return kernel.now;
  uint64_t due = h ? hidden(h)->due * 1000 : NEVER;
  return due < limit ? due : limit;
}

static void arrive(void) {
  peers_step();
  redis_step();
  kernel_deliver();
}

/* When the next async arrives that is on its way. */
static uint64_t asyncs_next(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < loop.n; i++) {
    const struct hidden *x = hidden(loop.handles[i]);
    bool comes = loop.handles[i]->type == UV_ASYNC && x->sent && !x->closing;
    if (comes && x->due > kernel.now && x->due < next) next = x->due;
  }
  return next;
}

/* When the next thread is run again. */
static uint64_t pauses_next(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < loop.count; i++)
    if (loop.paused_until[i] > kernel.now && loop.paused_until[i] < next)
      next = loop.paused_until[i];
  return next;
}

/* When the next connection to Redis is made. */
static uint64_t connects_next(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < loop.n; i++) {
    const uv_handle_t *h = loop.handles[i];
    uint64_t due = hidden(h)->due;
    bool connects = handle_is_stream(h) && !hidden(h)->closing && ((uv_stream_t *)h)->connect_req;
    if (connects && due > kernel.now && due < next) next = due;
  }
  return next;
}

static uint64_t min_time(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Time passes until a descriptor is ready, or the wait is over. */
static void wait_for(uint64_t until) {
  arrive();
  while (!any_ready() && kernel.now < until) {
    uint64_t next = min_time(kernel_next(), peers_next());
    next = min_time(min_time(next, asyncs_next()), min_time(until, lookups_next()));
    next = min_time(next, pauses_next());
    next = min_time(min_time(next, connects_next()), redis_next());
    if (next > kernel.now) kernel.now = next;
    arrive();
  }
}

/* ---- several loops ------------------------------------------------------------------ */

void loop_enter(int which) {
  loop.current = which;
  host_enter(which);
}

/* Is something ready for the current loop? */
static bool has_ready(void) {
  if (lookups_arrived(&loop.uv[loop.current])) return true;
  for (int i = 0; i < loop.n; i++) {
    const uv_handle_t *h = loop.handles[i];
    if (is_current(h) && (is_ready(h) || async_arrived(h))) return true;
  }
  return false;
}

static void wait_for_all(uint64_t limit) {
  for (loop.current = 0; loop.current < loop.count; loop.current++)
    if (is_paused(&loop.uv[loop.current]))
      limit = min_time(limit, loop.paused_until[loop.current]);
    else
      limit = wait_until(limit);
  wait_for(limit);
}

/* For whoever looks at when the loop was kept. */
static void end_pauses(void) {
  for (int i = 0; i < loop.count; i++) {
    if (!loop.paused_until[i] || loop.paused_until[i] > kernel.now) continue;
    loop.paused_until[i] = 0;
    loop.last_stall = kernel.now;
    loop.must_notice = false;
  }
}

/* One of those that have something to do; if none has, any. */
static int draw_loop(void) {
  int busy[LOOPS], n = 0;
  end_pauses();
  for (loop.current = 0; loop.current < loop.count; loop.current++)
    if (!loop.paused_until[loop.current] && (has_ready() || wait_until(NEVER) <= kernel.now))
      busy[n++] = loop.current;
  return n ? busy[draw((uint32_t)n)] : (int)draw((uint32_t)loop.count);
}

static void begin_turn(uint64_t limit) {
  if (loop.count > 1) {
    wait_for_all(limit);
    loop_enter(draw_loop());
    if (draw_one_in(loop.pauses)) loop_pause();
  } else if (loop.outside) {
    wait_for(wait_until(limit));
  }
}

void loop_turn_until(uint64_t limit) {
  loop.turns++;
  begin_turn(limit);
  uv_loop_t *l = &loop.uv[loop.current];
  uv_update_time(l);
  if (!loop.timers_last) run_timers();
  run_each(UV_IDLE);
  run_each(UV_PREPARE);
  stall_behind_ping();
  if (!loop.outside && loop.count == 1) wait_for(wait_until(limit));
  uv_update_time(l);
  run_asyncs();
  lookups_run(l);
  run_polls();
  run_each(UV_CHECK);
  run_closing();
  uv_update_time(l);
  if (loop.timers_last) run_timers();
}

bool loop_has_handles(void) { return loop.n > 0 || loop.nclosing > 0 || lookups_left() > 0; }

void loop_begin_life(void) {
  loop = (struct sim_loop){ .count = 1 };
  streams_begin();
  for (int i = 0; i < LOOPS; i++) uv_update_time(&loop.uv[i]);
}
