/* SPDX-License-Identifier: MIT
 *
 * backpressure.c - drops queued events by the host's policy (sio_options.when_full) when the queue
 * takes more than queue_high bytes. The host is told of the drops at the end of the turn.
 *
 * An event is dropped whole, with its attachments, and only if it has no ack and no part of it may
 * have been written. Acks, pings and CONNECT packets stay in the queue; max_queued bounds them. One
 * pass visits the whole queue and usually frees queue_high - queue_low bytes, so its cost is shared
 * by many sends. If a pass cannot free enough, later events that can be dropped are dropped without
 * another pass, as long as the queue stays long.
 */
#include "eio/backpressure.h"
#include <assert.h>
#include <sio/emit.h>

/* An episode of drops ends when nothing was dropped for this many milliseconds, or when the session
 * ends. */
enum { QUIET_MS = 10000 };

/* The drops that the log reports together: one line when they begin, another one when `lost`
 * becomes true after that, and one when they have ended. */
struct drop_episode {
  sio_drop dropped; /* dropped.events is 0 between two episodes */
  bool lost;        /* an event was dropped, and not because of a newer event with its key */
  uint64_t began_at, last_at;
  struct timer quiet_timer;
};

struct backpressure {
  sio_session *session;
  struct task report_task;
  struct drop_episode episode;
  sio_drop dropped; /* the drops that were not reported to the host yet */
  bool lost;        /* as in struct drop_episode, for the drops that `dropped` counts */
  /* The queue was over queue_high, and ops->writable has to be called when the queue is short
   * again. */
  bool over;
  /* The last search for events that can be dropped has freed too little. So further events that can
   * be dropped are dropped at once, without another search of the queue. */
  bool stuck;
};

/* ---- the log ------------------------------------------------------------------------------ */

/* Returns the log level for an episode of drops. With SIO_FULL_KEEP_LATEST the host wants values to
 * be dropped that newer ones replace. Only other drops are worth a warning. */
static int choose_log_level_for_drops(const struct drop_episode *e) {
  return e->lost ? SIO_LOG_WARN : SIO_LOG_INFO;
}

static void log_start_of_drops(struct backpressure *f) {
  sio_session *c = f->session;
  const struct drop_episode *e = &f->episode;
  const char *address = sio__session_client_address(c);
  if (e->lost)
    LOG_RATED_ABOUT(
        c->eio->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_NOT_READING, address, ABOUT_SESSION(c),
        "more than queue_high bytes wait for session %.8s of %s: events for it are dropped",
        SESSION_TAG(c), address);
  else
    LOG_RATED_ABOUT(
        c->eio->log, SIO_LOG_INFO, SIO_PART_EIO, LOG_NOT_READING, address, ABOUT_SESSION(c),
        "session %.8s of %s: values that newer ones replace are dropped (SIO_FULL_KEEP_LATEST)",
        SESSION_TAG(c), address);
}

static void log_end_of_drops(struct backpressure *f) {
  sio_session *c = f->session;
  struct drop_episode *e = &f->episode;
  if (!e->dropped.events) return;
  LOG_RATED_ABOUT(c->eio->log, choose_log_level_for_drops(e), SIO_PART_EIO, LOG_NOT_READING,
                  sio__session_client_address(c), ABOUT_SESSION(c),
                  "session %.8s of %s: %llu %s (%llu bytes) were dropped in %llu s", SESSION_TAG(c),
                  sio__session_client_address(c), (unsigned long long)e->dropped.events,
                  e->lost ? "events" : "replaced values", (unsigned long long)e->dropped.bytes,
                  (unsigned long long)(e->last_at - e->began_at) / 1000);
  e->dropped = (sio_drop){ 0 };
  e->lost = false;
}

static void start_episode_of_drops(struct backpressure *f) {
  struct loop *l = f->session->eio->loop;
  f->episode.began_at = loop_now(l);
  sio__loop_start_timer(l, &f->episode.quiet_timer, QUIET_MS);
}

/* Adds d to the episode of drops, and logs the beginning of an episode. An episode that began with
 * replaced values is logged again when the first other event is dropped. */
static void count_and_log_drops(struct backpressure *f, const sio_drop *d, bool lost) {
  struct drop_episode *e = &f->episode;
  bool begins = !e->dropped.events, worse = lost && !e->lost;
  if (begins) start_episode_of_drops(f);
  e->lost |= lost;
  if (begins || worse) log_start_of_drops(f);
  e->last_at = loop_now(f->session->eio->loop);
  e->dropped.events += d->events;
  e->dropped.bytes += d->bytes;
}

static void end_episode_of_drops_if_quiet(struct timer *t) {
  struct backpressure *f = container_of(t, struct backpressure, episode.quiet_timer);
  struct loop *l = f->session->eio->loop;
  uint64_t quiet = loop_now(l) - f->episode.last_at;
  if (quiet < QUIET_MS)
    sio__loop_start_timer(l, t, QUIET_MS - quiet);
  else
    log_end_of_drops(f);
}

