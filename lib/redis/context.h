/* SPDX-License-Identifier: MIT
 *
 * context.h - struct sio_redis: the connections to one or several Redis servers, the subscriptions,
 * and the requests that wait for responses.
 *
 *   context.c        options, opening and closing, what the host is told
 *   server.c         the two connections to one Redis server, and commands
 *   subscribe.c      subscriptions, and which Redis server each is on
 *   sentinel.c       asks sentinels which Redis server is the master
 *   cluster.c        which Redis server has which slot
 *   cluster_moves.c  the commands of slots that move
 *   discovery.c      the connection that asks a sentinel, or a node of a cluster
 *
 * Subscriptions have a connection of their own, because on a connection with subscriptions Redis
 * accepts few other commands (in RESP2).
 */
#ifndef SIO_REDIS_CONTEXT_H
#define SIO_REDIS_CONTEXT_H

#include "base/list.h"
#include "base/map.h"
#include "base/msg.h"
#include "redis/link.h"
#include "redis/log.h"
#include <sio/redis.h>

enum subscription_kind { SUBSCRIPTION_CHANNEL, SUBSCRIPTION_PATTERN, SUBSCRIPTION_SHARD };

/* A channel, or a pattern of channels, that an adapter subscribes to. */
struct subscription {
  char *name; /* owned by the adapter */
  size_t name_len;
  enum subscription_kind kind;
  void (*on_message)(struct subscription *s, sio_slice channel, sio_slice payload);
  sio_adapter *adapter;
  /* subscribe.c sets the fields below. */
  /* the Redis server where the subscription is made; NULL: that server is not known */
  struct redis_server *pair;
  bool confirmed; /* Redis has confirmed the subscription, which was not interrupted since */
  bool awaited;   /* the confirmation of Redis is awaited; meanwhile sio_redis.state is not READY */
};

/* One Redis server: the connection for commands and the one for subscriptions. */
struct redis_server {
  struct list in_pairs;
  sio_redis *redis;
  struct link commands, subscriber;
  uv_timer_t hold;        /* when it fires, commands_held becomes false */
  unsigned handles;       /* counts `hold`; link.handles of both links points to this counter */
  unsigned subscriptions; /* how many struct subscription have this server as `pair` */
  bool commands_held; /* queued commands wait: see hold_commands_if_connection_broke_recently() */
  /* in a Redis Cluster: this server is named by the last slot table, by a later MOVED error, or by
   * the ASK error for which it was added */
  bool listed;
  bool failing; /* one of the two connections failed, and they are not both ready again yet */
  /* the server has refused a subscription; becomes false when the connection is made again, and
   * when sio__redis_repair_subscriptions() has run */
  bool refused;
  /* Only in a Redis Cluster. owed_replies: how many replies must come from this server until it has
   * answered the written commands that now belong to other servers, for example because their slots
   * have moved; 0 while `overdue` is true. overdue: these replies took too long, so that other
   * commands no longer wait for them. */
  uint32_t owed_replies;
  bool overdue;
};

/* The state of a Redis Cluster: its slots, and the requests for its slot table. */
struct redis_cluster {
  /* The Redis server of each slot; an element is NULL if that server is not known. The array exists
   * only if the url names a cluster. */
  struct redis_server **slots;
  struct redis_server *knows; /* the server that the last MOVED error named, or NULL */
  /* The server for commands and channels without a slot, which any server of a cluster accepts. */
  struct redis_server *default_server;
  uv_timer_t timer;   /* fires when the slot table is to be requested */
  unsigned wait_ms;   /* the delay for sio__cluster_request_slot_table_later(); 0: retry_min_ms */
  bool known;         /* `slots` is filled from a slot table */
  bool asking;        /* a slot table was requested and has not arrived */
  bool commands_held; /* no commands are written, because a server has owed_replies above 0 */
  uv_timer_t hold;    /* runs while commands_held is true; when it fires, commands are written */
};

/* How many Socket.IO servers receive a message that is published to all of them: the numbers come
 * from the replies to PUBLISH and SPUBLISH. */
struct redis_receivers {
  long long last; /* how many servers have received the last message */
  /* how many servers received a message before a connection failed or a slot moved; 0: later
   * numbers are not compared with it */
  long long before;
  bool broken;       /* a connection failed or a slot moved after the last message */
  uint64_t until_ms; /* until this time a number below `before` is counted as a missed message */
};

/* Connections that adapters open in addition to those of struct redis_server, such as the two of a
 * stream (stream.c). sio_redis.state is READY only if is_ready() returns true for each part. */
