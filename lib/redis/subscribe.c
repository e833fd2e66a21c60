/* SPDX-License-Identifier: MIT
 *
 * subscribe.c - subscriptions. Each is on one server of Redis. In a cluster the server may change:
 * it ends the subscription, or breaks, or leaves the cluster, and the subscription is made on
 * another one.
 */
#include "redis/context.h"

static sio_slice subscription_key(const void *item) {
  const struct subscription *s = item;
  return slice(s->name, s->name_len);
}

void sio__subscriptions_init(sio_redis *r) { sio__map_init(&r->subscriptions, subscription_key); }

/* ---- where it is ----------------------------------------------------------------------------- */

static void subscription_await(sio_redis *r, struct subscription *s, bool awaited) {
  r->to_confirm += awaited;
  r->to_confirm -= s->awaited;
  s->awaited = awaited;
}

/* What is published in its channel from now on is missed, until it is confirmed again. */
static void subscription_interrupt(sio_redis *r, struct subscription *s) {
  r->stats.interrupted += s->confirmed;
  s->confirmed = false;
}

static void subscription_put_on(sio_redis *r, struct subscription *s, struct redis_pair *p) {
  if (s->pair)
    s->pair->subscriptions--;
  else
    r->homeless--;
  s->pair = p;
  s->confirmed = false;
  if (p)
    p->subscriptions++;
  else
    r->homeless++;
}

static struct redis_pair *subscription_target(sio_redis *r, const struct subscription *s) {
  if (r->home) return r->home;
  return sio__cluster_pair(r, s->kind == SUBSCRIPTION_SHARD
                                  ? (int)sio__cluster_slot(subscription_key(s))
                                  : LINK_ANY_SLOT);
}

static int subscription_send(sio_redis *r, const struct subscription *s, bool on) {
  static const char *const verbs[][2] = { { "UNSUBSCRIBE", "SUBSCRIBE" },
                                          { "PUNSUBSCRIBE", "PSUBSCRIBE" },
                                          { "SUNSUBSCRIBE", "SSUBSCRIBE" } };
  const sio_slice words[] = { slice_str(verbs[s->kind][on]), slice(s->name, s->name_len) };
  int err = sio__link_command(&s->pair->subscriber, NULL, words, 2);
  sio__redis_wake(r);
  return err;
}

/* A subscription that was there before is awaited: until then messages are missed. */
static int subscription_send_again(sio_redis *r, struct subscription *s) {
  subscription_await(r, s, true);
  return subscription_send(r, s, true);
}

static void subscriber_give_up(struct link *l, int err) {
  sio__link_break(l, err == UV_ENOBUFS ? "max_queued is too small for the subscriptions"
                                       : "no memory for the subscriptions");
}

/* ---- a connection ---------------------------------------------------------------------------- */

/* All subscriptions of this server on a new connection. */
void sio__subscriber_ready(struct link *l) {
  struct redis_pair *p = sio__pair_of(l);
  struct subscription *s;
  int err = 0;
  sio__link_drop_queue(l);
  for (uint32_t i = 0; !err && (s = sio__map_next(&p->redis->subscriptions, &i));)
    if (s->pair == p) err = subscription_send_again(p->redis, s);
  if (err) subscriber_give_up(l, err);
}

void sio__subscriber_down(struct redis_pair *p) {
  struct subscription *s;
  for (uint32_t i = 0; (s = sio__map_next(&p->redis->subscriptions, &i));) {
    if (s->pair != p) continue;
    subscription_await(p->redis, s, false);
    subscription_interrupt(p->redis, s);
  }
}

/* ---- placing --------------------------------------------------------------------------------- */

/* A subscription that works is left alone: its server ends it when a slot moves. */
static bool subscription_is_well(const struct subscription *s) {
  return s->pair && s->confirmed && s->pair->listed && s->pair->subscriber.state == LINK_READY;
}

static void subscription_move(sio_redis *r, struct subscription *s, struct redis_pair *to) {
  if (s->confirmed && s->pair->subscriber.state == LINK_READY) (void)subscription_send(r, s, false);
  subscription_await(r, s, false);
  subscription_interrupt(r, s);
  subscription_put_on(r, s, to);
  if (to) sio__pair_start(to);
}

static void subscription_place(sio_redis *r, struct subscription *s) {
  struct redis_pair *to = subscription_target(r, s);
  bool stays = s->pair == to;
  if (subscription_is_well(s) || (stays && (!to || s->confirmed || !to->refused))) return;
  if (!stays) subscription_move(r, s, to);
  if (!to || to->subscriber.state != LINK_READY) return;
  int err = subscription_send_again(r, s);
  if (err) subscriber_give_up(&to->subscriber, err);
}

void sio__redis_place(sio_redis *r) {
  struct subscription *s;
  r->misplaced = false;
  for (uint32_t i = 0; (s = sio__map_next(&r->subscriptions, &i));) subscription_place(r, s);
  pairs_each(p, r) p->refused = false;
  sio__redis_update(r, "the cluster has changed");
}

