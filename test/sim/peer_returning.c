/* SPDX-License-Identifier: MIT
 *
 * peer_returning.c - a peer of a cluster (cluster.h): it joins rooms, its line breaks, and it comes
 * back, to whichever member takes the connection.
 */
#include "cluster.h"
#include "draw.h"
#include "engine_client.h"
#include "fault.h"
#include "host.h"
#include <stdlib.h>
#include <string.h>

struct returning {
  struct engine_client e;
  struct peer *peer;
  char sid[80], pid[80], offset[80];
  struct cluster_seen seen;
  bool in;       /* it is connected to the namespace */
  bool returns;  /* it has asked to be who it was: what it missed comes before the answer */
  unsigned room; /* that it asks for; CLUSTER_ROOMS: it has not asked */
};

static void say(struct returning *c, const char *text) {
  engine_client_send(&c->e, false, text, strlen(text));
}

static void on_opened(struct engine_client *e) {
  struct returning *c = (struct returning *)e;
  char text[300];
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", c->pid, c->offset);
  c->returns = *c->pid && *c->offset;
  memset(c->seen.local, 0, sizeof c->seen.local);
  say(c, c->returns ? text : "40");
  peer_sleep(c->peer, draw_size(300000));
}

static void find(const char *p, const char *key, char out[80]) {
  const char *at = strstr(p, key);
  *out = '\0';
  if (at) snprintf(out, 80, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}

/* Another id: it is another socket, that knows nothing of what was before. */
static void on_connected(struct returning *c, const char *p) {
  char sid[80];
  find(p, "\"sid\":\"", sid);
  bool same = *sid && strcmp(sid, c->sid) == 0;
  TELL("peer %u is %.4s, %s", c->peer->number, sid, same ? "as before" : "new");
  if (!same) {
    c->seen = (struct cluster_seen){ .ms = 0 };
    *c->offset = '\0';
  }
  memcpy(c->sid, sid, sizeof sid);
  find(p, "\"pid\":\"", c->pid);
  c->in = true;
  c->returns = false;
  c->room = CLUSTER_ROOMS;
}

/* 2["k",number,"k","offset"] */
static void on_event(struct returning *c, const char *p) {
  char offset[80];
  uint64_t number = strtoull(p + 6, NULL, 10);
  find(p, ",\"k\",\"", offset);
  cluster_received(c->peer->number, &c->seen, number, offset);
  if (*offset) memcpy(c->offset, offset, sizeof offset);
}

static void on_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  struct returning *c = (struct returning *)e;
  char text[400];
  (void)binary;
  snprintf(text, sizeof text, "%.*s", (int)n, p);
  if (*text == '0') on_connected(c, text);
  if (*text == '1' || *text == '4') c->in = c->returns = false;
  if ((c->in || c->returns) && strncmp(text, "2[\"k\",", 6) == 0) on_event(c, text);
  if (c->in && strncmp(text, "31[", 3) == 0 && c->room < CLUSTER_ROOMS) {
    c->seen.in_since[c->room] = strtoull(text + 3, NULL, 10);
    c->room = CLUSTER_ROOMS;
  }
}

static void on_closed(struct engine_client *e) {
  struct returning *c = (struct returning *)e;
  c->in = c->returns = false;
}

static const struct engine_client_ops ops = { on_opened, on_message, on_closed };

static void open_session(struct returning *c) {
  struct peer *p = c->peer;
  engine_client_free(&c->e);
  c->e = (struct engine_client){ .peer = p, .ops = &ops, .path = "/socket.io/", .protocol = 4 };
  c->e.polls = true;
  c->e.way = (enum engine_way)draw(3);
  engine_client_open(&c->e);
  engine_client_wake_in(&c->e, 1000000);
}

static void start(struct peer *p) {
  struct returning *c = p->state;
  c->peer = p;
  p->breaks = 0;
  if (draw(4)) p->reading = READS_ALL;
  open_session(c);
}

static void ask_for_room(struct returning *c) {
  char text[20];
  if (!c->in || c->room < CLUSTER_ROOMS) return;
  c->room = draw(CLUSTER_ROOMS);
  snprintf(text, sizeof text, "421[\"j\",%u]", c->room);
  if (c->seen.in_since[c->room])
    c->room = CLUSTER_ROOMS;
  else
    say(c, text);
}

static void step(struct peer *p) {
  struct returning *c = p->state;
  engine_client_step(&c->e);
  if (c->e.state == ENGINE_OVER && host.calm && !*c->sid) {
    peer_leave(p);
    return;
  }
  if (c->e.state == ENGINE_OVER)
    open_session(c);
  else if (!host.calm && draw_one_in(4))
    ask_for_room(c);
  else if (!host.calm && draw_one_in(8))
    engine_client_break(&c->e);
  engine_client_step(&c->e);
  bool is_over = c->e.state == ENGINE_OVER;
  if (is_over)
    peer_sleep(p, 1000 + draw_size(4000000));
  else
    engine_client_wake_in(&c->e, host.calm ? 1000000 : 1000 + draw_size(1000000));
}

static void data(struct peer *p, struct wire *w) {
  struct returning *c = p->state;
  engine_client_data(&c->e, w);
  if (c->e.state == ENGINE_OVER)
    peer_sleep(p, 1000 + draw_size(2000000));
  else if (engine_client_next(&c->e) < p->wake)
    engine_client_wake_in(&c->e, NEVER / 2);
}

static void ended(struct peer *p, struct wire *w) {
  struct returning *c = p->state;
  engine_client_ended(&c->e, w);
  if (c->e.state == ENGINE_OVER) peer_sleep(p, 1000 + draw_size(2000000));
}

static void stop(struct peer *p) {
  struct returning *c = p->state;
  engine_client_free(&c->e);
}

static void settled(struct peer *p) {
  const struct returning *c = p->state;
  if (c->in && c->e.state == ENGINE_OPEN) cluster_settled(p->number, &c->seen);
}

const struct peer_kind peer_returning = { .name = "returning",
                                          .size = sizeof(struct returning),
                                          .start = start,
                                          .step = step,
                                          .data = data,
                                          .ended = ended,
                                          .stop = stop,
                                          .settled = settled };
