/* SPDX-License-Identifier: MIT
 *
 * engine_client.c - Engine.IO as clients speak it
 * (https://socket.io/docs/v4/engine-io-protocol), and as some do not.
 */
#include "engine_client.h"

#include "base/base64.h"
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "memory.h"
#include <ctype.h>

/* Its POST is answered in that time, when it has begun to upgrade. */
enum { HELD_UP_US = 3000000 };

static void pump(struct engine_client *e);
static void take_packet(struct engine_client *e, bool binary, const char *p, size_t n);

bool engine_client_on_websocket(const struct engine_client *e) {
  return e->way == ENGINE_WEBSOCKET || e->probe == PROBE_DONE;
}

static void over(struct engine_client *e) {
  if (e->state == ENGINE_OVER) return;
  e->state = ENGINE_OVER;
  http_client_hang_up(&e->get);
  http_client_hang_up(&e->post);
  ws_client_hang_up(&e->ws);
  TELL("peer %u: its session %.4s is over", e->peer->number, e->sid);
  e->ops->closed(e);
}

/* What an honest peer must not be told. A crooked one may have caused it. */
#define WRONG(e, ...)                            \
  do {                                           \
    if (!(e)->peer->crooked) fault(__VA_ARGS__); \
    over(e);                                     \
    return;                                      \
  } while (0)

/* ---- targets ------------------------------------------------------------------------ */

static const char *target(const struct engine_client *e, char out[300], bool websocket) {
  const char *sid = e->sid;
  int protocol = e->protocol;
  if (peer_breaks(e->peer)) {
    sid = DRAW_OF(char *const, "", "nobody", "%00", "a&sid=b", "AAAAAAAAAAAAAAAAAAAA");
    protocol = (int)draw(6);
    websocket = draw(2);
  }
  snprintf(out, 300, "%s?EIO=%d&transport=%s%s%s%s%s", e->path, protocol,
           websocket ? "websocket" : "polling", *sid ? "&sid=" : "", sid,
           e->protocol == 3 && !websocket ? "&b64=1" : "", e->jsonp && !websocket ? "&j=0" : "");
  return out;
}

/* ---- polling ------------------------------------------------------------------------ */

static bool open_for_request(const struct engine_client *e, struct http_client *c) {
  if (e->reconnects) http_client_hang_up(c);
  return http_client_open(c);
}

static void say_request(const struct engine_client *e, struct http_client *c, const void *p,
                        size_t n) {
  http_client_say(c, p, n);
  if (e->fins) wire_fin(c->wire);
}

static void expect_answer(struct engine_client *e, bool to_post) {
  (to_post ? &e->post : &e->get)->waiting++;
  e->order |= (unsigned)to_post << (e->norder & 31);
  e->norder++;
}

/* The connection that polls and POSTs share has answered, or has ended. Returns true if the answer
 * is that to a POST. */
static bool take_order(struct engine_client *e) {
  bool to_post = e->norder && e->order & 1;
  e->order >>= 1;
  e->norder -= e->norder > 0;
  return to_post && e->shares;
}

static void get(struct engine_client *e) {
  char url[300], head[400];
  if (!open_for_request(e, &e->get)) return;
  int n =
      snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: sim\r\n\r\n", target(e, url, false));
  say_request(e, &e->get, head, (size_t)n);
  expect_answer(e, false);
  if (peer_breaks(e->peer) && draw(2)) { /* a second poll at once */
    http_client_say(&e->get, head, (size_t)n);
    expect_answer(e, false);
  }
}

static void put_base64(struct bytes *b, const char *p, size_t n) {
  sio__base64_encode(bytes_more(b, BASE64_LEN(n)), p, n);
}

static void put_packet(struct engine_client *e, struct bytes *b, const struct engine_packet *k) {
  struct bytes one = { 0 };
  if (k->binary) {
    bytes_text(&one, e->protocol == 3 ? "b4" : "b");
    put_base64(&one, k->bytes + (e->protocol == 3), k->n - (e->protocol == 3));
  } else {
    bytes_put(&one, k->bytes, k->n);
  }
  if (e->protocol == 3) bytes_printf(b, "%zu:", one.n);
  if (e->protocol == 4 && b->n > 0) bytes_put(b, "\x1e", 1);
  bytes_put(b, one.p, one.n);
  bytes_free(&one);
}

