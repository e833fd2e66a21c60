/* SPDX-License-Identifier: MIT
 *
 * pair.c - the two connections to one server of Redis. The one for commands gets one reply for each
 * command, in order.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"

enum {
  SUBSCRIPTIONS_MAX = 1024 * 1024 * 1024, /* bytes; their number is that of the rooms here */
  HOLD_MS = 1000,                         /* the most that commands wait on a new connection  */
  BROKE_LATELY_MS = 30000,                /* so long after a break                            */
  COME_BACK_MS = 10000                    /* until a server that is not back yet counts as gone */
};

struct redis_pair *sio__pair_of(struct link *l) {
  return l->expects_replies ? container_of(l, struct redis_pair, commands)
                            : container_of(l, struct redis_pair, subscriber);
}

/* ---- replies --------------------------------------------------------------------------------- */

/* READONLY: what was a master is one no more; the next attempt may find the new one. */
static void pair_hear_error(struct link *l, sio_slice error) {
  char text[160];
  sio_redis *r = sio__pair_of(l)->redis;
  r->stats.errors++;
  REDIS_NOTE(r, NOTE_REFUSED, SIO_LOG_WARN, "Redis refuses a command: %s",
             sio__note_clean(text, sizeof text, error));
  if (error.n >= 8 && memcmp(error.p, "READONLY", 8) == 0)
    sio__link_break(l, "it is a read-only replica");
}

static void pair_hear(struct link *l, const redisReply *reply) {
  struct link_expect expect;
  sio_redis *r = sio__pair_of(l)->redis;
  if (!sio__link_take_expect(l, &expect)) return;
  if (redis_is_cluster(r) && sio__cluster_redirects(l, &expect, reply)) return;
  if (expect.heard) expect.heard(l, &expect, reply);
  sio__free(expect.kept);
  if (reply_is_error(reply)) pair_hear_error(l, reply_text(reply));
}

static void pair_on_lost(struct link *l, struct link_expect *expect) {
  if (expect->heard) expect->heard(l, expect, NULL);
}

/* ---- the state of both ----------------------------------------------------------------------- */

void sio__redis_end_hold(uv_timer_t *t) {
  sio_redis *r = t->data;
  pairs_each(p, r) p->held = false;
  sio__redis_wake(r);
}

/* A failure of Redis breaks the connections of all servers, and they come back one after the other.
 * What waits is sent a moment later, so that it does not miss those that are a little slower. */
static void pair_hold(struct redis_pair *p) {
  sio_redis *r = p->redis;
  unsigned ms = r->options.retry_max_ms < HOLD_MS ? r->options.retry_max_ms : HOLD_MS;
  if (!r->broke_ms || uv_now(r->loop) - r->broke_ms > BROKE_LATELY_MS) return;
  p->held = true;
  if (!uv_is_active((uv_handle_t *)&r->hold)) uv_timer_start(&r->hold, sio__redis_end_hold, ms, 0);
}

static void pair_on_ready(struct link *l) {
  struct redis_pair *p = sio__pair_of(l);
  sio_redis *r = p->redis;
  r->stats.connects++;
  bool both = p->commands.state == LINK_READY && p->subscriber.state == LINK_READY;
  p->failing = p->failing && !both;
  if (l->expects_replies)
    pair_hold(p);
  else
    sio__subscriber_ready(l);
  if (redis_has_sentinels(r)) sio__sentinel_ready(p, l);
  sio__redis_wake(r);
  sio__redis_update(r, "");
}

static void pair_on_down(struct link *l, const char *why, unsigned wait_ms) {
  struct redis_pair *p = sio__pair_of(l);
  sio_redis *r = p->redis;
  const char *which = l->expects_replies ? "for commands" : "that is subscribed";
  r->stats.failures++;
  p->failing = true;
  if (!l->expects_replies) sio__subscriber_down(p);
  sio__redis_reach_break(r);
  REDIS_NOTE(r, NOTE_DOWN, SIO_LOG_WARN, "the connection to Redis %s: %s; next attempt in %u ms",
             which, why, wait_ms);
  if (redis_is_cluster(r)) sio__cluster_pair_down(p);
  sio__redis_update(r, why);
}

