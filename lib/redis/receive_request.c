/* SPDX-License-Identifier: MIT
 *
 * receive_request.c - requests of other Socket.IO servers, and the responses to them.
 */
#include "redis/receive_request.h"

#include "base/err.h"
#include "base/mem.h"
#include "redis/receive_event.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

/* ---- responses ------------------------------------------------------------------------------- */

static const char *choose_channel_suffix_to_answer_requester(const struct requester *k) {
  bool alone = k->adapter->answer_asker_alone || k->adapter->sharded;
  return alone && k->uid[0] ? k->uid : NULL;
}

/* Writes the beginning of a response. end_and_publish_response() writes the end. */
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
    (void)sio__publish_as_msgpack_and_clear(a, a->format->responses,
                                            choose_channel_suffix_to_answer_requester(k), m, bins,
                                            nbins);
  else
    (void)sio__publish_and_clear_message(a, a->format->responses,
                                         choose_channel_suffix_to_answer_requester(k), m);
}

static struct requester *requester_copy(const struct requester *from) {
  struct requester *k = sio__malloc(sizeof *k);
  if (k) *k = *from;
  return k;
}

/* err: the error of a call that begins a query. Returns UV_EBUSY if max_acks queries are pending:
 * the request is then valid, but is not executed. */
static int busy_if_max_acks_queries_pending(int err) { return err == SIO_ETOOBIG ? UV_EBUSY : err; }

/* ---- acks ------------------------------------------------------------------------------------ */

static void publish_local_ack_as_response(const char *id, sio_slice json, const sio_slice *bins,
                                          size_t nbins, void *user) {
  const struct requester *k = user;
  struct message m;
  (void)id;
  begin_response_message(&m, k, MESSAGE_ACK);
  sio__message_write_raw_json(&m, SLICE(",\"packet\":"));
  sio__message_write_raw_json(&m, json);
  end_and_publish_response(&m, k, bins, nbins, k->adapter->format->packs);
}

static void free_requester_after_acks(int status, size_t lost, void *user) {
  (void)status, (void)lost;
  sio__free(user);
}

static void publish_client_count_response(size_t n, void *user) {
  const struct requester *k = user;
  struct message m;
  begin_response_message(&m, k, MESSAGE_COUNT);
  sio__message_write_raw_json(&m, SLICE(",\"clientCount\":"));
  sio__message_write_number(&m, n);
  end_and_publish_response(&m, k, NULL, 0, false);
}

static int emit_with_acks_to_local_sockets(struct requester *k, sio_slice data,
                                           const struct received_target *t) {
  static const sio_query_watch watch = { .size = sizeof watch,
                                         .reply = publish_local_ack_as_response,
                                         .end = free_requester_after_acks };
  sio_adapter *a = k->adapter;
  const sio_target to = sio__make_target_in_process(a, t);
  sio_query *q;
  struct requester *kept = requester_copy(k);
  if (!kept) return UV_ENOMEM;
  int err = a->api->query_new(a->nsp, (unsigned)t->timeout_ms, &watch, kept, &q);
  if (err) {
    sio__free(kept);
    return busy_if_max_acks_queries_pending(err);
  }
  err = sio__deliver_event_to_local_sockets(a, data, &to, q, slice(NULL, 0), 0);
  a->api->query_when_counted(q, publish_client_count_response);
  a->api->query_release(q, err);
  return err;
}

int sio__handle_broadcast_with_acks(struct requester *k, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct received_target t = { 0 };
  bool ours = false;
  int err = sio__parse_event_packet(k->adapter, packet, &data, &ours);
  if (!err && ours) err = sio__received_target_parse(&t, opts);
  if (!err && ours) err = emit_with_acks_to_local_sockets(k, data, &t);
  sio__received_target_clear(&t);
  return err;
}

/* ---- sockets and rooms ----------------------------------------------------------------------- */

static void write_string_as_json_list_item(struct message *m, bool first, const char *name) {
  if (!first) sio__message_write_raw_json(m, SLICE(","));
  sio__message_write_json_string(m, slice_str(name));
}

