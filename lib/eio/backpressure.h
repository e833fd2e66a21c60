/* SPDX-License-Identifier: MIT
 *
 * backpressure.h - a peer that reads more slowly than the host sends: which queued events are
 * dropped, and when the host hears of that and of its end.
 *
 * Nothing of this exists for a session until what waits for it takes more than queue_high bytes.
 */
#ifndef SIO_EIO_BACKPRESSURE_H
#define SIO_EIO_BACKPRESSURE_H

#include "eio/session.h"

/* May m be queued? False while the policy can make no room: it is dropped, and counted. */
bool sio__backpressure_may_queue(sio_session *c, const struct msg *chain);
/* A packet was queued, and what waits takes more than eio->full_at. 0; SIO_EDROPPED when that
 * packet was one of those dropped; SIO_ETOOBIG, UV_ENOMEM: the session ends. */
int sio__backpressure_on_full(sio_session *c);
/* What waits takes no more than queue_low now. From the loop only: the layer above may be told. */
void sio__backpressure_on_low(sio_session *c);
/* The queue moved to another transport. */
void sio__backpressure_on_upgrade(sio_session *c);
/* It is over: what was dropped and not told yet is told. From the loop only. */
void sio__backpressure_on_close(sio_session *c);

#endif
