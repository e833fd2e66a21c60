/* SPDX-License-Identifier: MIT
 *
 * connect.h - connects a socket: from the CONNECT packet through the middleware to the state
 * CONNECTED, or to a refusal.
 */
#ifndef SIO_CORE_CONNECT_H
#define SIO_CORE_CONNECT_H

#include "core/client.h"

/* Begins to connect the client to a namespace in which it has no socket: creates a socket, and asks
 * the adapter and the middleware if that is necessary. Called because of a CONNECT packet, or when
 * a Socket.IO 2 client opens a session. */
void sio__connect_new_socket(struct client *cl, sio_nsp *nsp, sio_slice auth);
/* True if the auth in a CONNECT packet, `received`, is the same as the stored one. An empty
 * received auth means "{}". */
bool sio__is_same_auth(sio_slice stored, sio_slice received);
/* Overwrites and frees a copy of an auth. NULL is allowed. */
void sio__auth_wipe_and_free(char *auth);
/* Handles a second CONNECT packet for a PENDING socket. If its auth differs from that of the first
 * packet, the socket is replaced by a new one, for which the middleware is run with the new auth:
 * as soon as the middleware has accepted or refused the first auth, or its time is up. So only one
 * auth of a client waits for the middleware of a namespace, and of those that have come later only
 * the newest is kept. Returns 0 or UV_ENOMEM. */
int sio__connect_update_pending_by_new_connect(sio_socket *s, sio_slice auth);
/* Handles a DISCONNECT packet for a PENDING socket. The socket is discarded when the middleware has
 * accepted or refused it, or its time is up, and no connect callback runs for it; unless the peer
 * sends CONNECT again before that. */
void sio__connect_mark_pending_withdrawn(sio_socket *s);
/* Sends the answer to CONNECT once more, because the peer of a CONNECTED socket may have missed it.
 * Does nothing if an answer was sent in this turn of the loop. */
void sio__connect_resend_answer_unless_just_sent(sio_socket *s);
/* The task function of core->clear_just_connected. */
void sio__connect_clear_just_connected_list(struct task *t);
/* Discards a PENDING socket whose session has closed. Must be called by the loop, not by code that
 * the host has called. */
void sio__connect_discard_socket_and_stop_join(sio_socket *s);
/* Refuses a CONNECT packet: sends CONNECT_ERROR, counts and logs the refusal. The connection stays
 * open, unless CONNECT_ERROR cannot be encoded. */
void sio__connect_log_and_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why);
/* Like sio__connect_log_and_refuse(), for a caller that has logged the refusal itself. */
void sio__connect_refuse_without_log(struct client *cl, sio_slice nsp, enum sio_refusal why);

#endif