static void pop(struct engine_client *e) {
  struct engine_packet *k = e->out;
  if (!(e->out = k->next)) e->out_last = &e->out;
  free(k);
}

/* "d=" and percent-encoded, as a form. */
static void make_form(struct bytes *body) {
  struct bytes form = { 0 };
  bytes_text(&form, "d=");
  for (size_t i = 0; i < body->n; i++) {
    unsigned char c = (unsigned char)body->p[i];
    if (isalnum(c))
      bytes_put(&form, &c, 1);
    else
      bytes_printf(&form, "%%%02X", c);
  }
  bytes_free(body);
  *body = form;
}

static void spoil(struct bytes *body) {
  switch (draw(5)) {
    case 0: bytes_text(body, "\x1e\x1e"); break;
    case 1: bytes_text(body, "9"); break;
    case 2:
      if (body->n) body->p[draw((uint32_t)body->n)] = (char)draw(256);
      break;
    case 3: body->n /= 2; break;
    case 4:
      bytes_text(body, "\x1e"
                       "b@@@@");
      break;
  }
}

static bool may_pause_in_request(const struct engine_client *e) {
  return e->restless && !e->fins && !host.calm && !host.opts.body_timeout_ms &&
         !host.opts.head_timeout_ms;
}

/* The rest of a POST comes in time for a pong that may be in it. */
static uint32_t longest_pause_ms(const struct engine_client *e) {
  return e->ping_timeout / 4 < 2000 ? e->ping_timeout / 4 : 2000;
}

static void say_post(struct engine_client *e, struct http_client *c, const struct bytes *b) {
  size_t first = may_pause_in_request(e) && draw_one_in(3) ? draw((uint32_t)b->n) : b->n;
  if (first == b->n) {
    say_request(e, c, b->p, b->n);
    return;
  }
  http_client_say(c, b->p, first);
  bytes_put(&e->rest, b->p + first, b->n - first);
  e->rest_at = kernel.now + draw_size(longest_pause_ms(e)) * 1000;
}

static void say_rest(struct engine_client *e) {
  struct http_client *c = e->shares ? &e->get : &e->post;
  if (c->wire) http_client_say(c, e->rest.p, e->rest.n);
  e->rest.n = 0;
  e->rest_at = NEVER;
}

static void post(struct engine_client *e) {
  struct bytes body = { 0 }, b = { 0 };
  char url[300];
  struct http_client *c = e->shares ? &e->get : &e->post;
  if (!open_for_request(e, c)) return;
  while (e->out && body.n < 50000) {
    put_packet(e, &body, e->out);
    pop(e);
  }
  if (e->jsonp) make_form(&body);
  if (peer_breaks(e->peer)) spoil(&body);
  size_t claims = body.n + (peer_breaks(e->peer) ? draw_size(2000000) : 0);
  bytes_printf(&b,
               "POST %s HTTP/1.1\r\nHost: sim\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
               target(e, url, false),
               e->jsonp ? "application/x-www-form-urlencoded" : "text/plain;charset=UTF-8", claims);
  bytes_put(&b, body.p, body.n);
  say_post(e, c, &b);
  e->posts_in_upgrade++;
  e->bytes_in_upgrade += body.n;
  expect_answer(e, true);
  if (e->restless && !e->rest.n && peer_breaks(e->peer)) { /* a second one at once */
    if (!e->shares && draw(2)) c = &e->get;
    if (http_client_open(c)) http_client_say(c, b.p, b.n);
  }
  bytes_free(&body);
  bytes_free(&b);
}

/* ---- payloads ----------------------------------------------------------------------- */

static void take_text_packet(struct engine_client *e, const char *p, size_t n) {
  if (n == 0 || *p != 'b') {
    take_packet(e, false, p, n);
    return;
  }
  size_t skip = e->protocol == 3 ? 2 : 1;
  char *bin = malloc(n + 3);
  if (!bin) abort();
  size_t len = sio__base64_decode(bin, p + skip, n - skip);
  e->bare = true;
  take_packet(e, true, bin, len);
  e->bare = false;
  free(bin);
}

