/* SPDX-License-Identifier: MIT
 *
 * nsp_note.h - notes of a client about namespaces in which it has no socket.
 */
#ifndef SIO_CORE_NSP_NOTE_H
#define SIO_CORE_NSP_NOTE_H

#include "core/client.h"

struct nsp_note {
  struct nsp_note *next;
  const char *nsp; /* the name */
  /* True: the note is a member of a struct nsp_request, which may create the namespace. False: the
   * client had a socket in this namespace and lost it, and the peer may not know that yet. */
  bool is_request;
};

/* Finds the note of this name and kind. Returns the link that points to it, or the link at the end
 * of the list, which is NULL. */
struct nsp_note **sio__nsp_note_find(struct client *cl, sio_slice nsp, bool is_request);
/* Makes a note that the client has left nsp: the server has disconnected it, or its socket was
 * replaced because of a second CONNECT. Packets for nsp that the peer has sent before it knows that
 * are ignored. */
void sio__client_remember_left_nsp(struct client *cl, sio_slice nsp);
bool sio__client_has_left_nsp(struct client *cl, sio_slice nsp);
void sio__client_forget_left_nsp(struct client *cl, sio_slice nsp);
/* Frees all notes. The requests of the client must have ended before. */
void sio__client_free_nsp_notes(struct client *cl);

#endif
