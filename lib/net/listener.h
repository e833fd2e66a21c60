/* SPDX-License-Identifier: MIT
 *
 * listener.h - listening sockets, and accepting from the host's own listeners.
 */
#ifndef SIO_NET_LISTENER_H
#define SIO_NET_LISTENER_H

#include "net/loop.h"

struct listener;

struct listener_ops {
  /* Passes a new non-blocking, close-on-exec descriptor, which the callee owns. */
  void (*accepted)(struct listener *ln, int fd);
  /* accept() failed for lack of descriptors or memory. The listener pauses for at least 100 ms. */
  void (*starved)(struct listener *ln, int err);
};

struct listener {
  struct loop *loop;
  const struct listener_ops *ops;
  void *owner;
  struct list link;          /* for the owner's use */
  const struct sio_tls *tls; /* for the owner's use: the TLS of its connections; NULL: none */
  int fd;
  /* the path of a Unix socket, whose file is removed when the listener stops; or NULL */
  char *unix_path;
  struct timer retry;
  uv_poll_t poll;
};

/* Listens on the first address of host (an address or a name) that can be bound. If host is NULL,
 * listens on all addresses ("::" with IPv4 included, or "0.0.0.0" if that fails). Returns 0 or a
 * libuv error. */
int sio__listener_open_tcp(struct listener **out, struct loop *l, const char *host, int port,
                           int backlog, const struct listener_ops *ops, void *owner);
/* Listens on a Unix socket. A socket file at `path` is replaced if a connection to it is refused,
 * because no process listens on it. Returns 0 or a libuv error, for example UV_EADDRINUSE if a
 * process listens on it, or if the file is no socket. */
int sio__listener_open_unix(struct listener **out, struct loop *l, const char *path, int backlog,
                            const struct listener_ops *ops, void *owner);
/* Turns TCP keep-alive probes on. No effect on a Unix socket. */
void sio__enable_tcp_keep_alive(int fd);
int sio__listener_port(const struct listener *ln); /* the bound port; 0 for Unix sockets */
/* Closes the socket, and removes the file of a Unix socket; the struct is freed later. No callback
 * follows. */
void sio__listener_close(struct listener *ln);

/* Accepts a connection from a listening uv stream of the host. Returns its descriptor or a libuv
 * error. */
int sio__accept_fd_from_host_listener(struct loop *l, uv_stream_t *host_listener);

#endif
