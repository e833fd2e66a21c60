/* SPDX-License-Identifier: MIT
 *
 * context.h - struct sio_redis: the connections to one or several servers of Redis, who is
 * subscribed to what, and which questions wait for answers.
 *
 *   context.c    options, opening and closing, what the host is told
 *   pair.c       the two connections to one server of Redis, and commands
 *   subscribe.c  subscriptions, and which server each is on
 *   sentinel.c   asks sentinels which server is the master
 *   cluster.c    which server has which slot; commands that are sent elsewhere
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
#include "redis/note.h"
#include <sio/redis.h>

enum subscription_kind { SUBSCRIPTION_CHANNEL, SUBSCRIPTION_PATTERN, SUBSCRIPTION_SHARD };

/* A channel, or a pattern, of an adapter. */
struct subscription {
  char *name; /* owned by the adapter */
  size_t name_len;
  enum subscription_kind kind;
  void (*heard)(struct subscription *s, sio_slice channel, sio_slice payload);
  sio_adapter *adapter;
  /* Of subscribe.c: */
  struct redis_pair *pair; /* where it is subscribed, or will be; NULL: no server is known */
  bool confirmed;          /* Redis has said so on this connection              */
  bool awaited;            /* until it is confirmed, the whole is not ready     */
};

/* The two connections to one server of Redis. */
struct redis_pair {
  struct list in_pairs;
  sio_redis *redis;
  struct link commands, subscriber;
  unsigned handles;       /* of the two that are not closed yet                   */
  unsigned subscriptions; /* that are on it                                       */
  bool held;              /* its commands wait: other servers may not be back yet         */
  bool listed;            /* in a cluster: the last table names it                */
  bool failing;           /* one of its connections broke and is not there again  */
  bool refused;           /* it refused a subscription since the last table       */
};

/* Of a Redis Cluster. */
struct redis_cluster {
  struct redis_pair **slots; /* the server of each slot, or NULL; NULL: this is no cluster */
  struct redis_pair *knows;  /* the server that a MOVED named last, or NULL                */
  struct redis_pair *anchor; /* for channels and commands that every server takes          */
  uv_timer_t timer;          /* until the table is asked for again                         */
  unsigned wait_ms;          /* the last wait                                              */
  bool known;                /* there is a table                                           */
  bool asking;               /* for a table                                                */
};

/* How many servers get what is published to all of them. */
struct redis_reach {
  long long last, before; /* of the last message; before the last break */
  bool broken;            /* since the last message                     */
  uint64_t until_ms;      /* so long those that are missing may come back */
};

/* More connections, which an adapter has. They count as part of the whole. */
struct redis_part {
  struct list link; /* in sio_redis.parts */
  bool (*is_ready)(const struct redis_part *p);
  void (*flush)(struct redis_part *p); /* before the loop waits again, after sio__redis_wake() */
  size_t (*queued)(const struct redis_part *p); /* bytes that wait */
  void (*close)(struct redis_part *p);          /* sio_redis_free() was called */
};

struct sio_redis {
  struct list parts;       /* struct redis_part                                      */
  struct list pairs;       /* struct redis_pair; one, unless it is a cluster         */
  struct redis_pair *home; /* that one, or NULL                                      */
  struct link guide;       /* to a sentinel, or to any node of a cluster             */
  struct redis_cluster cluster;
  struct link_address master;   /* what the sentinels said                               */
  struct link_address followed; /* the master that a connection was made to last         */
  struct link_options options, guide_options; /* of servers; of sentinels, or of nodes        */
  unsigned next_host;                         /* of the url that the guide tries               */
  struct redis_reach reach;
  struct notes notes;
  uv_loop_t *loop;
  uv_timer_t hold;          /* ends `held` of all pairs                                */
  uint64_t broke_ms;        /* when a connection broke last; 0: never                  */
  uv_idle_t soon;           /* flushes and tells, before the loop waits again          */
  unsigned handles;         /* that are not closed yet                                 */
  unsigned users;           /* adapters that are open                                  */
  unsigned to_confirm;      /* subscriptions that are awaited                          */
  unsigned homeless;        /* subscriptions without a server                          */
  unsigned refs;            /* adapters that may still look at it */
  bool misplaced;           /* subscriptions are to be moved, soon */
  bool freed;               /* by the host */
  struct map subscriptions; /* struct subscription by name */
  struct map questions;     /* struct question by id; see question.h */
  /* A server of Redis has said how many servers listen to it; n < 0: an error, it has not. */
  void (*counted)(sio_redis *r, const char *id, int64_t n);
  uint64_t last_number; /* identifies commands of streams until their replies come */
  struct msgs msgs;     /* for messages that are being written */
  sio_redis_state_cb on_state;
  void *on_state_user;
  enum sio_redis_state state, told_state;
  char why[NOTE_LINE];
  sio_redis_stats stats;
  char *texts; /* of the options */
};

#define pairs_each(pair, r)                                                              \
  list_each (it_, next_, &(r)->pairs)                                                    \
    for (struct redis_pair *pair = container_of(it_, struct redis_pair, in_pairs); pair; \
         pair = NULL)

/* ---- for adapters ---------------------------------------------------------------------------- */

/* Keeps the memory, also after sio_redis_free(). */
void sio__redis_ref(sio_redis *r);
void sio__redis_unref(sio_redis *r);

void sio__redis_use(sio_redis *r); /* The connections are opened. */
void sio__redis_unuse(sio_redis *r);

