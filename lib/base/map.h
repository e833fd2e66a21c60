/* SPDX-License-Identifier: MIT
 *
 * map.h - a hash table: finds an item by the bytes of its key, which the item contains.
 *
 * Open addressing with linear probing. Deletion moves items back (no tombstones). The table is 12.5
 * to 75 % full, and allocates nothing while it is empty. Peers choose many keys, so keys are hashed
 * with SipHash-1-3 under a random key of this process, and a peer cannot produce collisions.
 */
#ifndef SIO_BASE_MAP_H
#define SIO_BASE_MAP_H

#include "base/slice.h"

typedef sio_slice (*map_key_fn)(const void *item);

struct map {
  void **slots;    /* A free slot is NULL. */
  uint32_t n, cap; /* cap is 0 or a power of two */
  map_key_fn key;
};

void sio__map_init(struct map *m, map_key_fn key); /* allocates nothing */
void sio__map_clear(struct map *m);                /* frees the slots, not the items */
void *sio__map_get(const struct map *m, sio_slice key);
int sio__map_put(struct map *m, void *item);      /* 0, UV_EEXIST or UV_ENOMEM */
void *sio__map_del(struct map *m, sio_slice key); /* Returns the removed item, or NULL. */
static inline bool map_empty(const struct map *m) { return m->n == 0; }
/* Returns each item once, then NULL. *i must start at 0. The map must not change meanwhile. */
void *sio__map_next(const struct map *m, uint32_t *i);

#endif