static void take_payload4(struct engine_client *e, const char *p, size_t n) {
  const char *end = p + n;
  while (e->state != ENGINE_OVER) {
    const char *to = memchr(p, 0x1e, (size_t)(end - p));
    take_text_packet(e, p, (size_t)((to ? to : end) - p));
    if (!to) return;
    p = to + 1;
  }
}

/* All that these peers are sent is ASCII, so that characters are bytes. */
static void take_payload3(struct engine_client *e, const char *p, size_t n) {
  const char *end = p + n;
  while (p < end && e->state != ENGINE_OVER) {
    char *colon;
    size_t len = strtoul(p, &colon, 10);
    if (*colon != ':' || len > (size_t)(end - colon - 1))
      WRONG(e, "a malformed payload", "%.*s", (int)(end - p < 60 ? end - p : 60), p);
    take_text_packet(e, colon + 1, len);
    p = colon + 1 + len;
  }
}

static size_t unquote(char *out, const char *p, size_t n) {
  size_t len = 0;
  for (size_t i = 0; i < n; i++) {
    char c = p[i];
    if (c == '"' || c == '<') fault("a character ends the script's text", "%c", c);
    if (c == '\\' && i + 1 < n) {
      c = p[++i];
      if (c == 'n') c = '\n';
      if (c == 'u') {
        c = (char)strtoul((char[]){ p[i + 1], p[i + 2], p[i + 3], p[i + 4], 0 }, NULL, 16);
        i += 4;
      }
    }
    out[len++] = c;
  }
  return len;
}

static void take_jsonp(struct engine_client *e, const char *p, size_t n) {
  static const char head[] = "___eio[0](\"", tail[] = "\");";
  size_t h = sizeof head - 1, t = sizeof tail - 1;
  if (n < h + t || memcmp(p, head, h) != 0 || memcmp(p + n - t, tail, t) != 0)
    WRONG(e, "a malformed JSONP answer", "%.*s", (int)(n < 60 ? n : 60), p);
  char *text = malloc(n + 1);
  if (!text) abort();
  size_t len = unquote(text, p + h, n - h - t);
  text[len] = '\0';
  take_payload3(e, text, len);
  free(text);
}

static void take_payload(struct engine_client *e, const char *p, size_t n) {
  if (e->jsonp)
    take_jsonp(e, p, n);
  else if (e->protocol == 3)
    take_payload3(e, p, n);
  else
    take_payload4(e, p, n);
}

/* ---- packets ------------------------------------------------------------------------ */

static unsigned number_after(const char *p, size_t n, const char *key) {
  const char *at = memmem(p, n, key, strlen(key));
  return at ? (unsigned)strtoul(at + strlen(key), NULL, 10) : 0;
}

static void take_open(struct engine_client *e, const char *p, size_t n) {
  const char *sid = memmem(p, n, "\"sid\":\"", 7);
  if (e->peer->crooked && e->state == ENGINE_OPEN) return; /* it asked twice */
  if (e->state != ENGINE_OPENING || !sid)
    WRONG(e, "an open packet out of place", "%.*s", (int)n, p);
  snprintf(e->sid, sizeof e->sid, "%.*s", (int)strcspn(sid + 7, "\""), sid + 7);
  e->ping_interval = number_after(p, n, "\"pingInterval\":");
  e->ping_timeout = number_after(p, n, "\"pingTimeout\":");
  e->state = ENGINE_OPEN;
  e->heard_at = kernel.now;
  e->ping_at = e->protocol == 3 ? kernel.now + e->ping_interval * (uint64_t)1000 : NEVER;
  e->probe_at =
      e->way == ENGINE_UPGRADE ? kernel.now + draw_size(host.upgraders ? 100 : 2000) * 1000 : NEVER;
  TELL("peer %u: session %.4s is open", e->peer->number, e->sid);
  e->ops->opened(e);
}

