/* SPDX-License-Identifier: MIT
 *
 * addr_limits.h - limits per address: counts the connections, sessions and requests of each
 * address, and reports rejected peers to the host and to the log.
 *
 * An address is an IPv4 address, or the first 64 bits of an IPv6 address. Its record is kept while
 * it counts open connections or sessions. After that the record may be removed as soon as its token
 * buckets must be full again, but not within the first second. After an hour it may always be
 * removed. When the table is full (max_records), the record that has been unused for the longest
 * time is replaced earlier. When all records are in use, a new address is admitted without being
 * counted, so that honest peers are not locked out.
 */
#ifndef SIO_NET_ADDR_LIMITS_H
#define SIO_NET_ADDR_LIMITS_H

#include "base/bucket.h"
#include "base/map.h"
#include "net/addr.h"
#include "net/loop.h"
#include <pthread.h>
#include <sio/limits.h>

/* What is counted for each address while it is open: connections, and sessions. */
enum addr_count { ADDR_CONNS, ADDR_SESSIONS, ADDR_COUNTS };

struct addr_limits;

struct addr_record {
  struct addr_table *table;
  struct list idle; /* linked in table->idle while open[] is all 0 */
  uint64_t idle_at;
  struct addr addr;
  struct bucket buckets[ADDR_COUNTS];
  struct bucket requests;
  uint32_t open[ADDR_COUNTS];
};

/* The records of addresses. Servers of several threads that serve as one share a table, so that the
 * limits hold for all of them together. */
struct addr_table {
  struct map records;
  struct list idle; /* the records of addresses with nothing open, longest idle first */
  /* The limits of the server to which the table belongs, whose timer removes old records. NULL: the
   * table is shared; then `lock` protects it, and old records are removed when new ones are
   * added. */
  struct addr_limits *owner;
  pthread_mutex_t lock;
};

struct addr_limits {
  struct loop *loop;
  struct log *log;
  struct rate rate;         /* of connections, and separately of sessions; per_s 0: no limit */
  struct rate request_rate; /* of requests: the option requests_per_s; per_s 0: no limit */
  unsigned max_open;        /* of connections, and separately of sessions; 0: no limit */
  unsigned max_records;
  /* Proxies, which connect for many clients and are never counted. Owned by the options. */
  struct addr_set trusted;
  struct addr_table *table; /* &own, or a shared one */
  struct addr_table own;
  struct timer forget; /* removes old records of `own` */
  uint64_t refused[SIO_REJECT_END];
  /* how often the limits were not checked for a connection, session or request, because every
   * record was in use or memory ran out */
  uint64_t not_counted;
  void (*on_rejected)(struct addr_limits *g, const sio_rejection *r);
};

/* Initializes a table for several servers. Returns 0 or UV_ENOMEM. */
int sio__addr_table_init_with_lock(struct addr_table *t);
/* To be called when no connection or session is counted in the table any more. */
void sio__addr_table_clear(struct addr_table *t);

void sio__addr_limits_init(struct addr_limits *g, struct loop *l, struct log *log);
/* Call this after every counted connection and session has ended. */
void sio__addr_limits_clear(struct addr_limits *g);
static inline bool addr_limits_has_rate_or_max_open(const struct addr_limits *g) {
  return g->rate.per_s || g->max_open;
}
static inline bool addr_limits_has_request_rate(const struct addr_limits *g) {
  return g->request_rate.per_s;
}
/* Returns true if a limit per address or a trusted proxy is configured. If not, the address of a
 * new peer need not be looked up. */
static inline bool addr_limits_need_address(const struct addr_limits *g) {
  return addr_limits_has_rate_or_max_open(g) || addr_limits_has_request_rate(g) || g->trusted.n ||
         g->trusted.has_unix;
}

/* Checks whether the limits allow one more connection or session (`kind`) of address a. If they do,
 * takes a token of the rate limit, counts the connection or session as open, and returns 0.
 * Otherwise sets *cause to the reason, and returns the time in ms after which one may be allowed,
 * or UINT64_MAX if an open one must end first. Sets *out to the record in which it is counted,
 * which must be passed to sio__addr_record_decrement_open_count() later, or to NULL if it is not
 * counted. Logs and reports nothing. */
uint64_t sio__addr_limits_admit(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                                struct addr_record **out, int *cause);
/* Checks the limits, takes a token and returns the same values as sio__addr_limits_admit(), but
 * does not count the connection or session as open, because opening it may still fail. When it is
 * open, sio__addr_limits_count_open_if_below_max() counts it. */
uint64_t sio__addr_limits_check_and_charge(struct addr_limits *g, const struct addr *a,
                                           enum addr_count kind, int *cause);
/* Takes a token of the rate limit for sessions, if it applies to address a, without checking the
 * number of open sessions. Returns 0; or, if there is no token, the time in ms until there is one.
 * Always sets *cause. */
uint64_t sio__addr_limits_charge_session(struct addr_limits *g, const struct addr *a, int *cause);
/* Takes a token of request_rate, if that limit applies to address a. Returns 0; or, if there is no
 * token, the time in ms until there is one. */
uint64_t sio__addr_limits_charge_request(struct addr_limits *g, const struct addr *a);
/* Counts one more open connection or session (`kind`) of address a. Sets *out to the record in
 * which it is counted, or to NULL if it is not counted. Returns false, and counts nothing, if the
 * address has reached its maximum. */
bool sio__addr_limits_count_open_if_below_max(struct addr_limits *g, const struct addr *a,
                                              enum addr_count kind, struct addr_record **out);
/* Returns how many addresses have a record. */
uint32_t sio__addr_limits_count_known_addresses(const struct addr_limits *g);
void sio__addr_record_decrement_open_count(struct addr_record *p,
                                           enum addr_count kind); /* NULL is allowed. */

/* Counts the rejection, logs it within the rate limit of the log, and calls on_rejected, if set. */
void sio__addr_limits_report_refusal(struct addr_limits *g, int cause, const char *address,
                                     const char *detail);

#endif
