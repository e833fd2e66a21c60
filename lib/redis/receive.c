/* SPDX-License-Identifier: MIT
 *
 * receive.c - messages of other servers. What is malformed is counted and ignored; what is this
 * server's own comes back too, and is recognised by its uid or by its question.
 */
#include "redis/receive.h"

#include "base/err.h"
#include "base/mem.h"
#include "packet/msgpack.h"
#include "redis/sharded.h"
#include "redis/unpack.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

enum { ACKS_MAX = 1 << 30 };

static struct msgs *adapter_message_pool(const sio_adapter *a) { return &a->redis->msgs; }

/* ---- targets --------------------------------------------------------------------------------- */

static int parse_target_flags(struct received_target *t, sio_slice flags) {
  sio_slice is_volatile, compress, timeout;
  const struct unpack_field fields[] = { { "volatile", &is_volatile },
                                         { "compress", &compress },
                                         { "timeout", &timeout } };
  if (!flags.n) return 0;
  if (!sio__unpack_map_fields(flags, fields, 3)) return SIO_EPROTO;
  if (sio__unpack_is_true(is_volatile)) t->flags |= SIO_VOLATILE;
  if (sio__unpack_is_false(compress)) t->flags |= SIO_NO_COMPRESS;
  (void)sio__unpack_number(timeout, INT32_MAX, &t->timeout_ms);
  return 0;
}

/* Reads a target. If opts is missing, the target is all sockets. The caller must clear *t, also
 * after an error. */
static int parse_target(struct received_target *t, sio_slice opts) {
  sio_slice rooms, except, flags;
  const struct unpack_field fields[] = { { "rooms", &rooms },
                                         { "except", &except },
                                         { "flags", &flags } };
  *t = (struct received_target){ 0 };
  if (!sio__unpack_map_fields(opts, fields, 3) && opts.n) return SIO_EPROTO;
  int err = parse_target_flags(t, flags);
  if (!err) err = sio__unpack_room_names(&t->rooms, rooms);
  if (!err) err = sio__unpack_room_names(&t->except, except);
  return err;
}

static void received_target_clear(struct received_target *t) {
  sio__unpacked_room_names_clear(&t->rooms);
  sio__unpacked_room_names_clear(&t->except);
}

/* everybody: all sockets are meant. It is not derived from t->rooms, which may be empty because it
 * contained only names that cannot be rooms here: then no socket is meant. */
static sio_target make_local_target(const sio_adapter *a, const struct received_target *t,
                                    bool everybody) {
  return (sio_target){ .nsp = a->nsp,
                       .rooms = everybody ? NULL : t->rooms.list,
                       .except = t->except.list,
                       .flags = t->flags | SIO_PROCESS };
}

static bool is_for_all_sockets(sio_slice opts) {
  sio_slice rooms;
  uint32_t n = 0;
  const struct unpack_field field = { "rooms", &rooms };
  if (!sio__unpack_map_fields(opts, &field, 1)) return true;
  return !rooms.n || (sio__unpack_array_length(&rooms, &n) && n == 0);
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

/* A packet without a namespace is for "/". */
static bool is_packet_for_namespace(const sio_adapter *a, sio_slice nsp) {
  sio_slice name = SLICE("/");
  return (!nsp.n || sio__unpack_string(nsp, &name)) && slice_eq(name, a->nsp_name);
}

/* With several threads the packet goes through the adapter of all threads. Otherwise the streams
 * adapter passes it to the memory adapter directly: the event has waited for its turn already, and
 * must not be queued again. */
int sio__deliver_packet_to_local_sockets(sio_adapter *a, const sio_packet *p,
                                         const sio_target *to) {
  return a->streams && !a->api->has_threads(a->nsp)
             ? memory_adapter_ops(a)->broadcast(a->local, to, p)
             : a->api->packet_broadcast(p, to);
}

/* Sends the event of a packet to the local sockets. q: collects their acks, or NULL. */
static int deliver_event_to_local_sockets(sio_adapter *a, sio_slice data, const sio_target *to,
                                          sio_query *q, sio_slice offset) {
  struct unpacked_json json;
  sio_packet *p = NULL;
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(a), data);
  if (!err)
    err = a->api->packet_new(to, unpacked_json_text(&json), json.out.bins, json.out.nbins, q,
                             offset, &p);
  if (!err) err = sio__deliver_packet_to_local_sockets(a, p, to);
  a->api->packet_free(p);
  sio__unpacked_json_clear(&json); /* the packet has borrowed its text */
  return err;
}

