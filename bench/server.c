/* SPDX-License-Identifier: MIT
 *
 * server.c - the library under load: `echo` acks its arguments as they came, `echo_tree` the
 * same through a cJSON tree, `bin` its attachment, `bcast` goes to everybody. `work` is an echo
 * that takes WORK_US of CPU time.
 *
 *     server <port> [threads]
 *
 * Without the second argument there is one server on the program's own loop; with it there are so
 * many servers that serve as one (sio/threads.h), and SIGUSR1 makes each of them print the number
 * of its connections.
 */
#include <pthread.h>
#include <signal.h>
#include <sio/sio.h>
#include <sio/threads.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum { WORK_US = 1000 };

static int port;
static uv_signal_t sigterm;

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, sio_argv((sio_val[]){ sio_event_args(e) }, 1));
}

static void on_echo_tree(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_event_tree(e, 0)));
}

static long thread_cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void on_work(sio_socket *s, sio_event *e, void *user) {
  long end = thread_cpu_us() + WORK_US;
  while (thread_cpu_us() < end) {}
  on_echo(s, e, user);
}

static void on_bcast(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "bcast", SIO_ARGS(sio_arg(e, 0)));
}

static int setup(sio_server *srv, unsigned number, void *user) {
  sio_nsp *root;
  int err = sio_of(srv, "/", &root);
  (void)user;
  if (!err) err = sio_on(root, "echo", on_echo, NULL);
  if (!err) err = sio_on(root, "echo_tree", on_echo_tree, NULL);
  if (!err) err = sio_on(root, "bin", on_echo, NULL);
  if (!err) err = sio_on(root, "work", on_work, NULL);
  if (!err) err = sio_on(root, "bcast", on_bcast, NULL);
  if (err || number) return err;
  err = sio_listen(srv, "127.0.0.1", port);
  port = sio_port(srv);
  return err;
}

static int report_listening(int err) {
  if (err) {
    fprintf(stderr, "server: %s\n", sio_strerror(err));
    return 1;
  }
  printf("listening %d\n", port);
  fflush(stdout);
  return 0;
}

/* ---- one server ------------------------------------------------------------------------- */

static void on_sigterm(uv_signal_t *h, int signum) {
  (void)signum;
  sio_server_close(h->data, NULL, NULL);
  uv_close((uv_handle_t *)h, NULL);
}

static int run_one(void) {
  uv_loop_t *loop = uv_default_loop();
  sio_server *srv;
  int err = sio_server_new(loop, NULL, &srv);
  if (!err) err = setup(srv, 0, NULL);
  if (report_listening(err)) return 1;
  uv_signal_init(loop, &sigterm);
  sigterm.data = srv;
  uv_signal_start(&sigterm, on_sigterm, SIGTERM);
  uv_unref((uv_handle_t *)&sigterm);
  return uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- several servers -------------------------------------------------------------------- */

static void print_connections(sio_server *srv, void *arg) {
  sio_stats st;
  (void)arg;
  sio_server_get_stats(srv, &st, sizeof st);
  printf("connections %llu\n", (unsigned long long)st.connections);
  fflush(stdout);
}

static int run_threads(unsigned count) {
  sio_threads *threads;
  sigset_t stop;
  int number;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);
  if (report_listening(
          sio_threads_start(&(sio_threads_options){ .count = count, .setup = setup }, &threads)))
    return 1;
  while (sigwait(&stop, &number) == 0 && number == SIGUSR1)
    sio_threads_post(threads, print_connections, NULL, NULL);
  sio_threads_stop(threads);
  return 0;
}

int main(int argc, char **argv) {
  port = argc > 1 ? atoi(argv[1]) : 3000;
  return argc > 2 ? run_threads((unsigned)atoi(argv[2])) : run_one();
}
