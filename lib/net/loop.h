/* SPDX-License-Identifier: MIT
 *
 * loop.h - what all connections of a server share on one uv loop: the read buffer, the pools, the
 * timers, and the end of the turn.
 *
 * A turn is a part of one pass of the uv loop. During a turn, read callbacks, timers and the host's
 * own callbacks queue what they send. The turn ends in a uv_check_t, after the loop has polled, or,
 * for work that was queued elsewhere, in a uv_prepare_t, before the next poll. At the end of a
 * turn:
 *
 *   1. waiting log lines are delivered,
 *   2. deferred tasks run (closing, pending host callbacks),
 *   3. each connection with something to send writes, usually with one gathered write,
 *   4. the memory of what was closed is freed.
 *
 * The first three steps are repeated as long as they make new work, up to 64 rounds in all. Memory
 * is freed last, because callers further up may use it until then.
 */
#ifndef SIO_NET_LOOP_H
#define SIO_NET_LOOP_H

#include "base/histogram.h"
#include "base/list.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/timer.h"
#include <sio/tls.h>
#include <stdatomic.h>
#include <uv.h>

enum { NET_RBUF = 64 * 1024 };

struct loop;

/* A function to call at the end of the turn. */
struct task {
  struct list link;
  void (*run)(struct task *t);
};

/* Counters of network traffic, and how long turns take. */
struct net_stats {
  uint64_t accepted, reads, bytes_in;
  uint64_t blocked;    /* how often the kernel did not accept all bytes of a write */
  uint64_t lost;       /* bytes that were still queued when their connection was closed */
  size_t held;         /* memory of what waits for blocked connections and for HTTP polling */
  sio_histogram wrote; /* bytes per write                                               */
  sio_histogram turns; /* how long each turn takes, in us; meanwhile other peers may wait */
  uint64_t tls_connections, tls_resumed;
  uint64_t tls_handshakes[SIO_TLS_VERSION_END], tls_failed[SIO_TLS_FAILED_END];
  uint64_t tls_displaced; /* handshakes that were ended to make room for others */
};

/* How the loop calls its connections (net/conn.c). */
struct loop_conn_ops {
  /* Writes the queue of the connection whose link in loop->dirty is passed. */
  void (*flush)(struct list *dirty);
  /* Called if loop->unwatched is set. Fails the connections that libuv could not poll. */
  void (*fail_unwatched)(struct loop *l);
};

struct loop { /* Large members come last, which makes the code smaller. */
  uv_loop_t *uv;
  struct log *log;
  char *rbuf;             /* read buffer of NET_RBUF bytes, for all connections */
  uint64_t turn_began;    /* uv_hrtime() at the beginning of the turn; 0: between turns */
  uint64_t turn_began_ms; /* what loop_now() was at the beginning of the turn */
  /* A deadline that is due before this time may be extended: it may have been started during a turn
   * that took stall_ms or longer, so that the peer had less time to answer. */
  uint64_t late_until;
  /* The name of the running host callback that may only observe: while it is set,
   * loop_refuse_call_inside_observer_callback() returns true. NULL: no such callback is running. */
  const char *watcher;
  uint64_t refused; /* library calls refused because `watcher` was set */
  bool closing;
  bool turn_end_requested; /* A turn must end soon, even if none has begun. */
  bool unwatched;          /* A connection that libuv could not poll has to be closed. */
  bool has_new_poll;       /* A handle was started that the kernel may not know yet. */
  bool late;               /* Deadlines that fire now may be extended: the loop was busy. */
  bool has_unread_bytes;   /* A read filled the whole buffer, so more may follow. */
  uint8_t read_turns;      /* for how many turns the due timers were put off, to read first */
  unsigned nconns;         /* length of conns */
  unsigned open_handles;   /* uv handles of the server that are not yet closed */
  unsigned stall_ms;       /* A turn this long, or a timer this late, is a stall; 0: never. */
  struct list dirty;       /* struct conn to flush at the end of the turn */
  struct list tasks;       /* struct task, in the order in which they were queued */
  uint64_t alarm_due;      /* How late the uv timer `alarm` fires is measured from this time. */
  uint64_t alarm_at;       /* when `alarm` fires; UINT64_MAX: never */
  /* If the queue of a blocked connection takes more memory than this, the connection is not read
   * from until its queue takes at most half of this. */
  size_t high_water;
  size_t low_mark; /* the bytes of queued memory for conn_ops.below_low_mark (net/conn.h) */
  struct msgs msgs;
  struct list deferred_frees; /* struct deferred_free, run at the end of the turn */
  struct list conns;          /* every open struct conn */
  atomic_uint *shared_conns;  /* a copy of nconns for other threads, or NULL (net/members.h) */
  struct loop_posts *posts;   /* posted calls (sio__loop_post_call()); freed after all handles */
  /* Called once, when a closing loop has nothing left to do, as the last chance to log. May be
   * NULL. */
  void (*ending)(struct loop *l);
  void (*closed)(struct loop *l); /* Called after the last handle has closed. */
  void (*stalled)(struct loop *l, uint64_t ms);
  struct pool chunks;                   /* struct queue_chunk */
  const struct loop_conn_ops *conn_ops; /* Set by the first connection. */
  size_t peak;                          /* estimated peak of used memory since the last trim */
  struct timer trim;
  struct net_stats stats;
  struct list handshakes;               /* struct tls of handshakes in progress, oldest first */
  unsigned nhandshakes, max_handshakes; /* max_handshakes 0: no limit */
  struct timer log_second;              /* when to call sio__log_report_left_out_lines() */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;
  uv_timer_t alarm; /* the one uv timer that runs `timers` */
  uv_async_t wake;  /* wakes the loop for posted calls */
  struct timers timers;
};

