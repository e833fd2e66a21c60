/* SPDX-License-Identifier: MIT
 *
 * assets.c - looked up by comparing: a table is short, and the request pays for a whole file.
 */
#include "http/assets.h"
#include "base/random.h"
#include "http/etag.h"
#include "http/head.h"
#include "http/percent.h"

enum { TAG_MAX = 24, PATH_ROOM = 1024 };

struct assets {
  const sio_asset *table;
  size_t count;
  const char *cache_control;
  char (*tags)[TAG_MAX]; /* of those that bring none */
};

/* The same on every start and every machine that serves the same bytes. */
static void make_tag(char out[TAG_MAX], const void *p, size_t n) {
  static const uint8_t key[16] = "sio asset etag";
  static const char hex[] = "0123456789abcdef";
  uint64_t h = sio__siphash13(key, p, n);
  char *c = out;
  *c++ = '"';
  for (int shift = 60; shift >= 0; shift -= 4) *c++ = hex[h >> shift & 15];
  *c++ = '"';
  *c = '\0';
}

static bool sound(const sio_asset *a) {
  return a->path && a->path[0] == '/' && sio__http_value(slice_str(a->type)) &&
         sio__http_value(slice_str(a->etag)) && (a->data || a->size == 0);
}

int sio__assets_new(struct assets **out, const sio_asset *table, size_t count,
                    const char *cache_control) {
  for (size_t i = 0; i < count; i++)
    if (!sound(&table[i])) return UV_EINVAL;
  struct assets *a = sio__calloc(1, sizeof *a);
  if (!a) return UV_ENOMEM;
  a->tags = sio__calloc(count ? count : 1, TAG_MAX);
  if (!a->tags) {
    sio__free(a);
    return UV_ENOMEM;
  }
  a->table = table;
  a->count = count;
  a->cache_control = cache_control ? cache_control : "public, max-age=0";
  for (size_t i = 0; i < count; i++)
    if (!table[i].etag) make_tag(a->tags[i], table[i].data, table[i].size);
  *out = a;
  return 0;
}

void sio__assets_free(struct assets *a) {
  if (!a) return;
  sio__free(a->tags);
  sio__free(a);
}

/* The table's own form of a raw path: decoded, "index.html" behind a '/'. False: none. */
static bool table_path(char out[PATH_ROOM], sio_slice path) {
  static const char index[] = "index.html";
  out[0] = '/';
  long n = sio__percent_path(out + 1, PATH_ROOM - 1, path);
  if (n < 0) return false;
  if (out[n] != '/') return true;
  if ((size_t)n + 1 + sizeof index > PATH_ROOM) return false;
  memcpy(out + n + 1, index, sizeof index);
  return true;
}

static int answer(const struct assets *a, const sio_asset *it, const char *tag, sio_request *r) {
  int err = sio__request_set(r, "Cache-Control", slice_str(a->cache_control));
  if (!err) err = sio__request_set(r, "ETag", slice_str(tag));
  if (err) return err;
  if (sio__etag_matches(r, slice_str(tag)))
    return sio__request_answer(r, 304, NULL, slice(NULL, 0));
  return sio__request_answer(r, 200, it->type, slice(it->data, it->size));
}

bool sio__assets_serve(const struct assets *a, sio_request *r, sio_slice path) {
  char want[PATH_ROOM];
  if (!table_path(want, path)) return false;
  for (size_t i = 0; i < a->count; i++) {
    const sio_asset *it = &a->table[i];
    if (strcmp(it->path, want) != 0) continue;
    if (answer(a, it, it->etag ? it->etag : a->tags[i], r) && !r->answered) sio__request_drop(r);
    return true;
  }
  return false;
}
