/* SPDX-License-Identifier: MIT
 *
 * recent_broadcasts.h - the broadcasts that this server sends or receives from other threads while
 * a client waits for its recovery record, if recovery may have to send them again. They are
 * numbered in the order in which they are added; this number is called position. By it, each client
 * is given the broadcasts that came after it had begun to wait. Their memory is limited: the oldest
 * are dropped first, and a client that needs a dropped one cannot be recovered.
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
/* Adds the broadcast r, with a new reference, and drops the oldest broadcasts while all take more
 * than max_bytes. If memory runs out, drops r and all other broadcasts: a client that is given the
 * broadcasts since a position must get all of them. */
void sio__recent_broadcasts_add_and_trim(struct recent_broadcasts *b, struct request *r);
/* True if no broadcast with this or a higher position (number in the order of adding) was
 * dropped. */
bool sio__recent_broadcasts_has_all_since(const struct recent_broadcasts *b, uint64_t position);

#endif
