/* SPDX-License-Identifier: MIT
 *
 * trace.h - packets shown to those who asked for it: engine hooks, and the log. Only where
 * group->wants says so.
 */
#ifndef SIO_EIO_TRACE_H
#define SIO_EIO_TRACE_H

#include "eio/session.h"

/* A packet came. False: the session is over. */
bool sio__trace_packet_in(sio_session *c, const struct eio_in *in);
/* A message came. True: the host has taken it. */
bool sio__trace_message_in(sio_session *c, const struct eio_in *in);
/* One msg is about to be queued. */
void sio__trace_packet_out(sio_session *c, const struct msg *m);
void sio__trace_chain_out(sio_session *c, const struct msg *chain); /* several */
/* What is queued is about to leave. */
void sio__trace_flush(sio_session *c);

#endif
