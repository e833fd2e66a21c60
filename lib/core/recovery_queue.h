/* SPDX-License-Identifier: MIT
 *
 * recovery_queue.h - the lost sockets that may be recovered: a queue of all of them, and a queue
 * for each address of a client. If there are too many, the first socket of the queue is dropped.
 * But if the address of the socket that was added last has more lost sockets than the address of
 * the first one, the first socket with that address is dropped instead. So, unless memory runs out,
 * the clients of one address do not displace the sockets of an address that has fewer lost sockets.
 */
#ifndef SIO_CORE_RECOVERY_QUEUE_H
#define SIO_CORE_RECOVERY_QUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "net/addr.h"

struct recovery_address;

/* A lost socket in the queue: a member of struct recovery_record. */
struct recovery_queue_entry {
  struct list by_time, by_address;
  /* The list of all entries with the same address. NULL if memory ran out, or the entry is not in
   * the queue. */
  struct recovery_address *address;
  struct addr addr;
};

struct recovery_queue {
  struct list by_time;  /* recovery_queue_entry.by_time: all entries, in the order of the queue */
  struct map addresses; /* struct recovery_address */
  uint32_t n;
};

void sio__recovery_queue_init(struct recovery_queue *q);
/* Frees the memory of the queue, but not the entries. */
void sio__recovery_queue_clear(struct recovery_queue *q);

/* Stores the address of the client in e. address is a text that sio__session_client_address() has
 * returned. When e is added to a queue later, it is also added to the list of this address. */
void sio__recovery_queue_entry_set_address(struct recovery_queue_entry *e, const char *address);
/* The first function adds an entry at the end of the queue, as the newest one; the second adds it
 * at the start, as the oldest one. If memory runs out, the entry is added to the queue all the
 * same, but not to the list of the entries with its address. */
void sio__recovery_queue_add_as_newest(struct recovery_queue *q, struct recovery_queue_entry *e);
void sio__recovery_queue_add_as_oldest(struct recovery_queue *q, struct recovery_queue_entry *e);
void sio__recovery_queue_remove_entry(struct recovery_queue *q, struct recovery_queue_entry *e);

static inline bool is_recovery_entry_in_queue(const struct recovery_queue_entry *e) {
  return !list_is_empty(&e->by_time);
}
/* Returns the oldest entry of the queue, which must not be empty. */
struct recovery_queue_entry *sio__recovery_queue_get_oldest(const struct recovery_queue *q);
/* Called when the queue contains more entries than are allowed. Returns one that has to be removed.
 * newest is the entry that was added last. */
struct recovery_queue_entry *sio__recovery_queue_choose_entry_to_drop(
    const struct recovery_queue *q, const struct recovery_queue_entry *newest);

#endif
