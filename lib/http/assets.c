/* SPDX-License-Identifier: MIT
 *
 * assets.c - serves the files of a table in memory. A file is found by comparing paths one by one:
 * tables are short, and the search costs little beside the transfer of a file.
 */
#include "http/assets.h"
#include "base/percent.h"
#include "base/random.h"
#include "http/coding.h"
#include "http/condition.h"
#include "http/head.h"
#include "http/http.h"

enum { TAG_MAX = 24, PATH_ROOM = 1024, PACKED_MAX = 8 * 1024 * 1024 };

struct assets {
  const sio_asset *table;
  size_t count;
  const char *cache_control;
  char (*tags)[TAG_MAX]; /* the ETags of files whose entry in the table has none */
  struct asset_gzip *packed;
};

/* ---- one file -------------------------------------------------------------------------- */

static bool media_type_contains(const char *type, const char *word) {
  return strstr(type, word) != NULL;
}

/* Returns true for types that are worth compressing. Most other files, such as archives and images,
 * are compressed already. */
static bool is_media_type_compressible(const char *type) {
  return type && (strncmp(type, "text/", 5) == 0 || media_type_contains(type, "javascript") ||
                  media_type_contains(type, "json") || media_type_contains(type, "xml") ||
                  media_type_contains(type, "wasm"));
}

static bool can_compress_asset(const struct http *h, const sio_asset *file) {
  return h->deflater && file->size >= h->compress_from && file->size <= PACKED_MAX &&
         is_media_type_compressible(file->type);
}

static struct msg *asset_get_or_make_gzip(struct http *h, const sio_asset *file,
                                          struct asset_gzip *p) {
  if (p->tried) return p->gzip;
  int got =
      sio__coding_compress_text_to_msg(h, CODING_GZIP, slice(file->data, file->size), &p->gzip);
  p->tried = got >= 0;
  return got == 1 ? p->gzip : NULL;
}

void sio__asset_gzip_clear(struct asset_gzip *p) {
  msg_unref(p->gzip);
  *p = (struct asset_gzip){ 0 };
}

/* Sets the ETag header. A strong tag stands for the bytes of the file. If `weak` is true, the body
 * is compressed and has other bytes: then the tag is sent as a weak tag, with the prefix W/, or not
 * at all if there is no room for the prefix. If-None-Match ignores the prefix, so the tag of either
 * form matches. */
static int asset_set_etag_header(sio_request *r, const char *etag, bool weak) {
  char tag[128] = "W/";
  size_t n = strlen(etag);
  if (!weak || etag[0] == 'W') return sio__request_add_answer_header(r, "ETag", slice(etag, n));
  if (n > sizeof tag - 2) return 0;
  memcpy(tag + 2, etag, n);
  return sio__request_add_answer_header(r, "ETag", slice(tag, n + 2));
}

static int asset_set_headers(sio_request *r, const char *etag, const char *cache_control,
                             bool varies, bool packed) {
  int err = sio__request_add_answer_header_if_missing(r, "Cache-Control", slice_str(cache_control));
  if (!err && varies) err = sio__request_add_answer_header(r, "Vary", SLICE("Accept-Encoding"));
  return err ? err : asset_set_etag_header(r, etag, packed);
}

/* The source of a file that is longer than one piece. Each piece is copied when the kernel has
 * taken the piece before it. */
struct asset_source {
  /* Must be the first member: a pointer to it is cast to struct asset_source. */
  struct http_source source;
  const char *at;
};

static long asset_source_read(struct http_source *s, char *p, size_t n) {
  struct asset_source *a = (struct asset_source *)s;
  memcpy(p, a->at, n);
  a->at += n;
  return (long)n;
}

static void asset_source_free(struct http_source *s) { sio__free(s); }

static int asset_answer_request_uncompressed(sio_request *r, const sio_asset *file,
                                             const char *type) {
  if (file->size <= HTTP_PIECE)
    return sio__request_answer(r, 200, type, slice(file->data, file->size));
  struct asset_source *a = sio__malloc(sizeof *a);
  if (!a) return UV_ENOMEM;
  *a = (struct asset_source){ { asset_source_read, asset_source_free, file->size }, file->data };
  return sio__request_answer_from_source(r, 200, type, &a->source);
}