/* The loop does not own the log, but delivers its lines at the end of a turn. Returns 0, UV_ENOMEM
 * or another libuv code. */
int sio__loop_init(struct loop *l, uv_loop_t *uv, struct log *log);
/* Starts closing; may be called from any callback, once. When no connection is open and no work is
 * left, l->ending is called, the last log lines are delivered, and the loop's own uv handles are
 * closed. When all handles of open_handles have closed, closed(l) is called, and may free l.
 * sio__loop_post_call() fails from now on, but calls posted before still run. */
void sio__loop_close(struct loop *l, void (*closed)(struct loop *l));

static inline uint64_t loop_now(const struct loop *l) { return uv_now(l->uv); }
/* Counts and logs the refused call. Returns true. */
bool sio__loop_count_and_log_refused_call(struct loop *l, const char *call);
/* Begins a turn, unless one has begun already. Each uv callback that reads, accepts, runs timers or
 * runs calls of other threads calls this first. */
static inline void loop_begin_turn(struct loop *l) {
  if (l->turn_began) return;
  l->turn_began = uv_hrtime();
  l->turn_began_ms = loop_now(l);
}
/* Returns the time in microseconds. During a turn it is the time at which the turn began. */
static inline uint64_t loop_now_us(const struct loop *l) {
  return (l->turn_began ? l->turn_began : uv_hrtime()) / 1000;
}

/* Many public functions begin with this call. If it returns true, the public function must do
 * nothing, and return SIO_ESTATE if it can return an error. */
static inline bool loop_refuse_call_inside_observer_callback(struct loop *l, const char *call) {
  return __builtin_expect(l->watcher != NULL, 0) && sio__loop_count_and_log_refused_call(l, call);
}

static inline void task_init(struct task *t, void (*run)(struct task *t)) {
  list_init(&t->link);
  t->run = run;
}
/* Queues t for the end of the turn, unless it is already queued. */
void sio__loop_defer(struct loop *l, struct task *t);
/* Makes the loop end a turn soon. For work that is done at the end of a turn and is not a struct
 * task. */
void sio__loop_request_turn_end(struct loop *l);
/* Must be called when uv_poll_start() is called for a new handle or for more events: libuv passes
 * them to the kernel only when it polls, so a host that waits on uv_backend_fd() must run the loop
 * once before. */
void sio__loop_mark_new_poll_handle(struct loop *l);
static inline void task_cancel(struct task *t) { list_remove(&t->link); }

/* Called by the owner of a deadline that has fired. Returns true if the owner should start the
 * deadline once more, because the loop was busy for long and the peer may have had less time than
 * it was promised. A deadline is extended only once: the owner has to remember whether it was. */
static inline bool loop_should_restart_deadline(const struct loop *l, bool already_extended) {
  return l->late && !already_extended;
}

/* Starts t, or restarts it, so that it fires in in_ms milliseconds. */
void sio__loop_start_timer(struct loop *l, struct timer *t, uint64_t in_ms);
void sio__loop_stop_timer(struct loop *l, struct timer *t);

/* Memory to free at the end of the turn, because callers further up may still use it. Make this
 * struct a member of the struct to free. */
struct deferred_free {
  struct list link;
  void (*free)(struct deferred_free *g);
};
void sio__loop_free_later(struct loop *l, struct deferred_free *g,
                          void (*free)(struct deferred_free *g));

/* The close callback of every handle that is counted in open_handles ends with this call. */
void sio__loop_uncount_handle_and_end_if_last(struct loop *l);

/* Makes the loop's thread call fn(arg); may be called from any thread. Calls keep their order.
 * Returns 0, UV_ENOMEM, or SIO_ECLOSED once the loop is closing. */
int sio__loop_post_call(struct loop *l, void (*fn)(void *arg), void *arg);

/* A call whose memory the caller allocates (sio__malloc()) before posting it, so that posting it
 * cannot fail for lack of memory. This struct must be at the beginning of the allocated block. */
struct loop_post {
  struct loop_post *next;
  void (*fn)(void *arg);
  void *arg;
};
/* Makes the loop's thread call p->fn(p->arg), and then free p; may be called from any thread. Calls
 * keep their order. Returns 0; or SIO_ECLOSED once the loop is closing, and then p is still the
 * caller's. */
int sio__loop_post_allocated_call(struct loop *l, struct loop_post *p);

#endif
