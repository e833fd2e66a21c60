/* SPDX-License-Identifier: MIT
 *
 * members.h - makes a server a member of a sio_threads, a group of servers on several threads.
 */
#ifndef SIO_SERVER_MEMBERS_H
#define SIO_SERVER_MEMBERS_H

#include "server/server.h"

/* Makes the server a member of sio_options.threads, if that is set. Then other members may send
 * messages, and the server keeps its loop running. Returns 0 or UV_ENOMEM. */
int sio__server_join_threads(sio_server *srv);
/* Ends the membership, because the server closes. Messages that were sent before that still
 * arrive. */
void sio__server_leave_threads(sio_server *srv);
/* Tells the other members to give this server no new connections, because it drains. */
void sio__server_mark_draining_in_threads(sio_server *srv);
/* Releases the group. Must be called when the loop has closed, after which no message arrives. */
void sio__server_unref_threads(sio_server *srv);

#endif
