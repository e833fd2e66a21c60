/* SPDX-License-Identifier: MIT
 *
 * client.h - struct client: a session as Socket.IO sees it. It contains the decoder for the peer's
 * packets, and the list of the peer's sockets, at most one for each namespace.
 *
 * It is created when the session opens, and freed when the session has closed. The list of sockets
 * never changes inside a function that the host calls (except those of <sio/test.h>), so callbacks
 * of the host may run while the list is walked.
 */
#ifndef SIO_CORE_CLIENT_H
#define SIO_CORE_CLIENT_H

#include "core/core.h"
#include "eio/eio.h"
#include "packet/packet.h"

struct client_timeout;
struct nsp_note;

struct client {
  sio_session *session;
  struct decoder decoder;
  sio_socket *sockets;            /* the peer's sockets that are PENDING, CONNECTED or LEAVING */
  struct nsp_note *nsp_notes;     /* see nsp_note.h */
  struct client_timeout *timeout; /* NULL while no time limit is running; see client_timeout.h */
};

static inline struct client *client_of_session(const sio_session *c) {
  return sio__session_user(c);
}

static inline struct core *core_of_client(const struct client *cl) {
  return core_of_server(sio__session_engine(cl->session)->owner);
}

/* Adds a socket to cl->sockets, or removes the socket. While the socket is in this list, the client
 * holds a reference to the socket's namespace (sio_nsp_ref()). */
void sio__client_add_socket(struct client *cl, sio_socket *s);
void sio__client_remove_socket(struct client *cl, sio_socket *s);
sio_socket *sio__client_find_socket_by_nsp(const struct client *cl, sio_slice nsp); /* or NULL */
/* Ends the session of the client because an allocation failed. */
void sio__client_disconnect_out_of_memory(struct client *cl);
/* Ends the session of the client because a packet that the peer needs could not be encoded. err is
 * the error of the encoder. */
void sio__client_disconnect_for_encoding_error(struct client *cl, int err);

#endif
