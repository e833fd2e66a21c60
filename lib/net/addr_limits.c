/* SPDX-License-Identifier: MIT
 *
 * addr_limits.c - the table of address records, the checks against the limits, and the reports of
 * rejected peers.
 */
#include "net/addr_limits.h"
#include "base/mem.h"
#include <limits.h>

enum {
  /* A record is idle while its address has no open connection or session. An idle record is kept
   * for at least FORGET_MS, unless the table is full. After FORGET_MOST_MS it may always be
   * removed. */
  FORGET_MS = 1000,
  FORGET_MOST_MS = 3600 * 1000,
  /* The most records that are removed when a record is added to a shared table. Only records are
   * removed that have been idle for idle_record_lifetime_ms(). */
  FORGET_AT_ONCE = 2
};

static sio_slice get_map_key_of_addr_record(const void *item) {
  const struct addr_record *p = item;
  return slice((const char *)p->addr.b, sizeof p->addr.b);
}

/* ---- records --------------------------------------------------------------- */

static void remove_and_free_addr_record(struct addr_record *p) {
  list_remove(&p->idle);
  sio__map_del(&p->table->records, get_map_key_of_addr_record(p));
  sio__free(p);
}

static void lock_addr_table_if_shared(struct addr_table *t) {
  if (!t->owner) pthread_mutex_lock(&t->lock);
}

static void unlock_addr_table_if_shared(struct addr_table *t) {
  if (!t->owner) pthread_mutex_unlock(&t->lock);
}

/* Returns the current time. A shared table belongs to no loop, so its time is read from the clock
 * from which all loops take their time: uv_hrtime(). */
static uint64_t addr_table_now_ms(const struct addr_table *t) {
  return t->owner ? loop_now(t->owner->loop) : uv_hrtime() / 1000000;
}

/* Returns the time after which an idle record may be removed: its token buckets are full again
 * then, so the record is like a new one. The result is at least FORGET_MS. It is at most
 * FORGET_MOST_MS, even if the buckets need more time to become full. */
static uint64_t idle_record_lifetime_ms(const struct addr_limits *g) {
  uint64_t ms = sio__bucket_refill_ms(&g->rate), requests = sio__bucket_refill_ms(&g->request_rate);
  if (ms < requests) ms = requests;
  return ms < FORGET_MS ? FORGET_MS : ms > FORGET_MOST_MS ? FORGET_MOST_MS : ms;
}

static void start_idle_records_timer_if_needed(struct addr_limits *g) {
  if (!list_is_empty(&g->own.idle) && !timer_is_active(&g->forget))
    sio__loop_start_timer(g->loop, &g->forget, idle_record_lifetime_ms(g));
}

/* Frees records that have been idle for at least `ms` milliseconds, at most n of them, those that
 * have been idle longest first. */
static void free_idle_addr_records(struct addr_table *t, uint64_t ms, unsigned n) {
  uint64_t now = addr_table_now_ms(t);
  struct list *it;
  while (n-- > 0 && (it = list_first(&t->idle))) {
    struct addr_record *p = container_of(it, struct addr_record, idle);
    if (now - p->idle_at < ms) break;
    remove_and_free_addr_record(p);
  }
}

static void on_timer_free_idle_addr_records(struct timer *t) {
  struct addr_limits *g = container_of(t, struct addr_limits, forget);
  free_idle_addr_records(&g->own, idle_record_lifetime_ms(g), UINT_MAX);
  start_idle_records_timer_if_needed(g);
}

static void add_addr_record_to_idle_list_if_unused(struct addr_record *p) {
  struct addr_table *t = p->table;
  if (p->open[ADDR_CONNS] || p->open[ADDR_SESSIONS]) return;
  p->idle_at = addr_table_now_ms(t);
  list_remove(&p->idle);
  list_append(&t->idle, &p->idle);
  if (t->owner) start_idle_records_timer_if_needed(t->owner);
}

