/* SPDX-License-Identifier: MIT
 *
 * server.c - the two connections to one Redis server: one for commands, one for subscriptions. On
 * the connection for commands Redis sends one reply for each command, in the same order.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"

enum {
  /* the most bytes of queued commands that subscribe or unsubscribe: each room may need one */
  SUBSCRIPTIONS_MAX = 1024 * 1024 * 1024,
  /* If a connection failed at most BROKE_LATELY_MS ago, a new connection for commands holds its
   * queue back for up to HOLD_MS, so that published messages also reach Socket.IO servers that
   * reconnect a little later. */
  HOLD_MS = 1000,
  BROKE_LATELY_MS = 30000,
  COME_BACK_MS = 10000 /* a Socket.IO server that is not back after this time counts as gone */
};

struct redis_server *sio__redis_server_of_link(struct link *l) {
  return l->expects_replies ? container_of(l, struct redis_server, commands)
                            : container_of(l, struct redis_server, subscriber);
}

/* ---- replies --------------------------------------------------------------------------------- */

/* Counts and logs an error reply. If the error is READONLY, the Redis server is a replica: breaks
 * the connection, since the next attempt may find the master. */
static void log_command_error_and_leave_replica(struct link *l, sio_slice error) {
  char text[160];
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  r->stats.errors++;
  REDIS_LOG(r, REDIS_LOG_ERROR_REPLY, SIO_LOG_WARN, "Redis refuses a command: %s",
            sio__copy_with_unprintable_replaced(text, sizeof text, error));
  if (error.n >= 8 && memcmp(error.p, "READONLY", 8) == 0)
    sio__link_break_and_reconnect(l, "the server is a read-only replica");
}

static void on_command_reply(struct link *l, const redisReply *reply) {
  struct link_expect expect;
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  if (!sio__link_pop_expected_reply(l, &expect)) return;
  if (redis_is_cluster(r)) sio__cluster_count_down_owed_replies(sio__redis_server_of_link(l));
  if (redis_is_cluster(r) && sio__cluster_resend_if_redirected(l, &expect, reply)) return;
  if (expect.on_reply) expect.on_reply(l, &expect, reply);
  sio__free(expect.kept);
  if (is_error_reply(reply)) log_command_error_and_leave_replica(l, reply_text(reply));
}

static void pass_null_reply_to_callback_of_lost_command(struct link *l,
                                                        struct link_expect *expect) {
  if (expect->on_reply) expect->on_reply(l, expect, NULL);
}

/* ---- the state of the two connections -------------------------------------------------------- */

static void on_timer_release_held_commands(uv_timer_t *t) {
  struct redis_server *p = t->data;
  p->commands_held = false;
  sio__redis_schedule_flush(p->redis);
}

/* When Redis fails, all Socket.IO servers lose their connections, and do not reconnect at the same
 * time. So queued commands are sent only a moment after the new connection is ready: published
 * messages then also reach the servers that reconnect a little later. */
static void hold_commands_if_connection_broke_recently(struct redis_server *p) {
  sio_redis *r = p->redis;
  unsigned ms = r->options.retry_max_ms < HOLD_MS ? r->options.retry_max_ms : HOLD_MS;
  if (!r->broke_ms || uv_now(r->loop) - r->broke_ms > BROKE_LATELY_MS) return;
  p->commands_held = true;
  uv_timer_start(&p->hold, on_timer_release_held_commands, ms, 0);
}

static void on_server_link_ready(struct link *l) {
  struct redis_server *p = sio__redis_server_of_link(l);
  sio_redis *r = p->redis;
  r->stats.connects++;
  bool both = p->commands.state == LINK_READY && p->subscriber.state == LINK_READY;
  p->failing = p->failing && !both;
  if (l->expects_replies)
    hold_commands_if_connection_broke_recently(p);
  else
    sio__resubscribe_on_new_connection(l);
  if (redis_has_sentinels(r)) sio__sentinel_on_master_connected(p, l);
  sio__redis_schedule_flush(r);
  sio__redis_update_state(r, "");
}

static void on_server_link_failed(struct link *l, const char *why, unsigned wait_ms) {
  struct redis_server *p = sio__redis_server_of_link(l);
  sio_redis *r = p->redis;
  const char *purpose = l->expects_replies ? "for commands" : "for subscriptions";
  r->stats.failures++;
  p->failing = true;
  if (!l->expects_replies) sio__mark_subscriptions_of_server_unconfirmed(p);
  sio__redis_remember_connection_break(r);
  REDIS_LOG(r, REDIS_LOG_CONNECTION_FAILED, SIO_LOG_WARN,
            "the connection to Redis %s failed: %s; next attempt in %u ms", purpose, why, wait_ms);
  if (redis_is_cluster(r)) sio__cluster_on_server_connection_failed(p);
  sio__redis_update_state(r, why);
}

static bool locate_server_or_ask_sentinel(struct link *l) {
  return !redis_has_sentinels(sio__redis_server_of_link(l)->redis) ||
         sio__sentinel_start_discovery_of_master(l);
}

