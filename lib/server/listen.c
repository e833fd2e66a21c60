/* SPDX-License-Identifier: MIT
 *
 * listen.c - listening sockets, and descriptors that the host has accepted.
 */
#include "http/serve.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/limits.h"
#include "server/server.h"
#include <fcntl.h>
#include <unistd.h>

enum { BACKLOG = 511 };

/* Takes ownership of a non-blocking descriptor, and closes it on failure. */
static int serve_connection(sio_server *srv, int fd, const sio_tls *tls) {
  unsigned max = srv->opts.o.max_connections;
  if (max && srv->core.loop.nconns >= max) {
    sio__limits_reject_connection(srv, fd);
    return SIO_ETOOBIG;
  }
  int err = sio__http_serve(&srv->http, fd, tls);
  if (!err || err == SIO_ELIMIT) return err;
  srv->core.stats.connections_refused++;
  LOG_RATED(&srv->core.log, SIO_LOG_ERROR, SIO_ROOM_NET, LOG_NO_MEMORY, NULL,
            "a connection is closed: %s", sio_strerror(err));
  return err;
}

static void on_accepted(struct listener *ln, int fd) { serve_connection(ln->owner, fd, ln->tls); }

static void on_accept_failed(struct listener *ln, int err) {
  sio_server *srv = ln->owner;
  srv->core.stats.accept_failures++;
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_ROOM_NET, "cannot accept: %s; the next try is in 100 ms",
      sio_strerror(err));
}

static const struct listener_ops listener_callbacks = { .accepted = on_accepted,
                                                        .starved = on_accept_failed };

static const char *transport_names(const sio_server *srv) {
  switch (srv->opts.o.transports) {
    case SIO_POLLING: return "polling";
    case SIO_WEBSOCKET: return "websocket";
    default: return "polling and websocket";
  }
}

static void add_listener(sio_server *srv, struct listener *ln, const char *address,
                         const sio_tls *tls) {
  ln->tls = tls;
  list_push(&srv->listeners, &ln->link);
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_ROOM_NET, "listening on %s port %d, path %s, %s%s%s",
      address, sio__listener_port(ln), srv->opts.o.path, transport_names(srv),
      tls ? ", TLS by " : "", tls ? tls->ops->name : "");
}

static int listen_tcp(sio_server *srv, const char *host, int port, const sio_tls *tls) {
  struct listener *ln;
  if (srv->core.closing) return SIO_ESTATE;
  int err =
      sio__listener_open_tcp(&ln, &srv->core.loop, host, port, BACKLOG, &listener_callbacks, srv);
  if (!err) add_listener(srv, ln, host ? host : "all addresses", tls);
  return err;
}

int sio_listen(sio_server *srv, const char *host, int port) {
  return listen_tcp(srv, host, port, NULL);
}

int sio_listen_tls(sio_server *srv, const char *host, int port, const sio_tls *tls) {
  return tls_is_complete(tls) ? listen_tcp(srv, host, port, tls) : UV_EINVAL;
}

int sio_listen_unix(sio_server *srv, const char *path) {
  struct listener *ln;
  if (!path) return UV_EINVAL;
  if (srv->core.closing) return SIO_ESTATE;
  int err = sio__listener_open_unix(&ln, &srv->core.loop, path, BACKLOG, &listener_callbacks, srv);
  if (!err) add_listener(srv, ln, path, NULL);
  return err;
}

int sio_port(const sio_server *srv) {
  list_each (it, tmp, &srv->listeners) {
    int port = sio__listener_port(container_of(it, struct listener, link));
    if (port) return port;
  }
  return 0;
}

static int make_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int accept_fd(sio_server *srv, int fd, const sio_tls *tls) {
  int err = srv->core.closing ? SIO_ECLOSED : make_nonblocking(fd);
  if (!err) sio__enable_tcp_keep_alive(fd);
  if (!err) return serve_connection(srv, fd, tls);
  if (fd >= 0) close(fd);
  return err;
}

int sio_accept_fd(sio_server *srv, int fd) { return accept_fd(srv, fd, NULL); }

int sio_accept_fd_read(sio_server *srv, int fd, sio_slice read) {
  int err = accept_fd(srv, fd, NULL);
  return err ? err : sio__http_feed_newest(&srv->http, read);
}

int sio_accept_fd_tls(sio_server *srv, int fd, const sio_tls *tls, sio_slice read) {
  if (!tls_is_complete(tls)) {
    if (fd >= 0) close(fd);
    return UV_EINVAL;
  }
  int err = accept_fd(srv, fd, tls);
  return err || !read.n ? err : sio__http_feed_newest(&srv->http, read);
}

int sio_accept(sio_server *srv, struct uv_stream_s *listener) {
  if (srv->core.closing) return SIO_ECLOSED;
  int fd = sio__accept_from_uv_stream(&srv->core.loop, listener);
  return fd < 0 ? fd : sio_accept_fd(srv, fd);
}

int sio_accept_tls(sio_server *srv, struct uv_stream_s *listener, const sio_tls *tls) {
  if (srv->core.closing) return SIO_ECLOSED;
  int fd = sio__accept_from_uv_stream(&srv->core.loop, listener);
  return fd < 0 ? fd : sio_accept_fd_tls(srv, fd, tls, (sio_slice){ NULL, 0 });
}
