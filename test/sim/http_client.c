/* SPDX-License-Identifier: MIT
 *
 * http_client.c - requests out, answers in (RFC 9112), and what an answer must look like.
 */
#include "http_client.h"

#include "draw.h"
#include "fault.h"
#include "host.h"
#include "tls.h"
#include <strings.h>

static void say_hello(struct http_client *c) {
  struct bytes b = { 0 };
  tls_hello(&b);
  peer_say(c->peer, c->wire, b.p, b.n);
  bytes_free(&b);
}

/* What a proxy says before all else: in text, or in bytes. */
static void say_proxy(struct http_client *c) {
  static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
                           "\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x50";
  static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
  char v1[100];
  int n = snprintf(v1, sizeof v1, "PROXY TCP4 192.0.2.%u 192.0.2.9 4660 80\r\n", 1 + draw(4));
  bool breaks = peer_breaks(c->peer);
  if (breaks && draw(2)) return; /* nothing */
  if (breaks) n = snprintf(v1, sizeof v1, "PROXY TCP4 192.0.2.1 x %u\r\n", draw(100));
  switch (breaks ? 0 : draw(4)) {
    case 1: peer_say(c->peer, c->wire, v2, sizeof v2 - 1); break;
    case 2: peer_say(c->peer, c->wire, local, sizeof local - 1); break;
    case 3: peer_say(c->peer, c->wire, "PROXY UNKNOWN\r\n", 15); break;
    default: peer_say(c->peer, c->wire, v1, (size_t)n);
  }
}

bool http_client_open(struct http_client *c) {
  if (c->wire) return true;
  c->in.n = 0;
  c->waiting = 0;
  c->raw.n = 0;
  c->wire = peer_connect(c->peer);
  if (c->wire && host.proxied) say_proxy(c);
  if (c->wire && c->wire->port == PORT_TLS) say_hello(c);
  return c->wire != NULL;
}

void http_client_say(struct http_client *c, const void *p, size_t n) {
  struct bytes b = { 0 };
  if (!c->wire) return;
  if (c->wire->port == PORT_TLS && !peer_breaks(c->peer)) {
    TELL("peer %u sends under TLS: %s", c->peer->number, tell_bytes(p, n));
    tls_wrap(&b, p, n);
    peer_say(c->peer, c->wire, b.p, b.n);
  } else {
    peer_say(c->peer, c->wire, p, n);
  }
  bytes_free(&b);
}

void http_client_read(struct http_client *c) {
  char buf[4096];
  size_t n;
  while (c->wire && (n = wire_read(c->wire, buf, sizeof buf)) > 0)
    bytes_put(c->wire->port == PORT_TLS ? &c->raw : &c->in, buf, n);
  if (!tls_unwrap(&c->raw, &c->in) && !c->peer->crooked)
    fault("what comes under TLS is no record", "%02x", c->raw.p[0]);
}

const char *http_answer_header(const struct http_answer *a, const char *name, size_t *n) {
  size_t len = strlen(name);
  *n = 0;
  for (const char *p = a->head, *end = a->head + a->head_n; p < end;) {
    const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
    if (!eol) return NULL;
    if ((size_t)(eol - p) > len && p[len] == ':' && strncasecmp(p, name, len) == 0) {
      p += len + 1;
      while (p < eol && *p == ' ') p++;
      *n = (size_t)(eol - p);
      return p;
    }
    p = eol + 2;
  }
  return NULL;
}

static bool has_body(const struct http_client *c, const struct http_answer *a) {
  return !c->head_only && a->status >= 200 && a->status != 204 && a->status != 304;
}

/* No answer of the server is nearly as long. */
#define LONGEST_BODY ((size_t)1 << 30)

static bool look_at_body(struct http_client *c, struct http_answer *a) {
  size_t n;
  const char *length = http_answer_header(a, "content-length", &n);
  a->body = a->head + a->head_n;
  if (has_body(c, a)) {
    if (!length) fault("an answer without a length", "%.*s", (int)a->head_n, a->head);
    a->body_n = strtoul(length, NULL, 10);
    if (a->body_n > LONGEST_BODY)
      fault("an answer's length is out of range", "%.*s", (int)n, length);
  }
  a->whole = a->head_n + a->body_n;
  return c->in.n >= a->whole;
}

bool http_client_look(struct http_client *c, struct http_answer *a) {
  *a = (struct http_answer){ 0 };
  if (c->in.n == 0) return false;
  const char *end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
  size_t known = c->in.n < 9 ? c->in.n : 9;
  if (memcmp(c->in.p, "HTTP/1.1 ", known) != 0)
    fault("an answer that is no HTTP", "%.*s", (int)known, c->in.p);
  if (!end) return false;
  size_t n;
  a->head = c->in.p;
  a->head_n = (size_t)(end + 4 - c->in.p);
  a->status = atoi(c->in.p + 9);
  const char *conn = http_answer_header(a, "connection", &n);
  a->closes = conn && n == 5 && strncasecmp(conn, "close", 5) == 0;
  return look_at_body(c, a);
}

void http_client_next(struct http_client *c, const struct http_answer *a) {
  bytes_skip(&c->in, a->whole);
  if (a->status >= 200 && c->waiting) c->waiting--;
  if (a->closes) http_client_hang_up(c);
}

void http_client_hang_up(struct http_client *c) {
  if (c->wire) wire_close(c->wire);
  c->wire = NULL;
  c->waiting = 0;
  c->in.n = 0;
}

void http_client_free(struct http_client *c) {
  bytes_free(&c->in);
  bytes_free(&c->raw);
}
