/* SPDX-License-Identifier: MIT
 *
 * request.c - allocates and recycles requests, and reads their headers and query. A finished
 * request keeps its small buffers for the next one, so that a busy server allocates little.
 */
#include "http/request.h"
#include "base/percent.h"
#include "http/http.h"

enum {
  SPARE_REQUESTS = 256,
  SPARE_BYTES = 4096, /* a request that is kept for reuse keeps no larger buffer */
  MAX_EXTRA = 64 * 1024
};

/* ---- life ------------------------------------------------------------------------ */

static void empty_buf_or_free_if_large(struct buf *b) {
  if (b->cap > SPARE_BYTES) sio__buf_clear(b);
  b->n = 0;
}

/* Resets all fields of r except r->http and the four buffers of r. The buffers are emptied, and a
 * buffer of more than SPARE_BYTES is freed. */
static void request_reset_for_reuse(sio_request *r) {
  struct buf head = r->head, joined = r->joined_values, body = r->body, extra = r->extra_headers;
  empty_buf_or_free_if_large(&head);
  empty_buf_or_free_if_large(&joined);
  empty_buf_or_free_if_large(&body);
  empty_buf_or_free_if_large(&extra);
  *r = (sio_request){
    .http = r->http, .head = head, .joined_values = joined, .body = body, .extra_headers = extra
  };
  list_init(&r->link);
}

sio_request *sio__request_new(struct http *h) {
  struct list *item = list_take_first(&h->spare_requests);
  sio_request *r = item ? container_of(item, sio_request, link) : sio__calloc(1, sizeof *r);
  if (!r) return NULL;
  if (item) h->nspare_requests--;
  r->http = h;
  list_init(&r->link);
  r->head.max =
      h->limits.max_head + ((size_t)h->limits.max_headers + 3) * sizeof(struct http_header);
  r->joined_values.max = h->limits.max_head;
  r->extra_headers.max = MAX_EXTRA;
  r->body.max = SIZE_MAX;
  return r;
}

void sio__request_free(sio_request *r) {
  list_remove(&r->link);
  sio__buf_clear(&r->head);
  sio__buf_clear(&r->joined_values);
  sio__buf_clear(&r->body);
  sio__buf_clear(&r->extra_headers);
  sio__free(r);
}

static void recycle_or_free_request(struct deferred_free *g) {
  sio_request *r = container_of(g, sio_request, deferred_free);
  struct http *h = r->http;
  if (h->nspare_requests == SPARE_REQUESTS) {
    sio__request_free(r);
    return;
  }
  request_reset_for_reuse(r);
  list_append(&h->spare_requests, &r->link);
  h->nspare_requests++;
}

void sio__request_free_or_recycle_later(sio_request *r) {
  if (!r->http) {
    sio__request_free(r);
    return;
  }
  list_remove(&r->link);
  r->conn = NULL;
  sio__loop_free_later(r->http->loop, &r->deferred_free, recycle_or_free_request);
}

void sio__request_call_on_answered_and_free(sio_request *r) {
  if (r->mount && r->mount->on_answered) r->mount->on_answered(r);
  sio__request_free_or_recycle_later(r);
}

/* Keeps r->mount, a table of callbacks, only if on_answered is set in it. Such a table is a
 * constant; any other may be a part of the server, which is being freed. */
void sio__request_detach_from_server(sio_request *r) {
  list_remove(&r->link);
  r->http = NULL;
  if (!r->mount->on_answered) r->mount = NULL;
}

/* ---- the head ----------------------------------------------------------------------- */

sio_slice sio__request_header(const sio_request *r, const char *name) {
  sio_slice want = slice_str(name);
  for (uint32_t i = 0; i < r->nheaders; i++)
    if (sio__slice_equals_ignore_case(r->headers[i].name, want)) return r->headers[i].value;
  return slice(NULL, 0);
}

/* ---- the query ------------------------------------------------------------------------ */

long sio__query_decode_value(sio_slice raw, char *out, size_t size) {
  size_t n = 0;
  if (size > 0) out[0] = '\0';
  if (!raw.p) return UV_ENOENT;
  if (size == 0) return SIO_ETOOBIG;
  while (raw.n && n < size - 1) out[n++] = (char)sio__percent_decode_byte(&raw, true);
  out[n] = '\0';
  return raw.n ? SIO_ETOOBIG : (long)n;
}

void sio__query_find_parameters(sio_slice query, const char *const *keys, size_t n,
                                sio_slice *values) {
  sio_slice pair, name;
  for (size_t i = 0; i < n; i++) values[i] = slice(NULL, 0);
  while (sio__slice_split(&query, '&', &pair)) {
    if (!sio__slice_split(&pair, '=', &name)) continue;
    for (size_t i = 0; i < n; i++)
      if (sio__percent_decoded_equals(name, keys[i], true)) values[i] = pair;
  }
}

long sio__query_copy_decoded_parameter(sio_slice query, const char *key, char *out, size_t size) {
  sio_slice value;
  sio__query_find_parameters(query, &key, 1, &value);
  return sio__query_decode_value(value, out, size);
}

long sio__request_copy_decoded_query_parameter(const sio_request *r, const char *key, char *out,
                                               size_t n) {
  return sio__query_copy_decoded_parameter(r->query, key, out, n);
}

struct loop *sio__request_loop(const sio_request *r) {
  return r->http->loop;
}

/* ---- public ----------------------------------------------------------------------- */

sio_slice sio_request_header(const sio_request *r, const char *name) {
  return sio__request_header(r, name);
}

long sio_url_param(sio_slice url, const char *key, char *out, size_t size) {
  sio_slice target = url, path;
  sio__slice_split(&url, '#', &target);
  sio__slice_split(&target, '?', &path);
  return sio__query_copy_decoded_parameter(target, key, out, size);
}
