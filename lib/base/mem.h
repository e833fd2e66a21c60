/* SPDX-License-Identifier: MIT
 *
 * mem.h - memory allocation. The code in lib/, except in admin and tls, allocates with these
 * functions.
 *
 * They call malloc(), realloc() and free(), or the functions that the host has set with
 * sio_set_allocator(). The tests set their own to count allocations, and to make them fail. The
 * functions return NULL if memory has run out. That is an ordinary error, which must not end the
 * process.
 */
#ifndef SIO_BASE_MEM_H
#define SIO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The attribute alloc_size tells the compiler the size of a block, so that _FORTIFY_SOURCE=3 can
 * check writes to it. */
__attribute__((alloc_size(1))) void *sio__malloc(size_t n);
/* Returns zeroed memory, or NULL if memory runs out or count * size overflows. */
__attribute__((alloc_size(1, 2))) void *sio__calloc(size_t count, size_t size);
__attribute__((alloc_size(2))) void *sio__realloc(void *p, size_t n);
/* Grows an array of *cap items of `size` bytes each to twice its length, or to `first` items if
 * *cap is 0. Sets *cap and returns the array, which may have moved. Returns NULL and changes
 * nothing if memory runs out, or if *cap would not fit into 32 bits. */
void *sio__array_grow(void *items, uint32_t *cap, size_t size, uint32_t first);
void sio__free(void *p); /* NULL is allowed. */
/* Overwrites the n bytes at p, which may contain a secret such as a password, with zeros, and frees
 * the block. p may be NULL. */
void sio__wipe_and_free(void *p, size_t n);
char *sio__strndup(const char *s, size_t n); /* NUL-terminated copy */

/* Returns unused heap memory to the operating system. Does nothing without glibc, or if the host's
 * allocator does not free with free(). */
void sio__mem_return_to_system(void);

/* For sums and products of lengths that a peer can influence. Both functions set *out to the
 * result, and return true if it has overflowed. */
static inline bool add_and_check_overflow(size_t a, size_t b, size_t *out) {
  return __builtin_add_overflow(a, b, out);
}
static inline bool multiply_and_check_overflow(size_t a, size_t b, size_t *out) {
  return __builtin_mul_overflow(a, b, out);
}
/* For sizes of blocks to allocate. Both functions return SIZE_MAX if the result overflows;
 * sio__malloc() and sio__realloc() return NULL for that size. */
static inline size_t size_add(size_t a, size_t b) {
  return add_and_check_overflow(a, b, &a) ? SIZE_MAX : a;
}
static inline size_t size_mul(size_t a, size_t b) {
  return multiply_and_check_overflow(a, b, &a) ? SIZE_MAX : a;
}

/* A pool of blocks of one size. It keeps at most `keep` free blocks for reuse, so that frequent
 * operations usually allocate nothing. Not thread-safe. */
struct pool {
  void *free;
  size_t size;
  unsigned held, keep;
};

void sio__pool_init(struct pool *pool, size_t size, unsigned keep);
/* Frees the blocks that the pool keeps. The pool can still be used. */
void sio__pool_clear(struct pool *pool);
/* Returns uninitialised memory, or NULL if memory runs out. */
void *sio__pool_get(struct pool *pool);
void sio__pool_put(struct pool *pool, void *block);

#endif
