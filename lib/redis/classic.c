/* SPDX-License-Identifier: MIT
 *
 * classic.c - the adapter that speaks what createAdapter() of @socket.io/redis-adapter speaks
 * (docs/architecture.md, "Many machines"). Rooms are the memory adapter's.
 *
 * What is published comes back to this server as well, which ignores it: everything is applied to
 * the local sockets within the call.
 */
#include "base/mem.h"
#include "base/sized.h"
#include "redis/heard.h"
#include "redis/sharded.h"
#include "redis/streams.h"
#include "redis/streams_session.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

/* ---- messages -------------------------------------------------------------------------------- */

static void classic_put_broadcast(struct message *m, const sio_adapter *a, sio_slice event,
                                  const struct message_target *to) {
  sio__message_broadcast(m, a->uid, a->nsp_name, event, to);
}

static void classic_put_ask(struct message *m, const sio_adapter *a, const char *id,
                            sio_slice event, const struct message_target *to) {
  sio__message_ask(m, a->uid, id, a->nsp_name, event, to);
}

static void classic_put_bulk(struct message *m, const sio_adapter *a, enum message_type type,
                             const struct message_target *to, const char *const *rooms,
                             bool session) {
  sio__message_bulk(m, a->uid, type, to, rooms, session);
}

static void classic_put_server_emit(struct message *m, const sio_adapter *a, const char *id,
                                    sio_slice event) {
  sio__message_server_emit(m, a->uid, id, event);
}

static void classic_put_fetch(struct message *m, const sio_adapter *a, const char *id,
                              const struct message_target *to) {
  sio__message_fetch(m, a->uid, id, to);
}

/* The answer to a fetch has no type. */
static void classic_put_answer(struct message *m, const char *id, enum message_type type) {
  sio__message_put(m, SLICE("{"));
  if (type != MESSAGE_FETCH) {
    sio__message_put(m, SLICE("\"type\":"));
    sio__message_put_number(m, type);
    sio__message_put(m, SLICE(","));
  }
  sio__message_put(m, SLICE("\"requestId\":"));
  sio__message_put_string(m, slice_str(id));
}

static void classic_end_answer(struct message *m, const sio_adapter *a) {
  (void)a;
  sio__message_put(m, SLICE("}"));
}

static const char *classic_room_of(const sio_adapter *a, const struct message_target *to) {
  (void)a;
  return sio__message_only_room(to);
}

static const struct dialect classic_dialect = {
  .requests = "-request",
  .responses = "-response",
  .answer_key = ",\"data\":",
  .packs = true,
  .broadcast = classic_put_broadcast,
  .ask = classic_put_ask,
  .bulk = classic_put_bulk,
  .server_emit = classic_put_server_emit,
  .fetch = classic_put_fetch,
  .answer = classic_put_answer,
  .end_answer = classic_end_answer,
  .room_of = classic_room_of,
};

/* ---- publishing ------------------------------------------------------------------------------ */

static int publish_with_bins(sio_adapter *a, const char *kind, const char *last, struct message *m,
                             const sio_packet_info *p, bool pack) {
  if (!pack && !p->nbins) return sio__classic_publish(a, kind, last, m);
  return sio__classic_publish_packed(a, kind, last, m, p->bins, p->nbins);
}

static struct message_target target_for_others(const sio_target *to) {
  return (struct message_target){ .rooms = to->rooms,
                                  .except = to->except,
                                  .skip = to->skip ? sio_socket_id(to->skip) : NULL,
                                  .flags = to->flags };
}

