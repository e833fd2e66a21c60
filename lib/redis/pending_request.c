/* SPDX-License-Identifier: MIT
 *
 * pending_request.c - a table of requests by their ids, of all namespaces of a sio_redis.
 */
#include "redis/pending_request.h"

#include "base/mem.h"
#include <uv.h>

/* The time after which a server that has not answered may count as silent. */
enum { SILENT_MS = 1000 };

static sio_slice get_map_key_of_pending_request(const void *item) {
  const struct pending_request *q = item;
  return slice_str(q->id);
}

struct pending_request *sio__pending_request_find(sio_redis *r, const char *id) {
  return sio__map_get(&r->pending_requests, slice_str(id));
}

struct pending_request *sio__pending_request_find_by_query(sio_adapter *a, const sio_query *query) {
  struct pending_request *q;
  for (uint32_t i = 0; (q = sio__map_next(&a->redis->pending_requests, &i));)
    if (q->query == query) return q;
  return NULL;
}

void sio__pending_request_end(struct pending_request *q, int err) {
  sio_query *query = q->query;
  const sio_adapter_api *api = q->adapter->api;
  sio__map_del(&q->adapter->redis->pending_requests, get_map_key_of_pending_request(q));
  sio__free(q);
  api->query_release(query, err);
}

/* ---- servers that do not answer -------------------------------------------------------------- */

/* listening: how many other Socket.IO servers Redis has counted. If they are fewer than at the
 * count before, Redis has noticed that some are gone: the number of silent servers is reduced by
 * the difference. */
static void reduce_silent_count_if_fewer_servers_listen(sio_adapter *a, uint64_t listening) {
  struct silent_servers *k = &a->silent;
  uint64_t gone = listening < k->listening ? k->listening - listening : 0;
  k->n -= gone < k->n ? gone : k->n;
  k->listening = listening;
}

static void remember_and_log_silent_servers(const struct pending_request *q) {
  sio_redis *r = q->adapter->redis;
  uint64_t before = q->adapter->silent.n, now = q->servers - q->answered;
  q->adapter->silent.n = now;
  memcpy(q->adapter->silent.late_id, q->id, sizeof q->id);
  if (now <= before) return;
  REDIS_LOG(r, REDIS_LOG_SILENT_SERVERS, SIO_LOG_WARN,
            "%llu of %llu other servers do not answer; the next requests do not wait for them",
            (unsigned long long)now, (unsigned long long)q->servers);
}

void sio__uncount_silent_server_if_late_response(sio_adapter *a, const char *id) {
  if (a->silent.n && strcmp(id, a->silent.late_id) == 0) a->silent.n--;
}

/* Servers that have not answered count as silent only if they had SILENT_MS to answer, because the
 * timeout that the host has set may be shorter than a server needs. */
void sio__pending_request_end_and_note_silent_servers(struct pending_request *q) {
  bool long_ago = uv_now(q->adapter->redis->loop) - q->counted_ms >= SILENT_MS;
  if (q->counted && q->answered < q->servers && long_ago && !q->adapter->shut)
    remember_and_log_silent_servers(q);
  sio__pending_request_end(q, 0);
}

/* ---- completion ------------------------------------------------------------------------------ */

/* MESSAGE_COUNT says nothing about silent servers, because Redis alone has answered it. */
static void pending_request_report_missing_and_end(struct pending_request *q) {
  uint64_t missing = q->answered < q->servers ? q->servers - q->answered : 0;
  if (missing)
    memcpy(q->adapter->silent.late_id, q->id, sizeof q->id);
  else if (q->type != MESSAGE_COUNT)
    q->adapter->silent.n = 0;
  if (missing && q->type == MESSAGE_SERVER_EMIT)
    q->adapter->api->query_lost(q->query, (size_t)missing);
  sio__pending_request_end(q, missing ? SIO_ETIMEOUT : 0);
}

static void pending_request_complete_if_answered(struct pending_request *q) {
  if (!q->counted || q->answered + q->adapter->silent.n < q->servers) return;
  if (q->type == MESSAGE_BROADCAST_WITH_ACKS && q->acks_came < q->acks_expected) return;
  pending_request_report_missing_and_end(q);
}

/* ---- counting the servers -------------------------------------------------------------------- */

/* Called for each Redis server that was asked: with the number n of subscribers that it has
 * counted, or with an error (n < 0). At the last of these calls: if no Redis server has counted,
 * ends the request; otherwise sets q->servers, the number of other Socket.IO servers. This is one
 * less than the number of subscribers, because this server is subscribed, too. */
static void pending_request_on_subscriber_count(sio_redis *r, const char *id, int64_t n) {
  struct pending_request *q = sio__pending_request_find(r, id);
  if (!q) return;
  if (n >= 0) q->listening += (uint64_t)n;
  q->countable = q->countable || n >= 0;
  if (--q->to_count) return;
  if (!q->countable) {
    sio__pending_request_end(q, (int)n);
    return;
  }
  q->counted = true;
  q->counted_ms = uv_now(r->loop);
  q->servers = q->listening ? q->listening - 1 : 0;
  reduce_silent_count_if_fewer_servers_listen(q->adapter, q->servers);
  if (q->type == MESSAGE_SERVER_EMIT || q->type == MESSAGE_COUNT)
    q->adapter->api->query_expect(q->query, (size_t)q->servers);
  if (q->type == MESSAGE_COUNT) q->answered = q->servers;
  pending_request_complete_if_answered(q);
}

void sio__pending_requests_init_once(sio_redis *r) {
  if (r->counted) return;
  r->counted = pending_request_on_subscriber_count;
  sio__map_init(&r->pending_requests, get_map_key_of_pending_request);
}

static int pending_request_ask_for_server_count(struct pending_request *q) {
  sio_adapter *a = q->adapter;
  const struct subscription *s = a->counted;
  return sio__redis_request_subscriber_count(a->redis, a->shard_channels,
                                             slice(s->name, s->name_len), q->id, &q->to_count);
}

int sio__pending_request_new_and_count_servers(struct pending_request **out, sio_adapter *a,
                                               enum message_type type, sio_query *query) {
  if (a->shut || !redis_is_ready(a->redis)) return UV_ENOTCONN;
  struct pending_request *q = sio__calloc(1, sizeof *q);
  if (!q) return UV_ENOMEM;
  q->adapter = a;
  q->type = type;
  q->query = query;
  int err = a->sharded ? sio__random_hex_id(q->id) : sio__random_alphanumeric_id(q->id);
  if (!err) err = sio__map_put(&a->redis->pending_requests, q);
  if (!err && (err = pending_request_ask_for_server_count(q)))
    sio__map_del(&a->redis->pending_requests, get_map_key_of_pending_request(q));
  if (err) {
    sio__free(q);
    return err;
  }
  a->api->query_hold(query);
  *out = q;
  return 0;
}

void sio__pending_request_on_response_maybe_end(struct pending_request *q) {
  q->answered++;
  pending_request_complete_if_answered(q);
}

void sio__pending_request_on_client_count_response(struct pending_request *q, uint64_t acks) {
  q->acks_expected += acks;
  sio__pending_request_on_response_maybe_end(q);
}

void sio__pending_request_on_ack_maybe_end(struct pending_request *q) {
  q->acks_came++;
  pending_request_complete_if_answered(q);
}
