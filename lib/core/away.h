/* SPDX-License-Identifier: MIT
 *
 * away.h - the sockets that may come back, in the order in which they left and by address. When
 * there are too many, an address that has more of them than the one that left first loses its own
 * oldest, so that nobody can drive out the others by connecting and breaking off.
 */
#ifndef SIO_CORE_AWAY_H
#define SIO_CORE_AWAY_H

#include "base/list.h"
#include "base/map.h"
#include "net/addr.h"

struct origin;

/* A member of the lists; p->origin: the address it counts for. */
struct away_place {
  struct list order, same;
  struct origin *origin;
  struct addr addr;
};

struct away {
  struct list order; /* place.order, oldest first */
  struct map origins;
  uint32_t n;
};

void sio__away_init(struct away *a);
void sio__away_clear(struct away *a); /* its places are not touched any more */

/* address: as sio__session_address() returns it. Without memory the place counts for no address. */
void sio__away_add(struct away *a, struct away_place *p, const char *address);
/* One that was away a moment ago, and counts as the first to have left. */
void sio__away_put_back(struct away *a, struct away_place *p);
void sio__away_remove(struct away *a, struct away_place *p);

static inline bool away_has(const struct away_place *p) { return !list_empty(&p->order); }
/* Of those that are away. */
struct away_place *sio__away_oldest(const struct away *a);
/* Which record to drop when there is one too many; newest is the one that was added last. */
struct away_place *sio__away_surplus(const struct away *a, const struct away_place *newest);

#endif
