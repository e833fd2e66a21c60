/* SPDX-License-Identifier: MIT
 *
 * pack.c - MessagePack as far as packets of these peers need it.
 */
#include "pack.h"

#include <ctype.h>
#include <string.h>

/* ---- packing ------------------------------------------------------------------------ */

static void put_head(struct bytes *out, int short_type, unsigned short_max, int type16, size_t n) {
  if (n <= short_max)
    bytes_put(out, &(char){ (char)(short_type | (int)n) }, 1);
  else
    bytes_put(out, (char[]){ (char)type16, (char)(n >> 8), (char)n }, 3);
}

static void put_string(struct bytes *out, const char *p, size_t n) {
  put_head(out, 0xa0, 31, 0xda, n);
  bytes_put(out, p, n);
}

static void put_number(struct bytes *out, uint64_t n) {
  char all[9] = { (char)0xcf };
  for (int i = 0; i < 8; i++) all[8 - i] = (char)(n >> 8 * i);
  if (n < 128)
    bytes_put(out, all + 8, 1);
  else
    bytes_put(out, all, 9);
}

static void put_binary(struct bytes *out, const struct bytes *bin) {
  bytes_put(out, (char[]){ (char)0xc5, (char)(bin->n >> 8), (char)bin->n }, 3);
  bytes_put(out, bin->p, bin->n);
}

/* JSON of these peers: no blanks, no escapes, whole numbers. */
struct json {
  const char *p, *end;
  const struct bytes *bin;
};

static void pack_value(struct bytes *out, struct json *j);

static void pack_string(struct bytes *out, struct json *j) {
  const char *from = ++j->p;
  while (j->p < j->end && *j->p != '"') j->p++;
  put_string(out, from, (size_t)(j->p - from));
  j->p++;
}

/* The head is known when the end is. */
static void pack_list(struct bytes *out, struct json *j, bool is_map) {
  struct bytes in = { 0 };
  unsigned n = 0;
  char end = is_map ? '}' : ']';
  for (j->p++; j->p < j->end && *j->p != end; n++) {
    if (*j->p == ',' || *j->p == ':') j->p++;
    pack_value(&in, j);
  }
  j->p++;
  put_head(out, is_map ? 0x80 : 0x90, 15, is_map ? 0xde : 0xdc, is_map ? n / 2 : n);
  bytes_put(out, in.p, in.n);
  bytes_free(&in);
}

static void pack_value(struct bytes *out, struct json *j) {
  static const char hole[] = "{\"_placeholder\":true,\"num\":0}";
  size_t left = (size_t)(j->end - j->p);
  if (j->bin && left >= sizeof hole - 1 && memcmp(j->p, hole, sizeof hole - 1) == 0) {
    put_binary(out, j->bin);
    j->p += sizeof hole - 1;
  } else if (*j->p == '"') {
    pack_string(out, j);
  } else if (*j->p == '{' || *j->p == '[') {
    pack_list(out, j, *j->p == '{');
  } else {
    char *end;
    put_number(out, strtoull(j->p, &end, 10));
    j->p = end > j->p ? end : j->p + 1;
  }
}

void pack_packet(struct bytes *out, const char *text, size_t n, const struct bytes *bin) {
  const char *at = text + 1, *end = text + n, *nsp = "/";
  size_t nsp_n = 1;
  int type = *text - '0';
  if (type == 5) at = (const char *)memchr(at, '-', (size_t)(end - at)) + 1;
  if (at < end && *at == '/') {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    nsp = at;
    nsp_n = (size_t)((comma ? comma : end) - at);
    at = comma ? comma + 1 : end;
  }
  const char *id = at;
  while (at < end && isdigit((unsigned char)*at)) at++;
  bool has_id = at > id, has_data = at < end;
  bytes_put(out, &(char){ (char)(0x82 + has_id + has_data) }, 1);
  put_string(out, "type", 4);
  put_number(out, (uint64_t)(type > 4 ? type - 3 : type)); /* attachments need no type */
  put_string(out, "nsp", 3);
  put_string(out, nsp, nsp_n);
  if (has_id) put_string(out, "id", 2);
  if (has_id) put_number(out, strtoull(id, NULL, 10));
  if (has_data) put_string(out, "data", 4);
  if (has_data) pack_value(out, &(struct json){ at, end, bin });
}

/* ---- unpacking ---------------------------------------------------------------------- */

struct packed {
  const unsigned char *p, *end;
  struct bytes *bins;
  unsigned nbins;
};

static uint64_t take_number(struct packed *k, unsigned bytes) {
  uint64_t n = 0;
  for (; bytes > 0 && k->p < k->end; bytes--) n = n << 8 | *k->p++;
  return n;
}

static bool take_bytes(struct packed *k, size_t n, struct bytes *to) {
  if (n > (size_t)(k->end - k->p)) return false;
  bytes_put(to, k->p, n);
  k->p += n;
  return true;
}

