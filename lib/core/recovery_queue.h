/* SPDX-License-Identifier: MIT
 *
 * recovery_queue.h - the disconnected sockets that may be recovered, ordered by the time at which
 * they left, and grouped by address. If there are too many, the oldest is dropped. But if the
 * address of the newest has more of them than the address of the oldest, the newest one's address
 * loses its own oldest instead. So one address cannot displace the sockets of others by connecting
 * and disconnecting.
 */
#ifndef SIO_CORE_RECOVERY_QUEUE_H
#define SIO_CORE_RECOVERY_QUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "net/addr.h"

struct recovery_address;

/* A member of the queue; each recovery record contains one. */
struct recovery_queue_entry {
  struct list by_time, by_address;
  struct recovery_address *address; /* NULL if the entry is counted for no address */
  struct addr addr;
};

struct recovery_queue {
  struct list by_time;  /* recovery_queue_entry.by_time, oldest first */
  struct map addresses; /* struct recovery_address */
  uint32_t n;
};

void sio__recovery_queue_init(struct recovery_queue *q);
/* Frees the maps and lists, but not the entries. */
void sio__recovery_queue_clear(struct recovery_queue *q);

/* Adds an entry. address is the text that sio__session_address() returns. If memory runs out, the
 * entry is added but counted for no address. */
void sio__recovery_queue_add(struct recovery_queue *q, struct recovery_queue_entry *e,
                             const char *address);
/* Adds an entry that was just removed, as the oldest one. */
void sio__recovery_queue_add_oldest(struct recovery_queue *q, struct recovery_queue_entry *e);
void sio__recovery_queue_remove_entry(struct recovery_queue *q, struct recovery_queue_entry *e);

static inline bool is_in_recovery_queue(const struct recovery_queue_entry *e) {
  return !list_empty(&e->by_time);
}
/* Returns the oldest entry. The queue must not be empty. */
struct recovery_queue_entry *sio__recovery_queue_get_oldest(const struct recovery_queue *q);
/* Returns the entry that has to be removed when the queue has one too many. newest is the entry
 * that was added last. */
struct recovery_queue_entry *sio__recovery_queue_choose_entry_to_drop(
    const struct recovery_queue *q, const struct recovery_queue_entry *newest);

#endif
