/* SPDX-License-Identifier: MIT
 *
 * buf.h - a byte buffer that grows up to a maximum.
 */
#ifndef SIO_BASE_BUF_H
#define SIO_BASE_BUF_H

#include <stddef.h>

struct buf {
  char *p;
  size_t n, cap;
  size_t max; /* the buffer does not grow beyond this many bytes */
};

static inline void buf_init(struct buf *b, size_t max) { *b = (struct buf){ .max = max }; }

/* Makes room for n more bytes. Returns 0, SIO_ETOOBIG if the buffer would have to grow beyond its
 * maximum, or UV_ENOMEM. After an error the content is unchanged. */
int sio__buf_reserve(struct buf *b, size_t n);
/* Appends n bytes. Returns the same values as sio__buf_reserve(). */
int sio__buf_put(struct buf *b, const void *p, size_t n);
void sio__buf_clear(struct buf *b); /* frees the memory; the maximum stays */
/* Removes the first n bytes and keeps those after them. n is at most b->n. */
void sio__buf_remove_first_bytes(struct buf *b, size_t n);

#endif
