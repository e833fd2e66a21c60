/* SPDX-License-Identifier: MIT
 *
 * buf.h - a byte buffer that grows up to a maximum, which is set when it is created.
 */
#ifndef SIO_BASE_BUF_H
#define SIO_BASE_BUF_H

#include <stddef.h>

struct buf {
  char *p;
  size_t n, cap;
  size_t max; /* the most bytes it may hold */
};

static inline void buf_init(struct buf *b, size_t max) { *b = (struct buf){ .max = max }; }

/* Makes room for n more bytes. 0, SIO_ETOOBIG above the maximum, or UV_ENOMEM. On error the
 * content is unchanged. */
int sio__buf_reserve(struct buf *b, size_t n);
/* Appends n bytes. Returns as sio__buf_reserve(). */
int sio__buf_put(struct buf *b, const void *p, size_t n);
void sio__buf_clear(struct buf *b); /* Frees the memory; the maximum stays. */
/* Removes the first n bytes, n <= b->n, and keeps the rest. */
void sio__buf_remove_first_bytes(struct buf *b, size_t n);

#endif
