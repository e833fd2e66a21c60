/* SPDX-License-Identifier: MIT
 *
 * unpack.c - reads messages. Each length is checked against the number of bytes in the message
 * before memory is allocated.
 */
#include "redis/unpack.h"

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "packet/msgpack.h"

enum {
  BINS_MAX = 65536,            /* attachments of one value */
  JSON_MAX = 256 * 1024 * 1024 /* bytes of the JSON text of one value */
};

/* ---- messages -------------------------------------------------------------------------------- */

static int check_json_and_convert_to_msgpack(struct unpacked *u, struct msgs *home,
                                             sio_slice json) {
  struct json_scan scan = { 0 };
  if (!sio__utf8_is_valid(json.p, json.n)) return SIO_EPROTO;
  int err = sio__json_scan_text(&scan, json, JSON_DEPTH_MAX, NULL);
  sio__json_scan_clear(&scan);
  if (err) return err == SIO_EJSON ? SIO_EPROTO : err;
  u->own = (struct sio_parser_out){ .home = home, .max = UINT32_MAX };
  if (!(u->own.text = sio__msg_new(home, json.n))) return UV_ENOMEM;
  err = sio__msgpack_from_json(json, NULL, 0, &u->own);
  u->value = slice(msg_data(u->own.text), u->own.text->len);
  return err;
}

int sio__check_message_and_convert_if_json(struct unpacked *u, struct msgs *home,
                                           sio_slice message) {
  *u = (struct unpacked){ .value = message };
  bool is_json = message.n > 0 && *message.p == '{';
  int err = is_json ? check_json_and_convert_to_msgpack(u, home, message) : 0;
  sio_slice rest = u->value, whole;
  if (!err && (!sio__msgpack_skip_value(&rest, &whole) || rest.n)) err = SIO_EPROTO;
  return err;
}

void sio__unpacked_clear(struct unpacked *u) { sio__parser_out_clear(&u->own); }

/* ---- fields ---------------------------------------------------------------------------------- */

static void store_value_if_field_requested(const struct unpack_field *fields, size_t n,
                                           sio_slice key, sio_slice value) {
  for (size_t i = 0; i < n; i++)
    if (slice_equals_str(key, fields[i].key)) *fields[i].value = value;
}

bool sio__unpack_map_fields(sio_slice map, const struct unpack_field *fields, size_t n) {
  struct msgpack t;
  sio_slice key, value, text;
  for (size_t i = 0; i < n; i++) *fields[i].value = slice(NULL, 0);
  if (!sio__msgpack_read_token(&map, &t) || t.kind != MSGPACK_MAP) return false;
  for (uint32_t i = 0; i < t.count; i++) {
    if (!sio__msgpack_skip_value(&map, &key) || !sio__msgpack_skip_value(&map, &value))
      return false;
    if (sio__unpack_string(key, &text)) store_value_if_field_requested(fields, n, text, value);
  }
  return true;
}

bool sio__unpack_array_length_and_advance(sio_slice *in, uint32_t *n) {
  struct msgpack t;
  if (!sio__msgpack_read_token(in, &t) || t.kind != MSGPACK_ARRAY) return false;
  *n = t.count;
  return true;
}