static bool pair_locate(struct link *l) {
  return !redis_has_sentinels(sio__pair_of(l)->redis) || sio__sentinel_locate(l);
}

static const char *pair_greeted(struct link *l, const redisReply *reply) {
  return redis_has_sentinels(sio__pair_of(l)->redis) ? sio__sentinel_greeted(l, reply) : NULL;
}

static void pair_tick(struct link *l) {
  if (redis_has_sentinels(sio__pair_of(l)->redis)) sio__sentinel_tick(l);
}

static const struct link_ops command_ops = { .ready = pair_on_ready,
                                             .reply = pair_hear,
                                             .lost = pair_on_lost,
                                             .down = pair_on_down,
                                             .locate = pair_locate,
                                             .greeted = pair_greeted,
                                             .tick = pair_tick };
static const struct link_ops subscriber_ops = { .ready = pair_on_ready,
                                                .reply = sio__subscriber_reply,
                                                .lost = pair_on_lost,
                                                .down = pair_on_down,
                                                .locate = pair_locate,
                                                .greeted = pair_greeted };

/* ---- opened and closed ----------------------------------------------------------------------- */

static void pair_on_closed(struct link *l) {
  struct redis_pair *p = sio__pair_of(l);
  sio_redis *r = p->redis;
  if (p->handles) return;
  r->handles--;
  sio__free(p);
  sio__redis_check_closed(r);
}

struct redis_pair *sio__pair_new(sio_redis *r) {
  struct redis_pair *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  p->redis = r;
  sio__link_init(&p->commands, r->loop, &command_ops, &r->options, &p->handles, pair_on_closed);
  sio__link_init(&p->subscriber, r->loop, &subscriber_ops, &r->options, &p->handles,
                 pair_on_closed);
  p->commands.expects_replies = true;
  p->commands.unanswered = &r->stats.unanswered;
  p->subscriber.max_out = SUBSCRIPTIONS_MAX;
  r->handles++;
  list_push(&r->pairs, &p->in_pairs);
  return p;
}

void sio__pair_start(struct redis_pair *p) {
  if (!p->redis->users || p->redis->freed) return;
  sio__link_start(&p->subscriber);
  sio__link_start(&p->commands);
}

void sio__pair_close(struct redis_pair *p) {
  list_remove(&p->in_pairs);
  sio__link_close(&p->commands);
  sio__link_close(&p->subscriber);
}

/* ---- commands -------------------------------------------------------------------------------- */

static int pair_command(sio_redis *r, int slot, const sio_slice *words, size_t n,
                        const struct link_expect *expect) {
  struct link_expect e = *expect;
  bool open = r->users && !r->freed;
  struct redis_pair *p = !open ? NULL : r->home ? r->home : sio__cluster_pair(r, slot);
  if (!p) return UV_ENOTCONN;
  e.slot = redis_is_cluster(r) ? slot : LINK_NO_SLOT;
  sio__link_start(&p->commands);
  int err = sio__link_command(&p->commands, &e, words, n);
  sio__redis_wake(r);
  return err;
}

static int key_slot(const sio_redis *r, sio_slice key) {
  return redis_is_cluster(r) && key.n ? (int)sio__cluster_slot(key) : LINK_ANY_SLOT;
}

int sio__redis_command(sio_redis *r, sio_slice key, const sio_slice *words, size_t n,
                       const struct link_expect *expect) {
  return pair_command(r, key_slot(r, key), words, n, expect);
}

bool sio__redis_locate(sio_redis *r, sio_slice key, struct link *l) {
  struct redis_pair *p = r->home ? r->home : sio__cluster_pair(r, key_slot(r, key));
  bool found = p && (!redis_has_sentinels(r) || p->commands.state == LINK_READY);
  if (found) l->to = p->commands.to;
  return found;
}

