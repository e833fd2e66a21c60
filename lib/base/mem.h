/* SPDX-License-Identifier: MIT
 *
 * mem.h - every byte the library asks for goes through here.
 *
 * sio_set_allocator() swaps the three functions, which is also how the tests
 * count allocations and make the i-th one fail. NULL means out of memory: an
 * ordinary error that ends one peer, never the process.
 */
#ifndef SIO_BASE_MEM_H
#define SIO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *sio__malloc(size_t n);
void *sio__calloc(size_t count, size_t size); /* zeroed; NULL on overflow too */
void *sio__realloc(void *p, size_t n);
void sio__free(void *p);                     /* NULL is fine                 */
char *sio__strndup(const char *s, size_t n); /* NUL-terminated copy */

/* Gives memory that was freed back to the operating system, where the C library keeps it (glibc)
 * and the host has not set an allocator of its own. */
void sio__mem_trim(void);

/* Sums and products of lengths a peer has a say in. True: it does not fit. */
static inline bool add_overflows(size_t a, size_t b, size_t *out) {
  return __builtin_add_overflow(a, b, out);
}
static inline bool mul_overflows(size_t a, size_t b, size_t *out) {
  return __builtin_mul_overflow(a, b, out);
}

/* Blocks of one size, kept for reuse, so that a busy path allocates nothing.
 * At most `keep` free blocks are held back; not thread-safe: one per loop. */
struct pool {
  void *free;
  size_t size;
  unsigned held, keep;
};

void sio__pool_init(struct pool *pool, size_t size, unsigned keep);
void sio__pool_clear(struct pool *pool); /* frees the blocks held back; it may be used on */
void *sio__pool_get(struct pool *pool);  /* contents undefined; NULL: no memory */
void sio__pool_put(struct pool *pool, void *block);

#endif
