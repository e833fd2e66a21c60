/* SPDX-License-Identifier: MIT
 *
 * sent.h - sio_session_on_sent(): callbacks that run when everything queued before the call has
 * left.
 *
 * Each callback has a mark in the transport's queue. A mark keeps its place when messages around it
 * are dropped, and moves with the queue in an upgrade. Marks are passed in the order in which they
 * were queued, so a count of them says which callbacks are due.
 */
#ifndef SIO_EIO_SENT_H
#define SIO_EIO_SENT_H

#include "eio/session_types.h"

/* Call this when the oldest n sent marks have left the queue. It may be called from anywhere: the
 * callbacks run at the end of the turn. */
void sio__sent_callbacks_on_marks_passed(sio_session *c, unsigned n);
/* Call this when the session is over, from the loop only: callbacks that have not run yet are
 * called with SIO_ECLOSED. */
void sio__sent_callbacks_on_session_close(sio_session *c);

#endif
