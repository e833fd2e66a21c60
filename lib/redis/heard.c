/* SPDX-License-Identifier: MIT
 *
 * heard.c - messages of other servers. What is malformed is counted and ignored; what is this
 * server's own comes back too, and is recognised by its uid or by its question.
 */
#include "redis/heard.h"

#include "base/err.h"
#include "base/mem.h"
#include "packet/msgpack.h"
#include "redis/sharded.h"
#include "redis/unpack.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

enum { ACKS_MAX = 1 << 30 };

static struct msgs *heard_msgs(const sio_adapter *a) { return &a->redis->msgs; }

/* ---- targets --------------------------------------------------------------------------------- */

static int heard_read_flags(struct heard_target *t, sio_slice flags) {
  sio_slice is_volatile, compress, timeout;
  const struct unpack_field fields[] = { { "volatile", &is_volatile },
                                         { "compress", &compress },
                                         { "timeout", &timeout } };
  if (!flags.n) return 0;
  if (!sio__unpack_fields(flags, fields, 3)) return SIO_EPROTO;
  if (sio__unpack_is_true(is_volatile)) t->flags |= SIO_VOLATILE;
  if (sio__unpack_is_false(compress)) t->flags |= SIO_NO_COMPRESS;
  (void)sio__unpack_number(timeout, INT32_MAX, &t->timeout_ms);
  return 0;
}

/* opts missing: everybody. Clear it in any case. */
static int heard_read_target(struct heard_target *t, sio_slice opts) {
  sio_slice rooms, except, flags;
  const struct unpack_field fields[] = { { "rooms", &rooms },
                                         { "except", &except },
                                         { "flags", &flags } };
  *t = (struct heard_target){ 0 };
  if (!sio__unpack_fields(opts, fields, 3) && opts.n) return SIO_EPROTO;
  int err = heard_read_flags(t, flags);
  if (!err) err = sio__unpack_names(&t->rooms, rooms);
  if (!err) err = sio__unpack_names(&t->except, except);
  return err;
}

static void heard_target_clear(struct heard_target *t) {
  sio__unpack_names_clear(&t->rooms);
  sio__unpack_names_clear(&t->except);
}

/* An empty list of rooms is everybody; but not if it was not empty when it came. */
static sio_target local_target(const sio_adapter *a, const struct heard_target *t, bool everybody) {
  return (sio_target){ .nsp = a->nsp,
                       .rooms = everybody ? NULL : t->rooms.list,
                       .except = t->except.list,
                       .flags = t->flags | SIO_PROCESS };
}

