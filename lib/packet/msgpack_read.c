/* SPDX-License-Identifier: MIT
 *
 * msgpack_read.c - reads MessagePack tokens, and converts MessagePack values to JSON text.
 */
#include "base/err.h"
#include "base/num.h"
#include "base/utc.h"
#include "packet/msgpack.h"

static const double last_date = 8.64e15; /* the largest time of a JavaScript Date, in ms */

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool take_msgpack_bytes(sio_slice *in, uint64_t n, sio_slice *out) {
  if (n > in->n) return false;
  *out = slice(in->p, (size_t)n);
  in->p += (size_t)n;
  in->n -= (size_t)n;
  return true;
}

static uint64_t big_endian_bytes_to_uint(sio_slice s) {
  uint64_t v = 0;
  for (size_t i = 0; i < s.n; i++) v = v << 8 | (unsigned char)s.p[i];
  return v;
}

static bool take_big_endian_uint_from_input(sio_slice *in, size_t n, uint64_t *v) {
  sio_slice bytes;
  if (!take_msgpack_bytes(in, n, &bytes)) return false;
  *v = big_endian_bytes_to_uint(bytes);
  return true;
}

/* Converts the low n bytes of v, a two's complement integer, to an int64_t. */
static int64_t sign_extend(uint64_t v, size_t n) {
  unsigned shift = (unsigned)(64 - 8 * n);
  return (int64_t)(v << shift) >> shift;
}

static bool set_msgpack_token_to_integer(struct msgpack *t, int64_t v) {
  t->kind = v < 0 ? MSGPACK_INT : MSGPACK_UINT;
  if (v < 0)
    t->u.i = v;
  else
    t->u.u = (uint64_t)v;
  return true;
}

static bool read_msgpack_bytes_token(sio_slice *in, struct msgpack *t, enum msgpack_kind kind,
                                     uint64_t n) {
  t->kind = kind;
  return take_msgpack_bytes(in, n, &t->bytes);
}

static bool read_msgpack_extension_token(sio_slice *in, struct msgpack *t, uint64_t n) {
  sio_slice type;
  if (!take_msgpack_bytes(in, 1, &type)) return false;
  t->ext = (int8_t)type.p[0];
  return read_msgpack_bytes_token(in, t, MSGPACK_EXT, n);
}

static bool read_msgpack_container_token(const sio_slice *in, struct msgpack *t,
                                         enum msgpack_kind kind, uint64_t n) {
  t->kind = kind;
  t->count = (uint32_t)n;
  return n <= (kind == MSGPACK_MAP ? in->n / 2 : in->n);
}

static bool read_msgpack_float_token(sio_slice *in, struct msgpack *t, size_t size) {
  uint64_t bits;
  float f;
  if (!take_big_endian_uint_from_input(in, size, &bits)) return false;
  t->kind = MSGPACK_NUM;
  uint32_t low = (uint32_t)bits;
  if (size == sizeof f) {
    memcpy(&f, &low, sizeof f);
    t->u.d = (double)f;
  } else {
    memcpy(&t->u.d, &bits, sizeof bits);
  }
  return true;
}

/* Reads the rest of a token whose first byte c is from 0xc0 to 0xdf. After some of these bytes
 * comes an integer n, which is a length, a number of members, or the value itself. */
