/* SPDX-License-Identifier: MIT
 *
 * kept_head.c - copies what a session keeps of its first request to one block of memory.
 */
#include "http/kept_head.h"
#include "net/tls.h"

static char *kept_request_head_append_text(char *at, const char *p, size_t n) {
  if (n) memcpy(at, p, n);
  at[n] = '\0';
  return at + n + 1;
}

/* Returns false for some headers of WebSocket handshakes, which tell the host nothing. */
static bool should_session_keep_header(const struct http_header *h) {
  static const char *const plumbing[] = { "Connection", "Upgrade", "Sec-WebSocket-Key",
                                          "Sec-WebSocket-Version", NULL };
  for (const char *const *p = plumbing; *p; p++)
    if (sio__slice_equals_ignore_case(h->name, slice_str(*p))) return false;
  return true;
}

/* Returns the address of the peer that has connected, or NULL if that is the client's address. */
static const char *proxy_address_of_request_or_null(const sio_request *r) {
  const char *direct = sio__request_peer_address(r);
  return strcmp(direct, sio__request_client_address(r)) ? direct : NULL;
}

static size_t kept_request_head_needed_size(const sio_request *r, const struct tls_info *tls) {
  const char *proxy = proxy_address_of_request_or_null(r);
  size_t n = sizeof(struct kept_head) + (tls ? sizeof tls : 0) +
             strlen(sio__request_client_address(r)) + 1 + r->url.n + 1;
  if (proxy) n += strlen(proxy) + 1;
  for (uint32_t i = 0; i < r->nheaders; i++)
    if (should_session_keep_header(&r->headers[i]))
      n += r->headers[i].name.n + r->headers[i].value.n + 2;
  return n;
}

static char *kept_request_head_append_header(struct kept_head *h, char *at,
                                             const struct http_header *from) {
  h->nheaders++;
  at = kept_request_head_append_text(at, from->name.p, from->name.n);
  return kept_request_head_append_text(at, from->value.p, from->value.n);
}

static void kept_request_head_store_tls_info(struct kept_head *h, struct tls_info *tls) {
  tls->refs++;
  memcpy(h->text, &tls, sizeof tls);
}

struct tls_info *sio__kept_request_head_tls_info(const struct kept_head *h) {
  struct tls_info *tls = NULL;
  if (h->tls) memcpy(&tls, h->text, sizeof tls);
  return tls;
}

void sio__kept_request_head_free(struct kept_head *h) {
  if (h) sio__tls_info_unref(sio__kept_request_head_tls_info(h));
  sio__free(h);
}

struct kept_head *sio__kept_request_head_new(const sio_request *r) {
  struct tls_info *tls = sio__request_tls_info(r);
  struct kept_head *h = sio__malloc(kept_request_head_needed_size(r, tls));
  if (!h) return NULL;
  h->url_len = (uint32_t)r->url.n;
  h->nheaders = 0;
  h->secure = sio__request_is_secure(r);
  h->tls = tls != NULL;
  if (tls) kept_request_head_store_tls_info(h, tls);
  const char *peer = sio__request_client_address(r), *proxy = proxy_address_of_request_or_null(r);
  char *at = kept_request_head_append_text(h->text + (tls ? sizeof tls : 0), peer, strlen(peer));
  if (proxy) at = kept_request_head_append_text(at, proxy, strlen(proxy));
  h->url_at = (uint8_t)(at - h->text);
  at = kept_request_head_append_text(at, r->url.p, r->url.n);
  for (uint32_t i = 0; i < r->nheaders; i++)
    if (should_session_keep_header(&r->headers[i]))
      at = kept_request_head_append_header(h, at, &r->headers[i]);
  return h;
}

sio_slice sio__kept_request_head_url(const struct kept_head *h) {
  return slice(h->text + h->url_at, h->url_len);
}

sio_slice sio__kept_request_head_header(const struct kept_head *h, const char *name) {
  sio_slice url = sio__kept_request_head_url(h), want = slice_str(name);
  const char *at = url.p + url.n + 1;
  for (uint32_t i = 0; i < h->nheaders; i++) {
    sio_slice key = slice_str(at), value = slice_str(at + key.n + 1);
    if (sio__slice_equals_ignore_case(key, want)) return value;
    at = value.p + value.n + 1;
  }
  return slice(NULL, 0);
}

struct kept_head *sio__kept_request_head_drop_url_and_headers(struct kept_head *h) {
  h->url_len = 0;
  h->nheaders = 0;
  size_t n = h->url_at;
  h->text[n] = '\0'; /* terminates the empty URL; the block always had room for that */
  struct kept_head *small = sio__realloc(h, sizeof *h + n + 1);
  return small ? small : h;
}
