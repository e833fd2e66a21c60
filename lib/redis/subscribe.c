/* SPDX-License-Identifier: MIT
 *
 * subscribe.c - subscriptions. Each is on one Redis server, if that server is known. In a Redis
 * Cluster that server may end the subscription, lose its connection or leave the cluster; then the
 * subscription is made again, if necessary on another server.
 */
#include "redis/context.h"

#include "base/random.h"

static const char refused_reason[] = "Redis refuses a subscription";

static sio_slice get_map_key_of_subscription(const void *item) {
  const struct subscription *s = item;
  return slice(s->name, s->name_len);
}

void sio__subscriptions_init(sio_redis *r) {
  sio__map_init(&r->subscriptions, get_map_key_of_subscription);
}

/* ---- the server of a subscription ------------------------------------------------------------ */

static void subscription_set_and_count_awaited(sio_redis *r, struct subscription *s, bool awaited) {
  r->to_confirm += awaited;
  r->to_confirm -= s->awaited;
  s->awaited = awaited;
}

/* Called when the subscription has ended or may have ended: counts an interruption if Redis had
 * confirmed the subscription. */
static void subscription_mark_interrupted(sio_redis *r, struct subscription *s) {
  r->stats.interrupted += s->confirmed;
  s->confirmed = false;
}

static void subscription_assign_server(sio_redis *r, struct subscription *s,
                                       struct redis_server *p) {
  if (s->pair)
    s->pair->subscriptions--;
  else
    r->unplaced--;
  s->pair = p;
  s->confirmed = false;
  if (p)
    p->subscriptions++;
  else
    r->unplaced++;
}

static struct redis_server *choose_subscription_server(sio_redis *r, const struct subscription *s) {
  if (r->only_server) return r->only_server;
  return sio__cluster_find_server_of_slot(r, s->kind == SUBSCRIPTION_SHARD
                                                 ? (int)sio__cluster_slot_of_key(
                                                       get_map_key_of_subscription(s))
                                                 : LINK_ANY_SLOT);
}

/* Makes the link_expect of a command that subscribes (`on` is true) or unsubscribes: its id is "+"
 * or "-", and a hash of the channel's name. pop_expected_reply_if_it_matches_channel() recognises
 * the reply by this id. */
static struct link_expect make_expected_reply_of_subscription(sio_slice name, bool on) {
  struct link_expect expect = { .id = { on ? '+' : '-' }, .slot = LINK_NO_SLOT };
  const uint64_t hash = sio__hash_bytes(name.p, name.n);
  memcpy(expect.id + 1, &hash, sizeof hash);
  return expect;
}

static int send_subscribe_or_unsubscribe(sio_redis *r, const struct subscription *s, bool on) {
  static const char *const verbs[][2] = { { "UNSUBSCRIBE", "SUBSCRIBE" },
                                          { "PUNSUBSCRIBE", "PSUBSCRIBE" },
                                          { "SUNSUBSCRIBE", "SSUBSCRIBE" } };
  const sio_slice words[] = { slice_str(verbs[s->kind][on]), slice(s->name, s->name_len) };
  const struct link_expect expect = make_expected_reply_of_subscription(words[1], on);
  int err =
      sio__link_queue_command(&s->pair->subscriber, redis_is_cluster(r) ? &expect : NULL, words, 2);
  sio__redis_schedule_flush(r);
  return err;
}

/* Sends the command that subscribes. sio_redis.state is not READY until Redis confirms the
 * subscription, because messages are missed until then. */
static int resubscribe_and_mark_awaited(sio_redis *r, struct subscription *s) {
  subscription_set_and_count_awaited(r, s, true);
  return send_subscribe_or_unsubscribe(r, s, true);
}

static void break_subscriber_connection(struct link *l, int err) {
  sio__link_break_and_reconnect(l, err == UV_ENOBUFS
                                       ? "the commands for the subscriptions are longer than 1 GiB"
                                       : "no memory for the subscriptions");
}

/* ---- a new or broken connection -------------------------------------------------------------- */

/* Called when a connection for subscriptions has become ready: sends a command for each
 * subscription that belongs to this Redis server. */
