/* SPDX-License-Identifier: MIT
 *
 * addr_limits.c - the table of address records, the checks against the limits, and the reports of
 * rejected peers.
 */
#include "net/addr_limits.h"
#include "base/mem.h"

enum {
  FORGET_MS = 1000, /* the shortest time between two runs of the forget timer */
  FORGET_MOST_MS = 3600 * 1000
};

static sio_slice addr_record_key(const void *item) {
  const struct addr_record *p = item;
  return slice((const char *)p->addr.b, sizeof p->addr.b);
}

/* ---- records --------------------------------------------------------------- */

static void addr_record_free(struct addr_record *p) {
  list_remove(&p->idle);
  sio__map_del(&p->limits->records, addr_record_key(p));
  sio__free(p);
}

/* After this time without use a record carries no information: its buckets are full again. */
static uint64_t forget_after_ms(const struct addr_limits *g) {
  uint64_t ms = sio__rate_refill_ms(&g->rate), requests = sio__rate_refill_ms(&g->request_rate);
  if (ms < requests) ms = requests;
  return ms < FORGET_MS ? FORGET_MS : ms > FORGET_MOST_MS ? FORGET_MOST_MS : ms;
}

static void start_forget_timer(struct addr_limits *g) {
  if (!list_empty(&g->idle) && !timer_active(&g->forget))
    sio__loop_start_timer(g->loop, &g->forget, forget_after_ms(g));
}

static void on_forget_timer(struct timer *t) {
  struct addr_limits *g = container_of(t, struct addr_limits, forget);
  uint64_t now = loop_now(g->loop), ms = forget_after_ms(g);
  struct list *it;
  while ((it = list_first(&g->idle))) {
    struct addr_record *p = container_of(it, struct addr_record, idle);
    if (now - p->idle_at < ms) break;
    addr_record_free(p);
  }
  start_forget_timer(g);
}

static void link_if_idle(struct addr_record *p) {
  struct addr_limits *g = p->limits;
  if (p->open[ADDR_CONNS] || p->open[ADDR_SESSIONS]) return;
  p->idle_at = loop_now(g->loop);
  list_remove(&p->idle);
  list_push(&g->idle, &p->idle);
  start_forget_timer(g);
}

static struct addr_record *add_addr_record(struct addr_limits *g, const struct addr *key) {
  if (g->records.n >= g->max_records) {
    if (list_empty(&g->idle)) return NULL;
    addr_record_free(container_of(list_first(&g->idle), struct addr_record, idle));
  }
  struct addr_record *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  p->limits = g;
  p->addr = *key;
  list_init(&p->idle);
  if (sio__map_put(&g->records, p) == 0) return p;
  sio__free(p);
  return NULL;
}

/* NULL: the address is not counted. This includes a lack of memory, so that a server that runs
 * out of memory does not reject every peer. */
static struct addr_record *find_or_add_addr_record(struct addr_limits *g, const struct addr *a) {
  if (a->kind != ADDR_IP || sio__addr_set_has(&g->trusted, a)) return NULL;
  struct addr key = sio__addr_limit_key(a);
  struct addr_record *p = sio__map_get(&g->records, slice((const char *)key.b, sizeof key.b));
  if (!p) p = add_addr_record(g, &key);
  if (!p) g->not_counted++;
  return p;
}

/* ---- admission ------------------------------------------------------------- */

static struct addr_record *record_of_new_peer(struct addr_limits *g, const struct addr *a) {
  return addr_limits_active(g) ? find_or_add_addr_record(g, a) : NULL;
}

static bool is_at_open_limit(const struct addr_record *p, enum addr_count kind) {
  return p->limits->max_open && p->open[kind] >= p->limits->max_open;
}