/* Adds a subscription, or removes it. UV_EEXIST: there is one of that name. UV_ENOMEM. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s);
void sio__redis_unsubscribe(sio_redis *r, struct subscription *s);

/* Sends a command to the server that has this key (in a cluster: the key's slot). expect->heard is
 * called with the reply, or with NULL; a command that a cluster sends elsewhere follows by itself.
 * expect->slot and ->kept are set here. 0, UV_ENOTCONN (no server is known yet, or nobody uses r),
 * UV_ENOBUFS, UV_ENOMEM; then expect->heard is not called. */
int sio__redis_command(sio_redis *r, sio_slice key, const sio_slice *words, size_t n,
                       const struct link_expect *expect);
/* As link_ops.locate of a link of one's own, for commands that block: sets l->to to the server that
 * has this key. False: it is not known; sio__link_start() again when the state is READY. */
bool sio__redis_locate(sio_redis *r, sio_slice key, struct link *l);

struct redis_publish {
  bool sharded;
  bool to_all; /* each server of the cluster listens to the channel, once */
};
/* 0, or UV_ENOTCONN, UV_ENOBUFS, UV_ENOMEM: it is dropped, which is noted and counted. */
int sio__redis_publish(sio_redis *r, struct redis_publish how, sio_slice channel,
                       sio_slice payload);
/* Asks how many servers listen: r->counted is called *asked times. Errors as above. */
int sio__redis_count(sio_redis *r, bool sharded, sio_slice channel, const char *id,
                     unsigned *asked);

/* A message could not be written: noted and counted. */
void sio__redis_dropped(sio_redis *r, int err);

/* All connections are there. */
static inline bool redis_is_ready(const sio_redis *r) { return r->state == SIO_REDIS_READY; }
/* A message that could not be understood. */
void sio__redis_malformed(sio_redis *r, sio_slice channel, const char *what);

/* ---- between the files ----------------------------------------------------------------------- */

/* context.c */
void sio__redis_wake(sio_redis *r); /* Flushes and tells before the loop waits again. */
void sio__redis_update(sio_redis *r, const char *why);
void sio__redis_check_closed(sio_redis *r);
/* For parts: a connection is down; Redis answered with an error. */
void sio__redis_note_down(sio_redis *r, const char *which, const char *why, unsigned wait_ms);
void sio__redis_hear_error(sio_redis *r, const redisReply *reply);
#define REDIS_NOTE(r, kind, level, ...)                                      \
  do {                                                                       \
    sio__note(&(r)->notes, (kind), (level), uv_now((r)->loop), __VA_ARGS__); \
    sio__redis_wake(r);                                                      \
  } while (0)

/* pair.c */
struct redis_pair *sio__pair_new(sio_redis *r); /* NULL: no memory */
void sio__pair_start(struct redis_pair *p);     /* its connections, unless they are started */
void sio__pair_close(struct redis_pair *p);     /* for ever; it frees itself */
struct redis_pair *sio__pair_of(struct link *l);
void sio__redis_reach_break(sio_redis *r);
void sio__redis_end_hold(uv_timer_t *t);

/* subscribe.c */
void sio__subscriber_ready(struct link *l);
void sio__subscriber_reply(struct link *l, const redisReply *reply);
void sio__subscriber_down(struct redis_pair *p);
/* Moves what is not where it belongs. */
void sio__redis_place(sio_redis *r);
void sio__redis_forget_places(sio_redis *r);
void sio__subscriptions_init(sio_redis *r);

/* sentinel.c and cluster.c: the guide */
bool sio__guide_locate(struct link *l);
void sio__guide_down(struct link *l, const char *why, unsigned wait_ms);

static inline bool redis_has_sentinels(const sio_redis *r) {
  return r->options.url.kind == URL_SENTINEL;
}
extern const struct link_ops sio__sentinel_ops;
bool sio__sentinel_locate(struct link *l);
const char *sio__sentinel_greeted(struct link *l, const redisReply *reply);
void sio__sentinel_tick(struct link *l);
void sio__sentinel_ready(struct redis_pair *p, struct link *l);

static inline bool redis_is_cluster(const sio_redis *r) {
  return r->options.url.kind == URL_CLUSTER;
}
extern const struct link_ops sio__cluster_ops;
unsigned sio__cluster_slot(sio_slice key);
/* The server of a slot, or of LINK_ANY_SLOT; NULL: it is not known. */
struct redis_pair *sio__cluster_pair(sio_redis *r, int slot);
void sio__cluster_start(sio_redis *r);
void sio__cluster_stop(sio_redis *r);
int sio__cluster_init(sio_redis *r); /* 0 or UV_ENOMEM */
void sio__cluster_close(sio_redis *r);
void sio__cluster_clear(sio_redis *r);
void sio__cluster_trouble(sio_redis *r); /* The table is asked for, sooner or later. */
void sio__cluster_pair_down(struct redis_pair *p);
/* Is this an error that says where else? Then it has been seen to. */
bool sio__cluster_redirects(struct link *l, struct link_expect *expect, const redisReply *reply);
bool sio__cluster_moved(struct link *l, sio_slice error);
/* An error of a cluster that is changing: the command may be accepted a little later. */
bool sio__cluster_error_passes(sio_slice error);
/* For a link of a part (l->to is its server): true if this error means that the slot is on another
 * server, or on none at the moment. The table has been corrected, or is asked for: the link should
 * be made again. */
bool sio__cluster_slot_is_elsewhere(sio_redis *r, const struct link *l, sio_slice error);

#endif