struct redis_part {
  struct list link; /* in sio_redis.parts */
  bool (*is_ready)(const struct redis_part *p);
  /* Called from the loop, soon after sio__redis_schedule_flush(). */
  void (*flush)(struct redis_part *p);
  size_t (*queued)(const struct redis_part *p); /* the part's share of sio_redis_stats.queued */
  void (*close)(struct redis_part *p);          /* called by sio_redis_free() */
};

struct sio_redis {
  struct list parts; /* struct redis_part                                      */
  struct list pairs; /* struct redis_server: one, or all known servers of a Redis Cluster */
  struct redis_server *only_server; /* NULL in a Redis Cluster, and after sio_redis_free()     */
  struct link discovery;            /* to a sentinel, or to any node of a cluster             */
  struct redis_cluster cluster;
  struct link_address master;   /* the address that a sentinel has given for the master */
  struct link_address followed; /* the master to which a connection was made last */
  /* `discovery_options` is for the link `discovery`, `options` for all other links. */
  struct link_options options, discovery_options;
  unsigned next_host; /* `discovery` tries the host next_host modulo the number of hosts */
  struct redis_receivers receivers;
  struct redis_log notes;
  uv_loop_t *loop;
  uint64_t broke_ms; /* when a connection of a struct redis_server failed last; 0: never */
  uv_idle_t soon;    /* runs before the loop waits: sends queued commands, and calls the host */
  /* how many of these have not ended yet: the uv handles of this struct, each struct redis_server,
   * and the timer, the sockets and the lookups of `discovery` */
  unsigned handles;
  unsigned users;      /* adapters that have not stopped */
  unsigned to_confirm; /* subscriptions whose `awaited` is true */
  unsigned unplaced;   /* subscriptions whose `pair` is NULL */
  unsigned refs;       /* references of adapters and streams, which keep this struct in memory */
  bool misplaced;      /* sio__redis_repair_subscriptions() is to be called */
  bool has_refused;    /* sio__redis_await_refused_subscriptions() is to be called */
  bool freed;          /* the host has called sio_redis_free() */
  struct map subscriptions;    /* struct subscription by name */
  struct map pending_requests; /* struct pending_request by id; see pending_request.h */
  /* Called once for each Redis server that sio__redis_request_subscriber_count() has asked. id: the
   * id passed to that function. n: the number of subscribers, or a negative error code. */
  void (*counted)(sio_redis *r, const char *id, int64_t n);
  uint64_t last_number; /* the last number that was given to a command of a stream */
  /* the number (the field `seq`) of the entry that was queued last, for any stream; by it readers
   * recognise an entry that was added twice: see stream_repeats.h */
  uint64_t last_seq;
  struct msgs msgs; /* the allocator for messages that are being composed or converted */
  sio_redis_state_cb on_state;
  void *on_state_user;
  enum sio_redis_state state, told_state;
  /* The ids of this Socket.IO server in its messages: classic_uid in those of the classic adapter,
   * uid in those of the other adapters; "" until the first adapter needs one. They stay the same
   * when a namespace is closed and created again, so that this server still recognises the messages
   * that it published before. */
  char classic_uid[LINK_ID], uid[LINK_ID];
  char why[REDIS_LOG_LINE_SIZE];
  sio_redis_stats stats;
  char *texts; /* copies of the names and passwords in the options */
};

#define redis_servers_each(pair, r)                                                          \
  list_each (it_, next_, &(r)->pairs)                                                        \
    for (struct redis_server *pair = container_of(it_, struct redis_server, in_pairs); pair; \
         pair = NULL)

/* ---- for adapters ---------------------------------------------------------------------------- */

/* Adds or drops a reference. References keep *r in memory, also after sio_redis_free(). */
void sio__redis_ref(sio_redis *r);
void sio__redis_unref(sio_redis *r);

/* These functions count the adapters. The first adapter starts the connections to Redis servers,
 * and when the last one stops, these connections are closed. After sio_redis_free() the functions
 * only count. */
void sio__redis_count_adapter_and_connect_if_first(sio_redis *r);
void sio__redis_uncount_adapter_and_stop_if_last(sio_redis *r);

/* Adds a subscription. Returns 0, UV_EEXIST (there is a subscription with the same name),
 * UV_ENOBUFS, UV_ENOMEM or another error. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s);
/* Removes a subscription. Does nothing if it was not added. */
void sio__redis_unsubscribe(sio_redis *r, struct subscription *s);

/* Queues a command for the Redis server; in a Redis Cluster, for the server that has the slot of
 * the key, or for the default server if the key is empty. If that server answers with a
 * redirection, the command is sent again to the server that the redirection names, a few times at
 * most. expect->on_reply is called with the reply, or with NULL if no reply will come. expect->slot
 * is ignored, and expect->kept must be NULL. Returns 0, UV_ENOTCONN (for example, the server is not
 * known), UV_ENOBUFS or UV_ENOMEM. After an error expect->on_reply is not called. */