static int parse_event_packet(const sio_adapter *a, sio_slice packet, sio_slice *data, bool *ours) {
  sio_slice type, nsp;
  uint64_t number;
  const struct unpack_field fields[] = { { "type", &type }, { "data", data }, { "nsp", &nsp } };
  if (!sio__unpack_map_fields(packet, fields, 3)) return SIO_EPROTO;
  if (!sio__unpack_number(type, 2, &number) || number != 2 || !data->n) return SIO_EPROTO;
  /* In the sharded protocol the envelope names the namespace, which was checked before. */
  *ours = a->sharded || is_packet_for_namespace(a, nsp);
  return 0;
}

static int handle_broadcast(sio_adapter *a, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct received_target t = { 0 };
  bool ours = false;
  int err = parse_event_packet(a, packet, &data, &ours);
  if (!err && ours) err = parse_target(&t, opts);
  if (!err && ours) {
    const sio_target to = make_local_target(a, &t, is_for_all_sockets(opts));
    err = deliver_event_to_local_sockets(a, data, &to, NULL, slice(NULL, 0));
  }
  received_target_clear(&t);
  return err;
}

/* False: the channel is for one room, and no socket of this server is in it. A name that is too
 * long cannot be a room here. Rooms of other threads' sockets are not known, so with threads the
 * answer is always true. */
static bool has_members_in_room_of_channel(const sio_adapter *a, sio_slice channel) {
  char room[256];
  size_t prefix = a->key.n + a->nsp_name.n + 2;
  if (channel.n <= prefix) return channel.n == prefix;
  size_t n = channel.n - prefix - 1;
  if (n >= sizeof room || memchr(channel.p + prefix, '\0', n)) return false;
  memcpy(room, channel.p + prefix, n);
  room[n] = '\0';
  return n == 0 || a->api->has_threads(a->nsp) ||
         memory_adapter_ops(a)->room_size(a->local, room) > 0;
}

static const char *describe_message_error(int err) {
  return err == SIO_EPROTO ? "it is malformed" : sio_strerror(err);
}

void sio__on_broadcast_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  sio_slice v[3], uid;
  struct unpacked u;
  if (a->shut || !has_members_in_room_of_channel(a, channel)) return;
  int err = sio__unpack_message(&u, adapter_message_pool(a), payload);
  if (!err && (!sio__unpack_array_elements(u.value, v, 3) || !sio__unpack_string(v[0], &uid)))
    err = SIO_EPROTO;
  if (!err && !slice_equals_str(uid, a->uid)) err = handle_broadcast(a, v[1], v[2]);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_malformed_message(a->redis, channel, describe_message_error(err));
}

/* ---- answering ------------------------------------------------------------------------------- */

/* The server that has sent a request, and the id of the request. */
struct requester {
  sio_adapter *adapter;
  sio_query *query; /* of a broadcast with acks */
  char uid[SERVER_UID_MAX], id[ID_MAX];
};

static const char *choose_response_channel(const struct requester *k) {
  bool alone = k->adapter->answer_asker_alone || k->adapter->sharded;
  return alone && k->uid[0] ? k->uid : NULL;
}

/* Writes the beginning of a response. end_and_publish_response() writes the rest. */
static void begin_response_message(struct message *m, const struct requester *k,
                                   enum message_type type) {
  sio__message_init(m, adapter_message_pool(k->adapter));
  k->adapter->format->answer(m, k->id, type);
}

static void end_and_publish_response(struct message *m, const struct requester *k,
                                     const sio_slice *bins, size_t nbins, bool pack) {
  sio_adapter *a = k->adapter;
  a->format->end_answer(m, a);
  if (pack || nbins)
    (void)sio__publish_as_msgpack(a, a->format->responses, choose_response_channel(k), m, bins,
                                  nbins);
  else
    (void)sio__publish_message(a, a->format->responses, choose_response_channel(k), m);
}

