/* SPDX-License-Identifier: MIT
 *
 * threads_questions.h - sends requests to other members, and receives the answers to them.
 */
#ifndef SIO_ADAPTERS_THREADS_QUESTIONS_H
#define SIO_ADAPTERS_THREADS_QUESTIONS_H

#include "adapters/threads_adapter.h"

/* Sends a copy of *from to all other members. If q is not NULL, it takes one reference to q
 * (sio__query_hold()) for each member, which the member's ANSWER_END gives back. to may be NULL. */
int sio__thread_request_send_to_others(struct threads_adapter *a, struct request *from,
                                       const sio_target *to, sio_query *q);
/* The query has ended: releases it, and ignores answers that come later. */
void sio__thread_questions_forget_query(struct threads_adapter *a, sio_query *q);

/* Sends a copy of *from to a member that has asked. */
int sio__thread_answer_send(struct core *core, struct member_id to, const struct answer *from);
/* A message to another member could not be sent: logs and counts it. */
void sio__thread_message_report_lost(struct core *core, int err, const char *nsp);

#endif
