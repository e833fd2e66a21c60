/* SPDX-License-Identifier: MIT
 *
 * peer_plain.c - who knows nothing of Socket.IO: requests to the host's routes, one after the other
 * or pipelined, and a plain WebSocket, whose echo must come back whole and in order.
 */
#include "draw.h"
#include "engine_client.h"
#include "fault.h"
#include "host.h"
#include "memory.h"

struct plain {
  struct peer *peer;
  struct http_client http;
  struct ws_client ws;
  bool websocket;
  uint64_t asked_at; /* when the oldest request that is not answered yet was sent */
  unsigned said, heard;
};

/* ---- requests ----------------------------------------------------------------------- */

static const char *const requests[] = {
  "GET /api/x HTTP/1.1\r\nHost: sim\r\n\r\n",
  "POST /api/y HTTP/1.1\r\nHost: sim\r\nContent-Length: 5\r\n\r\nhello",
  "POST /api/z HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "GET /nowhere HTTP/1.1\r\nHost: sim\r\n\r\n",
  "GET /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: sim\r\n\r\n",
  "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: sim\r\nOrigin: http://a\r\n\r\n",
  "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: sim\r\n\r\n",
};

static const char *const rude[] = {
  "GET / HTTP/1.1\r\n\r\n",
  "GET /api/x HTTP/1.1\r\nHost: sim\r\nHost: sim\r\n\r\n",
  "POST /api/x HTTP/1.1\r\nHost: sim\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
  "POST /api/x HTTP/1.1\r\nHost: sim\r\nContent-Length: 99999999999999999999\r\n\r\n",
  "POST /api/x HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
  "GET /api/x HTTP/1.0\r\n\r\n",
  "GET /api/\x01 HTTP/1.1\r\nHost: sim\r\n\r\n",
  "POST /api/x HTTP/1.1\r\nHost: sim\r\nContent-Length: 50\r\n\r\nhalf",
  "GET /api/x HTTP/1.1\r\nHost: s",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01",
  "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /api/x HTTP/1.1\r\nHost: sim\r\n\r\n",
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\n\r\n",
};

static void say_text(struct plain *c, const char *text) {
  http_client_say(&c->http, text, strlen(text));
}

static void say_large_head(struct plain *c) {
  struct bytes b = { 0 };
  bytes_text(&b, "GET /api/x HTTP/1.1\r\nHost: sim\r\n");
  for (unsigned i = draw_size(200); i > 0; i--) bytes_printf(&b, "X-%u: %0*d\r\n", i, 100, 0);
  bytes_text(&b, "\r\n");
  http_client_say(&c->http, b.p, b.n);
  bytes_free(&b);
}

static void ask(struct plain *c) {
  if (!http_client_open(&c->http)) return;
  if (peer_breaks(c->peer)) {
    unsigned n = sizeof rude / sizeof *rude, which = draw(n + 1);
    if (which == n)
      say_large_head(c);
    else
      say_text(c, rude[which]);
    return;
  }
  if (!c->http.waiting) c->asked_at = kernel.now;
  /* The client's script is large: the last request is for those with a good line. */
  unsigned kinds = sizeof requests / sizeof *requests;
  if (c->peer->room < 65536 || c->peer->delay_us > 20000) kinds--;
  for (unsigned i = draw_size(4) + 1; i > 0; i--) {
    say_text(c, requests[draw(kinds)]);
    c->http.waiting++;
  }
}

static void take_answers(struct plain *c) {
  struct http_answer a;
  http_client_read(&c->http);
  if (c->peer->crooked) c->http.in.n = 0;
  while (c->http.wire && http_client_look(&c->http, &a)) {
    if (!c->http.waiting) fault("an answer that nobody asked for", "%d", a.status);
    http_client_next(&c->http, &a);
    c->asked_at = kernel.now;
  }
}

/* ---- a WebSocket -------------------------------------------------------------------- */

static void say_echo(struct plain *c) {
  char text[3000];
  if (c->ws.state != WS_OPEN || c->ws.close_sent) return;
  int n = snprintf(text, sizeof text, "%u:", c->said++);
  size_t more = draw_size(2000);
  memset(text + n, 'e', more);
  ws_client_send(&c->ws, draw(2), text, (size_t)n + more);
}

/* The host says "hello" on its own, in between. */
static void take_echoes(struct plain *c) {
  int what;
  while ((what = ws_client_next(&c->ws)) != 0) {
    const struct bytes *m = &c->ws.message;
    if (what == WS_CLOSE || what == WS_PONG || c->peer->crooked) continue;
    if (m->n == 5 && memcmp(m->p, "hello", 5) == 0) continue;
    unsigned n = (unsigned)strtoul(m->p, NULL, 10);
    if (n != c->heard && !memory.failed)
      fault("an echo is lost, or comes twice", "%u, not %u", n, c->heard);
    c->heard = n + 1;
  }
}

/* ---- a peer ------------------------------------------------------------------------- */

static void start(struct peer *p) {
  struct plain *c = p->state;
  c->peer = c->http.peer = c->ws.peer = p;
  c->websocket = draw(2);
  c->ws.offers_deflate = draw(2);
  if (c->websocket) ws_client_open(&c->ws, "/plain", NULL);
  p->wake = kernel.now + draw_size(1000000) + 1000;
}

static void step(struct peer *p) {
  struct plain *c = p->state;
  if (c->websocket && c->ws.state == WS_OVER) {
    peer_leave(p);
    return;
  }
  if (!host.calm && c->websocket)
    say_echo(c);
  else if (!host.calm && c->http.waiting < 20)
    ask(c);
  if (c->websocket && draw_one_in(30)) ws_client_close(&c->ws);
  p->wake = kernel.now + 1000 + draw_size(host.calm ? 10000000 : 3000000);
}

static void data(struct peer *p, struct wire *w) {
  struct plain *c = p->state;
  if (w == c->http.wire) take_answers(c);
  if (w == c->ws.http.wire) take_echoes(c);
}

static void ended(struct peer *p, struct wire *w) {
  struct plain *c = p->state;
  if (w == c->http.wire) http_client_hang_up(&c->http);
  if (w == c->ws.http.wire) ws_client_hang_up(&c->ws);
}

static void stop(struct peer *p) {
  struct plain *c = p->state;
  http_client_free(&c->http);
  ws_client_free(&c->ws);
}

static void settled(struct peer *p) {
  const struct plain *c = p->state;
  if (c->http.wire && c->http.waiting && !p->crooked && !memory.failed)
    fault("a request is not answered", "peer %u waits for %u answers", p->number, c->http.waiting);
  if (c->websocket && c->ws.state == WS_OPEN && c->heard != c->said && !c->ws.close_sent &&
      !p->crooked && !memory.failed)
    fault("an echo does not arrive", "peer %u has heard %u of %u", p->number, c->heard, c->said);
}

const struct peer_kind peer_plain = { .name = "plain",
                                      .size = sizeof(struct plain),
                                      .start = start,
                                      .step = step,
                                      .data = data,
                                      .ended = ended,
                                      .stop = stop,
                                      .settled = settled };
