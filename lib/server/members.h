/* SPDX-License-Identifier: MIT
 *
 * members.h - makes a server a member of a sio_threads, a group of servers on several threads.
 */
#ifndef SIO_SERVER_MEMBERS_H
#define SIO_SERVER_MEMBERS_H

#include "server/server.h"

/* Makes the server a member of sio_options.threads, if that option is set. From then on other
 * members can send it messages, and the handle on which these arrive keeps the uv loop running.
 * Returns 0; UV_ENOMEM; or UV_EINVAL, after logging it, if all members must have the same
 * recovery.max_disconnection_ms and this server has another. */
int sio__server_become_member_of_threads(sio_server *srv);
/* Ends the membership of a server that closes. Messages that other members sent before that still
 * arrive. */
void sio__server_end_membership_in_threads(sio_server *srv);
/* Marks the server as draining, so that other members give it no new connections. */
void sio__server_mark_draining_in_threads(sio_server *srv);
/* Lets another server have this one's place in its sio_threads, and releases the reference to it.
 * Must be called after the loop has closed, when no message can arrive any more. */
void sio__server_free_slot_in_threads(sio_server *srv);

#endif
