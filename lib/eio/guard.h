/* SPDX-License-Identifier: MIT
 *
 * guard.h - what a session is counted by, when the host has set limits: its address, and its meter.
 * It lies right before its session, in one block with it; one that nothing is counted of has none.
 */
#ifndef SIO_EIO_GUARD_H
#define SIO_EIO_GUARD_H

#include "eio/session.h"
#include "net/meter.h"

struct guard {
  struct meter meter;
  struct visitor *visitor;
};

static inline struct guard *guard_of(const sio_session *c) {
  return c->guarded ? (struct guard *)(uintptr_t)c - 1 : NULL;
}

/* A zeroed session with room for so much of an id, and its guard where e counts. */
sio_session *sio__guard_alloc(const struct eio *e, size_t id_size);
void sio__guard_free(sio_session *c); /* and the session */

/* Another session of this address. False: it has as many as it may, r is answered. */
bool sio__guard_open(sio_session *c, sio_request *r);
void sio__guard_stop(sio_session *c); /* it has left the table */

/* So much came from its peer. False: the peer is past its limits, and those who are get closed;
 * sio_on_limited() was told. Who pauses is paused. */
bool sio__guard_charge(sio_session *c, uint64_t packets, uint64_t bytes);
/* The same for what came over the session's transport, which ends with it. False: the session is
 * over. */
bool sio__guard_count(sio_session *c, uint64_t packets, uint64_t bytes);
static inline bool guard_pauses(const sio_session *c) {
  return c->guarded && meter_pauses(&guard_of(c)->meter);
}

#endif
