/* SPDX-License-Identifier: MIT
 *
 * buf.h - a byte buffer that grows, and was born with a maximum.
 */
#ifndef SIO_BASE_BUF_H
#define SIO_BASE_BUF_H

#include <stddef.h>

struct buf {
  char *p;
  size_t n, cap;
  size_t max; /* most bytes it may hold */
};

static inline void buf_init(struct buf *b, size_t max) { *b = (struct buf){ .max = max }; }

/* Room for n more bytes: 0, SIO_ETOOBIG past max, UV_ENOMEM. Contents stay on error. */
int sio__buf_reserve(struct buf *b, size_t n);
int sio__buf_put(struct buf *b, const void *p, size_t n); /* as reserve */
void sio__buf_clear(struct buf *b);                       /* frees; max stays */
/* Drops the first n bytes (n <= b->n), keeps the rest. */
void sio__buf_shift(struct buf *b, size_t n);

#endif
