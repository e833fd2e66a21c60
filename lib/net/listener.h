/* SPDX-License-Identifier: MIT
 *
 * listener.h - listening sockets, and accepting from the host's.
 */
#ifndef SIO_NET_LISTENER_H
#define SIO_NET_LISTENER_H

#include "net/loop.h"

struct listener;

struct listener_ops {
  /* A new descriptor, non-blocking, close-on-exec; it belongs to the callee. */
  void (*accepted)(struct listener *ln, int fd);
  /* accept() fails for lack of descriptors or memory: it pauses for 100 ms, then tries again. */
  void (*starved)(struct listener *ln, int err);
};

struct listener {
  struct loop *loop;
  const struct listener_ops *ops;
  void *owner;
  struct list link;          /* the owner's */
  const struct sio_tls *tls; /* the owner's: what its connections speak; NULL: plain */
  int fd;
  char *unix_path; /* unlinked when it stops */
  struct timer retry;
  uv_poll_t poll;
};

/* host: an address or a name, NULL for every address ("::" with IPv4 in it, else "0.0.0.0"). */
int sio__listener_open_tcp(struct listener **out, struct loop *l, const char *host, int port,
                           int backlog, const struct listener_ops *ops, void *owner);
/* A stale socket file nobody listens on is replaced; a live one is UV_EADDRINUSE. */
int sio__listener_open_unix(struct listener **out, struct loop *l, const char *path, int backlog,
                            const struct listener_ops *ops, void *owner);
/* Turns TCP's keep-alive probes on; on a Unix socket it means nothing. */
void sio__enable_tcp_keep_alive(int fd);
int sio__listener_port(const struct listener *ln); /* the port it got; 0 for Unix sockets */
/* Closes it and frees it later; no callback comes any more. */
void sio__listener_stop(struct listener *ln);

/* Takes the connection that the host's listener announces: a descriptor, or a libuv code. */
int sio__accept_from_uv_stream(struct loop *l, uv_stream_t *host_listener);

#endif