static void write_fetched_socket_as_json(struct message *m, sio_remote *r) {
  sio_slice handshake = sio_remote_handshake(r);
  sio__message_write_raw_json(m, SLICE("{\"id\":"));
  sio__message_write_json_string(m, slice_str(r->id));
  sio__message_write_raw_json(m, SLICE(",\"handshake\":"));
  sio__message_write_raw_json(m, handshake.n ? handshake : SLICE("{}"));
  sio__message_write_raw_json(m, SLICE(",\"rooms\":["));
  for (const char *const *room = r->rooms; *room; room++)
    write_string_as_json_list_item(m, room == r->rooms, *room);
  sio__message_write_raw_json(m, SLICE("],\"data\":"));
  sio__message_write_raw_json(m, r->data.n ? r->data : SLICE("{}"));
  sio__message_write_raw_json(m, SLICE("}"));
}

static void publish_fetched_local_sockets(int status, sio_remote *list, size_t n, void *user) {
  struct requester *k = user;
  struct message m;
  if (status != SIO_ECLOSED) {
    begin_response_message(&m, k, MESSAGE_FETCH);
    sio__message_write_raw_json(&m, SLICE(",\"sockets\":["));
    for (size_t i = 0; i < n; i++) {
      if (i) sio__message_write_raw_json(&m, SLICE(","));
      write_fetched_socket_as_json(&m, &list[i]);
    }
    sio__message_write_raw_json(&m, SLICE("]"));
    end_and_publish_response(&m, k, NULL, 0, false);
  }
  sio__free(k);
}

int sio__handle_fetch_sockets_request(struct requester *k, sio_slice opts) {
  struct received_target t;
  int err = sio__received_target_parse(&t, opts);
  struct requester *kept = err ? NULL : requester_copy(k);
  if (!err && !kept) err = UV_ENOMEM;
  if (!err) {
    err = sio_all_fetch(sio__make_target_in_process(k->adapter, &t), 0,
                        publish_fetched_local_sockets, kept);
    err = busy_if_max_acks_queries_pending(err);
    if (err) sio__free(kept);
  }
  sio__received_target_clear(&t);
  return err;
}

struct room_list {
  struct message *m;
  bool some;
};

static void write_room_as_json_list_item(const char *room, size_t members, void *user) {
  struct room_list *l = user;
  (void)members;
  write_string_as_json_list_item(l->m, !l->some, room);
  l->some = true;
}

static void publish_all_local_rooms(const struct requester *k) {
  struct message m;
  struct room_list l = { .m = &m };
  begin_response_message(&m, k, MESSAGE_FETCH);
  sio__message_write_raw_json(&m, SLICE(",\"rooms\":["));
  memory_adapter_ops(k->adapter)->all_rooms(k->adapter->local, write_room_as_json_list_item, &l);
  sio__message_write_raw_json(&m, SLICE("]"));
  end_and_publish_response(&m, k, NULL, 0, false);
}

static void write_socket_id_as_json_list_item(sio_socket *s, void *user) {
  write_room_as_json_list_item(sio_socket_id(s), 1, user);
}

static int publish_ids_of_matching_sockets(const struct requester *k, sio_slice rooms) {
  struct message m;
  struct room_list l = { .m = &m };
  struct received_target t = { 0 };
  int err = sio__received_target_parse_rooms(&t, rooms);
  if (err) return err;
  const sio_target to = sio__make_target_in_process(k->adapter, &t);
  begin_response_message(&m, k, MESSAGE_FETCH);
  sio__message_write_raw_json(&m, SLICE(",\"sockets\":["));
  err = memory_adapter_ops(k->adapter)
            ->each(k->adapter->local, &to, write_socket_id_as_json_list_item, &l);
  sio__message_write_raw_json(&m, SLICE("]"));
  end_and_publish_response(&m, k, NULL, 0, false);
  sio__received_target_clear(&t);
  return err;
}

/* ---- joins, leaves and disconnects ----------------------------------------------------------- */

int sio__handle_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                         const struct request_fields *f) {
  struct received_target t;
  struct unpacked_names rooms = { 0 };
  if (!f->opts.n) return SIO_EPROTO;
  int err = sio__received_target_parse(&t, f->opts);
  if (!err) err = sio__unpack_room_names(&rooms, f->rooms);
  if (!err) {
    const sio_target to = sio__make_target_in_process(a, &t);
    switch (type) {
      case MESSAGE_JOIN: err = sio_all_join(to, rooms.list); break;
      case MESSAGE_LEAVE: err = sio_all_leave(to, rooms.list); break;
      default: err = sio_all_disconnect(to, sio__unpack_is_true(f->close));
    }
  }
  sio__unpacked_room_names_clear(&rooms);
  sio__received_target_clear(&t);
  return err;
}

