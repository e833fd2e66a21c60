/* SPDX-License-Identifier: MIT
 *
 * meter.c - counts what a peer sends, pauses the peer if it exceeds a limit, and reports that.
 */
#include "net/meter.h"

enum { TELL_MS = 10000 };

static void on_timer_end_meter_pause(struct timer *t) {
  struct meter *m = container_of(t, struct meter, timer);
  m->ops->resume(m);
}

void sio__meter_init(struct meter *m, const struct meter_settings *how,
                     const struct meter_ops *ops) {
  *m = (struct meter){ .how = how, .ops = ops };
  timer_init(&m->timer, on_timer_end_meter_pause);
}

void sio__meter_stop_timer(struct meter *m) { sio__loop_stop_timer(m->how->loop, &m->timer); }

static void meter_report_limit_exceeded(struct meter *m, const char *limit, uint64_t wait_ms) {
  uint64_t now = loop_now(m->how->loop);
  /* If the peer is closed (wait_ms is 0), that is always reported. It can happen to a session
   * several times, because each connection with which it tries to upgrade is closed separately. */
  if (m->reported_at && now - m->reported_at < TELL_MS && wait_ms) return;
  m->reported_at = now;
  m->ops->limited(m, limit, wait_ms);
}

/* If the peer is paused already, the pause is extended, and nothing is reported. */
static void meter_start_or_extend_pause(struct meter *m, const char *limit, uint64_t wait_ms) {
  bool anew = !meter_is_paused(m);
  sio__loop_start_timer(m->how->loop, &m->timer, wait_ms);
  if (!anew) return;
  m->how->stats->limited++;
  m->ops->pause(m);
  meter_report_limit_exceeded(m, limit, wait_ms);
}

bool sio__meter_charge(struct meter *m, uint64_t packets, uint64_t bytes) {
  const struct meter_settings *how = m->how;
  uint64_t now = loop_now(how->loop);
  uint64_t a = sio__bucket_charge(&m->packets, &how->packets, now, packets);
  uint64_t b = sio__bucket_charge(&m->bytes, &how->bytes, now, bytes);
  if (!a && !b) return true;
  const char *limit = a >= b ? "packets_per_s" : "bytes_per_s";
  if (how->closes) {
    how->stats->limited_closed++;
    meter_report_limit_exceeded(m, limit, 0);
    return false;
  }
  meter_start_or_extend_pause(m, limit, a >= b ? a : b);
  return true;
}
