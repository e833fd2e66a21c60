/* SPDX-License-Identifier: MIT
 *
 * client.h - what one session is to Socket.IO: a decoder, and the sockets of one peer,
 * at most one for each namespace.
 *
 * It lives from the session's open to its close. The list of sockets changes only from the loop,
 * never inside a call of the host, so callbacks may run while it is walked.
 */
#ifndef SIO_CORE_CLIENT_H
#define SIO_CORE_CLIENT_H

#include "core/core.h"
#include "eio/eio.h"
#include "packet/packet.h"

struct client_timeout;

/* A namespace that it has no socket in, and yet there is something to know. */
struct nsp_note {
  struct nsp_note *next;
  const char *nsp;
  bool asked; /* it may be made for the peer; else we took the peer out, which may not know yet */
};

struct client {
  sio_session *session;
  struct decoder decoder;
  sio_socket *sockets; /* PENDING, CONNECTED and LEAVING ones                            */
  struct nsp_note *nsp_notes;
  size_t auth_bytes; /* that came while it had joined nothing                               */
  struct client_timeout
      *client_timeout; /* with it joining none, then with half a packet; else NULL     */
};

extern const struct eio_ops sio__client_ops;

static inline struct client *client_of(const sio_session *c) { return sio__session_up(c); }

static inline struct core *client_core(const struct client *cl) {
  return core_of(sio__session_eio(cl->session)->owner);
}

/* Where the absence of that name and kind hangs, or would. */
struct nsp_note **sio__client_find_nsp_note(struct client *cl, sio_slice nsp, bool asked);
/* It has joined a namespace: it may stay. */
void sio__client_on_joined(struct client *cl);
void sio__client_add_socket(struct client *cl, sio_socket *s);
void sio__client_remove_socket(struct client *cl, sio_socket *s);
/* We took it out of this namespace; its peer may not know for a while. */
void sio__client_note_left_nsp(struct client *cl, const sio_nsp *nsp);
/* This peer's connection ends because an allocation failed. */
void sio__client_end_no_memory(struct client *cl);

#endif