static struct requester *requester_copy(const struct requester *from) {
  struct requester *k = sio__malloc(sizeof *k);
  if (k) *k = *from;
  return k;
}

/* ---- acks ------------------------------------------------------------------------------------ */

static void on_local_ack(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                         void *user) {
  const struct requester *k = user;
  struct message m;
  (void)id;
  begin_response_message(&m, k, MESSAGE_ACK);
  sio__message_write_json(&m, SLICE(",\"packet\":"));
  sio__message_write_json(&m, json);
  end_and_publish_response(&m, k, bins, nbins, k->adapter->format->packs);
}

static void on_local_acks_end(int status, size_t lost, void *user) {
  (void)status, (void)lost;
  sio__free(user);
}

static void on_clients_counted(size_t n, void *user) {
  const struct requester *k = user;
  struct message m;
  begin_response_message(&m, k, MESSAGE_COUNT);
  sio__message_write_json(&m, SLICE(",\"clientCount\":"));
  sio__message_write_number(&m, n);
  end_and_publish_response(&m, k, NULL, 0, false);
}

static int emit_with_acks_to_local_sockets(struct requester *k, sio_slice data,
                                           const struct received_target *t, bool everybody) {
  static const sio_query_watch watch = { .size = sizeof watch,
                                         .reply = on_local_ack,
                                         .end = on_local_acks_end };
  sio_adapter *a = k->adapter;
  const sio_target to = make_local_target(a, t, everybody);
  sio_query *q;
  struct requester *kept = requester_copy(k);
  if (!kept) return UV_ENOMEM;
  int err = a->api->query_new(a->nsp, (unsigned)t->timeout_ms, &watch, kept, &q);
  if (err) {
    sio__free(kept);
    return err;
  }
  err = deliver_event_to_local_sockets(a, data, &to, q, slice(NULL, 0));
  a->api->query_when_counted(q, on_clients_counted);
  a->api->query_release(q, err);
  return err;
}

static int handle_broadcast_with_acks(struct requester *k, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct received_target t = { 0 };
  bool ours = false;
  int err = parse_event_packet(k->adapter, packet, &data, &ours);
  if (!err && ours) err = parse_target(&t, opts);
  if (!err && ours) err = emit_with_acks_to_local_sockets(k, data, &t, is_for_all_sockets(opts));
  received_target_clear(&t);
  return err;
}

/* ---- who is there ---------------------------------------------------------------------------- */

static void write_json_list_string(struct message *m, bool first, const char *name) {
  if (!first) sio__message_write_json(m, SLICE(","));
  sio__message_write_string(m, slice_str(name));
}

static void write_fetched_socket(struct message *m, sio_remote *r) {
  sio_slice handshake = sio_remote_handshake(r);
  sio__message_write_json(m, SLICE("{\"id\":"));
  sio__message_write_string(m, slice_str(r->id));
  sio__message_write_json(m, SLICE(",\"handshake\":"));
  sio__message_write_json(m, handshake.n ? handshake : SLICE("{}"));
  sio__message_write_json(m, SLICE(",\"rooms\":["));
  for (const char *const *room = r->rooms; *room; room++)
    write_json_list_string(m, room == r->rooms, *room);
  sio__message_write_json(m, SLICE("],\"data\":"));
  sio__message_write_json(m, r->data.n ? r->data : SLICE("{}"));
  sio__message_write_json(m, SLICE("}"));
}

static void on_local_sockets_fetched(int status, sio_remote *list, size_t n, void *user) {
  struct requester *k = user;
  struct message m;
  if (status != SIO_ECLOSED) {
    begin_response_message(&m, k, MESSAGE_FETCH);
    sio__message_write_json(&m, SLICE(",\"sockets\":["));
    for (size_t i = 0; i < n; i++) {
      if (i) sio__message_write_json(&m, SLICE(","));
      write_fetched_socket(&m, &list[i]);
    }
    sio__message_write_json(&m, SLICE("]"));
    end_and_publish_response(&m, k, NULL, 0, false);
  }
  sio__free(k);
}