static bool read_msgpack_token_c0_to_df(sio_slice *in, struct msgpack *t, unsigned char c) {
  static const uint8_t sizes[32] = { 0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 1, 2, 4, 8,
                                     1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4 };
  uint64_t n;
  size_t size = sizes[c & 31];
  if (!take_big_endian_uint_from_input(in, size, &n)) return false;
  switch (c) {
    case 0xc0: t->kind = MSGPACK_NIL; return true;
    case 0xc1: return false;
    case 0xc2:
    case 0xc3:
      t->kind = MSGPACK_BOOL;
      t->u.b = c == 0xc3;
      return true;
    case 0xc4:
    case 0xc5:
    case 0xc6: return read_msgpack_bytes_token(in, t, MSGPACK_BIN, n);
    case 0xc7:
    case 0xc8:
    case 0xc9: return read_msgpack_extension_token(in, t, n);
    case 0xca: return read_msgpack_float_token(in, t, 4);
    case 0xcb: return read_msgpack_float_token(in, t, 8);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      t->kind = MSGPACK_UINT;
      t->u.u = n;
      return true;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return set_msgpack_token_to_integer(t, sign_extend(n, size));
    case 0xd9:
    case 0xda:
    case 0xdb: return read_msgpack_bytes_token(in, t, MSGPACK_STR, n);
    case 0xdc:
    case 0xdd: return read_msgpack_container_token(in, t, MSGPACK_ARRAY, n);
    case 0xde:
    case 0xdf: return read_msgpack_container_token(in, t, MSGPACK_MAP, n);
    default: t->fixed = true; return read_msgpack_extension_token(in, t, (uint64_t)1 << (c - 0xd4));
  }
}

bool sio__msgpack_read_token(sio_slice *in, struct msgpack *t) {
  sio_slice first;
  if (!take_msgpack_bytes(in, 1, &first)) return false;
  unsigned char c = (unsigned char)first.p[0];
  *t = (struct msgpack){ 0 };
  if (c < 0x80 || c >= 0xe0) return set_msgpack_token_to_integer(t, (signed char)c);
  if (c < 0x90) return read_msgpack_container_token(in, t, MSGPACK_MAP, c & 15);
  if (c < 0xa0) return read_msgpack_container_token(in, t, MSGPACK_ARRAY, c & 15);
  if (c < 0xc0) return read_msgpack_bytes_token(in, t, MSGPACK_STR, c & 31);
  return read_msgpack_token_c0_to_df(in, t, c);
}

/* `pending` is the number of values that still have to be read. Each takes at least one byte, so
 * the value is incomplete if more values are pending than bytes are left. */
bool sio__msgpack_skip_value(sio_slice *in, sio_slice *value) {
  struct msgpack t;
  const char *from = in->p;
  for (uint64_t pending = 1; pending; pending--) {
    if (pending > in->n || !sio__msgpack_read_token(in, &t)) return false;
    pending += t.kind == MSGPACK_MAP ? (uint64_t)t.count * 2 : t.count;
  }
  *value = slice(from, (size_t)(in->p - from));
  return true;
}

bool sio__msgpack_starts_with_undefined(sio_slice value) {
  return value.n >= 3 && memcmp(value.p, "\xd4\0", 2) == 0;
}

/* ---- the JSON text --------------------------------------------------------------------------- */

/* An array or map that is being read. */
struct frame {
  uint32_t left; /* how many elements of the array, or keys of the map, have not been read yet */
  bool map, key; /* key: the next token is a key of the map, not a value */
  bool first;    /* no member has been written yet */
};

struct reader {
  sio_slice in;
  sio_parser_out *out;
  char text[256]; /* the end of the JSON text, which is not in *out yet */
  size_t ntext;
  unsigned depth;
  struct frame frames[JSON_DEPTH_MAX];
};

static int flush_json_text(struct reader *r) {
  size_t n = r->ntext;
  r->ntext = 0;
  return sio_parser_put(r->out, r->text, n);
}

/* Adds to r->text, because a call of sio_parser_put() for each token would take as long as the rest
 * of the conversion. n is at most the size of r->text. */
static inline int put_json_bytes(struct reader *r, const char *p, size_t n) {
  int err = n > sizeof r->text - r->ntext ? flush_json_text(r) : 0;
  memcpy(r->text + r->ntext, p, n);
  r->ntext += n;
  return err;
}

static inline int put_json_text(struct reader *r, const char *s) {
  return put_json_bytes(r, s, strlen(s));
}

static int put_json_string(struct reader *r, sio_slice s) {
  int err = flush_json_text(r);
  return err ? err : sio_parser_put_string(r->out, s);
}

static int put_attachment(struct reader *r, sio_slice s) {
  int err = flush_json_text(r);
  return err ? err : sio_parser_put_bin(r->out, s);
}

/* ---- dates ----------------------------------------------------------------------------------- */