void sio__resubscribe_on_new_connection(struct link *l) {
  struct redis_server *p = sio__redis_server_of_link(l);
  struct subscription *s;
  p->refused = false;
  int err = 0;
  sio__link_drop_all_commands(l);
  for (uint32_t i = 0; !err && (s = sio__map_next(&p->redis->subscriptions, &i));)
    if (s->pair == p) err = resubscribe_and_mark_awaited(p->redis, s);
  if (err) break_subscriber_connection(l, err);
}

void sio__mark_subscriptions_of_server_unconfirmed(struct redis_server *p) {
  struct subscription *s;
  for (uint32_t i = 0; (s = sio__map_next(&p->redis->subscriptions, &i));) {
    if (s->pair != p) continue;
    subscription_set_and_count_awaited(p->redis, s, false);
    subscription_mark_interrupted(p->redis, s);
  }
}

/* ---- moving to another server ---------------------------------------------------------------- */

/* Returns true if the subscription works. A subscription that works must stay where it is, even if
 * the slot table names another server: if the slot has really moved, the old server ends the
 * subscription. */
static bool is_subscription_working(const struct subscription *s) {
  return s->pair && s->confirmed && s->pair->listed && s->pair->subscriber.state == LINK_READY;
}

static void unsubscribe_and_assign_to_other_server(sio_redis *r, struct subscription *s,
                                                   struct redis_server *to) {
  if (s->confirmed && s->pair->subscriber.state == LINK_READY)
    (void)send_subscribe_or_unsubscribe(r, s, false);
  subscription_set_and_count_awaited(r, s, false);
  subscription_mark_interrupted(r, s);
  subscription_assign_server(r, s, to);
  if (to) sio__redis_server_connect(to);
}

static void choose_server_and_resubscribe_if_broken(sio_redis *r, struct subscription *s) {
  struct redis_server *to = choose_subscription_server(r, s);
  bool stays = s->pair == to;
  if (is_subscription_working(s) || (stays && (!to || s->confirmed || !to->refused))) return;
  if (!stays) unsubscribe_and_assign_to_other_server(r, s, to);
  if (!to || to->subscriber.state != LINK_READY) return;
  int err = resubscribe_and_mark_awaited(r, s);
  if (err) break_subscriber_connection(&to->subscriber, err);
}

void sio__redis_repair_subscriptions(sio_redis *r) {
  struct subscription *s;
  r->misplaced = false;
  for (uint32_t i = 0; (s = sio__map_next(&r->subscriptions, &i));)
    choose_server_and_resubscribe_if_broken(r, s);
  redis_servers_each(p, r) p->refused = false;
  sio__redis_update_state(r, redis_is_cluster(r)
                                 ? "subscriptions have to be made in the Redis Cluster"
                                 : refused_reason);
}

void sio__redis_detach_subscriptions_from_servers(sio_redis *r) {
  struct subscription *s;
  for (uint32_t i = 0; (s = sio__map_next(&r->subscriptions, &i));) {
    subscription_set_and_count_awaited(r, s, false);
    if (s->pair) subscription_assign_server(r, s, NULL);
  }
}

/* ---- functions for the adapters -------------------------------------------------------------- */

/* The field `awaited` of a new subscription is false, so that sio_redis.state does not depend on
 * its confirmation when one more namespace is created. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s) {
  int err = sio__map_put(&r->subscriptions, s);
  if (err) return err;
  s->pair = NULL;
  s->confirmed = s->awaited = false;
  r->unplaced++;
  struct redis_server *p = choose_subscription_server(r, s);
  if (!p) return 0;
  subscription_assign_server(r, s, p);
  sio__redis_server_connect(p);
  if (p->subscriber.state == LINK_READY) err = send_subscribe_or_unsubscribe(r, s, true);
  if (!err) return 0;
  sio__map_del(&r->subscriptions, get_map_key_of_subscription(s));
  p->subscriptions--;
  s->pair = NULL;
  return err;
}

void sio__redis_unsubscribe(sio_redis *r, struct subscription *s) {
  if (sio__map_get(&r->subscriptions, get_map_key_of_subscription(s)) != s) return;
  sio__map_del(&r->subscriptions, get_map_key_of_subscription(s));
  if (s->pair && s->pair->subscriber.state == LINK_READY)
    (void)send_subscribe_or_unsubscribe(r, s, false);
  subscription_set_and_count_awaited(r, s, false);
  if (s->pair)
    s->pair->subscriptions--;
  else
    r->unplaced--;
  s->pair = NULL;
  sio__redis_update_state(r, ""); /* s may have been the last awaited subscription */
}