/* ---- reports to the host ---------------------------------------------------------------- */

static void report_dropped_events(struct backpressure *f) {
  sio_session *c = f->session;
  sio_drop d = f->dropped;
  bool lost = f->lost;
  if (!d.events) return;
  f->dropped = (sio_drop){ 0 };
  f->lost = false;
  count_and_log_drops(f, &d, lost);
  c->eio->ops->dropped(c, &d);
}

static void report_dropped_events_task(struct task *t) {
  report_dropped_events(container_of(t, struct backpressure, report_task));
}

static void count_dropped_events_and_defer_report(struct backpressure *f, uint64_t events,
                                                  uint64_t bytes, bool lost) {
  struct eio *e = f->session->eio;
  f->lost |= lost;
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
  task_init(&f->report_task, report_dropped_events_task);
  timer_init(&f->episode.quiet_timer, end_episode_of_drops_if_quiet);
  return f;
}

/* ---- SIO_FULL_KEEP_LATEST: the newest event of each key -------------------------------------- */

/* A hash table of event keys (msg.key): a newer event replaces the older events that have the same
 * key. The table uses open addressing; its size is a power of two and at least twice the number of
 * queued msgs that have a key. Positions count the queued msgs for which the `visit` function of
 * the transport calls its callback. */
struct latest {
  struct key_slot {
    uint64_t key;
    size_t position; /* the position of the newest queued msg with this key */
  } * slots;
  size_t cap, keyed;
  size_t position; /* the position of the current message during a pass over the queue */
  /* How many packets and sent marks (placeholders, see sent.h) the `visit` function of the
   * transport has found in the queue, less the events that were dropped since. */
  size_t packets;
};

/* Returns the slot of the key or, if the key is not in the table, the empty slot for it. */
static struct key_slot *latest_events_find_slot_of_key(const struct latest *l, uint64_t key) {
  assert(key && l->cap > l->keyed);
  size_t i = (size_t)key & (l->cap - 1);
  while (l->slots[i].key && l->slots[i].key != key) i = (i + 1) & (l->cap - 1);
  return &l->slots[i];
}

static void count_queued_packets_and_keyed_msgs(const struct msg *m, void *user) {
  struct latest *l = user;
  l->keyed += m->key != 0;
  l->packets += !m->follows;
}

static void store_queue_position_of_event_key(const struct msg *m, void *user) {
  struct latest *l = user;
  l->position++;
  if (m->key) *latest_events_find_slot_of_key(l, m->key) = (struct key_slot){ m->key, l->position };
}

/* Fills the table of the newest event for each key. The table is complete, because the `visit`
 * function of the transport needs no memory. If there is no memory for the table itself, it stays
 * empty, and the oldest events are dropped whatever their keys are. */
static void index_latest_events_by_key(sio_session *c, struct latest *l) {
  if (!l->keyed) return;
  for (l->cap = 16; l->cap < 2 * l->keyed;) l->cap *= 2;
  l->slots = sio__calloc(l->cap, sizeof *l->slots);
  if (l->slots) c->transport->visit(c, store_queue_position_of_event_key, l);
  l->position = 0;
}

/* Returns the middle between queue_low and queue_high. If dropping events leaves more bytes than
 * this in the queue, it has freed too little: the queue would soon be full again. */
static size_t midpoint_of_queue_low_and_high(const sio_options *o) {
  return o->queue_low + (o->queue_high - o->queue_low) / 2;
}

/* ---- one pass over the queue ------------------------------------------------------------- */

struct drop_pass {
  struct latest latest;
  size_t held;      /* how much memory the queue takes */
  size_t low, high; /* the options queue_low and queue_high */
  size_t packets_seen;
  uint64_t events, bytes; /* how much was dropped until now */
  bool dropping;          /* the current packet is dropped, so its attachments are too */
};

static bool decide_and_count_msg_drop(struct drop_pass *s, const struct msg *m, size_t bytes,
                                      bool drop) {
  if (!m->follows) {
    s->dropping = drop && m->droppable;
    s->events += s->dropping;
  }
  if (!s->dropping) return false;
  s->held -= bytes;
  s->bytes += bytes;
  return true;
}

static bool decide_drop_of_superseded_event(const struct msg *m, size_t bytes, void *user) {
  struct drop_pass *s = user;
  s->latest.position++;
  const struct key_slot *newest =
      m->key ? latest_events_find_slot_of_key(&s->latest, m->key) : NULL;
  bool superseded = newest && newest->key == m->key && newest->position > s->latest.position;
  return decide_and_count_msg_drop(s, m, bytes, superseded);
}

/* Events are dropped, the oldest first, while the queue takes more than queue_low bytes. The newest
 * event is an exception: it is dropped only if the queue then still takes more than queue_high
 * bytes. */
static bool decide_drop_of_oldest_event(const struct msg *m, size_t bytes, void *user) {
  struct drop_pass *s = user;
  s->packets_seen += !m->follows;
  bool newest = s->packets_seen == s->latest.packets;
  return decide_and_count_msg_drop(s, m, bytes, s->held > (newest ? s->high : s->low));
}