static void send_control(struct engine_client *e, const char *text) {
  engine_client_send(e, false, text, strlen(text));
}

/* Packets of a message with protocol 3 carry their type in binary too. */
static void take_message(struct engine_client *e, bool binary, const char *p, size_t n) {
  bool typed = !binary || (e->protocol == 3 && !e->bare);
  if (e->protocol == 3 && binary && typed && (n == 0 || *p != 4))
    WRONG(e, "a binary packet without its type", "%zu bytes", n);
  e->ops->message(e, binary, typed ? p + 1 : p, typed ? n - 1 : n);
}

static void take_packet(struct engine_client *e, bool binary, const char *p, size_t n) {
  if (e->state == ENGINE_OVER) return;
  if (!binary && n == 0) WRONG(e, "an empty packet", "session %.4s", e->sid);
  if (e->state == ENGINE_OPENING && (binary || *p != '0'))
    WRONG(e, "a packet before the session is open", "%.*s", (int)(n < 40 ? n : 40), p);
  if (binary || *p == '4') {
    take_message(e, binary, p, n);
  } else if (*p == '0') {
    take_open(e, p, n);
  } else if (*p == '1') {
    over(e);
  } else if (*p == '2' && e->protocol == 4) {
    e->heard_at = kernel.now;
    send_control(e, "3");
  } else if (*p != '6' && !(*p == '3' && e->protocol == 3)) {
    WRONG(e, "a packet that no client understands", "%.*s", (int)(n < 40 ? n : 40), p);
  }
}

/* ---- answers ------------------------------------------------------------------------ */

/* Like http_client_next(), for a connection on which answers to POSTs may come, too. */
static void take_answer(struct engine_client *e, const struct http_answer *a, bool to_post) {
  unsigned gets = e->get.waiting;
  http_client_next(&e->get, a);
  if (!to_post) return;
  e->post.waiting -= e->post.waiting > 0;
  if (e->get.wire) e->get.waiting = gets;
}

static void take_get(struct engine_client *e) {
  struct http_answer a;
  http_client_read(&e->get);
  while (e->state != ENGINE_OVER && e->get.wire && http_client_look(&e->get, &a)) {
    struct bytes body = { 0 };
    int status = a.status;
    bool to_post = take_order(e);
    bytes_put(&body, a.body, a.body_n);
    bytes_more(&body, 0);
    take_answer(e, &a, to_post);
    if (!e->get.wire && e->shares && e->post.waiting) over(e); /* its POST is lost */
    if (status == 200 && body.n && !to_post) take_payload(e, body.p, body.n);
    if (status >= 300) {
      TELL("peer %u: its poll is answered with %d", e->peer->number, status);
      over(e);
    }
    bytes_free(&body);
  }
}

static void take_post(struct engine_client *e) {
  struct http_answer a;
  http_client_read(&e->post);
  while (e->state != ENGINE_OVER && e->post.wire && http_client_look(&e->post, &a)) {
    int status = a.status;
    http_client_next(&e->post, &a);
    if (status >= 300) {
      TELL("peer %u: its POST is answered with %d", e->peer->number, status);
      over(e);
    }
  }
}

static void take_probe(struct engine_client *e, const char *p, size_t n) {
  if (e->probe == PROBE_ASKED && n == 6 && memcmp(p, "3probe", 6) == 0) {
    e->probe = PROBE_PAUSED;
    e->ws.http.wire->delay_us = e->peer->delay_us;
  } else if (e->probe != PROBE_DONE)
    WRONG(e, "a probe is answered with something else", "%.*s", (int)(n < 40 ? n : 40), p);
}

static void ask_for_upgrade(struct engine_client *e) {
  e->probe = PROBE_ASKED;
  ws_client_send(&e->ws, false, "2probe", 6);
  if (peer_breaks(e->peer)) {
    const char *more = DRAW_OF(char *const, "2probe", "5", "4hello", "1", "52");
    ws_client_send(&e->ws, false, more, strlen(more));
  }
}

