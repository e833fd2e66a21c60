/* SPDX-License-Identifier: MIT
 *
 * receive_event.c - events that other Socket.IO servers broadcast.
 */
#include "redis/receive_event.h"

#include "base/err.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

/* Returns true if a packet is for the namespace of the adapter. A packet without a namespace is for
 * "/". */
static bool is_packet_for_namespace(const sio_adapter *a, sio_slice nsp) {
  sio_slice name = SLICE("/");
  return (!nsp.n || sio__unpack_string(nsp, &name)) && slice_eq(name, a->nsp_name);
}

/* The function `broadcast` of the streams adapter may queue a packet behind other entries. To
 * deliver the packet now, `broadcast` of the memory adapter is called instead. If the server has
 * several threads, packet_broadcast_own() sends the packet to all of them, and calls `broadcast` of
 * the streams adapter for this thread: a->delivers_now makes it call the memory adapter at once. */
int sio__deliver_packet_to_local_sockets(sio_adapter *a, const sio_packet *p, const sio_target *to,
                                         uint64_t origin) {
  if (!a->streams) return a->api->packet_broadcast(p, to);
  if (!a->api->has_threads(a->nsp)) return memory_adapter_ops(a)->broadcast(a->local, to, p);
  bool outer = a->delivers_now;
  a->delivers_now = true;
  int err = a->api->packet_broadcast_own(p, to, origin);
  a->delivers_now = outer;
  return err;
}

int sio__deliver_event_to_local_sockets(sio_adapter *a, sio_slice data, const sio_target *to,
                                        sio_query *q, sio_slice offset, uint64_t origin) {
  struct unpacked_json json;
  sio_packet *p = NULL;
  int err = sio__unpack_value_as_json(&json, adapter_message_pool(a), data);
  if (!err)
    err = a->api->packet_new(to, unpacked_json_text(&json), json.out.bins, json.out.nbins, q,
                             offset, &p);
  if (!err) err = sio__deliver_packet_to_local_sockets(a, p, to, origin);
  a->api->packet_free(p);
  sio__unpacked_json_clear(&json); /* comes after packet_free(), because the packet uses json */
  return err;
}

int sio__parse_event_packet(const sio_adapter *a, sio_slice packet, sio_slice *data, bool *ours) {
  sio_slice type, nsp;
  uint64_t number;
  const struct unpack_field fields[] = { { "type", &type }, { "data", data }, { "nsp", &nsp } };
  if (!sio__unpack_map_fields(packet, fields, 3)) return SIO_EPROTO;
  if (!sio__unpack_number(type, 2, &number) || number != 2 || !data->n) return SIO_EPROTO;
  /* With the sharded and streams adapters, the caller has checked the namespace. */
  *ours = a->sharded || is_packet_for_namespace(a, nsp);
  return 0;
}

int sio__deliver_received_broadcast(sio_adapter *a, sio_slice packet, sio_slice opts) {
  sio_slice data;
  struct received_target t = { 0 };
  bool ours = false;
  int err = sio__parse_event_packet(a, packet, &data, &ours);
  if (!err && ours) err = sio__received_target_parse(&t, opts);
  if (!err && ours) {
    const sio_target to = sio__make_target_in_process(a, &t);
    err = sio__deliver_event_to_local_sockets(a, data, &to, NULL, slice(NULL, 0), 0);
  }
  sio__received_target_clear(&t);
  return err;
}

/* Returns true if a message on this channel may be for sockets of this server. Returns false only
 * if the channel is for one room that no socket of this server is in, or the name of the channel is
 * not valid. If the server has several threads, their sockets may be in any room, because this
 * thread does not know the rooms of the sockets of other threads. */
static bool may_have_members_in_room_of_channel(const sio_adapter *a, sio_slice channel) {
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

void sio__on_broadcast_message(struct subscription *s, sio_slice channel, sio_slice payload) {
  sio_adapter *a = s->adapter;
  sio_slice v[3], uid;
  struct unpacked u;
  if (a->shut) return;
  if (!may_have_members_in_room_of_channel(a, channel)) return;
  int err = sio__check_message_and_convert_if_json(&u, adapter_message_pool(a), payload);
  if (!err && (!sio__unpack_array_elements(u.value, v, 3) || !sio__unpack_string(v[0], &uid)))
    err = SIO_EPROTO;
  if (!err && !slice_equals_str(uid, a->uid)) err = sio__deliver_received_broadcast(a, v[1], v[2]);
  sio__unpacked_clear(&u);
  if (err) sio__redis_count_and_log_ignored_message(a->redis, channel, err);
}

/* ---- the streams adapter --------------------------------------------------------------------- */

int sio__received_event_parse(struct received_event *ev, sio_adapter *a, sio_slice message) {
  sio_slice packet, opts;
  bool ours;
  const struct unpack_field fields[] = { { "packet", &packet }, { "opts", &opts } };
  *ev = (struct received_event){ 0 };
  int err = sio__check_message_and_convert_if_json(&ev->message, adapter_message_pool(a), message);
  if (!err && !sio__unpack_map_fields(ev->message.value, fields, 2)) err = SIO_EPROTO;
  if (!err) err = sio__parse_event_packet(a, packet, &ev->data, &ours);
  if (!err) err = sio__received_target_parse(&ev->target, opts);
  return err;
}

void sio__received_event_clear(struct received_event *ev) {
  sio__received_target_clear(&ev->target);
  sio__unpacked_clear(&ev->message);
}

int sio__received_event_deliver(sio_adapter *a, const struct received_event *ev, const char *key,
                                sio_slice offset, uint64_t origin) {
  sio_target to = sio__make_target_in_process(a, &ev->target);
  to.key = key;
  if (to.flags & SIO_VOLATILE) offset = slice(NULL, 0);
  return sio__deliver_event_to_local_sockets(a, ev->data, &to, NULL, offset, origin);
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
