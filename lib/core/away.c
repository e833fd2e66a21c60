/* SPDX-License-Identifier: MIT */
#include "core/away.h"

#include "base/mem.h"

/* An address, and the places of its sockets that are away. */
struct origin {
  struct addr addr;
  struct list places; /* place.same, oldest first */
  uint32_t n;
};

static sio_slice origin_key(const void *o) {
  const struct addr *a = &((const struct origin *)o)->addr;
  return slice((const char *)a, sizeof *a);
}

void sio__away_init(struct away *a) {
  list_init(&a->order);
  sio__map_init(&a->origins, origin_key);
  a->n = 0;
}

void sio__away_clear(struct away *a) {
  struct origin *o;
  for (uint32_t i = 0; (o = sio__map_next(&a->origins, &i));) sio__free(o);
  sio__map_clear(&a->origins);
}

static struct origin *origin_of(struct away *a, const struct addr *addr) {
  struct origin *o = sio__map_get(&a->origins, slice((const char *)addr, sizeof *addr));
  if (o || !(o = sio__calloc(1, sizeof *o))) return o;
  o->addr = *addr;
  list_init(&o->places);
  if (sio__map_put(&a->origins, o) == 0) return o;
  sio__free(o);
  return NULL;
}

/* Before another place, or at the end of both lists. */
static void insert_by_time(struct away *a, struct away_place *p, bool first) {
  struct origin *o = p->origin = origin_of(a, &p->addr);
  list_push(first ? a->order.next : &a->order, &p->order);
  a->n++;
  if (!o) return;
  list_push(first ? o->places.next : &o->places, &p->same);
  o->n++;
}

void sio__away_add(struct away *a, struct away_place *p, const char *address) {
  struct addr addr = { 0 };
  sio__addr_parse(&addr, slice_str(address));
  p->addr = sio__addr_limit_key(&addr);
  insert_by_time(a, p, false);
}

void sio__away_put_back(struct away *a, struct away_place *p) { insert_by_time(a, p, true); }

void sio__away_remove(struct away *a, struct away_place *p) {
  struct origin *o = p->origin;
  list_remove(&p->order);
  a->n--;
  if (!o) return;
  list_remove(&p->same);
  p->origin = NULL;
  if (--o->n) return;
  sio__map_del(&a->origins, origin_key(o));
  sio__free(o);
}

struct away_place *sio__away_oldest(const struct away *a) {
  return container_of(a->order.next, struct away_place, order);
}

struct away_place *sio__away_surplus(const struct away *a, const struct away_place *newest) {
  struct away_place *oldest = sio__away_oldest(a);
  struct origin *its = newest->origin;
  if (!its || !oldest->origin || its->n <= oldest->origin->n) return oldest;
  return container_of(its->places.next, struct away_place, same);
}
