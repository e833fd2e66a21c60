/* SPDX-License-Identifier: MIT
 *
 * map.c - linear probing over 16-byte slots. An item stands at the slot its hash names or
 * in the run of used slots behind it, with no gap between: deletion closes gaps.
 */
#include "base/map.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

enum { MIN_CAP = 8 };

static uint32_t hash_key(sio_slice key) { return (uint32_t)sio__hash(key.p, key.n); }

void sio__map_init(struct map *m, map_key_fn key) { *m = (struct map){ .key = key }; }

void sio__map_clear(struct map *m) {
  sio__free(m->slots);
  sio__map_init(m, m->key);
}

/* The slot that holds the key, or the free one where it would go. There is always one free. */
static struct map_slot *find(const struct map *m, sio_slice key, uint32_t hash) {
  uint32_t mask = m->cap - 1;
  for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
    struct map_slot *s = &m->slots[i];
    if (!s->used) return s;
    if (s->hash == hash && slice_eq(m->key(s->item), key)) return s;
  }
}

static struct map_slot *find_free(struct map_slot *slots, uint32_t cap, uint32_t hash) {
  uint32_t i = hash & (cap - 1);
  while (slots[i].used) i = (i + 1) & (cap - 1);
  return &slots[i];
}

void *sio__map_get(const struct map *m, sio_slice key) {
  if (m->n == 0) return NULL;
  return find(m, key, hash_key(key))->item;
}

static int resize(struct map *m, uint32_t cap) {
  struct map_slot *slots = sio__calloc(cap, sizeof *slots);
  if (!slots) return SIO__ENOMEM;
  for (uint32_t i = 0; i < m->cap; i++)
    if (m->slots[i].used) *find_free(slots, cap, m->slots[i].hash) = m->slots[i];
  sio__free(m->slots);
  m->slots = slots;
  m->cap = cap;
  return 0;
}

static int make_room(struct map *m) {
  if (m->n < m->cap / 4 * 3) return 0;
  if (m->cap > UINT32_MAX / 2) return SIO__ENOMEM;
  return resize(m, m->cap ? m->cap * 2 : MIN_CAP);
}

int sio__map_put(struct map *m, void *item) {
  sio_slice key = m->key(item);
  uint32_t hash = hash_key(key);
  if (m->n && find(m, key, hash)->used) return SIO__EEXIST;
  int err = make_room(m);
  if (err) return err;
  *find_free(m->slots, m->cap, hash) = (struct map_slot){ .hash = hash, .used = 1, .item = item };
  m->n++;
  return 0;
}

/* Moves back whatever may not stay behind a gap at `gap`: items whose own slot is not past it. */
static void close_gap(struct map *m, uint32_t gap) {
  uint32_t mask = m->cap - 1;
  for (uint32_t i = (gap + 1) & mask; m->slots[i].used; i = (i + 1) & mask) {
    uint32_t from_home = (i - m->slots[i].hash) & mask;
    if (from_home < ((i - gap) & mask)) continue;
    m->slots[gap] = m->slots[i];
    gap = i;
  }
  m->slots[gap] = (struct map_slot){ 0 };
}

static void shrink(struct map *m) {
  if (m->n == 0)
    sio__map_clear(m);
  else if (m->n < m->cap / 8)
    (void)resize(m, m->cap / 2); /* without memory it stays sparse, which is correct too */
}

void *sio__map_del(struct map *m, sio_slice key) {
  if (m->n == 0) return NULL;
  struct map_slot *s = find(m, key, hash_key(key));
  if (!s->used) return NULL;
  void *item = s->item;
  close_gap(m, (uint32_t)(s - m->slots));
  m->n--;
  shrink(m);
  return item;
}

void *sio__map_next(const struct map *m, uint32_t *i) {
  while (*i < m->cap) {
    const struct map_slot *s = &m->slots[(*i)++];
    if (s->used) return s->item;
  }
  return NULL;
}
