/* SPDX-License-Identifier: MIT
 *
 * bytes.h - bytes that grow, for peers.
 */
#ifndef SIO_SIM_BYTES_H
#define SIO_SIM_BYTES_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
  char *p;
  size_t n, room;
  size_t gone; /* taken off the front: the block begins so far before p */
};

static inline void bytes_settle(struct bytes *b) {
  if (b->gone) memmove(b->p - b->gone, b->p, b->n + 1);
  b->p -= b->gone;
  b->room += b->gone;
  b->gone = 0;
}

static inline char *bytes_more(struct bytes *b, size_t n) {
  if (n > SIZE_MAX / 4) abort();
  if (b->room - b->n <= n) {
    if (b->p) bytes_settle(b);
    if (b->n + n + 1 > b->room / 2) b->room = (b->n + n + 1) * 2;
    b->p = realloc(b->p, b->room);
    if (!b->p) abort();
  }
  b->n += n;
  b->p[b->n] = '\0';
  return b->p + b->n - n;
}

static inline void bytes_put(struct bytes *b, const void *p, size_t n) {
  if (n) memcpy(bytes_more(b, n), p, n);
}

static inline void bytes_text(struct bytes *b, const char *s) { bytes_put(b, s, strlen(s)); }

static inline void bytes_fill(struct bytes *b, int c, size_t n) { memset(bytes_more(b, n), c, n); }

__attribute__((format(printf, 2, 3))) static inline void bytes_printf(struct bytes *b,
                                                                      const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  va_start(ap, fmt);
  vsnprintf(bytes_more(b, (size_t)n), (size_t)n + 1, fmt, ap);
  va_end(ap);
}

static inline void bytes_skip(struct bytes *b, size_t n) {
  b->p += n;
  b->n -= n;
  b->room -= n;
  b->gone += n;
}

static inline void bytes_free(struct bytes *b) {
  if (b->p) free(b->p - b->gone);
  *b = (struct bytes){ 0 };
}

#endif