bool sio__unpack_array_elements(sio_slice array, sio_slice *elements, size_t n) {
  uint32_t count;
  if (!sio__unpack_array_length_and_advance(&array, &count) || count != n) return false;
  for (size_t i = 0; i < n; i++)
    if (!sio__msgpack_skip_value(&array, &elements[i])) return false;
  return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

bool sio__unpack_string(sio_slice value, sio_slice *out) {
  struct msgpack t;
  if (!sio__msgpack_read_token(&value, &t) || t.kind != MSGPACK_STR) return false;
  *out = t.bytes;
  return true;
}

bool sio__unpack_string_copy(sio_slice value, char *out, size_t size) {
  sio_slice s;
  if (!sio__unpack_string(value, &s) || s.n >= size || memchr(s.p, '\0', s.n)) return false;
  memcpy(out, s.p, s.n);
  out[s.n] = '\0';
  return true;
}

/* Accepts an integer from 0 to `most`. Also accepts a floating point number of at most 2^53 that is
 * equal to such an integer, because JavaScript does not distinguish 5 from 5.0. */
bool sio__unpack_number(sio_slice value, uint64_t most, uint64_t *out) {
  struct msgpack t;
  if (!sio__msgpack_read_token(&value, &t)) return false;
  if (t.kind == MSGPACK_NUM && t.u.d >= 0 && t.u.d <= 9007199254740992.0) {
    double d = t.u.d;
    t.u.u = (uint64_t)d;
    if ((double)t.u.u == d) t.kind = MSGPACK_UINT;
  }
  if (t.kind != MSGPACK_UINT || t.u.u > most) return false;
  *out = t.u.u;
  return true;
}

static bool is_msgpack_bool_equal_to(sio_slice value, bool b) {
  struct msgpack t;
  return sio__msgpack_read_token(&value, &t) && t.kind == MSGPACK_BOOL && t.u.b == b;
}

bool sio__unpack_is_true(sio_slice value) { return is_msgpack_bool_equal_to(value, true); }
bool sio__unpack_is_false(sio_slice value) { return is_msgpack_bool_equal_to(value, false); }

/* ---- names ----------------------------------------------------------------------------------- */

/* Returns the size of the room name as text, with its NUL. Returns 0 if sio__unpack_room_name()
 * must not accept *t as a name. */
static size_t room_name_text_size_or_zero(const struct msgpack *t) {
  char digits[NUM_MAX];
  if (t->kind == MSGPACK_UINT) return sio__u64_to_text(digits, t->u.u) + 1;
  if (t->kind == MSGPACK_INT) return sio__i64_to_text(digits, t->u.i) + 1;
  if (t->kind != MSGPACK_STR || t->bytes.n >= UNPACK_ROOM_MAX) return 0;
  return memchr(t->bytes.p, '\0', t->bytes.n) ? 0 : t->bytes.n + 1;
}

static char *copy_unpacked_room_name(char *to, const struct msgpack *t, size_t size) {
  if (t->kind == MSGPACK_UINT)
    sio__u64_to_text(to, t->u.u);
  else if (t->kind == MSGPACK_INT)
    sio__i64_to_text(to, t->u.i);
  else if (size > 1)
    memcpy(to, t->bytes.p, t->bytes.n);
  to[size - 1] = '\0';
  return to + size;
}

bool sio__unpack_room_name(sio_slice value, char out[UNPACK_ROOM_MAX]) {
  struct msgpack t;
  size_t size = sio__msgpack_read_token(&value, &t) ? room_name_text_size_or_zero(&t) : 0;
  if (size) copy_unpacked_room_name(out, &t, size);
  return size > 0;
}

/* Reads the next element of *in to *t. Returns the size of the room name as text, with its NUL.
 * Returns 0 if the element is malformed, or is not accepted as a name. */
static size_t read_next_room_name(sio_slice *in, struct msgpack *t) {
  sio_slice value;
  if (!sio__msgpack_skip_value(in, &value) || !sio__msgpack_read_token(&value, t)) return 0;
  return room_name_text_size_or_zero(t);
}

int sio__unpack_room_names(struct unpacked_names *names, sio_slice array) {
  struct msgpack t;
  uint32_t count = 0;
  size_t bytes = 0, n = 0, size;
  *names = (struct unpacked_names){ NULL, 0 };
  if (array.n && !sio__unpack_array_length_and_advance(&array, &count)) return SIO_EPROTO;
  names->given = count;
  sio_slice in = array;
  for (uint32_t i = 0; i < count; i++) bytes += read_next_room_name(&in, &t);
  names->list = sio__malloc(size_add(size_mul((size_t)count + 1, sizeof(char *)), bytes));
  if (!names->list) return UV_ENOMEM;
  char *text = (char *)(names->list + count + 1);
  for (uint32_t i = 0; i < count; i++) {
    if (!(size = read_next_room_name(&array, &t))) continue;
    names->list[n++] = text;
    text = copy_unpacked_room_name(text, &t, size);
  }
  names->list[n] = NULL;
  return 0;
}

void sio__unpacked_room_names_clear(struct unpacked_names *names) {
  sio__free((void *)(uintptr_t)names->list);
  names->list = NULL;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

int sio__unpack_value_as_json(struct unpacked_json *j, struct msgs *home, sio_slice value) {
  j->out = (struct sio_parser_out){ .home = home, .max = JSON_MAX, .max_bins = BINS_MAX };
  if (!(j->out.text = sio__msg_new(home, value.n))) return UV_ENOMEM;
  return value.n ? sio__msgpack_to_json(value, &j->out) : sio_parser_put(&j->out, "null", 4);
}

void sio__unpacked_json_clear(struct unpacked_json *j) { sio__parser_out_clear(&j->out); }