static void take_ws(struct engine_client *e) {
  int what;
  while (e->state != ENGINE_OVER && (what = ws_client_next(&e->ws)) != 0) {
    const struct bytes *m = &e->ws.message;
    if (what == WS_CLOSE || what == WS_PONG) continue;
    if (e->way == ENGINE_UPGRADE && e->probe != PROBE_DONE)
      take_probe(e, m->p, m->n);
    else if (what == WS_BINARY)
      take_packet(e, true, m->p, m->n);
    else
      take_text_packet(e, m->p, m->n);
  }
  if (e->state == ENGINE_OVER) return;
  if (e->ws.state == WS_OPEN && e->probe == PROBE_CONNECTING) ask_for_upgrade(e);
  if (e->ws.state == WS_OVER && engine_client_on_websocket(e)) over(e);
  if (e->ws.state == WS_OVER && !engine_client_on_websocket(e)) {
    ws_client_hang_up(&e->ws);
    e->probe = PROBE_NONE;
  }
}

/* ---- what is to be done ------------------------------------------------------------- */

static void flush_ws(struct engine_client *e) {
  while (e->out && e->ws.state == WS_OPEN) {
    ws_client_send(&e->ws, e->out->binary, e->out->bytes, e->out->n);
    pop(e);
  }
}

static void pump(struct engine_client *e) {
  if (e->state == ENGINE_OVER || e->state == ENGINE_IDLE) return;
  if (engine_client_on_websocket(e)) {
    flush_ws(e);
    return;
  }
  bool paused = e->probe == PROBE_PAUSED;
  if (paused && !e->get.waiting && !e->post.waiting) {
    ws_client_send(&e->ws, false, "5", 1);
    TELL("peer %u upgrades", e->peer->number);
    e->probe = PROBE_DONE;
    flush_ws(e);
    return;
  }
  bool may_get = !e->get.waiting && !(e->shares && e->rest.n);
  if (!paused && may_get && e->state == ENGINE_OPEN && e->polls) get(e);
  if (!paused && !e->post.waiting && e->state == ENGINE_OPEN && e->out) post(e);
}

void engine_client_draw(struct engine_client *e) {
  e->protocol = host.opts.allow_eio3 && draw(4) == 3 ? 3 : 4;
  e->way = (enum engine_way)draw(3);
  e->jsonp = e->protocol == 3 && e->way == ENGINE_POLLING && draw(2);
  e->polls = draw(8) != 7;
  e->reconnects = e->way != ENGINE_WEBSOCKET && draw(4) == 3;
  e->ws.offers_deflate = draw(4) == 3;
}

void engine_client_draw_restless(struct engine_client *e) {
  unsigned how = draw(4);
  e->restless = true;
  if (host.upgraders) {
    e->polls = true;
    e->way = ENGINE_UPGRADE;
  }
  if (draw(2)) e->peer->jitter_us = 20000 + draw_size(300000);
  if (e->way == ENGINE_WEBSOCKET) e->way = ENGINE_UPGRADE;
  e->shares = how == 1;
  e->fins = how == 2;
  e->reconnects = e->fins || (e->reconnects && !e->shares);
  if (e->fins) e->peer->port = PORT_PLAIN;
  if (e->fins && !e->peer->address) e->peer->address = 0x0a000001;
}

void engine_client_open(struct engine_client *e) {
  char url[300];
  e->out_last = &e->out;
  e->get.peer = e->post.peer = e->ws.peer = e->peer;
  e->ping_at = e->probe_at = e->held_up_since = e->rest_at = NEVER;
  e->state = ENGINE_OPENING;
  if (e->way == ENGINE_WEBSOCKET) {
    if (!ws_client_open(&e->ws, target(e, url, true), NULL)) over(e);
  } else {
    get(e);
    if (!e->get.wire) over(e);
  }
}

void engine_client_send(struct engine_client *e, bool binary, const void *p, size_t n) {
  if (e->state != ENGINE_OPEN) return;
  bool typed = binary && e->protocol == 3;
  struct engine_packet *k = malloc(sizeof *k + n + 1);
  if (!k) abort();
  *k = (struct engine_packet){ .binary = binary, .n = n + typed };
  if (typed) *k->bytes = 4;
  memcpy(k->bytes + typed, p, n);
  *e->out_last = k;
  e->out_last = &k->next;
}

