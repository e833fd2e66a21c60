/* SPDX-License-Identifier: MIT
 *
 * polling.h - HTTP long-polling: one GET waits for what is queued, one POST at a time
 * brings what the peer sends.
 */
#ifndef SIO_EIO_POLLING_H
#define SIO_EIO_POLLING_H

#include "eio/session.h"

/* What is queued: a run of msgs, mostly of one, each the `follow` of the one before. */
struct out_node {
  struct out_node *next;
  struct msg *m, *last;
};

int sio__polling_open(sio_session *c); /* makes it the session's transport; 0, UV_ENOMEM */
/* Answers the request that opened the session, with what was queued for it. */
void sio__polling_answer_first_get(sio_session *c, sio_request *r);
void sio__polling_free(struct polling *p); /* NULL is fine */
/* The other transport takes over: a parked GET is answered with a noop, the queue is handed to
 * `take` msg by msg (which borrows), the rest is freed. */
void sio__polling_hand_over_queue(sio_session *c, void (*take)(sio_session *c, struct msg *m));
/* Bytes that have come of a POST that is not whole yet. */
size_t sio__polling_arriving(const struct polling *p);
/* What held a POST, or its answer, up may be over. From the loop only. */
void sio__polling_go_on(sio_session *c);
bool sio__polling_unread(const sio_session *c); /* packets of it wait to be handled */
/* Lets a parked GET go, so that the peer can upgrade. */
void sio__polling_release_get(sio_session *c);

/* A request of this session, verified but for what only polling knows. They answer r or keep it. */
void sio__polling_on_get(sio_session *c, sio_request *r);
void sio__polling_on_post(sio_session *c, sio_request *r);

extern const struct http_mount sio__polling_get_mount, sio__polling_post_mount;

#endif
