/* SPDX-License-Identifier: MIT
 *
 * adapter.c - the classic adapter, which speaks the protocol of createAdapter() of
 * @socket.io/redis-adapter (docs/architecture.md, "Many machines"), and what the sharded and the
 * streams adapter share with it. The memory adapter keeps the rooms of the local sockets.
 *
 * Redis may send a message back to the server that has published it. That server ignores the
 * message, which is for the other servers.
 */
#include "base/mem.h"
#include "base/sized.h"
#include "redis/pending_request.h"
#include "redis/receive_event.h"
#include "redis/receive_request.h"
#include "redis/receive_response.h"
#include "redis/receive_sharded.h"
#include "redis/sharded.h"
#include "redis/streams_adapter.h"
#include "redis/streams_restore.h"
#include "redis/streams_session.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

/* ---- messages -------------------------------------------------------------------------------- */

static void classic_write_broadcast(struct message *m, const sio_adapter *a, sio_slice event,
                                    const struct message_target *to) {
  sio__message_write_broadcast(m, a->uid, a->nsp_name, event, to);
}

static void classic_write_broadcast_with_acks(struct message *m, const sio_adapter *a,
                                              const char *id, sio_slice event,
                                              const struct message_target *to) {
  sio__message_write_broadcast_with_acks(m, a->uid, id, a->nsp_name, event, to);
}

static void classic_write_join_leave_or_disconnect(struct message *m, const sio_adapter *a,
                                                   enum message_type type,
                                                   const struct message_target *to,
                                                   const char *const *rooms, bool session) {
  sio__message_write_join_leave_or_disconnect(m, a->uid, type, to, rooms, session);
}

static void classic_write_server_event(struct message *m, const sio_adapter *a, const char *id,
                                       sio_slice event) {
  sio__message_write_server_event(m, a->uid, id, event);
}

static void classic_write_fetch_sockets_request(struct message *m, const sio_adapter *a,
                                                const char *id, const struct message_target *to) {
  sio__message_write_fetch_request(m, a->uid, id, to);
}

/* A response of the type MESSAGE_FETCH has no "type" member. */
static void classic_write_response_start(struct message *m, const char *id,
                                         enum message_type type) {
  sio__message_write_raw_json(m, SLICE("{"));
  if (type != MESSAGE_FETCH) {
    sio__message_write_raw_json(m, SLICE("\"type\":"));
    sio__message_write_number(m, type);
    sio__message_write_raw_json(m, SLICE(","));
  }
  sio__message_write_raw_json(m, SLICE("\"requestId\":"));
  sio__message_write_json_string(m, slice_str(id));
}

static void classic_write_response_end(struct message *m, const sio_adapter *a) {
  (void)a;
  sio__message_write_raw_json(m, SLICE("}"));
}

static const char *classic_choose_room_of_broadcast_channel(const sio_adapter *a,
                                                            const struct message_target *to) {
  (void)a;
  return sio__message_target_only_room_or_null(to);
}

static const struct message_format classic_message_format = {
  .requests = "-request",
  .responses = "-response",
  .answer_key = ",\"data\":",
  .packs = true,
  .broadcast = classic_write_broadcast,
  .ask = classic_write_broadcast_with_acks,
  .bulk = classic_write_join_leave_or_disconnect,
  .server_emit = classic_write_server_event,
  .fetch = classic_write_fetch_sockets_request,
  .answer = classic_write_response_start,
  .end_answer = classic_write_response_end,
  .room_of = classic_choose_room_of_broadcast_channel,
};

/* ---- publishing ------------------------------------------------------------------------------ */

static int publish_as_json_or_msgpack(sio_adapter *a, const char *kind, const char *last,
                                      struct message *m, const sio_packet_info *p, bool pack) {
  if (!pack && !p->nbins) return sio__publish_and_clear_message(a, kind, last, m);
  return sio__publish_as_msgpack_and_clear(a, kind, last, m, p->bins, p->nbins);
}

static struct message_target message_target_from_sio_target(const sio_target *to) {
  return (struct message_target){ .rooms = to->rooms,
                                  .except = to->except,
                                  .skip = to->skip ? sio_socket_id(to->skip) : NULL,
                                  .flags = to->flags };
}

/* Returns true if the target excludes the sockets of other servers or is an empty list of rooms, or
 * if the adapter has stopped. */
