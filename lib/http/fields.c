/* SPDX-License-Identifier: MIT
 *
 * fields.c - joins header lines that have the same name. Most requests repeat no name, so a cheap
 * test comes first.
 */
#include "http/fields.h"

enum field_rule { FIELD_JOINED, FIELD_FIRST, FIELD_APART };

static enum field_rule repeated_header_rule(sio_slice name) {
  static const char rules[] = "host\0=\0"
                              "content-length\0=\0"
                              "transfer-encoding\0=\0"
                              "authorization\0001\0"
                              "content-type\0001\0"
                              "from\0001\0"
                              "if-modified-since\0001\0"
                              "if-unmodified-since\0001\0"
                              "max-forwards\0001\0"
                              "proxy-authorization\0001\0"
                              "referer\0001\0"
                              "user-agent\0001\0";
  const char *rule = sio__find_value_in_pairs(rules, name);
  return !rule ? FIELD_JOINED : *rule == '=' ? FIELD_APART : FIELD_FIRST;
}

/* Returns true if one of the first n headers has this name. */
static bool has_earlier_header_of_same_name(const sio_request *r, uint32_t n, sio_slice name) {
  for (uint32_t i = 0; i < n; i++)
    if (sio__slice_equals_ignore_case(r->headers[i].name, name)) return true;
  return false;
}

/* Returns a hash from 0 to 63. Equal names have equal hashes, whatever their case. */
static unsigned hash_field_name(sio_slice name) {
  unsigned first = (unsigned char)name.p[0] | 0x20u;
  unsigned last = (unsigned char)name.p[name.n - 1] | 0x20u;
  return ((unsigned)name.n + 7 * first + 3 * last) & 63;
}

static bool has_repeated_header_names(const sio_request *r) {
  uint64_t seen = 0;
  for (uint32_t i = 0; i < r->nheaders; i++) {
    uint64_t bit = (uint64_t)1 << hash_field_name(r->headers[i].name);
    if ((seen & bit) && has_earlier_header_of_same_name(r, i, r->headers[i].name)) return true;
    seen |= bit;
  }
  return false;
}

static void joined_values_append(struct buf *b, sio_slice s) {
  if (s.n) memcpy(b->p + b->n, s.p, s.n);
  b->n += s.n;
}

/* Returns the value of the header with the index `at`, joined with the values of later headers that
 * have the same name. r->joined_values has enough room, because each header line is longer than its
 * value and a separator. */
static sio_slice join_values_of_repeated_header(sio_request *r, uint32_t at) {
  const struct http_header *h = &r->headers[at];
  sio_slice separator =
      sio__slice_equals_ignore_case(h->name, SLICE("cookie")) ? SLICE("; ") : SLICE(", ");
  size_t from = r->joined_values.n;
  for (uint32_t i = at + 1; i < r->nheaders; i++) {
    if (!sio__slice_equals_ignore_case(r->headers[i].name, h->name)) continue;
    if (r->joined_values.n == from) joined_values_append(&r->joined_values, h->value);
    joined_values_append(&r->joined_values, separator);
    joined_values_append(&r->joined_values, r->headers[i].value);
  }
  if (r->joined_values.n == from) return h->value;
  return slice(r->joined_values.p + from, r->joined_values.n - from);
}

int sio__request_merge_repeated_headers(sio_request *r) {
  uint32_t kept = 0;
  if (!has_repeated_header_names(r)) return 0;
  int err = sio__buf_reserve(&r->joined_values, r->head.n);
  if (err) return err;
  for (uint32_t i = 0; i < r->nheaders; i++) {
    struct http_header h = r->headers[i];
    enum field_rule rule = repeated_header_rule(h.name);
    if (rule != FIELD_APART && has_earlier_header_of_same_name(r, kept, h.name)) continue;
    if (rule == FIELD_JOINED) h.value = join_values_of_repeated_header(r, i);
    r->headers[kept++] = h;
  }
  r->nheaders = kept;
  return 0;
}