static const char *check_role_reply_if_sentinels(struct link *l, const redisReply *reply) {
  return redis_has_sentinels(sio__redis_server_of_link(l)->redis)
             ? sio__sentinel_check_role_reply(l, reply)
             : NULL;
}

static void on_tick_ask_role_if_sentinels(struct link *l) {
  if (redis_has_sentinels(sio__redis_server_of_link(l)->redis))
    sio__sentinel_send_role_command_to_master(l);
}

bool sio__redis_server_commands_are_held(const struct redis_server *p) {
  return p->commands_held || p->redis->cluster.commands_held;
}

static bool are_commands_of_link_held(struct link *l) {
  return sio__redis_server_commands_are_held(sio__redis_server_of_link(l));
}

static const struct link_ops command_ops = { .ready = on_server_link_ready,
                                             .reply = on_command_reply,
                                             .lost = pass_null_reply_to_callback_of_lost_command,
                                             .down = on_server_link_failed,
                                             .locate = locate_server_or_ask_sentinel,
                                             .greeted = check_role_reply_if_sentinels,
                                             .tick = on_tick_ask_role_if_sentinels,
                                             .is_held = are_commands_of_link_held };
static const struct link_ops subscriber_ops = { .ready = on_server_link_ready,
                                                .reply = sio__on_subscriber_reply,
                                                .lost = pass_null_reply_to_callback_of_lost_command,
                                                .down = on_server_link_failed,
                                                .locate = locate_server_or_ask_sentinel,
                                                .greeted = check_role_reply_if_sentinels,
                                                .tick = sio__retry_refused_subscriptions_on_tick };

/* ---- opening and closing --------------------------------------------------------------------- */

static void free_server_if_closed(struct redis_server *p) {
  sio_redis *r = p->redis;
  if (p->handles) return;
  r->handles--;
  sio__free(p);
  sio__redis_free_if_closed(r);
}

static void free_server_after_link_closed(struct link *l) {
  free_server_if_closed(sio__redis_server_of_link(l));
}

static void free_server_after_timer_closed(uv_handle_t *h) {
  struct redis_server *p = h->data;
  p->handles--;
  free_server_if_closed(p);
}

struct redis_server *sio__redis_server_new(sio_redis *r) {
  struct redis_server *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  p->redis = r;
  sio__link_init(&p->commands, r->loop, &command_ops, &r->options, &p->handles,
                 free_server_after_link_closed);
  sio__link_init(&p->subscriber, r->loop, &subscriber_ops, &r->options, &p->handles,
                 free_server_after_link_closed);
  uv_timer_init(r->loop, &p->hold);
  p->hold.data = p;
  p->handles++;
  p->commands.expects_replies = true;
  p->commands.unanswered = &r->stats.unanswered;
  sio__link_set_max_queued(&p->subscriber, SUBSCRIPTIONS_MAX);
  r->handles++;
  list_append(&r->pairs, &p->in_pairs);
  return p;
}

void sio__redis_server_connect(struct redis_server *p) {
  if (!p->redis->users || p->redis->freed) return;
  sio__link_start_connecting_if_down(&p->subscriber);
  sio__link_start_connecting_if_down(&p->commands);
}

void sio__redis_server_close_both_connections(struct redis_server *p) {
  list_remove(&p->in_pairs);
  sio__link_disconnect_and_close_timer(&p->commands);
  sio__link_disconnect_and_close_timer(&p->subscriber);
  uv_close((uv_handle_t *)&p->hold, free_server_after_timer_closed);
}

/* ---- commands -------------------------------------------------------------------------------- */

static int send_command_to_slot(sio_redis *r, int slot, const sio_slice *words, size_t n,
                                const struct link_expect *expect) {
  struct link_expect e = *expect;
  bool open = r->users && !r->freed;
  struct redis_server *p = !open            ? NULL
                           : r->only_server ? r->only_server
                                            : sio__cluster_find_server_of_slot(r, slot);
  if (!p) return UV_ENOTCONN;
  e.slot = redis_is_cluster(r) ? slot : LINK_NO_SLOT;
  sio__link_start_connecting_if_down(&p->commands);
  int err = sio__link_queue_command(&p->commands, &e, words, n);
  sio__redis_schedule_flush(r);
  return err;
}

static int slot_of_key_or_any(const sio_redis *r, sio_slice key) {
  return redis_is_cluster(r) && key.n ? (int)sio__cluster_slot_of_key(key) : LINK_ANY_SLOT;
}

int sio__redis_send_command(sio_redis *r, sio_slice key, const sio_slice *words, size_t n,
                            const struct link_expect *expect) {
  return send_command_to_slot(r, slot_of_key_or_any(r, key), words, n, expect);
}