static bool is_target_local_or_adapter_stopped(const sio_adapter *a, const sio_target *to) {
  return (to->flags & SIO_LOCAL) || (to->rooms && !to->rooms[0]) || a->shut;
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

static void publish_broadcast_to_servers(sio_adapter *a, const sio_target *to,
                                         const sio_packet_info *p) {
  struct message m;
  const struct message_target target = message_target_from_sio_target(to);
  sio__message_init(&m, &a->redis->msgs);
  a->format->broadcast(&m, a, p->json, &target);
  (void)publish_as_json_or_msgpack(a, "", a->format->room_of(a, &target), &m, p, a->format->packs);
}

/* Called when the other servers cannot be asked: passes err to the query, which still collects the
 * answers of this server. Returns 0. */
static int fail_remote_part_of_query(sio_adapter *a, sio_query *query, int err) {
  a->api->query_hold(query);
  a->api->query_release(query, err);
  return 0;
}

/* Publishes a broadcast that asks for acks. If the other servers cannot be asked, the query still
 * collects the acks of the local sockets. */
static void publish_broadcast_with_acks(sio_adapter *a, const sio_target *to,
                                        const sio_packet_info *p) {
  struct message m;
  struct pending_request *q;
  sio_query_info query = { .size = sizeof query };
  struct message_target target = message_target_from_sio_target(to);
  int err =
      sio__pending_request_new_and_count_servers(&q, a, MESSAGE_BROADCAST_WITH_ACKS, p->query);
  if (err) {
    (void)fail_remote_part_of_query(a, p->query, err);
    return;
  }
  a->api->query_get_info(p->query, &query);
  target.timeout_ms = query.timeout_ms;
  sio__message_init(&m, &a->redis->msgs);
  a->format->ask(&m, a, q->id, p->json, &target);
  err = publish_as_json_or_msgpack(a, a->format->requests, NULL, &m, p, a->format->packs);
  if (err) sio__pending_request_end(q, err);
}

static int redis_adapter_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  if (a->delivers_now) return memory_adapter_ops(a)->broadcast(a->local, to, p);
  int err = is_target_local_or_adapter_stopped(a, to) ? 0 : a->api->packet_get_info(p, &info);
  if (err) return err;
  if (a->streams && info.json.p && !info.query) return sio__streams_broadcast(a, to, p, &info);
  if (info.query)
    publish_broadcast_with_acks(a, to, &info);
  else if (info.json.p)
    publish_broadcast_to_servers(a, to, &info);
  if (a->streams) return sio__streams_deliver_after_waiting_entries(a, to, p);
  return memory_adapter_ops(a)->broadcast(a->local, to, p);
}

/* ---- bulk ------------------------------------------------------------------------------------ */

static void publish_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                             const sio_target *to, const char *const *rooms,
                                             bool session) {
  struct message m;
  const struct message_target target = message_target_from_sio_target(to);
  if (is_target_local_or_adapter_stopped(a, to)) return;
  if (a->streams) {
    sio__streams_queue_join_leave_or_disconnect(a, type, &target, rooms, session);
    return;
  }
  sio__message_init(&m, &a->redis->msgs);
  a->format->bulk(&m, a, type, &target, rooms, session);
  (void)sio__publish_and_clear_message(a, a->format->requests, NULL, &m);
}

static int redis_adapter_add_matching_sockets_to_rooms(sio_adapter *a, const sio_target *to,
                                                       const char *const *rooms) {
  publish_join_leave_or_disconnect(a, MESSAGE_JOIN, to, rooms, false);
  return memory_adapter_ops(a)->all_join(a->local, to, rooms);
}

static int redis_adapter_remove_matching_sockets_from_rooms(sio_adapter *a, const sio_target *to,
                                                            const char *const *rooms) {
  publish_join_leave_or_disconnect(a, MESSAGE_LEAVE, to, rooms, false);
  return memory_adapter_ops(a)->all_leave(a->local, to, rooms);
}

