/* SPDX-License-Identifier: MIT
 *
 * link_socket.h - a socket that is connected, or being connected, to Redis: it writes and reads the
 * plaintext of a link, over TLS or not. Each attempt to connect to an address has a socket of its
 * own. A socket is freed when its uv handles are closed, which may be after the next attempt has
 * begun.
 */
#ifndef SIO_REDIS_LINK_SOCKET_H
#define SIO_REDIS_LINK_SOCKET_H

#include "redis/link_tls.h"
#include "redis/link_types.h"

/* The functions that a socket calls, from the loop. None is called after
 * sio__link_close_socket(). */
struct link_socket_ops {
  /* Called when the attempt to connect has failed (status < 0), or when the socket is connected
   * and, if link_options.tls is set, the TLS handshake is complete. */
  void (*connected)(struct link_socket *w, int status);
  /* Called with plaintext that was received. */
  void (*received)(struct link_socket *w, const char *p, size_t n);
  /* Called when the connection broke or TLS has failed. what: one line of printable text, or NULL
   * if reading has failed. err: an error code that explains `what` further, or 0. */
  void (*failed)(struct link *l, const char *what, int err);
};

struct unsent;

struct link_socket {
  const struct link_socket_ops *ops;
  struct link *link; /* the link that uses the socket; NULL after sio__link_close_socket() */
  unsigned *handles; /* link.handles: decremented when the socket is freed */
  /* The link that made the socket. Its callback link.closed is called when the socket is freed. The
   * pointer stays set after sio__link_close_socket(), because the link is freed only after all of
   * its handles have closed. */
  struct link *of;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } u;
  uv_connect_t connect;
  /* Bytes that the kernel has not taken yet, and the handle `writable`, which waits until the
   * kernel can take more. It watches a duplicate of the descriptor, because libuv allows only one
   * handle for a descriptor, and that is the handle in `u`. */
  struct unsent *unsent, **last_unsent;
  size_t unsent_bytes;
  uv_poll_t writable;
  bool has_writable;
  struct link_tls tls;
  char *block; /* buffer for uv_read_start() */
  /* link.c uses the fields below. */
  struct reply_reader reader;
  unsigned greetings; /* how many replies to the commands of the login have not come yet */
};

/* Allocates a socket for the next attempt to connect and stores it in l->socket. Returns the
 * socket, or NULL after an error. */
struct link_socket *sio__link_socket_new(struct link *l, const struct link_socket_ops *ops);
int sio__link_socket_connect(struct link_socket *w, const struct sockaddr *address);
void sio__link_socket_connect_to_path(struct link_socket *w, const char *path);
/* Closes l->socket, if there is one, and sets it to NULL. The socket is freed later, when its
 * handles have closed. */
void sio__link_close_socket(struct link *l);
/* Sends the bytes, over TLS if the link uses it, and takes ownership of them, also after an error.
 * What the kernel does not take now is sent later. Returns 0 or an error. */
int sio__link_socket_send_and_free_bytes(struct link_socket *w, char *bytes, size_t n);
/* Starts reading. With TLS does nothing, because reading was started with the handshake. */
int sio__link_socket_start_reading_unless_tls(struct link_socket *w);

#endif
