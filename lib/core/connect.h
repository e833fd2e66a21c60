/* SPDX-License-Identifier: MIT
 *
 * connect.h - a socket's way from CONNECT through the middleware to CONNECTED, or to a refusal.
 */
#ifndef SIO_CORE_CONNECT_H
#define SIO_CORE_CONNECT_H

#include "core/client.h"

/* Handles CONNECT for a namespace in which the client has no socket. */
void sio__connect_new_socket(struct client *cl, sio_nsp *nsp, sio_slice auth);
/* Compares two texts of auth; an empty one equals "{}". */
bool sio__is_same_auth(sio_slice a, sio_slice b);
/* Overwrites and frees a copy of an auth. NULL is allowed. */
void sio__auth_free(char *auth);
/* The peer of a PENDING socket has sent CONNECT again. If the auth differs, the connect starts over
 * when the middleware has given its verdict on the first one, whatever that is. So at most one
 * verdict per socket is outstanding, and at most one newer auth is kept. 0 or UV_ENOMEM. */
int sio__connect_on_second_connect(sio_socket *s, sio_slice auth);
/* The peer of a PENDING socket has sent DISCONNECT. The socket is discarded when the middleware has
 * given its verdict, and no callback runs for it. */
void sio__connect_withdraw_pending(sio_socket *s);
/* Sends the answer to CONNECT again, because the peer of a CONNECTED socket may have missed it.
 * Does nothing if an answer was sent in this turn. */
void sio__connect_resend_answer(sio_socket *s);
/* The function of core->clear_just_connected. */
void sio__connect_clear_just_connected_list(struct task *t);
/* The session of a PENDING socket is closed. Must be called from the loop. */
void sio__connect_abandon_pending(sio_socket *s);
/* Sends CONNECT_ERROR and logs it. The connection stays open. */
void sio__connect_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why);
/* Sends CONNECT_ERROR without a log line, because the caller has logged the refusal. */
void sio__connect_refuse_without_log(struct client *cl, sio_slice nsp, enum sio_refusal why);

#endif
