/* SPDX-License-Identifier: MIT
 *
 * threads.c - one server on all processors, on one port. The page shows which thread serves it, and
 * a broadcast of one page reaches the pages of all threads.
 *
 *   the server emits                 when
 *     you(thread, threads)             the page has connected
 *     count(thread, sockets)           a page of that thread came or went
 *     pulse(thread, id)                a page emitted pulse()
 *
 * Every thread has a server of its own, with the same handlers. A handler runs on the thread that
 * serves its socket, so what handlers share must be made for threads; here they share nothing.
 * Environment: PORT (3000), THREADS (4).
 */
#include <signal.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <sio/threads.h>
#include <stdio.h>
#include <stdlib.h>

#include "threads_page.h" /* page[]: the files beside this one, made by tools/embed-assets */

static unsigned thread_of(sio_nsp *nsp) {
  return (unsigned)(uintptr_t)sio_server_data(sio_nsp_server(nsp));
}

/* sio_nsp_count_sockets() is the number of this thread's sockets. */
static void tell_count(sio_nsp *nsp, size_t sockets) {
  sio_broadcast((sio_target){ .nsp = nsp }, "count", SIO_ARGS(thread_of(nsp), sockets));
}

static void tell_own_count(sio_nsp *nsp, sio_event *e, void *user) {
  (void)e, (void)user;
  tell_count(nsp, sio_nsp_count_sockets(nsp, NULL));
}

/* The other threads are asked to say how many pages they have, since this page is new. */
static void on_connect(sio_socket *s, void *threads) {
  sio_nsp *nsp = sio_socket_nsp(s);
  sio_emit(s, "you", SIO_ARGS(thread_of(nsp), *(const unsigned *)threads));
  tell_count(nsp, sio_nsp_count_sockets(nsp, NULL));
  sio_server_side_emit(nsp, "count", SIO_NONE, 0, NULL, NULL);
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  tell_count(sio_socket_nsp(s), sio_nsp_count_sockets(sio_socket_nsp(s), NULL));
}

static void on_pulse(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_nsp *nsp = sio_socket_nsp(s);
  sio_broadcast((sio_target){ .nsp = nsp }, "pulse",
                SIO_ARGS(thread_of(nsp), sio_socket_public_id(s)));
}

static int setup(sio_server *srv, unsigned thread, void *threads) {
  const char *port = getenv("PORT");
  sio_nsp *root;
  sio_server_set_data(srv, (void *)(uintptr_t)thread);
  int err = sio_of(srv, "/", &root);
  if (!err) err = sio_on_connect(root, on_connect, threads);
  if (!err) err = sio_on_disconnect(root, on_disconnect, NULL);
  if (!err) err = sio_on(root, "pulse", on_pulse, NULL);
  if (!err) err = sio_on_server_side(root, "count", tell_own_count, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (err || thread > 0) return err;
  err = sio_listen(srv, NULL, port ? atoi(port) : 3000); /* one listens for all */
  if (!err) printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  return err;
}

int main(void) {
  const char *text = getenv("THREADS");
  static unsigned count = 4;
  if (text) count = (unsigned)atoi(text);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL); /* the threads inherit the mask */

  sio_threads *threads;
  int err =
      sio_threads_start(&(sio_threads_options){ .count = count, .setup = setup, .user = &count },
                        &threads);
  if (err) {
    fprintf(stderr, "threads: %s\n", sio_strerror(err));
    return 1;
  }
  int signal;
  sigwait(&stop, &signal);
  sio_threads_stop(threads);
  return 0;
}
