/* SPDX-License-Identifier: MIT
 *
 * sharded.c - createShardedAdapter() of @socket.io/redis-adapter: sharded channels, each of which
 * belongs to one server of a Redis Cluster, and the messages of Socket.IO's ClusterAdapter.
 */
#include "redis/sharded.h"

#include "base/err.h"
#include "base/mem.h"
#include <sio/socket.h>
#include <uv.h>

enum { SOCKET_ID_LEN = 20 };

/* ---- messages -------------------------------------------------------------------------------- */

static void sharded_write_raw_text(struct message *m, const char *text) {
  sio__message_write_raw_json(m, slice_str(text));
}

static void write_envelope_start(struct message *m, enum sharded_type type) {
  sharded_write_raw_text(m, "{\"type\":");
  sio__message_write_number(m, type);
  sharded_write_raw_text(m, ",\"data\":{");
}

static void write_envelope_end(struct message *m, const sio_adapter *a) {
  sharded_write_raw_text(m, "},\"uid\":");
  sio__message_write_json_string(m, slice_str(a->uid));
  sharded_write_raw_text(m, ",\"nsp\":");
  sio__message_write_json_string(m, a->nsp_name);
  sharded_write_raw_text(m, "}");
}

static void write_request_id_member(struct message *m, const char *id) {
  sharded_write_raw_text(m, "\"requestId\":");
  sio__message_write_json_string(m, slice_str(id));
}

static void sharded_write_broadcast_with_acks(struct message *m, const sio_adapter *a,
                                              const char *id, sio_slice event,
                                              const struct message_target *to) {
  write_envelope_start(m, SHARDED_BROADCAST);
  sharded_write_raw_text(m, "\"packet\":{\"type\":2,\"data\":");
  sio__message_write_raw_json(m, event);
  sharded_write_raw_text(m, id ? "}," : "}");
  if (id) write_request_id_member(m, id);
  sharded_write_raw_text(m, ",\"opts\":");
  sio__message_write_target(m, to, true);
  write_envelope_end(m, a);
}

static void sharded_write_broadcast(struct message *m, const sio_adapter *a, sio_slice event,
                                    const struct message_target *to) {
  sharded_write_broadcast_with_acks(m, a, NULL, event, to);
}

static void sharded_write_join_leave_or_disconnect(struct message *m, const sio_adapter *a,
                                                   enum message_type type,
                                                   const struct message_target *to,
                                                   const char *const *rooms, bool session) {
  write_envelope_start(m, type == MESSAGE_JOIN    ? SHARDED_JOIN
                          : type == MESSAGE_LEAVE ? SHARDED_LEAVE
                                                  : SHARDED_DISCONNECT);
  sharded_write_raw_text(m, "\"opts\":");
  sio__message_write_target(m, to, true);
  if (type == MESSAGE_DISCONNECT) {
    sharded_write_raw_text(m, session ? ",\"close\":true" : ",\"close\":false");
  } else {
    sharded_write_raw_text(m, ",\"rooms\":");
    sio__message_write_names_as_json_array(m, rooms);
  }
  write_envelope_end(m, a);
}

static void sharded_write_server_event(struct message *m, const sio_adapter *a, const char *id,
                                       sio_slice event) {
  write_envelope_start(m, SHARDED_SERVER_EMIT);
  if (id) write_request_id_member(m, id);
  sharded_write_raw_text(m, id ? ",\"packet\":" : "\"packet\":");
  sio__message_write_raw_json(m, event);
  write_envelope_end(m, a);
}

static void sharded_write_fetch_sockets_request(struct message *m, const sio_adapter *a,
                                                const char *id, const struct message_target *to) {
  write_envelope_start(m, SHARDED_FETCH);
  sharded_write_raw_text(m, "\"opts\":");
  sio__message_write_target(m, to, true);
  sharded_write_raw_text(m, ",");
  write_request_id_member(m, id);
  write_envelope_end(m, a);
}

static void sharded_write_response_start(struct message *m, const char *id,
                                         enum message_type type) {
  write_envelope_start(m, type == MESSAGE_ACK           ? SHARDED_ACK
                          : type == MESSAGE_COUNT       ? SHARDED_COUNT
                          : type == MESSAGE_SERVER_EMIT ? SHARDED_SERVER_ANSWER
                                                        : SHARDED_FETCHED);
  write_request_id_member(m, id);
}

/* Returns true if broadcasts to this room alone are published on a channel of the room. All
 * Socket.IO servers must be set to the same subscription mode. */
static bool has_room_own_channel(const sio_adapter *a, const char *room) {
  if (a->mode == SIO_REDIS_DYNAMIC) return strlen(room) != SOCKET_ID_LEN;
  return a->mode == SIO_REDIS_DYNAMIC_PRIVATE;
}

static const char *sharded_choose_room_of_broadcast_channel(const sio_adapter *a,
                                                            const struct message_target *to) {
  const char *room = sio__message_target_only_room_or_null(to);
  return room && has_room_own_channel(a, room) ? room : NULL;
}

const struct message_format sio__sharded_message_format = {
  .requests = "",
  .responses = "",
  .answer_key = ",\"packet\":",
  .broadcast = sharded_write_broadcast,
  .ask = sharded_write_broadcast_with_acks,
  .bulk = sharded_write_join_leave_or_disconnect,
  .server_emit = sharded_write_server_event,
  .fetch = sharded_write_fetch_sockets_request,
  .answer = sharded_write_response_start,
  .end_answer = write_envelope_end,
  .room_of = sharded_choose_room_of_broadcast_channel,
};

/* ---- a channel for each room ----------------------------------------------------------------- */

struct room_channel {
  struct subscription subscription;
  size_t room_len;
  char room[];
};