static int redis_adapter_disconnect_matching_sockets(sio_adapter *a, const sio_target *to,
                                                     bool session) {
  publish_join_leave_or_disconnect(a, MESSAGE_DISCONNECT, to, NULL, session);
  return memory_adapter_ops(a)->all_disconnect(a->local, to, session);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int redis_adapter_fetch_remote_sockets(sio_adapter *a, const sio_target *to,
                                              sio_query *query) {
  struct message m;
  struct pending_request *q;
  const struct message_target target = message_target_from_sio_target(to);
  if (to->rooms && !to->rooms[0]) return 0;
  int err = sio__pending_request_new_and_count_servers(&q, a, MESSAGE_FETCH, query);
  if (err) return fail_remote_part_of_query(a, query, err);
  sio__message_init(&m, &a->redis->msgs);
  a->format->fetch(&m, a, q->id, &target);
  err = sio__publish_and_clear_message(a, a->format->requests, NULL, &m);
  if (err) sio__pending_request_end(q, err);
  return 0;
}

static int publish_server_side_event(sio_adapter *a, const sio_packet *p, const char *id) {
  struct message m;
  sio_packet_info info = { .size = sizeof info };
  int err = a->api->packet_get_info(p, &info);
  if (err) return err;
  sio__message_init(&m, &a->redis->msgs);
  a->format->server_emit(&m, a, id, info.json);
  return publish_as_json_or_msgpack(a, a->format->requests, NULL, &m, &info, false);
}

static int redis_adapter_emit_to_servers(sio_adapter *a, const sio_packet *p, sio_query *query) {
  struct pending_request *q;
  if (!query) return publish_server_side_event(a, p, NULL);
  int err = sio__pending_request_new_and_count_servers(&q, a, MESSAGE_SERVER_EMIT, query);
  if (err) return fail_remote_part_of_query(a, query, err);
  err = publish_server_side_event(a, p, q->id);
  if (err) sio__pending_request_end(q, err);
  return 0;
}

static int redis_adapter_request_server_count(sio_adapter *a, sio_query *query) {
  struct pending_request *q;
  int err = sio__pending_request_new_and_count_servers(&q, a, MESSAGE_COUNT, query);
  return err ? fail_remote_part_of_query(a, query, err) : 0;
}

static void redis_adapter_forget_ended_query(sio_adapter *a, sio_query *query) {
  struct pending_request *q = sio__pending_request_find_by_query(a, query);
  if (a->streams) sio__streams_drop_local_events_of_ended_query(a, query);
  if (q) sio__pending_request_end_and_note_silent_servers(q);
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static int redis_adapter_join_local_room(sio_adapter *a, sio_socket *s, const char *room) {
  return memory_adapter_ops(a)->join(a->local, s, room);
}

static void redis_adapter_leave_local_room(sio_adapter *a, sio_socket *s, const char *room) {
  memory_adapter_ops(a)->leave(a->local, s, room);
}

static void redis_adapter_leave_all_local_rooms(sio_adapter *a, sio_socket *s) {
  memory_adapter_ops(a)->leave_all(a->local, s);
}

static bool redis_adapter_is_socket_in_room(const sio_adapter *a, const sio_socket *s,
                                            const char *room) {
  return memory_adapter_ops(a)->in_room(a->local, s, room);
}

static void redis_adapter_visit_rooms_of_socket(const sio_adapter *a, const sio_socket *s,
                                                void (*cb)(const char *room, void *user),
                                                void *user) {
  memory_adapter_ops(a)->rooms(a->local, s, cb, user);
}

static int redis_adapter_visit_matching_local_sockets(sio_adapter *a, const sio_target *to,
                                                      void (*visit)(sio_socket *s, void *user),
                                                      void *user) {
  return memory_adapter_ops(a)->each(a->local, to, visit, user);
}

static void redis_adapter_pass_connect_to_memory_adapter(sio_adapter *a, sio_socket *s) {
  memory_adapter_ops(a)->arrive(a->local, s);
}
static void redis_adapter_pass_leave_to_memory_adapter(sio_adapter *a, sio_socket *s) {
  memory_adapter_ops(a)->depart(a->local, s);
}

static void redis_adapter_visit_all_local_rooms(
    const sio_adapter *a, void (*cb)(const char *room, size_t members, void *user), void *user) {
  memory_adapter_ops(a)->all_rooms(a->local, cb, user);
}

static size_t redis_adapter_count_local_room_members(const sio_adapter *a, const char *room) {
  return memory_adapter_ops(a)->room_size(a->local, room);
}

static size_t redis_adapter_count_local_rooms(const sio_adapter *a) {
  return memory_adapter_ops(a)->room_count(a->local);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Writes the glob pattern for PSUBSCRIBE that matches the names which begin with the channel's
 * name. Special characters of the name are escaped. */
static void write_escaped_glob_pattern(struct message *m, sio_slice channel) {
  for (size_t i = 0; i < channel.n; i++) {
    if (memchr("*?[]\\", channel.p[i], 5)) sio__message_write_raw_json(m, SLICE("\\"));
    sio__message_write_raw_json(m, slice(channel.p + i, 1));
  }
  sio__message_write_raw_json(m, SLICE("*"));
}

static int set_subscription_channel_or_pattern(struct subscription *s, sio_adapter *a,
                                               const char *kind, const char *last) {
  struct message m, escaped;
  sio__message_init(&m, &a->redis->msgs);
  sio__message_init(&escaped, &a->redis->msgs);
  sio__message_write_channel_name(&m, a->key, kind, a->nsp_name, last);
  bool pattern = s->kind == SUBSCRIPTION_PATTERN;
  if (pattern && !m.err) write_escaped_glob_pattern(&escaped, sio__message_text(&m));
  int err = m.err ? m.err : escaped.err;
  if (!err) {
    sio_slice name = sio__message_text(pattern ? &escaped : &m);
    s->name = sio__strndup(name.p, name.n);
    s->name_len = name.n;
    if (!s->name) err = UV_ENOMEM;
  }
  sio__message_clear(&m);
  sio__message_clear(&escaped);
  return err;
}

static void unsubscribe_adapter_channels(sio_adapter *a) {
  for (int i = 0; i < CLASSIC_SUBSCRIPTIONS; i++)
    if (a->subscriptions[i].name) sio__redis_unsubscribe(a->redis, &a->subscriptions[i]);
}

static int subscribe_classic_channels(sio_adapter *a) {
  static const char *const kinds[] = { "", "-request", "-response", "-response" };
  int err = 0;
  for (int i = 0; !err && i < CLASSIC_SUBSCRIPTIONS; i++) {
    struct subscription *s = &a->subscriptions[i];
    s->adapter = a;
    if (i == CLASSIC_BROADCASTS) s->kind = SUBSCRIPTION_PATTERN;
    s->on_message = i == CLASSIC_BROADCASTS ? sio__on_broadcast_message
                    : i == CLASSIC_REQUESTS ? sio__on_request_message
                                            : sio__on_response_message;
    err = set_subscription_channel_or_pattern(s, a, kinds[i],
                                              i == CLASSIC_OWN_RESPONSES ? a->uid : NULL);
    if (!err) err = sio__redis_subscribe(a->redis, s);
  }
  if (err) unsubscribe_adapter_channels(a);
  return err;
}

static void redis_adapter_free(sio_adapter *a) {
  sio__redis_unref(a->redis);
  for (int i = 0; i < CLASSIC_SUBSCRIPTIONS; i++) sio__free(a->subscriptions[i].name);
  sio__streams_free(a);
  sio__free(a);
}

/* The key and the name of the namespace are copied into the block of memory of the adapter, after
 * the struct. */
static sio_adapter *redis_adapter_new(const sio_redis_adapter_options *o, sio_nsp *nsp) {
  const char *key = o->key ? o->key : "socket.io", *name = sio_nsp_name(nsp);
  size_t nkey = strlen(key), nname = strlen(name);
  sio_adapter *a = sio__calloc(1, sizeof *a + nkey + nname);
  if (!a) return NULL;
  char *text = (char *)(a + 1);
  a->key = slice(memcpy(text, key, nkey), nkey);
  a->nsp_name = slice(memcpy(text + nkey, name, nname), nname);
  a->nsp = nsp;
  a->redis = o->redis;
  sio__redis_ref(a->redis);
  a->answer_asker_alone = o->publish_on_specific_response_channel;
  return a;
}

static int subscribe_sharded_channels(sio_adapter *a) {
  int err = 0;
  sio__room_channels_init(a, sio__on_sharded_message);
  for (int i = 0; !err && i < SHARDED_SUBSCRIPTIONS; i++) {
    struct subscription *s = &a->subscriptions[i];
    s->adapter = a;
    s->kind = a->shard_channels ? SUBSCRIPTION_SHARD : SUBSCRIPTION_CHANNEL;
    s->on_message = sio__on_sharded_message;
    err = set_subscription_channel_or_pattern(s, a, "", i == SHARDED_OWN ? a->uid : NULL);
    if (!err) err = sio__redis_subscribe(a->redis, s);
  }
  if (err) unsubscribe_adapter_channels(a);
  return err;
}

static int redis_adapter_init_server_uid(sio_adapter *a) {
  char *uid = a->sharded ? a->redis->uid : a->redis->classic_uid, drawn[LINK_ID] = "";
  int err = *uid ? 0 : a->sharded ? sio__random_hex_id(drawn) : sio__random_alphanumeric_id(drawn);
  if (!err && !*uid) memcpy(uid, drawn, sizeof drawn);
  if (!err) memcpy(a->uid, uid, sizeof a->uid);
  return err;
}

static int redis_adapter_open_memory_adapter_and_subscribe(sio_adapter *a) {
  sio__pending_requests_init_once(a->redis);
  a->format = a->sharded ? &sio__sharded_message_format : &classic_message_format;
  a->counted = &a->subscriptions[a->sharded ? SHARDED_ALL : CLASSIC_REQUESTS];
  int err = redis_adapter_init_server_uid(a);
  if (!err) err = memory_adapter_ops(a)->open(a->nsp, a->api, NULL, &a->local);
  if (err) return err;
  err = a->sharded ? subscribe_sharded_channels(a) : subscribe_classic_channels(a);
  if (err)
    memory_adapter_ops(a)->close(a->local);
  else
    sio__redis_count_adapter_and_connect_if_first(a->redis);
  return err;
}

static void redis_adapter_stop_and_unsubscribe(sio_adapter *a) {
  if (a->shut) return;
  if (a->streams) sio__streams_stop(a);
  a->shut = true;
  /* The adapter is uncounted before it unsubscribes: uncounting the last adapter closes the
   * connections, so that no UNSUBSCRIBE is sent. */
  sio__redis_uncount_adapter_and_stop_if_last(a->redis);
  unsubscribe_adapter_channels(a);
  if (a->sharded) sio__room_channels_unsubscribe_and_free(a);
}

enum adapter_kind { ADAPTER_CLASSIC, ADAPTER_SHARDED, ADAPTER_STREAMS };

static int redis_adapter_start(sio_adapter *a, enum adapter_kind kind,
                               const sio_redis_adapter_options *o) {
  a->sharded = kind != ADAPTER_CLASSIC;
  a->shard_channels =
      kind == ADAPTER_SHARDED || (kind == ADAPTER_STREAMS && o->use_sharded_pub_sub);
  a->mode = kind == ADAPTER_STREAMS ? SIO_REDIS_STATIC : o->subscription_mode;
  int err = kind == ADAPTER_STREAMS ? sio__streams_new(a, o) : 0;
  if (!err) err = redis_adapter_open_memory_adapter_and_subscribe(a);
  if (err || kind != ADAPTER_STREAMS) return err;
  err = sio__streams_start(a, o);
  if (!err) return 0;
  redis_adapter_stop_and_unsubscribe(a);
  memory_adapter_ops(a)->close(a->local);
  return err;
}

static int open_redis_adapter_of_kind(sio_nsp *nsp, const sio_adapter_api *api, const void *user,
                                      enum adapter_kind kind, sio_adapter **out) {
  sio_redis_adapter_options o;
  const size_t first = sizeof o; /* the size that the options had in version 0.1 */
  if (!user || sio__read_sized_struct(&o, sizeof o, user, first) || !o.redis) return UV_EINVAL;
  if (o.subscription_mode < SIO_REDIS_DYNAMIC || o.subscription_mode > SIO_REDIS_DYNAMIC_PRIVATE)
    return UV_EINVAL;
  /* If the server has several threads, this adapter does not know the rooms of the sockets of other
   * threads, so it cannot subscribe to a channel for each room. */
  if (kind == ADAPTER_SHARDED && o.subscription_mode != SIO_REDIS_STATIC && api->has_threads(nsp))
    return UV_EINVAL;
  sio_adapter *a = redis_adapter_new(&o, nsp);
  if (!a) return UV_ENOMEM;
  a->api = api;
  int err = redis_adapter_start(a, kind, &o);
  if (err)
    redis_adapter_free(a);
  else
    *out = a;
  return err;
}

static int classic_adapter_open(sio_nsp *nsp, const sio_adapter_api *api, void *user,
                                sio_adapter **out) {
  return open_redis_adapter_of_kind(nsp, api, user, ADAPTER_CLASSIC, out);
}
static int streams_adapter_open(sio_nsp *nsp, const sio_adapter_api *api, void *user,
                                sio_adapter **out) {
  return open_redis_adapter_of_kind(nsp, api, user, ADAPTER_STREAMS, out);
}
static int sharded_adapter_open(sio_nsp *nsp, const sio_adapter_api *api, void *user,
                                sio_adapter **out) {
  return open_redis_adapter_of_kind(nsp, api, user, ADAPTER_SHARDED, out);
}

static void redis_adapter_close(sio_adapter *a) {
  redis_adapter_stop_and_unsubscribe(a);
  memory_adapter_ops(a)->close(a->local);
  redis_adapter_free(a);
}

/* The functions that the classic, sharded and streams adapters share. */
#define OPS_OF_ALL                                                                            \
  .close = redis_adapter_close, .in_room = redis_adapter_is_socket_in_room,                   \
  .rooms = redis_adapter_visit_rooms_of_socket, .broadcast = redis_adapter_broadcast,         \
  .each = redis_adapter_visit_matching_local_sockets,                                         \
  .all_join = redis_adapter_add_matching_sockets_to_rooms,                                    \
  .all_leave = redis_adapter_remove_matching_sockets_from_rooms,                              \
  .all_disconnect = redis_adapter_disconnect_matching_sockets,                                \
  .all_rooms = redis_adapter_visit_all_local_rooms,                                           \
  .room_size = redis_adapter_count_local_room_members,                                        \
  .fetch = redis_adapter_fetch_remote_sockets, .server_emit = redis_adapter_emit_to_servers,  \
  .server_count = redis_adapter_request_server_count,                                         \
  .query_over = redis_adapter_forget_ended_query, .shut = redis_adapter_stop_and_unsubscribe, \
  .room_count = redis_adapter_count_local_rooms

static const sio_adapter_ops classic_ops = { .size = sizeof classic_ops,
                                             .open = classic_adapter_open,
                                             .join = redis_adapter_join_local_room,
                                             .leave = redis_adapter_leave_local_room,
                                             .leave_all = redis_adapter_leave_all_local_rooms,
                                             .arrive = redis_adapter_pass_connect_to_memory_adapter,
                                             .depart = redis_adapter_pass_leave_to_memory_adapter,
                                             OPS_OF_ALL };

static const sio_adapter_ops sharded_ops = {
  .size = sizeof sharded_ops,
  .open = sharded_adapter_open,
  .join = sio__sharded_join_room_and_subscribe_if_first,
  .leave = sio__sharded_leave_room_and_unsubscribe_if_last,
  .leave_all = sio__sharded_leave_all_rooms_and_unsubscribe_if_last,
  .arrive = sio__sharded_on_connect_subscribe_socket_room,
  .depart = sio__sharded_on_leave_unsubscribe_socket_room,
  OPS_OF_ALL
};

static const sio_adapter_ops streams_ops = {
  .size = sizeof streams_ops,
  .open = streams_adapter_open,
  .join = sio__streams_join_room_and_mark_session_dirty,
  .leave = sio__streams_leave_room_and_mark_session_dirty,
  .leave_all = redis_adapter_leave_all_local_rooms,
  .arrive = sio__streams_on_connect_create_live_session,
  .depart = redis_adapter_pass_leave_to_memory_adapter,
  .flags = SIO_ADAPTER_RECOVERS,
  .persist = sio__streams_save_socket,
  .forget = sio__streams_delete_saved_socket,
  .restore = sio__streams_start_socket_restore,
  .restore_over = sio__streams_forget_ended_restore,
  .shared_changed = sio__streams_mark_session_of_socket_dirty,
  .leaving = sio__streams_send_waiting_events_to_leaving_socket,
  OPS_OF_ALL
};

const sio_adapter_ops *const sio_redis_adapter = &classic_ops;
const sio_adapter_ops *const sio_redis_sharded_adapter = &sharded_ops;
const sio_adapter_ops *const sio_redis_streams_adapter = &streams_ops;