static int handle_fetch_sockets_request(struct requester *k, sio_slice opts) {
  struct received_target t;
  int err = parse_target(&t, opts);
  struct requester *kept = err ? NULL : requester_copy(k);
  if (!err && !kept) err = UV_ENOMEM;
  if (!err) {
    err = sio_all_fetch(make_local_target(k->adapter, &t, is_for_all_sockets(opts)), 0,
                        on_local_sockets_fetched, kept);
    if (err) sio__free(kept);
  }
  received_target_clear(&t);
  return err;
}

struct room_list {
  struct message *m;
  bool some;
};

static void write_listed_room_name(const char *room, size_t members, void *user) {
  struct room_list *l = user;
  (void)members;
  write_json_list_string(l->m, !l->some, room);
  l->some = true;
}

static void handle_all_rooms_request(const struct requester *k) {
  struct message m;
  struct room_list l = { .m = &m };
  begin_response_message(&m, k, MESSAGE_FETCH);
  sio__message_write_json(&m, SLICE(",\"rooms\":["));
  memory_adapter_ops(k->adapter)->all_rooms(k->adapter->local, write_listed_room_name, &l);
  sio__message_write_json(&m, SLICE("]"));
  end_and_publish_response(&m, k, NULL, 0, false);
}

static void write_listed_socket_id(sio_socket *s, void *user) {
  write_listed_room_name(sio_socket_id(s), 1, user);
}

static int handle_socket_ids_request(const struct requester *k, sio_slice rooms) {
  struct message m;
  struct room_list l = { .m = &m };
  struct received_target t = { 0 };
  uint32_t n = 0;
  sio_slice list = rooms;
  int err = sio__unpack_room_names(&t.rooms, rooms);
  if (err) return err;
  bool everybody = !rooms.n || (sio__unpack_array_length(&list, &n) && n == 0);
  const sio_target to = make_local_target(k->adapter, &t, everybody);
  begin_response_message(&m, k, MESSAGE_FETCH);
  sio__message_write_json(&m, SLICE(",\"sockets\":["));
  err = memory_adapter_ops(k->adapter)->each(k->adapter->local, &to, write_listed_socket_id, &l);
  sio__message_write_json(&m, SLICE("]"));
  end_and_publish_response(&m, k, NULL, 0, false);
  received_target_clear(&t);
  return err;
}

/* ---- bulk ------------------------------------------------------------------------------------ */

struct request_fields {
  sio_slice uid, id, type, opts, rooms, close, data, packet, sid, room;
};

static int handle_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                           const struct request_fields *f) {
  struct received_target t;
  struct unpacked_names rooms = { NULL };
  if (!f->opts.n) return SIO_EPROTO;
  int err = parse_target(&t, f->opts);
  if (!err) err = sio__unpack_room_names(&rooms, f->rooms);
  if (!err) {
    const sio_target to = make_local_target(a, &t, is_for_all_sockets(f->opts));
    switch (type) {
      case MESSAGE_JOIN: err = rooms.list ? sio_all_join(to, rooms.list) : 0; break;
      case MESSAGE_LEAVE: err = rooms.list ? sio_all_leave(to, rooms.list) : 0; break;
      default: err = sio_all_disconnect(to, sio__unpack_is_true(f->close));
    }
  }
  sio__unpacked_room_names_clear(&rooms);
  received_target_clear(&t);
  return err;
}

static void publish_empty_response(const struct requester *k) {
  struct message m;
  begin_response_message(&m, k, MESSAGE_FETCH);
  end_and_publish_response(&m, k, NULL, 0, false);
}

/* Handles a request of version 6 of the Node.js adapter, which names one socket. Only the server of
 * this socket acts, and publishes an empty response when it has done so. */
static int handle_request_for_one_socket(const struct requester *k, enum message_type type,
                                         const struct request_fields *f) {
  char id[UNPACK_ROOM_MAX], room[UNPACK_ROOM_MAX];
  int err = 0;
  if (!sio__unpack_string_copy(f->sid, id, sizeof id)) return SIO_EPROTO;
  if (type != MESSAGE_DISCONNECT && !sio__unpack_room_name(f->room, room)) return SIO_EPROTO;
  sio_socket *s = sio_socket_find(k->adapter->nsp, id);
  if (!s) return 0;
  if (type == MESSAGE_JOIN)
    err = sio_join(s, room);
  else if (type == MESSAGE_LEAVE)
    err = sio_leave(s, room);
  else
    sio_disconnect(s, sio__unpack_is_true(f->close));
  if (!err && k->id[0]) publish_empty_response(k);
  return err;
}

