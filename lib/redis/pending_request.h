/* SPDX-License-Identifier: MIT
 *
 * pending_request.h - a request of this Socket.IO server to the others, until they have answered.
 *
 * Redis says how many other servers are subscribed. A request for this number alone is then
 * complete; any other request, when as many servers have answered; a request for acks, when in
 * addition as many acks have arrived as these servers have announced. If the query of the request
 * ends first, the request ends with it.
 *
 * Servers that have not answered when the query ends count as silent, if they had time to answer.
 * Later requests do not wait for this number of answers, and end with the status SIO_ETIMEOUT if
 * answers are missing. The number becomes smaller when a response to the last such request arrives
 * late, or when Redis counts fewer servers. It becomes 0 when all servers have answered a request.
 */
#ifndef SIO_REDIS_PENDING_REQUEST_H
#define SIO_REDIS_PENDING_REQUEST_H

#include "redis/publish.h"

struct pending_request {
  char id[LINK_ID];
  enum message_type type;
  sio_adapter *adapter;
  sio_query *query;    /* collects the answers; query_hold() was called for it */
  unsigned to_count;   /* how many Redis servers are still expected to count the subscribers */
  bool countable;      /* at least one Redis server has counted the subscribers */
  uint64_t listening;  /* how many subscribers the Redis servers have counted together */
  bool counted;        /* no Redis server is still expected to count, and `servers` is set */
  uint64_t counted_ms; /* when `counted` became true */
  uint64_t servers;    /* how many other Socket.IO servers Redis has counted */
  uint64_t answered;   /* how many other Socket.IO servers have answered */
  uint64_t acks_expected, acks_came;
};

void sio__pending_requests_init_once(sio_redis *r); /* May be called more than once. */

/* Creates a request, and asks Redis how many Socket.IO servers are subscribed. Then the caller
 * publishes a message with the id (*out)->id, unless it only wants to count the servers
 * (MESSAGE_COUNT). Returns 0, UV_ENOTCONN (for example, sio_redis.state is not READY), UV_ENOBUFS,
 * UV_ENOMEM or another error. */
int sio__pending_request_new_and_count_servers(struct pending_request **out, sio_adapter *a,
                                               enum message_type type, sio_query *query);
/* Ends and frees the request. err is passed to sio_adapter_api.query_release(). */
void sio__pending_request_end(struct pending_request *q, int err);
/* The first function finds the pending request with this id; the second function finds the pending
 * request whose answers this query collects. They return NULL if there is no such request. */
struct pending_request *sio__pending_request_find(sio_redis *r, const char *id);
struct pending_request *sio__pending_request_find_by_query(sio_adapter *a, const sio_query *query);

/* Called when the query that collects the answers ends before the request, usually because its time
 * is up or the server closes. Ends and frees the request. */
void sio__pending_request_end_and_note_silent_servers(struct pending_request *q);
/* Called with the id of a response that is for no pending request. If it is the id of the last
 * request that silent servers did not answer, one server less counts as silent. */
void sio__uncount_silent_server_if_late_response(sio_adapter *a, const char *id);

/* These functions are called when a server has sent its response, its response with the number of
 * acks that will come (`acks`), or an ack. They may end and free the request. */
void sio__pending_request_on_response_maybe_end(struct pending_request *q);
void sio__pending_request_on_client_count_response(struct pending_request *q, uint64_t acks);
void sio__pending_request_on_ack_maybe_end(struct pending_request *q);

#endif
