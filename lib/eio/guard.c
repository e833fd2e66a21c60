/* SPDX-License-Identifier: MIT
 *
 * guard.c - sessions counted per address, and peers that send too much held back.
 */
#include "eio/guard.h"
#include "eio/polling.h"
#include "eio/probe.h"
#include "http/admit.h"

/* ---- the meter ---------------------------------------------------------------------------- */

static sio_session *session_of(struct meter *m) {
  return (sio_session *)(container_of(m, struct guard, meter) + 1);
}

/* A WebSocket is not read; over polling the answer to the POST waits. A WebSocket on trial pauses
 * itself. */
static void on_pause(struct meter *m) {
  sio_session *c = session_of(m);
  if (c->ws) sio__ws_hold(c->ws);
}

static void on_resume(struct meter *m) {
  sio_session *c = session_of(m);
  sio__session_patience(c);
  sio__session_go_on(c);
}

static void on_limited(struct meter *m, const char *limit, uint64_t wait_ms) {
  sio_session *c = session_of(m);
  LOG_RATED(c->eio->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_LIMITED, sio_session_address(c),
            "%s sends more than %s", sio_session_address(c), limit);
  sio_limited l = { .session = c, .limit = limit, .wait_ms = wait_ms };
  m->how->tell(m->how->owner, &l);
}

static const struct meter_ops ops = { .pause = on_pause,
                                      .resume = on_resume,
                                      .limited = on_limited };

bool sio__guard_charge(sio_session *c, uint64_t packets, uint64_t bytes) {
  struct guard *g = guard_of(c);
  return !g || sio__meter_count(&g->meter, packets, bytes);
}

bool sio__guard_count(sio_session *c, uint64_t packets, uint64_t bytes) {
  if (!sio__guard_charge(c, packets, bytes))
    sio__session_end(c, true, SIO_REASON_FORCED_CLOSE, SIO_ELIMIT,
                     "it sends more than its limits allow");
  return c->state == SESSION_OPEN;
}

/* ---- life --------------------------------------------------------------------------------- */

static bool counts(const struct eio *e) {
  return meter_wanted(&e->group->meters) || (e->group->door && door_counts(e->group->door));
}

sio_session *sio__guard_alloc(const struct eio *e, size_t id_size) {
  size_t before = counts(e) ? sizeof(struct guard) : 0;
  char *block = sio__calloc(1, before + sizeof(sio_session) + id_size);
  if (!block) return NULL;
  sio_session *c = (sio_session *)(void *)(block + before);
  c->guarded = before > 0;
  if (before) sio__meter_init(&guard_of(c)->meter, &e->group->meters, &ops);
  return c;
}

void sio__guard_free(sio_session *c) { sio__free(c->guarded ? (void *)guard_of(c) : c); }

bool sio__guard_open(sio_session *c, sio_request *r) {
  struct door *door = c->eio->group->door;
  struct addr a;
  if (!c->guarded || !door_counts(door)) return true;
  a = sio__request_addr(r);
  if (sio__door_hold(door, &a, VISIT_SESSION, &guard_of(c)->visitor)) return true;
  sio__admit_reject(door, r, SIO_REJECT_OPEN_SESSIONS, UINT64_MAX);
  return false;
}

void sio__guard_stop(sio_session *c) {
  struct guard *g = guard_of(c);
  if (!g) return;
  sio__meter_stop(&g->meter);
  sio__visitor_leave(g->visitor, VISIT_SESSION);
  g->visitor = NULL;
}
