/* SPDX-License-Identifier: MIT
 *
 * loop_threads.c - two threads of the program's own, each with its poll(2) loop and a server; the
 * two serve one port as one (threads.h). The program makes the threads and runs the loops itself,
 * so sio_threads_start() is not used.
 */
#include "echo.h"
#include <poll.h>
#include <signal.h>
#include <sio/threads.h>

enum { THREADS = 2 };

struct host {
  uv_thread_t thread;
  uv_loop_t loop;
  sio_server *srv;
  bool closed;
};

static void run(void *arg) {
  struct host *h = arg;
  while (!h->closed) {
    uv_update_time(&h->loop);
    struct pollfd fd = { .fd = uv_backend_fd(&h->loop), .events = POLLIN };
    poll(&fd, 1, uv_backend_timeout(&h->loop));
    uv_run(&h->loop, UV_RUN_NOWAIT);
  }
}

/* Posted to each server, because a server is closed on its own thread. */
static void on_stop(sio_server *srv, void *arg) {
  struct host *h = arg;
  sio_server_close(srv, echo_on_closed, &h->closed);
}

int main(void) {
  static struct host hosts[THREADS];
  sio_threads *group;
  sigset_t stop;
  int signum;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL); /* the threads inherit it */
  if (sio_threads_new(&group)) return 1;
  sio_options options = { .size = sizeof options, .threads = group };
  for (int i = 0; i < THREADS; i++) {
    uv_loop_init(&hosts[i].loop);
    hosts[i].srv = echo_serve(&hosts[i].loop, &options, i ? -1 : echo_port());
  }
  for (int i = 0; i < THREADS; i++) uv_thread_create(&hosts[i].thread, run, &hosts[i]);
  sigwait(&stop, &signum);
  for (int i = 0; i < THREADS; i++) sio_post(hosts[i].srv, on_stop, &hosts[i]);
  for (int i = 0; i < THREADS; i++) uv_thread_join(&hosts[i].thread);
  sio_threads_unref(group);
  for (int i = 0; i < THREADS; i++) {
    uv_run(&hosts[i].loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&hosts[i].loop)) return 1;
  }
  return 0;
}