/* Nobody else can be meant. */
static bool stays_here(const sio_adapter *a, const sio_target *to) {
  return (to->flags & SIO_LOCAL) || (to->rooms && !to->rooms[0]) || a->shut;
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

static void publish_broadcast(sio_adapter *a, const sio_target *to, const sio_packet_info *p) {
  struct message m;
  const struct message_target target = target_for_others(to);
  sio__message_init(&m, &a->redis->msgs);
  a->dialect->broadcast(&m, a, p->json, &target);
  (void)publish_with_bins(a, "", a->dialect->room_of(a, &target), &m, p, a->dialect->packs);
}

/* The other servers cannot be asked: the query ends with the answers of this server and the
 * error. */
static int end_query_without_asking(sio_adapter *a, sio_query *query, int err) {
  a->api->query_hold(query);
  a->api->query_release(query, err);
  return 0;
}

/* Asks the other servers. Errors are not returned, because the replies of local sockets are still
 * collected when the other servers cannot be asked. */
static void ask_others(sio_adapter *a, const sio_target *to, const sio_packet_info *p) {
  struct message m;
  struct question *q;
  sio_query_info query = { .size = sizeof query };
  struct message_target target = target_for_others(to);
  int err = sio__question_new(&q, a, MESSAGE_ASK, p->query);
  if (err) {
    (void)end_query_without_asking(a, p->query, err);
    return;
  }
  a->api->query_get_info(p->query, &query);
  target.timeout_ms = query.timeout_ms;
  sio__message_init(&m, &a->redis->msgs);
  a->dialect->ask(&m, a, q->id, p->json, &target);
  err = publish_with_bins(a, a->dialect->requests, NULL, &m, p, a->dialect->packs);
  if (err) sio__question_end(q, err);
}

static int classic_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  int err = stays_here(a, to) ? 0 : a->api->packet_get_info(p, &info);
  if (err) return err;
  if (a->streams && info.json.p && !info.query) return sio__streams_broadcast(a, to, p, &info);
  if (info.query)
    ask_others(a, to, &info);
  else if (info.json.p)
    publish_broadcast(a, to, &info);
  if (a->streams) return sio__streams_deliver(a, to, p);
  return classic_local(a)->broadcast(a->local, to, p);
}

/* ---- bulk ------------------------------------------------------------------------------------ */

static void publish_bulk(sio_adapter *a, enum message_type type, const sio_target *to,
                         const char *const *rooms, bool session) {
  struct message m;
  const struct message_target target = target_for_others(to);
  if (stays_here(a, to)) return;
  if (a->streams) {
    sio__streams_bulk(a, type, &target, rooms, session);
    return;
  }
  sio__message_init(&m, &a->redis->msgs);
  a->dialect->bulk(&m, a, type, &target, rooms, session);
  (void)sio__classic_publish(a, a->dialect->requests, NULL, &m);
}

static int classic_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  publish_bulk(a, MESSAGE_JOIN, to, rooms, false);
  return classic_local(a)->all_join(a->local, to, rooms);
}

static int classic_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  publish_bulk(a, MESSAGE_LEAVE, to, rooms, false);
  return classic_local(a)->all_leave(a->local, to, rooms);
}

static int classic_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  publish_bulk(a, MESSAGE_DISCONNECT, to, NULL, session);
  return classic_local(a)->all_disconnect(a->local, to, session);
}

/* ---- questions ------------------------------------------------------------------------------- */

static int classic_fetch(sio_adapter *a, const sio_target *to, sio_query *query) {
  struct message m;
  struct question *q;
  const struct message_target target = target_for_others(to);
  if (to->rooms && !to->rooms[0]) return 0;
  int err = sio__question_new(&q, a, MESSAGE_FETCH, query);
  if (err) return end_query_without_asking(a, query, err);
  sio__message_init(&m, &a->redis->msgs);
  a->dialect->fetch(&m, a, q->id, &target);
  err = sio__classic_publish(a, a->dialect->requests, NULL, &m);
  if (err) sio__question_end(q, err);
  return 0;
}

static int publish_server_event(sio_adapter *a, const sio_packet *p, const char *id) {
  struct message m;
  sio_packet_info info = { .size = sizeof info };
  int err = a->api->packet_get_info(p, &info);
  if (err) return err;
  sio__message_init(&m, &a->redis->msgs);
  a->dialect->server_emit(&m, a, id, info.json);
  return publish_with_bins(a, a->dialect->requests, NULL, &m, &info, false);
}

