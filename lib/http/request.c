/* SPDX-License-Identifier: MIT
 *
 * request.c - a request's life in memory, and what can be read from it. A request that is
 * done leaves its small buffers to the next, so a busy server does not allocate for each.
 */
#include "http/conn.h"
#include "http/head.h"
#include "http/percent.h"

enum {
  SPARE_REQUESTS = 256,
  SPARE_BYTES = 4096, /* a bigger buffer is not kept */
  MAX_EXTRA = 64 * 1024
};

/* ---- life ------------------------------------------------------------------------ */

static void empty(struct buf *b) {
  if (b->cap > SPARE_BYTES) sio__buf_clear(b);
  b->n = 0;
}

/* As new, but for the buffers. */
static void reset(sio_request *r) {
  struct buf head = r->head, body = r->body, extra = r->extra;
  empty(&head);
  empty(&body);
  empty(&extra);
  *r = (sio_request){ .http = r->http, .head = head, .body = body, .extra = extra };
  list_init(&r->link);
}

sio_request *sio__request_new(struct http *h) {
  struct list *item = list_pop(&h->spare);
  sio_request *r = item ? container_of(item, sio_request, link) : sio__calloc(1, sizeof *r);
  if (!r) return NULL;
  if (item) h->nspare--;
  r->http = h;
  list_init(&r->link);
  r->head.max =
      h->limits.max_head + ((size_t)h->limits.max_headers + 3) * sizeof(struct http_header);
  r->extra.max = MAX_EXTRA;
  r->body.max = SIZE_MAX;
  return r;
}

void sio__request_free(sio_request *r) {
  list_remove(&r->link);
  sio__buf_clear(&r->head);
  sio__buf_clear(&r->body);
  sio__buf_clear(&r->extra);
  sio__free(r);
}

static void retire(struct grave *g) {
  sio_request *r = container_of(g, sio_request, grave);
  struct http *h = r->http;
  if (h->nspare == SPARE_REQUESTS) {
    sio__request_free(r);
    return;
  }
  reset(r);
  list_push(&h->spare, &r->link);
  h->nspare++;
}

void sio__request_bury(sio_request *r) {
  if (!r->http) {
    sio__request_free(r);
    return;
  }
  list_remove(&r->link);
  r->conn = NULL;
  sio__loop_bury(r->http->loop, &r->grave, retire);
}

void sio__request_settle(sio_request *r) {
  if (r->mount && r->mount->on_answered) r->mount->on_answered(r);
  sio__request_bury(r);
}

/* A mount that wants to hear of the answer has no memory in the server. */
void sio__request_orphan(sio_request *r) {
  list_remove(&r->link);
  r->http = NULL;
  if (!r->mount->on_answered) r->mount = NULL;
}

/* ---- the head ----------------------------------------------------------------------- */

static sio_slice find_header(const struct http_header *h, uint32_t n, const char *name) {
  sio_slice want = slice_str(name);
  for (uint32_t i = 0; i < n; i++)
    if (sio__slice_ieq(h[i].name, want)) return h[i].value;
  return slice(NULL, 0);
}

sio_slice sio__request_header(const sio_request *r, const char *name) {
  return find_header(r->headers, r->nheaders, name);
}

sio_slice sio__head_header(const struct http_head *h, const char *name) {
  return find_header(h->headers, h->nheaders, name);
}

/* ---- the query ------------------------------------------------------------------------ */

static long decode_query(char *out, size_t size, sio_slice raw) {
  size_t n = 0;
  if (size == 0) return SIO_ETOOBIG;
  while (raw.n && n < size - 1) out[n++] = (char)sio__percent_next(&raw, true);
  out[n] = '\0';
  return raw.n ? SIO_ETOOBIG : (long)n;
}

static long find_query(sio_slice query, const char *key, char *out, size_t size) {
  sio_slice pair, name, value = slice(NULL, 0);
  while (sio__slice_split(&query, '&', &pair))
    if (sio__slice_split(&pair, '=', &name) && sio__percent_is(name, key, true)) value = pair;
  if (size > 0) out[0] = '\0';
  return value.p ? decode_query(out, size, value) : UV_ENOENT;
}

long sio__request_query(const sio_request *r, const char *key, char *out, size_t n) {
  return find_query(r->query, key, out, n);
}

long sio__head_query(const struct http_head *h, const char *key, char *out, size_t n) {
  return find_query(h->query, key, out, n);
}

/* ---- the connection --------------------------------------------------------------------- */

struct loop *sio__request_loop(const sio_request *r) {
  return r->http->loop;
}

/* ---- keeping ------------------------------------------------------------------------------ */

/* The same bytes in the copy; what is not of the head block (a constant) stays. */
static sio_slice moved(sio_slice s, const struct buf *from, const char *to) {
  uintptr_t base = (uintptr_t)from->p, p = (uintptr_t)s.p;
  if (!s.p || p < base || p > base + from->n) return s;
  return slice(to + (p - base), s.n);
}

struct http_head *sio__request_keep(const sio_request *r) {
  size_t array = r->nheaders * sizeof(struct http_header);
  struct http_head *h = sio__malloc(sizeof *h + array + r->head.n);
  if (!h) return NULL;
  struct http_header *headers = (void *)(h + 1);
  char *bytes = (char *)headers + array;
  if (r->head.n) memcpy(bytes, r->head.p, r->head.n);
  for (uint32_t i = 0; i < r->nheaders; i++) {
    headers[i].name = moved(r->headers[i].name, &r->head, bytes);
    headers[i].value = moved(r->headers[i].value, &r->head, bytes);
  }
  *h = (struct http_head){
    .method = moved(r->method_text, &r->head, bytes),
    .url = moved(r->url, &r->head, bytes),
    .path = moved(r->path, &r->head, bytes),
    .query = moved(r->query, &r->head, bytes),
    .nheaders = r->nheaders,
    .headers = headers,
    .secure = sio__request_secure(r),
  };
  const char *peer = sio__request_peer(r);
  memcpy(h->peer, peer, strlen(peer) + 1);
  return h;
}

/* ---- the public face ----------------------------------------------------------------------- */

sio_slice sio_request_method(const sio_request *r) { return r->method_text; }
sio_slice sio_request_url(const sio_request *r) { return r->url; }
sio_slice sio_request_path(const sio_request *r) { return r->path; }
sio_slice sio_request_body(const sio_request *r) { return slice(r->body.p, r->body.n); }
const char *sio_request_address(const sio_request *r) { return sio__request_peer(r); }

sio_slice sio_request_header(const sio_request *r, const char *name) {
  return sio__request_header(r, name);
}

long sio_request_query(const sio_request *r, const char *key, char *out, size_t size) {
  return sio__request_query(r, key, out, size);
}
