/* SPDX-License-Identifier: MIT
 *
 * threads_questions.h - sends requests to other members, and receives their answers.
 */
#ifndef SIO_ADAPTERS_THREADS_QUESTIONS_H
#define SIO_ADAPTERS_THREADS_QUESTIONS_H

#include "adapters/threads_adapter.h"

/* Sends a copy of *from to all other members. If q is not NULL, it is held (sio__query_hold()) for
 * each of them until that member has sent ANSWER_END. to may be NULL. */
int sio__thread_request_send_to_others(struct threads_adapter *a, struct request *from,
                                       const sio_target *to, sio_query *q);
/* Releases a query that has ended. Answers that arrive later are ignored. */
void sio__thread_questions_forget_query(struct threads_adapter *a, sio_query *q);

/* Sends a copy of *from to the member that has asked. */
int sio__thread_answer_send(struct core *core, struct member_id to, const struct answer *from);
/* Logs and counts a message to another member that could not be sent. */
void sio__thread_message_report_lost(struct core *core, int err, const char *nsp);

#endif