static void publish_empty_response(const struct requester *k) {
  struct message m;
  begin_response_message(&m, k, MESSAGE_FETCH);
  end_and_publish_response(&m, k, NULL, 0, false);
}

/* Handles a request that names one socket, as old versions of the Node.js adapter send it. If this
 * server has the socket, the request has an id, and there was no error, publishes an empty
 * response. */
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

static void publish_answer_to_server_event(sio_adapter *a, const sio_return *to, sio_slice json,
                                           const sio_slice *bins, size_t nbins) {
  struct requester k = { .adapter = a };
  struct message m;
  memcpy(k.id, to->bytes, sizeof k.id);
  /* k.uid is the uid of the server that has sent the event. If k.uid is set, the response is
   * published to that server alone; otherwise to all servers. */
  if (a->sharded) memcpy(k.uid, to->bytes + sizeof k.id, sizeof k.uid);
  if (a->shut) return;
  begin_response_message(&m, &k, MESSAGE_SERVER_EMIT);
  sio__message_write_raw_json(&m, slice_str(a->format->answer_key));
  sio__message_write_raw_json(&m, json);
  end_and_publish_response(&m, &k, bins, nbins, false);
}

int sio__pass_server_event_to_host(const struct requester *k, sio_slice data) {
  struct unpacked_json json;
  sio_return to = { { 0 } };
  sio_adapter *a = k->adapter;
  memcpy(to.bytes, k->id, sizeof k->id);
  memcpy(to.bytes + sizeof k->id, k->uid, sizeof k->uid);
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(a), data);
  if (!err)
    err = a->api->server_side_receive(a->nsp, unpacked_json_text(&json), json.out.bins,
                                      json.out.nbins,
                                      k->id[0] ? publish_answer_to_server_event : NULL, &to);
  sio__unpacked_json_clear(&json);
  return err;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool parse_requester(struct requester *k, const struct request_fields *f) {
  k->uid[0] = k->id[0] = '\0';
  if (f->uid.n && !sio__unpack_string_copy(f->uid, k->uid, sizeof k->uid)) return false;
  return !f->id.n || sio__unpack_string_copy(f->id, k->id, sizeof k->id);
}

static int dispatch_request_of_other_server(struct requester *k, enum message_type type,
                                            const struct request_fields *f) {
  switch (type) {
    case MESSAGE_SOCKETS: return publish_ids_of_matching_sockets(k, f->rooms);
    case MESSAGE_ALL_ROOMS: publish_all_local_rooms(k); return 0;
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
    case MESSAGE_DISCONNECT:
      return f->opts.n ? sio__handle_join_leave_or_disconnect(k->adapter, type, f)
                       : handle_request_for_one_socket(k, type, f);
    case MESSAGE_FETCH: return sio__handle_fetch_sockets_request(k, f->opts);
    case MESSAGE_SERVER_EMIT: return sio__pass_server_event_to_host(k, f->data);
    default: return sio__handle_broadcast_with_acks(k, f->packet, f->opts);
  }
}

static bool needs_request_id(enum message_type type) {
  return type == MESSAGE_SOCKETS || type == MESSAGE_ALL_ROOMS || type == MESSAGE_FETCH ||
         type == MESSAGE_BROADCAST_WITH_ACKS;
}

static int validate_and_dispatch_request(sio_adapter *a, const struct request_fields *f) {
  struct requester k = { .adapter = a };
  uint64_t type;
  if (!sio__unpack_number(f->type, MESSAGE_BROADCAST_WITH_ACKS, &type) || !parse_requester(&k, f))
    return SIO_EPROTO;
  if (needs_request_id((enum message_type)type) && !k.id[0]) return SIO_EPROTO;
  if (strcmp(k.uid, a->uid) == 0) return 0;
  return dispatch_request_of_other_server(&k, (enum message_type)type, f);
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
  int err = sio__check_message_and_convert_if_json(&u, adapter_message_pool(a), payload);
  if (!err && !sio__unpack_map_fields(u.value, fields, 10)) err = SIO_EPROTO;
  if (!err) err = validate_and_dispatch_request(a, &f);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_and_log_ignored_message(a->redis, channel, err);
}
