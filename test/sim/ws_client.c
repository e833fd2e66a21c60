/* SPDX-License-Identifier: MIT
 *
 * ws_client.c - frames out and in, and the ways to break RFC 6455.
 */
#include "ws_client.h"

#include "draw.h"
#include "fault.h"
#include <zlib.h>

/* ---- the handshake ------------------------------------------------------------------ */

bool ws_client_open(struct ws_client *c, const char *target, const char *more_headers) {
  struct bytes b = { 0 };
  c->http.peer = c->peer;
  if (!http_client_open(&c->http)) return false;
  bytes_printf(&b,
               "GET %s HTTP/1.1\r\nHost: sim\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s"
               "\r\n",
               target, c->offers_deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "",
               more_headers ? more_headers : "");
  c->state = WS_HANDSHAKE;
  c->http.waiting = 1;
  http_client_say(&c->http, b.p, b.n);
  bytes_free(&b);
  return true;
}

static bool finish_handshake(struct ws_client *c) {
  struct http_answer a;
  size_t n;
  if (!http_client_look(&c->http, &a)) return false;
  c->status = a.status;
  c->state = a.status == 101 ? WS_OPEN : WS_OVER;
  if (a.status != 101) return false;
  const char *accept = http_answer_header(&a, "sec-websocket-accept", &n);
  if (!accept || n != 28 || memcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28) != 0)
    fault("a wrong Sec-WebSocket-Accept", "%.*s", (int)n, accept ? accept : "");
  const char *extension = http_answer_header(&a, "sec-websocket-extensions", &n);
  c->deflates = extension && memmem(extension, n, "permessage-deflate", 18);
  if (c->deflates && !c->offers_deflate) fault("an extension nobody offered", "%s", "deflate");
  bytes_skip(&c->http.in, a.whole);
  return true;
}

/* ---- sending ------------------------------------------------------------------------ */

struct frame {
  bool fin, masked;
  unsigned rsv, opcode;
  uint64_t claims; /* the length that is written */
};

static void put_length(struct bytes *b, uint64_t n, bool masked) {
  unsigned bit = masked ? 0x80 : 0;
  char *p;
  if (n < 126) {
    *bytes_more(b, 1) = (char)(bit | n);
    return;
  }
  size_t wide = n < 65536 ? 2 : 8;
  *bytes_more(b, 1) = (char)(bit | (wide == 2 ? 126 : 127));
  p = bytes_more(b, wide);
  for (size_t i = wide; i > 0; i--, n >>= 8) p[i - 1] = (char)(n & 255);
}

static void put_frame(struct ws_client *c, const struct frame *f, const void *p, size_t n) {
  static const char key[4] = { 0x12, 0x34, 0x56, 0x78 };
  struct bytes b = { 0 };
  *bytes_more(&b, 1) = (char)((f->fin ? 0x80 : 0) | f->rsv << 4 | f->opcode);
  put_length(&b, f->claims, f->masked);
  if (f->masked) bytes_put(&b, key, 4);
  char *at = bytes_more(&b, n);
  for (size_t i = 0; i < n; i++) at[i] = ((const char *)p)[i] ^ (f->masked ? key[i % 4] : 0);
  http_client_say(&c->http, b.p, b.n);
  bytes_free(&b);
}

static void plain_frame(struct ws_client *c, unsigned opcode, bool fin, const void *p, size_t n) {
  put_frame(c, &(struct frame){ fin, true, 0, opcode, n }, p, n);
}

static void break_a_rule(struct ws_client *c, const void *p, size_t n) {
  struct frame f = { true, true, 0, WS_TEXT, n };
  static const char junk[200] = "\xff\xfe";
  switch (draw(12)) {
    case 0: f.masked = false; break;
    case 1: f.opcode = 3 + draw(5); break;
    case 2: f.rsv = 1 + draw(7); break;
    case 3: f.claims = (uint64_t)1 << (20 + draw(43)); break;
    case 4: f.opcode = WS_PING, f.claims = n = 126 + draw(70), p = junk; break;
    case 5: f.opcode = WS_CLOSE, f.fin = false; break;
    case 6: f.opcode = 0; break;
    case 7: p = junk, f.claims = n = 1 + draw(4); break;
    case 8: f.opcode = WS_CLOSE, p = junk, f.claims = n = 1; break;
    case 9: f.opcode = WS_CLOSE, p = junk, f.claims = n = 2; break;
    case 10: f.claims = n + 1 + draw(100); break;
    case 11: f.opcode = 11 + draw(5); break;
  }
  TELL("peer %u sends a bad frame: opcode %u fin %d rsv %u masked %d of %llu bytes",
       c->peer->number, f.opcode, f.fin, f.rsv, f.masked, (unsigned long long)f.claims);
  put_frame(c, &f, p, n);
}

