/* SPDX-License-Identifier: MIT
 *
 * backpressure.h - a peer that reads more slowly than the host sends: decides which queued events
 * are dropped, and notifies the host of the drops and of the moment at which it may send again.
 *
 * A session allocates nothing for this until its queue takes more than sio_options.queue_high
 * bytes. No function here ends the session itself: sio__backpressure_drop_or_fail_on_full_queue()
 * returns an error if the caller has to end it.
 */
#ifndef SIO_EIO_BACKPRESSURE_H
#define SIO_EIO_BACKPRESSURE_H

#include "eio/session_types.h"

/* Call this before a packet, a chain of msgs, is queued while c->backpressure is not NULL. Returns
 * true if the caller can queue the packet. Returns false if the packet was dropped and counted,
 * because dropping the events in the queue has freed too little, and the queue is still long. */
bool sio__backpressure_can_queue_or_count_drop(sio_session *c, const struct msg *chain);
/* Call this when a packet was queued and the queue then takes more than eio->full_bytes. Returns 0;
 * SIO_EDROPPED if that packet was dropped; or SIO_ETOOBIG (the queue is over the limit that ends a
 * session) or UV_ENOMEM, and then the caller has to end the session. */
int sio__backpressure_drop_or_fail_on_full_queue(sio_session *c);
/* Returns how much more memory the queue of an open session may take before events are dropped or
 * the session is ended. */
size_t sio__backpressure_queue_room(const sio_session *c);
/* Call this when a part of the queue may have been sent, but not from inside a function that sends:
 * calls ops->writable if the queue was over queue_high before and takes at most queue_low bytes
 * now. */
void sio__backpressure_report_writable_if_was_full(sio_session *c);
/* Call this when the queue has moved to a WebSocket. If the queue was over queue_high and has not
 * become short since, makes the WebSocket report when the queue is short. */
void sio__backpressure_watch_queue_after_upgrade(sio_session *c);
/* Call this when the session is over, but not from inside a function that sends: reports the drops
 * that were not reported yet to the host, and logs the end of the drops. */
void sio__backpressure_end_and_report_drops(sio_session *c);

#endif
