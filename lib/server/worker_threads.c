/* SPDX-License-Identifier: MIT
 *
 * worker_threads.c - sio_threads_start(): starts threads, each with a loop and a server.
 *
 * Each worker thread makes its server, calls the host's setup function, and then waits until all of
 * them have done that or have failed. If one has failed, all servers are closed; otherwise all of
 * them begin to serve.
 */
#include "base/os.h"
#include "base/sized.h"
#include "server/server.h"
#include <sio/threads.h>
#include <unistd.h>

struct worker {
  struct worker_threads *all;
  uv_thread_t thread;
  uv_loop_t loop;
  unsigned number;
  /* Set by the worker's thread when it has made its server. */
  struct member_id member;
  /* The message that sio_threads_stop() sends to close the server of this worker. It is allocated
   * when the thread is started, so that stopping needs no memory. */
  struct thread_message *stop;
};

struct worker_threads {
  sio_threads_options how;
  sio_options server; /* its pointers are valid until sio_threads_start() returns */
  uv_mutex_t lock;    /* protects waiting, begun and err */
  uv_cond_t changed;
  /* The number of worker threads that have called report_setup_result_and_await_workers(). */
  unsigned waiting;
  /* All worker threads have reported the result of setup: they run their loops or, after an error,
   * close their servers. */
  bool begun;
  int err; /* the first error of any worker; if there is none, an error of starting the threads */
  unsigned count;
  struct worker workers[];
};

/* ---- on the worker's thread ---------------------------------------------------------------- */

/* Reports the result of setup on this worker thread (or why there is no server), and waits until
 * all worker threads have done so. Returns the first error of any of them or, if there is none, the
 * error of starting the threads. */
static int report_setup_result_and_await_workers(struct worker_threads *w, int err) {
  uv_mutex_lock(&w->lock);
  if (!w->err) w->err = err;
  w->waiting++;
  uv_cond_broadcast(&w->changed);
  while (!w->begun) uv_cond_wait(&w->changed, &w->lock);
  err = w->err;
  uv_mutex_unlock(&w->lock);
  return err;
}

static void run_worker_thread(void *arg) {
  struct worker *me = arg;
  sio_server *srv = NULL;
  const sio_threads_options *how = &me->all->how;
  int err = sio_server_new(&me->loop, &me->all->server, &srv);
  if (!err) {
    me->member = srv->core.member;
    err = how->setup(srv, me->number, how->user);
  }
  err = report_setup_result_and_await_workers(me->all, err);
  if (err && srv) sio_server_close(srv, NULL, NULL);
  uv_run(&me->loop, UV_RUN_DEFAULT);
  uv_loop_close(&me->loop);
}

/* ---- starting ------------------------------------------------------------------------------ */

static unsigned count_processors_up_to_thread_limit(void) {
  int n = sio__os_count_cpus();
  return n < 1 ? 1 : n > SIO_THREADS_MAX ? SIO_THREADS_MAX : (unsigned)n;
}

static int worker_threads_state_new(struct worker_threads **out, const sio_threads_options *how,
                                    unsigned count) {
  struct worker_threads *w = sio__calloc(1, sizeof *w + count * sizeof *w->workers);
  if (!w) return UV_ENOMEM;
  w->how = *how;
  if (how->server) w->server = *how->server;
  int err = uv_mutex_init(&w->lock);
  if (err) {
    sio__free(w);
    return err;
  }
  err = uv_cond_init(&w->changed);
  if (err) {
    uv_mutex_destroy(&w->lock);
    sio__free(w);
    return err;
  }
  *out = w;
  return 0;
}

static void worker_threads_state_free(struct worker_threads *w) {
  for (unsigned i = 0; i < w->count; i++) sio__free(w->workers[i].stop);
  uv_cond_destroy(&w->changed);
  uv_mutex_destroy(&w->lock);
  sio__free(w);
}

static int start_worker_thread(struct worker_threads *w) {
  struct worker *one = &w->workers[w->count];
  one->all = w;
  one->number = w->count;
  one->stop = sio__thread_message_new();
  int err = one->stop ? uv_loop_init(&one->loop) : UV_ENOMEM;
  if (!err && (err = uv_thread_create(&one->thread, run_worker_thread, one)))
    uv_loop_close(&one->loop);
  if (err)
    sio__free(one->stop);
  else
    w->count++;
  return err;
}

/* Waits until all worker threads have called report_setup_result_and_await_workers(). Then lets
 * them run their loops or, after an error, close their servers. err is an error of starting the
 * threads, or 0. Returns the first error of a worker thread or, if there is none, err. */
static int await_setup_then_release_workers(struct worker_threads *w, int err) {
  uv_mutex_lock(&w->lock);
  while (w->waiting < w->count) uv_cond_wait(&w->changed, &w->lock);
  if (!w->err) w->err = err;
  w->begun = true;
  err = w->err;
  uv_cond_broadcast(&w->changed);
  uv_mutex_unlock(&w->lock);
  return err;
}

static void join_worker_threads(struct worker_threads *w) {
  for (unsigned i = 0; i < w->count; i++) uv_thread_join(&w->workers[i].thread);
}

static int start_worker_threads_and_await_setup(sio_threads *t, const sio_threads_options *how,
                                                unsigned count) {
  struct worker_threads *w;
  int err = worker_threads_state_new(&w, how, count);
  if (err) return err;
  w->server.threads = t;
  while (!err && w->count < count) err = start_worker_thread(w);
  err = await_setup_then_release_workers(w, err);
  if (!err) {
    t->workers = w;
    return 0;
  }
  join_worker_threads(w);
  worker_threads_state_free(w);
  return err;
}

int sio_threads_start(const sio_threads_options *options, sio_threads **out) {
  sio_threads_options how;
  int err = sio__read_sized_struct(&how, sizeof how, options, sizeof how);
  if (err || !options) return UV_EINVAL;
  unsigned count = how.count ? how.count : count_processors_up_to_thread_limit();
  if (!how.setup || count > SIO_THREADS_MAX) return UV_EINVAL;
  *out = NULL;
  err = sio_threads_new(out);
  if (!err) err = start_worker_threads_and_await_setup(*out, &how, count);
  if (!err) return 0;
  sio_threads_unref(*out);
  *out = NULL;
  return err;
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void close_server_of_thread(void *server, void *arg) {
  (void)arg;
  sio_server_close(server, NULL, NULL);
}

/* Sends each worker thread the message that closes its server, with sio__threads_reply(), which
 * needs no memory and no free space in the receiver's queue of messages. A server that is closing
 * already does not get the message. */
static void send_close_to_servers_of_workers(sio_threads *t, struct worker_threads *w) {
  for (unsigned i = 0; i < w->count; i++) {
    struct worker *one = &w->workers[i];
    (void)sio__threads_reply(t, one->member, one->stop, close_server_of_thread, NULL);
    one->stop = NULL;
  }
}

void sio_threads_stop(sio_threads *t) {
  if (!t) return;
  struct worker_threads *w = t->workers;
  if (w) {
    send_close_to_servers_of_workers(t, w);
    join_worker_threads(w);
    t->workers = NULL;
    worker_threads_state_free(w);
  }
  sio_threads_unref(t);
}
