/* SPDX-License-Identifier: MIT
 *
 * request.c - a request's life in memory, and what can be read from it. A request that is
 * done leaves its small buffers to the next, so a busy server does not allocate for each.
 */
#include "base/percent.h"
#include "http/conn.h"
#include "http/head.h"
#include "net/tls.h"

enum {
  SPARE_REQUESTS = 256,
  SPARE_BYTES = 4096, /* a bigger buffer is not kept */
  MAX_EXTRA = 64 * 1024
};

/* ---- life ------------------------------------------------------------------------ */

static void buf_empty_for_reuse(struct buf *b) {
  if (b->cap > SPARE_BYTES) sio__buf_clear(b);
  b->n = 0;
}

/* As new, but for the buffers. */
static void request_reset_for_reuse(sio_request *r) {
  struct buf head = r->head, joined = r->joined, body = r->body, extra = r->extra;
  buf_empty_for_reuse(&head);
  buf_empty_for_reuse(&joined);
  buf_empty_for_reuse(&body);
  buf_empty_for_reuse(&extra);
  *r = (sio_request){
    .http = r->http, .head = head, .joined = joined, .body = body, .extra = extra
  };
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
  r->joined.max = h->limits.max_head;
  r->extra.max = MAX_EXTRA;
  r->body.max = SIZE_MAX;
  return r;
}

void sio__request_free(sio_request *r) {
  list_remove(&r->link);
  sio__buf_clear(&r->head);
  sio__buf_clear(&r->joined);
  sio__buf_clear(&r->body);
  sio__buf_clear(&r->extra);
  sio__free(r);
}

static void request_recycle(struct deferred_free *g) {
  sio_request *r = container_of(g, sio_request, deferred_free);
  struct http *h = r->http;
  if (h->nspare == SPARE_REQUESTS) {
    sio__request_free(r);
    return;
  }
  request_reset_for_reuse(r);
  list_push(&h->spare, &r->link);
  h->nspare++;
}

void sio__request_free_later(sio_request *r) {
  if (!r->http) {
    sio__request_free(r);
    return;
  }
  list_remove(&r->link);
  r->conn = NULL;
  sio__loop_free_later(r->http->loop, &r->deferred_free, request_recycle);
}

void sio__request_finish(sio_request *r) {
  if (r->mount && r->mount->on_answered) r->mount->on_answered(r);
  sio__request_free_later(r);
}