void engine_client_data(struct engine_client *e, struct wire *w) {
  if (w == e->get.wire) take_get(e);
  if (w == e->post.wire) take_post(e);
  if (w == e->ws.http.wire) take_ws(e);
  pump(e);
}

/* A connection that is closed between two requests is opened again. */
void engine_client_ended(struct engine_client *e, struct wire *w) {
  if (w == e->get.wire || w == e->post.wire) {
    struct http_client *c = w == e->get.wire ? &e->get : &e->post;
    bool was_waiting = c->waiting > 0 || (e->shares && e->post.waiting > 0);
    http_client_hang_up(c);
    e->order = e->norder = 0;
    if (was_waiting) over(e);
  } else if (w == e->ws.http.wire) {
    ws_client_hang_up(&e->ws);
    if (engine_client_on_websocket(e))
      over(e);
    else
      e->probe = PROBE_NONE;
  }
  pump(e);
}

/* A slow proxy between the client and the server: POSTs are faster than the answer to the probe. */
static void delay_probe(struct engine_client *e) {
  e->ws.http.wire->delay_us += host.upgraders ? draw_between(20000, 400000) : draw_size(500000);
}

static void start_probe(struct engine_client *e) {
  char url[300];
  e->probe_at = NEVER;
  if (e->probe != PROBE_NONE || e->state != ENGINE_OPEN) return;
  e->probe = PROBE_CONNECTING;
  e->posts_in_upgrade = 0;
  e->bytes_in_upgrade = 0;
  e->abandons_in = e->restless && !host.upgraders ? draw(8) : PROBE_NONE;
  if (!ws_client_open(&e->ws, target(e, url, true), NULL)) e->probe = PROBE_NONE;
  if (e->restless && e->probe != PROBE_NONE && draw(host.upgraders ? 4 : 2)) delay_probe(e);
}

/* An honest peer with a good line, and a server that was not kept from its work. */
static bool may_complain(const struct engine_client *e, uint64_t since) {
  return !e->peer->crooked && e->peer->reading == READS_ALL && e->polls && !memory.failed &&
         loop.last_stall < since && !host_keeps_waiting(since) && e->peer->line_since <= since &&
         e->peer->delay_us + e->peer->jitter_us < 500000;
}

static bool has_rate_limits(void) { return host.opts.packets_per_s || host.opts.bytes_per_s; }

static void miss_pings(struct engine_client *e) {
  uint64_t most = ((uint64_t)e->ping_interval + e->ping_timeout + 3000) * 1000;
  if (e->protocol != 4 || e->state != ENGINE_OPEN || kernel.now - e->heard_at < most) return;
  if (may_complain(e, e->heard_at) && !has_rate_limits())
    fault("an honest peer is not asked if it is there", "peer %u, for %llu ms", e->peer->number,
          (unsigned long long)(kernel.now - e->heard_at) / 1000);
  over(e);
}

/* It waits for the answer to a POST that the server has read, in order to upgrade. It polls no
 * more, so the server must not wait for its polls. */
static bool is_held_up(const struct engine_client *e) {
  const struct wire *w = e->shares ? e->get.wire : e->post.wire;
  return e->state == ENGINE_OPEN && e->probe == PROBE_PAUSED && e->post.waiting && w &&
         w->up.bytes == 0 && !e->rest.n;
}

static void note_held_up(struct engine_client *e) {
  if (!is_held_up(e))
    e->held_up_since = NEVER;
  else if (e->held_up_since == NEVER)
    e->held_up_since = kernel.now;
}

/* The server keeps two POSTs of a client that upgrades, and more if max_queued has room. */
static bool may_keep_answer(const struct engine_client *e) {
  size_t most = host.opts.max_queued ? host.opts.max_queued : 16 << 20;
  size_t takes = 2 * e->bytes_in_upgrade + e->posts_in_upgrade * (size_t)1000;
  return e->posts_in_upgrade > 1 && takes > most;
}

