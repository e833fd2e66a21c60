/* SPDX-License-Identifier: MIT
 *
 * nsp_note.h - a list of namespaces about which something must be remembered for a client: the
 * client has requested a namespace that did not exist (nsp_request.h), or it had a socket in a
 * namespace, and may send more packets for that socket.
 */
#ifndef SIO_CORE_NSP_NOTE_H
#define SIO_CORE_NSP_NOTE_H

#include "core/client.h"

/* An element of the list client->nsp_notes: a namespace that the client has requested or left. */
struct nsp_note {
  struct nsp_note *next;
  const char *nsp; /* the name of the namespace */
  /* True: the client has requested the namespace, and this struct is a member of an nsp_request.
   * False: the client had a socket in this namespace, which was disconnected. */
  bool is_request;
  /* True: the server had answered CONNECT twice before the peer sent DISCONNECT for the namespace.
   * If neither this nor is_request is true, the server has disconnected or replaced the socket,
   * which the peer may not know yet. */
  bool answered_twice;
};

/* Finds the note with this namespace name and this value of is_request. Returns the address of the
 * pointer to the note; if there is none, of the NULL pointer at the end of the list. */
struct nsp_note **sio__nsp_note_find(struct client *cl, sio_slice nsp, bool is_request);
/* Remembers that the client has left nsp, because the server has disconnected the client's socket,
 * or has replaced it after a second CONNECT packet. Before the peer knows this, it may send packets
 * for the old socket. As long as it has no connected socket in nsp, these packets are ignored and
 * do not end the session. Remembers nothing if memory runs out, and forgets the oldest notes if
 * there are more than max_nsps. */
void sio__client_remember_left_nsp(struct client *cl, sio_slice nsp);
/* Remembers that the peer has sent DISCONNECT for nsp after the server had answered CONNECT twice.
 * The peer may have read only one of the answers. If it sends CONNECT again, it may take the other
 * one for the answer to the new packet, and send events for a socket that is not connected yet. As
 * after sio__client_remember_left_nsp(), such events are ignored. */
void sio__client_remember_nsp_left_after_connect_answered_twice(struct client *cl, sio_slice nsp);
bool sio__client_has_left_nsp(struct client *cl, sio_slice nsp);
bool sio__client_has_left_nsp_after_connect_answered_twice(struct client *cl, sio_slice nsp);
void sio__client_forget_left_nsp(struct client *cl, sio_slice nsp);
/* Frees the whole list. Must be called after sio__client_abandon_nsp_requests(). */
void sio__client_free_nsp_notes(struct client *cl);

#endif
