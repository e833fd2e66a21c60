/* SPDX-License-Identifier: MIT
 *
 * context.h - struct sio_redis: the connections to one or several servers of Redis, who is
 * subscribed to what, and which requests wait for responses.
 *
 *   context.c        options, opening and closing, what the host is told
 *   server.c         the two connections to one server of Redis, and commands
 *   subscribe.c      subscriptions, and which server each is on
 *   sentinel.c       asks sentinels which server is the master
 *   cluster.c        which server has which slot
 *   cluster_moves.c  the commands of slots that move
 *
 * The connection for commands sends PUBLISH, PUBSUB NUMSUB and others; the other one is subscribed,
 * after which Redis takes nothing else from it (in RESP2).
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

/* A channel, or a pattern of channels, that an adapter is subscribed to. */
struct subscription {
  char *name; /* owned by the adapter */
  size_t name_len;
  enum subscription_kind kind;
  void (*on_message)(struct subscription *s, sio_slice channel, sio_slice payload);
  sio_adapter *adapter;
  /* The rest is set by subscribe.c. */
  struct redis_server *pair; /* the server that the subscription is on; NULL: not known yet */
  bool confirmed;            /* Redis has confirmed it on the current connection */
  bool awaited;              /* the state is not READY until it is confirmed     */
};

/* The two connections to one server of Redis. */
struct redis_server {
  struct list in_pairs;
  sio_redis *redis;
  struct link commands, subscriber;
  unsigned handles;       /* uv handles of both links that are not closed yet  */
  unsigned subscriptions; /* how many subscriptions are on this server         */
  bool commands_held;     /* commands are not sent yet: see redis_server_hold_commands() */
  bool listed;            /* in a cluster: the last slot table contains it     */
  bool failing;           /* one of its connections broke and is not ready yet */
  bool refused;           /* refused a subscription since the last slot table  */
  /* In a cluster: how many replies have to come until those to all commands have whose slots have
   * moved to other servers; and whether they took too long, so that nothing waits for them. */
  uint32_t owed_replies;
  bool overdue;
};

/* The state of a Redis Cluster: its slots, and the requests for its slot table. */
struct redis_cluster {
  struct redis_server **slots; /* the server of each slot; slots is NULL without a cluster */
  struct redis_server *knows;  /* the server that a MOVED named last, or NULL                */
  struct redis_server
      *default_server; /* for channels and commands that every server takes          */
  uv_timer_t timer;    /* fires when the slot table is to be requested again */
  unsigned wait_ms;    /* the last delay of that timer */
  bool known;          /* a slot table has been received */
  bool asking;         /* a slot table was requested and has not arrived */
  bool commands_held;  /* commands are not written: a server owes replies. See cluster_moves.c */
};

/* How many servers receive a message that is published to all servers, as Redis has counted. */
struct redis_receivers {
  long long last;    /* the number for the last message */
  long long before;  /* the number before the last break of a connection; 0: none */
  bool broken;       /* a connection broke since the last message */
  uint64_t until_ms; /* until this time a smaller number counts as missed */
};

/* Connections that an adapter has in addition. The state is READY only if they are ready too. */
struct redis_part {
  struct list link; /* in sio_redis.parts */
  bool (*is_ready)(const struct redis_part *p);
  void (*flush)(
      struct redis_part *p); /* before the loop waits again, after sio__redis_schedule_flush() */
  size_t (*queued)(const struct redis_part *p); /* bytes that are not sent yet */
  void (*close)(struct redis_part *p);          /* sio_redis_free() was called */
};

