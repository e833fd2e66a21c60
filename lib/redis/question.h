/* SPDX-License-Identifier: MIT
 *
 * question.h - what this server has asked the others and waits for.
 *
 * A question is complete when Redis has said how many servers listen, and so many have answered,
 * and for acks when as many acks came as those announced. It ends earlier when its query does.
 *
 * If some have not answered by then, later questions end when all but so many have answered, with
 * the status SIO_ETIMEOUT, until an answer comes from one too many or Redis counts fewer.
 */
#ifndef SIO_REDIS_QUESTION_H
#define SIO_REDIS_QUESTION_H

#include "redis/publish.h"

struct question {
  char id[LINK_ID];
  enum message_type type;
  sio_adapter *adapter;
  sio_query *query;   /* held once           */
  unsigned to_count;  /* answers about the number of servers that are still to come */
  bool countable;     /* one of them had a number */
  uint64_t listening; /* their sum                */
  bool counted;
  uint64_t counted_ms; /* when */
  uint64_t servers;    /* that are to answer  */
  uint64_t answered;
  uint64_t acks_expected, acks_came;
};

void sio__questions_init(sio_redis *r); /* May be called more than once. */

/* Begins a question and asks Redis how many servers listen; the caller then publishes it with the
 * id. UV_ENOTCONN without connections, UV_ENOMEM. */
int sio__question_new(struct question **out, sio_adapter *a, enum message_type type,
                      sio_query *query);
/* It cannot be asked, or its query is over. err: see sio_adapter_api.query_release. */
void sio__question_end(struct question *q, int err);
struct question *sio__question_find(sio_redis *r,
                                    const char *id); /* NULL: it is over, or another's */
struct question *sio__question_of(sio_adapter *a, const sio_query *query);

/* The query of this question is over: some have not answered. */
void sio__question_over(struct question *q);
/* An answer to a question that has ended. */
void sio__question_late(sio_adapter *a, const char *id);

/* A server has answered: one that has no more to say. May end the question. */
void sio__question_answered(struct question *q);
void sio__question_announced(struct question *q, uint64_t acks); /* so many acks follow */
void sio__question_acked(struct question *q);

#endif
