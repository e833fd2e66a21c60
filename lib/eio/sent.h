/* SPDX-License-Identifier: MIT
 *
 * sent.h - sio_session_on_sent(): callbacks that run when everything queued before the call has
 * been sent.
 *
 * Each callback that has to wait has a sent mark, a placeholder in the transport's queue. A mark
 * keeps its place when messages around it are dropped, and moves with the queue in an upgrade.
 * Marks leave the queue in the order in which they were queued, so a count of them says which
 * callbacks have to run.
 */
#ifndef SIO_EIO_SENT_H
#define SIO_EIO_SENT_H

#include "eio/session_types.h"

/* Call this when the oldest n sent marks (placeholders in the queue, one for each callback) have
 * left the queue. Their callbacks run at the end of the turn, so this may be called from
 * anywhere. */
void sio__sent_callbacks_schedule_oldest(sio_session *c, unsigned n);
/* Call this when the session is over, but not from inside a function that sends. Runs the callbacks
 * that have not run yet: the status is 0 for those that sio__sent_callbacks_schedule_oldest() has
 * scheduled, and SIO_ECLOSED for the others. */
void sio__sent_callbacks_run_all_at_close(sio_session *c);

#endif
