/* SPDX-License-Identifier: MIT
 *
 * session.h - one session: what transports, the upgrade, the handshake and lib/server may call.
 *
 *   OPEN --- sio__session_end() over WebSocket ----------------------------> CLOSED
 *   OPEN --- sio__session_end(discard) over polling, no request waiting ---> CLOSED
 *   OPEN --- sio__session_end() over polling otherwise --------------------> CLOSING
 *   OPEN --- sio__session_discard_unopened() ------------------------------> CLOSED
 *   CLOSING (discard) --- the waiting requests were answered or dropped ---> CLOSED
 *   CLOSING --- a GET is answered with the close packet, after the queue
 *               was fetched; or a timeout passes --------------------------> CLOSED
 *   CLOSING --- an upgrade completes, or the server closes ----------------> CLOSED
 *
 * For the layer above a session that has left OPEN is over; ops->close is called at the end of the
 * turn if ops->open was called. A session in CLOSED is removed from eio->sessions, and freed after
 * that call.
 */
#ifndef SIO_EIO_SESSION_H
#define SIO_EIO_SESSION_H

#include "eio/payload.h"
#include "eio/session_types.h"

/* Makes a session, adds it to eio->sessions and starts its heartbeat; the caller sets the
 * transport. If r is not NULL and the host has set generate_id, the host's function makes the id.
 * Takes ownership of head on success. Returns 0, SIO_ENAME (generate_id failed, or the id is
 * invalid or taken), or a libuv error. */
int sio__session_new(sio_session **out, struct eio *e, sio_request *r, struct kept_head *head,
                     unsigned protocol);
/* Queues the handshake packet, 0{"sid":...}, and sio_options.initial_packet if that is set. Returns
 * 0, UV_ENOMEM or SIO_ECLOSED. */
int sio__session_send_handshake(sio_session *c);
/* Counts and logs the session, and calls the open hooks and ops->open. Must be called after the
 * session's transport was set and, unless the session is one of a test, its handshake packet was
 * queued. */
void sio__session_count_and_report_open(sio_session *c);
/* Removes a session for which sio__session_count_and_report_open() was not called. Neither
 * ops->open nor ops->close is called. */
void sio__session_discard_unopened(sio_session *c);

/* Shows one msg to the log and to the hooks that watch packets, queues it on the transport, and
 * counts it as sent. Returns 0, UV_ENOMEM or SIO_ECLOSED. */
int sio__session_send_packet(sio_session *c, struct msg *m);
void sio__session_end_for_bad_packet(sio_session *c); /* ends c with SIO_REASON_PARSE_ERROR */
/* Call this when reading from the session resumes after a pause by a rate limit. Gives the peer
 * more time for its ping, or for a pong that is due soon, because the ping or pong may have arrived
 * and not been read yet. */
void sio__session_ping_again_or_extend_timeout(sio_session *c);

/* Counts packets and bytes that arrived over the session's transport against its rate limits. If a
 * limit is exceeded, pauses the session or ends it, as sio_options.when_limited says. Returns false
 * if the session is over. */
bool sio__session_charge_rate_limits_or_end(sio_session *c, uint64_t packets, uint64_t bytes);

/* Returns true while the session is open and its peer is over its rate limits or leaves too many
 * replies unread or, over polling, more than high_water bytes of memory are queued for the peer.
 * May write the queue of a WebSocket first. A transport calls this between two packets; if the
 * result is true, it handles no further packet for the time being. */
bool sio__session_must_stop_reading(sio_session *c);
/* Resumes reading, and the handling of packets that were kept back, if the session may be read
 * again. May call hooks of the host. */
void sio__session_resume_reading(sio_session *c);

/* Handles a packet that arrived over the session's transport. Returns false if the session is
 * over. */
bool sio__session_handle_packet(sio_session *c, const struct eio_in *in);
void sio__session_handle_websocket_text(sio_session *c,
                                        sio_slice text); /* a WebSocket text message */
/* Ends the session because of its peer: the peer has closed the session, or the connection of the
 * peer has ended. The queue of a polling session is dropped, and a waiting GET is answered with a
 * noop, and not with a close packet. ws_code is the code of the WebSocket's end (struct ws_close),
 * or 0. */
void sio__session_end_by_peer(sio_session *c, int reason, int err, int ws_code, const char *detail);
/* Ends the session because the host wants it, with a code and text for the close frame of a
 * WebSocket. ws_text need be valid only during the call. */
void sio__session_end_by_host(sio_session *c, bool discard, unsigned ws_code, const char *ws_text);
/* Removes the session from eio->sessions. The session is freed later. A transport whose `end` has
 * returned true must call this when the transport does not need the session any more. */
void sio__session_remove_and_schedule_close(sio_session *c);

/* Finds the session of e->sessions with this id. Returns NULL if there is none. */
sio_session *sio__session_find_by_sid(struct eio *e, sio_slice sid);

#endif
