/* SPDX-License-Identifier: MIT
 *
 * addrlimit.h - who may come in: connections and sessions counted per address, and everyone who is
 * turned away told of in one place.
 *
 * An address (IPv4), or the site it is of (the first 64 bits of IPv6), is a visitor while it is
 * connected, and as long as what it did counts. At most max_visitors are kept. When all of them are
 * taken the longest unused one goes; when all are in use a newcomer is let in and not counted: one
 * who holds so many addresses is not stopped by counting them, and nobody else is locked out.
 */
#ifndef SIO_NET_ADDRLIMIT_H
#define SIO_NET_ADDRLIMIT_H

#include "base/bucket.h"
#include "base/map.h"
#include "net/addr.h"
#include "net/loop.h"
#include <sio/limits.h>

/* What one address holds. Two of each: connections, and sessions. */
enum visit_kind { VISIT_CONN, VISIT_SESSION, VISIT_KINDS };

struct door;

struct visitor {
  struct door *door;
  struct list idle; /* door->idle while it holds nothing */
  uint64_t idle_at;
  struct addr addr;
  struct bucket taken[VISIT_KINDS];
  uint32_t open[VISIT_KINDS];
};

struct door {
  struct loop *loop;
  struct log *log;
  struct rate rate;  /* of connects, and of session opens; per_s 0: no limit */
  unsigned max_open; /* of each kind; 0: no limit                            */
  unsigned max_visitors;
  struct addr_set trusted; /* proxies; theirs is another's business: never counted. The options'. */
  struct map visitors;
  struct list idle; /* who left first is first */
  struct timer forget;
  uint64_t refused[SIO_REJECT_END];
  uint64_t uncounted; /* came while every visitor's slot was in use */
  void (*tell)(struct door *g, const sio_rejection *r);
};

void sio__door_init(struct door *g, struct loop *l, struct log *log);
void sio__door_clear(struct door *g); /* after all that was counted is gone */
static inline bool door_counts(const struct door *g) { return g->rate.per_s || g->max_open; }
/* Does it matter who comes? */
static inline bool door_looks(const struct door *g) {
  return door_counts(g) || g->trusted.n || g->trusted.has_unix;
}

/* One more of `kind` from a; *out is to be given back with sio__visitor_leave(), NULL: it is not
 * counted. 0, or the ms until there may be one (UINT64_MAX: until another one ends), and *cause.
 * Nobody is told. */
uint64_t sio__door_enter(struct door *g, const struct addr *a, enum visit_kind kind,
                         struct visitor **out, int *cause);
/* The same in two steps: one that may come to nothing costs what it costs, */
uint64_t sio__door_knock(struct door *g, const struct addr *a, enum visit_kind kind, int *cause);
/* A session's token, however many of them are open. */
uint64_t sio__door_charge(struct door *g, const struct addr *a, int *cause);
/* ... and one that came to something is counted. False: as many are there already. */
bool sio__door_hold(struct door *g, const struct addr *a, enum visit_kind kind,
                    struct visitor **out);
void sio__visitor_leave(struct visitor *p, enum visit_kind kind); /* NULL is fine */

/* Counts, tells the log and the host. */
void sio__door_refused(struct door *g, int cause, const char *address, const char *detail);

#endif
