/* SPDX-License-Identifier: MIT
 *
 * peer_crowd.c - a peer that joins many namespaces and sends events to all of them, whoever
 * answers, and leaves some and joins them again. What is held because of it has one bound for all.
 */
#include "draw.h"
#include "engine_client.h"
#include "fault.h"

enum { CROWD = 60, SENT_MAX = 5000000 };

struct crowd {
  struct engine_client e;
  struct peer *peer;
  unsigned nsps, rounds;
  size_t size; /* of an event's text */
};

static void say_to(struct crowd *c, const char *type, unsigned i, const char *json) {
  struct bytes b = { 0 };
  bytes_printf(&b, "4%s/d-%u,%s", type, i, json);
  engine_client_send(&c->e, false, b.p, b.n);
  bytes_free(&b);
}

static void on_opened(struct engine_client *e) {
  struct crowd *c = (struct crowd *)e;
  for (unsigned i = 0; i < c->nsps; i++) say_to(c, "0", i, "");
  peer_sleep(c->peer, 1000);
}
static void on_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  (void)e, (void)binary, (void)p, (void)n;
}
static void on_closed(struct engine_client *e) { (void)e; }

static const struct engine_client_ops ops = { on_opened, on_message, on_closed };

static void start(struct peer *p) {
  struct crowd *c = p->state;
  c->peer = c->e.peer = p;
  c->e.ops = &ops;
  c->e.path = "/socket.io/";
  c->e.protocol = 4;
  c->e.way = (enum engine_way)draw(2);
  c->e.polls = true;
  c->nsps = draw_between(1, CROWD);
  c->rounds = draw_between(1, 60);
  c->size = draw(2) ? draw_size(6000) + 1 : 6000;
  p->crooked = true;
  if (c->e.way == ENGINE_WEBSOCKET) p->reading = (enum reading)draw(2);
  TELL("peer %u will join %u namespaces, and say %zu bytes in each, %u times", p->number, c->nsps,
       c->size, c->rounds);
  engine_client_open(&c->e);
  p->wake = kernel.now + 1000000;
}

static void say_to_all(struct crowd *c) {
  struct bytes event = { 0 };
  bytes_text(&event, "[\"u\",0,\"");
  bytes_fill(&event, 'c', c->size);
  bytes_text(&event, "\"]");
  bytes_more(&event, 0);
  for (unsigned i = 0; i < c->nsps; i++) {
    say_to(c, "2", i, event.p);
    if (!draw_one_in(20)) continue;
    say_to(c, "1", i, "");
    say_to(c, "0", i, "");
  }
  bytes_free(&event);
}

static void step(struct peer *p) {
  struct crowd *c = p->state;
  if (!c->e.out && c->rounds > 0 && c->e.state == ENGINE_OPEN && p->sent < SENT_MAX) {
    c->rounds--;
    say_to_all(c);
  }
  engine_client_step(&c->e);
  if (c->e.state == ENGINE_OVER)
    peer_leave(p);
  else
    p->wake = kernel.now + draw_size(500000) + 1000;
}

static void data(struct peer *p, struct wire *w) {
  struct crowd *c = p->state;
  engine_client_data(&c->e, w);
}
static void ended(struct peer *p, struct wire *w) {
  struct crowd *c = p->state;
  engine_client_ended(&c->e, w);
}
static void stop(struct peer *p) {
  struct crowd *c = p->state;
  engine_client_free(&c->e);
}

const struct peer_kind peer_crowd = { .name = "crowd",
                                      .size = sizeof(struct crowd),
                                      .start = start,
                                      .step = step,
                                      .data = data,
                                      .ended = ended,
                                      .stop = stop };
