/* SPDX-License-Identifier: MIT
 *
 * question.c - a table of questions by their ids, of all namespaces of a connection.
 */
#include "redis/question.h"

#include "base/mem.h"
#include <uv.h>

enum { SILENT_MS = 1000 /* a server that takes longer for an answer counts as silent */ };

static sio_slice question_key(const void *item) {
  const struct question *q = item;
  return slice_str(q->id);
}

struct question *sio__question_find(sio_redis *r, const char *id) {
  return sio__map_get(&r->questions, slice_str(id));
}

struct question *sio__question_of(sio_adapter *a, const sio_query *query) {
  struct question *q;
  for (uint32_t i = 0; (q = sio__map_next(&a->redis->questions, &i));)
    if (q->query == query) return q;
  return NULL;
}

void sio__question_end(struct question *q, int err) {
  sio_query *query = q->query;
  const sio_adapter_api *api = q->adapter->api;
  sio__map_del(&q->adapter->redis->questions, question_key(q));
  sio__free(q);
  api->query_release(query, err);
}

/* ---- servers that do not answer -------------------------------------------------------------- */

/* Fewer are counted than before: Redis has noticed that some are gone. */
static void silent_recount(sio_adapter *a, uint64_t listening) {
  struct silent_servers *k = &a->silent;
  uint64_t gone = listening < k->listening ? k->listening - listening : 0;
  k->n -= gone < k->n ? gone : k->n;
  k->listening = listening;
}

static void silent_begin(const struct question *q) {
  sio_redis *r = q->adapter->redis;
  uint64_t before = q->adapter->silent.n, now = q->servers - q->answered;
  q->adapter->silent.n = now;
  memcpy(q->adapter->silent.late_id, q->id, sizeof q->id);
  if (now <= before) return;
  REDIS_NOTE(r, NOTE_SILENT, SIO_LOG_WARN,
             "%llu of %llu other servers do not answer; the next requests do not wait for them",
             (unsigned long long)now, (unsigned long long)q->servers);
}

void sio__question_late(sio_adapter *a, const char *id) {
  if (a->silent.n && strcmp(id, a->silent.late_id) == 0) a->silent.n--;
}

/* A host may give the servers less time than they need. */
void sio__question_over(struct question *q) {
  bool long_ago = uv_now(q->adapter->redis->loop) - q->counted_ms >= SILENT_MS;
  if (q->counted && q->answered < q->servers && long_ago && !q->adapter->shut) silent_begin(q);
  sio__question_end(q, 0);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void question_complete(struct question *q) {
  uint64_t missing = q->answered < q->servers ? q->servers - q->answered : 0;
  if (missing)
    memcpy(q->adapter->silent.late_id, q->id, sizeof q->id);
  else
    q->adapter->silent.n = 0;
  if (missing && q->type == MESSAGE_SERVER_EMIT)
    q->adapter->api->query_lost(q->query, (size_t)missing);
  sio__question_end(q, missing ? SIO_ETIMEOUT : 0);
}

static void question_check(struct question *q) {
  if (!q->counted || q->answered + q->adapter->silent.n < q->servers) return;
  if (q->type == MESSAGE_ASK && q->acks_came < q->acks_expected) return;
  question_complete(q);
}

/* ---- how many there are ---------------------------------------------------------------------- */

/* One of those that were asked has answered, or will not: then the others count, if there are some.
 * This server is one of those that listen. */
static void on_counted(sio_redis *r, const char *id, int64_t n) {
  struct question *q = sio__question_find(r, id);
  if (!q) return;
  if (n >= 0) q->listening += (uint64_t)n;
  q->countable = q->countable || n >= 0;
  if (--q->to_count) return;
  if (!q->countable) {
    sio__question_end(q, (int)n);
    return;
  }
  q->counted = true;
  q->counted_ms = uv_now(r->loop);
  q->servers = q->listening ? q->listening - 1 : 0;
  silent_recount(q->adapter, q->servers);
  if (q->type == MESSAGE_SERVER_EMIT || q->type == MESSAGE_COUNT)
    q->adapter->api->query_expect(q->query, (size_t)q->servers);
  if (q->type == MESSAGE_COUNT) q->answered = q->servers;
  question_check(q);
}

void sio__questions_init(sio_redis *r) {
  if (r->counted) return;
  r->counted = on_counted;
  sio__map_init(&r->questions, question_key);
}

static int question_ask_count(struct question *q) {
  sio_adapter *a = q->adapter;
  const struct subscription *s = a->counted;
  return sio__redis_count(a->redis, a->shard_channels, slice(s->name, s->name_len), q->id,
                          &q->to_count);
}

int sio__question_new(struct question **out, sio_adapter *a, enum message_type type,
                      sio_query *query) {
  if (a->shut || !redis_is_ready(a->redis)) return UV_ENOTCONN;
  struct question *q = sio__calloc(1, sizeof *q);
  if (!q) return UV_ENOMEM;
  q->adapter = a;
  q->type = type;
  q->query = query;
  int err = a->sharded ? sio__sharded_random_id(q->id) : sio__classic_random_id(q->id);
  if (!err) err = sio__map_put(&a->redis->questions, q);
  if (!err && (err = question_ask_count(q))) sio__map_del(&a->redis->questions, question_key(q));
  if (err) {
    sio__free(q);
    return err;
  }
  a->api->query_hold(query);
  *out = q;
  return 0;
}

void sio__question_answered(struct question *q) {
  q->answered++;
  question_check(q);
}

void sio__question_announced(struct question *q, uint64_t acks) {
  q->acks_expected += acks;
  sio__question_answered(q);
}

void sio__question_acked(struct question *q) {
  q->acks_came++;
  question_check(q);
}
