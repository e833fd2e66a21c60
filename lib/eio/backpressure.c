/* SPDX-License-Identifier: MIT
 *
 * backpressure.c - above queue_high, drops queued events by the host's policy until queue_low is
 * reached; sio_on_drop() is called later, at the end of the turn.
 *
 * Only events that nobody waits for an answer to are dropped, whole, attachments included, and
 * never one of which a part may have left. What cannot be dropped (acks, pings, CONNECT) stays
 * until max_queued ends the session. A sweep costs a look at everything queued, and makes room for
 * queue_high - queue_low bytes; where it cannot, later events are dropped without another one.
 */
#include "eio/backpressure.h"
#include <inttypes.h>
#include <sio/emit.h>

struct backpressure {
  sio_session *session;
  struct task report_task;
  sio_drop dropped; /* not told yet                                   */
  bool over;        /* the host is to be told when it is lighter      */
  bool stuck;       /* the last sweep could not make room: until then */
};

/* ---- telling -------------------------------------------------------------------------- */

static void report_dropped_events(struct backpressure *f) {
  sio_session *c = f->session;
  sio_drop d = f->dropped;
  if (!d.events) return;
  f->dropped = (sio_drop){ 0 };
  LOG_RATED(c->eio->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_NOT_READING, sio_session_address(c),
            "%s does not read: dropped %" PRIu64 " events, %" PRIu64 " bytes",
            sio_session_address(c), d.events, d.bytes);
  if (c->eio->ops->dropped) c->eio->ops->dropped(c, &d);
}

static void on_report_task(struct task *t) {
  report_dropped_events(container_of(t, struct backpressure, report_task));
}

static void count_dropped_events(struct backpressure *f, uint64_t events, uint64_t bytes) {
  struct eio *e = f->session->eio;
  f->dropped.events += events;
  f->dropped.bytes += bytes;
  e->stats->events_dropped += events;
  e->stats->bytes_dropped += bytes;
  if (events) sio__loop_defer(e->loop, &f->report_task);
}

static struct backpressure *backpressure_get_or_new(sio_session *c) {
  struct backpressure *f = c->backpressure;
  if (f) return f;
  f = c->backpressure = sio__calloc(1, sizeof *f);
  if (!f) return NULL;
  f->session = c;
  task_init(&f->report_task, on_report_task);
  return f;
}

/* ---- the newest of each key ---------------------------------------------------------------- */

/* Where each key was seen last: open addressing, cap a power of two over twice the keys. */
struct latest {
  struct seen {
    uint64_t key;
    size_t at;
  } * slots;
  size_t cap, keyed, at;
  size_t packets; /* that wait, but the first */
};

static struct seen *find_key_slot(const struct latest *l, uint64_t key) {
  size_t i = key & (l->cap - 1);
  while (l->slots[i].key && l->slots[i].key != key) i = (i + 1) & (l->cap - 1);
  return &l->slots[i];
}

static bool count_queued_packets(const struct msg *m, size_t bytes, void *user) {
  struct latest *l = user;
  (void)bytes;
  l->keyed += m->key != 0;
  l->packets += !m->follows;
  return false;
}

static bool record_key_position(const struct msg *m, size_t bytes, void *user) {
  struct latest *l = user;
  (void)bytes;
  l->at++;
  if (m->key) *find_key_slot(l, m->key) = (struct seen){ m->key, l->at };
  return false;
}

/* Without memory for it the oldest go instead. */
static void index_latest_by_key(sio_session *c, struct latest *l) {
  if (!l->keyed) return;
  for (l->cap = 16; l->cap < 2 * l->keyed;) l->cap *= 2;
  l->slots = sio__calloc(l->cap, sizeof *l->slots);
  if (l->slots) c->transport->remove_if(c, record_key_position, l);
  l->at = 0;
}

/* With less room than this made, the next sweep would come too soon. */
static size_t queue_midpoint(const sio_options *o) {
  return o->queue_low + (o->queue_high - o->queue_low) / 2;
}

/* ---- a sweep ------------------------------------------------------------------------- */

struct sweep {
  struct latest latest;
  size_t held, until, high;
  size_t at; /* packets looked at */
  uint64_t events, bytes;
  bool dropping; /* the packet looked at last went: its attachments go too */
};

static bool should_drop_msg(struct sweep *s, const struct msg *m, size_t bytes, bool drop) {
  if (!m->follows) {
    s->dropping = drop && m->droppable;
    s->events += s->dropping;
  }
  if (!s->dropping) return false;
  s->held -= bytes;
  s->bytes += bytes;
  return true;
}