static struct addr_record *add_addr_record_replacing_idle_if_full(struct addr_limits *g,
                                                                  const struct addr *key) {
  struct addr_table *t = g->table;
  if (!t->owner) free_idle_addr_records(t, idle_record_lifetime_ms(g), FORGET_AT_ONCE);
  if (t->records.n >= g->max_records) {
    if (list_is_empty(&t->idle)) return NULL;
    remove_and_free_addr_record(container_of(list_first(&t->idle), struct addr_record, idle));
  }
  struct addr_record *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  p->table = t;
  p->addr = *key;
  list_init(&p->idle);
  if (sio__map_put(&t->records, p) == 0) return p;
  sio__free(p);
  return NULL;
}

/* Returns NULL if no limits apply to the peer: it has no IP address, is a trusted proxy, or gets no
 * record because all records are in use or memory runs out. (Without a record the peer is admitted,
 * because otherwise the server would reject every new address.) */
static struct addr_record *find_or_add_addr_record_unless_trusted(struct addr_limits *g,
                                                                  const struct addr *a) {
  if (a->kind != ADDR_IP || sio__addr_set_contains(&g->trusted, a)) return NULL;
  struct addr key = sio__addr_clear_ipv6_host_bits(a);
  struct addr_record *p =
      sio__map_get(&g->table->records, slice((const char *)key.b, sizeof key.b));
  if (!p) p = add_addr_record_replacing_idle_if_full(g, &key);
  if (!p) g->not_counted++;
  return p;
}

/* ---- admission ------------------------------------------------------------- */

static struct addr_record *find_or_add_addr_record_if_limited(struct addr_limits *g,
                                                              const struct addr *a) {
  return addr_limits_has_rate_or_max_open(g) ? find_or_add_addr_record_unless_trusted(g, a) : NULL;
}

static bool is_address_at_max_open(const struct addr_limits *g, const struct addr_record *p,
                                   enum addr_count kind) {
  return g->max_open && p->open[kind] >= g->max_open;
}

static uint64_t check_and_charge_addr_record(const struct addr_limits *g, struct addr_record *p,
                                             enum addr_count kind, int *cause) {
  bool session = kind == ADDR_SESSIONS;
  *cause = session ? SIO_REJECT_OPEN_SESSIONS : SIO_REJECT_OPEN;
  if (is_address_at_max_open(g, p, kind)) return UINT64_MAX;
  *cause = session ? SIO_REJECT_SESSIONS : SIO_REJECT_CONNECTS;
  return sio__bucket_try_take_one(&p->buckets[kind], &g->rate, addr_table_now_ms(g->table));
}

static void addr_record_increment_open_count(struct addr_record *p, enum addr_count kind) {
  p->open[kind]++;
  list_remove(&p->idle);
}

uint64_t sio__addr_limits_admit(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                                struct addr_record **out, int *cause) {
  lock_addr_table_if_shared(g->table);
  struct addr_record *p = find_or_add_addr_record_if_limited(g, a);
  uint64_t wait = p ? check_and_charge_addr_record(g, p, kind, cause) : 0;
  if (p && wait)
    add_addr_record_to_idle_list_if_unused(p);
  else if (p)
    addr_record_increment_open_count(p, kind);
  unlock_addr_table_if_shared(g->table);
  *out = wait ? NULL : p;
  return wait;
}

uint64_t sio__addr_limits_check_and_charge(struct addr_limits *g, const struct addr *a,
                                           enum addr_count kind, int *cause) {
  lock_addr_table_if_shared(g->table);
  struct addr_record *p = find_or_add_addr_record_if_limited(g, a);
  uint64_t wait = p ? check_and_charge_addr_record(g, p, kind, cause) : 0;
  if (p) add_addr_record_to_idle_list_if_unused(p);
  unlock_addr_table_if_shared(g->table);
  return wait;
}

