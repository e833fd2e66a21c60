/* SPDX-License-Identifier: MIT
 *
 * msgpack_write.c - converts JSON text to MessagePack. In MessagePack the number of members stands
 * before the members of an array or map, so a first pass over the text counts them. Integers
 * of up to 64 bits, lengths and numbers of members are written in their shortest form, and other
 * numbers as 64 bit floats.
 */
#include "base/err.h"
#include "packet/json_string.h"
#include "packet/msgpack.h"
#include "packet/number.h"

enum { FEW = 32 };

/* How many members each array and object of a JSON text has, in the order of their opening
 * brackets. */
struct member_counts {
  uint32_t *n, few[FEW];
  size_t used, cap;
  unsigned depth;
  size_t open[JSON_DEPTH_MAX];
};

struct source {
  const char *p, *end;
  const sio_slice *bins;
  size_t nbins;
  sio_parser_out *out;
};

/* ---- heads ----------------------------------------------------------------------------------- */

static size_t store_msgpack_type_byte_and_integer(char *out, unsigned char c, uint64_t v,
                                                  size_t size) {
  out[0] = (char)c;
  for (size_t i = 0; i < size; i++) out[1 + i] = (char)(v >> (8 * (size - 1 - i)));
  return 1 + size;
}

static int put_msgpack_type_byte_and_integer(sio_parser_out *out, unsigned char c, uint64_t v,
                                             size_t size) {
  char bytes[9];
  return sio_parser_put(out, bytes, store_msgpack_type_byte_and_integer(bytes, c, v, size));
}

/* Writes the type byte and the length of a string to `out`, and returns how many bytes these take.
 * The length field is wrong for a string of 4 GiB or more, but sio_parser_put() refuses such a
 * string. */
static size_t store_msgpack_string_type_and_length(char out[5], size_t n) {
  if (n < 32) return store_msgpack_type_byte_and_integer(out, (unsigned char)(0xa0 | n), 0, 0);
  if (n <= UINT8_MAX) return store_msgpack_type_byte_and_integer(out, 0xd9, n, 1);
  if (n <= UINT16_MAX) return store_msgpack_type_byte_and_integer(out, 0xda, n, 2);
  return store_msgpack_type_byte_and_integer(out, 0xdb, n, 4);
}

int sio__msgpack_put_string(sio_parser_out *out, sio_slice s) {
  char head[5];
  int err = sio_parser_put(out, head, store_msgpack_string_type_and_length(head, s.n));
  return err ? err : sio_parser_put(out, s.p, s.n);
}

static int put_msgpack_binary(sio_parser_out *out, sio_slice s) {
  int err = s.n <= UINT8_MAX    ? put_msgpack_type_byte_and_integer(out, 0xc4, s.n, 1)
            : s.n <= UINT16_MAX ? put_msgpack_type_byte_and_integer(out, 0xc5, s.n, 2)
                                : put_msgpack_type_byte_and_integer(out, 0xc6, s.n, 4);
  return err ? err : sio_parser_put(out, s.p, s.n);
}

static int put_msgpack_array_or_map_head(sio_parser_out *out, bool map, uint32_t n) {
  if (n < 16)
    return put_msgpack_type_byte_and_integer(out, (unsigned char)((map ? 0x80 : 0x90) | n), 0, 0);
  if (n <= UINT16_MAX) return put_msgpack_type_byte_and_integer(out, map ? 0xde : 0xdc, n, 2);
  return put_msgpack_type_byte_and_integer(out, map ? 0xdf : 0xdd, n, 4);
}

static int put_msgpack_uint(sio_parser_out *out, uint64_t v) {
  if (v < 128) return put_msgpack_type_byte_and_integer(out, (unsigned char)v, 0, 0);
  if (v <= UINT8_MAX) return put_msgpack_type_byte_and_integer(out, 0xcc, v, 1);
  if (v <= UINT16_MAX) return put_msgpack_type_byte_and_integer(out, 0xcd, v, 2);
  return v <= UINT32_MAX ? put_msgpack_type_byte_and_integer(out, 0xce, v, 4)
                         : put_msgpack_type_byte_and_integer(out, 0xcf, v, 8);
}

