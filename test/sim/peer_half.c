/* SPDX-License-Identifier: MIT
 *
 * peer_half.c - a peer that asks one thing, says that it will send no more, and waits for the
 * answer, as a shell script with a pipe does.
 */
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "http_client.h"
#include "kernel.h"
#include "memory.h"

struct half {
  struct peer *peer;
  struct http_client http;
  bool answered;
  bool certain; /* nothing that the server may do keeps it from an answer */
};

static bool is_certain(const struct peer *p) {
  const sio_options *o = &host.opts;
  return p->reading == READS_ALL && p->delay_us + p->jitter_us < 100000 &&
         !kernel.poll_init_fails && !kernel.aborted && !kernel.accept_fails &&
         !o->max_connections && !o->max_per_address && !o->connects_per_s && !o->max_pending &&
         !o->requests_per_s && !o->head_timeout_ms && !o->body_timeout_ms;
}

static void start(struct peer *p) {
  static const char request[] = "POST /api/x HTTP/1.1\r\nHost: sim\r\nContent-Length: 2\r\n\r\nhi";
  struct half *h = p->state;
  h->peer = h->http.peer = p;
  p->port = PORT_PLAIN;
  if (!p->address) p->address = 0x0a000001;
  h->certain = is_certain(p);
  if (!http_client_open(&h->http)) return;
  http_client_say(&h->http, request, sizeof request - 1);
  h->http.waiting = 1;
  wire_fin(h->http.wire);
  p->wake = kernel.now + draw_size(60000000) + 1000;
}

static void step(struct peer *p) {
  const struct half *h = p->state;
  if (h->answered || !h->http.wire)
    peer_leave(p);
  else
    p->wake = kernel.now + draw_size(60000000) + 1000;
}

static void data(struct peer *p, struct wire *w) {
  struct half *h = p->state;
  struct http_answer a;
  (void)w;
  http_client_read(&h->http);
  while (h->http.wire && http_client_look(&h->http, &a)) {
    h->answered |= a.status >= 200;
    http_client_next(&h->http, &a);
  }
}

/* Nobody may have listened, or have had room for it; but who was told to wait is answered. */
static void ended(struct peer *p, struct wire *w) {
  struct half *h = p->state;
  if (!h->answered && w->accepted && h->certain && !p->crooked && !memory.failed &&
      !host_is_ending())
    fault("a peer that half-closes is not answered", "peer %u", p->number);
  http_client_hang_up(&h->http);
}

static void stop(struct peer *p) {
  struct half *h = p->state;
  http_client_free(&h->http);
}

const struct peer_kind peer_half = { .name = "half-closing",
                                     .size = sizeof(struct half),
                                     .start = start,
                                     .step = step,
                                     .data = data,
                                     .ended = ended,
                                     .stop = stop };
