/* SPDX-License-Identifier: MIT
 *
 * engine.c - public functions: hooks on all engines of a server, raw engines, and visiting
 * sessions.
 */
#include "base/sized.h"
#include "eio/session.h"
#include "server/options.h"
#include "server/route_log.h"
#include "server/server.h"

int sio_use_engine_request(sio_server *srv, sio_request_use_cb cb, void *user) {
  return sio__eio_add_request_hook(&srv->engines, cb, user);
}

int sio_on_engine_headers(sio_server *srv, sio_headers_cb cb, void *user) {
  return sio__eio_add_header_hook(&srv->engines, cb, user);
}

int sio_on_engine(sio_server *srv, const sio_engine_hooks *hooks, void *user) {
  sio_engine_hooks ours;
  int err = hooks ? sio__read_sized_struct(&ours, sizeof ours, hooks, sizeof ours) : UV_EINVAL;
  return err ? err : sio__eio_add_engine_hooks(&srv->engines, &ours, user);
}

static int add_engine_route(sio_server *srv, const char *path, const sio_engine_callbacks *cbs,
                            void *user) {
  sio_engine_callbacks ours;
  int err = cbs ? sio__read_sized_struct(&ours, sizeof ours, cbs, sizeof ours) : UV_EINVAL;
  if (err) return err;
  if (srv->core.closing) return SIO_ESTATE;
  if (!path) return sio__raw_engine_new(&srv->eio, srv->opts.o.path, &ours, user);
  char *own;
  err = sio__url_path_check_and_copy_normalized(&own, path, !srv->opts.o.no_trailing_slash);
  if (!err) err = sio__raw_engine_new(&srv->eio, own, &ours, user);
  sio__free(own);
  return err;
}

int sio_engine_route(sio_server *srv, const char *path, const sio_engine_callbacks *cbs,
                     void *user) {
  int err = add_engine_route(srv, path, cbs, user);
  return err ? sio__log_refused_engine_route(srv, err, path, cbs) : 0;
}

void sio_sessions(const sio_server *srv, void (*cb)(sio_session *c, void *user), void *user) {
  if (!cb) return;
  list_each (it, next, &srv->engines.engines) {
    struct eio *e = container_of(it, struct eio, link);
    list_each (at, next_session, &e->all) {
      sio_session *c = container_of(at, sio_session, link);
      if (c->state == SESSION_OPEN && c->opened) cb(c, user);
      if (list_is_empty(next_session))
        break; /* cb has removed the next session, so the sessions after it cannot be visited */
    }
  }
}
