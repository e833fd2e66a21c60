/* SPDX-License-Identifier: MIT
 *
 * listen.c - listening sockets, and descriptors that the host has accepted.
 */
#include "base/os.h"
#include "base/sized.h"
#include "http/serve.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/connections.h"
#include <fcntl.h>
#include <unistd.h>

enum { BACKLOG = 511 };

static void assign_accepted_connection_to_thread(struct listener *ln, int fd) {
  sio__serve_connection_on_least_loaded_thread(ln->owner, fd, ln->tls);
}

static void count_and_log_failed_accept(struct listener *ln, int err) {
  sio_server *srv = ln->owner;
  srv->core.stats.accept_failures++;
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_PART_NET,
      "cannot accept a connection: %s; the next try is in 100 ms", sio_strerror(err));
}

static const struct listener_ops listener_callbacks = { .accepted =
                                                            assign_accepted_connection_to_thread,
                                                        .starved = count_and_log_failed_accept };

static const char *describe_enabled_transports(const sio_server *srv) {
  switch (srv->opts.o.transports) {
    case SIO_POLLING: return "polling";
    case SIO_WEBSOCKET: return "websocket";
    default: return "polling and websocket";
  }
}

/* ---- listening ----------------------------------------------------------------------------- */

/* The address of a listener in log lines: "127.0.0.1 port 80" or "Unix socket /run/x". */
struct listen_name {
  char text[320];
};

static struct listen_name describe_listen_address(const sio_listen_options *o, int port) {
  struct listen_name name;
  if (o->path)
    snprintf(name.text, sizeof name.text, "Unix socket %s", o->path);
  else
    snprintf(name.text, sizeof name.text, "%s port %d", o->host ? o->host : "all addresses", port);
  return name;
}

static void add_and_log_listener(sio_server *srv, struct listener *ln,
                                 const sio_listen_options *o) {
  ln->tls = o->tls;
  list_append(&srv->listeners, &ln->link);
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_PART_NET, "listening on %s, path %s, %s%s%s",
      describe_listen_address(o, sio__listener_port(ln)).text, srv->opts.o.path,
      describe_enabled_transports(srv), o->tls ? ", TLS by " : "", o->tls ? o->tls->ops->name : "");
}

/* Returns a text that says what is wrong with the options, or NULL if nothing wrong is found. */
static const char *describe_invalid_listen_option_or_null(const sio_listen_options *o) {
  if (o->path && (o->host || o->port)) return "path cannot be set together with host or port";
  if (o->port < 0 || o->port > 65535) return "the port is not in the range 0 to 65535";
  if (o->backlog < 0) return "the backlog is negative";
  return o->tls && !tls_provider_has_all_ops(o->tls) ? "tls lacks a function of sio_tls_ops" : NULL;
}

static int open_listener(sio_server *srv, struct listener **out, const sio_listen_options *o) {
  struct loop *l = &srv->core.loop;
  int backlog = o->backlog ? o->backlog : BACKLOG;
  if (o->path) return sio__listener_open_unix(out, l, o->path, backlog, &listener_callbacks, srv);
  return sio__listener_open_tcp(out, l, o->host, o->port, backlog, &listener_callbacks, srv);
}

/* Logs that listening failed, and returns err. Also flushes the log, because a program that cannot
 * listen often exits before its loop runs. */
static int log_listen_failure_and_return_error(sio_server *srv, const sio_listen_options *o,
                                               int err, const char *reason) {
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_PART_NET, "cannot listen on %s: %s",
      describe_listen_address(o, o->port).text, reason);
  sio_log_flush(srv);
  return err;
}

int sio_listen_with(sio_server *srv, const sio_listen_options *opts) {
  sio_listen_options o;
  struct listener *ln;
  if (!opts || sio__read_sized_struct(&o, sizeof o, opts, sizeof o)) return UV_EINVAL;
  const char *fault = describe_invalid_listen_option_or_null(&o);
  if (srv->core.closing)
    return log_listen_failure_and_return_error(srv, &o, SIO_ESTATE, "the server is closing");
  if (fault) return log_listen_failure_and_return_error(srv, &o, UV_EINVAL, fault);
  int err = open_listener(srv, &ln, &o);
  if (err) return log_listen_failure_and_return_error(srv, &o, err, sio_strerror(err));
  add_and_log_listener(srv, ln, &o);
  return 0;
}

int sio_listen(sio_server *srv, const char *host, int port) {
  return sio_listen_with(srv, &(sio_listen_options){ .host = host, .port = port });
}

int sio_port(const sio_server *srv) {
  list_each (it, tmp, &srv->listeners) {
    int port = sio__listener_port(container_of(it, struct listener, link));
    if (port) return port;
  }
  return 0;
}

/* ---- accepting ----------------------------------------------------------------------------- */

static int make_descriptor_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int check_accept_options_and_set_nonblocking(sio_server *srv, int fd,
                                                    const sio_accept_options *in,
                                                    sio_accept_options *o) {
  int err = srv->core.closing ? SIO_ECLOSED : sio__read_sized_struct(o, sizeof *o, in, sizeof *o);
  if (!err && o->tls && !tls_provider_has_all_ops(o->tls)) err = UV_EINVAL;
  return err ? err : make_descriptor_nonblocking(fd);
}

static int serve_or_close_descriptor_of_host(sio_server *srv, int fd,
                                             const sio_accept_options *in) {
  sio_accept_options o;
  int err = check_accept_options_and_set_nonblocking(srv, fd, in, &o);
  if (err) {
    if (fd >= 0) close(fd);
    return err;
  }
  sio__os_set_socket_nosigpipe(fd);
  sio__enable_tcp_keep_alive(fd);
  err = sio__serve_or_reject_connection(srv, fd, o.tls);
  return err || !o.read.n ? err : sio__http_feed_newest_conn(&srv->http, o.read);
}

int sio_accept(sio_server *srv, const sio_accept_options *opts) {
  if (!opts) return UV_EINVAL;
  if (!opts->listener) return serve_or_close_descriptor_of_host(srv, opts->fd, opts);
  if (srv->core.closing) return SIO_ECLOSED;
  int fd = sio__accept_fd_from_host_listener(&srv->core.loop, opts->listener);
  return fd < 0 ? fd : serve_or_close_descriptor_of_host(srv, fd, opts);
}
