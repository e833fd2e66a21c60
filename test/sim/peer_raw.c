/* SPDX-License-Identifier: MIT
 *
 * peer_raw.c - who speaks Engine.IO and nothing above it: its messages must come back whole, in
 * order, and as what they were, text or binary.
 */
#include "draw.h"
#include "engine_client.h"
#include "fault.h"
#include "host.h"
#include "memory.h"

struct raw {
  struct engine_client e;
  struct peer *peer;
  unsigned said, heard;
};

static bool may_be_dropped(void) { return memory.failed || host.opts.queue_high; }

static void say(struct raw *c) {
  char text[3000];
  int n = snprintf(text, sizeof text, "%u:", ++c->said);
  size_t more = draw_size(2000);
  memset(text + n, 'r', more);
  engine_client_send(&c->e, c->said % 3 == 0, text, (size_t)n + more);
}

static void on_opened(struct engine_client *e) {
  struct raw *c = (struct raw *)e;
  peer_sleep(c->peer, draw_size(1000000));
}

/* With protocol 3 and Base64 a text and bytes come alike. */
static void on_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  struct raw *c = (struct raw *)e;
  unsigned number = 0;
  size_t i = 0;
  if (c->peer->crooked) return;
  while (i < n && p[i] >= '0' && p[i] <= '9') number = number * 10 + (unsigned)(p[i++] - '0');
  if (number <= c->heard || (number != c->heard + 1 && !may_be_dropped()))
    fault("an echo is lost, or comes twice", "%u behind %u", number, c->heard);
  if (binary != (number % 3 == 0)) fault("an echo is of another kind", "number %u", number);
  c->heard = number;
}
static void on_closed(struct engine_client *e) { (void)e; }

static const struct engine_client_ops ops = { on_opened, on_message, on_closed };

static void begin(struct peer *p, bool restless) {
  struct raw *c = p->state;
  c->peer = c->e.peer = p;
  c->e.ops = &ops;
  c->e.path = "/raw/";
  engine_client_draw(&c->e);
  if (restless) engine_client_draw_restless(&c->e);
  if (!c->e.polls && p->reading == READS_ALL) p->reading = READS_SLOWLY;
  engine_client_open(&c->e);
  engine_client_wake_in(&c->e, 1000000);
}

static void start(struct peer *p) { begin(p, false); }
static void start_restless(struct peer *p) { begin(p, true); }

/* How many messages it says in a step. */
static unsigned draw_count(const struct raw *c) {
  bool hurries = host.upgraders && engine_client_is_probing(&c->e);
  if (hurries && host.opts.bytes_per_s) return draw_between(1, 6);
  if (hurries) return draw_between(10, 60);
  return draw_size(c->e.restless ? 100 : 20);
}

/* One that upgrades while the server is late goes on until it has upgraded: its next POST may be
 * the one that crosses "3probe". */
static bool wants_to_close(const struct raw *c) {
  return !(host.upgraders && engine_client_is_probing(&c->e)) && draw_one_in(40);
}

static void step(struct peer *p) {
  struct raw *c = p->state;
  engine_client_step(&c->e);
  if (c->e.state == ENGINE_OVER) {
    peer_leave(p);
    return;
  }
  if (c->e.state == ENGINE_OPEN && !c->e.said_close && !host.calm) {
    for (unsigned i = draw_count(c); i > 0; i--) say(c);
    if (wants_to_close(c)) engine_client_close(&c->e);
  }
  engine_client_step(&c->e);
  engine_client_wake_in(&c->e, host.calm ? 1000000 : engine_client_draw_pace(&c->e, 3000000));
}

static void data(struct peer *p, struct wire *w) {
  struct raw *c = p->state;
  engine_client_data(&c->e, w);
  if (c->e.state == ENGINE_OVER)
    p->wake = kernel.now + 1;
  else if (engine_client_next(&c->e) < p->wake)
    engine_client_wake_in(&c->e, NEVER / 2);
}

static void ended(struct peer *p, struct wire *w) {
  struct raw *c = p->state;
  engine_client_ended(&c->e, w);
  if (c->e.state == ENGINE_OVER) p->wake = kernel.now + 1;
}

static void stop(struct peer *p) {
  struct raw *c = p->state;
  engine_client_free(&c->e);
}

static void calm(struct peer *p) {
  struct raw *c = p->state;
  engine_client_step(&c->e);
}

static void settled(struct peer *p) {
  const struct raw *c = p->state;
  if (c->e.state != ENGINE_OPEN || p->crooked || !c->e.polls || c->e.said_close) return;
  if (c->heard != c->said && !may_be_dropped())
    fault("an echo does not arrive", "peer %u has heard %u of %u", p->number, c->heard, c->said);
}

/* The kinds differ in how they begin. */
#define RAW_PEER_KIND(text, begin)                                                            \
  {                                                                                           \
    .name = (text), .size = sizeof(struct raw), .start = (begin), .step = step, .data = data, \
    .ended = ended, .stop = stop, .calm = calm, .settled = settled                            \
  }

const struct peer_kind peer_raw = RAW_PEER_KIND("raw engine", start);

const struct peer_kind peer_restless_raw = RAW_PEER_KIND("restless raw engine", start_restless);