/* ---- events for servers ---------------------------------------------------------------------- */

static void on_server_event_answered(sio_adapter *a, const sio_return *to, sio_slice json,
                                     const sio_slice *bins, size_t nbins) {
  struct requester k = { .adapter = a };
  struct message m;
  memcpy(k.id, to->bytes, sizeof k.id);
  /* Without the uid the response is published to all servers. */
  if (a->sharded) memcpy(k.uid, to->bytes + sizeof k.id, sizeof k.uid);
  if (a->shut) return;
  begin_response_message(&m, &k, MESSAGE_SERVER_EMIT);
  sio__message_write_json(&m, slice_str(a->format->answer_key));
  sio__message_write_json(&m, json);
  end_and_publish_response(&m, &k, bins, nbins, false);
}

static int handle_server_event(const struct requester *k, sio_slice data) {
  struct unpacked_json json;
  sio_return to = { { 0 } };
  sio_adapter *a = k->adapter;
  memcpy(to.bytes, k->id, sizeof k->id);
  memcpy(to.bytes + sizeof k->id, k->uid, sizeof k->uid);
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(a), data);
  if (!err)
    err = a->api->server_side_receive(a->nsp, unpacked_json_text(&json), json.out.bins,
                                      json.out.nbins, k->id[0] ? on_server_event_answered : NULL,
                                      &to);
  sio__unpacked_json_clear(&json);
  return err;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool parse_requester(struct requester *k, const struct request_fields *f) {
  k->uid[0] = k->id[0] = '\0';
  if (f->uid.n && !sio__unpack_string_copy(f->uid, k->uid, sizeof k->uid)) return false;
  return !f->id.n || sio__unpack_string_copy(f->id, k->id, sizeof k->id);
}

static int dispatch_request(struct requester *k, enum message_type type,
                            const struct request_fields *f) {
  switch (type) {
    case MESSAGE_SOCKETS: return handle_socket_ids_request(k, f->rooms);
    case MESSAGE_ALL_ROOMS: handle_all_rooms_request(k); return 0;
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
    case MESSAGE_DISCONNECT:
      return f->opts.n ? handle_join_leave_or_disconnect(k->adapter, type, f)
                       : handle_request_for_one_socket(k, type, f);
    case MESSAGE_FETCH: return handle_fetch_sockets_request(k, f->opts);
    case MESSAGE_SERVER_EMIT: return handle_server_event(k, f->data);
    default: return handle_broadcast_with_acks(k, f->packet, f->opts);
  }
}

static bool needs_request_id(enum message_type type) {
  return type == MESSAGE_SOCKETS || type == MESSAGE_ALL_ROOMS || type == MESSAGE_FETCH ||
         type == MESSAGE_ASK;
}

static int validate_and_dispatch_request(sio_adapter *a, const struct request_fields *f) {
  struct requester k = { .adapter = a };
  uint64_t type;
  if (!sio__unpack_number(f->type, MESSAGE_ASK, &type) || !parse_requester(&k, f))
    return SIO_EPROTO;
  if (needs_request_id((enum message_type)type) && !k.id[0]) return SIO_EPROTO;
  if (strcmp(k.uid, a->uid) == 0) return 0;
  return dispatch_request(&k, (enum message_type)type, f);
}

void sio__on_request_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct request_fields f;
  struct unpacked u;
  const struct unpack_field fields[] = { { "uid", &f.uid },     { "requestId", &f.id },
                                         { "type", &f.type },   { "opts", &f.opts },
                                         { "rooms", &f.rooms }, { "close", &f.close },
                                         { "data", &f.data },   { "packet", &f.packet },
                                         { "sid", &f.sid },     { "room", &f.room } };
  if (a->shut) return;
  int err = sio__unpack_message(&u, adapter_message_pool(a), payload);
  if (!err && !sio__unpack_map_fields(u.value, fields, 10)) err = SIO_EPROTO;
  if (!err) err = validate_and_dispatch_request(a, &f);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_malformed_message(a->redis, channel, describe_message_error(err));
}

/* ---- responses ------------------------------------------------------------------------------- */

