/* SPDX-License-Identifier: MIT
 *
 * loop.h - what all connections of one server share on one uv loop: the receive
 * buffer, the pools, the timers, and the end of the turn.
 *
 * A turn is one pass of the uv loop. Reading callbacks, timers and the host's own
 * callbacks only queue. Then, in a uv_check_t after the loop has polled, or in a
 * uv_prepare_t before it polls for what was queued elsewhere:
 *
 *   1. the lines of the log that wait are delivered,
 *   2. deferred tasks run (closes, user callbacks they owe) until none is left,
 *   3. every connection with something to send makes one gathered write,
 *   4. what was closed in this turn is freed.
 *
 * So nothing is freed under a caller, and a peer gets one write per turn.
 */
#ifndef SIO_NET_LOOP_H
#define SIO_NET_LOOP_H

#include "base/histogram.h"
#include "base/list.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/timer.h"
#include <sio/tls.h>
#include <uv.h>

enum { NET_RBUF = 64 * 1024 };

struct loop;

/* Something to do at the end of this turn. */
struct task {
  struct list link;
  void (*run)(struct task *t);
};

/* What goes over the wire, and how long a turn takes. */
struct net_stats {
  uint64_t accepted, reads, bytes_in;
  uint64_t blocked;    /* times that the kernel did not take all                        */
  uint64_t lost;       /* bytes that waited when their connection was closed            */
  size_t held;         /* memory of what waits for peers that do not read, polls included */
  sio_histogram wrote; /* bytes per write                                               */
  sio_histogram turns; /* us from a turn's first event to its end: others wait as long  */
  uint64_t tls_connections, tls_resumed;
  uint64_t tls_handshakes[SIO_TLS_VERSION_END], tls_failed[SIO_TLS_FAILED_END];
  uint64_t tls_displaced; /* handshakes that made room for others */
};

/* What the loop calls of its connections (net/conn.c). */
struct loop_conn_ops {
  /* Writes what is queued on the connection whose link in loop->dirty this was. */
  void (*flush)(struct list *dirty);
  /* Called when loop->unwatched is set: fails the connections that libuv could not watch. */
  void (*fail_unwatched)(struct loop *l);
};

struct loop { /* what is big comes last, which keeps the code short */
  uv_loop_t *uv;
  struct log *log;
  char *rbuf;     /* NET_RBUF bytes: what is being read, on any connection */
  uint64_t turn_began; /* uv_hrtime() when the turn began, 0: it has not */
  /* The host's callback that runs inside a call of the library and may only look: until it returns
   * loop_refuses_call() every call that changes something. NULL: none. */
  const char *watcher;
  /* The same for one that is called for each room: it may send, but no call may change who is in
   * which room (loop_refuses_room_change()). */
  const char *walker;
  uint64_t refused; /* such calls */
  bool closing;
  bool turn_end_requested;        /* there is work for the end of the turn: `idle` is active          */
  bool unwatched;     /* a connection is not watched as it should be                      */
  bool has_new_poll;       /* the kernel is told at the next poll what is to be watched        */
  bool late;          /* deadlines that are met too late run now, or when all is read            */
  bool has_unread_bytes;        /* somebody had more to read than the buffer holds                    */
  uint8_t read_turns; /* taken to read before deadlines that are met late                   */
  unsigned nconns;    /* members of conns */
  unsigned open_handles; /* uv handles not yet closed             */
  unsigned stall_ms;     /* what is too late: the host kept the loop; 0: not asked */
  struct list dirty;     /* struct conn with bytes to send        */
  struct list tasks;     /* struct task, in order                 */
  uint64_t alarm_due;    /* the same as alarm_at, or when it was set, if that was later */
  uint64_t alarm_at;     /* when `alarm` fires, UINT64_MAX: never */
  size_t high_water;     /* a connection with more than this queued is not read from */
  size_t low_mark;       /* a heavy connection that holds no more than this is told of     */
  struct msgs msgs;
  struct list deferred_frees;     /* struct grave, freed at the end        */
  struct list conns;              /* struct conn, all that are open        */
  struct loop_posts *posts;       /* what other threads asked for; lives past the loop's close */
  void (*ending)(struct loop *l); /* nothing is left to do: the last chance to log; or NULL */
  void (*closed)(struct loop *l); /* after the last handle is gone */
  void (*stalled)(struct loop *l, uint64_t ms);
  struct pool chunks;                   /* struct queue_chunk */
  const struct loop_conn_ops *conn_ops; /* set by the first connection */
  size_t peak; /* the most memory in use, about, since some was given back */
  struct timer trim;
  struct net_stats stats;
  struct list handshakes;               /* struct tls whose handshake is under way, oldest first */
  unsigned nhandshakes, max_handshakes; /* 0: no limit */
  struct timer log_second;              /* when sio__log_end_second() is due */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;
  uv_timer_t alarm; /* the one uv timer behind `timers` */
  uv_async_t wake;  /* sio__loop_post() from other threads */
  struct timers timers;
};

