/* SPDX-License-Identifier: MIT
 *
 * link_lookup.c - resolves the name of a host for a link, in a thread of libuv. A lookup that was
 * cancelled is freed when libuv calls its callback.
 */
#include "redis/link_lookup.h"

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"

struct link_lookup {
  uv_getaddrinfo_t req;
  void (*resolved)(struct link *l, int status);
  struct link *link; /* NULL after sio__link_cancel_lookup() */
  struct link *of;   /* the link that made the lookup, also after sio__link_cancel_lookup() */
};

static void on_link_host_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
  struct link_lookup *k = container_of(req, struct link_lookup, req);
  struct link *l = k->link, *of = k->of;
  --*of->handles;
  if (l) l->lookup = NULL;
  if (l && !status)
    l->addresses = l->next_address = found;
  else
    uv_freeaddrinfo(found);
  if (l) k->resolved(l, status);
  sio__free(k);
  of->closed(of);
}

int sio__link_resolve_host(struct link *l, void (*resolved)(struct link *l, int status)) {
  const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
  struct link_lookup *k = sio__calloc(1, sizeof *k);
  if (!k) return UV_ENOMEM;
  k->link = k->of = l;
  k->resolved = resolved;
  int err =
      uv_getaddrinfo(l->timer.loop, &k->req, on_link_host_resolved, l->to.host, l->to.port, &hints);
  if (err) {
    sio__free(k);
    return err;
  }
  l->lookup = k;
  ++*l->handles;
  return 0;
}

void sio__link_cancel_lookup(struct link *l) {
  if (!l->lookup) return;
  l->lookup->link = NULL;
  (void)uv_cancel((uv_req_t *)&l->lookup->req);
  l->lookup = NULL;
}

void sio__link_free_addresses(struct link *l) {
  if (l->addresses) uv_freeaddrinfo(l->addresses);
  l->addresses = l->next_address = NULL;
}
