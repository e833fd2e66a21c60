/* SPDX-License-Identifier: MIT
 *
 * raw_client.h - a peer that speaks bytes: one end of a socket pair whose other end a server was
 * given, on the same thread. Each step answers whether it went as it should, so that a
 * script is a row of steps joined by &&.
 *
 *     struct raw c;
 *     raw_open(&c, srv) && raw_get(&c, path) && raw_expect(&c, "\"sid\":") ...
 *     raw_close(&c);
 */
#ifndef SIO_TEST_RAW_CLIENT_H
#define SIO_TEST_RAW_CLIENT_H

#include "ws_client.h"
#include <errno.h>
#include <fcntl.h>
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { RAW_TURNS = 60, RAW_ROOM = 1 << 17 };

struct raw {
  uv_loop_t *loop;
  int fd;
  size_t n, seen; /* bytes in `in`; those that an expectation has passed */
  bool fin;       /* the server sends no more                            */
  struct wire wire;
  char in[RAW_ROOM];
};

static inline void raw_close(struct raw *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  wire_clear(&c->wire);
}

static inline bool raw_open(struct raw *c, sio_server *srv) {
  int pair[2];
  *c = (struct raw){ .loop = sio_server_loop(srv), .fd = -1 };
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  c->fd = pair[1];
  return sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }) == 0;
}

static inline void raw_read(struct raw *c) {
  while (c->n < RAW_ROOM - 1 && !c->fin) {
    ssize_t n = recv(c->fd, c->in + c->n, RAW_ROOM - 1 - c->n, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0)
      c->n += (size_t)n;
    else
      c->fin = true;
  }
}

static inline void raw_turn(struct raw *c) {
  uv_run(c->loop, UV_RUN_NOWAIT);
  if (c->fd >= 0) raw_read(c);
}

static inline bool raw_send(struct raw *c, const void *p, size_t n) {
  const char *at = p;
  for (unsigned i = 0; n > 0 && i < RAW_TURNS; i++) {
    ssize_t k = send(c->fd, at, n, MSG_NOSIGNAL);
    if (k < 0 && errno != EAGAIN) return false;
    if (k > 0) at += k, n -= (size_t)k;
    if (n > 0) raw_turn(c);
  }
  return n == 0;
}

/* Waits, at most so many turns, for these bytes behind those expected before. */
static inline bool raw_expect_n(struct raw *c, const void *want, size_t n) {
  for (unsigned i = 0; i < RAW_TURNS; i++) {
    char *at = memmem(c->in + c->seen, c->n - c->seen, want, n);
    if (at) {
      c->seen = (size_t)(at - c->in) + n;
      return true;
    }
    if (c->fin) return false;
    raw_turn(c);
  }
  return false;
}
static inline bool raw_expect(struct raw *c, const char *want) {
  return raw_expect_n(c, want, strlen(want));
}

static inline bool raw_expect_end(struct raw *c) {
  for (unsigned i = 0; i < RAW_TURNS && !c->fin; i++) raw_turn(c);
  return c->fin;
}

/* The text from here to `stop`, which must be there already. */
static inline bool raw_take(struct raw *c, char stop, char *out, size_t size) {
  size_t n = 0;
  while (c->seen + n < c->n && c->in[c->seen + n] != stop) n++;
  if (n >= size || c->seen + n == c->n) return false;
  memcpy(out, c->in + c->seen, n);
  out[n] = '\0';
  c->seen += n;
  return true;
}

/* ---- HTTP ------------------------------------------------------------------------------- */

/* method, path and query, further header lines. */
static inline bool raw_request(struct raw *c, const char *method, const char *path,
                               const char *lines, const char *body) {
  char head[1024];
  int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n%s", method,
                   path, lines);
  if (body)
    n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n", strlen(body));
  n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
  return raw_send(c, head, (size_t)n) && raw_send(c, body, body ? strlen(body) : 0);
}

static inline bool raw_get(struct raw *c, const char *path) {
  return raw_request(c, "GET", path, "", NULL);
}

static inline bool raw_upgrade(struct raw *c, const char *path) {
  return raw_request(c, "GET", path,
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                     NULL) &&
         raw_expect(c, "101 Switching") && raw_expect(c, "\r\n\r\n");
}

/* ---- WebSocket -------------------------------------------------------------------------- */

static inline bool raw_frame(struct raw *c, unsigned first, const void *p, size_t n) {
  c->wire.n = 0;
  wire_frame(&c->wire, first, p, n);
  return raw_send(c, c->wire.p, c->wire.n);
}
static inline bool raw_text(struct raw *c, const char *s) {
  return raw_frame(c, 0x81, s, strlen(s));
}

#endif
