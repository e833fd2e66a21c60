/* SPDX-License-Identifier: MIT
 *
 * session_limits.h - what is counted for a session when the host has set limits: the sessions of
 * its address, and the packets and bytes that its peer sends. A struct session_limits is allocated
 * in one block with the session, right before it, and only where limits are set
 * (sio_session.limited).
 */
#ifndef SIO_EIO_SESSION_LIMITS_H
#define SIO_EIO_SESSION_LIMITS_H

#include "eio/session_types.h"
#include "net/meter.h"

struct session_limits {
  struct meter meter;
  struct addr_record *addr_record; /* counts the sessions of this address; NULL: not counted */
};

/* Returns the limits of the session, or NULL if it has none. */
static inline struct session_limits *session_limits_of(const sio_session *c) {
  return c->limited ? (struct session_limits *)(uintptr_t)c - 1 : NULL;
}

static inline sio_session *session_of_meter(struct meter *m) {
  return (sio_session *)(container_of(m, struct session_limits, meter) + 1);
}

/* Returns true while a rate limit pauses the session. */
static inline bool session_is_paused_by_rate_limit(const sio_session *c) {
  return c->limited && meter_is_paused(&session_limits_of(c)->meter);
}

/* Allocates a zeroed session with room for an id of id_size bytes, and its struct session_limits
 * if e has limits. `ops` pauses and resumes the session, and should log with
 * sio__session_limits_report_exceeded(). Returns NULL if memory ran out. */
sio_session *sio__session_alloc_with_limits(const struct eio *e, size_t id_size,
                                            const struct meter_ops *ops);
void sio__session_free_block(sio_session *c); /* frees c and its limits */

/* Counts the session for its address. If the address has too many sessions, answers r with 429 and
 * returns false. */
bool sio__session_count_for_address_or_answer_429(sio_session *c, sio_request *r);
/* Call this when the session is removed from eio->sessions: stops the meter, and no longer counts
 * the session for its address. */
void sio__session_limits_stop_counting(sio_session *c);

/* Counts received packets and bytes for the rate limits. If a limit is exceeded, what happens
 * depends on sio_options.when_limited. SIO_LIMITED_PAUSE: the session is paused, or its pause
 * extended, and the function returns true. SIO_LIMITED_CLOSE: the function returns false. */
bool sio__session_limits_charge_rates(sio_session *c, uint64_t packets, uint64_t bytes);
/* Logs that the peer is over a limit, and calls the host's on_limited. */
void sio__session_limits_report_exceeded(struct meter *m, const char *limit, uint64_t wait_ms);

#endif
