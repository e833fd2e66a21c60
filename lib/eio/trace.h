/* SPDX-License-Identifier: MIT
 *
 * trace.h - shows packets to the engine hooks that ask for them, and to the log at level debug.
 * Callers check eio->wants first, so that packets cost nothing more where nothing wants them.
 */
#ifndef SIO_EIO_TRACE_H
#define SIO_EIO_TRACE_H

#include "eio/payload.h"
#include "eio/session_types.h"

/* A packet was received. False: a hook has ended the session. */
bool sio__trace_packet_in(sio_session *c, const struct eio_in *in);
/* A message was received. True: a hook has handled it, or has ended the session. */
bool sio__trace_message_in(sio_session *c, const struct eio_in *in);
/* One msg, or each msg of a chain, is about to be queued. */
void sio__trace_packet_out(sio_session *c, const struct msg *m);
void sio__trace_chain_out(sio_session *c, const struct msg *chain);
/* The queue is about to be written. */
void sio__trace_call_flush_hooks(sio_session *c);

#endif
