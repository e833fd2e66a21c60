/* SPDX-License-Identifier: MIT
 *
 * kept_head.h - what a session keeps of its first request, in one block: the client's and the
 * proxy's address, what is known about TLS, the URL, and the headers except Connection, Upgrade,
 * Sec-WebSocket-Key and Sec-WebSocket-Version.
 */
#ifndef SIO_HTTP_KEPT_HEAD_H
#define SIO_HTTP_KEPT_HEAD_H

#include "http/request.h"

/* If `tls` is true, `text` begins with a pointer. Then come strings, each of which ends with a NUL:
 * the client's address; the proxy's address if there is one; the URL, at the offset url_at; and the
 * name and value of each header in turn. Slices would make the block larger. */
struct kept_head {
  uint32_t url_len;
  uint16_t nheaders;
  bool secure : 1;
  bool tls : 1; /* `text` begins with a counted reference, a pointer to a struct tls_info */
  uint8_t url_at;
  char text[];
};

struct kept_head *sio__kept_request_head_new(
    const sio_request *r);                             /* returns NULL if memory runs out */
void sio__kept_request_head_free(struct kept_head *h); /* h may be NULL */
/* Returns the TLS information, without a new reference; NULL if there was none when the head was
 * kept. */
struct tls_info *sio__kept_request_head_tls_info(const struct kept_head *h);
/* Drops the URL and the headers, and makes the block smaller if possible. Returns the block, which
 * may have moved. */
struct kept_head *sio__kept_request_head_drop_url_and_headers(struct kept_head *h);

static inline const char *kept_request_head_client_address(const struct kept_head *h) {
  return h->text + (h->tls ? sizeof(void *) : 0);
}
static inline const char *kept_request_head_peer_address(const struct kept_head *h) {
  const char *client = kept_request_head_client_address(h), *proxy = client + strlen(client) + 1;
  return proxy < h->text + h->url_at ? proxy : client;
}
sio_slice sio__kept_request_head_url(const struct kept_head *h);
/* Returns the value of the kept header with this name, whose case is ignored, or {NULL, 0} if there
 * is none. */
sio_slice sio__kept_request_head_header(const struct kept_head *h, const char *name);

#endif
