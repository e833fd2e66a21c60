/* SPDX-License-Identifier: MIT
 *
 * sharded.c - createShardedAdapter() of @socket.io/redis-adapter: sharded channels, of which each
 * server of a Redis Cluster carries its own, and the messages of Socket.IO's ClusterAdapter.
 */
#include "redis/sharded.h"

#include "base/err.h"
#include "base/mem.h"
#include <sio/socket.h>
#include <uv.h>

enum { SOCKET_ID_LEN = 20 };

/* ---- messages -------------------------------------------------------------------------------- */

static void put(struct message *m, const char *text) { sio__message_put(m, slice_str(text)); }

static void envelope_begin(struct message *m, enum sharded_type type) {
  put(m, "{\"type\":");
  sio__message_put_number(m, type);
  put(m, ",\"data\":{");
}

static void envelope_end(struct message *m, const sio_adapter *a) {
  put(m, "},\"uid\":");
  sio__message_put_string(m, slice_str(a->uid));
  put(m, ",\"nsp\":");
  sio__message_put_string(m, a->nsp_name);
  put(m, "}");
}

static void put_id(struct message *m, const char *id) {
  put(m, "\"requestId\":");
  sio__message_put_string(m, slice_str(id));
}

static void sharded_ask(struct message *m, const sio_adapter *a, const char *id, sio_slice event,
                        const struct message_target *to) {
  envelope_begin(m, SHARDED_BROADCAST);
  put(m, "\"packet\":{\"type\":2,\"data\":");
  sio__message_put(m, event);
  put(m, id ? "}," : "}");
  if (id) put_id(m, id);
  put(m, ",\"opts\":");
  sio__message_put_opts(m, to, true);
  envelope_end(m, a);
}

static void sharded_broadcast(struct message *m, const sio_adapter *a, sio_slice event,
                              const struct message_target *to) {
  sharded_ask(m, a, NULL, event, to);
}

static void sharded_bulk(struct message *m, const sio_adapter *a, enum message_type type,
                         const struct message_target *to, const char *const *rooms, bool session) {
  envelope_begin(m, type == MESSAGE_JOIN    ? SHARDED_JOIN
                    : type == MESSAGE_LEAVE ? SHARDED_LEAVE
                                            : SHARDED_DISCONNECT);
  put(m, "\"opts\":");
  sio__message_put_opts(m, to, true);
  if (type == MESSAGE_DISCONNECT) {
    put(m, session ? ",\"close\":true" : ",\"close\":false");
  } else {
    put(m, ",\"rooms\":");
    sio__message_put_names(m, rooms);
  }
  envelope_end(m, a);
}

static void sharded_server_emit(struct message *m, const sio_adapter *a, const char *id,
                                sio_slice event) {
  envelope_begin(m, SHARDED_SERVER_EMIT);
  if (id) put_id(m, id);
  put(m, id ? ",\"packet\":" : "\"packet\":");
  sio__message_put(m, event);
  envelope_end(m, a);
}

static void sharded_fetch(struct message *m, const sio_adapter *a, const char *id,
                          const struct message_target *to) {
  envelope_begin(m, SHARDED_FETCH);
  put(m, "\"opts\":");
  sio__message_put_opts(m, to, true);
  put(m, ",");
  put_id(m, id);
  envelope_end(m, a);
}

static void sharded_put_answer(struct message *m, const char *id, enum message_type type) {
  envelope_begin(m, type == MESSAGE_ACK           ? SHARDED_ACK
                    : type == MESSAGE_COUNT       ? SHARDED_COUNT
                    : type == MESSAGE_SERVER_EMIT ? SHARDED_SERVER_ANSWER
                                                  : SHARDED_FETCHED);
  put_id(m, id);
}

/* Has this room a channel of its own? All servers of a cluster must agree. */
static bool room_has_channel(const sio_adapter *a, const char *room) {
  if (a->mode == SIO_REDIS_DYNAMIC) return strlen(room) != SOCKET_ID_LEN;
  return a->mode == SIO_REDIS_DYNAMIC_PRIVATE;
}

static const char *sharded_room_of(const sio_adapter *a, const struct message_target *to) {
  const char *room = sio__message_only_room(to);
  return room && room_has_channel(a, room) ? room : NULL;
}

const struct dialect sio__sharded_dialect = {
  .requests = "",
  .responses = "",
  .answer_key = ",\"packet\":",
  .broadcast = sharded_broadcast,
  .ask = sharded_ask,
  .bulk = sharded_bulk,
  .server_emit = sharded_server_emit,
  .fetch = sharded_fetch,
  .answer = sharded_put_answer,
  .end_answer = envelope_end,
  .room_of = sharded_room_of,
};

