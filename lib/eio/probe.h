/* SPDX-License-Identifier: MIT
 *
 * probe.h - a WebSocket that wants to take a polling session over.
 *
 *   "2probe" is answered "3probe"; from then on a GET that waits is answered with a noop, so that
 *   the client can stop polling; "5" moves the session, whatever stands after the "5" and in
 *   whatever form the protocol has for it, once the POSTs that came before it are handled. Anything
 *   else, or upgrade_timeout, closes the WebSocket and leaves the session as it was.
 *
 * What comes over it besides these two is charged to the session's limits: one peer sends both.
 * Past them the WebSocket is not read, or it is closed, as the options say; the session stays.
 */
#ifndef SIO_EIO_PROBE_H
#define SIO_EIO_PROBE_H

#include "eio/session.h"

/* w has just opened for the session. 0; UV_ENOMEM: w is let go of. */
int sio__probe_start(sio_session *c, struct ws_conn *w);
void sio__probe_drop(struct probe *p); /* the session ends */
void sio__probe_poll_came(struct probe *p);
/* The session's peer is within its limits again, or its POSTs are handled. From the loop only. */
void sio__probe_go_on(struct probe *p);

#endif
