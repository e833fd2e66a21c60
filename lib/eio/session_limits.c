/* SPDX-License-Identifier: MIT
 *
 * session_limits.c - sessions counted per address, and peers that send too much held back.
 */
#include "eio/session_limits.h"
#include "eio/polling.h"
#include "eio/probe.h"
#include "http/admit.h"

/* ---- the meter ---------------------------------------------------------------------------- */

static sio_session *session_of_meter(struct meter *m) {
  return (sio_session *)(container_of(m, struct session_limits, meter) + 1);
}

/* A WebSocket is not read; over polling the answer to the POST waits. A WebSocket on trial pauses
 * itself. */
static void limits_on_pause(struct meter *m) {
  sio_session *c = session_of_meter(m);
  if (c->ws) sio__ws_pause(c->ws);
}

static void limits_on_resume(struct meter *m) {
  sio_session *c = session_of_meter(m);
  sio__session_extend_timeout(c);
  sio__session_resume(c);
}

static void limits_on_exceeded(struct meter *m, const char *limit, uint64_t wait_ms) {
  sio_session *c = session_of_meter(m);
  LOG_RATED(c->eio->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_LIMITED, sio_session_address(c),
            "%s sends more than %s", sio_session_address(c), limit);
  sio_limited l = { .session = c, .limit = limit, .wait_ms = wait_ms };
  m->how->tell(m->how->owner, &l);
}

static const struct meter_ops ops = { .pause = limits_on_pause,
                                      .resume = limits_on_resume,
                                      .limited = limits_on_exceeded };

bool sio__session_limits_charge(sio_session *c, uint64_t packets, uint64_t bytes) {
  struct session_limits *g = limits_of(c);
  return !g || sio__meter_count(&g->meter, packets, bytes);
}

bool sio__session_charge(sio_session *c, uint64_t packets, uint64_t bytes) {
  if (!sio__session_limits_charge(c, packets, bytes))
    sio__session_end(c, true, SIO_REASON_FORCED_CLOSE, SIO_ELIMIT,
                     "it sends more than its limits allow");
  return c->state == SESSION_OPEN;
}

/* ---- life --------------------------------------------------------------------------------- */

static bool are_limits_set(const struct eio *e) {
  return meter_has_limits(&e->group->meters) ||
         (e->group->addr_limits && addr_limits_active(e->group->addr_limits));
}

sio_session *sio__session_limits_alloc(const struct eio *e, size_t id_size) {
  size_t before = are_limits_set(e) ? sizeof(struct session_limits) : 0;
  char *block = sio__calloc(1, before + sizeof(sio_session) + id_size);
  if (!block) return NULL;
  sio_session *c = (sio_session *)(void *)(block + before);
  c->guarded = before > 0;
  if (before) sio__meter_init(&limits_of(c)->meter, &e->group->meters, &ops);
  return c;
}

void sio__session_limits_free(sio_session *c) { sio__free(c->guarded ? (void *)limits_of(c) : c); }

bool sio__session_limits_count_session(sio_session *c, sio_request *r) {
  struct addr_limits *addr_limits = c->eio->group->addr_limits;
  struct addr a;
  if (!c->guarded || !addr_limits_active(addr_limits)) return true;
  a = sio__request_client_addr(r);
  if (sio__addr_limits_add_open(addr_limits, &a, ADDR_SESSIONS, &limits_of(c)->addr_record))
    return true;
  sio__admit_answer_429(addr_limits, r, SIO_REJECT_OPEN_SESSIONS, UINT64_MAX);
  return false;
}

void sio__session_limits_release(sio_session *c) {
  struct session_limits *g = limits_of(c);
  if (!g) return;
  sio__meter_stop(&g->meter);
  sio__addr_record_release(g->addr_record, ADDR_SESSIONS);
  g->addr_record = NULL;
}