/* ---- a channel for each room ----------------------------------------------------------------- */

struct room_channel {
  struct subscription subscription;
  size_t room_len;
  char room[];
};

static sio_slice room_channel_key(const void *item) {
  const struct room_channel *c = item;
  return slice(c->room, c->room_len);
}

static void room_channel_free(struct room_channel *c) {
  sio__free(c->subscription.name);
  sio__free(c);
}

void sio__sharded_init(sio_adapter *a, void (*heard)(struct subscription *s, sio_slice channel,
                                                     sio_slice payload)) {
  a->heard_in_room = heard;
  sio__map_init(&a->room_channels, room_channel_key);
}

/* Its subscriptions end with the connection, or with a message for each. */
void sio__sharded_clear(sio_adapter *a) {
  struct room_channel *c;
  for (uint32_t i = 0; (c = sio__map_next(&a->room_channels, &i));) {
    sio__redis_unsubscribe(a->redis, &c->subscription);
    room_channel_free(c);
  }
  sio__map_clear(&a->room_channels);
}

static int room_channel_name(struct room_channel *c, sio_adapter *a) {
  struct message m;
  sio__message_init(&m, &a->redis->msgs);
  sio__message_channel(&m, a->key, "", a->nsp_name, c->room);
  int err = m.err;
  if (!err) {
    sio_slice name = sio__message_text(&m);
    c->subscription.name = sio__strndup(name.p, name.n);
    c->subscription.name_len = name.n;
    if (!c->subscription.name) err = UV_ENOMEM;
  }
  sio__message_clear(&m);
  return err;
}

static int room_channel_open(struct room_channel *c, sio_adapter *a) {
  c->subscription.adapter = a;
  c->subscription.kind = SUBSCRIPTION_SHARD;
  c->subscription.heard = a->heard_in_room;
  int err = room_channel_name(c, a);
  if (!err) err = sio__redis_subscribe(a->redis, &c->subscription);
  if (!err && (err = sio__map_put(&a->room_channels, c)))
    sio__redis_unsubscribe(a->redis, &c->subscription);
  return err;
}

static int subscribe_room(sio_adapter *a, const char *room) {
  size_t n = strlen(room);
  if (a->shut || sio__map_get(&a->room_channels, slice(room, n))) return 0;
  struct room_channel *c = sio__calloc(1, sizeof *c + n + 1);
  if (!c) return UV_ENOMEM;
  c->room_len = n;
  memcpy(c->room, room, n);
  int err = room_channel_open(c, a);
  if (err) room_channel_free(c);
  return err;
}

static void unsubscribe_room(sio_adapter *a, const char *room) {
  struct room_channel *c = sio__map_del(&a->room_channels, slice_str(room));
  if (!c) return;
  sio__redis_unsubscribe(a->redis, &c->subscription);
  room_channel_free(c);
}

int sio__sharded_join(sio_adapter *a, sio_socket *s, const char *room) {
  int err = room_has_channel(a, room) ? subscribe_room(a, room) : 0;
  if (!err) err = classic_local(a)->join(a->local, s, room);
  if (err && !classic_local(a)->room_size(a->local, room)) unsubscribe_room(a, room);
  return err;
}

/* The hooks that leave runs may make others join, which then subscribe again. */
void sio__sharded_leave(sio_adapter *a, sio_socket *s, const char *room) {
  if (classic_local(a)->room_size(a->local, room) == 1) unsubscribe_room(a, room);
  classic_local(a)->leave(a->local, s, room);
}

static void unsubscribe_if_last(const char *room, void *user) {
  sio_adapter *a = user;
  if (classic_local(a)->room_size(a->local, room) == 1) unsubscribe_room(a, room);
}

void sio__sharded_leave_all(sio_adapter *a, sio_socket *s) {
  if (!map_empty(&a->room_channels)) classic_local(a)->rooms(a->local, s, unsubscribe_if_last, a);
  classic_local(a)->leave_all(a->local, s);
}

/* Without memory for the channel of one socket, messages to it alone are lost: they are counted. */
void sio__sharded_arrive(sio_adapter *a, sio_socket *s) {
  const char *id = sio_socket_id(s);
  int err = a->mode == SIO_REDIS_DYNAMIC_PRIVATE ? subscribe_room(a, id) : 0;
  if (err) sio__redis_dropped(a->redis, err);
  classic_local(a)->arrive(a->local, s);
}

void sio__sharded_depart(sio_adapter *a, sio_socket *s) {
  if (a->mode == SIO_REDIS_DYNAMIC_PRIVATE) unsubscribe_room(a, sio_socket_id(s));
  classic_local(a)->depart(a->local, s);
}