/* A mount that wants to hear of the answer has no memory in the server. */
void sio__request_outlive_server(sio_request *r) {
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

static long decode_query_value(char *out, size_t size, sio_slice raw) {
  size_t n = 0;
  if (size == 0) return SIO_ETOOBIG;
  while (raw.n && n < size - 1) out[n++] = (char)sio__percent_decode_byte(&raw, true);
  out[n] = '\0';
  return raw.n ? SIO_ETOOBIG : (long)n;
}

static long find_query_value(sio_slice query, const char *key, char *out, size_t size) {
  sio_slice pair, name, value = slice(NULL, 0);
  while (sio__slice_split(&query, '&', &pair))
    if (sio__slice_split(&pair, '=', &name) && sio__percent_equals(name, key, true)) value = pair;
  if (size > 0) out[0] = '\0';
  return value.p ? decode_query_value(out, size, value) : UV_ENOENT;
}

long sio__request_query_value(const sio_request *r, const char *key, char *out, size_t n) {
  return find_query_value(r->query, key, out, n);
}

/* ---- the connection --------------------------------------------------------------------- */

struct loop *sio__request_loop(const sio_request *r) {
  return r->http->loop;
}

struct addr sio__request_client_addr(const sio_request *r) {
  struct addr a = { ADDR_NONE, { 0 } };
  if (!sio__addr_parse(&a, slice_str(sio__request_client_address(r)))) a.kind = ADDR_NONE;
  return a;
}

/* ---- keeping ------------------------------------------------------------------------------ */

static char *kept_head_put_text(char *at, const char *p, size_t n) {
  if (n) memcpy(at, p, n);
  at[n] = '\0';
  return at + n + 1;
}

/* What a WebSocket's first request must say to become one tells its host nothing. */
static bool header_is_kept(const struct http_header *h) {
  static const char *const plumbing[] = { "Connection", "Upgrade", "Sec-WebSocket-Key",
                                          "Sec-WebSocket-Version", NULL };
  for (const char *const *p = plumbing; *p; p++)
    if (sio__slice_equals_ignore_case(h->name, slice_str(*p))) return false;
  return true;
}

/* NULL: the client's own. */
static const char *proxy_address_or_null(const sio_request *r) {
  const char *direct = sio__request_direct_address(r);
  return strcmp(direct, sio__request_client_address(r)) ? direct : NULL;
}

static size_t kept_head_size(const sio_request *r, const struct tls_info *tls) {
  const char *proxy = proxy_address_or_null(r);
  size_t n = sizeof(struct kept_head) + (tls ? sizeof tls : 0) +
             strlen(sio__request_client_address(r)) + 1 + r->url.n + 1;
  if (proxy) n += strlen(proxy) + 1;
  for (uint32_t i = 0; i < r->nheaders; i++)
    if (header_is_kept(&r->headers[i])) n += r->headers[i].name.n + r->headers[i].value.n + 2;
  return n;
}

static char *kept_head_put_header(struct kept_head *h, char *at, const struct http_header *from) {
  h->nheaders++;
  at = kept_head_put_text(at, from->name.p, from->name.n);
  return kept_head_put_text(at, from->value.p, from->value.n);
}

static void kept_head_put_tls(struct kept_head *h, struct tls_info *tls) {
  tls->refs++;
  memcpy(h->text, &tls, sizeof tls);
}

struct tls_info *sio__kept_head_tls(const struct kept_head *h) {
  struct tls_info *tls = NULL;
  if (h->tls) memcpy(&tls, h->text, sizeof tls);
  return tls;
}

void sio__kept_head_free(struct kept_head *h) {
  if (h) sio__tls_info_unref(sio__kept_head_tls(h));
  sio__free(h);
}

struct kept_head *sio__kept_head_new(const sio_request *r) {
  struct tls_info *tls = sio__request_tls_info(r);
  struct kept_head *h = sio__malloc(kept_head_size(r, tls));
  if (!h) return NULL;
  h->url_len = (uint32_t)r->url.n;
  h->nheaders = 0;
  h->secure = sio__request_is_secure(r);
  h->tls = tls != NULL;
  if (tls) kept_head_put_tls(h, tls);
  const char *peer = sio__request_client_address(r), *proxy = proxy_address_or_null(r);
  char *at = kept_head_put_text(h->text + (tls ? sizeof tls : 0), peer, strlen(peer));
  if (proxy) at = kept_head_put_text(at, proxy, strlen(proxy));
  h->url_at = (uint8_t)(at - h->text);
  at = kept_head_put_text(at, r->url.p, r->url.n);
  for (uint32_t i = 0; i < r->nheaders; i++)
    if (header_is_kept(&r->headers[i])) at = kept_head_put_header(h, at, &r->headers[i]);
  return h;
}

sio_slice sio__kept_head_url(const struct kept_head *h) {
  return slice(h->text + h->url_at, h->url_len);
}

sio_slice sio__kept_head_header(const struct kept_head *h, const char *name) {
  sio_slice url = sio__kept_head_url(h), want = slice_str(name);
  const char *at = url.p + url.n + 1;
  for (uint32_t i = 0; i < h->nheaders; i++) {
    sio_slice key = slice_str(at), value = slice_str(at + key.n + 1);
    if (sio__slice_equals_ignore_case(key, want)) return value;
    at = value.p + value.n + 1;
  }
  return slice(NULL, 0);
}

long sio__kept_head_query(const struct kept_head *h, const char *key, char *out, size_t n) {
  sio_slice url = sio__kept_head_url(h), target = url, path;
  sio__slice_split(&url, '#', &target);
  sio__slice_split(&target, '?', &path);
  return find_query_value(target, key, out, n);
}

struct kept_head *sio__kept_head_drop_headers(struct kept_head *h) {
  h->url_len = 0;
  h->nheaders = 0;
  size_t n = h->url_at;
  h->text[n] = '\0'; /* the URL's end: there is always one */
  struct kept_head *small = sio__realloc(h, sizeof *h + n + 1);
  return small ? small : h;
}

/* ---- the public face ----------------------------------------------------------------------- */

sio_slice sio_request_method(const sio_request *r) { return r->method_text; }
sio_slice sio_request_url(const sio_request *r) { return r->url; }
sio_slice sio_request_path(const sio_request *r) { return r->path; }
sio_slice sio_request_body(const sio_request *r) { return slice(r->body.p, r->body.n); }
const char *sio_request_address(const sio_request *r) { return sio__request_client_address(r); }
const char *sio_request_peer(const sio_request *r) { return sio__request_direct_address(r); }
bool sio_request_secure(const sio_request *r) { return sio__request_is_secure(r); }

sio_slice sio_request_header(const sio_request *r, const char *name) {
  return sio__request_header(r, name);
}

long sio_request_query(const sio_request *r, const char *key, char *out, size_t size) {
  return sio__request_query_value(r, key, out, size);
}

const sio_tls_info *sio_request_tls(const sio_request *r) {
  struct tls_info *tls = sio__request_tls_info(r);
  return tls ? &tls->pub : NULL;
}