int sio__redis_send_command(sio_redis *r, sio_slice key, const sio_slice *words, size_t n,
                            const struct link_expect *expect);
/* For link_ops.locate of a link of a struct redis_part: sets l->to to the address of the Redis
 * server that has this key. Returns false if the address of that server is not known yet; the
 * caller then calls this function again in redis_part.flush. */
bool sio__redis_set_link_address_to_server_of_key(sio_redis *r, sio_slice key, struct link *l);

struct redis_publish {
  bool sharded;
  /* true: each Socket.IO server that has the namespace subscribes to the channel once, so that the
   * number in the reply can tell how many servers receive the message. */
  bool to_all;
};
/* Queues a message to be published. Returns 0 or an error. After an error the message is lost, and
 * was counted as dropped. */
int sio__redis_publish(sio_redis *r, struct redis_publish how, sio_slice channel,
                       sio_slice payload);
/* Asks Redis how many Socket.IO servers are subscribed to the channel. Sets *asked to the number of
 * Redis servers that were asked. For each of these, r->counted(r, id, n) is called later. Returns
 * 0, UV_ENOTCONN, UV_ENOBUFS or UV_ENOMEM. */
int sio__redis_request_subscriber_count(sio_redis *r, bool sharded, sio_slice channel,
                                        const char *id, unsigned *asked);

/* Counts and logs a message, or another command, that is lost because of err. The second function
 * is for an error of sio__redis_subscribe(). */
void sio__redis_count_and_log_dropped_message(sio_redis *r, int err);
void sio__redis_count_and_log_dropped_subscription(sio_redis *r, int err);

/* Returns true if the state is READY: see compute_redis_state(). */
static inline bool redis_is_ready(const sio_redis *r) { return r->state == SIO_REDIS_READY; }
/* Counts and logs a received message that is ignored because of err: as unhandled if memory ran out
 * or max_acks queries are pending (UV_EBUSY), otherwise as malformed. Does nothing if err is
 * SIO_ECLOSED: this server is closing. */
void sio__redis_count_and_log_ignored_message(sio_redis *r, sio_slice channel, int err);

/* ---- functions shared by the files named above ----------------------------------------------- */

/* context.c */
/* Schedules a flush, which the loop runs before it waits for events: it sends the queued commands
 * that are not held, on connections that are ready, and reports log lines and a new state to the
 * host. Does nothing after sio_redis_free(). */
void sio__redis_schedule_flush(sio_redis *r);
void sio__redis_update_state(sio_redis *r, const char *why);
void sio__redis_free_if_closed(sio_redis *r);
/* For the links of a struct redis_part. The first function counts and logs a failed connection, and
 * updates sio_redis.state; the second counts and logs an error reply. */
void sio__redis_count_and_log_failed_connection(sio_redis *r, const char *purpose, const char *why,
                                                unsigned wait_ms);
void sio__redis_count_and_log_error_reply(sio_redis *r, const redisReply *reply);
#define REDIS_LOG(r, kind, level, ...)                                                    \
  do {                                                                                    \
    sio__redis_log_add_rate_limited_line(&(r)->notes, (kind), (level), uv_now((r)->loop), \
                                         __VA_ARGS__);                                    \
    sio__redis_schedule_flush(r);                                                         \
  } while (0)

/* server.c */
struct redis_server *sio__redis_server_new(sio_redis *r); /* NULL: no memory */
/* Starts the connections to the server if an adapter is open and they are not started yet. */
void sio__redis_server_connect(struct redis_server *p);
/* Closes the connections to the server. *p is freed when they are closed. */
void sio__redis_server_close_both_connections(struct redis_server *p);
struct redis_server *sio__redis_server_of_link(struct link *l);
/* Returns true if commands for this server must not be written now: see redis_server.commands_held
 * and redis_cluster.commands_held. */
bool sio__redis_server_commands_are_held(const struct redis_server *p);
/* Called when other Socket.IO servers may have lost their subscriptions for a while: for some
 * seconds, messages that reach fewer servers than before are then counted as missed. */
void sio__redis_remember_receiver_count_at_break(sio_redis *r);
void sio__redis_remember_connection_break(sio_redis *r);

/* subscribe.c */
void sio__resubscribe_on_new_connection(struct link *l);
void sio__on_subscriber_reply(struct link *l, const redisReply *reply);
void sio__mark_subscriptions_of_server_unconfirmed(struct redis_server *p);
/* Repairs the subscriptions that do not work: each is assigned to the Redis server that its channel
 * now belongs to. If that is another server than before, or if it has refused a subscription,
 * subscribes there, provided that the server is connected. */