struct response_fields {
  uint64_t type;
  sio_slice sockets, data, packet, count;
};

/* Adds a socket of another server to the query. Its auth is a member of its handshake. */
static int add_remote_socket_to_query(struct pending_request *q, sio_remote *r, sio_slice handshake,
                                      sio_slice data) {
  struct unpacked_json h, d, auth;
  struct msgs *home = adapter_message_pool(q->adapter);
  sio_slice value;
  const struct unpack_field field = { "auth", &value };
  (void)sio__unpack_map_fields(handshake, &field, 1);
  int err = sio__unpack_value_as_json(&h, home, handshake);
  int err2 = sio__unpack_value_as_json(&d, home, data);
  int err3 = sio__unpack_value_as_json(&auth, home, value);
  if (!err) err = err2 ? err2 : err3;
  if (!err) {
    r->handshake = unpacked_json_text(&h);
    r->data = unpacked_json_text(&d);
    r->auth = value.n ? unpacked_json_text(&auth) : slice(NULL, 0);
    q->adapter->api->query_remote(q->query, r);
  }
  sio__unpacked_json_clear(&h);
  sio__unpacked_json_clear(&d);
  sio__unpacked_json_clear(&auth);
  return err;
}

static int parse_remote_socket(struct pending_request *q, sio_slice socket) {
  sio_slice id, handshake, rooms, data;
  struct unpacked_names names;
  char name[256];
  const struct unpack_field fields[] = {
    { "id", &id }, { "handshake", &handshake }, { "rooms", &rooms }, { "data", &data }
  };
  if (!sio__unpack_map_fields(socket, fields, 4) || !sio__unpack_string_copy(id, name, sizeof name))
    return SIO_EPROTO;
  int err = sio__unpack_room_names(&names, rooms);
  sio_remote r = { .id = name, .rooms = names.list };
  if (!err) err = add_remote_socket_to_query(q, &r, handshake, data);
  sio__unpacked_room_names_clear(&names);
  return err;
}

static int handle_fetch_response(struct pending_request *q, sio_slice sockets) {
  uint32_t n;
  sio_slice one;
  int err = 0;
  if (!sio__unpack_array_length(&sockets, &n)) return SIO_EPROTO;
  for (uint32_t i = 0; !err && i < n; i++)
    err = sio__msgpack_skip_value(&sockets, &one) ? parse_remote_socket(q, one) : SIO_EPROTO;
  sio__pending_request_add_response(q);
  return err;
}

static int add_reply_to_query(struct pending_request *q, sio_slice value) {
  struct unpacked_json json;
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(q->adapter), value);
  if (!err)
    q->adapter->api->query_reply(q->query, NULL, unpacked_json_text(&json), json.out.bins,
                                 json.out.nbins);
  else
    q->adapter->api->query_lost(q->query, 1);
  sio__unpacked_json_clear(&json);
  return err;
}

static int handle_client_count_response(struct pending_request *q, sio_slice count) {
  uint64_t n;
  if (!sio__unpack_number(count, ACKS_MAX, &n)) return SIO_EPROTO;
  q->adapter->api->query_expect(q->query, (size_t)n);
  sio__pending_request_add_expected_acks(q, n);
  return 0;
}

static int handle_response_to_request(struct pending_request *q, const struct response_fields *f) {
  int err;
  switch (q->type) {
    case MESSAGE_FETCH: return handle_fetch_response(q, f->sockets);
    case MESSAGE_SERVER_EMIT:
      err = add_reply_to_query(q, f->data);
      sio__pending_request_add_response(q);
      return err;
    case MESSAGE_ASK:
      if (f->type == MESSAGE_COUNT) return handle_client_count_response(q, f->count);
      if (f->type != MESSAGE_ACK) return SIO_EPROTO;
      err = add_reply_to_query(q, f->packet);
      sio__pending_request_add_ack(q);
      return err;
    default: return SIO_EPROTO;
  }
}