static char *put_padded_number(char *o, unsigned v, int digits) {
  for (int i = digits - 1; i >= 0; i--, v /= 10) o[i] = (char)('0' + v % 10);
  return o + digits;
}

/* Writes a year with four digits or, if it is not in the range 0 to 9999, with a sign and six
 * digits, as JavaScript does. */
static char *put_iso_year(char *o, int year) {
  if (year >= 0 && year <= 9999) return put_padded_number(o, (unsigned)year, 4);
  *o++ = year < 0 ? '-' : '+';
  return put_padded_number(o, (unsigned)(year < 0 ? -year : year), 6);
}

static char *put_char_and_padded_number(char *o, char before, int v, int digits) {
  *o++ = before;
  return put_padded_number(o, (unsigned)v, digits);
}

/* Writes a date as JavaScript's Date.toJSON() does, which is null outside of JavaScript's range. ms
 * is the time in milliseconds since 1970. */
static int put_date_as_iso_json_string_or_null(struct reader *r, double ms) {
  char text[64], *o = text;
  if (!(ms >= -last_date && ms <= last_date)) return put_json_text(r, "null");
  int64_t t = (int64_t)ms, seconds = divide_rounding_down(t, 1000);
  struct tm tm;
  utc_to_tm(seconds, &tm);
  *o++ = '"';
  o = put_iso_year(o, tm.tm_year + 1900);
  o = put_char_and_padded_number(o, '-', tm.tm_mon + 1, 2);
  o = put_char_and_padded_number(o, '-', tm.tm_mday, 2);
  o = put_char_and_padded_number(o, 'T', tm.tm_hour, 2);
  o = put_char_and_padded_number(o, ':', tm.tm_min, 2);
  o = put_char_and_padded_number(o, ':', tm.tm_sec, 2);
  o = put_char_and_padded_number(o, '.', (int)(t - seconds * 1000), 3);
  *o++ = 'Z';
  *o++ = '"';
  return put_json_bytes(r, text, (size_t)(o - text));
}

/* Reads the content of a timestamp extension of MessagePack (type -1): seconds, or nanoseconds and
 * seconds since 1970. Sets *ms to milliseconds since 1970. Returns false if the length is wrong. */
static bool read_msgpack_timestamp_extension(sio_slice s, double *ms) {
  uint64_t v = big_endian_bytes_to_uint(slice(s.p, s.n < 8 ? s.n : 8));
  switch (s.n) {
    case 4: *ms = (double)v * 1000; return true;
    case 8: *ms = (double)(v & 0x3ffffffff) * 1000 + (double)((v >> 34) / 1000000); return true;
    case 12:
      *ms = (double)(int64_t)big_endian_bytes_to_uint(slice(s.p + 4, 8)) * 1000 +
            (double)(big_endian_bytes_to_uint(slice(s.p, 4)) / 1000000);
      return true;
    default: return false;
  }
}

/* ---- values ---------------------------------------------------------------------------------- */

static int put_msgpack_number_as_json(struct reader *r, const struct msgpack *t) {
  char text[NUM_MAX];
  size_t n = t->kind == MSGPACK_UINT  ? sio__u64_to_text(text, t->u.u)
             : t->kind == MSGPACK_INT ? sio__i64_to_text(text, t->u.i)
                                      : sio__double_to_json_text(text, t->u.d);
  return put_json_bytes(r, text, n);
}

static int put_unknown_msgpack_extension_as_json(struct reader *r, const struct msgpack *t) {
  char text[NUM_MAX];
  int err = put_json_text(r, "[");
  if (!err) err = put_json_bytes(r, text, sio__i64_to_text(text, t->ext));
  if (!err) err = put_json_text(r, ",");
  if (!err) err = put_attachment(r, t->bytes);
  return err ? err : put_json_text(r, "]");
}

