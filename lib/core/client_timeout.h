/* SPDX-License-Identifier: MIT
 *
 * client_timeout.h - two limits of time for a client: until it joins its first namespace
 * (connect_timeout_ms), and until all attachments of a packet have come (packet_timeout_ms).
 *
 * Only one of them runs at a time. Most clients need neither, so the timer is not part of struct
 * client but allocated when it is needed.
 */
#ifndef SIO_CORE_CLIENT_TIMEOUT_H
#define SIO_CORE_CLIENT_TIMEOUT_H

#include "core/client.h"

/* Starts the time in which a new client must join a namespace. 0 or UV_ENOMEM. */
int sio__client_start_join_timeout(struct client *cl);
/* A part of a packet has come. Starts the time for its attachments if some are still missing. */
void sio__client_timeout_on_packet_part(struct client *cl);
/* The client has joined a namespace: its time limit for joining ends. */
void sio__client_on_namespace_joined(struct client *cl);
void sio__client_timeout_clear(struct client *cl);

/* True if the client has never been in a namespace. Then the lower limit max_unjoined applies
 * to its packets. */
bool sio__client_has_joined_no_namespace(const struct client *cl);
/* Counts auth that an unjoined client has sent. Returns the total. */
size_t sio__client_add_auth_bytes(struct client *cl, size_t n);

#endif