/* ---- received messages ----------------------------------------------------------------------- */

/* Handles a published message, whose n elements are v: ["message",channel,payload],
 * ["smessage",channel,payload] or ["pmessage",pattern,channel,payload]. */
static void pass_channel_message_to_subscription(sio_redis *r, redisReply *const *v, size_t n) {
  sio_slice channel = reply_text(v[n - 2]);
  struct subscription *s = sio__map_get(&r->subscriptions, reply_text(v[1]));
  r->stats.received++;
  if (s) s->on_message(s, channel, reply_text(v[n - 1]));
}

static bool are_all_elements_text(const redisReply *reply) {
  for (size_t i = 0; i < reply->elements; i++)
    if (!is_text_reply(reply->element[i])) return false;
  return true;
}

/* Handles the confirmation of a subscription, such as ["subscribe",channel,n]. name: the channel or
 * pattern. */
static void on_subscription_confirmed(struct redis_server *p, sio_slice name) {
  struct subscription *s = sio__map_get(&p->redis->subscriptions, name);
  if (!s || s->pair != p) return;
  s->confirmed = true;
  subscription_set_and_count_awaited(p->redis, s, false);
  sio__redis_update_state(p->redis, "");
}

/* In a Redis Cluster the link remembers the (un)subscribe commands that it has sent until their
 * replies come. So the reply to a SUNSUBSCRIBE is distinguished from the same message that Redis
 * sends without a command when the slot has moved. Returns true, and forgets the oldest command, if
 * that command was about the channel `name` and subscribed (`on` is true) or unsubscribed. */
static bool pop_expected_reply_if_it_matches_channel(struct link *l, sio_slice name, bool on) {
  const struct link_expect expect = make_expected_reply_of_subscription(name, on);
  const struct link_expect *first = sio__link_first_expected_reply(l);
  struct link_expect done;
  return first && memcmp(first->id, expect.id, sizeof expect.id) == 0 &&
         sio__link_pop_expected_reply(l, &done);
}

/* Handles a ["sunsubscribe",channel,n] that the Redis server p has sent without a command, usually
 * because the slot of the channel has moved to another server. Sends SSUBSCRIBE to p again; the
 * reply is then an error that names the new server. Unlike after a broken connection, the queued
 * commands of p are not held: if the new server is connected, later commands would be sent to it
 * before the held ones. */
static void on_subscription_ended_by_server(struct redis_server *p, sio_slice name) {
  struct subscription *s = sio__map_get(&p->redis->subscriptions, name);
  if (!redis_is_cluster(p->redis) || !s || s->pair != p || !s->confirmed) return;
  subscription_mark_interrupted(p->redis, s);
  sio__redis_remember_receiver_count_at_break(p->redis);
  int err = resubscribe_and_mark_awaited(p->redis, s);
  if (err) break_subscriber_connection(&p->subscriber, err);
  sio__redis_update_state(p->redis, "a slot of the cluster has moved");
}

static void count_and_log_subscriber_error_reply(sio_redis *r, sio_slice error) {
  char text[160];
  r->stats.errors++;
  REDIS_LOG(r, REDIS_LOG_ERROR_REPLY, SIO_LOG_WARN, "Redis refuses a command: %s",
            sio__copy_with_unprintable_replaced(text, sizeof text, error));
}

/* Called before the loop polls, after a Redis server has refused a subscription. sio_redis.state is
 * then not READY until the server has confirmed all subscriptions that it has not confirmed yet:
 * one of them was refused, but it may be unknown which. The replies to the others come soon. */
