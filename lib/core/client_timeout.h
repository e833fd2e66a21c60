/* SPDX-License-Identifier: MIT
 *
 * client_timeout.h - two time limits of a client: for joining its first namespace
 * (connect_timeout_ms), and for sending the next part of a packet whose attachments have not all
 * arrived (packet_timeout_ms).
 *
 * At most one of them runs at a time, and most of the time a client needs neither. So the timer is
 * not a part of struct client, but is allocated when it is needed.
 */
#ifndef SIO_CORE_CLIENT_TIMEOUT_H
#define SIO_CORE_CLIENT_TIMEOUT_H

#include "core/client.h"

/* Starts the time limit for joining a first namespace. Returns 0 or UV_ENOMEM. */
int sio__client_start_join_timeout(struct client *cl);
/* Called when a part of a packet with attachments has arrived, or when the client has joined a
 * namespace. If attachments are still missing, starts the time limit for receiving them, or, if a
 * time limit is running, remembers that a part has arrived. Ends the session if memory runs out. */
void sio__client_start_packet_timeout_or_mark_progress(struct client *cl);
/* Called when the client has joined a namespace, its first or another one. From then on the larger
 * limits of joined sessions apply. Ends the running time limit. If attachments of a packet are
 * still missing, starts the time limit for receiving them. */
void sio__client_set_joined_and_end_join_timeout(struct client *cl);
void sio__client_timeout_clear(struct client *cl);

/* True if the client has not joined a namespace yet. Then its packets have limits that depend on
 * max_unjoined. */
bool sio__client_has_joined_no_namespace(const struct client *cl);
/* Adds n to the number of bytes of auth that the client has sent in CONNECT packets, and returns
 * the sum. Must be called only before the client has joined its first namespace. */
size_t sio__client_add_to_auth_byte_total(struct client *cl, size_t n);

#endif
