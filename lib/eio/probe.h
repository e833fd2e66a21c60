/* SPDX-License-Identifier: MIT
 *
 * probe.h - the upgrade of a polling session to a WebSocket.
 *
 * The client opens a WebSocket for the session and sends "2probe"; we answer "3probe". From then
 * on a waiting GET is answered soon, with a noop if nothing is queued, and a POST even if its
 * packets cannot be handled yet, so that the client can stop polling. The client's "5" moves the
 * session and its queue to the WebSocket; packets of POSTs that still wait are handled before
 * messages of the WebSocket. Any other packet, or upgrade_timeout, closes the WebSocket and leaves
 * the session on polling.
 *
 * What arrives over the WebSocket, except two short packets at the beginning, is charged to the
 * rate limits of the session. If the peer is over a limit, its WebSocket is not read, or is closed,
 * as when_limited says; the session stays.
 */
#ifndef SIO_EIO_PROBE_H
#define SIO_EIO_PROBE_H

#include "eio/session.h"

/* Starts an upgrade of c over w, which has just opened. Returns 0, or UV_ENOMEM after it has
 * closed w. */
int sio__start_upgrade_probe(sio_session *c, struct ws_conn *w);

#endif
