/* SPDX-License-Identifier: MIT
 *
 * cluster.c - a Redis Cluster: which Redis server has which of the 16384 slots.
 *
 * The slot table comes from CLUSTER SLOTS. MOVED errors correct single slots. The table is
 * requested again, for example, after a MOVED error, when a connection breaks, and while a
 * subscription has no server. cluster_moves.c handles the commands whose slot moves.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

enum {
  SLOTS = 16384,
  SERVERS_MAX = 1000, /* the most servers of a cluster that are used */
  REDIRECTS_MAX = 5,  /* how often a command is redirected before it fails with the error reply */
  /* the delay between requests for the slot table is doubled up to this, or up to retry_max_ms if
   * that is less; only the first delay, retry_min_ms, may be longer */
  ASK_AGAIN_MS = 1000,
  /* the delay of a request for the slot table after a slot has moved: the server that is asked may
   * learn later that the slot has moved */
  AFTER_MOVED_MS = 1000
};

/* ---- slots ----------------------------------------------------------------------------------- */

/* Returns the CRC-16/XMODEM of s. */
static unsigned crc16(sio_slice s) {
  unsigned crc = 0;
  for (size_t i = 0; i < s.n; i++) {
    crc ^= (unsigned)(unsigned char)s.p[i] << 8;
    for (int bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}

/* Returns the slot of the key. If there are characters between the first '{' of the key and the
 * next '}', only these characters are hashed (the hash tag of the specification of Redis
 * Cluster). */
unsigned sio__cluster_slot_of_key(sio_slice key) {
  const char *open = key.n ? memchr(key.p, '{', key.n) : NULL;
  size_t after = open ? key.n - (size_t)(open + 1 - key.p) : 0;
  const char *end = after ? memchr(open + 1, '}', after) : NULL;
  if (end && end > open + 1) key = slice(open + 1, (size_t)(end - open - 1));
  return crc16(key) % SLOTS;
}

struct redis_server *sio__cluster_find_server_of_slot(sio_redis *r, int slot) {
  return slot < 0 ? r->cluster.default_server : r->cluster.slots[slot];
}

/* ---- when the slot table is requested -------------------------------------------------------- */

static void cluster_request_slot_table(sio_redis *r);

static void on_timer_request_slot_table(uv_timer_t *t) { cluster_request_slot_table(t->data); }

static void cluster_schedule_slot_table_request(sio_redis *r, unsigned wait_ms) {
  if (!r->users || r->freed || r->cluster.asking || uv_is_active((uv_handle_t *)&r->cluster.timer))
    return;
  uv_timer_start(&r->cluster.timer, on_timer_request_slot_table, wait_ms, 0);
}

void sio__cluster_request_slot_table_later(sio_redis *r) {
  struct redis_cluster *c = &r->cluster;
  unsigned wait = c->wait_ms ? c->wait_ms : r->options.retry_min_ms;
  if (uv_is_active((uv_handle_t *)&c->timer) || c->asking) return;
  unsigned most = r->options.retry_max_ms < ASK_AGAIN_MS ? r->options.retry_max_ms : ASK_AGAIN_MS;
  c->wait_ms = wait * 2 < most ? wait * 2 : most;
  cluster_schedule_slot_table_request(r, wait);
}

/* ---- servers --------------------------------------------------------------------------------- */

/* Finds the Redis server with this address, or adds it. Returns NULL if memory ran out or there are
 * SERVERS_MAX servers. */
static struct redis_server *cluster_find_or_add_server(sio_redis *r, const char *host,
                                                       const char *port) {
  unsigned n = 0;
  redis_servers_each(p, r) {
    if (strcmp(p->commands.to.host, host) == 0 && strcmp(p->commands.to.port, port) == 0) return p;
    n++;
  }
  struct redis_server *p = n < SERVERS_MAX ? sio__redis_server_new(r) : NULL;
  if (!p) return NULL;
  sio__link_set_address(&p->commands, host, port);
  sio__link_set_address(&p->subscriber, host, port);
  p->listed = true;
  return p;
}

/* Chooses the Redis server for commands that every server of the cluster takes: if possible, a
 * random one whose connections have not failed, so that the load is spread over the cluster. Keeps
 * the server that was chosen before if it is listed and its connections have not failed. */
static void cluster_choose_default_server_if_needed(sio_redis *r) {
  struct redis_server *found = r->cluster.default_server;
  unsigned n = 0, skip = 0;
  if (found && found->listed && !found->failing) return;
  redis_servers_each(p, r) n += p->listed && !p->failing;
  (void)sio__fill_random(&skip, sizeof skip);
  if (n) skip %= n;
  if (found && !found->listed) found = NULL;
  redis_servers_each(p, r) {
    if (!p->listed) continue;
    if (!found) found = p;
    if (!p->failing && skip-- == 0) found = p;
  }
  r->cluster.default_server = found;
}

/* ---- redirections --------------------------------------------------------------------------- */

struct redirect {
  bool moved; /* true for MOVED, false for ASK */
  int slot;
  struct redis_server *to;
};

/* Parses the text after MOVED or ASK, such as "3999 127.0.0.1:6381": the slot and the address. An
 * empty host stands for the host of the server that sent the redirection. Returns false if the text
 * is malformed or the server cannot be added. */
static bool parse_redirect_target_and_add_server(sio_redis *r, const struct link *l, sio_slice text,
                                                 struct redirect *out) {
  struct link_address to = { { 0 }, { 0 } };
  uint64_t slot;
  const char *space = memchr(text.p, ' ', text.n), *colon = text.p + text.n;
  if (!space || !sio__slice_parse_u64(slice(text.p, (size_t)(space - text.p)), &slot)) return false;
  while (colon > space && *colon != ':') colon--;
  if (colon == space || slot >= SLOTS) return false;
  sio_slice host = slice(space + 1, (size_t)(colon - space) - 1);
  sio_slice port = slice(colon + 1, (size_t)(text.p + text.n - colon) - 1);
  if ((host.n && !sio__redis_is_valid_host(host)) || !sio__redis_is_valid_port(port)) return false;
  if (!host.n) host = slice_str(l->to.host);
  memcpy(to.host, host.p, host.n);
  memcpy(to.port, port.p, port.n);
  out->slot = (int)slot;
  out->to = cluster_find_or_add_server(r, to.host, to.port);
  return out->to != NULL;
}

static bool parse_redirect_error_and_add_server(sio_redis *r, const struct link *l, sio_slice error,
                                                struct redirect *out) {
  static const sio_slice moved = { "MOVED ", 6 }, ask = { "ASK ", 4 };
  out->moved = error.n > moved.n && memcmp(error.p, moved.p, moved.n) == 0;
  size_t word = out->moved ? moved.n : ask.n;
  if (!out->moved && (error.n <= ask.n || memcmp(error.p, ask.p, ask.n) != 0)) return false;
  return parse_redirect_target_and_add_server(r, l, slice(error.p + word, error.n - word), out);
}

/* Counts the redirection. If it is MOVED, corrects the slot table, and schedules a request for the
 * table if none is scheduled or under way. Returns true if the slot table has changed. */
static bool cluster_count_redirect_and_fix_slot(sio_redis *r, const struct redirect *d) {
  bool changes = d->moved && r->cluster.slots[d->slot] != d->to;
  r->stats.redirected++;
  if (!d->moved) return false;
  r->cluster.slots[d->slot] = d->to;
  r->cluster.knows = d->to;
  d->to->listed = true;
  cluster_schedule_slot_table_request(r, AFTER_MOVED_MS);
  return changes;
}

bool sio__cluster_resend_if_redirected(struct link *l, struct link_expect *expect,
                                       const redisReply *reply) {
  struct redirect d;
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  if (expect->slot == LINK_SENT_ON) return true;
  if (!is_error_reply(reply)) return false;
  if (!parse_redirect_error_and_add_server(r, l, reply_text(reply), &d)) {
    sio__cluster_request_slot_table_later(r);
    return false;
  }
  cluster_count_redirect_and_fix_slot(r, &d);
  if (!expect->kept || ++expect->kept->redirected > REDIRECTS_MAX) {
    sio__cluster_requeue_commands_of_moved_slots(r);
    return false;
  }
  if (d.moved)
    sio__cluster_resend_after_moved(l, expect, d.slot, d.to);
  else
    sio__cluster_resend_after_ask(l, expect, d.to);
  return true;
}

/* Called with an error reply on the connection for subscriptions. Handles a MOVED or an ASK error,
 * and returns true. Returns false if the error is another one, is malformed, or names a server that
 * cannot be added. */
bool sio__cluster_handle_subscriber_redirect_error(struct link *l, sio_slice error) {
  struct redirect d;
  struct redis_server *p = sio__redis_server_of_link(l);
  if (!parse_redirect_error_and_add_server(p->redis, l, error, &d)) return false;
  if (cluster_count_redirect_and_fix_slot(p->redis, &d))
    sio__cluster_requeue_commands_of_moved_slots(p->redis);
  return true;
}

bool sio__cluster_is_error_temporary(sio_slice error) {
  static const char *const words[] = { "CLUSTERDOWN", "TRYAGAIN", "LOADING", "MASTERDOWN" };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (error.n >= strlen(words[i]) && memcmp(error.p, words[i], strlen(words[i])) == 0)
      return true;
  return false;
}

bool sio__cluster_handle_redirect_or_temporary_error(sio_redis *r, const struct link *l,
                                                     sio_slice error) {
  struct redirect d;
  bool redirected = parse_redirect_error_and_add_server(r, l, error, &d);
  if (redirected && cluster_count_redirect_and_fix_slot(r, &d))
    sio__cluster_requeue_commands_of_moved_slots(r);
  if (!redirected && sio__cluster_is_error_temporary(error))
    sio__cluster_request_slot_table_later(r);
  return redirected || sio__cluster_is_error_temporary(error);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Checks one element of the reply to CLUSTER SLOTS, which is [first slot, last slot, [host, port,
 * ...], replicas]. Returns false if the element is malformed. */
static bool is_valid_slot_range(const redisReply *range) {
  if (range->type != REDIS_REPLY_ARRAY || range->elements < 3) return false;
  redisReply *const *v = range->element;
  if (v[0]->type != REDIS_REPLY_INTEGER || v[1]->type != REDIS_REPLY_INTEGER) return false;
  if (v[0]->integer < 0 || v[0]->integer > v[1]->integer || v[1]->integer >= SLOTS) return false;
  if (v[2]->type != REDIS_REPLY_ARRAY || v[2]->elements < 2) return false;
  const redisReply *host = v[2]->element[0], *port = v[2]->element[1];
  if (port->type != REDIS_REPLY_INTEGER || port->integer < 1 || port->integer > 65535) return false;
  if (host->type == REDIS_REPLY_NIL) return true;
  return is_text_reply(host) && (!host->len || sio__redis_is_valid_host(reply_text(host)));
}

static bool is_valid_slot_table(const redisReply *table) {
  if (table->type != REDIS_REPLY_ARRAY || !table->elements) return false;
  for (size_t i = 0; i < table->elements; i++)
    if (!is_valid_slot_range(table->element[i])) return false;
  return true;
}

static void cluster_apply_slot_range(sio_redis *r, const redisReply *range, const char *own_host) {
  char port[NUM_MAX + 1];
  redisReply *const *v = range->element;
  const redisReply *host = v[2]->element[0];
  port[sio__u64_to_text(port, (uint64_t)v[2]->element[1]->integer)] = '\0';
  bool named = host->type != REDIS_REPLY_NIL && host->len && strcmp(host->str, "?") != 0;
  struct redis_server *p = cluster_find_or_add_server(r, named ? host->str : own_host, port);
  if (!p) return;
  p->listed = true;
  for (long long i = v[0]->integer; i <= v[1]->integer; i++) r->cluster.slots[i] = p;
}

static struct redis_server *cluster_find_unused_unlisted_server(const sio_redis *r) {
  redis_servers_each(p, r) if (!p->listed && !p->subscriptions && !p->owed_replies) return p;
  return NULL;
}

/* Closes the servers that the slot table does not name, except those that have subscriptions or
 * owed_replies. */
static void cluster_close_unused_unlisted_servers(sio_redis *r) {
  struct redis_server *p;
  while ((p = cluster_find_unused_unlisted_server(r))) {
    if (r->cluster.knows == p) r->cluster.knows = NULL;
    sio__cluster_requeue_unwritten_of_server(p);
    sio__redis_server_close_both_connections(p);
  }
  if (r->cluster.commands_held) cluster_schedule_slot_table_request(r, AFTER_MOVED_MS);
}

static bool is_cluster_known_and_healthy(const sio_redis *r) {
  redis_servers_each(p, r) if (p->failing) return false;
  return r->cluster.known && !r->unplaced && !r->to_confirm;
}

static void cluster_apply_slot_table(sio_redis *r, const redisReply *table,
                                     const struct link *from) {
  struct link_address own = from->to;
  redis_servers_each(p, r) p->listed = false;
  memset(r->cluster.slots, 0, SLOTS * sizeof *r->cluster.slots);
  for (size_t i = 0; i < table->elements; i++)
    cluster_apply_slot_range(r, table->element[i], own.host);
  r->cluster.known = true;
  cluster_choose_default_server_if_needed(r);
  sio__redis_repair_subscriptions(r);
  sio__cluster_requeue_commands_of_moved_slots(r);
  cluster_close_unused_unlisted_servers(r);
  if (is_cluster_known_and_healthy(r)) r->cluster.wait_ms = 0;
  sio__redis_schedule_flush(r); /* a stream may wait until the server of its slot is known */
}

/* ---- requesting the table -------------------------------------------------------------------- */

static void on_slot_table_reply(struct link *l, const struct link_expect *expect,
                                const redisReply *reply) {
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  (void)expect;
  r->cluster.asking = false;
  if (reply && is_valid_slot_table(reply)) cluster_apply_slot_table(r, reply, l);
  if (!is_cluster_known_and_healthy(r)) sio__cluster_request_slot_table_later(r);
}

static bool can_server_send_slot_table(const struct redis_server *p) {
  return p && p->listed && !p->failing && p->commands.state == LINK_READY;
}

/* Requests the slot table from one server: if possible, from the server that the last MOVED error
 * named, because that server probably knows the newest table. If no server can be asked, or the
 * command cannot be queued, opens the discovery connection, which requests the table. */
static void cluster_request_slot_table(sio_redis *r) {
  static const struct link_expect expect = { .on_reply = on_slot_table_reply,
                                             .slot = LINK_NO_SLOT };
  static const sio_slice words[] = { { "CLUSTER", 7 }, { "SLOTS", 5 } };
  struct redis_server *who = can_server_send_slot_table(r->cluster.knows) ? r->cluster.knows : NULL;
  redis_servers_each(p, r) if (!who && can_server_send_slot_table(p)) who = p;
  r->cluster.asking = true;
  if (!who || sio__link_queue_command(&who->commands, &expect, words, 2))
    sio__link_start_connecting_if_down(&r->discovery);
  sio__redis_schedule_flush(r);
}

static const char *check_and_apply_discovered_slot_table(struct link *l, const redisReply *reply) {
  sio_redis *r = container_of(l, sio_redis, discovery);
  if (!is_valid_slot_table(reply))
    return "the server is not a node of a Redis Cluster, or no slots are assigned";
  cluster_apply_slot_table(r, reply, l);
  return NULL;
}

static void close_discovery_after_slot_table(struct link *l) {
  sio_redis *r = container_of(l, sio_redis, discovery);
  sio__link_disconnect_and_drop_commands(l);
  r->cluster.asking = false;
  if (!is_cluster_known_and_healthy(r)) sio__cluster_request_slot_table_later(r);
}

static void ignore_cluster_discovery_reply(struct link *l, const redisReply *reply) {
  (void)l, (void)reply;
}
static void ignore_lost_cluster_discovery_reply(struct link *l, struct link_expect *e) {
  (void)l, (void)e;
}

const struct link_ops sio__cluster_ops = { .ready = close_discovery_after_slot_table,
                                           .reply = ignore_cluster_discovery_reply,
                                           .lost = ignore_lost_cluster_discovery_reply,
                                           .down = sio__discovery_log_failure_and_skip_host,
                                           .locate = sio__discovery_set_next_host,
                                           .greeted = check_and_apply_discovered_slot_table };

/* ---- start and end --------------------------------------------------------------------------- */

void sio__cluster_on_server_connection_failed(struct redis_server *p) {
  sio_redis *r = p->redis;
  if (p == r->cluster.default_server) cluster_choose_default_server_if_needed(r);
  p->overdue = false;
  sio__cluster_requeue_commands_of_moved_slots(r);
  r->misplaced = true;
  sio__cluster_request_slot_table_later(r);
}

void sio__cluster_request_slot_table_soon(sio_redis *r) {
  r->cluster.wait_ms = 0;
  if (!r->cluster.asking) cluster_schedule_slot_table_request(r, 0);
}

void sio__cluster_stop_and_reset(sio_redis *r) {
  uv_timer_stop(&r->cluster.timer);
  uv_timer_stop(&r->cluster.hold);
  sio__link_disconnect_and_drop_commands(&r->discovery);
  sio__redis_detach_subscriptions_from_servers(r);
  memset(r->cluster.slots, 0, SLOTS * sizeof *r->cluster.slots);
  r->cluster.default_server = r->cluster.knows = NULL;
  r->cluster.known = r->cluster.asking = r->cluster.commands_held = false;
  redis_servers_each(p, r) {
    p->owed_replies = 0;
    p->overdue = false;
  }
}

int sio__cluster_init_slots_and_timers(sio_redis *r) {
  if (!(r->cluster.slots = sio__calloc(SLOTS, sizeof *r->cluster.slots))) return UV_ENOMEM;
  uv_timer_init(r->loop, &r->cluster.timer);
  uv_timer_init(r->loop, &r->cluster.hold);
  r->cluster.timer.data = r->cluster.hold.data = r;
  r->handles += 2;
  return 0;
}

static void on_cluster_timer_closed_free_redis_if_last(uv_handle_t *h) {
  sio_redis *r = h->data;
  r->handles--;
  sio__redis_free_if_closed(r);
}

void sio__cluster_reset_and_close_timers(sio_redis *r) {
  sio__cluster_stop_and_reset(r);
  uv_close((uv_handle_t *)&r->cluster.timer, on_cluster_timer_closed_free_redis_if_last);
  uv_close((uv_handle_t *)&r->cluster.hold, on_cluster_timer_closed_free_redis_if_last);
}

void sio__cluster_free_slots(sio_redis *r) { sio__free(r->cluster.slots); }