/* The server must answer within HELD_UP_US of the moment from which nothing excuses it. */
static void miss_answer(struct engine_client *e) {
  uint64_t since = e->held_up_since;
  note_held_up(e);
  if (e->held_up_since == NEVER || since == NEVER) return;
  if (loop.last_stall >= since) since = loop.last_stall + 1;
  if (host.paid_at >= since) since = host.paid_at + 1;
  if (e->peer->line_since > since) since = e->peer->line_since;
  if (kernel.now < since || kernel.now - since < HELD_UP_US) return;
  if (may_complain(e, since) && !may_keep_answer(e) && !host_is_ending())
    fault("a client that upgrades is not answered", "peer %u, its POST", e->peer->number);
}

/* As if something between it and the server did not let WebSockets live. It goes on polling, and
 * tries again. */
static void abandon_upgrade(struct engine_client *e) {
  if (e->probe == PROBE_NONE || e->probe == PROBE_DONE) return;
  if (e->probe != (enum probe_state)e->abandons_in || host.calm) return;
  TELL("peer %u abandons its upgrade in state %d", e->peer->number, e->probe);
  unsigned how = draw(3);
  if (how == 1) ws_client_close(&e->ws);
  if (how == 2 && e->ws.http.wire) {
    wire_reset(e->ws.http.wire);
    e->ws.http.wire = NULL;
  }
  ws_client_hang_up(&e->ws);
  e->probe = PROBE_NONE;
  e->probe_at = kernel.now + draw_size(2000) * 1000;
}

void engine_client_step(struct engine_client *e) {
  if (e->state == ENGINE_OPEN && e->ping_at <= kernel.now) {
    e->ping_at = kernel.now + e->ping_interval * (uint64_t)1000;
    send_control(e, "2");
  }
  if (e->rest_at <= kernel.now) say_rest(e);
  if (e->restless) abandon_upgrade(e);
  if (e->restless && engine_client_on_websocket(e) && peer_breaks(e->peer)) get(e);
  if (e->probe_at <= kernel.now) start_probe(e);
  miss_pings(e);
  miss_answer(e);
  pump(e);
}

uint64_t engine_client_next(const struct engine_client *e) {
  if (e->state != ENGINE_OPEN) return NEVER;
  uint64_t silent = e->heard_at + ((uint64_t)e->ping_interval + e->ping_timeout + 3001) * 1000;
  uint64_t next = e->protocol == 4 ? silent : e->ping_at;
  if (is_held_up(e) && kernel.now + HELD_UP_US / 4 < next) next = kernel.now + HELD_UP_US / 4;
  if (e->rest_at < next) next = e->rest_at;
  return e->probe_at < next ? e->probe_at : next;
}

bool engine_client_is_probing(const struct engine_client *e) {
  return e->probe == PROBE_CONNECTING || e->probe == PROBE_ASKED;
}

uint64_t engine_client_draw_pace(const struct engine_client *e, uint32_t most) {
  bool hurries = e->restless && e->way == ENGINE_UPGRADE && e->probe != PROBE_DONE;
  if (host.upgraders) hurries = engine_client_is_probing(e);
  return 1000 + draw_size(hurries ? 20000 : most);
}

void engine_client_wake_in(const struct engine_client *e, uint64_t us) {
  uint64_t at = kernel.now + us, next = engine_client_next(e);
  e->peer->wake = at < next ? at : next;
  if (e->peer->wake <= kernel.now) e->peer->wake = kernel.now + 1;
}

void engine_client_break(struct engine_client *e) {
  TELL("the line of peer %u breaks", e->peer->number);
  over(e);
}

void engine_client_close(struct engine_client *e) {
  if (e->state == ENGINE_OPEN && !e->said_close) send_control(e, "1");
  e->said_close = true;
  pump(e);
  if (engine_client_on_websocket(e)) ws_client_close(&e->ws);
}

void engine_client_free(struct engine_client *e) {
  while (e->out) pop(e);
  bytes_free(&e->rest);
  http_client_free(&e->get);
  http_client_free(&e->post);
  ws_client_free(&e->ws);
}
