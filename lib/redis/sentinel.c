/* SPDX-License-Identifier: MIT
 *
 * sentinel.c - follows the master that sentinels watch. Before server.c connects, a sentinel is
 * asked for the master. A server whose reply to ROLE does not say "master" is not used. Sentinels
 * close the connections to a master that they have made a replica. In case something else makes it
 * a replica, ROLE is sent again about every ping_interval_ms.
 */
#include "redis/context.h"

static const char *describe_role_mismatch(const redisReply *reply) {
  bool named =
      reply->type == REDIS_REPLY_ARRAY && reply->elements && is_text_reply(reply->element[0]);
  if (named && slice_equals_str(reply_text(reply->element[0]), "master")) return NULL;
  return "the server does not say that it is a master";
}

const char *sio__sentinel_check_role_reply(struct link *l, const redisReply *reply) {
  (void)l;
  return describe_role_mismatch(reply);
}

/* ---- the answer of a sentinel ---------------------------------------------------------------- */

static const char *parse_and_store_master_address(struct link *l, const redisReply *reply) {
  sio_redis *r = container_of(l, sio_redis, discovery);
  struct link_address *to = &r->master;
  if (reply->type == REDIS_REPLY_NIL)
    return "the sentinel watches no master with the name in the url";
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      !is_text_reply(reply->element[0]) || !is_text_reply(reply->element[1]))
    return "the server does not answer as a sentinel";
  sio_slice host = reply_text(reply->element[0]), port = reply_text(reply->element[1]);
  if (!sio__redis_is_valid_host(host) || !sio__redis_is_valid_port(port))
    return "the sentinel gave an invalid address for the master";
  *to = (struct link_address){ { 0 }, { 0 } };
  memcpy(to->host, host.p, host.n);
  memcpy(to->port, port.p, port.n);
  return NULL;
}

static void link_connect_to_master_if_waiting(sio_redis *r, struct link *l) {
  if (!l->locating) return;
  l->to = r->master;
  sio__link_connect_to_located_address(l);
}

static void stop_discovery_and_connect_to_master(struct link *l) {
  sio_redis *r = container_of(l, sio_redis, discovery);
  sio__link_disconnect_and_drop_commands(l);
  link_connect_to_master_if_waiting(r, &r->only_server->commands);
  link_connect_to_master_if_waiting(r, &r->only_server->subscriber);
}

static void ignore_sentinel_discovery_reply(struct link *l, const redisReply *reply) {
  (void)l, (void)reply;
}
static void ignore_lost_sentinel_discovery_reply(struct link *l, struct link_expect *e) {
  (void)l, (void)e;
}

const struct link_ops sio__sentinel_ops = { .ready = stop_discovery_and_connect_to_master,
                                            .reply = ignore_sentinel_discovery_reply,
                                            .lost = ignore_lost_sentinel_discovery_reply,
                                            .down = sio__discovery_log_failure_and_skip_host,
                                            .locate = sio__discovery_set_next_host,
                                            .greeted = parse_and_store_master_address };

/* ---- the connections to the master ----------------------------------------------------------- */

bool sio__sentinel_start_discovery_of_master(struct link *l) {
  sio__link_start_connecting_if_down(&sio__redis_server_of_link(l)->redis->discovery);
  return false;
}

static bool is_same_link_address(const struct link_address *a, const struct link_address *b) {
  return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

/* Called when l, one of the two connections of p, is ready. Counts and logs a change of the master.
 * If the other connection is ready and has another address, breaks that connection, so that it is
 * made again. */
void sio__sentinel_on_master_connected(struct redis_server *p, struct link *l) {
  sio_redis *r = p->redis;
  struct link *other = l == &p->commands ? &p->subscriber : &p->commands;
  if (r->followed.host[0] && !is_same_link_address(&r->followed, &l->to)) {
    r->stats.switches++;
    REDIS_LOG(r, REDIS_LOG_MASTER_CHANGED, SIO_LOG_WARN, "the Redis master is now %s port %s",
              l->to.host, l->to.port);
  }
  r->followed = l->to;
  if (!is_same_link_address(&other->to, &l->to))
    sio__link_break_and_reconnect(other, "another server is the master now");
}

/* An error reply says nothing about the role. For example, Redis answers with BUSY while a script
 * runs for long, and would refuse the login of a new connection, too. */
static void reconnect_if_server_is_not_master(struct link *l, const struct link_expect *expect,
                                              const redisReply *reply) {
  static const char why[] = "the server does not say any more that it is a master";
  struct redis_server *p = sio__redis_server_of_link(l);
  (void)expect;
  if (!reply || is_error_reply(reply) || !describe_role_mismatch(reply)) return;
  sio__link_break_and_reconnect(&p->subscriber, why);
  sio__link_break_and_reconnect(&p->commands, why);
}

void sio__sentinel_send_role_command_to_master(struct link *l) {
  static const struct link_expect expect = { .on_reply = reconnect_if_server_is_not_master,
                                             .slot = LINK_NO_SLOT };
  static const sio_slice words[] = { { "ROLE", 4 } };
  (void)sio__link_queue_command(l, &expect, words, 1);
}
