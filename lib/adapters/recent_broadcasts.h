/* SPDX-License-Identifier: MIT
 *
 * recent_broadcasts.h - the broadcasts of the servers of other threads that have arrived since some
 * client waits for its recovery record. They are numbered by their positions, so that each client
 * is given those that came after it had begun to wait. Their memory is limited: the oldest are
 * dropped first, and a client that needed one of these cannot be recovered.
 */
#ifndef SIO_ADAPTERS_RECENT_BROADCASTS_H
#define SIO_ADAPTERS_RECENT_BROADCASTS_H

#include "adapters/threads_message.h"
#include "base/list.h"

struct recent_broadcast {
  struct list link;
  uint64_t position;
  struct request *request; /* one reference to it is owned */
};

struct recent_broadcasts {
  struct list list; /* struct recent_broadcast, oldest first */
  size_t bytes, max_bytes;
  uint64_t next_position; /* of the broadcast that is added next */
};

void sio__recent_broadcasts_init(struct recent_broadcasts *b, size_t max_bytes);
/* Drops all broadcasts; positions are not used again. */
void sio__recent_broadcasts_clear(struct recent_broadcasts *b);
/* Adds a broadcast, with a reference to r. If memory runs out, all are dropped, r included. */
void sio__recent_broadcasts_add(struct recent_broadcasts *b, struct request *r);
/* True if no broadcast from this position on has been dropped. */
bool sio__recent_broadcasts_has_all_since(const struct recent_broadcasts *b, uint64_t position);

#endif
