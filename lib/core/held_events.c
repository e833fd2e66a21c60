/* SPDX-License-Identifier: MIT
 *
 * held_events.c - the memory of events that wait for packet middleware, counted for each client.
 */
#include "core/held_events.h"

#include "base/mem.h"
#include <assert.h>

static sio_slice get_held_events_map_key_of_client(struct client *const *cl) {
  return slice((const char *)cl, sizeof *cl);
}

sio_slice sio__get_map_key_of_held_events(const void *h) {
  return get_held_events_map_key_of_client(&((const struct held_events *)h)->client);
}

static struct held_events *held_events_add_counter_to_map(struct client *cl) {
  struct core *core = core_of_client(cl);
  struct held_events *h = sio__malloc(sizeof *h);
  if (!h) return NULL;
  *h = (struct held_events){ .core = core, .client = cl };
  if (!sio__map_put(&core->held_events, h)) return h;
  sio__free(h);
  return NULL;
}

int sio__held_events_add_bytes_within_limit(struct client *cl, size_t n, struct held_events **out) {
  struct core *core = core_of_client(cl);
  struct held_events *h = sio__map_get(&core->held_events, get_held_events_map_key_of_client(&cl));
  size_t max = core->opts->max_queued;
  if (h && (h->bytes > max || n > max - h->bytes)) return SIO_ETOOBIG;
  if (!h) h = held_events_add_counter_to_map(cl);
  if (!h) return UV_ENOMEM;
  h->bytes += n;
  *out = h;
  return 0;
}

void sio__held_events_subtract_and_free_if_zero(struct held_events *h, size_t n) {
  assert(h->bytes >= n);
  h->bytes -= n;
  if (h->bytes > 0) return;
  if (h->client) sio__map_del(&h->core->held_events, sio__get_map_key_of_held_events(h));
  sio__free(h);
}

void sio__held_events_forget_client(struct client *cl) {
  struct map *all = &core_of_client(cl)->held_events;
  if (map_is_empty(all)) return;
  struct held_events *h = sio__map_del(all, get_held_events_map_key_of_client(&cl));
  if (h) h->client = NULL;
}
