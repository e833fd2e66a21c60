/* SPDX-License-Identifier: MIT
 *
 * ws_vectors.h - frames and what comes of them, each row whole, cut at every position, and byte by
 * byte, right before a page that nobody may touch.
 *
 *     static const struct vector v[] = { { { FRAME(0x81, "hello") }, "T5:hello|" } };
 *     CHECK_VECTORS(v);
 *
 * What callbacks are told is noted as text: T, B, P, O, C and F for a text or binary message, ping,
 * pong, close and failure; a code where there is one; length, bytes. The program has begin(), end()
 * and vector_start(), which makes a receiver as its vectors want it.
 */
#ifndef SIO_TEST_WS_VECTORS_H
#define SIO_TEST_WS_VECTORS_H

#include "guard.h"
#include "test.h"
#include "ws/recv.h"
#include "ws_client.h"
#include <stdio.h>

static struct wire seen;

static inline void note(char kind, unsigned code, const void *p, size_t n) {
  char head[40];
  int len = code ? snprintf(head, sizeof head, "%c%u,%zu:", kind, code, n)
                 : snprintf(head, sizeof head, "%c%zu:", kind, n);
  wire_put(&seen, head, (size_t)len);
  wire_put(&seen, p, n);
  wire_put(&seen, "|", 1);
}

static inline void saw(const char *want, size_t n) { EQ_MEM(seen.p, seen.n, want, n); }
#define SAW(want) saw(want, sizeof(want) - 1)

struct frame {
  unsigned first;
  const char *p;
  size_t n;
};
#define FRAME(first, text) \
  { first, text, sizeof(text) - 1 }

struct vector {
  struct frame f[8];
  const char *want;
};

static void begin(void);
static void end(void);
static void vector_start(struct ws_recv *r);

static inline void check_cut(struct guard *g, const char *p, size_t n, size_t cut,
                             const char *want) {
  struct ws_recv r;
  vector_start(&r);
  seen.n = 0;
  sio__ws_recv_feed(&r, guard_put(g, p, cut), cut);
  sio__ws_recv_feed(&r, guard_put(g, p + cut, n - cut), n - cut);
  saw(want, strlen(want));
  CHECK(!r.ctx);
  sio__ws_recv_free_and_stop(&r);
}

static inline void check_bytes(struct guard *g, const char *p, size_t n, const char *want) {
  struct ws_recv r;
  vector_start(&r);
  seen.n = 0;
  for (size_t i = 0; i < n; i++) sio__ws_recv_feed(&r, guard_put(g, p + i, 1), 1);
  saw(want, strlen(want));
  CHECK(!r.ctx);
  sio__ws_recv_free_and_stop(&r);
}

static inline void check_all(const char *p, size_t n, const char *want) {
  struct guard g = { 0 };
  for (size_t cut = 0; cut <= n; cut++) check_cut(&g, p, n, cut, want);
  check_bytes(&g, p, n, want);
  if (test__failed) test__print("on", p, n);
  guard_clear(&g);
}

static inline void check_vector(const struct vector *v) {
  struct wire w = { 0 };
  for (const struct frame *f = v->f; f->p; f++) wire_frame(&w, f->first, f->p, f->n);
  check_all(w.p, w.n, v->want);
  wire_clear(&w);
}

static inline void check_vectors(const struct vector *v, size_t n) {
  begin();
  for (size_t i = 0; i < n; i++) check_vector(&v[i]);
  end();
}
#define CHECK_VECTORS(v) check_vectors(v, sizeof(v) / sizeof *(v))

#endif
