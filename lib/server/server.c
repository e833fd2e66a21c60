/* SPDX-License-Identifier: MIT
 *
 * server.c - small public functions of a running server: posted calls, the host's data, the log.
 */
#include "server/server.h"

struct post {
  sio_server *server;
  void (*fn)(sio_server *srv, void *arg);
  void *arg;
};

static void run_and_free_posted_call(void *arg) {
  struct post p = *(struct post *)arg;
  sio__free(arg);
  p.fn(p.server, p.arg);
}

int sio_post(sio_server *srv, void (*fn)(sio_server *srv, void *arg), void *arg) {
  struct post *p = fn ? sio__malloc(sizeof *p) : NULL;
  if (!p) return fn ? UV_ENOMEM : UV_EINVAL;
  *p = (struct post){ .server = srv, .fn = fn, .arg = arg };
  int err = sio__loop_post_call(&srv->core.loop, run_and_free_posted_call, p);
  if (err) sio__free(p);
  return err;
}

struct uv_loop_s *sio_server_loop(const sio_server *srv) {
  return srv->core.loop.uv;
}
void *sio_server_data(const sio_server *srv) { return srv->data; }
void sio_server_set_data(sio_server *srv, void *data) { srv->data = data; }

int sio_log_set(sio_server *srv, const char *spec) {
  int err = sio__log_set_levels(&srv->core.log, spec);
  sio__eio_update_packet_tracing(&srv->engines, &srv->core.log);
  return err;
}

int sio_log_flush(sio_server *srv) {
  if (srv->core.log.busy ||
      loop_refuse_call_inside_observer_callback(&srv->core.loop, "sio_log_flush()"))
    return SIO_ESTATE;
  sio__log_deliver_lines(&srv->core.log);
  return 0;
}
