/* SPDX-License-Identifier: MIT
 *
 * addrlimit.c - the table of addresses, and telling of who is turned away.
 */
#include "net/addrlimit.h"
#include "base/mem.h"

enum {
  FORGET_MS = 1000, /* the least time between two looks at who may be forgotten */
  FORGET_MOST_MS = 3600 * 1000
};

static sio_slice key_of(const void *item) {
  const struct visitor *p = item;
  return slice((const char *)p->addr.b, sizeof p->addr.b);
}

/* ---- visitors ----------------------------------------------------------------------------- */

static void drop(struct visitor *p) {
  list_remove(&p->idle);
  sio__map_del(&p->door->visitors, key_of(p));
  sio__free(p);
}

/* So long after it was used last a visitor says nothing any more. */
static uint64_t memory_ms(const struct door *g) {
  uint64_t ms = sio__rate_rest(&g->rate);
  return ms < FORGET_MS ? FORGET_MS : ms > FORGET_MOST_MS ? FORGET_MOST_MS : ms;
}

static void set_forget(struct door *g) {
  if (!list_empty(&g->idle) && !timer_active(&g->forget))
    sio__loop_timer(g->loop, &g->forget, memory_ms(g));
}

static void on_forget(struct timer *t) {
  struct door *g = container_of(t, struct door, forget);
  uint64_t now = loop_now(g->loop), ms = memory_ms(g);
  struct list *it;
  while ((it = list_first(&g->idle))) {
    struct visitor *p = container_of(it, struct visitor, idle);
    if (now - p->idle_at < ms) break;
    drop(p);
  }
  set_forget(g);
}

static void rest(struct visitor *p) {
  struct door *g = p->door;
  if (p->open[VISIT_CONN] || p->open[VISIT_SESSION]) return;
  p->idle_at = loop_now(g->loop);
  list_remove(&p->idle);
  list_push(&g->idle, &p->idle);
  set_forget(g);
}

static struct visitor *add_visitor(struct door *g, const struct addr *key) {
  if (g->visitors.n >= g->max_visitors) {
    if (list_empty(&g->idle)) return NULL;
    drop(container_of(list_first(&g->idle), struct visitor, idle));
  }
  struct visitor *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  p->door = g;
  p->addr = *key;
  list_init(&p->idle);
  if (sio__map_put(&g->visitors, p) == 0) return p;
  sio__free(p);
  return NULL;
}

/* NULL: not counted. Without memory, too: a server in need does not turn everyone away. */
static struct visitor *visitor_of(struct door *g, const struct addr *a) {
  if (!door_counts(g) || a->kind != ADDR_IP || sio__addr_set_has(&g->trusted, a)) return NULL;
  struct addr key = sio__addr_group(a);
  struct visitor *p = sio__map_get(&g->visitors, slice((const char *)key.b, sizeof key.b));
  if (!p) p = add_visitor(g, &key);
  if (!p) g->uncounted++;
  return p;
}

/* ---- coming in ------------------------------------------------------------------------------ */

static bool is_full(const struct visitor *p, enum visit_kind kind) {
  return p->door->max_open && p->open[kind] >= p->door->max_open;
}

static uint64_t knock(struct visitor *p, enum visit_kind kind, int *cause) {
  struct door *g = p->door;
  bool session = kind == VISIT_SESSION;
  *cause = session ? SIO_REJECT_OPEN_SESSIONS : SIO_REJECT_OPEN;
  if (is_full(p, kind)) return UINT64_MAX;
  *cause = session ? SIO_REJECT_SESSIONS : SIO_REJECT_CONNECTS;
  return sio__bucket_take(&p->taken[kind], &g->rate, loop_now(g->loop));
}

static void hold(struct visitor *p, enum visit_kind kind) {
  p->open[kind]++;
  list_remove(&p->idle);
}

uint64_t sio__door_enter(struct door *g, const struct addr *a, enum visit_kind kind,
                         struct visitor **out, int *cause) {
  struct visitor *p = visitor_of(g, a);
  *out = NULL;
  uint64_t wait = p ? knock(p, kind, cause) : 0;
  if (!p) return 0;
  if (wait) {
    rest(p);
    return wait;
  }
  hold(p, kind);
  *out = p;
  return 0;
}

uint64_t sio__door_knock(struct door *g, const struct addr *a, enum visit_kind kind, int *cause) {
  struct visitor *p = visitor_of(g, a);
  uint64_t wait = p ? knock(p, kind, cause) : 0;
  if (p) rest(p);
  return wait;
}

uint64_t sio__door_charge(struct door *g, const struct addr *a, int *cause) {
  struct visitor *p = visitor_of(g, a);
  *cause = SIO_REJECT_SESSIONS;
  if (!p) return 0;
  uint64_t wait = sio__bucket_take(&p->taken[VISIT_SESSION], &g->rate, loop_now(g->loop));
  rest(p);
  return wait;
}

bool sio__door_hold(struct door *g, const struct addr *a, enum visit_kind kind,
                    struct visitor **out) {
  struct visitor *p = visitor_of(g, a);
  *out = NULL;
  if (!p) return true;
  if (is_full(p, kind)) return false;
  hold(p, kind);
  *out = p;
  return true;
}

void sio__visitor_leave(struct visitor *p, enum visit_kind kind) {
  if (!p) return;
  p->open[kind]--;
  rest(p);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void log_refusal(struct door *g, const sio_rejection *r) {
  const char *who = *r->address ? r->address : "a peer";
  LOG_RATED(g->log, SIO_LOG_WARN, SIO_ROOM_NET, LOG_TURNED_AWAY, who, "turned away %s: %s", who,
            r->detail);
}

void sio__door_refused(struct door *g, int cause, const char *address, const char *detail) {
  sio_rejection r = { cause, address, detail };
  if (cause < SIO_REJECT_END) g->refused[cause]++;
  log_refusal(g, &r);
  if (g->tell) g->tell(g, &r);
}

/* ---- life ------------------------------------------------------------------------------------ */

void sio__door_init(struct door *g, struct loop *l, struct log *log) {
  *g = (struct door){ .loop = l, .log = log };
  sio__map_init(&g->visitors, key_of);
  list_init(&g->idle);
  timer_init(&g->forget, on_forget);
}

void sio__door_clear(struct door *g) {
  struct visitor *p;
  sio__loop_untimer(g->loop, &g->forget);
  for (uint32_t i = 0; (p = sio__map_next(&g->visitors, &i));) sio__free(p);
  sio__map_clear(&g->visitors);
}