uint64_t sio__addr_limits_charge_session(struct addr_limits *g, const struct addr *a, int *cause) {
  lock_addr_table_if_shared(g->table);
  struct addr_record *p = find_or_add_addr_record_if_limited(g, a);
  uint64_t wait = p ? sio__bucket_try_take_one(&p->buckets[ADDR_SESSIONS], &g->rate,
                                               addr_table_now_ms(g->table))
                    : 0;
  if (p) add_addr_record_to_idle_list_if_unused(p);
  unlock_addr_table_if_shared(g->table);
  *cause = SIO_REJECT_SESSIONS;
  return wait;
}

uint64_t sio__addr_limits_charge_request(struct addr_limits *g, const struct addr *a) {
  lock_addr_table_if_shared(g->table);
  struct addr_record *p = find_or_add_addr_record_unless_trusted(g, a);
  uint64_t wait =
      p ? sio__bucket_try_take_one(&p->requests, &g->request_rate, addr_table_now_ms(g->table)) : 0;
  if (p) add_addr_record_to_idle_list_if_unused(p);
  unlock_addr_table_if_shared(g->table);
  return wait;
}

bool sio__addr_limits_count_open_if_below_max(struct addr_limits *g, const struct addr *a,
                                              enum addr_count kind, struct addr_record **out) {
  lock_addr_table_if_shared(g->table);
  struct addr_record *p = find_or_add_addr_record_if_limited(g, a);
  bool allowed = !p || !is_address_at_max_open(g, p, kind);
  if (p && allowed) addr_record_increment_open_count(p, kind);
  unlock_addr_table_if_shared(g->table);
  *out = allowed ? p : NULL;
  return allowed;
}

uint32_t sio__addr_limits_count_known_addresses(const struct addr_limits *g) {
  lock_addr_table_if_shared(g->table);
  uint32_t n = g->table->records.n;
  unlock_addr_table_if_shared(g->table);
  return n;
}

void sio__addr_record_decrement_open_count(struct addr_record *p, enum addr_count kind) {
  if (!p) return;
  struct addr_table *t = p->table;
  lock_addr_table_if_shared(t);
  p->open[kind]--;
  add_addr_record_to_idle_list_if_unused(p);
  unlock_addr_table_if_shared(t);
}

/* ---- reporting ------------------------------------------------------------- */

static void log_rejected_peer(struct addr_limits *g, const sio_rejection *r) {
  const char *peer = *r->address ? r->address : "a peer";
  LOG_RATED(g->log, SIO_LOG_WARN, SIO_PART_NET, LOG_TURNED_AWAY, r->address, "rejected %s: %s",
            peer, r->detail);
}

void sio__addr_limits_report_refusal(struct addr_limits *g, int cause, const char *address,
                                     const char *detail) {
  sio_rejection r = { cause, address, detail };
  if (cause >= 0 && cause < SIO_REJECT_END) g->refused[cause]++;
  log_rejected_peer(g, &r);
  if (g->on_rejected) g->on_rejected(g, &r);
}

/* ---- start and end --------------------------------------------------------- */

void sio__addr_limits_init(struct addr_limits *g, struct loop *l, struct log *log) {
  *g = (struct addr_limits){ .loop = l, .log = log, .table = &g->own, .own.owner = g };
  sio__map_init(&g->own.records, get_map_key_of_addr_record);
  list_init(&g->own.idle);
  timer_init(&g->forget, on_timer_free_idle_addr_records);
}

int sio__addr_table_init_with_lock(struct addr_table *t) {
  *t = (struct addr_table){ 0 };
  sio__map_init(&t->records, get_map_key_of_addr_record);
  list_init(&t->idle);
  return pthread_mutex_init(&t->lock, NULL) ? UV_ENOMEM : 0;
}

void sio__addr_table_clear(struct addr_table *t) {
  struct addr_record *p;
  for (uint32_t i = 0; (p = sio__map_next(&t->records, &i));) sio__free(p);
  sio__map_clear(&t->records);
  if (!t->owner) pthread_mutex_destroy(&t->lock);
}

void sio__addr_limits_clear(struct addr_limits *g) {
  sio__loop_stop_timer(g->loop, &g->forget);
  sio__addr_table_clear(&g->own);
}
