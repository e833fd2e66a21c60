/* SPDX-License-Identifier: MIT
 *
 * proxy_info.c - finds the address of the client for which a trusted proxy connects.
 */
#include "http/proxy_info.h"
#include "base/mem.h"
#include "http/forwarded.h"

struct proxy_info *sio__proxy_info_new(const char *peer, bool trusts_headers) {
  struct proxy_info *v = sio__calloc(1, sizeof *v);
  if (!v) return NULL;
  memcpy(v->direct, peer, strlen(peer) + 1);
  memcpy(v->client, peer, strlen(peer) + 1);
  v->trusts_headers = trusts_headers;
  return v;
}

/* If the address in the PROXY header is not that of a trusted proxy, the client itself may have
 * written the headers of its requests, so they are not believed. */
void sio__proxy_info_store_proxy_header(struct proxy_info *v, const struct proxied *p,
                                        const struct addr_set *trusted) {
  v->header_secure = v->request_secure = p->secure;
  v->trusts_headers = sio__addr_set_contains(trusted, &p->from);
  if (p->from.kind == ADDR_IP) sio__addr_to_text(&p->from, v->client);
}

void sio__proxy_info_find_client_and_set_secure(struct proxy_info *v, const sio_request *r,
                                                const struct proxies *p, char *client) {
  memcpy(client, v->client, sizeof v->client);
  v->request_secure = v->header_secure;
  if (!v->trusts_headers) return;
  struct forwarded f = sio__forwarded_headers_find_client(r, p->trusted, p->rfc7239);
  if (f.from.kind == ADDR_IP) sio__addr_to_text(&f.from, client);
  v->request_secure |= f.secure;
}
