/* SPDX-License-Identifier: MIT
 *
 * loop_tick.c - a game: a loop with a fixed tick of 1/60 second. What has arrived is handled at the
 * tick, and what the game sends leaves with it. loop_sdl.c does the same with a window.
 */
#include "echo.h"
#include <signal.h>
#include <time.h>

enum { TICK_NS = 1000000000 / 60 };

static volatile sig_atomic_t stop;
static void on_signal(int signum) { stop = signum; }

/* The game: something moves, and everybody who can take it is sent where it is. */
static void game_tick(sio_nsp *root, unsigned tick) {
  if (tick % 3 == 0)
    sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "tick", SIO_ARGS(tick));
}

static void wait_for_tick(struct timespec *next) {
  next->tv_nsec += TICK_NS;
  if (next->tv_nsec >= 1000000000) {
    next->tv_nsec -= 1000000000;
    next->tv_sec++;
  }
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int main(void) {
  uv_loop_t loop;
  struct timespec next;
  bool closed = false;
  uv_loop_init(&loop);
  sio_server *srv = echo_serve(&loop, NULL, echo_port());
  sio_nsp *root = sio_nsp_find(srv, "/");
  signal(SIGTERM, on_signal);
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned tick = 0; !stop; tick++) {
    game_tick(root, tick);
    uv_run(&loop, UV_RUN_NOWAIT);
    wait_for_tick(&next);
  }
  sio_server_close(srv, echo_on_closed, &closed);
  while (!closed) uv_run(&loop, UV_RUN_ONCE);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) ? 1 : 0;
}
