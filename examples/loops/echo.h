/* SPDX-License-Identifier: MIT
 *
 * echo.h - what the programs of this folder serve: each event "echo" is sent back, and its ack has
 * the same arguments. Environment: PORT (3000).
 */
#ifndef ECHO_H
#define ECHO_H

#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_emit(s, "echo", SIO_ARGS(sio_event_args(e)));
  sio_reply(e, SIO_ARGS(sio_event_args(e)));
}

/* Makes the server, and makes it listen if port is not negative. */
static inline sio_server *echo_serve(uv_loop_t *loop, const sio_options *options, int port) {
  sio_server *srv;
  sio_nsp *root;
  int err = sio_server_new(loop, options, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on(root, "echo", on_echo, NULL);
  if (!err && port >= 0) err = sio_listen(srv, NULL, port);
  if (err) {
    fprintf(stderr, "%s\n", sio_strerror(err));
    exit(1);
  }
  if (port >= 0) printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  return srv;
}

static inline int echo_port(void) { return getenv("PORT") ? atoi(getenv("PORT")) : 3000; }

/* For sio_server_close(): user is a bool. */
static inline void echo_on_closed(void *user) { *(bool *)user = true; }

#endif
