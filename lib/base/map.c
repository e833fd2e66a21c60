/* SPDX-License-Identifier: MIT
 *
 * map.c - a hash table of pointers with open addressing.
 *
 * An item is in the slot that its hash determines, or in one of the slots after it, with no free
 * slot between. When an item is deleted, later items are moved so that this stays true. Hashes are
 * not stored, which halves the size of a slot; they are computed again when the table grows or
 * shrinks, and when an item is deleted.
 */
#include "base/map.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

enum { MIN_CAP = 8 };

static uint32_t map_home_slot(const struct map *m, sio_slice key) {
  return (uint32_t)sio__hash_bytes(key.p, key.n) & (m->cap - 1);
}

static uint32_t map_next_probe_index(const struct map *m, uint32_t i) {
  return (i + 1) & (m->cap - 1);
}

void sio__map_init(struct map *m, map_key_fn key) { *m = (struct map){ .key = key }; }

void sio__map_clear(struct map *m) {
  sio__free(m->slots);
  sio__map_init(m, m->key);
}

/* Returns the slot that contains the item with the key, or the free slot where that item would be
 * inserted. The table must have slots; then at least one of them is free. */
static void **map_find_slot(const struct map *m, sio_slice key) {
  uint32_t i = map_home_slot(m, key);
  while (m->slots[i] && !slice_eq(m->key(m->slots[i]), key)) i = map_next_probe_index(m, i);
  return &m->slots[i];
}

/* Inserts an item whose key is not in the map. */
static void map_insert_new(struct map *m, void *item) {
  uint32_t i = map_home_slot(m, m->key(item));
  while (m->slots[i]) i = map_next_probe_index(m, i);
  m->slots[i] = item;
}

void *sio__map_get(const struct map *m, sio_slice key) {
  return m->n ? *map_find_slot(m, key) : NULL;
}

static int map_resize(struct map *m, uint32_t cap) {
  struct map old = *m;
  void **slots = sio__calloc(cap, sizeof *slots);
  if (!slots) return UV_ENOMEM;
  m->slots = slots;
  m->cap = cap;
  for (uint32_t i = 0; i < old.cap; i++)
    if (old.slots[i]) map_insert_new(m, old.slots[i]);
  sio__free(old.slots);
  return 0;
}

static int map_grow_if_full(struct map *m) {
  if (m->n < m->cap / 4 * 3) return 0;
  if (m->cap > UINT32_MAX / 2) return UV_ENOMEM;
  return map_resize(m, m->cap ? m->cap * 2 : MIN_CAP);
}

int sio__map_put(struct map *m, void *item) {
  if (sio__map_get(m, m->key(item))) return UV_EEXIST;
  int err = map_grow_if_full(m);
  if (err) return err;
  map_insert_new(m, item);
  m->n++;
  return 0;
}

/* Clears the slot number `gap`, whose item is being deleted. A search ends at a free slot, so an
 * item after the gap that a search would no longer find is moved into the gap, and the slot that it
 * leaves is the new gap. */
static void map_free_slot_and_close_gap(struct map *m, uint32_t gap) {
  uint32_t mask = m->cap - 1;
  for (uint32_t i = map_next_probe_index(m, gap); m->slots[i]; i = map_next_probe_index(m, i)) {
    uint32_t from_home = (i - map_home_slot(m, m->key(m->slots[i]))) & mask;
    if (from_home < ((i - gap) & mask)) continue;
    m->slots[gap] = m->slots[i];
    gap = i;
  }
  m->slots[gap] = NULL;
}

static void map_shrink_if_sparse(struct map *m) {
  if (m->n == 0)
    sio__map_clear(m);
  else if (m->n < m->cap / 8)
    /* If memory has run out the map keeps its size, which does no harm. */
    (void)map_resize(m, m->cap / 2);
}

void *sio__map_del(struct map *m, sio_slice key) {
  if (m->n == 0) return NULL;
  void **slot = map_find_slot(m, key), *item = *slot;
  if (!item) return NULL;
  map_free_slot_and_close_gap(m, (uint32_t)(slot - m->slots));
  m->n--;
  map_shrink_if_sparse(m);
  return item;
}

void *sio__map_next(const struct map *m, uint32_t *i) {
  while (*i < m->cap) {
    void *item = m->slots[(*i)++];
    if (item) return item;
  }
  return NULL;
}
