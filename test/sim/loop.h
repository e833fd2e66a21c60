/* SPDX-License-Identifier: MIT
 *
 * loop.h - the simulated libuv: loop.c defines the functions that the library uses, so that the
 * linker takes them and not libuv's.
 *
 * A turn does what uv_run() does, in its order: time, timers, prepare, the wait, descriptors that
 * are ready, closed handles. The wait takes no time: the clock jumps to what happens next.
 */
#ifndef SIO_SIM_LOOP_H
#define SIO_SIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { HANDLES = 256, LOOPS = 4 };

/* All loops of a life run on one thread: in each turn one that has something to do, as drawn. */
struct sim_loop {
  uv_loop_t uv[LOOPS];
  uint64_t time_ms[LOOPS]; /* what uv_now() says                        */
  int count;               /* of loops                                  */
  int current;             /* whose turn it is, or was                  */
  uv_handle_t *handles[HANDLES];
  int n; /* initialised, and not closed yet                  */
  uv_handle_t *closing[HANDLES];
  int nclosing;
  uint64_t turns, callbacks;
  uint32_t stalls;       /* once in so many callbacks the loop is kept; 0: never */
  uint32_t timer_stalls; /* the same behind timers: then past a deadline       */
  uint32_t pauses;       /* once in so many turns one of several threads is not run for a while */
  uint64_t paused_until[LOOPS];
  uint32_t ping_stalls; /* the same when a ping has left: past its time       */
  bool pinged[LOOPS];   /* a ping was made in this turn                       */
  bool must_notice;     /* the last one was so long that the library must know  */
  unsigned answer_ms;   /* how long a ping has to be answered                 */
  uint64_t stalled_us;  /* in all                                           */
  uint64_t last_stall;  /* when the last one ended                          */
  bool timers_last;     /* as libuv does since 1.45                         */
  bool outside;         /* the host waits in a loop of its own, on uv_backend_fd() and for
                               uv_backend_timeout(), and then lets libuv run without waiting */
  uint64_t hr;          /* uv_hrtime() moves a little with each call        */
};
extern struct sim_loop loop;

void loop_begin_life(void);
/* One turn of one loop; it waits at most until the given time (us). */
void loop_turn_until(uint64_t limit);
/* Whose callbacks run next, or which host acts between two turns. */
void loop_enter(int which);
/* The same for what the host has (host.c): all callbacks are of that server then. */
void host_enter(int which);
/* The host's callback takes long. */
void loop_stall(void);
/* The system does not run the thread of the current loop for a while, and that of others on. */
void loop_pause(void);
bool loop_has_handles(void);
/* Reads the loop's watched descriptors: a handle must be closed before its descriptor is. */
void loop_check_watches(void);

#endif
