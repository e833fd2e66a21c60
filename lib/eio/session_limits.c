/* SPDX-License-Identifier: MIT
 *
 * session_limits.c - the rate limits of one session, and the number of sessions per address.
 */
#include "eio/session_limits.h"
#include "http/admit.h"

/* ---- rate limits -------------------------------------------------------------------------- */

void sio__session_limits_report_exceeded(struct meter *m, const char *limit, uint64_t wait_ms) {
  sio_session *c = session_of_meter(m);
  LOG_RATED_ABOUT(c->eio->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_LIMITED,
                  sio__session_client_address(c), ABOUT_SESSION(c), "%s sends more than %s",
                  sio__session_client_address(c), limit);
  sio_limited l = { .session = c, .limit = limit, .wait_ms = wait_ms };
  m->how->on_limited(m->how->owner, &l);
}

bool sio__session_limits_charge_rates(sio_session *c, uint64_t packets, uint64_t bytes) {
  struct session_limits *g = session_limits_of(c);
  return !g || sio__meter_charge(&g->meter, packets, bytes);
}

/* ---- allocation and the count per address --------------------------------------------------- */

static bool are_session_limits_set(const struct eio *e) {
  return meter_settings_have_limits(&e->group->meters) ||
         addr_limits_has_rate_or_max_open(e->group->addr_limits);
}

sio_session *sio__session_alloc_with_limits(const struct eio *e, size_t id_size,
                                            const struct meter_ops *ops) {
  size_t before = are_session_limits_set(e) ? sizeof(struct session_limits) : 0;
  char *block = sio__calloc(1, before + sizeof(sio_session) + id_size);
  if (!block) return NULL;
  sio_session *c = (sio_session *)(void *)(block + before);
  c->limited = before > 0;
  if (before) sio__meter_init(&session_limits_of(c)->meter, &e->group->meters, ops);
  return c;
}

void sio__session_free_block(sio_session *c) {
  sio__free(c->limited ? (void *)session_limits_of(c) : c);
}

bool sio__session_count_for_address_or_answer_429(sio_session *c, sio_request *r) {
  struct addr_limits *addr_limits = c->eio->group->addr_limits;
  struct addr a;
  if (!c->limited || !addr_limits_has_rate_or_max_open(addr_limits)) return true;
  a = sio__request_parse_client_address(r);
  if (sio__addr_limits_count_open_if_below_max(addr_limits, &a, ADDR_SESSIONS,
                                               &session_limits_of(c)->addr_record))
    return true;
  sio__answer_429_and_report_rejection(addr_limits, r, SIO_REJECT_OPEN_SESSIONS, UINT64_MAX);
  return false;
}

void sio__session_limits_stop_counting(sio_session *c) {
  struct session_limits *g = session_limits_of(c);
  if (!g) return;
  sio__meter_stop_timer(&g->meter);
  sio__addr_record_decrement_open_count(g->addr_record, ADDR_SESSIONS);
  g->addr_record = NULL;
}