int sio__asset_answer_with_file_304_or_412(sio_request *r, const sio_asset *file, const char *etag,
                                           const char *cache_control, struct asset_gzip *p) {
  bool varies = p && can_compress_asset(r->http, file);
  bool gzip = varies && sio__coding_choose_for_request(r) == CODING_GZIP;
  struct msg *packed = gzip ? asset_get_or_make_gzip(r->http, file, p) : NULL;
  int err = asset_set_headers(r, etag, cache_control, varies, packed != NULL);
  if (err) return err;
  bool typed = sio__request_has_answer_header(r, "Content-Type", r->extra_headers.n);
  const char *type = typed ? NULL : file->type;
  struct validators v = { .etag = slice_str(etag) };
  int status = sio__evaluate_conditional_request(r, &v);
  if (status) return sio__request_answer(r, status, NULL, slice(NULL, 0));
  if (packed) return sio__coding_answer_with_precompressed_body(r, 200, type, CODING_GZIP, packed);
  return asset_answer_request_uncompressed(r, file, type);
}

/* ---- a table --------------------------------------------------------------------------- */

/* Makes an ETag from the content, so that every server with the same file sends the same ETag. */
static void asset_make_etag_from_content(char out[TAG_MAX], const void *p, size_t n) {
  static const uint8_t etag_hash_key[16] = "sio asset etag";
  static const char hex[] = "0123456789abcdef";
  uint64_t h = sio__siphash13(etag_hash_key, p, n);
  char *c = out;
  *c++ = '"';
  for (int shift = 60; shift >= 0; shift -= 4) *c++ = hex[h >> shift & 15];
  *c++ = '"';
  *c = '\0';
}

static const char *describe_asset_fault_or_null(const sio_asset *a) {
  if (!a->path || a->path[0] != '/') return "the path does not begin with '/'";
  if (!sio__http_is_field_value(slice_str(a->type)))
    return "the type is not a valid value of a header";
  if (!sio__http_is_field_value(slice_str(a->etag)))
    return "the ETag is not a valid value of a header";
  return a->data || a->size == 0 ? NULL : "data is NULL, and size is not 0";
}

static size_t find_invalid_asset_or_count(const sio_asset *table, size_t count) {
  size_t i = 0;
  while (i < count && !describe_asset_fault_or_null(&table[i])) i++;
  return i;
}

void sio__asset_table_write_fault_text(char *text, size_t size, const sio_asset *table,
                                       size_t count) {
  *text = '\0';
  if (!table && count) {
    snprintf(text, size, "the table of files is NULL, and count is not 0");
    return;
  }
  size_t i = find_invalid_asset_or_count(table, count);
  if (i < count)
    snprintf(text, size, "file %zu of the table, \"%.64s\": %s", i,
             table[i].path ? table[i].path : "", describe_asset_fault_or_null(&table[i]));
}

int sio__assets_new(struct assets **out, const sio_asset *table, size_t count,
                    const char *cache_control) {
  if (find_invalid_asset_or_count(table, count) < count) return UV_EINVAL;
  struct assets *a = sio__calloc(1, sizeof *a);
  if (!a) return UV_ENOMEM;
  a->tags = sio__calloc(count ? count : 1, TAG_MAX);
  a->packed = sio__calloc(count ? count : 1, sizeof *a->packed);
  if (!a->tags || !a->packed) {
    sio__assets_free(a);
    return UV_ENOMEM;
  }
  a->table = table;
  a->count = count;
  a->cache_control = cache_control ? cache_control : "public, max-age=0";
  for (size_t i = 0; i < count; i++)
    if (!table[i].etag) asset_make_etag_from_content(a->tags[i], table[i].data, table[i].size);
  *out = a;
  return 0;
}

void sio__assets_free(struct assets *a) {
  if (!a) return;
  for (size_t i = 0; i < a->count; i++) sio__asset_gzip_clear(&a->packed[i]);
  sio__free(a->packed);
  sio__free(a->tags);
  sio__free(a);
}

/* Converts the path of a URL to the form of the paths in the table: percent-decoded, and with
 * "index.html" after a '/' at the end. Returns false if the path is invalid or too long. */
static bool url_path_to_asset_path(char out[PATH_ROOM], sio_slice path) {
  static const char index[] = "index.html";
  out[0] = '/';
  long n = sio__percent_decode_path(out + 1, PATH_ROOM - 1, path);
  if (n < 0) return false;
  if (out[n] != '/') return true;
  if ((size_t)n + 1 + sizeof index > PATH_ROOM) return false;
  memcpy(out + n + 1, index, sizeof index);
  return true;
}

bool sio__assets_answer_if_found(struct assets *a, sio_request *r, sio_slice path) {
  char want[PATH_ROOM];
  if (!url_path_to_asset_path(want, path)) return false;
  for (size_t i = 0; i < a->count; i++) {
    const sio_asset *it = &a->table[i];
    if (strcmp(it->path, want) != 0) continue;
    const char *tag = it->etag ? it->etag : a->tags[i];
    int err = sio__asset_answer_with_file_304_or_412(r, it, tag, a->cache_control, &a->packed[i]);
    if (err) sio__request_answer_500_or_close(r, err);
    return true;
  }
  return false;
}
