/* SPDX-License-Identifier: MIT
 *
 * tap.h - packets shown to those who asked for it: engine hooks, and the log. Only where
 * group->wants says so.
 */
#ifndef SIO_EIO_TAP_H
#define SIO_EIO_TAP_H

#include "eio/session.h"

/* A packet came. False: the session is over. */
bool sio__tap_in(sio_session *c, const struct eio_in *in);
/* A message came. True: the host has taken it. */
bool sio__tap_message(sio_session *c, const struct eio_in *in);
/* One msg is about to be queued. */
void sio__tap_out(sio_session *c, const struct msg *m);
void sio__tap_chain(sio_session *c, const struct msg *chain); /* several */
/* What is queued is about to leave. */
void sio__tap_flush(sio_session *c);

#endif
