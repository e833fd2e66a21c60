/* SPDX-License-Identifier: MIT
 *
 * held_events.h - counts, for each client, the memory of its held events: the events that wait for
 * packet middleware (sio_use_packet()), in all namespaces of the client together. An event about
 * which the middleware decides later counts until then, even if its socket leaves the namespace
 * before. Otherwise a peer that leaves and joins again and again could make the server use any
 * amount of memory.
 *
 * A client without waiting events has no struct held_events, so an idle connection needs no memory
 * for this.
 */
#ifndef SIO_CORE_HELD_EVENTS_H
#define SIO_CORE_HELD_EVENTS_H

#include "core/client.h"

/* Counts the memory of one client's events that wait for packet middleware. */
struct held_events {
  struct core *core;
  struct client *client; /* NULL after the session has closed */
  size_t bytes;          /* never 0, because the struct is freed when nothing is counted */
};

sio_slice sio__get_map_key_of_held_events(
    const void *h); /* the key function of core->held_events */

/* Counts n bytes for an event that has to wait for packet middleware: adds n to the client's struct
 * held_events, which is created if there is none, and sets *out to it. Returns 0; UV_ENOMEM; or
 * SIO_ETOOBIG if the sum would exceed max_queued. If no other event of the client is waiting, n may
 * be larger than max_queued. */
int sio__held_events_add_bytes_within_limit(struct client *cl, size_t n, struct held_events **out);
/* Subtracts n, the memory of events that do not wait any more, from h->bytes. If h->bytes becomes
 * 0, frees h. */
void sio__held_events_subtract_and_free_if_zero(struct held_events *h, size_t n);
/* If the client has a struct held_events, sets the field `client` of that struct to NULL. Must be
 * called before the client is freed. */
void sio__held_events_forget_client(struct client *cl);

#endif
