/* SPDX-License-Identifier: MIT
 *
 * receive_sharded.c - the messages of the sharded adapter, and those of the streams adapter that
 * are like them.
 */
#include "redis/receive_sharded.h"

#include "base/err.h"
#include "redis/receive_event.h"
#include "redis/receive_request.h"
#include "redis/receive_response.h"
#include "redis/sharded.h"

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
  return sio__handle_response(a, id, &f);
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
      return k->id[0] ? sio__handle_broadcast_with_acks(k, f.packet, f.opts)
                      : sio__deliver_received_broadcast(k->adapter, f.packet, f.opts);
    case SHARDED_JOIN: return sio__handle_join_leave_or_disconnect(k->adapter, MESSAGE_JOIN, &f);
    case SHARDED_LEAVE: return sio__handle_join_leave_or_disconnect(k->adapter, MESSAGE_LEAVE, &f);
    case SHARDED_DISCONNECT:
      return sio__handle_join_leave_or_disconnect(k->adapter, MESSAGE_DISCONNECT, &f);
    case SHARDED_FETCH: return k->id[0] ? sio__handle_fetch_sockets_request(k, f.opts) : SIO_EPROTO;
    default: return sio__pass_server_event_to_host(k, f.packet);
  }
}

static bool is_sharded_response(enum sharded_type type) {
  return type == SHARDED_FETCHED || type == SHARDED_SERVER_ANSWER || type == SHARDED_COUNT ||
         type == SHARDED_ACK;
}

/* Messages of unknown types are ignored: other adapters of Socket.IO use the same messages, and
 * have more types, such as heartbeats. */
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
  int err = sio__check_message_and_convert_if_json(&u, adapter_message_pool(a), payload);
  if (!err) err = handle_sharded_message(a, u.value);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_and_log_ignored_message(a->redis, channel, err);
}

int sio__handle_stream_request(sio_adapter *a, unsigned type, sio_slice message) {
  struct requester k = { .adapter = a };
  struct unpacked u;
  int err = sio__check_message_and_convert_if_json(&u, adapter_message_pool(a), message);
  if (!err) err = handle_sharded_request(&k, (enum sharded_type)type, u.value);
  sio__unpacked_clear(&u);
  return err;
}
