/* SPDX-License-Identifier: MIT
 *
 * polling_post.h - the POSTs of a polling session: the packets that the peer sends.
 *
 * One POST may be open at a time. Its packets are handled when the body is complete, and it is
 * answered then. While the session has to stop reading (sio__session_must_stop_reading()), the
 * packets that are left wait in a backlog and the answer is usually held back, so that the client
 * sends no further POST. But a client that upgrades stops polling when its POST is answered, and
 * takes what is queued over the WebSocket. So its POST is answered at once, also while the session
 * is over a rate limit, and the backlog may still exist when the session uses the WebSocket. The
 * client may send another POST before it receives "3probe", and then waits for the answer to that
 * POST: if the backlog has room, the POST is added to it and answered, too.
 */
#ifndef SIO_EIO_POLLING_POST_H
#define SIO_EIO_POLLING_POST_H

#include "eio/polling_queue.h"
#include "eio/session.h"

/* Takes over a verified POST of the session: keeps it until it is complete; answers it at once if
 * the session is closing; or refuses it and ends the session. */
void sio__polling_accept_or_refuse_post(sio_session *c, sio_request *r);
/* Answers r with 400 and ends the session, because r is malformed, or an earlier request of the
 * session with the same method is still open. */
void sio__polling_refuse_request_and_end_session(sio_session *c, sio_request *r,
                                                 const char *detail);
/* If packets of POSTs wait in the backlog, schedules their handling for the end of the turn.
 * Otherwise answers the POST whose answer was held back, if there is one, unless a rate limit
 * pauses the session. */
void sio__polling_resume_backlog_or_answer_post(sio_session *c);
/* Answers the POST if its body is complete and its answer was held back. */
void sio__polling_answer_held_post(sio_session *c);
/* If the answer to a POST is held back, answers the POST, even if its packets were not handled yet.
 * The client needs the answer before it reads the messages that fill the queue, or before it
 * upgrades. Does not answer if the backlog (the POSTs whose packets wait to be handled) has no room
 * for the POST, or if the session ends, for example because the POST is invalid. */
void sio__polling_answer_post_before_handling(sio_session *c);
/* Call this when the session is over. If `ok` is true or the body of the POST is complete, answers
 * the POST with 200; otherwise closes its connection. */
void sio__polling_answer_or_drop_post(struct polling *p, bool ok);
/* Detaches the POST from the session and returns it, or NULL if there is none. */
sio_request *sio__polling_detach_post(struct polling *p);
void sio__polling_free_post_backlog(struct polling *p); /* drops the packets that wait */
/* Frees c->polling of a session that was upgraded to a WebSocket, and drops the packets of POSTs
 * that still wait in c->polling->backlog. After an upgrade c->polling is kept until these packets
 * were handled, or until the session is freed. Does nothing if c->polling is NULL. */
void sio__polling_free_after_upgrade(sio_session *c);
/* Returns true if packets of a POST wait to be handled. */
bool sio__polling_has_post_backlog(const sio_session *c);
/* Returns how many bytes of an incomplete POST were received. */
size_t sio__polling_incomplete_post_bytes(const struct polling *p);

#endif
