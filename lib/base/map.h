/* SPDX-License-Identifier: MIT
 *
 * map.h - finds an item by the bytes of its key. The item holds its own key.
 *
 * Open addressing with linear probing, deletion by shifting back (no tombstones), 12.5 to 75 %
 * full, nothing allocated while empty. Keys that peers choose are hashed with SipHash-1-3 under a
 * random key of this process, so nobody can aim for one slot.
 */
#ifndef SIO_BASE_MAP_H
#define SIO_BASE_MAP_H

#include "base/slice.h"

typedef sio_slice (*map_key_fn)(const void *item);

struct map {
  void **slots;    /* NULL: free */
  uint32_t n, cap; /* cap: 0 or a power of two */
  map_key_fn key;
};

void sio__map_init(struct map *m, map_key_fn key); /* allocates nothing */
void sio__map_clear(struct map *m);                /* frees the slots, not the items */
void *sio__map_get(const struct map *m, sio_slice key);
int sio__map_put(struct map *m, void *item);      /* 0, UV_EEXIST, UV_ENOMEM */
void *sio__map_del(struct map *m, sio_slice key); /* the item taken out, or NULL */
static inline bool map_empty(const struct map *m) { return m->n == 0; }
/* Visits every item once: i starts at 0, NULL at the end. Do not put or del meanwhile. */
void *sio__map_next(const struct map *m, uint32_t *i);

#endif
