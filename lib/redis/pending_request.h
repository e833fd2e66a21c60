/* SPDX-License-Identifier: MIT
 *
 * pending_request.h - what this server has asked the others and waits for.
 *
 * A question is complete when Redis has said how many servers listen, and so many have answered,
 * and for acks when as many acks came as those announced. It ends earlier when its query does.
 *
 * If some have not answered by then, later questions end when all but so many have answered, with
 * the status SIO_ETIMEOUT, until an answer comes from one too many or Redis counts fewer.
 */
#ifndef SIO_REDIS_PENDING_REQUEST_H
#define SIO_REDIS_PENDING_REQUEST_H

#include "redis/publish.h"

struct pending_request {
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

void sio__pending_requests_init(sio_redis *r); /* May be called more than once. */

/* Begins a question and asks Redis how many servers listen; the caller then publishes it with the
 * id. UV_ENOTCONN without connections, UV_ENOMEM. */
int sio__pending_request_new(struct pending_request **out, sio_adapter *a, enum message_type type,
                             sio_query *query);
/* It cannot be asked, or its query is over. err: see sio_adapter_api.query_release. */
void sio__pending_request_end(struct pending_request *q, int err);
struct pending_request *sio__pending_request_find(
    sio_redis *r, const char *id); /* NULL: it is over, or another's */
struct pending_request *sio__pending_request_find_by_query(sio_adapter *a, const sio_query *query);

/* The query of this question is over: some have not answered. */
void sio__pending_request_on_query_end(struct pending_request *q);
/* An answer to a question that has ended. */
void sio__count_late_response(sio_adapter *a, const char *id);

/* A server has answered: one that has no more to say. May end the question. */
void sio__pending_request_add_response(struct pending_request *q);
void sio__pending_request_add_expected_acks(struct pending_request *q,
                                            uint64_t acks); /* so many acks follow */
void sio__pending_request_add_ack(struct pending_request *q);

#endif