static int put_msgpack_extension_as_json(struct reader *r, const struct msgpack *t) {
  double ms;
  if (t->ext == 0 && !t->fixed) return put_attachment(r, t->bytes);
  if (t->ext == 0 && t->bytes.n == 1) return put_json_text(r, "null");
  if (t->ext == 0 && t->bytes.n == 8)
    return put_date_as_iso_json_string_or_null(r,
                                               (double)(int64_t)big_endian_bytes_to_uint(t->bytes));
  if (t->ext == -1 && read_msgpack_timestamp_extension(t->bytes, &ms))
    return put_date_as_iso_json_string_or_null(r, ms);
  return put_unknown_msgpack_extension_as_json(r, t);
}

static int open_json_container_for_msgpack(struct reader *r, const struct msgpack *t) {
  bool map = t->kind == MSGPACK_MAP;
  if (r->depth == JSON_DEPTH_MAX) return SIO_EDEPTH;
  r->frames[r->depth++] = (struct frame){ .left = t->count, .map = map, .key = map, .first = true };
  return put_json_text(r, map ? "{" : "[");
}

static int put_msgpack_token_as_json(struct reader *r, const struct msgpack *t) {
  switch (t->kind) {
    case MSGPACK_NIL: return put_json_text(r, "null");
    case MSGPACK_BOOL: return put_json_text(r, t->u.b ? "true" : "false");
    case MSGPACK_STR: return put_json_string(r, t->bytes);
    case MSGPACK_BIN: return put_attachment(r, t->bytes);
    case MSGPACK_EXT: return put_msgpack_extension_as_json(r, t);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP: return open_json_container_for_msgpack(r, t);
    default: return put_msgpack_number_as_json(r, t);
  }
}

static int put_comma_unless_first(struct reader *r, struct frame *f) {
  bool first = f->first;
  f->first = false;
  return first ? 0 : put_json_text(r, ",");
}

static bool is_msgpack_integer(const struct msgpack *t) {
  return t->kind == MSGPACK_UINT || t->kind == MSGPACK_INT;
}

static int put_msgpack_key_as_json(struct reader *r, struct frame *f, const struct msgpack *t) {
  bool integer = is_msgpack_integer(t);
  int err = put_comma_unless_first(r, f);
  if (!err && integer) err = put_json_text(r, "\"");
  if (!err) err = put_msgpack_token_as_json(r, t);
  if (!err && integer) err = put_json_text(r, "\"");
  return err ? err : put_json_text(r, ":");
}

static int convert_msgpack_map_key_or_skip_undefined(struct reader *r, struct frame *f) {
  struct msgpack t;
  if (!sio__msgpack_read_token(&r->in, &t)) return SIO_EPROTO;
  if (t.kind != MSGPACK_STR && !is_msgpack_integer(&t)) return SIO_EPROTO;
  f->left--;
  if (sio__msgpack_starts_with_undefined(r->in)) {
    r->in = slice(r->in.p + 3, r->in.n - 3);
    return 0;
  }
  f->key = false;
  return put_msgpack_key_as_json(r, f, &t);
}

static int convert_msgpack_value_or_head_to_json(struct reader *r, struct frame *f) {
  struct msgpack t;
  int err = 0;
  if (!sio__msgpack_read_token(&r->in, &t)) return SIO_EPROTO;
  if (f && f->map) {
    f->key = true;
  } else if (f) {
    f->left--;
    err = put_comma_unless_first(r, f);
  }
  return err ? err : put_msgpack_token_as_json(r, &t);
}

static int convert_next_msgpack_token_to_json(struct reader *r) {
  struct frame *f = &r->frames[r->depth - 1];
  if (f->map && !f->key) return convert_msgpack_value_or_head_to_json(r, f);
  if (f->left)
    return f->map ? convert_msgpack_map_key_or_skip_undefined(r, f)
                  : convert_msgpack_value_or_head_to_json(r, f);
  r->depth--;
  return put_json_text(r, f->map ? "}" : "]");
}

int sio__msgpack_to_json(sio_slice value, sio_parser_out *out) {
  struct reader r;
  r.in = value;
  r.out = out;
  r.depth = 0;
  r.ntext = 0;
  int err = convert_msgpack_value_or_head_to_json(&r, NULL);
  while (!err && r.depth) err = convert_next_msgpack_token_to_json(&r);
  return err ? err : flush_json_text(&r);
}
