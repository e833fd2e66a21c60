/* SPDX-License-Identifier: MIT
 *
 * connect.h - from CONNECT to connected, or not: the way through the middleware.
 */
#ifndef SIO_CORE_CONNECT_H
#define SIO_CORE_CONNECT_H

#include "core/client.h"

/* A peer wants into nsp and has no socket there. */
void sio__connect_start(struct client *cl, sio_nsp *nsp, sio_slice auth);
/* Two texts of auth that are the same; none is "{}". */
bool sio__auth_equals(sio_slice a, sio_slice b);
/* The peer of a PENDING socket sends CONNECT again. With another auth it starts over when the host
 * has decided on the first, whatever the decision: so that there is never more than one decision
 * of the host under way for a socket, and no more than one auth waits. UV_ENOMEM. */
int sio__connect_on_second_connect(sio_socket *s, sio_slice auth);
/* The peer of a PENDING socket does not want in any more; it is dropped when the host has decided,
 * and nobody is told. */
void sio__connect_withdraw(sio_socket *s);
/* The peer of a CONNECTED socket may have missed the answer: it is sent again, once a turn. */
void sio__connect_resend_answer(sio_socket *s);
/* The task behind server->welcomed. */
void sio__connect_on_turn_end(struct task *t);
/* The peer of a PENDING socket is gone. From the loop only. */
void sio__connect_abandon(sio_socket *s);
/* CONNECT_ERROR with a message; the connection stays. */
void sio__connect_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why);

#endif