/* Without what the end of a message always is (RFC 7692 section 7.2.1). */
static void pack(struct bytes *out, const void *p, size_t n) {
  z_stream z = { 0 };
  if (deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
  size_t room = deflateBound(&z, n) + 16;
  z.next_in = (Bytef *)(uintptr_t)p;
  z.avail_in = (uInt)n;
  z.next_out = (Bytef *)bytes_more(out, room);
  z.avail_out = (uInt)room;
  deflate(&z, Z_SYNC_FLUSH);
  out->n -= z.avail_out + 4;
  deflateEnd(&z);
}

static void send_packed(struct ws_client *c, unsigned opcode, const void *p, size_t n) {
  struct bytes b = { 0 };
  pack(&b, p, n);
  put_frame(c, &(struct frame){ true, true, 4, opcode, b.n }, b.p, b.n);
  bytes_free(&b);
}

static void send_in_pieces(struct ws_client *c, unsigned opcode, const char *p, size_t n) {
  size_t first = draw((uint32_t)n + 1);
  plain_frame(c, opcode, false, p, first);
  if (draw_one_in(4)) ws_client_ping(c);
  plain_frame(c, 0, true, p + first, n - first);
}

void ws_client_send(struct ws_client *c, bool binary, const void *p, size_t n) {
  unsigned opcode = binary ? WS_BINARY : WS_TEXT;
  if (c->state != WS_OPEN || c->close_sent) return;
  TELL("peer %u says over WebSocket: %s", c->peer->number, tell_bytes(p, n < 100 ? n : 100));
  if (peer_breaks(c->peer))
    break_a_rule(c, p, n);
  else if (c->deflates && draw_one_in(4))
    send_packed(c, opcode, p, n);
  else if (draw_one_in(8))
    send_in_pieces(c, opcode, p, n);
  else
    plain_frame(c, opcode, true, p, n);
}

void ws_client_ping(struct ws_client *c) {
  if (c->state == WS_OPEN && !c->close_sent) plain_frame(c, WS_PING, true, "ping", 4);
}

void ws_client_close(struct ws_client *c) {
  if (c->state != WS_OPEN || c->close_sent) return;
  c->close_sent = true;
  plain_frame(c, WS_CLOSE, true, "\x03\xe8", 2);
}

/* ---- receiving ---------------------------------------------------------------------- */

static void unpack(struct bytes *b) {
  struct bytes out = { 0 };
  z_stream z = { 0 };
  bytes_put(b, "\0\0\xff\xff", 4);
  if (inflateInit2(&z, -15) != Z_OK) abort();
  z.next_in = (Bytef *)b->p;
  z.avail_in = (uInt)b->n;
  do {
    z.next_out = (Bytef *)bytes_more(&out, 65536);
    z.avail_out = 65536;
    int err = inflate(&z, Z_SYNC_FLUSH);
    out.n -= z.avail_out;
    if (err != Z_OK && err != Z_BUF_ERROR) fault("a message that cannot be inflated", "%d", err);
  } while (z.avail_in > 0);
  inflateEnd(&z);
  bytes_free(b);
  *b = out;
}

/* The length of the frame's head, and of its body; 0: not all of the head is here. */
static size_t frame_head(const struct bytes *in, uint64_t *body) {
  const unsigned char *p = (const unsigned char *)in->p;
  if (in->n < 2) return 0;
  if (p[1] & 0x80) fault("a frame of the server's is masked", "%02x", p[0]);
  *body = p[1];
  size_t wide = p[1] == 126 ? 2 : p[1] == 127 ? 8 : 0;
  if (in->n < 2 + wide) return 0;
  if (wide) *body = 0;
  for (size_t i = 0; i < wide; i++) *body = *body << 8 | p[2 + i];
  return 2 + wide;
}

static int control(struct ws_client *c, unsigned opcode, const char *p, size_t n) {
  if (opcode == WS_PING && !c->close_sent) plain_frame(c, WS_PONG, true, p, n);
  if (opcode == WS_CLOSE) {
    c->message.n = 0;
    bytes_put(&c->message, p, n);
    ws_client_close(c);
    c->state = WS_OVER;
  }
  return opcode == WS_PING ? 0 : (int)opcode;
}

static int data_frame(struct ws_client *c, unsigned first, const char *p, size_t n) {
  unsigned opcode = first & 15;
  if ((opcode == 0) != (c->opcode != 0)) fault("frames of the server's do not fit", "%u", opcode);
  if (opcode) {
    c->message.n = 0;
    c->opcode = (int)opcode;
    c->packed = first & 0x40;
  }
  if (c->packed && !c->deflates) fault("a compressed frame that nobody agreed to", "%u", opcode);
  bytes_put(&c->message, p, n);
  if (!(first & 0x80)) return 0;
  int whole = c->opcode;
  c->opcode = 0;
  if (c->packed) unpack(&c->message);
  return whole;
}

static int take_frame(struct ws_client *c, bool *got) {
  uint64_t body = 0;
  size_t head = frame_head(&c->http.in, &body);
  int what;
  *got = head && c->http.in.n - head >= body;
  if (!*got) return 0;
  unsigned first = (unsigned char)c->http.in.p[0], opcode = first & 15;
  const char *p = c->http.in.p + head;
  if (first & 0x30) fault("a reserved bit in a frame of the server's", "%02x", first);
  if (opcode > 2 && opcode < 8) fault("an opcode nobody knows", "%u", opcode);
  if (opcode >= 8)
    what = control(c, opcode, p, (size_t)body);
  else
    what = data_frame(c, first, p, (size_t)body);
  bytes_skip(&c->http.in, head + (size_t)body);
  return what;
}

int ws_client_next(struct ws_client *c) {
  bool got = true;
  int what = 0;
  http_client_read(&c->http);
  if (c->state == WS_HANDSHAKE && !finish_handshake(c)) return 0;
  while (c->state == WS_OPEN && got && !what) what = take_frame(c, &got);
  return what;
}

void ws_client_hang_up(struct ws_client *c) {
  http_client_hang_up(&c->http);
  c->state = WS_OVER;
}

void ws_client_free(struct ws_client *c) {
  http_client_free(&c->http);
  bytes_free(&c->message);
}