static bool unpack_value(struct bytes *out, struct packed *k);

static bool unpack_text(struct bytes *out, struct packed *k, size_t n) {
  bytes_text(out, "\"");
  bool ok = take_bytes(k, n, out);
  bytes_text(out, "\"");
  return ok;
}

static bool unpack_binary(struct bytes *out, struct packed *k, size_t n) {
  bytes_printf(out, "{\"_placeholder\":true,\"num\":%u}", k->nbins++);
  return take_bytes(k, n, k->bins);
}

static bool unpack_list(struct bytes *out, struct packed *k, size_t n, bool is_map) {
  bytes_text(out, is_map ? "{" : "[");
  for (size_t i = 0; i < n; i++) {
    if (i) bytes_text(out, ",");
    if (!unpack_value(out, k)) return false;
    if (is_map) bytes_text(out, ":");
    if (is_map && !unpack_value(out, k)) return false;
  }
  bytes_text(out, is_map ? "}" : "]");
  return true;
}

static bool unpack_long(struct bytes *out, struct packed *k, unsigned type) {
  switch (type) {
    case 0xc0: bytes_text(out, "null"); return true;
    case 0xc2: bytes_text(out, "false"); return true;
    case 0xc3: bytes_text(out, "true"); return true;
    case 0xc4: return unpack_binary(out, k, take_number(k, 1));
    case 0xc5: return unpack_binary(out, k, take_number(k, 2));
    case 0xc6: return unpack_binary(out, k, take_number(k, 4));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      bytes_printf(out, "%llu", (unsigned long long)take_number(k, 1u << (type - 0xcc)));
      return true;
    case 0xd9: return unpack_text(out, k, take_number(k, 1));
    case 0xda: return unpack_text(out, k, take_number(k, 2));
    case 0xdb: return unpack_text(out, k, take_number(k, 4));
    case 0xdc: return unpack_list(out, k, take_number(k, 2), false);
    case 0xde: return unpack_list(out, k, take_number(k, 2), true);
    default: return false;
  }
}

static bool unpack_value(struct bytes *out, struct packed *k) {
  if (k->p == k->end) return false;
  unsigned type = *k->p++;
  if (type < 0x80) {
    bytes_printf(out, "%u", type);
    return true;
  }
  if (type < 0xa0) return unpack_list(out, k, type & 15, type < 0x90);
  if (type < 0xc0) return unpack_text(out, k, type & 31);
  return unpack_long(out, k, type);
}

/* The fields as text: a name with its quotes and each value as JSON. */
struct fields {
  struct bytes type, nsp, id, data;
};

static struct bytes *field(struct fields *f, const struct bytes *name) {
  static const char *const names[] = { "\"type\"", "\"nsp\"", "\"id\"", "\"data\"" };
  struct bytes *const all[] = { &f->type, &f->nsp, &f->id, &f->data };
  for (int i = 0; i < 4; i++)
    if (strlen(names[i]) == name->n && memcmp(names[i], name->p, name->n) == 0) return all[i];
  return NULL;
}

static bool unpack_fields(struct fields *f, struct packed *k) {
  if (k->p == k->end || (*k->p & 0xf0) != 0x80) return false;
  bool ok = true;
  for (unsigned n = *k->p++ & 15; n > 0 && ok; n--) {
    struct bytes name = { 0 };
    ok = unpack_value(&name, k);
    struct bytes *value = ok ? field(f, &name) : NULL;
    ok = value && unpack_value(value, k);
    bytes_free(&name);
  }
  return ok && k->p == k->end && f->type.n == 1 && f->nsp.n > 2;
}

static void write_text(struct bytes *text, struct fields *f, unsigned nbins) {
  bool is_root = f->nsp.n == 3;
  char type = *f->type.p;
  if (nbins && type == '2') type = '5';
  if (nbins && type == '3') type = '6';
  if (!nbins && type >= '5') type = (char)(type - 3);
  bytes_put(text, &type, 1);
  if (nbins) bytes_printf(text, "%u-", nbins);
  if (!is_root) bytes_put(text, f->nsp.p + 1, f->nsp.n - 2);
  if (!is_root) bytes_text(text, ",");
  bytes_put(text, f->id.p, f->id.n);
  bytes_put(text, f->data.p, f->data.n);
}

bool unpack_packet(struct bytes *text, struct bytes *bins, const char *p, size_t n) {
  struct fields f = { 0 };
  struct packed k = { (const unsigned char *)p, (const unsigned char *)p + n, bins, 0 };
  bool ok = unpack_fields(&f, &k);
  if (ok) write_text(text, &f, k.nbins);
  bytes_free(&f.type);
  bytes_free(&f.nsp);
  bytes_free(&f.id);
  bytes_free(&f.data);
  return ok;
}
