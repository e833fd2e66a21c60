/* SPDX-License-Identifier: MIT
 *
 * held_events.h - counts the memory of events that wait for a client's packet middleware, in all of
 * its namespaces together. An event that middleware has counts until its verdict, also when its
 * socket has left the namespace meanwhile: otherwise a peer that leaves and joins again could make
 * the server hold any amount.
 *
 * A client whose events do not wait has no struct held_events, so the count costs an idle
 * connection nothing.
 */
#ifndef SIO_CORE_HELD_EVENTS_H
#define SIO_CORE_HELD_EVENTS_H

#include "core/client.h"

struct held_events {
  struct core *core;
  struct client *client; /* NULL after the session has closed */
  size_t bytes;          /* never 0: the struct is freed when nothing is counted */
};

sio_slice sio__held_events_key(const void *h); /* the key function of core->held_events */

/* Counts n bytes for the client and sets *out. 0, UV_ENOMEM, or SIO_ETOOBIG if the bytes would
 * exceed max_queued; a single event may be larger. */
int sio__held_events_add_bytes(struct client *cl, size_t n, struct held_events **out);
/* Subtracts n bytes, and frees h when nothing is counted any more. */
void sio__held_events_subtract_bytes(struct held_events *h, size_t n);
/* Must be called before the client is freed. Sets the struct's client to NULL. */
void sio__held_events_forget_client(struct client *cl);

#endif
