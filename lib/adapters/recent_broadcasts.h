/* SPDX-License-Identifier: MIT
 *
 * recent_broadcasts.h - a list of the newest broadcasts that this server has sent to other threads
 * or received from them. Broadcasts are added while a client waits for its recovery record from
 * another thread, because recovery may have to send them to that client. The position of a
 * broadcast is its number in the order of adding. A client needs the broadcasts from the position
 * on at which it began to wait. The memory of the list is limited: the oldest broadcasts are
 * dropped first, and a client that needs a dropped one cannot be recovered.
 */
#ifndef SIO_ADAPTERS_RECENT_BROADCASTS_H
#define SIO_ADAPTERS_RECENT_BROADCASTS_H

#include "adapters/threads_message.h"
#include "base/list.h"

struct recent_broadcast {
  struct list link;
  uint64_t position;       /* broadcasts are numbered in the order in which they are added */
  struct request *request; /* the broadcast; this struct holds one reference */
};

struct recent_broadcasts {
  struct list list; /* struct recent_broadcast, oldest first */
  size_t bytes, max_bytes;
  uint64_t next_position; /* the position of the broadcast that is added next */
};

void sio__recent_broadcasts_init(struct recent_broadcasts *b, size_t max_bytes);
/* Drops all broadcasts. Their positions (numbers in the order of adding) are not used again. */
void sio__recent_broadcasts_clear(struct recent_broadcasts *b);
/* Adds the broadcast r, with a new reference, and drops the oldest broadcasts until the list takes
 * at most max_bytes. If memory runs out, drops r and all other broadcasts: a client that is given
 * the broadcasts since a position must get all of them. */
void sio__recent_broadcasts_add_and_trim(struct recent_broadcasts *b, struct request *r);
/* True if no broadcast with this or a higher position (number in the order of adding) was
 * dropped. */
bool sio__recent_broadcasts_has_all_since(const struct recent_broadcasts *b, uint64_t position);

#endif
