/* SPDX-License-Identifier: MIT
 *
 * sentinel.c - follows the master that sentinels watch. Each attempt to connect asks a sentinel
 * first; a server that does not call itself a master (ROLE) is not used. Sentinels close the
 * connections to a master that has become a replica; for a switch that somebody else makes, the
 * role is asked for every ping_interval_ms.
 */
#include "redis/context.h"

static const char *role_fault(const redisReply *reply) {
  bool named =
      reply->type == REDIS_REPLY_ARRAY && reply->elements && reply_is_text(reply->element[0]);
  if (named && slice_equals_str(reply_text(reply->element[0]), "master")) return NULL;
  return "it is a replica, and the sentinels have no other master yet";
}

const char *sio__sentinel_greeted(struct link *l, const redisReply *reply) {
  (void)l;
  return role_fault(reply);
}

/* ---- the answer of a sentinel ---------------------------------------------------------------- */

static bool is_port(sio_slice s) {
  if (!s.n || s.n > 5) return false;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9') return false;
  return true;
}

static const char *sentinel_hear_master(struct link *l, const redisReply *reply) {
  sio_redis *r = container_of(l, sio_redis, guide);
  struct link_address *to = &r->master;
  if (reply->type == REDIS_REPLY_NIL) return "it watches no master of this name";
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      !reply_is_text(reply->element[0]) || !reply_is_text(reply->element[1]))
    return "it does not answer as a sentinel";
  sio_slice host = reply_text(reply->element[0]), port = reply_text(reply->element[1]);
  if (!host.n || host.n >= sizeof to->host || memchr(host.p, '\0', host.n) || !is_port(port))
    return "the address that it has of the master is none";
  *to = (struct link_address){ { 0 }, { 0 } };
  memcpy(to->host, host.p, host.n);
  memcpy(to->port, port.p, port.n);
  return NULL;
}

static void connect_to_found_master(sio_redis *r, struct link *l) {
  if (!l->locating) return;
  l->to = r->master;
  sio__link_located(l);
}

static void sentinel_on_ready(struct link *l) {
  sio_redis *r = container_of(l, sio_redis, guide);
  sio__link_stop(l);
  connect_to_found_master(r, &r->home->commands);
  connect_to_found_master(r, &r->home->subscriber);
}

static void sentinel_on_reply(struct link *l, const redisReply *reply) { (void)l, (void)reply; }
static void sentinel_on_lost(struct link *l, struct link_expect *e) { (void)l, (void)e; }

const struct link_ops sio__sentinel_ops = { .ready = sentinel_on_ready,
                                            .reply = sentinel_on_reply,
                                            .lost = sentinel_on_lost,
                                            .down = sio__guide_down,
                                            .locate = sio__guide_locate,
                                            .greeted = sentinel_hear_master };

/* ---- the connections to the master ----------------------------------------------------------- */

bool sio__sentinel_locate(struct link *l) {
  sio__link_start(&sio__pair_of(l)->redis->guide);
  return false;
}

static bool address_is(const struct link_address *a, const struct link_address *b) {
  return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

/* Both connections go to the same server. */
void sio__sentinel_ready(struct redis_pair *p, struct link *l) {
  sio_redis *r = p->redis;
  struct link *other = l == &p->commands ? &p->subscriber : &p->commands;
  if (r->followed.host[0] && !address_is(&r->followed, &l->to)) {
    r->stats.switches++;
    REDIS_NOTE(r, NOTE_MASTER, SIO_LOG_WARN, "the master is now %s port %s", l->to.host,
               l->to.port);
  }
  r->followed = l->to;
  if (!address_is(&other->to, &l->to)) sio__link_break(other, "another server is the master now");
}

static void on_role(struct link *l, const struct link_expect *expect, const redisReply *reply) {
  static const char why[] = "the server is not the master any more";
  struct redis_pair *p = sio__pair_of(l);
  (void)expect;
  if (!reply || !role_fault(reply)) return;
  sio__link_break(&p->subscriber, why);
  sio__link_break(&p->commands, why);
}

void sio__sentinel_tick(struct link *l) {
  static const struct link_expect expect = { .heard = on_role, .slot = LINK_NO_SLOT };
  static const sio_slice words[] = { { "ROLE", 4 } };
  (void)sio__link_command(l, &expect, words, 1);
}