bool sio__redis_set_link_address_to_server_of_key(sio_redis *r, sio_slice key, struct link *l) {
  struct redis_server *p = r->only_server
                               ? r->only_server
                               : sio__cluster_find_server_of_slot(r, slot_of_key_or_any(r, key));
  bool found = p && (!redis_has_sentinels(r) || p->commands.state == LINK_READY);
  if (found) l->to = p->commands.to;
  return found;
}

/* n is how many Socket.IO servers have received a message. If a connection failed or a slot moved
 * recently, and n is smaller than before, the missing servers have missed the message, which is
 * counted and logged. If n is still smaller after COME_BACK_MS, these servers count as gone. */
static void count_message_if_missed_by_servers(sio_redis *r, long long n) {
  struct redis_receivers *k = &r->receivers;
  uint64_t now = uv_now(r->loop);
  if (k->broken) k->until_ms = now + COME_BACK_MS;
  k->broken = false;
  k->last = n;
  if (n >= k->before || now > k->until_ms) {
    k->before = 0;
    return;
  }
  r->stats.missed++;
  REDIS_LOG(r, REDIS_LOG_MISSED, SIO_LOG_WARN,
            "a message reached only %lld of the %lld servers that listened before a connection "
            "broke or a slot moved",
            n, k->before);
}

void sio__redis_remember_receiver_count_at_break(sio_redis *r) {
  struct redis_receivers *k = &r->receivers;
  if (k->last > k->before) k->before = k->last;
  k->broken = true;
}

void sio__redis_remember_connection_break(sio_redis *r) {
  sio__redis_remember_receiver_count_at_break(r);
  r->broke_ms = uv_now(r->loop);
}

static void on_publish_reply(struct link *l, const struct link_expect *expect,
                             const redisReply *reply) {
  (void)expect;
  if (reply && reply->type == REDIS_REPLY_INTEGER)
    count_message_if_missed_by_servers(sio__redis_server_of_link(l)->redis, reply->integer);
}

/* In a Redis Cluster the reply to PUBLISH counts only the subscribers on one node, so that number
 * is not passed to count_message_if_missed_by_servers(). */
int sio__redis_publish(sio_redis *r, struct redis_publish how, sio_slice channel,
                       sio_slice payload) {
  static const struct link_expect nobody = { 0 }, reached = { .on_reply = on_publish_reply };
  const sio_slice words[] = { how.sharded ? SLICE("SPUBLISH") : SLICE("PUBLISH"), channel,
                              payload };
  bool counts = how.to_all && (how.sharded || !redis_is_cluster(r));
  int err = sio__redis_send_command(r, how.sharded ? channel : SLICE(""), words, 3,
                                    counts ? &reached : &nobody);
  if (err)
    sio__redis_count_and_log_dropped_message(r, err);
  else
    r->stats.published++;
  return err;
}

/* ---- counting subscribers -------------------------------------------------------------------- */

/* Parses the reply to PUBSUB NUMSUB or SHARDNUMSUB, which is [channel, number]. Returns the number,
 * or a negative error code; UV_ENOTCONN if `reply` is NULL. */
static int64_t parse_numsub_reply(const redisReply *reply) {
  if (!reply) return UV_ENOTCONN;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) return UV_EIO;
  const redisReply *n = reply->element[1];
  return n->type == REDIS_REPLY_INTEGER && n->integer >= 0 ? n->integer : UV_EIO;
}

static void pass_subscriber_count_to_request(struct link *l, const struct link_expect *expect,
                                             const redisReply *reply) {
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  r->counted(r, expect->id, parse_numsub_reply(reply));
}

/* A channel that is not sharded may have subscribers on every server of a Redis Cluster. So all
 * listed servers are asked, except those that are `failing` and have no connection for commands. */
static int request_subscriber_counts_of_all_servers(sio_redis *r, const sio_slice *words,
                                                    struct link_expect *expect, unsigned *asked) {
  int err = UV_ENOTCONN;
  expect->slot = LINK_NO_SLOT;
  redis_servers_each(p, r) {
    if (!p->listed || (p->failing && p->commands.state != LINK_READY)) continue;
    sio__link_start_connecting_if_down(&p->commands);
    err = sio__link_queue_command(&p->commands, expect, words, 3);
    *asked += !err;
  }
  sio__redis_schedule_flush(r);
  return *asked ? 0 : err;
}

int sio__redis_request_subscriber_count(sio_redis *r, bool sharded, sio_slice channel,
                                        const char *id, unsigned *asked) {
  const sio_slice words[] = { SLICE("PUBSUB"), sharded ? SLICE("SHARDNUMSUB") : SLICE("NUMSUB"),
                              channel };
  struct link_expect expect = { .on_reply = pass_subscriber_count_to_request };
  memcpy(expect.id, id, strlen(id));
  *asked = 0;
  if (redis_is_cluster(r) && !sharded)
    return request_subscriber_counts_of_all_servers(r, words, &expect, asked);
  int err = send_command_to_slot(r, sharded ? slot_of_key_or_any(r, channel) : LINK_ANY_SLOT, words,
                                 3, &expect);
  *asked = !err;
  return err;
}
