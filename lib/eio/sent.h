/* SPDX-License-Identifier: MIT
 *
 * sent.h - places in what a session sends that its host wants to hear of: all before one has left.
 *
 * A fence is a mark in the transport's queue, which keeps its place there whatever is dropped
 * around it, and moves with the queue in an upgrade. Marks pass in the order they were queued, so
 * they need no names.
 */
#ifndef SIO_EIO_SENT_H
#define SIO_EIO_SENT_H

#include "eio/session.h"

/* So many marks have passed. From anywhere: whoever waits is called at the turn's end. */
void sio__sent_on_marks_passed(sio_session *c, unsigned n);
/* The session is over: who still waits is told SIO_ECLOSED. From the loop only. */
void sio__sent_on_close(sio_session *c);

#endif
