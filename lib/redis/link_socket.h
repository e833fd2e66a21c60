/* SPDX-License-Identifier: MIT
 *
 * link_socket.h - a socket that is connected, or being connected, to Redis: it writes and reads the
 * plaintext of a link, over TLS or not. Each attempt to connect has one of its own. It is freed
 * when its uv handles are closed, which may be after the next attempt has begun.
 */
#ifndef SIO_REDIS_LINK_SOCKET_H
#define SIO_REDIS_LINK_SOCKET_H

#include "redis/link_tls.h"
#include "redis/link_types.h"

/* The calls come from the loop, and only while the link has not given the socket up. */
struct link_socket_ops {
  /* The attempt has failed (status < 0); or the socket is connected, and if options->tls is set,
   * the TLS handshake is complete. */
  void (*connected)(struct link_socket *w, int status);
  /* Plaintext was received. */
  void (*received)(struct link_socket *w, const char *p, size_t n);
  /* what: one line of printable text, which the error code explains further if it is not 0. NULL:
   * the connection cannot be read. */
  void (*failed)(struct link *l, const char *what, int err);
};

struct unsent;

struct link_socket {
  const struct link_socket_ops *ops;
  struct link *link; /* the link that uses the socket; NULL after it has given the socket up */
  unsigned *handles; /* link->handles, which counts the handles that are not closed yet */
  void (*closed)(struct link *l);
  /* The link that made the socket, which is the argument of `closed`. It stays set after the link
   * has given the socket up: the link is freed only after all of its handles have closed. */
  struct link *of;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } u;
  uv_connect_t connect;
  /* Bytes that the kernel has not taken yet, and the handle that waits until it can take more. It
   * has a duplicate of the descriptor, because the stream has the other one. */
  struct unsent *unsent, **last_unsent;
  size_t unsent_bytes;
  uv_poll_t writable;
  bool has_writable;
  struct link_tls tls;
  char *block; /* buffer for uv_read_start() */
  /* The rest is for the link. */
  struct reply_reader reader;
  unsigned greetings; /* replies to the login that are still to come */
};

/* Makes a socket for the next attempt: l->socket. NULL: no memory. */
struct link_socket *sio__link_socket_new(struct link *l, const struct link_socket_ops *ops);
int sio__link_socket_connect(struct link_socket *w, const struct sockaddr *address);
void sio__link_socket_connect_to_path(struct link_socket *w, const char *path);
/* The link gives its socket up, if it has one. */
void sio__link_close_socket(struct link *l);
/* Takes ownership of the bytes. What the kernel does not take now is sent later. */
int sio__link_socket_write(struct link_socket *w, char *bytes, size_t n);
/* With TLS it reads already. */
int sio__link_socket_read(struct link_socket *w);

#endif