static sio_slice get_map_key_of_room_channel(const void *item) {
  const struct room_channel *c = item;
  return slice(c->room, c->room_len);
}

static void room_channel_free(struct room_channel *c) {
  sio__free(c->subscription.name);
  sio__free(c);
}

void sio__room_channels_init(sio_adapter *a,
                             void (*on_message)(struct subscription *s, sio_slice channel,
                                                sio_slice payload)) {
  a->on_room_message = on_message;
  sio__map_init(&a->room_channels, get_map_key_of_room_channel);
}

/* Unsubscribes from the channels of all rooms, and frees each struct room_channel. */
void sio__room_channels_unsubscribe_and_free(sio_adapter *a) {
  struct room_channel *c;
  for (uint32_t i = 0; (c = sio__map_next(&a->room_channels, &i));) {
    sio__redis_unsubscribe(a->redis, &c->subscription);
    room_channel_free(c);
  }
  sio__map_clear(&a->room_channels);
}

static int room_channel_build_subscription_name(struct room_channel *c, sio_adapter *a) {
  struct message m;
  sio__message_init(&m, &a->redis->msgs);
  sio__message_write_channel_name(&m, a->key, "", a->nsp_name, c->room);
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

static int room_channel_subscribe_and_add_to_map(struct room_channel *c, sio_adapter *a) {
  c->subscription.adapter = a;
  c->subscription.kind = SUBSCRIPTION_SHARD;
  c->subscription.on_message = a->on_room_message;
  int err = room_channel_build_subscription_name(c, a);
  if (!err) err = sio__redis_subscribe(a->redis, &c->subscription);
  if (!err && (err = sio__map_put(&a->room_channels, c)))
    sio__redis_unsubscribe(a->redis, &c->subscription);
  return err;
}

static int subscribe_room_channel_if_new(sio_adapter *a, const char *room) {
  size_t n = strlen(room);
  if (a->shut || sio__map_get(&a->room_channels, slice(room, n))) return 0;
  struct room_channel *c = sio__calloc(1, sizeof *c + n + 1);
  if (!c) return UV_ENOMEM;
  c->room_len = n;
  memcpy(c->room, room, n);
  int err = room_channel_subscribe_and_add_to_map(c, a);
  if (err) room_channel_free(c);
  return err;
}

static void unsubscribe_room_channel(sio_adapter *a, const char *room) {
  struct room_channel *c = sio__map_del(&a->room_channels, slice_str(room));
  if (!c) return;
  sio__redis_unsubscribe(a->redis, &c->subscription);
  room_channel_free(c);
}

/* Returns how many sockets are in the room, except the one that leaves all its rooms now. */
static size_t count_sockets_that_stay_in_room(const sio_adapter *a, const char *room) {
  const sio_socket *s = a->leaves_all;
  bool leaves = s && memory_adapter_ops(a)->in_room(a->local, s, room);
  return memory_adapter_ops(a)->room_size(a->local, room) - leaves;
}

int sio__sharded_join_room_and_subscribe_if_first(sio_adapter *a, sio_socket *s, const char *room) {
  int err = has_room_own_channel(a, room) ? subscribe_room_channel_if_new(a, room) : 0;
  if (!err) err = memory_adapter_ops(a)->join(a->local, s, room);
  if (err && !count_sockets_that_stay_in_room(a, room)) unsubscribe_room_channel(a, room);
  return err;
}

/* If s is the only socket in the room, unsubscribes from the channel of the room before s leaves:
 * leave() calls hooks of the host, which may make another socket join the room, and joining then
 * subscribes again. */
void sio__sharded_leave_room_and_unsubscribe_if_last(sio_adapter *a, sio_socket *s,
                                                     const char *room) {
  if (count_sockets_that_stay_in_room(a, room) == 1) unsubscribe_room_channel(a, room);
  memory_adapter_ops(a)->leave(a->local, s, room);
}

static void unsubscribe_room_if_none_stays(const char *room, void *user) {
  sio_adapter *a = user;
  if (!count_sockets_that_stay_in_room(a, room)) unsubscribe_room_channel(a, room);
}

/* leave_all() calls hooks of the host for one room after the other. If a hook makes the last other
 * socket leave a room that s has not left yet, that socket unsubscribes: a->leaves_all does not
 * count. */
void sio__sharded_leave_all_rooms_and_unsubscribe_if_last(sio_adapter *a, sio_socket *s) {
  const sio_socket *outer = a->leaves_all;
  a->leaves_all = s;
  if (!map_is_empty(&a->room_channels))
    memory_adapter_ops(a)->rooms(a->local, s, unsubscribe_room_if_none_stays, a);
  memory_adapter_ops(a)->leave_all(a->local, s);
  a->leaves_all = outer;
}

/* If this server cannot subscribe to the channel of the socket's own room, broadcasts of other
 * servers to this socket alone are lost. The failure is counted as one dropped message. */
void sio__sharded_on_connect_subscribe_socket_room(sio_adapter *a, sio_socket *s) {
  const char *id = sio_socket_id(s);
  int err = a->mode == SIO_REDIS_DYNAMIC_PRIVATE ? subscribe_room_channel_if_new(a, id) : 0;
  if (err) sio__redis_count_and_log_dropped_subscription(a->redis, err);
  memory_adapter_ops(a)->arrive(a->local, s);
}

/* The subscription stays if other sockets have joined the room with the id of s. */
void sio__sharded_on_leave_unsubscribe_socket_room(sio_adapter *a, sio_socket *s) {
  const char *id = sio_socket_id(s);
  if (a->mode == SIO_REDIS_DYNAMIC_PRIVATE && !count_sockets_that_stay_in_room(a, id))
    unsubscribe_room_channel(a, id);
  memory_adapter_ops(a)->depart(a->local, s);
}