static int classic_server_emit(sio_adapter *a, const sio_packet *p, sio_query *query) {
  struct question *q;
  if (!query) return publish_server_event(a, p, NULL);
  int err = sio__question_new(&q, a, MESSAGE_SERVER_EMIT, query);
  if (err) return end_query_without_asking(a, query, err);
  err = publish_server_event(a, p, q->id);
  if (err) sio__question_end(q, err);
  return 0;
}

static int classic_server_count(sio_adapter *a, sio_query *query) {
  struct question *q;
  int err = sio__question_new(&q, a, MESSAGE_COUNT, query);
  return err ? end_query_without_asking(a, query, err) : 0;
}

static void classic_query_over(sio_adapter *a, sio_query *query) {
  struct question *q = sio__question_of(a, query);
  if (a->streams) sio__streams_query_over(a, query);
  if (q) sio__question_over(q);
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static int classic_join(sio_adapter *a, sio_socket *s, const char *room) {
  return classic_local(a)->join(a->local, s, room);
}

static void classic_leave(sio_adapter *a, sio_socket *s, const char *room) {
  classic_local(a)->leave(a->local, s, room);
}

static void classic_leave_all(sio_adapter *a, sio_socket *s) {
  classic_local(a)->leave_all(a->local, s);
}

static bool classic_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return classic_local(a)->in_room(a->local, s, room);
}

static void classic_rooms(const sio_adapter *a, const sio_socket *s,
                          void (*cb)(const char *room, void *user), void *user) {
  classic_local(a)->rooms(a->local, s, cb, user);
}

static int classic_each(sio_adapter *a, const sio_target *to,
                        void (*visit)(sio_socket *s, void *user), void *user) {
  return classic_local(a)->each(a->local, to, visit, user);
}

static void classic_arrive(sio_adapter *a, sio_socket *s) { classic_local(a)->arrive(a->local, s); }
static void classic_depart(sio_adapter *a, sio_socket *s) { classic_local(a)->depart(a->local, s); }

static void classic_all_rooms(const sio_adapter *a,
                              void (*cb)(const char *room, size_t members, void *user),
                              void *user) {
  classic_local(a)->all_rooms(a->local, cb, user);
}

static size_t classic_room_size(const sio_adapter *a, const char *room) {
  return classic_local(a)->room_size(a->local, room);
}