void sio__redis_forget_places(sio_redis *r) {
  struct subscription *s;
  for (uint32_t i = 0; (s = sio__map_next(&r->subscriptions, &i));) {
    subscription_await(r, s, false);
    if (s->pair) subscription_put_on(r, s, NULL);
  }
}

/* ---- from the adapters ----------------------------------------------------------------------- */

/* A namespace that is made later does not make the others unready. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s) {
  int err = sio__map_put(&r->subscriptions, s);
  if (err) return err;
  s->pair = NULL;
  s->confirmed = s->awaited = false;
  r->homeless++;
  struct redis_pair *p = subscription_target(r, s);
  if (!p) return 0;
  subscription_put_on(r, s, p);
  sio__pair_start(p);
  if (p->subscriber.state == LINK_READY) err = subscription_send(r, s, true);
  if (!err) return 0;
  sio__map_del(&r->subscriptions, subscription_key(s));
  p->subscriptions--;
  s->pair = NULL;
  return err;
}

void sio__redis_unsubscribe(sio_redis *r, struct subscription *s) {
  if (sio__map_get(&r->subscriptions, subscription_key(s)) != s) return;
  sio__map_del(&r->subscriptions, subscription_key(s));
  if (s->pair && s->pair->subscriber.state == LINK_READY) (void)subscription_send(r, s, false);
  subscription_await(r, s, false);
  if (s->pair)
    s->pair->subscriptions--;
  else
    r->homeless--;
  s->pair = NULL;
}

/* ---- what comes ------------------------------------------------------------------------------ */

/* ["message",channel,payload] or ["pmessage",pattern,channel,payload] */
static void subscriber_hear_message(sio_redis *r, redisReply *const *v, size_t n) {
  sio_slice channel = reply_text(v[n - 2]);
  struct subscription *s = sio__map_get(&r->subscriptions, reply_text(v[1]));
  r->stats.received++;
  if (s) s->heard(s, channel, reply_text(v[n - 1]));
}

static bool all_are_text(const redisReply *reply) {
  for (size_t i = 0; i < reply->elements; i++)
    if (!reply_is_text(reply->element[i])) return false;
  return true;
}

/* ["subscribe",channel,n] */
static void subscriber_hear_confirmed(struct redis_pair *p, sio_slice name) {
  struct subscription *s = sio__map_get(&p->redis->subscriptions, name);
  if (!s || s->pair != p) return;
  s->confirmed = true;
  subscription_await(p->redis, s, false);
  sio__redis_update(p->redis, "");
}

/* ["sunsubscribe",channel,n] without being asked for: the slot has moved. The answer to a new
 * SSUBSCRIBE says where to. */
static void subscriber_hear_ended(struct redis_pair *p, sio_slice name) {
  struct subscription *s = sio__map_get(&p->redis->subscriptions, name);
  if (!s || s->pair != p || !s->confirmed) return;
  subscription_interrupt(p->redis, s);
  sio__redis_reach_break(p->redis);
  int err = subscription_send_again(p->redis, s);
  if (err) subscriber_give_up(&p->subscriber, err);
  sio__redis_update(p->redis, "a slot of the cluster has moved");
}

static void subscriber_hear_error(struct link *l, sio_slice error) {
  char text[160];
  struct redis_pair *p = sio__pair_of(l);
  sio_redis *r = p->redis;
  if (redis_is_cluster(r) && sio__cluster_moved(l, error)) return;
  r->stats.errors++;
  REDIS_NOTE(r, NOTE_REFUSED, SIO_LOG_WARN, "Redis refuses a command: %s",
             sio__note_clean(text, sizeof text, error));
  if (redis_is_cluster(r) && sio__cluster_error_passes(error)) {
    p->refused = true;
    sio__cluster_trouble(r);
  } else if (r->to_confirm) {
    sio__link_break(l, "a subscription is refused");
  }
}

static bool is_confirmation(sio_slice kind) {
  return slice_equals_str(kind, "subscribe") || slice_equals_str(kind, "psubscribe") ||
         slice_equals_str(kind, "ssubscribe");
}

/* 0: it is no message. */
static size_t message_length(sio_slice kind) {
  if (slice_equals_str(kind, "message") || slice_equals_str(kind, "smessage")) return 3;
  return slice_equals_str(kind, "pmessage") ? 4 : 0;
}

void sio__subscriber_reply(struct link *l, const redisReply *reply) {
  struct redis_pair *p = sio__pair_of(l);
  if (reply_is_error(reply)) subscriber_hear_error(l, reply_text(reply));
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return;
  if (!reply_is_text(reply->element[0]) || !reply_is_text(reply->element[1])) return;
  sio_slice kind = reply_text(reply->element[0]), name = reply_text(reply->element[1]);
  if (is_confirmation(kind)) subscriber_hear_confirmed(p, name);
  if (slice_equals_str(kind, "sunsubscribe")) subscriber_hear_ended(p, name);
  size_t n = message_length(kind);
  if (n && reply->elements == n && all_are_text(reply))
    subscriber_hear_message(p->redis, reply->element, n);
}