/* log is borrowed; its lines are delivered at the end of each turn. 0, UV_ENOMEM, or what uv
 * says. */
int sio__loop_init(struct loop *l, uv_loop_t *uv, struct log *log);
/* Once the last connection is closed and nothing is left to do, calls l->ending, delivers what it
 * logs, and gives every uv handle back; then closed(l) runs, and l itself may be freed there.
 * sio__loop_post() fails from now on, and what was posted before runs. Callable from anywhere,
 * once. */
void sio__loop_close(struct loop *l, void (*closed)(struct loop *l));

static inline uint64_t loop_now(const struct loop *l) { return uv_now(l->uv); }
bool sio__loop_refuse_call(struct loop *l, const char *call); /* counts, logs; true */
/* For whoever is called by uv, first of all: the turn began here, if not before. */
static inline void loop_begin(struct loop *l) {
  if (!l->turn_began) l->turn_began = uv_hrtime();
}
/* In us, fine enough for round trips: within a turn the time of its beginning. */
static inline uint64_t loop_now_us(const struct loop *l) {
  return (l->turn_began ? l->turn_began : uv_hrtime()) / 1000;
}

/* For the first line of public calls: true, if it is to be answered SIO_ESTATE. */
static inline bool loop_refuses_call(struct loop *l, const char *call) {
  return __builtin_expect(l->watcher != NULL, 0) && sio__loop_refuse_call(l, call);
}

static inline bool loop_refuses_room_change(struct loop *l, const char *call) {
  return __builtin_expect(l->watcher || l->walker, 0) && sio__loop_refuse_call(l, call);
}

static inline void task_init(struct task *t, void (*run)(struct task *t)) {
  list_init(&t->link);
  t->run = run;
}
/* Queues t for the end of the turn; no-op when it is queued already. */
void sio__loop_defer(struct loop *l, struct task *t);
void sio__loop_request_turn_end(struct loop *l); /* there is other work for the end of the turn */
void sio__loop_note_poll_start(struct loop *l);  /* a uv_poll_t was started */
static inline void task_cancel(struct task *t) { list_remove(&t->link); }

/* For a deadline that is met: it ran while the host kept the loop, so that the peer had less of it
 * than was said. The owner then starts it once more, and remembers that it did. */
static inline bool loop_extends_deadline(const struct loop *l, bool already_extended) {
  return l->late && !already_extended;
}

/* Deadlines, in ms from now. */
void sio__loop_start_timer(struct loop *l, struct timer *t, uint64_t in_ms);
void sio__loop_stop_timer(struct loop *l, struct timer *t);

/* Memory that a caller further up may still hold: freed when the turn ends.
 * Embed a struct grave anywhere in it. */
struct deferred_free {
  struct list link;
  void (*free)(struct deferred_free *g);
};
void sio__loop_free_later(struct loop *l, struct deferred_free *g,
                          void (*free)(struct deferred_free *g));

/* For whoever opened a handle on this loop (counted in open_handles): its close callback ends with
 * this. */
void sio__loop_handle_closed(struct loop *l);

/* From any thread: fn(arg) runs on the loop thread, in order. 0, UV_ENOMEM,
 * SIO_ECLOSED once the loop is closing (then fn never runs). */
int sio__loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

#endif
