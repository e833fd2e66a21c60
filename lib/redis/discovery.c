/* SPDX-License-Identifier: MIT
 *
 * discovery.c - the connection that finds Redis servers: it asks a sentinel for the address of the
 * master, or a node of a cluster for the table of slots if no connected server can be asked. It is
 * opened when there is something to ask, tries one host after the other until one answers, and is
 * closed after the answer.
 */
#include "redis/context.h"

static sio_redis *redis_of_discovery_link(struct link *l) {
  return container_of(l, sio_redis, discovery);
}

/* A function for link_ops.locate. Sets l->to to the host that the discovery connection tries next:
 * the hosts of the url and the known servers of the Redis Cluster are tried in turn. Returns
 * true. */
bool sio__discovery_set_next_host(struct link *l) {
  sio_redis *r = redis_of_discovery_link(l);
  const struct redis_url *u = &r->options.url;
  unsigned known = 0;
  redis_servers_each(p, r) known += p != r->only_server;
  unsigned i = r->next_host % (u->nhosts + known);
  if (i < u->nhosts) {
    sio__link_set_address(l, u->hosts[i].name, u->hosts[i].port);
    return true;
  }
  i -= u->nhosts;
  redis_servers_each(p, r) if (p != r->only_server && i-- == 0) l->to = p->commands.to;
  return true;
}

void sio__discovery_log_failure_and_skip_host(struct link *l, const char *why, unsigned wait_ms) {
  sio_redis *r = redis_of_discovery_link(l);
  r->next_host++;
  r->stats.failures++;
  REDIS_LOG(r, REDIS_LOG_DISCOVERY, SIO_LOG_WARN,
            redis_has_sentinels(r)
                ? "the sentinel %s port %s failed: %s; next attempt in %u ms"
                : "the cluster node %s port %s failed: %s; next attempt in %u ms",
            l->to.host, l->to.port, why, wait_ms);
}
