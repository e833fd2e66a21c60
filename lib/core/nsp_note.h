/* SPDX-License-Identifier: MIT
 *
 * nsp_note.h - what a client has to remember of namespaces in which it has no socket.
 */
#ifndef SIO_CORE_NSP_NOTE_H
#define SIO_CORE_NSP_NOTE_H

#include "core/client.h"

struct nsp_note {
  struct nsp_note *next;
  const char *nsp; /* the name */
  /* True: a part of a struct nsp_request, which may create the namespace. False: the client
   * has lost its socket in this namespace, and the peer may not have seen that yet. */
  bool is_request;
};

/* Returns the link that points to the note of this name and kind, or the NULL link at the end. */
struct nsp_note **sio__nsp_note_find(struct client *cl, sio_slice nsp, bool is_request);
/* The server has disconnected the client from nsp, or a second CONNECT has removed the socket that
 * the client had in it: packets that the peer has already sent for it are ignored. */
void sio__client_remember_left_nsp(struct client *cl, sio_slice nsp);
bool sio__client_has_left_nsp(struct client *cl, sio_slice nsp);
void sio__client_forget_left_nsp(struct client *cl, sio_slice nsp);
/* Frees all notes. All requests of the client must have ended. */
void sio__client_free_nsp_notes(struct client *cl);

#endif
