/* SPDX-License-Identifier: MIT
 *
 * buf.c - byte buffers. Each time the buffer grows, its capacity is at least doubled, up to the
 * maximum, so that appending n bytes one by one costs O(n).
 */
#include "base/buf.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { FIRST_CAP = 512 };

static size_t buf_next_capacity(const struct buf *b, size_t need) {
  size_t half = b->cap ? b->cap : FIRST_CAP / 2;
  size_t cap = half > b->max / 2 ? b->max : half * 2;
  return cap < need ? need : cap;
}

int sio__buf_reserve(struct buf *b, size_t n) {
  if (n <= b->cap - b->n) return 0;
  size_t need;
  if (add_and_check_overflow(b->n, n, &need) || need > b->max) return SIO_ETOOBIG;
  size_t cap = buf_next_capacity(b, need);
  char *p = sio__realloc(b->p, cap);
  if (!p) return UV_ENOMEM;
  b->p = p;
  b->cap = cap;
  return 0;
}

int sio__buf_put(struct buf *b, const void *p, size_t n) {
  if (n == 0) return 0;
  int err = sio__buf_reserve(b, n);
  if (err) return err;
  memcpy(b->p + b->n, p, n);
  b->n += n;
  return 0;
}

void sio__buf_clear(struct buf *b) {
  sio__free(b->p);
  buf_init(b, b->max);
}

void sio__buf_remove_first_bytes(struct buf *b, size_t n) {
  if (n == 0) return;
  b->n -= n;
  memmove(b->p, b->p + n, b->n);
}
