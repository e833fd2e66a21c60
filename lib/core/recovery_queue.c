/* SPDX-License-Identifier: MIT
 *
 * recovery_queue.c - a list of all entries, and for each address a list of its entries in the same
 * order.
 */
#include "core/recovery_queue.h"

#include "base/mem.h"
#include <assert.h>

/* An address, and the lost sockets whose clients had this address. IPv6 addresses with the same
 * first 64 bits count as one address. */
struct recovery_address {
  struct addr addr;
  struct list entries; /* recovery_queue_entry.by_address, in the order of the queue */
  uint32_t n;
};

static sio_slice get_map_key_of_recovery_address(const void *item) {
  const struct addr *a = &((const struct recovery_address *)item)->addr;
  return slice((const char *)a, sizeof *a);
}

void sio__recovery_queue_init(struct recovery_queue *q) {
  list_init(&q->by_time);
  sio__map_init(&q->addresses, get_map_key_of_recovery_address);
  q->n = 0;
}

void sio__recovery_queue_clear(struct recovery_queue *q) {
  struct recovery_address *a;
  for (uint32_t i = 0; (a = sio__map_next(&q->addresses, &i));) sio__free(a);
  sio__map_clear(&q->addresses);
}

/* Finds the list of an address, or adds an empty one. Returns NULL if memory runs out. */
static struct recovery_address *find_or_add_recovery_address(struct recovery_queue *q,
                                                             const struct addr *addr) {
  struct recovery_address *a = sio__map_get(&q->addresses, slice((const char *)addr, sizeof *addr));
  if (a || !(a = sio__calloc(1, sizeof *a))) return a;
  a->addr = *addr;
  list_init(&a->entries);
  if (sio__map_put(&q->addresses, a) == 0) return a;
  sio__free(a);
  return NULL;
}

/* Adds e to q->by_time and, unless memory runs out, to the list of its address: at the start of
 * both lists if `oldest` is true, otherwise at their end. */
static void insert_recovery_queue_entry(struct recovery_queue *q, struct recovery_queue_entry *e,
                                        bool oldest) {
  struct recovery_address *a = e->address = find_or_add_recovery_address(q, &e->addr);
  list_append(oldest ? q->by_time.next : &q->by_time, &e->by_time);
  q->n++;
  if (!a) return;
  list_append(oldest ? a->entries.next : &a->entries, &e->by_address);
  a->n++;
}

void sio__recovery_queue_entry_set_address(struct recovery_queue_entry *e, const char *address) {
  struct addr addr = { 0 };
  sio__addr_parse(&addr, slice_str(address));
  e->addr = sio__addr_clear_ipv6_host_bits(&addr);
}

void sio__recovery_queue_add_as_newest(struct recovery_queue *q, struct recovery_queue_entry *e) {
  insert_recovery_queue_entry(q, e, false);
}

void sio__recovery_queue_add_as_oldest(struct recovery_queue *q, struct recovery_queue_entry *e) {
  insert_recovery_queue_entry(q, e, true);
}

void sio__recovery_queue_remove_entry(struct recovery_queue *q, struct recovery_queue_entry *e) {
  struct recovery_address *a = e->address;
  assert(q->n > 0);
  list_remove(&e->by_time);
  q->n--;
  if (!a) return;
  list_remove(&e->by_address);
  e->address = NULL;
  if (--a->n) return;
  sio__map_del(&q->addresses, get_map_key_of_recovery_address(a));
  sio__free(a);
}

struct recovery_queue_entry *sio__recovery_queue_get_oldest(const struct recovery_queue *q) {
  assert(q->n > 0);
  return container_of(q->by_time.next, struct recovery_queue_entry, by_time);
}

struct recovery_queue_entry *sio__recovery_queue_choose_entry_to_drop(
    const struct recovery_queue *q, const struct recovery_queue_entry *newest) {
  struct recovery_queue_entry *oldest = sio__recovery_queue_get_oldest(q);
  struct recovery_address *a = newest->address;
  if (!a || !oldest->address || a->n <= oldest->address->n) return oldest;
  return container_of(a->entries.next, struct recovery_queue_entry, by_address);
}
