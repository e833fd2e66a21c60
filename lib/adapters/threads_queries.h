/* SPDX-License-Identifier: MIT
 *
 * threads_queries.h - sends requests to the servers of other threads, and receives the answers that
 * are a struct answer.
 */
#ifndef SIO_ADAPTERS_THREADS_QUERIES_H
#define SIO_ADAPTERS_THREADS_QUERIES_H

#include "adapters/threads_adapter.h"

/* Sends a copy of *r to the servers of all other threads. If `target` is not NULL, the socket
 * target->skip is left out there, too. If q is not NULL, q is held open for each server to which
 * the request was sent, until that server has sent ANSWER_END or q has ended. Returns UV_ENOMEM if
 * the copy could not be made, otherwise 0. An error of sending the copy to one server is logged,
 * and becomes the status of q if q has none. If that server is closing, neither is done. */
int sio__thread_request_send_to_others(struct threads_adapter *a, struct request *r,
                                       const sio_target *target, sio_query *q);
/* Sends a copy of *r to the n members (the servers of threads) `to`. For `target` and q see
 * sio__thread_request_send_to_others(). Sets *sent to the copy, with one reference for the caller;
 * or to NULL if n is 0 or the copy could not be made. Returns 0 or the last error. */
int sio__thread_request_send_to_members(struct threads_adapter *a, struct request *r,
                                        const sio_target *target, sio_query *q,
                                        const struct member_id *to, unsigned n,
                                        struct request **sent);
/* Sends a copy of *r, which belongs to no query, to the server `to` of another thread. The caller
 * has set r->number: the number of a restore, or 0. Returns 0 or an error, which was logged and
 * counted unless it is SIO_ECLOSED. */
int sio__thread_request_send_to_one(struct threads_adapter *a, struct member_id to,
                                    struct request *r);
/* Called when the query q has ended: releases q once for each ANSWER_END that has not arrived,
 * because q was held open until then. Answers that arrive later are ignored. */
void sio__thread_query_forget_and_release(struct threads_adapter *a, sio_query *q);

/* Sends a copy of *answer to the server `to`, which has sent the request. Returns 0 or an error,
 * which was logged and counted unless it is SIO_ECLOSED. */
int sio__thread_answer_send(struct core *core, struct member_id to, const struct answer *answer);
/* Logs and counts a message between the servers of two threads that could not be sent, or that
 * could not be handled after it had arrived. err is the reason. */
void sio__thread_message_report_lost(struct core *core, int err, const char *nsp);

#endif