/* Drops events from the queue as the option when_full says. Returns true if the packet that was
 * queued last was dropped. */
static bool drop_queued_events_by_policy(sio_session *c, struct backpressure *f) {
  const sio_options *o = c->eio->opts;
  struct drop_pass s = { .held = c->transport->held(c),
                         .low = o->queue_low,
                         .high = o->queue_high };
  c->transport->visit(c, count_queued_packets_and_keyed_msgs, &s.latest);
  if (o->when_full == SIO_FULL_KEEP_LATEST) index_latest_events_by_key(c, &s.latest);
  if (s.latest.slots) c->transport->remove_if(c, decide_drop_of_superseded_event, &s);
  sio__free(s.latest.slots);
  uint64_t replaced = s.events;
  s.dropping = false;
  s.latest.packets -= (size_t)replaced;
  if (s.held > s.low) c->transport->remove_if(c, decide_drop_of_oldest_event, &s);
  /* False if remove_if() has not reached the newest packet, for example because memory ran out:
   * then s.dropping says nothing about that packet. */
  bool saw_newest = s.packets_seen == s.latest.packets;
  f->stuck = s.held > midpoint_of_queue_low_and_high(o);
  count_dropped_events_and_defer_report(f, s.events, s.bytes, s.events > replaced);
  return s.dropping && saw_newest;
}

/* ---- calls of the session ---------------------------------------------------------------- */

static uint64_t msg_chain_memory_size(const struct msg *m) {
  uint64_t n = 0;
  for (; m; m = m->next) n += msg_memory_size(m);
  return n;
}

bool sio__backpressure_can_queue_or_count_drop(sio_session *c, const struct msg *chain) {
  struct backpressure *f = c->backpressure;
  if (!f->stuck || !chain->droppable) return true;
  if (c->transport->held(c) <= midpoint_of_queue_low_and_high(c->eio->opts)) {
    f->stuck = false;
    return true;
  }
  count_dropped_events_and_defer_report(f, 1, msg_chain_memory_size(chain), true);
  return false;
}

static bool does_when_full_option_drop_events(const sio_options *o) {
  return o->when_full == SIO_FULL_DROP_OLDEST || o->when_full == SIO_FULL_KEEP_LATEST;
}

/* Does what the option when_full says about a queue that is over queue_high. Returns 0;
 * SIO_EDROPPED if the packet that was queued last was dropped; or SIO_ETOOBIG or UV_ENOMEM if the
 * caller has to end the session. */
static int apply_when_full_option(sio_session *c) {
  const sio_options *o = c->eio->opts;
  if (o->when_full == SIO_FULL_CLOSE) return SIO_ETOOBIG;
  struct backpressure *f = backpressure_get_or_new(c);
  if (!f) return UV_ENOMEM;
  f->over = true;
  bool dropped = does_when_full_option_drop_events(o) && drop_queued_events_by_policy(c, f);
  if (c->ws) c->ws->conn->reports_low_mark = 1;
  if (c->transport->held(c) > o->max_queued) return SIO_ETOOBIG;
  return dropped ? SIO_EDROPPED : 0;
}

int sio__backpressure_drop_or_fail_on_full_queue(sio_session *c) {
  if (!c->eio->opts->queue_high) return SIO_ETOOBIG;
  /* Offers the queue of a WebSocket to the kernel first: if the kernel accepts it at once, the peer
   * is not slow. */
  if (c->ws) sio__conn_write_queue_now(c->ws->conn);
  return c->transport->held(c) > c->eio->full_bytes ? apply_when_full_option(c) : 0;
}

static size_t max_queue_memory_without_loss(const struct eio *e) {
  return e->opts->when_full == SIO_FULL_DROP_VOLATILE ? e->opts->max_queued : e->full_bytes;
}

size_t sio__backpressure_queue_room(const sio_session *c) {
  const struct backpressure *f = c->backpressure;
  size_t held = c->transport->held(c), max = max_queue_memory_without_loss(c->eio);
  bool drops = f && f->stuck && held > midpoint_of_queue_low_and_high(c->eio->opts);
  return drops || held > max ? 0 : max - held;
}

void sio__backpressure_report_writable_if_was_full(sio_session *c) {
  struct backpressure *f = c->backpressure;
  if (!f || !f->over || c->state != SESSION_OPEN) return;
  if (c->transport->held(c) > c->eio->opts->queue_low) return;
  f->over = f->stuck = false;
  c->eio->ops->writable(c);
}

void sio__backpressure_watch_queue_after_upgrade(sio_session *c) {
  if (c->backpressure && c->backpressure->over && c->ws) c->ws->conn->reports_low_mark = 1;
}

void sio__backpressure_end_and_report_drops(sio_session *c) {
  struct backpressure *f = c->backpressure;
  if (!f) return;
  task_cancel(&f->report_task);
  report_dropped_events(f);
  sio__loop_stop_timer(c->eio->loop, &f->episode.quiet_timer);
  log_end_of_drops(f);
}