/* A response to a request of another adapter is ignored. */
static int find_request_and_handle_response(sio_adapter *a, sio_slice id,
                                            const struct response_fields *f) {
  char name[ID_MAX];
  if (!sio__unpack_string_copy(id, name, sizeof name)) return 0;
  struct pending_request *q = sio__pending_request_find(a->redis, name);
  /* An ack is preceded by a MESSAGE_COUNT of the same server, which counts as its response. */
  if (!q && f->type != MESSAGE_ACK) sio__count_late_response(a, name);
  return q && q->adapter == a ? handle_response_to_request(q, f) : 0;
}

/* The channel also carries responses to the requests of other servers. */
void sio__on_response_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct response_fields f = { 0 };
  struct unpacked u;
  sio_slice id, type;
  const struct unpack_field fields[] = { { "requestId", &id },        { "type", &type },
                                         { "sockets", &f.sockets },   { "data", &f.data },
                                         { "clientCount", &f.count }, { "packet", &f.packet } };
  if (a->shut || (map_empty(&a->redis->pending_requests) && !a->silent.n)) return;
  int err = sio__unpack_message(&u, adapter_message_pool(a), payload);
  if (!err && !sio__unpack_map_fields(u.value, fields, 6)) err = SIO_EPROTO;
  if (!err && type.n && !sio__unpack_number(type, MESSAGE_ACK, &f.type)) err = SIO_EPROTO;
  if (!err) err = find_request_and_handle_response(a, id, &f);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_malformed_message(a->redis, channel, describe_message_error(err));
}

/* ---- the sharded adapter --------------------------------------------------------------------- */

static int handle_sharded_response(sio_adapter *a, enum sharded_type type, sio_slice data) {
  sio_slice id;
  struct response_fields f = { .type = type == SHARDED_COUNT           ? MESSAGE_COUNT
                                       : type == SHARDED_FETCHED       ? MESSAGE_FETCH
                                       : type == SHARDED_SERVER_ANSWER ? MESSAGE_SERVER_EMIT
                                                                       : MESSAGE_ACK };
  const struct unpack_field fields[] = { { "requestId", &id },
                                         { "sockets", &f.sockets },
                                         { "clientCount", &f.count },
                                         { "packet", &f.packet } };
  if (!sio__unpack_map_fields(data, fields, 4)) return SIO_EPROTO;
  f.data = f.packet;
  return find_request_and_handle_response(a, id, &f);
}

static int handle_sharded_request(struct requester *k, enum sharded_type type, sio_slice data) {
  struct request_fields f = { 0 };
  const struct unpack_field fields[] = { { "requestId", &f.id },
                                         { "opts", &f.opts },
                                         { "rooms", &f.rooms },
                                         { "close", &f.close },
                                         { "packet", &f.packet } };
  if (!sio__unpack_map_fields(data, fields, 5)) return SIO_EPROTO;
  if (f.id.n && !sio__unpack_string_copy(f.id, k->id, sizeof k->id)) return SIO_EPROTO;
  switch (type) {
    case SHARDED_BROADCAST:
      return k->id[0] ? handle_broadcast_with_acks(k, f.packet, f.opts)
                      : handle_broadcast(k->adapter, f.packet, f.opts);
    case SHARDED_JOIN: return handle_join_leave_or_disconnect(k->adapter, MESSAGE_JOIN, &f);
    case SHARDED_LEAVE: return handle_join_leave_or_disconnect(k->adapter, MESSAGE_LEAVE, &f);
    case SHARDED_DISCONNECT:
      return handle_join_leave_or_disconnect(k->adapter, MESSAGE_DISCONNECT, &f);
    case SHARDED_FETCH: return k->id[0] ? handle_fetch_sockets_request(k, f.opts) : SIO_EPROTO;
    default: return handle_server_event(k, f.packet);
  }
}

static bool is_sharded_response(enum sharded_type type) {
  return type == SHARDED_FETCHED || type == SHARDED_SERVER_ANSWER || type == SHARDED_COUNT ||
         type == SHARDED_ACK;
}

/* Other types are ignored: other adapters of Socket.IO use the same messages, and have more types,
 * such as heartbeats. */
