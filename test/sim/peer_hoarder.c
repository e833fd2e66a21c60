/* SPDX-License-Identifier: MIT
 *
 * peer_hoarder.c - a peer that sends little many times, to make the server keep something for each,
 * and hardly reads.
 */
#include "draw.h"
#include "engine_client.h"
#include "fault.h"

struct hoarder {
  struct engine_client e;
  struct peer *peer;
  const char *first, *packet;
  unsigned times, rounds;
};

static const char *const packets[] = {
  "40/x,",       "40/d-1,",
  "42[\"u\",1]", "420[\"u\",1]",
  "41/a,",       "451-[\"u\",{\"_placeholder\":true,\"num\":0}]",
  "3",           "43[]",
};

/* Much text in each packet, but not more than the smallest max_payload allows. */
static const char *large_event(void) {
  enum { LARGE = 6000 };
  static char text[LARGE + 1] = "42[\"u\",1,\"";
  size_t begins = strlen("42[\"u\",1,\"");
  memset(text + begins, 'l', LARGE - 2 - begins);
  memcpy(text + LARGE - 2, "\"]", 2);
  return text;
}

/* The host may take a while to let it into the namespace of its first packet, and refuses /never at
 * once: these replies come before it has joined. */
static void draw_packets(struct hoarder *h) {
  h->first = draw(2) ? "40" : NULL;
  h->packet = packets[draw(sizeof packets / sizeof *packets)];
  h->times = draw_size(16000) + 1;
  switch (draw(6)) {
    case 4:
      h->first = "40/m,";
      h->packet = "40/never,";
      h->times = draw_between(50, 2000);
      break;
    case 5:
      h->packet = large_event();
      h->times = draw_size(600) + 1;
      break;
  }
}

static void on_opened(struct engine_client *e) {
  struct hoarder *h = (struct hoarder *)e;
  if (h->first) engine_client_send(e, false, h->first, strlen(h->first));
  peer_sleep(h->peer, 1000);
}
static void on_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  (void)e, (void)binary, (void)p, (void)n;
}
static void on_closed(struct engine_client *e) { (void)e; }

static const struct engine_client_ops ops = { on_opened, on_message, on_closed };

static void start(struct peer *p) {
  struct hoarder *h = p->state;
  h->peer = h->e.peer = p;
  h->e.ops = &ops;
  h->e.path = "/socket.io/";
  h->e.protocol = 4;
  h->e.way = (enum engine_way)draw(2);
  h->e.polls = draw(4) == 3;
  draw_packets(h);
  h->rounds = draw_between(1, 3);
  p->crooked = true;
  if (h->e.way == ENGINE_WEBSOCKET) p->reading = (enum reading)draw(3);
  TELL("peer %u will send %.20s %u times over %s", p->number, h->packet, h->times,
       h->e.way == ENGINE_WEBSOCKET ? "WebSocket" : "polling");
  engine_client_open(&h->e);
  p->wake = kernel.now + 1000000;
}

static void step(struct peer *p) {
  struct hoarder *h = p->state;
  bool again = !h->e.out && h->rounds > 0 && h->e.state == ENGINE_OPEN;
  h->rounds -= again;
  for (unsigned i = 0; again && i < h->times; i++)
    engine_client_send(&h->e, false, h->packet, strlen(h->packet));
  engine_client_step(&h->e);
  if (h->e.state == ENGINE_OVER)
    peer_leave(p);
  else
    p->wake = kernel.now + draw_size(5000000) + 1000;
}

static void data(struct peer *p, struct wire *w) {
  struct hoarder *h = p->state;
  engine_client_data(&h->e, w);
}
static void ended(struct peer *p, struct wire *w) {
  struct hoarder *h = p->state;
  engine_client_ended(&h->e, w);
}
static void stop(struct peer *p) {
  struct hoarder *h = p->state;
  engine_client_free(&h->e);
}

const struct peer_kind peer_hoarder = { .name = "hoarder",
                                        .size = sizeof(struct hoarder),
                                        .start = start,
                                        .step = step,
                                        .data = data,
                                        .ended = ended,
                                        .stop = stop };
