/* SPDX-License-Identifier: MIT
 *
 * redis_odd_rig.h - a Redis that answers commands of the streams adapter as a test says.
 */
#ifndef SIO_TEST_REDIS_ODD_RIG_H
#define SIO_TEST_REDIS_ODD_RIG_H

#include "redis_streams_rig.h"

static const char *odd_verb;  /* the command that is answered with odd_reply */
static const char *odd_reply; /* NULL: no answer                             */
static int odd_times;         /* that often                                  */
static struct fake_conn *odd; /* the connection that asked last              */

static inline bool odd_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (odd_times <= 0 || !slice_equals_str(w[0], odd_verb)) return streams_special(c, w, n);
  odd_times--;
  odd = c;
  if (odd_reply) fake_say(c, odd_reply);
  return true;
}

static inline void answer_oddly(const char *verb, const char *reply, int times) {
  odd_verb = verb;
  odd_reply = reply;
  odd_times = times;
  odd = NULL;
}

static inline void begin_odd(const sio_recovery *r, const sio_redis_options *more) {
  static const sio_redis_options none;
  answer_oddly("", NULL, 0);
  fake_special = odd_special;
  begin_streams_with(r, more ? more : &none);
}

/* What the reader gets for its XREAD. */
static inline void read_oddly(const char *reply) {
  UNTIL(reader != NULL);
  struct fake_conn *c = reader;
  reader = NULL;
  fake_say(c, reply);
}

static inline void is_ready_again(void) {
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
}

static const char event_for_all[] __attribute__((unused)) =
    "{\"packet\":{\"type\":2,\"data\":[\"all\"]},\"opts\":{\"rooms\":[],\"except\":[]}}";

static inline uint64_t failed_to_recover(int cause) {
  return srv->core.stats.recovery_failed[cause];
}

static inline void on_ended(int status, sio_replies *r, void *user) {
  (void)user;
  trace("%s %zu ", status ? sio_strerror(status) : "all", r->count);
}

#endif
