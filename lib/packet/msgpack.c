/* SPDX-License-Identifier: MIT
 *
 * msgpack.c - a parser that encodes a packet as a MessagePack map with the keys type, data, id and
 * nsp; data and id can be missing. It is compatible with version 3 of the npm package
 * socket.io-msgpack-parser.
 */
#include "packet/msgpack.h"

#include "base/err.h"

#define MAX_ID 9007199254740991.0

/* ---- out ------------------------------------------------------------------------------------- */

static int put_msgpack_field_name(sio_parser_out *out, const char *key) {
  return sio__msgpack_put_string(out, slice_str(key));
}

static int put_ack_id_field_as_msgpack(const sio_parts *p, sio_parser_out *out) {
  int err = put_msgpack_field_name(out, "id");
  return err ? err : sio__msgpack_put_int(out, p->id);
}

static int put_packet_type_field_as_msgpack(const sio_parts *p, sio_parser_out *out) {
  int err = put_msgpack_field_name(out, "type");
  return err ? err : sio__msgpack_put_int(out, p->type);
}

static int put_payload_as_msgpack_data_field(const sio_parts *p, sio_parser_out *out) {
  int err = put_msgpack_field_name(out, "data");
  return err ? err : sio__msgpack_from_json(p->json, p->bins, p->nbins, out);
}

/* Writes the fields in the same order as the npm package socket.io-msgpack-parser: in an ACK the id
 * is the first field, in other packets the id comes after the data. */
static int msgpack_encode_packet(const sio_parts *p, sio_parser_out *out) {
  bool id = p->id >= 0, id_first = p->type == SIO_PACKET_ACK, data = p->json.n > 0;
  char head = (char)(0x80 | (2 + id + data));
  int err = sio_parser_put(out, &head, 1);
  if (!err && id && id_first) err = put_ack_id_field_as_msgpack(p, out);
  if (!err) err = put_packet_type_field_as_msgpack(p, out);
  if (!err && data) err = put_payload_as_msgpack_data_field(p, out);
  if (!err && id && !id_first) err = put_ack_id_field_as_msgpack(p, out);
  if (!err) err = put_msgpack_field_name(out, "nsp");
  return err ? err : sio__msgpack_put_string(out, p->nsp);
}

/* ---- in -------------------------------------------------------------------------------------- */

/* The values of the map's fields, as bytes that are not decoded yet. A slice is empty if the field
 * is missing or undefined. */
struct fields {
  sio_slice type, nsp, data, id;
};

static int msgpack_set_decode_error(const char **why, const char *text) {
  *why = text;
  return SIO_EPROTO;
}

static sio_slice *field_of_msgpack_packet_key(struct fields *f, const struct msgpack *key) {
  if (key->kind != MSGPACK_STR) return NULL;
  if (slice_equals_str(key->bytes, "type")) return &f->type;
  if (slice_equals_str(key->bytes, "nsp")) return &f->nsp;
  if (slice_equals_str(key->bytes, "data")) return &f->data;
  return slice_equals_str(key->bytes, "id") ? &f->id : NULL;
}

/* Reads one key of the map and its value. If a key occurs twice, the last one counts. */
static bool read_msgpack_packet_field(sio_slice *in, struct fields *f) {
  struct msgpack key;
  sio_slice value, name;
  if (!sio__msgpack_skip_value(in, &name) || !sio__msgpack_skip_value(in, &value)) return false;
  (void)sio__msgpack_read_token(&name, &key);
  sio_slice *field = field_of_msgpack_packet_key(f, &key);
  if (!field) return true;
  *field = sio__msgpack_starts_with_undefined(value) ? slice(NULL, 0) : value;
  return true;
}

static int read_msgpack_packet_fields(sio_slice in, struct fields *f, const char **why) {
  struct msgpack map;
  if (!sio__msgpack_read_token(&in, &map)) return msgpack_set_decode_error(why, "not MessagePack");
  if (map.kind != MSGPACK_MAP) return msgpack_set_decode_error(why, "invalid packet type");
  for (uint32_t i = 0; i < map.count; i++)
    if (!read_msgpack_packet_field(&in, f)) return msgpack_set_decode_error(why, "not MessagePack");
  return in.n ? msgpack_set_decode_error(why, "bytes follow the packet in the message") : 0;
}

/* Reads an integer from 0 to 2^53 - 1. A float without a fraction is accepted, because 5 and 5.0
 * are the same in JavaScript. */
static bool read_msgpack_nonnegative_integer(sio_slice value, int64_t *out) {
  struct msgpack t;
  if (!sio__msgpack_read_token(&value, &t)) return false;
  double d = t.kind == MSGPACK_UINT ? (double)t.u.u : t.kind == MSGPACK_NUM ? t.u.d : -1;
  if (!(d >= 0 && d <= MAX_ID) || d != (double)(int64_t)d) return false;
  *out = (int64_t)d;
  return true;
}

static bool read_msgpack_string(sio_slice value, sio_slice *out) {
  struct msgpack t;
  if (!sio__msgpack_read_token(&value, &t) || t.kind != MSGPACK_STR) return false;
  *out = t.bytes;
  return true;
}

static bool is_msgpack_payload_valid_for_type(int type, sio_slice data) {
  struct msgpack t = { 0 };
  bool there = sio__msgpack_read_token(&data, &t);
  switch (type) {
    case SIO_PACKET_CONNECT: return !there || t.kind == MSGPACK_MAP;
    case SIO_PACKET_DISCONNECT: return !there;
    case SIO_PACKET_CONNECT_ERROR: return there && (t.kind == MSGPACK_STR || t.kind == MSGPACK_MAP);
    default: return there && t.kind == MSGPACK_ARRAY;
  }
}

static int msgpack_decode_packet(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                                 const char **why) {
  struct fields f = { 0 };
  int64_t type;
  (void)binary;
  int err = read_msgpack_packet_fields(message, &f, why);
  if (err) return err;
  if (!read_msgpack_nonnegative_integer(f.type, &type) || type > SIO_PACKET_CONNECT_ERROR)
    return msgpack_set_decode_error(why, "invalid packet type");
  p->type = (int)type;
  if (!read_msgpack_string(f.nsp, &p->nsp))
    return msgpack_set_decode_error(why, "invalid namespace");
  if (!is_msgpack_payload_valid_for_type(p->type, f.data))
    return msgpack_set_decode_error(why, "invalid payload");
  if (f.id.n && !read_msgpack_nonnegative_integer(f.id, &p->id))
    return msgpack_set_decode_error(why, "invalid packet id");
  return f.data.n ? sio__msgpack_to_json(f.data, out) : 0;
}

const sio_parser_ops sio__parser_msgpack = {
  .size = sizeof sio__parser_msgpack,
  .name = "msgpack",
  .binary = true,
  .encode = msgpack_encode_packet,
  .decode = msgpack_decode_packet,
};

const sio_parser_ops *const sio_parser_msgpack = &sio__parser_msgpack;
