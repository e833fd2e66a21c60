/* SPDX-License-Identifier: MIT
 *
 * context.h - struct sio_redis: two connections, who is subscribed to what, and which questions
 * wait for answers.
 *
 * The connection for commands sends PUBLISH and PUBSUB NUMSUB; the other one is subscribed, after
 * which Redis takes nothing else from it (in RESP2).
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
};

struct sio_redis {
  struct link commands, subscriber;
  struct link_options options;
  struct notes notes;
  uv_loop_t *loop;
  uv_idle_t soon;           /* flushes and tells, before the loop waits again          */
  unsigned handles;         /* that are not closed yet                                 */
  unsigned users;           /* adapters that are open                                  */
  unsigned to_confirm;      /* subscriptions that Redis has not confirmed              */
  unsigned refs;            /* adapters that may still look at it */
  bool freed;               /* by the host */
  struct map subscriptions; /* struct subscription by name */
  struct map questions;     /* struct question by id; see question.h */
  /* Redis has said how many servers listen; n < 0: an error, it has not. */
  void (*counted)(sio_redis *r, const char *id, int64_t n);
  struct msgs msgs; /* for messages that are being written */
  sio_redis_state_cb on_state;
  void *on_state_user;
  enum sio_redis_state state, told_state;
  char why[NOTE_LINE];
  sio_redis_stats stats;
  char *client_name;
};

/* ---- for adapters ---------------------------------------------------------------------------- */

/* Keeps the memory, also after sio_redis_free(). */
void sio__redis_ref(sio_redis *r);
void sio__redis_unref(sio_redis *r);

void sio__redis_use(sio_redis *r); /* The connections are opened. */
void sio__redis_unuse(sio_redis *r);

/* Adds a subscription, or removes it. UV_EEXIST: there is one of that name. UV_ENOMEM. */
int sio__redis_subscribe(sio_redis *r, struct subscription *s);
void sio__redis_unsubscribe(sio_redis *r, struct subscription *s);

/* Both answer 0, or UV_ENOBUFS, UV_ENOMEM: it is dropped, which is noted and counted. */
int sio__redis_publish(sio_redis *r, bool sharded, sio_slice channel, sio_slice payload);
int sio__redis_count(sio_redis *r, bool sharded, sio_slice channel, const char *id);

/* A message could not be written: noted and counted. */
void sio__redis_dropped(sio_redis *r, int err);

/* Both connections are there. */
static inline bool redis_is_ready(const sio_redis *r) { return r->state == SIO_REDIS_READY; }
/* A message that could not be understood. */
void sio__redis_malformed(sio_redis *r, sio_slice channel, const char *what);

#endif
