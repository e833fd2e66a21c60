/* SPDX-License-Identifier: MIT
 *
 * trace.h - shows packets to the engine hooks that ask for them, and to the log at level debug.
 * Callers check eio->wants first, so that packets cost nothing more if neither hooks nor the log
 * need them.
 */
#ifndef SIO_EIO_TRACE_H
#define SIO_EIO_TRACE_H

#include "eio/payload.h"
#include "eio/session_types.h"

/* Call this when a packet was received and eio->wants is not 0: logs it and calls the packet hooks.
 * Returns false if a hook has ended the session. */
bool sio__trace_incoming_packet_to_log_and_hooks(sio_session *c, const struct eio_in *in);
/* Call this when a message was received and eio->wants has WANT_MESSAGE. Returns true if a hook
 * has handled the message or has ended the session. */
bool sio__trace_call_incoming_message_hooks(sio_session *c, const struct eio_in *in);
/* Call this before a msg is queued, if eio->wants is not 0: logs m, and calls the packet_create
 * hooks unless the session is still opening. */
void sio__trace_outgoing_packet_to_log_and_hooks(sio_session *c, const struct msg *m);
/* Calls sio__trace_outgoing_packet_to_log_and_hooks() for each msg of a chain. */
void sio__trace_outgoing_msgs_to_log_and_hooks(sio_session *c, const struct msg *chain);
/* Call this before the queue is written: calls the flush hooks if the session is open. */
void sio__trace_call_flush_hooks(sio_session *c);

#endif
