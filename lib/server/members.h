/* SPDX-License-Identifier: MIT
 *
 * members.h - a server as a member of a sio_threads.
 */
#ifndef SIO_SERVER_MEMBERS_H
#define SIO_SERVER_MEMBERS_H

#include "server/server.h"

/* Makes the server a member of sio_options.threads, if that is set. From now on messages of other
 * members may arrive, and the server keeps its loop running. 0 or UV_ENOMEM. */
int sio__server_join_threads(sio_server *srv);
/* Ends the membership, because the server closes. Messages that were sent before still arrive. */
void sio__server_leave_threads(sio_server *srv);
/* Tells the other members to pass no new connections to this server, because it drains. */
void sio__server_mark_draining_in_threads(sio_server *srv);
/* Called when the loop has closed, after which no more messages arrive. */
void sio__server_unref_threads(sio_server *srv);

#endif
