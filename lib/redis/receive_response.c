/* SPDX-License-Identifier: MIT
 *
 * receive_response.c - responses of other Socket.IO servers to the requests of this one.
 */
#include "redis/receive_response.h"

#include "base/err.h"
#include "packet/msgpack.h"
#include "redis/pending_request.h"
#include <uv.h>

enum { ACKS_MAX = 1 << 30 };

/* Adds a socket of another server to the answers of q->query. The auth data of the socket are the
 * member "auth" of `handshake`. */
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

static int parse_remote_socket_and_add_to_query(struct pending_request *q, sio_slice socket) {
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
  if (!sio__unpack_array_length_and_advance(&sockets, &n)) return SIO_EPROTO;
  for (uint32_t i = 0; !err && i < n; i++)
    err = sio__msgpack_skip_value(&sockets, &one) ? parse_remote_socket_and_add_to_query(q, one)
                                                  : SIO_EPROTO;
  sio__pending_request_on_response_maybe_end(q);
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

static int handle_broadcast_receiver_count_response(struct pending_request *q, sio_slice count) {
  uint64_t n;
  if (!sio__unpack_number(count, ACKS_MAX, &n)) return SIO_EPROTO;
  q->adapter->api->query_expect(q->query, (size_t)n);
  sio__pending_request_on_client_count_response(q, n);
  return 0;
}

static int handle_response_to_request(struct pending_request *q, const struct response_fields *f) {
  int err;
  switch (q->type) {
    case MESSAGE_FETCH: return handle_fetch_response(q, f->sockets);
    case MESSAGE_SERVER_EMIT:
      err = add_reply_to_query(q, f->data);
      sio__pending_request_on_response_maybe_end(q);
      return err;
    case MESSAGE_BROADCAST_WITH_ACKS:
      if (f->type == MESSAGE_COUNT) return handle_broadcast_receiver_count_response(q, f->count);
      if (f->type != MESSAGE_ACK) return SIO_EPROTO;
      err = add_reply_to_query(q, f->packet);
      sio__pending_request_on_ack_maybe_end(q);
      return err;
    default: return SIO_EPROTO;
  }
}

int sio__handle_response(sio_adapter *a, sio_slice id, const struct response_fields *f) {
  char name[ID_MAX];
  if (!sio__unpack_string_copy(id, name, sizeof name)) return 0;
  struct pending_request *q = sio__pending_request_find(a->redis, name);
  /* An ack does not count as a late response: a server also sends a MESSAGE_COUNT, which counts. */
  if (!q && f->type != MESSAGE_ACK) sio__uncount_silent_server_if_late_response(a, name);
  return q && q->adapter == a ? handle_response_to_request(q, f) : 0;
}

/* A callback for subscription.on_message. Responses to requests of other servers, which the channel
 * may also carry, are ignored. */
void sio__on_response_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  struct response_fields f = { 0 };
  struct unpacked u;
  sio_slice id, type;
  const struct unpack_field fields[] = { { "requestId", &id },        { "type", &type },
                                         { "sockets", &f.sockets },   { "data", &f.data },
                                         { "clientCount", &f.count }, { "packet", &f.packet } };
  if (a->shut) return;
  if (map_is_empty(&a->redis->pending_requests) && !a->silent.n) return;
  int err = sio__check_message_and_convert_if_json(&u, adapter_message_pool(a), payload);
  if (!err && !sio__unpack_map_fields(u.value, fields, 6)) err = SIO_EPROTO;
  if (!err && type.n && !sio__unpack_number(type, MESSAGE_ACK, &f.type)) err = SIO_EPROTO;
  if (!err) err = sio__handle_response(a, id, &f);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_and_log_ignored_message(a->redis, channel, err);
}