static int handle_sharded_message(sio_adapter *a, sio_slice envelope) {
  struct requester k = { .adapter = a };
  sio_slice type, data, uid, nsp, name = SLICE("");
  uint64_t number;
  const struct unpack_field fields[] = {
    { "type", &type }, { "data", &data }, { "uid", &uid }, { "nsp", &nsp }
  };
  if (!sio__unpack_map_fields(envelope, fields, 4) || !sio__unpack_number(type, 255, &number) ||
      !sio__unpack_string_copy(uid, k.uid, sizeof k.uid))
    return SIO_EPROTO;
  bool ours = strcmp(k.uid, a->uid) == 0 || (nsp.n && !sio__unpack_string(nsp, &name));
  if (ours || (nsp.n && !slice_eq(name, a->nsp_name))) return 0;
  if (number < SHARDED_BROADCAST || number > SHARDED_ACK) return 0;
  return is_sharded_response((enum sharded_type)number)
             ? handle_sharded_response(a, (enum sharded_type)number, data)
             : handle_sharded_request(&k, (enum sharded_type)number, data);
}

void sio__on_sharded_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct unpacked u;
  if (a->shut) return;
  int err = sio__unpack_message(&u, adapter_message_pool(a), payload);
  if (!err) err = handle_sharded_message(a, u.value);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_malformed_message(a->redis, channel, describe_message_error(err));
}

/* ---- the streams adapter --------------------------------------------------------------------- */

int sio__received_event_parse(struct received_event *ev, sio_adapter *a, sio_slice message) {
  sio_slice packet, opts;
  bool ours;
  const struct unpack_field fields[] = { { "packet", &packet }, { "opts", &opts } };
  *ev = (struct received_event){ 0 };
  int err = sio__unpack_message(&ev->message, adapter_message_pool(a), message);
  if (!err && !sio__unpack_map_fields(ev->message.value, fields, 2)) err = SIO_EPROTO;
  if (!err) err = parse_event_packet(a, packet, &ev->data, &ours);
  if (!err) err = parse_target(&ev->target, opts);
  if (!err) ev->everybody = is_for_all_sockets(opts);
  return err;
}

void sio__received_event_clear(struct received_event *ev) {
  received_target_clear(&ev->target);
  sio__unpacked_clear(&ev->message);
}

int sio__received_event_deliver(sio_adapter *a, const struct received_event *ev, const char *key,
                                sio_slice offset) {
  sio_target to = make_local_target(a, &ev->target, ev->everybody);
  to.key = key;
  if (to.flags & SIO_VOLATILE) offset = slice(NULL, 0);
  return deliver_event_to_local_sockets(a, ev->data, &to, NULL, offset);
}

int sio__received_event_add_to_restore(sio_adapter *a, const struct received_event *ev,
                                       sio_restore *r, sio_slice offset) {
  struct unpacked_json json;
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(a), ev->data);
  if (!err)
    err =
        a->api->restore_event(r, unpacked_json_text(&json), json.out.bins, json.out.nbins, offset);
  sio__unpacked_json_clear(&json);
  return err;
}

int sio__handle_stream_request(sio_adapter *a, unsigned type, sio_slice message) {
  struct requester k = { .adapter = a };
  struct unpacked u;
  int err = sio__unpack_message(&u, adapter_message_pool(a), message);
  if (!err) err = handle_sharded_request(&k, (enum sharded_type)type, u.value);
  sio__unpacked_clear(&u);
  return err;
}

int sio__received_session_parse(struct received_session *s, sio_adapter *a, sio_slice message) {
  sio_slice id, pid, rooms, data;
  const struct unpack_field fields[] = {
    { "sid", &id }, { "pid", &pid }, { "rooms", &rooms }, { "data", &data }
  };
  *s = (struct received_session){ 0 };
  int err = sio__unpack_message(&s->message, adapter_message_pool(a), message);
  if (!err && (!sio__unpack_map_fields(s->message.value, fields, 4) ||
               !sio__unpack_string_copy(id, s->id, sizeof s->id) ||
               !sio__unpack_string_copy(pid, s->pid, sizeof s->pid)))
    err = SIO_EPROTO;
  if (!err) err = sio__unpack_room_names(&s->rooms, rooms);
  if (!err) err = sio__unpack_value_as_json(&s->data, adapter_message_pool(a), data);
  return err;
}

void sio__received_session_clear(struct received_session *s) {
  sio__unpacked_room_names_clear(&s->rooms);
  sio__unpacked_json_clear(&s->data);
  sio__unpacked_clear(&s->message);
}