void sio__redis_await_refused_subscriptions(sio_redis *r) {
  struct subscription *s;
  r->has_refused = false;
  for (uint32_t i = 0; (s = sio__map_next(&r->subscriptions, &i));)
    if (s->pair && s->pair->refused && !s->confirmed)
      subscription_set_and_count_awaited(r, s, true);
  sio__redis_update_state(r, refused_reason);
}

void sio__retry_refused_subscriptions_on_tick(struct link *l) {
  struct redis_server *p = sio__redis_server_of_link(l);
  if (p->refused) sio__redis_repair_subscriptions(p->redis);
}

/* Called when the Redis server p has refused a subscription, which is tried again later. The
 * connection is not broken, because the other subscriptions of p work. */
static void retry_refused_subscriptions_later(struct redis_server *p) {
  p->refused = true;
  p->redis->has_refused = true;
  sio__redis_schedule_flush(p->redis);
}

/* Makes the next flush subscribe again to the channels that the Redis server p has not confirmed:
 * each at the server that the slot table now names for the channel, which may still be p. */
static void resubscribe_refused_at_next_flush(struct redis_server *p) {
  p->refused = true;
  p->redis->misplaced = true;
  sio__redis_schedule_flush(p->redis);
}

/* Handles an error reply on the connection for subscriptions: the refused subscription is tried
 * again later. But if the error is known to be the reply to an unsubscribe command, no subscription
 * was refused, and none is tried again. */
static void handle_error_reply_of_subscriber(struct link *l, sio_slice error) {
  struct link_expect refused;
  struct redis_server *p = sio__redis_server_of_link(l);
  sio_redis *r = p->redis;
  bool is_over = sio__link_pop_expected_reply(l, &refused) && refused.id[0] == '-';
  bool moved = redis_is_cluster(r) && sio__cluster_handle_subscriber_redirect_error(l, error);
  if (!moved) count_and_log_subscriber_error_reply(r, error);
  if (is_over) return;
  if (moved)
    resubscribe_refused_at_next_flush(p);
  else
    retry_refused_subscriptions_later(p);
  if (!moved && redis_is_cluster(r) && sio__cluster_is_error_temporary(error))
    sio__cluster_request_slot_table_later(r);
}

static bool is_subscribe_confirmation(sio_slice kind) {
  return slice_equals_str(kind, "subscribe") || slice_equals_str(kind, "psubscribe") ||
         slice_equals_str(kind, "ssubscribe");
}

static bool is_unsubscribe_confirmation(sio_slice kind) {
  return slice_equals_str(kind, "unsubscribe") || slice_equals_str(kind, "punsubscribe") ||
         slice_equals_str(kind, "sunsubscribe");
}

static void on_subscriber_confirmation(struct link *l, sio_slice kind, sio_slice name) {
  struct redis_server *p = sio__redis_server_of_link(l);
  bool on = is_subscribe_confirmation(kind);
  bool ours = pop_expected_reply_if_it_matches_channel(l, name, on);
  if (on)
    on_subscription_confirmed(p, name);
  else if (!ours && slice_equals_str(kind, "sunsubscribe"))
    on_subscription_ended_by_server(p, name);
}

/* Returns how many elements a reply of this kind has if it carries a published message; otherwise
 * 0. */
static size_t channel_message_element_count(sio_slice kind) {
  if (slice_equals_str(kind, "message") || slice_equals_str(kind, "smessage")) return 3;
  return slice_equals_str(kind, "pmessage") ? 4 : 0;
}

void sio__on_subscriber_reply(struct link *l, const redisReply *reply) {
  struct redis_server *p = sio__redis_server_of_link(l);
  if (is_error_reply(reply)) handle_error_reply_of_subscriber(l, reply_text(reply));
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return;
  if (!is_text_reply(reply->element[0]) || !is_text_reply(reply->element[1])) return;
  sio_slice kind = reply_text(reply->element[0]), name = reply_text(reply->element[1]);
  if (is_subscribe_confirmation(kind) || is_unsubscribe_confirmation(kind))
    on_subscriber_confirmation(l, kind, name);
  size_t n = channel_message_element_count(kind);
  if (n && reply->elements == n && are_all_elements_text(reply))
    pass_channel_message_to_subscription(p->redis, reply->element, n);
}