void sio__redis_repair_subscriptions(sio_redis *r);
/* Updates sio_redis.state after a Redis server has refused a subscription. */
void sio__redis_await_refused_subscriptions(sio_redis *r);
/* For link_ops.tick of the connection for subscriptions: subscribes again to the channels that the
 * Redis server has refused. */
void sio__retry_refused_subscriptions_on_tick(struct link *l);
void sio__redis_detach_subscriptions_from_servers(sio_redis *r);
void sio__subscriptions_init(sio_redis *r);

/* discovery.c, for sentinel.c and cluster.c */
bool sio__discovery_set_next_host(struct link *l);
void sio__discovery_log_failure_and_skip_host(struct link *l, const char *why, unsigned wait_ms);

static inline bool redis_has_sentinels(const sio_redis *r) {
  return r->options.url.kind == URL_SENTINEL;
}
extern const struct link_ops sio__sentinel_ops;
bool sio__sentinel_start_discovery_of_master(struct link *l);
const char *sio__sentinel_check_role_reply(struct link *l, const redisReply *reply);
void sio__sentinel_send_role_command_to_master(struct link *l);
void sio__sentinel_on_master_connected(struct redis_server *p, struct link *l);

static inline bool redis_is_cluster(const sio_redis *r) {
  return r->options.url.kind == URL_CLUSTER;
}
extern const struct link_ops sio__cluster_ops;
unsigned sio__cluster_slot_of_key(sio_slice key);
/* Returns the server of the slot. If `slot` is LINK_ANY_SLOT, returns the default server. Returns
 * NULL if that server is not known. */
struct redis_server *sio__cluster_find_server_of_slot(sio_redis *r, int slot);
void sio__cluster_request_slot_table_soon(sio_redis *r);
void sio__cluster_stop_and_reset(sio_redis *r);
int sio__cluster_init_slots_and_timers(sio_redis *r); /* 0 or UV_ENOMEM */
void sio__cluster_reset_and_close_timers(sio_redis *r);
void sio__cluster_free_slots(sio_redis *r);
/* Requests the slot table after a delay, unless a request is scheduled or under way, no adapter is
 * open, or sio_redis_free() was called. */
void sio__cluster_request_slot_table_later(sio_redis *r);
void sio__cluster_on_server_connection_failed(struct redis_server *p);
/* Returns true if the caller must ignore the reply. Either the reply is a MOVED or ASK error, and
 * this function has queued the command for the server that the error names, or dropped it if it
 * cannot be queued. Or the command was taken out of the link before this reply came
 * (LINK_SENT_ON). */
bool sio__cluster_resend_if_redirected(struct link *l, struct link_expect *expect,
                                       const redisReply *reply);
bool sio__cluster_handle_subscriber_redirect_error(struct link *l, sio_slice error);
/* Returns true for an error, such as CLUSTERDOWN, after which the same command may succeed a little
 * later. */
bool sio__cluster_is_error_temporary(sio_slice error);
/* For a link of a struct redis_part. Handles a redirection or a temporary error, and returns true.
 * The caller must then break the connection, so that the link connects again, to the server that
 * the slot table names. A MOVED error corrects the table. After a MOVED or a temporary error the
 * table is also requested later. */
bool sio__cluster_handle_redirect_or_temporary_error(sio_redis *r, const struct link *l,
                                                     sio_slice error);

/* cluster_moves.c */
/* Called when slots may have moved to other servers: moves the commands for these slots that were
 * not written yet to the new servers, and calls sio__cluster_hold_commands_if_replies_owed(). */
void sio__cluster_requeue_commands_of_moved_slots(sio_redis *r);
/* Called before p is closed: moves its commands that were not written yet to the servers that have
 * their slots. Commands with LINK_NO_SLOT stay. */
void sio__cluster_requeue_unwritten_of_server(struct redis_server *p);
/* Called when the reply to the command *e, which was sent on l, is a MOVED or an ASK error: queues
 * the command for the server `to`. After MOVED to another server, the other commands of this slot
 * on l, and those that `to` has not written yet, are queued again after *e. A command that cannot
 * be queued is dropped. */
void sio__cluster_resend_after_moved(struct link *l, const struct link_expect *e, int slot,
                                     struct redis_server *to);
void sio__cluster_resend_after_ask(struct link *l, const struct link_expect *e,
                                   struct redis_server *to);
void sio__cluster_count_down_owed_replies(struct redis_server *p);
/* Computes redis_server.owed_replies of each server again. If one of them is not 0, no commands are
 * written until these replies have come, or have taken too long. */
void sio__cluster_hold_commands_if_replies_owed(sio_redis *r);

#endif
