/* SPDX-License-Identifier: MIT
 *
 * map.h - a hash table, which finds an item by the bytes of its key. The key is a part of the item.
 *
 * It uses open addressing with linear probing. Deletion moves other items back, and leaves no
 * tombstones. The table is 12.5 to 75 % full, unless there is no memory to make it smaller, and
 * has no memory while it is empty. Many keys are chosen by peers, so keys are hashed with
 * SipHash-1-3 and a random key, so that peers do not know which keys collide.
 */
#ifndef SIO_BASE_MAP_H
#define SIO_BASE_MAP_H

#include "base/slice.h"

typedef sio_slice (*map_key_fn)(const void *item);

struct map {
  void **slots;    /* a free slot is NULL */
  uint32_t n, cap; /* cap is 0 or a power of two */
  map_key_fn key;
};

void sio__map_init(struct map *m, map_key_fn key); /* allocates nothing */
void sio__map_clear(struct map *m);                /* frees the slots, not the items */
void *sio__map_get(const struct map *m, sio_slice key);
int sio__map_put(struct map *m, void *item);      /* returns 0, UV_EEXIST or UV_ENOMEM */
void *sio__map_del(struct map *m, sio_slice key); /* returns the removed item, or NULL */
static inline bool map_is_empty(const struct map *m) { return m->n == 0; }
/* Iterates over the map: returns each item once, and then NULL. *i must be 0 in the first call. The
 * map must not be changed between the calls. */
void *sio__map_next(const struct map *m, uint32_t *i);

#endif