static bool heard_is_for_everybody(sio_slice opts) {
  sio_slice rooms;
  uint32_t n = 0;
  const struct unpack_field field = { "rooms", &rooms };
  if (!sio__unpack_fields(opts, &field, 1)) return true;
  return !rooms.n || (sio__unpack_array(&rooms, &n) && n == 0);
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

/* nsp may be missing: then it is "/". */
static bool heard_is_for_nsp(const sio_adapter *a, sio_slice nsp) {
  sio_slice name = SLICE("/");
  return (!nsp.n || sio__unpack_str(nsp, &name)) && slice_eq(name, a->nsp_name);
}

/* The adapter of this server may be part of that of several threads. If it is not, and is the
 * streams adapter, the event must not wait for its turn: its turn has come. */
int sio__heard_send(sio_adapter *a, const sio_packet *p, const sio_target *to) {
  return a->streams && !a->api->has_threads(a->nsp) ? classic_local(a)->broadcast(a->local, to, p)
                                                    : a->api->packet_broadcast(p, to);
}

/* Sends the event of a packet to the local sockets. q: NULL, or it asks for acks. */
static int heard_deliver(sio_adapter *a, sio_slice data, const sio_target *to, sio_query *q,
                         sio_slice offset) {
  struct unpacked_json json;
  sio_packet *p = NULL;
  int err = sio__unpack_json(&json, heard_msgs(a), data);
  if (!err)
    err =
        a->api->packet_new(to, unpacked_text(&json), json.out.bins, json.out.nbins, q, offset, &p);
  if (!err) err = sio__heard_send(a, p, to);
  a->api->packet_free(p);
  sio__unpack_json_clear(&json); /* the packet has borrowed its text */
  return err;
}

static int heard_read_packet(const sio_adapter *a, sio_slice packet, sio_slice *data, bool *ours) {
  sio_slice type, nsp;
  uint64_t number;
  const struct unpack_field fields[] = { { "type", &type }, { "data", data }, { "nsp", &nsp } };
  if (!sio__unpack_fields(packet, fields, 3)) return SIO_EPROTO;
  if (!sio__unpack_number(type, 2, &number) || number != 2 || !data->n) return SIO_EPROTO;
  *ours = a->sharded || heard_is_for_nsp(a, nsp); /* there the envelope has said it */
  return 0;
}

static int heard_packet(sio_adapter *a, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct heard_target t = { 0 };
  bool ours = false;
  int err = heard_read_packet(a, packet, &data, &ours);
  if (!err && ours) err = heard_read_target(&t, opts);
  if (!err && ours) {
    const sio_target to = local_target(a, &t, heard_is_for_everybody(opts));
    err = heard_deliver(a, data, &to, NULL, slice(NULL, 0));
  }
  heard_target_clear(&t);
  return err;
}

/* False: it is for a room that nobody is in here. A name that is too long is no room here. Which
 * rooms the sockets of other threads are in is not known. */
static bool channel_room_has_members(const sio_adapter *a, sio_slice channel) {
  char room[256];
  size_t prefix = a->key.n + a->nsp_name.n + 2;
  if (channel.n <= prefix) return channel.n == prefix;
  size_t n = channel.n - prefix - 1;
  if (n >= sizeof room || memchr(channel.p + prefix, '\0', n)) return false;
  memcpy(room, channel.p + prefix, n);
  room[n] = '\0';
  return n == 0 || a->api->has_threads(a->nsp) || classic_local(a)->room_size(a->local, room) > 0;
}

static const char *heard_error(int err) {
  return err == SIO_EPROTO ? "it is malformed" : sio_strerror(err);
}

void sio__heard_broadcast(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  sio_slice v[3], uid;
  struct unpacked u;
  if (a->shut || !channel_room_has_members(a, channel)) return;
  int err = sio__unpack_open(&u, heard_msgs(a), payload);
  if (!err && (!sio__unpack_elements(u.value, v, 3) || !sio__unpack_str(v[0], &uid)))
    err = SIO_EPROTO;
  if (!err && !slice_equals_str(uid, a->uid)) err = heard_packet(a, v[1], v[2]);
  sio__unpack_clear(&u);
  if (err) sio__redis_malformed(a->redis, channel, heard_error(err));
}

/* ---- answering ------------------------------------------------------------------------------- */

/* Who has asked, and by which number. */
struct asker {
  sio_adapter *adapter;
  sio_query *query; /* of a broadcast with acks */
  char uid[SERVER_UID_MAX], id[ID_MAX];
};

static const char *answer_channel(const struct asker *k) {
  bool alone = k->adapter->answer_asker_alone || k->adapter->sharded;
  return alone && k->uid[0] ? k->uid : NULL;
}

/* The end is missing: answer_send(). */
static void answer_begin(struct message *m, const struct asker *k, enum message_type type) {
  sio__message_init(m, heard_msgs(k->adapter));
  k->adapter->dialect->answer(m, k->id, type);
}

static void answer_send(struct message *m, const struct asker *k, const sio_slice *bins,
                        size_t nbins, bool pack) {
  sio_adapter *a = k->adapter;
  a->dialect->end_answer(m, a);
  if (pack || nbins)
    (void)sio__classic_publish_packed(a, a->dialect->responses, answer_channel(k), m, bins, nbins);
  else
    (void)sio__classic_publish(a, a->dialect->responses, answer_channel(k), m);
}

static struct asker *asker_new(const struct asker *from) {
  struct asker *k = sio__malloc(sizeof *k);
  if (k) *k = *from;
  return k;
}

/* ---- acks ------------------------------------------------------------------------------------ */

static void on_ack(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                   void *user) {
  const struct asker *k = user;
  struct message m;
  (void)id;
  answer_begin(&m, k, MESSAGE_ACK);
  sio__message_put(&m, SLICE(",\"packet\":"));
  sio__message_put(&m, json);
  answer_send(&m, k, bins, nbins, k->adapter->dialect->packs);
}

static void on_acks_end(int status, size_t lost, void *user) {
  (void)status, (void)lost;
  sio__free(user);
}

static void answer_count(size_t n, void *user) {
  const struct asker *k = user;
  struct message m;
  answer_begin(&m, k, MESSAGE_COUNT);
  sio__message_put(&m, SLICE(",\"clientCount\":"));
  sio__message_put_number(&m, n);
  answer_send(&m, k, NULL, 0, false);
}

static int ask_sockets(struct asker *k, sio_slice data, const struct heard_target *t,
                       bool everybody) {
  static const sio_query_watch watch = { .size = sizeof watch,
                                         .reply = on_ack,
                                         .end = on_acks_end };
  sio_adapter *a = k->adapter;
  const sio_target to = local_target(a, t, everybody);
  sio_query *q;
  struct asker *kept = asker_new(k);
  if (!kept) return UV_ENOMEM;
  int err = a->api->query_new(a->nsp, (unsigned)t->timeout_ms, &watch, kept, &q);
  if (err) {
    sio__free(kept);
    return err;
  }
  err = heard_deliver(a, data, &to, q, slice(NULL, 0));
  a->api->query_when_counted(q, answer_count);
  a->api->query_release(q, err);
  return err;
}

static int heard_ask(struct asker *k, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct heard_target t = { 0 };
  bool ours = false;
  int err = heard_read_packet(k->adapter, packet, &data, &ours);
  if (!err && ours) err = heard_read_target(&t, opts);
  if (!err && ours) err = ask_sockets(k, data, &t, heard_is_for_everybody(opts));
  heard_target_clear(&t);
  return err;
}

/* ---- who is there ---------------------------------------------------------------------------- */

static void put_list_item(struct message *m, bool first, const char *name) {
  if (!first) sio__message_put(m, SLICE(","));
  sio__message_put_string(m, slice_str(name));
}

static void put_remote(struct message *m, sio_remote *r) {
  sio_slice handshake = sio_remote_handshake(r);
  sio__message_put(m, SLICE("{\"id\":"));
  sio__message_put_string(m, slice_str(r->id));
  sio__message_put(m, SLICE(",\"handshake\":"));
  sio__message_put(m, handshake.n ? handshake : SLICE("{}"));
  sio__message_put(m, SLICE(",\"rooms\":["));
  for (const char *const *room = r->rooms; *room; room++) put_list_item(m, room == r->rooms, *room);
  sio__message_put(m, SLICE("],\"data\":"));
  sio__message_put(m, r->data.n ? r->data : SLICE("{}"));
  sio__message_put(m, SLICE("}"));
}

static void on_fetched_for_asker(int status, sio_remote *list, size_t n, void *user) {
  struct asker *k = user;
  struct message m;
  if (status != SIO_ECLOSED) {
    answer_begin(&m, k, MESSAGE_FETCH);
    sio__message_put(&m, SLICE(",\"sockets\":["));
    for (size_t i = 0; i < n; i++) {
      if (i) sio__message_put(&m, SLICE(","));
      put_remote(&m, &list[i]);
    }
    sio__message_put(&m, SLICE("]"));
    answer_send(&m, k, NULL, 0, false);
  }
  sio__free(k);
}

static int heard_fetch(struct asker *k, sio_slice opts) {
  struct heard_target t;
  int err = heard_read_target(&t, opts);
  struct asker *kept = err ? NULL : asker_new(k);
  if (!err && !kept) err = UV_ENOMEM;
  if (!err) {
    err = sio_all_fetch(local_target(k->adapter, &t, heard_is_for_everybody(opts)), 0,
                        on_fetched_for_asker, kept);
    if (err) sio__free(kept);
  }
  heard_target_clear(&t);
  return err;
}

struct room_list {
  struct message *m;
  bool some;
};

static void list_room(const char *room, size_t members, void *user) {
  struct room_list *l = user;
  (void)members;
  put_list_item(l->m, !l->some, room);
  l->some = true;
}

static void heard_all_rooms(const struct asker *k) {
  struct message m;
  struct room_list l = { .m = &m };
  answer_begin(&m, k, MESSAGE_FETCH);
  sio__message_put(&m, SLICE(",\"rooms\":["));
  classic_local(k->adapter)->all_rooms(k->adapter->local, list_room, &l);
  sio__message_put(&m, SLICE("]"));
  answer_send(&m, k, NULL, 0, false);
}

static void list_socket(sio_socket *s, void *user) { list_room(sio_socket_id(s), 1, user); }

static int heard_sockets(const struct asker *k, sio_slice rooms) {
  struct message m;
  struct room_list l = { .m = &m };
  struct heard_target t = { 0 };
  uint32_t n = 0;
  sio_slice list = rooms;
  int err = sio__unpack_names(&t.rooms, rooms);
  if (err) return err;
  bool everybody = !rooms.n || (sio__unpack_array(&list, &n) && n == 0);
  const sio_target to = local_target(k->adapter, &t, everybody);
  answer_begin(&m, k, MESSAGE_FETCH);
  sio__message_put(&m, SLICE(",\"sockets\":["));
  err = classic_local(k->adapter)->each(k->adapter->local, &to, list_socket, &l);
  sio__message_put(&m, SLICE("]"));
  answer_send(&m, k, NULL, 0, false);
  heard_target_clear(&t);
  return err;
}

/* ---- bulk ------------------------------------------------------------------------------------ */

struct heard_fields {
  sio_slice uid, id, type, opts, rooms, close, data, packet, sid, room;
};

static int heard_bulk(sio_adapter *a, enum message_type type, const struct heard_fields *f) {
  struct heard_target t;
  struct unpacked_names rooms = { NULL };
  if (!f->opts.n) return SIO_EPROTO;
  int err = heard_read_target(&t, f->opts);
  if (!err) err = sio__unpack_names(&rooms, f->rooms);
  if (!err) {
    const sio_target to = local_target(a, &t, heard_is_for_everybody(f->opts));
    switch (type) {
      case MESSAGE_JOIN: err = rooms.list ? sio_all_join(to, rooms.list) : 0; break;
      case MESSAGE_LEAVE: err = rooms.list ? sio_all_leave(to, rooms.list) : 0; break;
      default: err = sio_all_disconnect(to, sio__unpack_is_true(f->close));
    }
  }
  sio__unpack_names_clear(&rooms);
  heard_target_clear(&t);
  return err;
}

static void answer_done(const struct asker *k) {
  struct message m;
  answer_begin(&m, k, MESSAGE_FETCH);
  answer_send(&m, k, NULL, 0, false);
}

/* What version 6 of the Node.js adapter sends: it names one socket, whose server alone reacts and
 * says that it is done. */
static int heard_for_one(const struct asker *k, enum message_type type,
                         const struct heard_fields *f) {
  char id[UNPACK_ROOM_MAX], room[UNPACK_ROOM_MAX];
  int err = 0;
  if (!sio__unpack_name(f->sid, id, sizeof id)) return SIO_EPROTO;
  if (type != MESSAGE_DISCONNECT && !sio__unpack_room(f->room, room)) return SIO_EPROTO;
  sio_socket *s = sio_socket_find(k->adapter->nsp, id);
  if (!s) return 0;
  if (type == MESSAGE_JOIN)
    err = sio_join(s, room);
  else if (type == MESSAGE_LEAVE)
    err = sio_leave(s, room);
  else
    sio_disconnect(s, sio__unpack_is_true(f->close));
  if (!err && k->id[0]) answer_done(k);
  return err;
}

/* ---- events for servers ---------------------------------------------------------------------- */

static void on_server_answer(sio_adapter *a, const sio_return *to, sio_slice json,
                             const sio_slice *bins, size_t nbins) {
  struct asker k = { .adapter = a };
  struct message m;
  memcpy(k.id, to->bytes, sizeof k.id);
  if (a->sharded) memcpy(k.uid, to->bytes + sizeof k.id, sizeof k.uid); /* or all hear it */
  if (a->shut) return;
  answer_begin(&m, &k, MESSAGE_SERVER_EMIT);
  sio__message_put(&m, slice_str(a->dialect->answer_key));
  sio__message_put(&m, json);
  answer_send(&m, &k, bins, nbins, false);
}

static int heard_server_emit(const struct asker *k, sio_slice data) {
  struct unpacked_json json;
  sio_return to = { { 0 } };
  sio_adapter *a = k->adapter;
  memcpy(to.bytes, k->id, sizeof k->id);
  memcpy(to.bytes + sizeof k->id, k->uid, sizeof k->uid);
  int err = sio__unpack_json(&json, heard_msgs(a), data);
  if (!err)
    err = a->api->server_side_receive(a->nsp, unpacked_text(&json), json.out.bins, json.out.nbins,
                                      k->id[0] ? on_server_answer : NULL, &to);
  sio__unpack_json_clear(&json);
  return err;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool heard_read_asker(struct asker *k, const struct heard_fields *f) {
  k->uid[0] = k->id[0] = '\0';
  if (f->uid.n && !sio__unpack_name(f->uid, k->uid, sizeof k->uid)) return false;
  return !f->id.n || sio__unpack_name(f->id, k->id, sizeof k->id);
}

static int heard_dispatch(struct asker *k, enum message_type type, const struct heard_fields *f) {
  switch (type) {
    case MESSAGE_SOCKETS: return heard_sockets(k, f->rooms);
    case MESSAGE_ALL_ROOMS: heard_all_rooms(k); return 0;
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
    case MESSAGE_DISCONNECT:
      return f->opts.n ? heard_bulk(k->adapter, type, f) : heard_for_one(k, type, f);
    case MESSAGE_FETCH: return heard_fetch(k, f->opts);
    case MESSAGE_SERVER_EMIT: return heard_server_emit(k, f->data);
    default: return heard_ask(k, f->packet, f->opts);
  }
}

static bool message_type_needs_id(enum message_type type) {
  return type == MESSAGE_SOCKETS || type == MESSAGE_ALL_ROOMS || type == MESSAGE_FETCH ||
         type == MESSAGE_ASK;
}

static int heard_request_fields(sio_adapter *a, const struct heard_fields *f) {
  struct asker k = { .adapter = a };
  uint64_t type;
  if (!sio__unpack_number(f->type, MESSAGE_ASK, &type) || !heard_read_asker(&k, f))
    return SIO_EPROTO;
  if (message_type_needs_id((enum message_type)type) && !k.id[0]) return SIO_EPROTO;
  if (strcmp(k.uid, a->uid) == 0) return 0;
  return heard_dispatch(&k, (enum message_type)type, f);
}

void sio__heard_request(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct heard_fields f;
  struct unpacked u;
  const struct unpack_field fields[] = { { "uid", &f.uid },     { "requestId", &f.id },
                                         { "type", &f.type },   { "opts", &f.opts },
                                         { "rooms", &f.rooms }, { "close", &f.close },
                                         { "data", &f.data },   { "packet", &f.packet },
                                         { "sid", &f.sid },     { "room", &f.room } };
  if (a->shut) return;
  int err = sio__unpack_open(&u, heard_msgs(a), payload);
  if (!err && !sio__unpack_fields(u.value, fields, 10)) err = SIO_EPROTO;
  if (!err) err = heard_request_fields(a, &f);
  sio__unpack_clear(&u);
  if (err) sio__redis_malformed(a->redis, channel, heard_error(err));
}

/* ---- responses ------------------------------------------------------------------------------- */

struct heard_answer {
  uint64_t type;
  sio_slice sockets, data, packet, count;
};

/* Adds a socket of another server to the query. Its auth is a member of its handshake. */
static int heard_remote_json(struct question *q, sio_remote *r, sio_slice handshake,
                             sio_slice data) {
  struct unpacked_json h, d, auth;
  struct msgs *home = heard_msgs(q->adapter);
  sio_slice value;
  const struct unpack_field field = { "auth", &value };
  (void)sio__unpack_fields(handshake, &field, 1);
  int err = sio__unpack_json(&h, home, handshake);
  int err2 = sio__unpack_json(&d, home, data);
  int err3 = sio__unpack_json(&auth, home, value);
  if (!err) err = err2 ? err2 : err3;
  if (!err) {
    r->handshake = unpacked_text(&h);
    r->data = unpacked_text(&d);
    r->auth = value.n ? unpacked_text(&auth) : slice(NULL, 0);
    q->adapter->api->query_remote(q->query, r);
  }
  sio__unpack_json_clear(&h);
  sio__unpack_json_clear(&d);
  sio__unpack_json_clear(&auth);
  return err;
}

static int heard_remote(struct question *q, sio_slice socket) {
  sio_slice id, handshake, rooms, data;
  struct unpacked_names names;
  char name[256];
  const struct unpack_field fields[] = {
    { "id", &id }, { "handshake", &handshake }, { "rooms", &rooms }, { "data", &data }
  };
  if (!sio__unpack_fields(socket, fields, 4) || !sio__unpack_name(id, name, sizeof name))
    return SIO_EPROTO;
  int err = sio__unpack_names(&names, rooms);
  sio_remote r = { .id = name, .rooms = names.list };
  if (!err) err = heard_remote_json(q, &r, handshake, data);
  sio__unpack_names_clear(&names);
  return err;
}

static int heard_remotes(struct question *q, sio_slice sockets) {
  uint32_t n;
  sio_slice one;
  int err = 0;
  if (!sio__unpack_array(&sockets, &n)) return SIO_EPROTO;
  for (uint32_t i = 0; !err && i < n; i++)
    err = sio__msgpack_skip_value(&sockets, &one) ? heard_remote(q, one) : SIO_EPROTO;
  sio__question_answered(q);
  return err;
}

static int heard_reply(struct question *q, sio_slice value) {
  struct unpacked_json json;
  int err = sio__unpack_json(&json, heard_msgs(q->adapter), value);
  if (!err)
    q->adapter->api->query_reply(q->query, NULL, unpacked_text(&json), json.out.bins,
                                 json.out.nbins);
  else
    q->adapter->api->query_lost(q->query, 1);
  sio__unpack_json_clear(&json);
  return err;
}

static int heard_count(struct question *q, sio_slice count) {
  uint64_t n;
  if (!sio__unpack_number(count, ACKS_MAX, &n)) return SIO_EPROTO;
  q->adapter->api->query_expect(q->query, (size_t)n);
  sio__question_announced(q, n);
  return 0;
}

static int heard_answer_to(struct question *q, const struct heard_answer *f) {
  int err;
  switch (q->type) {
    case MESSAGE_FETCH: return heard_remotes(q, f->sockets);
    case MESSAGE_SERVER_EMIT:
      err = heard_reply(q, f->data);
      sio__question_answered(q);
      return err;
    case MESSAGE_ASK:
      if (f->type == MESSAGE_COUNT) return heard_count(q, f->count);
      if (f->type != MESSAGE_ACK) return SIO_EPROTO;
      err = heard_reply(q, f->packet);
      sio__question_acked(q);
      return err;
    default: return SIO_EPROTO;
  }
}

/* What is not an answer to a question of this adapter is ignored. */
static int heard_answer(sio_adapter *a, sio_slice id, const struct heard_answer *f) {
  char name[ID_MAX];
  if (!sio__unpack_name(id, name, sizeof name)) return 0;
  struct question *q = sio__question_find(a->redis, name);
  if (!q && f->type != MESSAGE_ACK) sio__question_late(a, name); /* acks follow a count */
  return q && q->adapter == a ? heard_answer_to(q, f) : 0;
}

/* Answers to the questions of others come here too. */
void sio__heard_response(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct heard_answer f = { 0 };
  struct unpacked u;
  sio_slice id, type;
  const struct unpack_field fields[] = { { "requestId", &id },        { "type", &type },
                                         { "sockets", &f.sockets },   { "data", &f.data },
                                         { "clientCount", &f.count }, { "packet", &f.packet } };
  if (a->shut || (map_empty(&a->redis->questions) && !a->silent.n)) return;
  int err = sio__unpack_open(&u, heard_msgs(a), payload);
  if (!err && !sio__unpack_fields(u.value, fields, 6)) err = SIO_EPROTO;
  if (!err && type.n && !sio__unpack_number(type, MESSAGE_ACK, &f.type)) err = SIO_EPROTO;
  if (!err) err = heard_answer(a, id, &f);
  sio__unpack_clear(&u);
  if (err) sio__redis_malformed(a->redis, channel, heard_error(err));
}

/* ---- the sharded adapter --------------------------------------------------------------------- */

static int heard_handle_sharded_answer(sio_adapter *a, enum sharded_type type, sio_slice data) {
  sio_slice id;
  struct heard_answer f = { .type = type == SHARDED_COUNT           ? MESSAGE_COUNT
                                    : type == SHARDED_FETCHED       ? MESSAGE_FETCH
                                    : type == SHARDED_SERVER_ANSWER ? MESSAGE_SERVER_EMIT
                                                                    : MESSAGE_ACK };
  const struct unpack_field fields[] = { { "requestId", &id },
                                         { "sockets", &f.sockets },
                                         { "clientCount", &f.count },
                                         { "packet", &f.packet } };
  if (!sio__unpack_fields(data, fields, 4)) return SIO_EPROTO;
  f.data = f.packet;
  return heard_answer(a, id, &f);
}

static int heard_sharded_request(struct asker *k, enum sharded_type type, sio_slice data) {
  struct heard_fields f = { 0 };
  const struct unpack_field fields[] = { { "requestId", &f.id },
                                         { "opts", &f.opts },
                                         { "rooms", &f.rooms },
                                         { "close", &f.close },
                                         { "packet", &f.packet } };
  if (!sio__unpack_fields(data, fields, 5)) return SIO_EPROTO;
  if (f.id.n && !sio__unpack_name(f.id, k->id, sizeof k->id)) return SIO_EPROTO;
  switch (type) {
    case SHARDED_BROADCAST:
      return k->id[0] ? heard_ask(k, f.packet, f.opts) : heard_packet(k->adapter, f.packet, f.opts);
    case SHARDED_JOIN: return heard_bulk(k->adapter, MESSAGE_JOIN, &f);
    case SHARDED_LEAVE: return heard_bulk(k->adapter, MESSAGE_LEAVE, &f);
    case SHARDED_DISCONNECT: return heard_bulk(k->adapter, MESSAGE_DISCONNECT, &f);
    case SHARDED_FETCH: return k->id[0] ? heard_fetch(k, f.opts) : SIO_EPROTO;
    default: return heard_server_emit(k, f.packet);
  }
}

static bool is_sharded_answer(enum sharded_type type) {
  return type == SHARDED_FETCHED || type == SHARDED_SERVER_ANSWER || type == SHARDED_COUNT ||
         type == SHARDED_ACK;
}

/* Types outside of these are of other adapters with the same messages: heartbeats, and ends. */
static int heard_envelope(sio_adapter *a, sio_slice envelope) {
  struct asker k = { .adapter = a };
  sio_slice type, data, uid, nsp, name = SLICE("");
  uint64_t number;
  const struct unpack_field fields[] = {
    { "type", &type }, { "data", &data }, { "uid", &uid }, { "nsp", &nsp }
  };
  if (!sio__unpack_fields(envelope, fields, 4) || !sio__unpack_number(type, 255, &number) ||
      !sio__unpack_name(uid, k.uid, sizeof k.uid))
    return SIO_EPROTO;
  bool ours = strcmp(k.uid, a->uid) == 0 || (nsp.n && !sio__unpack_str(nsp, &name));
  if (ours || (nsp.n && !slice_eq(name, a->nsp_name))) return 0;
  if (number < SHARDED_BROADCAST || number > SHARDED_ACK) return 0;
  return is_sharded_answer((enum sharded_type)number)
             ? heard_handle_sharded_answer(a, (enum sharded_type)number, data)
             : heard_sharded_request(&k, (enum sharded_type)number, data);
}

void sio__heard_sharded(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct unpacked u;
  if (a->shut) return;
  int err = sio__unpack_open(&u, heard_msgs(a), payload);
  if (!err) err = heard_envelope(a, u.value);
  sio__unpack_clear(&u);
  if (err) sio__redis_malformed(a->redis, channel, heard_error(err));
}

/* ---- the streams adapter --------------------------------------------------------------------- */

int sio__heard_open_event(struct heard_event *ev, sio_adapter *a, sio_slice message) {
  sio_slice packet, opts;
  bool ours;
  const struct unpack_field fields[] = { { "packet", &packet }, { "opts", &opts } };
  *ev = (struct heard_event){ 0 };
  int err = sio__unpack_open(&ev->message, heard_msgs(a), message);
  if (!err && !sio__unpack_fields(ev->message.value, fields, 2)) err = SIO_EPROTO;
  if (!err) err = heard_read_packet(a, packet, &ev->data, &ours);
  if (!err) err = heard_read_target(&ev->target, opts);
  if (!err) ev->everybody = heard_is_for_everybody(opts);
  return err;
}

void sio__heard_clear_event(struct heard_event *ev) {
  heard_target_clear(&ev->target);
  sio__unpack_clear(&ev->message);
}

int sio__heard_deliver_event(sio_adapter *a, const struct heard_event *ev, const char *key,
                             sio_slice offset) {
  sio_target to = local_target(a, &ev->target, ev->everybody);
  to.key = key;
  if (to.flags & SIO_VOLATILE) offset = slice(NULL, 0);
  return heard_deliver(a, ev->data, &to, NULL, offset);
}

int sio__heard_add_missed(sio_adapter *a, const struct heard_event *ev, sio_restore *r,
                          sio_slice offset) {
  struct unpacked_json json;
  int err = sio__unpack_json(&json, heard_msgs(a), ev->data);
  if (!err)
    err = a->api->restore_event(r, unpacked_text(&json), json.out.bins, json.out.nbins, offset);
  sio__unpack_json_clear(&json);
  return err;
}

int sio__heard_bulk(sio_adapter *a, unsigned type, sio_slice message) {
  struct asker k = { .adapter = a };
  struct unpacked u;
  int err = sio__unpack_open(&u, heard_msgs(a), message);
  if (!err) err = heard_sharded_request(&k, (enum sharded_type)type, u.value);
  sio__unpack_clear(&u);
  return err;
}

int sio__heard_open_session(struct heard_session *s, sio_adapter *a, sio_slice message) {
  sio_slice id, pid, rooms, data;
  const struct unpack_field fields[] = {
    { "sid", &id }, { "pid", &pid }, { "rooms", &rooms }, { "data", &data }
  };
  *s = (struct heard_session){ 0 };
  int err = sio__unpack_open(&s->message, heard_msgs(a), message);
  if (!err &&
      (!sio__unpack_fields(s->message.value, fields, 4) ||
       !sio__unpack_name(id, s->id, sizeof s->id) || !sio__unpack_name(pid, s->pid, sizeof s->pid)))
    err = SIO_EPROTO;
  if (!err) err = sio__unpack_names(&s->rooms, rooms);
  if (!err) err = sio__unpack_json(&s->data, heard_msgs(a), data);
  return err;
}

void sio__heard_clear_session(struct heard_session *s) {
  sio__unpack_names_clear(&s->rooms);
  sio__unpack_json_clear(&s->data);
  sio__unpack_clear(&s->message);
}