static bool should_drop_superseded(const struct msg *m, size_t bytes, void *user) {
  struct sweep *s = user;
  s->latest.at++;
  return should_drop_msg(s, m, bytes,
                         m->key && find_key_slot(&s->latest, m->key)->at != s->latest.at);
}

static bool should_drop_oldest(const struct msg *m, size_t bytes, void *user) {
  struct sweep *s = user;
  s->at += !m->follows;
  /* The newest goes only where it would be too much by itself. */
  return should_drop_msg(s, m, bytes, s->held > (s->at == s->latest.packets ? s->high : s->until));
}

/* True if the packet queued last was dropped. */
static bool drop_queued_events(sio_session *c, struct backpressure *f) {
  const sio_options *o = c->eio->opts;
  struct sweep s = { .held = c->transport->held(c), .until = o->queue_low, .high = o->queue_high };
  c->transport->remove_if(c, count_queued_packets, &s.latest);
  if (o->when_full == SIO_FULL_KEEP_LATEST) index_latest_by_key(c, &s.latest);
  if (s.latest.slots) c->transport->remove_if(c, should_drop_superseded, &s);
  sio__free(s.latest.slots);
  s.dropping = false;
  s.latest.packets -= s.events;
  if (s.held > s.until) c->transport->remove_if(c, should_drop_oldest, &s);
  f->stuck = s.held > queue_midpoint(o);
  count_dropped_events(f, s.events, s.bytes);
  return s.dropping;
}

/* ---- what the session asks ------------------------------------------------------------ */

static int overflow(sio_session *c, const char *why) {
  c->eio->stats->overflows++;
  sio__session_end(c, true, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG, why);
  return SIO_ETOOBIG;
}

static uint64_t chain_held_bytes(const struct msg *m) {
  uint64_t n = 0;
  for (; m; m = m->next) n += msg_memory_size(m);
  return n;
}

bool sio__backpressure_may_queue(sio_session *c, const struct msg *chain) {
  struct backpressure *f = c->backpressure;
  if (!f->stuck || !chain->droppable) return true;
  if (c->transport->held(c) <= queue_midpoint(c->eio->opts)) {
    f->stuck = false;
    return true;
  }
  count_dropped_events(f, 1, chain_held_bytes(chain));
  return false;
}

static bool policy_drops_events(const sio_options *o) {
  return o->when_full == SIO_FULL_DROP_OLDEST || o->when_full == SIO_FULL_KEEP_LATEST;
}

static int too_much(sio_session *c) {
  return overflow(c, "it does not read: more than max_queued bytes wait for it");
}

static int no_memory(sio_session *c) {
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory");
  return UV_ENOMEM;
}

/* Past the high mark by the peer's own fault. */
static int apply_full_policy(sio_session *c) {
  const sio_options *o = c->eio->opts;
  if (o->when_full == SIO_FULL_CLOSE)
    return overflow(c, "it does not read: more than queue_high bytes wait for it");
  struct backpressure *f = backpressure_get_or_new(c);
  if (!f) return no_memory(c);
  f->over = true;
  bool dropped = policy_drops_events(o) && drop_queued_events(c, f);
  if (c->ws) c->ws->conn->heavy = 1;
  if (c->transport->held(c) > o->max_queued) return too_much(c);
  return dropped ? SIO_EDROPPED : 0;
}

int sio__backpressure_on_full(sio_session *c) {
  if (!c->eio->opts->queue_high) return too_much(c);
  /* What the kernel takes at once is no sign of a slow peer. */
  if (c->ws) sio__conn_write_now(c->ws->conn);
  return c->transport->held(c) > c->eio->full_at ? apply_full_policy(c) : 0;
}

void sio__backpressure_on_low(sio_session *c) {
  struct backpressure *f = c->backpressure;
  if (!f || !f->over || c->state != SESSION_OPEN) return;
  f->over = f->stuck = false;
  if (c->eio->ops->writable) c->eio->ops->writable(c);
}

void sio__backpressure_on_upgrade(sio_session *c) {
  if (c->backpressure && c->backpressure->over && c->ws) c->ws->conn->heavy = 1;
}

void sio__backpressure_on_close(sio_session *c) {
  struct backpressure *f = c->backpressure;
  if (!f) return;
  task_cancel(&f->report_task);
  report_dropped_events(f);
}
