/* SPDX-License-Identifier: MIT
 *
 * polling.h - the long-polling transport: a GET waits until there is something to send, and a POST
 * brings what the peer sends (polling_post.h).
 */
#ifndef SIO_EIO_POLLING_H
#define SIO_EIO_POLLING_H

#include "eio/session.h"

extern const struct transport sio__transport_polling;

/* Makes long-polling the transport of the session. Returns 0 or UV_ENOMEM. */
int sio__polling_init_for_session(sio_session *c);
/* Answers the request that opened the session: with the queue, which begins with the handshake
 * packet. */
void sio__polling_answer_first_get(sio_session *c, sio_request *r);
/* Takes over a verified GET of the session: answers it, or keeps it until there is something to
 * send. If another GET of the session waits, refuses this one and ends the session. */
void sio__polling_answer_store_or_refuse_get(sio_session *c, sio_request *r);
/* If a GET waits, answers it at once, with the queue or, if nothing is queued, with a noop, so that
 * the client can upgrade or send its next request. */
void sio__polling_answer_get_with_queue_or_noop(sio_session *c);
/* Call this when the session has moved to a WebSocket: passes each queued msg to `take`, answers a
 * waiting GET with a noop, and then sends the answer to a POST that was held back. Frees
 * c->polling, unless packets of a POST wait to be handled. `take` must take a reference of its own
 * to a msg that it keeps. */
void sio__polling_hand_over_to_websocket(sio_session *c,
                                         void (*take)(sio_session *c, struct msg *m));

#endif
