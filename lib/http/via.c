/* SPDX-License-Identifier: MIT
 *
 * via.c - the address a proxied connection or request is for.
 */
#include "http/via.h"
#include "base/mem.h"
#include "http/forwarded.h"

struct via *sio__proxy_info_new(const char *peer, bool believes) {
  struct via *v = sio__calloc(1, sizeof *v);
  if (!v) return NULL;
  memcpy(v->direct, peer, strlen(peer) + 1);
  memcpy(v->own, peer, strlen(peer) + 1);
  v->believes = believes;
  return v;
}

/* Whoever the proxy does not name might be anybody: what such a one says of itself is not
 * believed. */
void sio__proxy_info_set_header(struct via *v, const struct proxied *p,
                                const struct addr_set *trusted) {
  v->tls = v->secure = p->secure;
  v->believes = sio__addr_set_has(trusted, &p->from);
  if (p->from.kind == ADDR_IP) sio__addr_text(&p->from, v->own);
}

void sio__proxy_info_read_request(struct via *v, const sio_request *r, const struct proxies *p,
                                  char *peer) {
  memcpy(peer, v->own, sizeof v->own);
  v->secure = v->tls;
  if (!v->believes) return;
  struct forwarded f = sio__forwarded_read(r, p->trusted, p->rfc7239);
  if (f.from.kind == ADDR_IP) sio__addr_text(&f.from, peer);
  v->secure |= f.secure;
}
