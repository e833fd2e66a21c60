/* SPDX-License-Identifier: MIT
 *
 * connect.h - connects a socket: from the CONNECT packet through the middleware to the state
 * CONNECTED, or to a refusal.
 */
#ifndef SIO_CORE_CONNECT_H
#define SIO_CORE_CONNECT_H

#include "core/client.h"

/* Begins to connect the client to a namespace in which it has no socket: creates a socket, and, if
 * necessary, asks the adapter for the client's lost socket, and runs the middleware. Called because
 * of a CONNECT packet, or when a Socket.IO 2 client opens a session. */
void sio__connect_new_socket(struct client *cl, sio_nsp *nsp, sio_slice auth);
/* True if the auth in a CONNECT packet, `received`, is the same as the stored one. An empty
 * received auth means "{}". */
bool sio__is_same_auth(sio_slice stored, sio_slice received);
/* Overwrites and frees a copy of an auth. NULL is allowed. */
void sio__auth_wipe_and_free(char *auth);
/* Handles another CONNECT packet for a PENDING socket, which still waits for the adapter or for the
 * middleware. Cancels an earlier DISCONNECT packet. If the packet has another auth than the socket,
 * the socket is replaced by a new one with that auth when it has finished waiting, unless the peer
 * sends CONNECT or DISCONNECT once more before that. Returns 0 or UV_ENOMEM. */
int sio__connect_update_pending_by_new_connect(sio_socket *s, sio_slice auth);
/* Handles a DISCONNECT packet for a PENDING socket, which still waits for the adapter or for the
 * middleware. When the socket has finished waiting, it is discarded, and no connect callback runs
 * for it. If the peer sends CONNECT again before that, sio__connect_update_pending_by_new_connect()
 * cancels the DISCONNECT. */
void sio__connect_mark_pending_withdrawn(sio_socket *s);
/* Sends the answer to CONNECT once more, because the peer of a CONNECTED socket has sent CONNECT
 * again. Does nothing if an answer was sent in this turn of the loop. */
void sio__connect_resend_answer_unless_just_sent(sio_socket *s);
/* The task function of core->clear_just_connected. */
void sio__connect_clear_just_connected_list(struct task *t);
/* Discards a PENDING socket whose session has closed. Must be called by the loop, not by code that
 * the host has called. */
void sio__connect_discard_socket_and_stop_join(sio_socket *s);
/* Refuses a CONNECT packet: sends CONNECT_ERROR, counts and logs the refusal. The session stays
 * open, unless CONNECT_ERROR cannot be encoded or queued. */
void sio__connect_log_and_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why);
/* Like sio__connect_log_and_refuse(), for a caller that has logged the refusal itself. */
void sio__connect_refuse_without_log(struct client *cl, sio_slice nsp, enum sio_refusal why);

#endif
