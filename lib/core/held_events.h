/* SPDX-License-Identifier: MIT
 *
 * held_events.h - counts, for each client, the memory of events that wait for packet middleware, in
 * all of its namespaces together. An event counts until the middleware has given its verdict, even
 * if its socket leaves the namespace before. Otherwise a peer that leaves and joins again and again
 * could make the server hold any amount of memory.
 *
 * A client without waiting events has no struct held_events, so an idle connection needs no memory
 * for this.
 */
#ifndef SIO_CORE_HELD_EVENTS_H
#define SIO_CORE_HELD_EVENTS_H

#include "core/client.h"

struct held_events {
  struct core *core;
  struct client *client; /* NULL after the session has closed */
  size_t bytes;          /* never 0, because the struct is freed when nothing is counted */
};

sio_slice sio__held_events_key(const void *h); /* the key function of core->held_events */

/* Adds n bytes to the count of the client, and sets *out. Returns 0; UV_ENOMEM; or SIO_ETOOBIG if
 * the total would exceed max_queued. A single event may be larger than that. */
int sio__held_events_add_bytes(struct client *cl, size_t n, struct held_events **out);
/* Subtracts n bytes. Frees h if nothing is counted any more. */
void sio__held_events_subtract_bytes(struct held_events *h, size_t n);
/* Sets the pointer to the client in its struct to NULL. Must be called before the client is
 * freed. */
void sio__held_events_forget_client(struct client *cl);

#endif
