/* SPDX-License-Identifier: MIT
 *
 * publish.h - the adapter of one namespace, and what it publishes.
 *
 *   adapter.c           the sio_adapter_ops of each adapter, and what the adapters share
 *   sharded.c           what differs in the sharded adapter
 *   pending_request.c   requests of this server that wait for responses
 *   receive_event.c     events that other servers broadcast
 *   receive_request.c   requests of other servers, and the responses to them
 *   receive_response.c  responses of other servers
 *   receive_sharded.c   events, requests and responses in the messages of the sharded adapter
 */
#ifndef SIO_REDIS_PUBLISH_H
#define SIO_REDIS_PUBLISH_H

#include "emitter/message.h"
#include "redis/context.h"

enum {
  CLASSIC_UID = 6,
  SHARDED_UID = 16, /* hexadecimal digits */
  ID_MAX = 40,      /* the size of the longest request id of another server, with its NUL */
  SERVER_UID_MAX = 24
};

enum {
  CLASSIC_BROADCASTS,
  CLASSIC_REQUESTS,
  CLASSIC_RESPONSES,
  CLASSIC_OWN_RESPONSES,
  CLASSIC_SUBSCRIPTIONS
};
/* The indexes of sio_adapter.subscriptions in the sharded and the streams adapter. */
enum { SHARDED_ALL, SHARDED_OWN, SHARDED_SUBSCRIPTIONS };

/* The functions that write the messages of one protocol: classic or sharded. */
struct message_format {
  /* what follows sio_adapter.key in the names of the channels for requests and for responses */
  const char *requests, *responses;
  /* the JSON key of the answer to a server-side event, with the comma before it and the colon */
  const char *answer_key;
  bool packs; /* broadcasts and acks are MessagePack even without attachments */
  void (*broadcast)(struct message *m, const sio_adapter *a, sio_slice event,
                    const struct message_target *to);
  void (*ask)(struct message *m, const sio_adapter *a, const char *id, sio_slice event,
              const struct message_target *to);
  void (*bulk)(struct message *m, const sio_adapter *a, enum message_type type,
               const struct message_target *to, const char *const *rooms, bool session);
  void (*server_emit)(struct message *m, const sio_adapter *a, const char *id, sio_slice event);
  void (*fetch)(struct message *m, const sio_adapter *a, const char *id,
                const struct message_target *to);
  /* answer() writes the beginning of a response, end_answer() the end. */
  void (*answer)(struct message *m, const char *id, enum message_type type);
  void (*end_answer)(struct message *m, const sio_adapter *a);
  /* Returns the room whose channel a broadcast is published on. NULL means the channel that all
   * servers are subscribed to. */
  const char *(*room_of)(const sio_adapter *a, const struct message_target *to);
};

/* Socket.IO servers that Redis counts as subscribed, but that do not answer: for example, Redis has
 * not noticed that they are gone. Only their number is known: a response of the classic protocol
 * does not name its sender. */
struct silent_servers {
  uint64_t n;            /* how many servers are silent */
  uint64_t listening;    /* how many other servers were subscribed at the last count of Redis */
  char late_id[LINK_ID]; /* id of the last request that silent servers did not answer; "": none */
};

struct sio_adapter {
  const struct message_format *format;
  sio_nsp *nsp;
  const sio_adapter_api *api;
  sio_adapter *local; /* the memory adapter of the namespace, which has the local sockets */
  sio_redis *redis;
  sio_slice key, nsp_name;
  bool answer_asker_alone;
  bool shut;
  bool delivers_now;       /* `broadcast` must pass an event to the memory adapter at once */
  bool sharded;            /* the messages are those of Socket.IO's ClusterAdapter: sharded.c */
  bool shard_channels;     /* SPUBLISH and SSUBSCRIBE are used */
  struct streams *streams; /* the state of the streams adapter; NULL in the other adapters */
  int mode;                /* enum sio_redis_subscription_mode */
  char uid[LINK_ID];
  /* the channel whose subscribers are counted: each Socket.IO server subscribes to it once */
  const struct subscription *counted;
  struct subscription subscriptions[CLASSIC_SUBSCRIPTIONS];
  void (*on_room_message)(struct subscription *s, sio_slice channel, sio_slice payload);
  struct map room_channels;     /* struct room_channel by room; see sharded.c */
  const sio_socket *leaves_all; /* in the sharded adapter: leaves all its rooms now; or NULL */
  struct silent_servers silent;
};

static inline const sio_adapter_ops *memory_adapter_ops(const sio_adapter *a) {
  return a->api->memory;
}

static inline struct msgs *adapter_message_pool(const sio_adapter *a) { return &a->redis->msgs; }

/* Writes SHARDED_UID random hexadecimal digits to out, and NULs. Returns 0 or an error. */
int sio__random_hex_id(char out[LINK_ID]);
/* Writes CLASSIC_UID random letters and digits (A-Z, a-z, 0-9) to out, and NULs. Returns 0 or an
 * error. */
int sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]);

/* Queues m to be published on a channel, and clears m. Returns 0 or an error, such as m->err, after
 * which nothing is published. kind and last are parts of the channel's name: see
 * sio__message_write_channel_name(). */
int sio__publish_and_clear_message(sio_adapter *a, const char *kind, const char *last,
                                   struct message *m);
/* Converts m, with the attachments bins[], to MessagePack, queues it to be published on a channel,
 * and clears m. The arguments kind and last, and the errors, are those of
 * sio__publish_and_clear_message(). */
int sio__publish_as_msgpack_and_clear(sio_adapter *a, const char *kind, const char *last,
                                      struct message *m, const sio_slice *bins, size_t nbins);

#endif