static size_t classic_room_count(const sio_adapter *a) {
  return classic_local(a)->room_count(a->local);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A pattern of Redis is a glob: its signs in a name are escaped. */
static void put_pattern(struct message *m, sio_slice channel) {
  for (size_t i = 0; i < channel.n; i++) {
    if (memchr("*?[]\\", channel.p[i], 5)) sio__message_put(m, SLICE("\\"));
    sio__message_put(m, slice(channel.p + i, 1));
  }
  sio__message_put(m, SLICE("*"));
}

static int subscription_name(struct subscription *s, sio_adapter *a, const char *kind,
                             const char *last) {
  struct message m, escaped;
  sio__message_init(&m, &a->redis->msgs);
  sio__message_init(&escaped, &a->redis->msgs);
  sio__message_channel(&m, a->key, kind, a->nsp_name, last);
  bool pattern = s->kind == SUBSCRIPTION_PATTERN;
  if (pattern && !m.err) put_pattern(&escaped, sio__message_text(&m));
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

static void classic_unsubscribe(sio_adapter *a) {
  for (int i = 0; i < CLASSIC_SUBSCRIPTIONS; i++)
    if (a->subscriptions[i].name) sio__redis_unsubscribe(a->redis, &a->subscriptions[i]);
}

static int classic_subscribe(sio_adapter *a) {
  static const char *const kinds[] = { "", "-request", "-response", "-response" };
  int err = 0;
  for (int i = 0; !err && i < CLASSIC_SUBSCRIPTIONS; i++) {
    struct subscription *s = &a->subscriptions[i];
    s->adapter = a;
    if (i == CLASSIC_BROADCASTS) s->kind = SUBSCRIPTION_PATTERN;
    s->heard = i == CLASSIC_BROADCASTS ? sio__heard_broadcast
               : i == CLASSIC_REQUESTS ? sio__heard_request
                                       : sio__heard_response;
    err = subscription_name(s, a, kinds[i], i == CLASSIC_OWN_RESPONSES ? a->uid : NULL);
    if (!err) err = sio__redis_subscribe(a->redis, s);
  }
  if (err) classic_unsubscribe(a);
  return err;
}

static void classic_free(sio_adapter *a) {
  sio__redis_unref(a->redis);
  for (int i = 0; i < CLASSIC_SUBSCRIPTIONS; i++) sio__free(a->subscriptions[i].name);
  sio__streams_free(a);
  sio__free(a);
}

/* Key and name in the same block. */
static sio_adapter *classic_new(const sio_redis_adapter_options *o, sio_nsp *nsp) {
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

static int sharded_subscribe(sio_adapter *a) {
  int err = 0;
  sio__sharded_init(a, sio__heard_sharded);
  for (int i = 0; !err && i < SHARDED_SUBSCRIPTIONS; i++) {
    struct subscription *s = &a->subscriptions[i];
    s->adapter = a;
    s->kind = a->shard_channels ? SUBSCRIPTION_SHARD : SUBSCRIPTION_CHANNEL;
    s->heard = sio__heard_sharded;
    err = subscription_name(s, a, "", i == SHARDED_OWN ? a->uid : NULL);
    if (!err) err = sio__redis_subscribe(a->redis, s);
  }
  if (err) classic_unsubscribe(a);
  return err;
}

static int classic_start(sio_adapter *a) {
  sio__questions_init(a->redis);
  a->dialect = a->sharded ? &sio__sharded_dialect : &classic_dialect;
  a->counted = &a->subscriptions[a->sharded ? SHARDED_ALL : CLASSIC_REQUESTS];
  int err = a->sharded ? sio__sharded_random_id(a->uid) : sio__classic_random_id(a->uid);
  if (!err) err = classic_local(a)->open(a->nsp, a->api, NULL, &a->local);
  if (err) return err;
  err = a->sharded ? sharded_subscribe(a) : classic_subscribe(a);
  if (err)
    classic_local(a)->close(a->local);
  else
    sio__redis_use(a->redis);
  return err;
}

static void classic_shut(sio_adapter *a) {
  if (a->shut) return;
  if (a->streams) sio__streams_shut(a);
  a->shut = true;
  /* Before unsubscribing: if this closes the connection, no UNSUBSCRIBE needs to be sent. */
  sio__redis_unuse(a->redis);
  classic_unsubscribe(a);
  if (a->sharded) sio__sharded_clear(a);
}

enum adapter_kind { ADAPTER_CLASSIC, ADAPTER_SHARDED, ADAPTER_STREAMS };

static int start_adapter(sio_adapter *a, enum adapter_kind kind,
                         const sio_redis_adapter_options *o) {
  a->sharded = kind != ADAPTER_CLASSIC;
  a->shard_channels =
      kind == ADAPTER_SHARDED || (kind == ADAPTER_STREAMS && o->use_sharded_pub_sub);
  a->mode = kind == ADAPTER_STREAMS ? SIO_REDIS_STATIC : o->subscription_mode;
  int err = kind == ADAPTER_STREAMS ? sio__streams_new(a, o) : 0;
  if (!err) err = classic_start(a);
  if (err || kind != ADAPTER_STREAMS) return err;
  err = sio__streams_start(a, o);
  if (!err) return 0;
  classic_shut(a);
  classic_local(a)->close(a->local);
  return err;
}

static int open_adapter(sio_nsp *nsp, const sio_adapter_api *api, const void *user,
                        enum adapter_kind kind, sio_adapter **out) {
  sio_redis_adapter_options o;
  const size_t first = sizeof o; /* the size in version 0.1 */
  if (!user || sio__read_sized_struct(&o, sizeof o, user, first) || !o.redis) return UV_EINVAL;
  if (o.subscription_mode < SIO_REDIS_DYNAMIC || o.subscription_mode > SIO_REDIS_DYNAMIC_PRIVATE)
    return UV_EINVAL;
  /* Rooms of other threads are not known here, so they cannot have channels of their own. */
  if (kind == ADAPTER_SHARDED && o.subscription_mode != SIO_REDIS_STATIC && api->has_threads(nsp))
    return UV_EINVAL;
  sio_adapter *a = classic_new(&o, nsp);
  if (!a) return UV_ENOMEM;
  a->api = api;
  int err = start_adapter(a, kind, &o);
  if (err)
    classic_free(a);
  else
    *out = a;
  return err;
}

static int classic_open(sio_nsp *nsp, const sio_adapter_api *api, void *user, sio_adapter **out) {
  return open_adapter(nsp, api, user, ADAPTER_CLASSIC, out);
}
static int streams_open(sio_nsp *nsp, const sio_adapter_api *api, void *user, sio_adapter **out) {
  return open_adapter(nsp, api, user, ADAPTER_STREAMS, out);
}
static int sharded_open(sio_nsp *nsp, const sio_adapter_api *api, void *user, sio_adapter **out) {
  return open_adapter(nsp, api, user, ADAPTER_SHARDED, out);
}

static void classic_close(sio_adapter *a) {
  classic_shut(a);
  classic_local(a)->close(a->local);
  classic_free(a);
}

/* What all adapters do alike. */
#define OPS_OF_ALL                                                                        \
  .close = classic_close, .in_room = classic_in_room, .rooms = classic_rooms,             \
  .broadcast = classic_broadcast, .each = classic_each, .all_join = classic_all_join,     \
  .all_leave = classic_all_leave, .all_disconnect = classic_all_disconnect,               \
  .all_rooms = classic_all_rooms, .room_size = classic_room_size, .fetch = classic_fetch, \
  .server_emit = classic_server_emit, .server_count = classic_server_count,               \
  .query_over = classic_query_over, .shut = classic_shut, .room_count = classic_room_count

static const sio_adapter_ops classic_ops = { .size = sizeof classic_ops,
                                             .open = classic_open,
                                             .join = classic_join,
                                             .leave = classic_leave,
                                             .leave_all = classic_leave_all,
                                             .arrive = classic_arrive,
                                             .depart = classic_depart,
                                             OPS_OF_ALL };

static const sio_adapter_ops sharded_ops = { .size = sizeof sharded_ops,
                                             .open = sharded_open,
                                             .join = sio__sharded_join,
                                             .leave = sio__sharded_leave,
                                             .leave_all = sio__sharded_leave_all,
                                             .arrive = sio__sharded_arrive,
                                             .depart = sio__sharded_depart,
                                             OPS_OF_ALL };

static const sio_adapter_ops streams_ops = { .size = sizeof streams_ops,
                                             .open = streams_open,
                                             .join = sio__streams_join,
                                             .leave = sio__streams_leave,
                                             .leave_all = classic_leave_all,
                                             .arrive = sio__streams_arrive,
                                             .depart = classic_depart,
                                             .flags = SIO_ADAPTER_RECOVERS,
                                             .persist = sio__streams_persist,
                                             .forget = sio__streams_forget,
                                             .restore = sio__streams_restore,
                                             .restore_over = sio__streams_restore_over,
                                             .shared_changed = sio__streams_shared_changed,
                                             .leaving = sio__streams_leaving,
                                             OPS_OF_ALL };

const sio_adapter_ops *const sio_redis_adapter = &classic_ops;
const sio_adapter_ops *const sio_redis_sharded_adapter = &sharded_ops;
const sio_adapter_ops *const sio_redis_streams_adapter = &streams_ops;
