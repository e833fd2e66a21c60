/* SPDX-License-Identifier: MIT
 *
 * mem.h - memory allocation. The whole library allocates with these functions.
 *
 * sio_set_allocator() replaces the three functions of the C library. The tests use it to count
 * allocations and to make any of them fail. NULL means a lack of memory, which is an ordinary
 * error: it ends one connection, but never the process.
 */
#ifndef SIO_BASE_MEM_H
#define SIO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The attributes tell the compiler how large the blocks are, so that _FORTIFY_SOURCE=3 checks what
 * is copied to them. */
__attribute__((alloc_size(1))) void *sio__malloc(size_t n);
/* Zeroed; NULL also if the product overflows. */
__attribute__((alloc_size(1, 2))) void *sio__calloc(size_t count, size_t size);
__attribute__((alloc_size(2))) void *sio__realloc(void *p, size_t n);
/* Grows an array of *cap items of `size` bytes to twice the length, or to `first` items. NULL, and
 * nothing changed: no memory, or more items than 32 bits can count. */
void *sio__array_grow(void *items, uint32_t *cap, size_t size, uint32_t first);
void sio__free(void *p); /* NULL is allowed. */
/* Overwrites n bytes with zeros and frees the block: for passwords and tokens. NULL is allowed. */
void sio__wipe_and_free(void *p, size_t n);
char *sio__strndup(const char *s, size_t n); /* NUL-terminated copy */

/* Returns free memory to the operating system. Only with glibc, and only if the host has not set
 * its own allocator. */
void sio__mem_return_to_system(void);

/* Sums and products of lengths that a peer can influence. True: the result overflows. */
static inline bool add_overflows(size_t a, size_t b, size_t *out) {
  return __builtin_add_overflow(a, b, out);
}
static inline bool mul_overflows(size_t a, size_t b, size_t *out) {
  return __builtin_mul_overflow(a, b, out);
}
/* For sizes of blocks: a result that overflows is SIZE_MAX, for which there is never memory. */
static inline size_t size_add(size_t a, size_t b) { return add_overflows(a, b, &a) ? SIZE_MAX : a; }
static inline size_t size_mul(size_t a, size_t b) { return mul_overflows(a, b, &a) ? SIZE_MAX : a; }

/* Free blocks of one size, kept for reuse so that a busy path allocates nothing. At most `keep`
 * free blocks are kept. Not thread-safe: each loop has its own pools. */
struct pool {
  void *free;
  size_t size;
  unsigned held, keep;
};

void sio__pool_init(struct pool *pool, size_t size, unsigned keep);
void sio__pool_clear(struct pool *pool); /* Frees the kept blocks; the pool can still be used. */
void *sio__pool_get(struct pool *pool);  /* uninitialized memory; NULL: no memory */
void sio__pool_put(struct pool *pool, void *block);

#endif