static uint64_t check_and_charge(struct addr_record *p, enum addr_count kind, int *cause) {
  struct addr_limits *g = p->limits;
  bool session = kind == ADDR_SESSIONS;
  *cause = session ? SIO_REJECT_OPEN_SESSIONS : SIO_REJECT_OPEN;
  if (is_at_open_limit(p, kind)) return UINT64_MAX;
  *cause = session ? SIO_REJECT_SESSIONS : SIO_REJECT_CONNECTS;
  return sio__bucket_take(&p->buckets[kind], &g->rate, loop_now(g->loop));
}

static void addr_record_add_open(struct addr_record *p, enum addr_count kind) {
  p->open[kind]++;
  list_remove(&p->idle);
}

uint64_t sio__addr_limits_admit(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                                struct addr_record **out, int *cause) {
  struct addr_record *p = record_of_new_peer(g, a);
  *out = NULL;
  uint64_t wait = p ? check_and_charge(p, kind, cause) : 0;
  if (!p) return 0;
  if (wait) {
    link_if_idle(p);
    return wait;
  }
  addr_record_add_open(p, kind);
  *out = p;
  return 0;
}

uint64_t sio__addr_limits_check_and_charge(struct addr_limits *g, const struct addr *a,
                                           enum addr_count kind, int *cause) {
  struct addr_record *p = record_of_new_peer(g, a);
  uint64_t wait = p ? check_and_charge(p, kind, cause) : 0;
  if (p) link_if_idle(p);
  return wait;
}

uint64_t sio__addr_limits_charge_session(struct addr_limits *g, const struct addr *a, int *cause) {
  struct addr_record *p = record_of_new_peer(g, a);
  *cause = SIO_REJECT_SESSIONS;
  if (!p) return 0;
  uint64_t wait = sio__bucket_take(&p->buckets[ADDR_SESSIONS], &g->rate, loop_now(g->loop));
  link_if_idle(p);
  return wait;
}

uint64_t sio__addr_limits_charge_request(struct addr_limits *g, const struct addr *a) {
  struct addr_record *p = find_or_add_addr_record(g, a);
  if (!p) return 0;
  uint64_t wait = sio__bucket_take(&p->requests, &g->request_rate, loop_now(g->loop));
  link_if_idle(p);
  return wait;
}

bool sio__addr_limits_add_open(struct addr_limits *g, const struct addr *a, enum addr_count kind,
                               struct addr_record **out) {
  struct addr_record *p = record_of_new_peer(g, a);
  *out = NULL;
  if (!p) return true;
  if (is_at_open_limit(p, kind)) return false;
  addr_record_add_open(p, kind);
  *out = p;
  return true;
}

void sio__addr_record_release(struct addr_record *p, enum addr_count kind) {
  if (!p) return;
  p->open[kind]--;
  link_if_idle(p);
}

/* ---- reporting ------------------------------------------------------------- */

static void log_rejected_peer(struct addr_limits *g, const sio_rejection *r) {
  const char *who = *r->address ? r->address : "a peer";
  LOG_RATED(g->log, SIO_LOG_WARN, SIO_ROOM_NET, LOG_TURNED_AWAY, r->address, "turned away %s: %s",
            who, r->detail);
}

void sio__addr_limits_report_refusal(struct addr_limits *g, int cause, const char *address,
                                     const char *detail) {
  sio_rejection r = { cause, address, detail };
  if (cause < SIO_REJECT_END) g->refused[cause]++;
  log_rejected_peer(g, &r);
  if (g->on_rejected) g->on_rejected(g, &r);
}

/* ---- start and end --------------------------------------------------------- */

void sio__addr_limits_init(struct addr_limits *g, struct loop *l, struct log *log) {
  *g = (struct addr_limits){ .loop = l, .log = log };
  sio__map_init(&g->records, addr_record_key);
  list_init(&g->idle);
  timer_init(&g->forget, on_forget_timer);
}

void sio__addr_limits_clear(struct addr_limits *g) {
  struct addr_record *p;
  sio__loop_stop_timer(g->loop, &g->forget);
  for (uint32_t i = 0; (p = sio__map_next(&g->records, &i));) sio__free(p);
  sio__map_clear(&g->records);
}