int sio__msgpack_put_int(sio_parser_out *out, int64_t v) {
  uint64_t bits = (uint64_t)v;
  if (v >= 0) return put_msgpack_uint(out, bits);
  if (v >= -32) return put_msgpack_type_byte_and_integer(out, (unsigned char)bits, 0, 0);
  if (v >= INT8_MIN) return put_msgpack_type_byte_and_integer(out, 0xd0, bits, 1);
  if (v >= INT16_MIN) return put_msgpack_type_byte_and_integer(out, 0xd1, bits, 2);
  return v >= INT32_MIN ? put_msgpack_type_byte_and_integer(out, 0xd2, bits, 4)
                        : put_msgpack_type_byte_and_integer(out, 0xd3, bits, 8);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Returns the position after the string that begins at p. */
static const char *find_json_string_end(const char *p) {
  for (p++; *p != '"'; p++)
    if (*p == '\\') p++;
  return p + 1;
}

static int add_member_counter_for_container(struct member_counts *c) {
  if (c->depth == JSON_DEPTH_MAX) return SIO_EDEPTH;
  if (c->used == c->cap) {
    uint32_t *n = sio__realloc(c->n == c->few ? NULL : c->n, size_mul(c->cap, 2 * sizeof *n));
    if (!n) return UV_ENOMEM;
    if (c->n == c->few) memcpy(n, c->few, sizeof c->few);
    c->n = n;
    c->cap *= 2;
  }
  c->n[c->used] = 0;
  c->open[c->depth++] = c->used++;
  return 0;
}

static bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Counts members: handles the character `at`, which is not inside a string. `last` is the last
 * character before it that is not white space. */
static int update_member_counts_at_json_char(struct member_counts *c, char at, char last) {
  switch (at) {
    case '[':
    case '{': return add_member_counter_for_container(c);
    case ',': c->n[c->open[c->depth - 1]]++; return 0;
    case ']':
    case '}':
      c->depth--;
      if (last != '[' && last != '{') c->n[c->open[c->depth]]++;
      return 0;
    default: return 0;
  }
}

static int count_members_of_all_json_containers(struct member_counts *c, sio_slice json) {
  const char *p = json.p, *end = json.p + json.n;
  char last = '\0';
  int err = 0;
  c->n = c->few;
  c->cap = FEW;
  c->used = c->depth = 0;
  while (!err && p < end) {
    char at = *p;
    err = update_member_counts_at_json_char(c, at, last);
    if (!is_json_blank(at)) last = at;
    p = at == '"' ? find_json_string_end(p) : p + 1;
  }
  return err;
}

static void member_counts_clear(struct member_counts *c) {
  if (c->n != c->few) sio__free(c->n);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Writes the string that begins at s->p. In MessagePack a head of 1 to 5 bytes, which contains the
 * unescaped length, comes before the string. If the string has escapes, this length is not known
 * before the string has been unescaped. So the string is unescaped to a place five bytes after the
 * end of the output, and then moved to the end of its head. */
static int put_json_string_as_msgpack(struct source *s) {
  enum { ROOM = 5 };
  const char *end = find_json_string_end(s->p);
  sio_slice text = slice(s->p, (size_t)(end - s->p));
  sio_parser_out *out = s->out;
  s->p = end;
  if (!memchr(text.p, '\\', text.n))
    return sio__msgpack_put_string(out, slice(text.p + 1, text.n - 2));
  if (text.n + ROOM > out->max - out->text->len) return SIO_ETOOBIG;
  int err = sio__msg_reserve(&out->text, text.n + ROOM);
  if (err) return err;
  char *at = msg_data(out->text) + out->text->len, head[ROOM];
  size_t n = sio__json_unescape_string(at + ROOM, text),
         head_n = store_msgpack_string_type_and_length(head, n);
  memcpy(at, head, head_n);
  memmove(at + head_n, at + ROOM, n);
  out->text->len += (uint32_t)(head_n + n);
  return 0;
}

static bool is_json_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

static int put_json_number_as_msgpack(struct source *s) {
  const char *from = s->p;
  int64_t i;
  uint64_t u, bits;
  double d = 0;
  while (s->p < s->end && is_json_number_char(*s->p)) s->p++;
  sio_slice text = slice(from, (size_t)(s->p - from));
  if (sio__json_number_to_int64(text, &i)) return sio__msgpack_put_int(s->out, i);
  if (sio__slice_parse_u64(text, &u)) return put_msgpack_uint(s->out, u);
  (void)sio__json_number_to_double(text, &d); /* this cannot fail, because the text is valid JSON */
  memcpy(&bits, &d, sizeof bits);
  return put_msgpack_type_byte_and_integer(s->out, 0xcb, bits, 8);
}

static int put_json_literal_as_msgpack(struct source *s) {
  char c = *s->p;
  s->p += c == 'f' ? 5 : 4;
  return put_msgpack_type_byte_and_integer(s->out, c == 'n' ? 0xc0 : c == 't' ? 0xc3 : 0xc2, 0, 0);
}

/* If a placeholder for one of the attachments, written exactly as sio_parts.json says, begins at
 * s->p, moves s->p to the position after it, sets *num to its number and returns true. */
static bool take_attachment_placeholder_if_exact(struct source *s, uint64_t *num) {
  static const char head[] = "{\"_placeholder\":true,\"num\":";
  const size_t n = sizeof head - 1;
  if (!s->nbins || (size_t)(s->end - s->p) < n || memcmp(s->p, head, n) != 0) return false;
  const char *from = s->p + n, *p = from;
  /* The loop cannot run past the end of the text: in valid JSON a number in an object is followed
   * by another character. */
  while (*p >= '0' && *p <= '9') p++;
  if (*p != '}' || !sio__slice_parse_u64(slice(from, (size_t)(p - from)), num)) return false;
  if (*num >= s->nbins) return false;
  s->p = p + 1;
  return true;
}

static int put_container_head_or_attachment_as_msgpack(struct source *s, uint32_t n) {
  uint64_t num;
  if (take_attachment_placeholder_if_exact(s, &num))
    return put_msgpack_binary(s->out, s->bins[num]);
  return put_msgpack_array_or_map_head(s->out, *s->p++ == '{', n);
}

static int convert_json_values_to_msgpack(struct source *s, const struct member_counts *c) {
  size_t at = 0;
  int err = 0;
  while (!err && s->p < s->end) {
    switch (*s->p) {
      case '{':
      case '[': err = put_container_head_or_attachment_as_msgpack(s, c->n[at++]); break;
      case '"': err = put_json_string_as_msgpack(s); break;
      case 't':
      case 'f':
      case 'n': err = put_json_literal_as_msgpack(s); break;
      default:
        if (is_json_number_char(*s->p))
          err = put_json_number_as_msgpack(s);
        else
          s->p++;
    }
  }
  return err;
}

int sio__msgpack_from_json(sio_slice json, const sio_slice *bins, size_t nbins,
                           sio_parser_out *out) {
  struct member_counts c;
  struct source s = { json.p, json.p + json.n, bins, nbins, out };
  int err = count_members_of_all_json_containers(&c, json);
  if (!err) err = convert_json_values_to_msgpack(&s, &c);
  member_counts_clear(&c);
  return err;
}