/* Servers that lost their connections when this one did are not all back at the same time. What is
 * published meanwhile misses some; a number that stays smaller is the new one. */
static void reach_count(sio_redis *r, long long n) {
  struct redis_reach *k = &r->reach;
  uint64_t now = uv_now(r->loop);
  if (k->broken) k->until_ms = now + COME_BACK_MS;
  k->broken = false;
  k->last = n;
  if (n >= k->before || now > k->until_ms) {
    k->before = 0;
    return;
  }
  r->stats.missed++;
  REDIS_NOTE(r, NOTE_MISSED, SIO_LOG_WARN,
             "a message reached only %lld of the %lld servers that were connected before a break",
             n, k->before);
}

void sio__redis_reach_break(sio_redis *r) {
  struct redis_reach *k = &r->reach;
  if (k->last > k->before) k->before = k->last;
  k->broken = true;
  r->broke_ms = uv_now(r->loop);
}

static void on_published(struct link *l, const struct link_expect *expect,
                         const redisReply *reply) {
  (void)expect;
  if (reply && reply->type == REDIS_REPLY_INTEGER)
    reach_count(sio__pair_of(l)->redis, reply->integer);
}

/* In a cluster the answer to PUBLISH does not say how many servers there are on the other nodes. */
int sio__redis_publish(sio_redis *r, struct redis_publish how, sio_slice channel,
                       sio_slice payload) {
  static const struct link_expect nobody = { 0 }, reached = { .heard = on_published };
  const sio_slice words[] = { how.sharded ? SLICE("SPUBLISH") : SLICE("PUBLISH"), channel,
                              payload };
  bool counts = how.to_all && (how.sharded || !redis_is_cluster(r));
  int err = sio__redis_command(r, how.sharded ? channel : SLICE(""), words, 3,
                               counts ? &reached : &nobody);
  if (err)
    sio__redis_dropped(r, err);
  else
    r->stats.published++;
  return err;
}

/* ---- how many listen ------------------------------------------------------------------------- */

/* PUBSUB NUMSUB: a channel and a number. */
static int64_t numsub_of(const redisReply *reply) {
  if (!reply) return UV_ENOTCONN;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) return UV_EIO;
  const redisReply *n = reply->element[1];
  return n->type == REDIS_REPLY_INTEGER && n->integer >= 0 ? n->integer : UV_EIO;
}

static void on_numsub(struct link *l, const struct link_expect *expect, const redisReply *reply) {
  sio_redis *r = sio__pair_of(l)->redis;
  r->counted(r, expect->id, numsub_of(reply));
}

/* A channel that is not sharded has listeners on every server of a cluster. */
static int count_everywhere(sio_redis *r, const sio_slice *words, struct link_expect *expect,
                            unsigned *asked) {
  int err = UV_ENOTCONN;
  expect->slot = LINK_NO_SLOT;
  pairs_each(p, r) {
    if (!p->listed || (p->failing && p->commands.state != LINK_READY)) continue;
    sio__link_start(&p->commands);
    err = sio__link_command(&p->commands, expect, words, 3);
    *asked += !err;
  }
  sio__redis_wake(r);
  return *asked ? 0 : err;
}

int sio__redis_count(sio_redis *r, bool sharded, sio_slice channel, const char *id,
                     unsigned *asked) {
  const sio_slice words[] = { SLICE("PUBSUB"), sharded ? SLICE("SHARDNUMSUB") : SLICE("NUMSUB"),
                              channel };
  struct link_expect expect = { .heard = on_numsub };
  memcpy(expect.id, id, strlen(id));
  *asked = 0;
  if (redis_is_cluster(r) && !sharded) return count_everywhere(r, words, &expect, asked);
  int err = pair_command(r, sharded ? key_slot(r, channel) : LINK_ANY_SLOT, words, 3, &expect);
  *asked = !err;
  return err;
}
