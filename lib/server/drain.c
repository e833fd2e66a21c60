/* SPDX-License-Identifier: MIT
 *
 * drain.c - sio_server_drain(): ends the sessions little by little over a given time, so that their
 * clients do not all reconnect to another server at the same moment. Then the server closes.
 */
#include "server/drain.h"

#include "base/sized.h"
#include "eio/session.h"
#include "server/members.h"

enum { DRAIN_STEP_MS = 20 };

/* Returns how many sessions have to be ended now. The number of sessions that may stay open
 * decreases evenly, from all sessions at the start of the drain to none at the time
 * spread_until. */
static uint64_t count_sessions_to_end_now(const sio_server *srv, uint64_t now) {
  const struct drain *d = &srv->drain;
  uint64_t left = srv->core.stats.sessions, may_stay = 0;
  if (now < d->spread_until) may_stay = d->sessions * (d->spread_until - now) / d->spread_ms;
  return left > may_stay ? left - may_stay : 0;
}

/* Ends up to n sessions of one engine. Returns how many sessions are left to be ended in the other
 * engines: n less those that were ended here. */
static uint64_t end_up_to_n_sessions_of_engine(struct eio *e, uint64_t n) {
  list_each (it, tmp, &e->all) {
    sio_session *c = container_of(it, sio_session, link);
    if (n == 0) break;
    if (c->state != SESSION_OPEN) continue;
    sio__session_end(c, false, SIO_REASON_SERVER_SHUTTING_DOWN, 0, "the server drains");
    n--;
    /* The next session was removed from the list, too, so this loop cannot continue. The next step
     * of the drain starts again at the first session. */
    if (list_is_empty(tmp)) break;
  }
  return n;
}

static void end_up_to_n_sessions_of_server(sio_server *srv, uint64_t n) {
  list_each (it, tmp, &srv->engines.engines)
    n = end_up_to_n_sessions_of_engine(container_of(it, struct eio, link), n);
}

static bool has_no_sessions(const sio_server *srv) {
  list_each (it, tmp, &srv->engines.engines)
    if (!map_is_empty(&container_of(it, struct eio, link)->sessions)) return false;
  return true;
}

static void end_sessions_due_in_drain_or_close_server(sio_server *srv) {
  uint64_t now = loop_now(&srv->core.loop);
  if (now >= srv->drain.deadline || has_no_sessions(srv)) {
    sio_server_close(srv, NULL, NULL);
    return;
  }
  end_up_to_n_sessions_of_server(srv, count_sessions_to_end_now(srv, now));
  sio__loop_start_timer(&srv->core.loop, &srv->drain.timer, DRAIN_STEP_MS);
}

static void run_drain_step_on_timer(struct timer *t) {
  end_sessions_due_in_drain_or_close_server(container_of(t, sio_server, drain.timer));
}

void sio__drain_timer_init(sio_server *srv) {
  timer_init(&srv->drain.timer, run_drain_step_on_timer);
}

void sio__drain_timer_stop(sio_server *srv) {
  sio__loop_stop_timer(&srv->core.loop, &srv->drain.timer);
}

int sio_server_drain(sio_server *srv, const sio_drain_options *options, void (*done)(void *user),
                     void *user) {
  sio_drain_options d = { 0 };
  if (options && sio__read_sized_struct(&d, sizeof d, options, sizeof d)) return UV_EINVAL;
  if (loop_refuse_call_inside_observer_callback(&srv->core.loop, "sio_server_drain()"))
    return SIO_ESTATE;
  if (srv->core.closing || srv->engines.draining) return SIO_ESTATE;
  if (!d.deadline_ms) d.deadline_ms = (uint64_t)d.spread_ms + srv->opts.o.close_timeout_ms;
  uint64_t now = loop_now(&srv->core.loop);
  srv->drain.sessions = srv->core.stats.sessions;
  srv->drain.spread_ms = d.spread_ms;
  srv->drain.spread_until = now + d.spread_ms;
  srv->drain.deadline = now + d.deadline_ms;
  srv->drain.done = done;
  srv->drain.user = user;
  srv->engines.draining = true;
  sio__server_mark_draining_in_threads(srv);
  srv->engines.retry_after_s = d.retry_after_s;
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_PART_SIO,
      "the server drains: it ends %zu sessions within %u ms", (size_t)srv->core.stats.sessions,
      d.spread_ms);
  /* The first step of the drain runs later, in a turn of the loop. If the server has no sessions,
   * it closes in that step. */
  sio__loop_start_timer(&srv->core.loop, &srv->drain.timer, 0);
  return 0;
}
