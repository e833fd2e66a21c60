/* SPDX-License-Identifier: MIT
 *
 * server.c - the library under load: `echo` acks its arguments as they came, `echo_tree` the
 * same through a cJSON tree, `bin` its attachment, `bcast` goes to everybody.
 *
 *     server <port>
 */
#include <signal.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static uv_signal_t sigterm;

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, sio_argv((sio_val[]){ sio_event_args(e) }, 1));
}

static void on_echo_tree(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_event_tree(e, 0)));
}

static void on_bcast(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "bcast", SIO_ARGS(sio_arg(e, 0)));
}

static void on_sigterm(uv_signal_t *h, int signum) {
  (void)signum;
  sio_server_close(h->data, NULL, NULL);
  uv_close((uv_handle_t *)h, NULL);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  sio_server *srv;
  sio_nsp *root;
  int err = sio_server_new(loop, NULL, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on(root, "echo", on_echo, NULL);
  if (!err) err = sio_on(root, "echo_tree", on_echo_tree, NULL);
  if (!err) err = sio_on(root, "bin", on_echo, NULL);
  if (!err) err = sio_on(root, "bcast", on_bcast, NULL);
  if (!err) err = sio_listen(srv, "127.0.0.1", argc > 1 ? atoi(argv[1]) : 3000);
  if (err) {
    fprintf(stderr, "server: %s\n", sio_strerror(err));
    return 1;
  }
  uv_signal_init(loop, &sigterm);
  sigterm.data = srv;
  uv_signal_start(&sigterm, on_sigterm, SIGTERM);
  uv_unref((uv_handle_t *)&sigterm);
  printf("listening %d\n", sio_port(srv));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
