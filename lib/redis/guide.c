/* SPDX-License-Identifier: MIT
 *
 * guide.c - the connection that asks where to connect. It is made when something has to be asked,
 * goes from host to host until one answers, and ends with the answer.
 */
#include "redis/context.h"

static sio_redis *redis_of_guide(struct link *l) { return container_of(l, sio_redis, guide); }

/* The hosts of the url, and the servers of the cluster that are known. */
bool sio__guide_locate(struct link *l) {
  sio_redis *r = redis_of_guide(l);
  const struct redis_url *u = &r->options.url;
  unsigned known = 0;
  pairs_each(p, r) known += p != r->home;
  unsigned i = r->next_host % (u->nhosts + known);
  if (i < u->nhosts) {
    sio__link_set_address(l, u->hosts[i].name, u->hosts[i].port);
    return true;
  }
  i -= u->nhosts;
  pairs_each(p, r) if (p != r->home && i-- == 0) l->to = p->commands.to;
  return true;
}

void sio__guide_down(struct link *l, const char *why, unsigned wait_ms) {
  sio_redis *r = redis_of_guide(l);
  r->next_host++;
  r->stats.failures++;
  REDIS_NOTE(r, NOTE_GUIDE, SIO_LOG_WARN, "the %s %s port %s: %s; the next is asked in %u ms",
             redis_has_sentinels(r) ? "sentinel" : "node of the cluster", l->to.host, l->to.port,
             why, wait_ms);
}