struct sio_redis {
  struct list parts;                /* struct redis_part                                      */
  struct list pairs;                /* struct redis_server; one, unless it is a cluster         */
  struct redis_server *only_server; /* the only server; NULL: a cluster */
  struct link discovery;            /* to a sentinel, or to any node of a cluster             */
  struct redis_cluster cluster;
  struct link_address master;                     /* as the sentinels have told */
  struct link_address followed;                   /* the master of the last connection */
  struct link_options options, discovery_options; /* of servers; of sentinels, or of nodes        */
  unsigned next_host; /* index of the host that the discovery connection tries next */
  struct redis_receivers receivers;
  struct redis_log notes;
  uv_loop_t *loop;
  uv_timer_t hold;             /* when it fires, held commands are sent */
  uint64_t broke_ms;           /* time of the last break of a connection; 0: never */
  uv_idle_t soon;              /* sends queued commands and calls the host, before the loop polls */
  unsigned handles;            /* uv handles that are not closed yet */
  unsigned users;              /* adapters that are open                                  */
  unsigned to_confirm;         /* subscriptions that are awaited                          */
  unsigned unplaced;           /* subscriptions without a server                          */
  unsigned refs;               /* references of adapters, which keep this struct */
  bool misplaced;              /* the next flush moves subscriptions to other servers */
  bool freed;                  /* the host has called sio_redis_free() */
  struct map subscriptions;    /* struct subscription by name */
  struct map pending_requests; /* struct pending_request by id; see pending_request.h */
  /* Called when a server of Redis has counted the subscribers of a channel for the request `id`.
   * n < 0: an error code. */
  void (*counted)(sio_redis *r, const char *id, int64_t n);
  uint64_t last_number; /* identifies commands of streams until their replies come */
  uint64_t last_seq;    /* of the entries that were added to any stream: see stream_repeats.h */
  struct msgs msgs;     /* allocates messages while they are written */
  sio_redis_state_cb on_state;
  void *on_state_user;
  enum sio_redis_state state, told_state;
  /* Names this server in messages: of the classic adapter, and of the others. "": not drawn yet. It
   * stays the same when a namespace ends and begins again, so that its earlier messages are known
   * as own. */
  char classic_uid[LINK_ID], uid[LINK_ID];
  char why[REDIS_LOG_LINE_SIZE];
  sio_redis_stats stats;
  char *texts; /* copies of the texts in the options */
};

#define redis_servers_each(pair, r)                                                          \
  list_each (it_, next_, &(r)->pairs)                                                        \
    for (struct redis_server *pair = container_of(it_, struct redis_server, in_pairs); pair; \
         pair = NULL)

/* ---- for adapters ---------------------------------------------------------------------------- */

/* A reference keeps the struct in memory, also after sio_redis_free(). */
void sio__redis_ref(sio_redis *r);
void sio__redis_unref(sio_redis *r);

/* The first adapter opens the connections, and the last one closes them. */
void sio__redis_add_adapter(sio_redis *r);
void sio__redis_remove_adapter(sio_redis *r);

/* Adds a subscription, or removes it. UV_EEXIST: there is one of that name. UV_ENOMEM. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s);
void sio__redis_unsubscribe(sio_redis *r, struct subscription *s);

/* Sends a command to the server that has this key; in a cluster, to the server of its slot. If
 * that server answers with a redirection, the command is sent again to the server that it names.
 * expect->on_reply is called with the reply, or with NULL if no reply will come. expect->slot and
 * expect->kept are set by this function. Returns 0, UV_ENOTCONN (no server is known yet, or no
 * adapter is open), UV_ENOBUFS or UV_ENOMEM. After an error expect->on_reply is not called. */
int sio__redis_send_command(sio_redis *r, sio_slice key, const sio_slice *words, size_t n,
                            const struct link_expect *expect);
/* For link_ops.locate of an adapter's own link: sets l->to to the address of the server that has
 * this key. False: the server is not known yet; call this again when the state is READY. */
bool sio__redis_find_server_of_key(sio_redis *r, sio_slice key, struct link *l);

struct redis_publish {
  bool sharded;
  bool to_all; /* every server is subscribed to the channel exactly once */
};
/* Publishes a message. Returns 0, UV_ENOTCONN, UV_ENOBUFS or UV_ENOMEM. After an error the message
 * is dropped, which is logged and counted. */
int sio__redis_publish(sio_redis *r, struct redis_publish how, sio_slice channel,
                       sio_slice payload);
/* Asks Redis how many servers are subscribed to the channel. r->counted is called *asked times.
 * Errors are those of sio__redis_publish(). */
int sio__redis_count_subscribers(sio_redis *r, bool sharded, sio_slice channel, const char *id,
                                 unsigned *asked);

/* Counts and logs a message that could not be published because of err. */
void sio__redis_count_dropped_message(sio_redis *r, int err);

/* True if all connections are ready, and all awaited subscriptions confirmed. */
static inline bool redis_is_ready(const sio_redis *r) { return r->state == SIO_REDIS_READY; }
/* Counts and logs a received message that is ignored. what: the reason. */
void sio__redis_count_malformed_message(sio_redis *r, sio_slice channel, const char *what);

/* ---- between the files ----------------------------------------------------------------------- */

/* context.c */
/* Before the loop polls again, queued commands are sent, and log lines and the state are reported
 * to the host. */
void sio__redis_schedule_flush(sio_redis *r);
void sio__redis_update_state(sio_redis *r, const char *why);
void sio__redis_free_if_closed(sio_redis *r);
/* For struct redis_part: count and log a failed connection, and an error reply. */
void sio__redis_log_connection_failure(sio_redis *r, const char *which, const char *why,
                                       unsigned wait_ms);
