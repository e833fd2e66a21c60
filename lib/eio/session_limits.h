/* SPDX-License-Identifier: MIT
 *
 * session_limits.h - what is counted for a session when the host has set limits: its address, and
 * a meter of what it sends. They are allocated right before the session, in one block with it, and
 * only where limits are set.
 */
#ifndef SIO_EIO_SESSION_LIMITS_H
#define SIO_EIO_SESSION_LIMITS_H

#include "eio/session.h"
#include "net/meter.h"

struct session_limits {
  struct meter meter;
  struct addr_record *addr_record;
};

static inline struct session_limits *limits_of(const sio_session *c) {
  return c->guarded ? (struct session_limits *)(uintptr_t)c - 1 : NULL;
}

/* A zeroed session with room for so much of an id, and its guard where e counts. */
sio_session *sio__session_limits_alloc(const struct eio *e, size_t id_size);
void sio__session_limits_free(sio_session *c); /* and the session */

/* Another session of this address. False: it has as many as it may, r is answered. */
bool sio__session_limits_count_session(sio_session *c, sio_request *r);
void sio__session_limits_release(sio_session *c); /* it has left the table */

/* So much came from its peer. False: the peer is past its limits, and those who are get closed;
 * sio_on_limited() was told. Who pauses is paused. */
bool sio__session_limits_charge(sio_session *c, uint64_t packets, uint64_t bytes);
/* The same for what came over the session's transport, which ends with it. False: the session is
 * over. */
bool sio__session_charge(sio_session *c, uint64_t packets, uint64_t bytes);
static inline bool session_is_paused(const sio_session *c) {
  return c->guarded && meter_is_paused(&limits_of(c)->meter);
}

#endif
