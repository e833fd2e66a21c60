/* SPDX-License-Identifier: MIT
 *
 * redis_cluster_rig.h - redis_rig.h with a Redis Cluster: nodes 0 and 1 have the first and the
 * second half of the slots, node 2 has none.
 *
 *     begin_cluster(true);                       with the sharded adapter
 *     moved_slot = slot_of(ROOM0), owner = 1;    a slot has moved
 *     CHECK(strstr(seen, line(1, "SPUBLISH", ROOM0)));
 *     end_cluster();
 */
#ifndef SIO_TEST_REDIS_CLUSTER_RIG_H
#define SIO_TEST_REDIS_CLUSTER_RIG_H

#include "redis_questions.h"

enum { HALF = 8192 };

static char seen[4000];       /* what the nodes were told: "0 SPUBLISH channel\n" */
static int moved_slot, owner; /* a slot that has moved, and to whom; -1: none     */
static int known_owner;       /* the same, for the table                          */
static int asking_slot;       /* is answered with ASK                             */
static const char *table;     /* in place of the table                            */
static bool asked;            /* ASKING                                           */
static bool is_down;          /* CLUSTERDOWN                                      */
static bool one_has_all;      /* node 0 has all slots                             */
static bool each_has_all;     /* no node refuses a slot                           */
static char cluster_url[100];

static inline int slot_of(const char *channel) {
  return (int)sio__cluster_slot_of_key(slice_str(channel));
}

static inline int node_of(int slot) {
  return slot == moved_slot ? owner : slot >= HALF && !one_has_all;
}

static inline void say_range(struct fake_conn *c, int first, int last, int node) {
  char text[200];
  snprintf(text, sizeof text, "*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%u\r\n$2\r\nid\r\n", first,
           last, node ? 9 : 0, node ? "127.0.0.1" : "", fake_ports[node]);
  fake_say(c, text);
}

static inline void say_table(struct fake_conn *c) {
  if (table) {
    fake_say(c, table);
    return;
  }
  fake_say(c, known_owner >= 0 ? "*3\r\n" : "*2\r\n");
  say_range(c, 0, HALF - 1, 0);
  say_range(c, HALF, 16383, 1);
  if (known_owner >= 0) say_range(c, moved_slot, moved_slot, known_owner);
}

static inline void say_elsewhere(struct fake_conn *c, const char *word, int slot, int node) {
  char text[100];
  snprintf(text, sizeof text, "-%s %d 127.0.0.1:%u\r\n", word, slot, fake_ports[node]);
  fake_say(c, text);
}

/* False: it has been answered. */
static inline bool slot_is_here(struct fake_conn *c, sio_slice channel) {
  int slot = (int)sio__cluster_slot_of_key(channel);
  if (is_down) {
    fake_say(c, "-CLUSTERDOWN Hash slot not served\r\n");
    return false;
  }
  if (each_has_all) return true;
  if (slot == asking_slot && !asked) {
    say_elsewhere(c, "ASK", slot, !c->node);
    return false;
  }
  asked = false;
  if (slot == asking_slot || node_of(slot) == c->node) return true;
  say_elsewhere(c, "MOVED", slot, node_of(slot));
  return false;
}

/* What finds no room is not kept. */
static inline void see(const struct fake_conn *c, const sio_slice *w, size_t n) {
  size_t at = strlen(seen);
  snprintf(seen + at, sizeof seen - at, "%d %.*s%s%.*s\n", c->node, (int)w[0].n, w[0].p,
           n > 1 ? " " : "", n > 1 ? (int)w[1].n : 0, n > 1 ? w[1].p : "");
}

static inline bool special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (slice_equals_str(w[0], "CLUSTER")) {
    say_table(c);
    return true;
  }
  if (slice_equals_str(w[0], "PING") || slice_equals_str(w[0], "CLIENT") ||
      slice_equals_str(w[0], "AUTH"))
    return false;
  see(c, w, n);
  if (slice_equals_str(w[0], "ASKING")) {
    asked = true;
    fake_say(c, "+OK\r\n");
    return true;
  }
  bool has_slot = slice_equals_str(w[0], "SPUBLISH") || slice_equals_str(w[0], "SSUBSCRIBE");
  return has_slot && !slot_is_here(c, w[1]);
}

static inline void begin_cluster_code(bool is_sharded, sio_redis_options o) {
  sharded = is_sharded;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  for (int i = 0; i < 3; i++) fake_open_node(i);
  fake_special = special;
  moved_slot = known_owner = asking_slot = -1;
  table = NULL;
  asked = is_down = one_has_all = each_has_all = false;
  seen[0] = '\0';
  snprintf(cluster_url, sizeof cluster_url, "redis+cluster://127.0.0.1:%u", fake_ports[0]);
  o.url = cluster_url;
  EQ(begin_code(&o), 0);
}

static inline void begin_cluster(bool is_sharded) {
  begin_cluster_code(is_sharded, (sio_redis_options){ 0 });
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  seen[0] = '\0';
}

static inline void end_cluster(void) {
  fake_special = NULL;
  for (int i = 0; i < 3; i++) fake_close_node(i);
  end();
}

static inline const char *line(int node, const char *verb, const char *channel) {
  static char text[4][200];
  static unsigned next;
  char *out = text[next++ % 4];
  snprintf(out, sizeof text[0], "%d %s %s\n", node, verb, channel);
  return out;
}

static inline struct fake_conn *subscriber_of(int node) {
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0 && conns[i].node == node && conns[i].subscribed) return &conns[i];
  return NULL;
}

/* The server ends a subscription: the slot has moved. */
static inline void kick(int node, const char *channel) {
  struct fake_conn *c = subscriber_of(node);
  fake_say(c, "*3\r\n$12\r\nsunsubscribe\r\n");
  fake_bulk(c, slice_str(channel));
  fake_say(c, ":0\r\n");
}

static inline void push_to_room(int node, const char *channel) {
  struct fake_conn *c = subscriber_of(node);
  uint64_t before = redis_stats().received;
  fake_say(c, "*3\r\n$8\r\nsmessage\r\n");
  fake_bulk(c, slice_str(channel));
  fake_bulk(
      c,
      SLICE("{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":{\"rooms\":"
            "[],\"except\":[]}},\"uid\":\"1\",\"nsp\":\"/\"}"));
  UNTIL(redis_stats().received > before);
}

/* Rooms whose channels are on node 0 and on node 1. */
#define ROOM0 "socket.io#/#c#"
#define ROOM1 "socket.io#/#a#"

#endif