void sio__redis_log_error_reply(sio_redis *r, const redisReply *reply);
#define REDIS_LOG(r, kind, level, ...)                                                     \
  do {                                                                                     \
    sio__redis_log_add_line(&(r)->notes, (kind), (level), uv_now((r)->loop), __VA_ARGS__); \
    sio__redis_schedule_flush(r);                                                          \
  } while (0)

/* server.c */
struct redis_server *sio__redis_server_new(sio_redis *r); /* NULL: no memory */
void sio__redis_server_connect(
    struct redis_server *p);                          /* its connections, unless they are started */
void sio__redis_server_close(struct redis_server *p); /* for ever; it frees itself */
struct redis_server *sio__redis_server_of_link(struct link *l);
/* True: commands are not written now. See redis_server.commands_held and cluster_moves.c. */
bool sio__redis_server_is_held(const struct redis_server *p);
/* Other servers may be without their subscriptions for a while, so that messages miss them. */
void sio__redis_expect_fewer_receivers(sio_redis *r);
void sio__redis_on_connection_break(sio_redis *r);
void sio__redis_on_hold_timer(uv_timer_t *t);

/* subscribe.c */
void sio__resubscribe_on_new_connection(struct link *l);
void sio__on_subscriber_reply(struct link *l, const redisReply *reply);
void sio__mark_subscriptions_unconfirmed(struct redis_server *p);
/* Moves each subscription that does not work to the server that has its slot. */
void sio__redis_place_subscriptions(sio_redis *r);
void sio__redis_detach_subscriptions(sio_redis *r);
void sio__subscriptions_init(sio_redis *r);

/* discovery.c, for sentinel.c and cluster.c */
bool sio__discovery_choose_host(struct link *l);
void sio__discovery_on_failure(struct link *l, const char *why, unsigned wait_ms);

static inline bool redis_has_sentinels(const sio_redis *r) {
  return r->options.url.kind == URL_SENTINEL;
}
extern const struct link_ops sio__sentinel_ops;
bool sio__sentinel_ask_for_master(struct link *l);
const char *sio__sentinel_check_role(struct link *l, const redisReply *reply);
void sio__sentinel_send_role_command(struct link *l);
void sio__sentinel_on_master_connected(struct redis_server *p, struct link *l);

static inline bool redis_is_cluster(const sio_redis *r) {
  return r->options.url.kind == URL_CLUSTER;
}
extern const struct link_ops sio__cluster_ops;
unsigned sio__cluster_slot_of_key(sio_slice key);
/* The server of a slot, or of LINK_ANY_SLOT; NULL: it is not known. */
struct redis_server *sio__cluster_find_server_of_slot(sio_redis *r, int slot);
void sio__cluster_start_discovery(sio_redis *r);
void sio__cluster_stop_and_reset(sio_redis *r);
int sio__cluster_init(sio_redis *r); /* 0 or UV_ENOMEM */
void sio__cluster_close(sio_redis *r);
void sio__cluster_clear(sio_redis *r);
void sio__cluster_request_slot_table_later(
    sio_redis *r); /* The table is asked for, sooner or later. */
void sio__cluster_on_server_connection_lost(struct redis_server *p);
/* True if the reply is MOVED or ASK: then the command has been sent to the server that it names. */
bool sio__cluster_follow_redirect_reply(struct link *l, struct link_expect *expect,
                                        const redisReply *reply);
bool sio__cluster_follow_moved_subscription(struct link *l, sio_slice error);
/* True for an error of a cluster that is changing: the command may be accepted a little later. */
bool sio__cluster_is_error_temporary(sio_slice error);
/* For a link of a part (l->to is its server): true if this error means that the slot is on another
 * server, or on none at the moment. The table has been corrected, or is asked for: the link should
 * be made again. */
bool sio__cluster_is_slot_on_other_server(sio_redis *r, const struct link *l, sio_slice error);

/* cluster_moves.c */
/* The servers of some slots have changed: moves the commands for them that are not written yet, and
 * holds all commands if a server owes replies. */
void sio__cluster_move_commands(sio_redis *r);
/* Moves all commands that were not written to this server, which is to be closed. */
void sio__cluster_move_commands_of_server(struct redis_server *p);
/* The reply to a command is MOVED: sends it again, and the others of the slot after it. */
void sio__cluster_resend_after_moved(struct link *l, const struct link_expect *e, int slot,
                                     struct redis_server *to);
void sio__cluster_resend_after_ask(struct link *l, const struct link_expect *e,
                                   struct redis_server *to);
void sio__cluster_on_command_replied(struct redis_server *p);
void sio__cluster_update_hold(sio_redis *r);
void sio__cluster_end_hold(sio_redis *r); /* nothing waits any longer for replies that are owed */

#endif
