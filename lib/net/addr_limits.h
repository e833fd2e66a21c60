/* SPDX-License-Identifier: MIT
 *
 * addr_limits.h - limits per address: connections and sessions are counted, and every refusal is
 * logged and reported in one place.
 *
 * An address (IPv4), or the site it is of (the first 64 bits of IPv6), is a visitor while it is
 * connected, and as long as what it did counts. At most max_visitors are kept. When all of them are
 * taken the longest unused one goes; when all are in use a newcomer is let in and not counted: one
 * who holds so many addresses is not stopped by counting them, and nobody else is locked out.
 */
#ifndef SIO_NET_ADDR_LIMITS_H
#define SIO_NET_ADDR_LIMITS_H

#include "base/bucket.h"
#include "base/map.h"
#include "net/addr.h"
#include "net/loop.h"
#include <sio/limits.h>

/* What one address holds. Two of each: connections, and sessions. */
enum addr_count { ADDR_CONNS, ADDR_SESSIONS, ADDR_COUNTS };

struct addr_limits;

struct addr_record {
  struct addr_limits *limits;
  struct list idle; /* door->idle while it holds nothing */
  uint64_t idle_at;
  struct addr addr;
  struct bucket buckets[ADDR_COUNTS];
  uint32_t open[ADDR_COUNTS];
};

struct addr_limits {
  struct loop *loop;
  struct log *log;
  struct rate rate;  /* of connects, and of session opens; per_s 0: no limit */
  unsigned max_open; /* of each kind; 0: no limit                            */
  unsigned max_records;
  struct addr_set trusted; /* proxies; theirs is another's business: never counted. The options'. */
  struct map records;
  struct list idle; /* who left first is first */
  struct timer forget;
  uint64_t refused[SIO_REJECT_END];
  uint64_t not_counted; /* came while every visitor's slot was in use */
  void (*on_rejected)(struct addr_limits *g, const sio_rejection *r);
};

void sio__addr_limits_init(struct addr_limits *g, struct loop *l, struct log *log);
void sio__addr_limits_clear(struct addr_limits *g); /* after all that was counted is gone */
static inline bool addr_limits_active(const struct addr_limits *g) {
  return g->rate.per_s || g->max_open;
}
/* Does it matter who comes? */
static inline bool addr_limits_need_address(const struct addr_limits *g) {
  return addr_limits_active(g) || g->trusted.n || g->trusted.has_unix;
}

/* One more of `kind` from a; *out is to be given back with sio__visitor_leave(), NULL: it is not
 * counted. 0, or the ms until there may be one (UINT64_MAX: until another one ends), and *cause.
 * Nobody is told. */
uint64_t sio__addr_limits_admit(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                                struct addr_record **out, int *cause);
/* The same in two steps: one that may come to nothing costs what it costs, */
uint64_t sio__addr_limits_check_and_charge(struct addr_limits *g, const struct addr *a,
                                           enum addr_count kind, int *cause);
/* A session's token, however many of them are open. */
uint64_t sio__addr_limits_charge_session(struct addr_limits *g, const struct addr *a, int *cause);
/* ... and one that came to something is counted. False: as many are there already. */
bool sio__addr_limits_add_open(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                               struct addr_record **out);
void sio__addr_record_release(struct addr_record *p, enum addr_count kind); /* NULL is fine */

/* Counts, tells the log and the host. */
void sio__addr_limits_report_refusal(struct addr_limits *g, int cause, const char *address,
                                     const char *detail);

#endif
