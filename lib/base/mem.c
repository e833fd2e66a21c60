/* SPDX-License-Identifier: MIT
 *
 * mem.c - calls the host's allocation functions; and pools of blocks of one size.
 *
 * The first bytes of a free block in a pool are the link to the next one. Under AddressSanitizer a
 * free block is poisoned, so that its use after sio__pool_put() is reported like a use after free.
 */
#include "base/mem.h"

#include <sio/server.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <pthread.h>
#endif
#include <string.h>

#include "base/err.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

static void *(*host_malloc)(size_t) = malloc;
static void *(*host_realloc)(void *, size_t) = realloc;
static void (*host_free)(void *) = free;

int sio_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                      void (*free_fn)(void *)) {
  if (!malloc_fn != !realloc_fn || !malloc_fn != !free_fn) return UV_EINVAL;
  host_malloc = malloc_fn ? malloc_fn : malloc;
  host_realloc = realloc_fn ? realloc_fn : realloc;
  host_free = free_fn ? free_fn : free;
  return 0;
}

/* Returns n, or 1 if n is 0. malloc(0) may return NULL, which would look like a lack of memory, and
 * realloc(p, 0) may free p. */
static size_t nonzero_size(size_t n) { return n + !n; }

/* A size of SIZE_MAX means that size_add() or size_mul() has overflowed. Then the host's function
 * is not called. */
void *sio__malloc(size_t n) { return n < SIZE_MAX ? host_malloc(nonzero_size(n)) : NULL; }

void *sio__calloc(size_t count, size_t size) {
  size_t n = size_mul(count, size);
  void *p = sio__malloc(n);
  return p ? memset(p, 0, n) : NULL;
}

void *sio__realloc(void *p, size_t n) {
  return p && n < SIZE_MAX ? host_realloc(p, nonzero_size(n)) : sio__malloc(n);
}

void *sio__array_grow(void *items, uint32_t *cap, size_t size, uint32_t first) {
  uint32_t more = *cap ? *cap : first;
  if (more > UINT32_MAX - *cap) return NULL;
  void *p = sio__realloc(items, size_mul(*cap + more, size));
  if (p) *cap += more;
  return p;
}

void sio__free(void *p) {
  if (p) host_free(p);
}

/* The asm statement makes the compiler assume that the bytes are read; otherwise it could omit
 * memset(). */
void sio__wipe_and_free(void *p, size_t n) {
  if (!p) return;
  memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory");
  sio__free(p);
}

char *sio__strndup(const char *s, size_t n) {
  char *copy = sio__malloc(size_add(n, 1));
  if (!copy) return NULL;
  if (n) memcpy(copy, s, n);
  copy[n] = '\0';
  return copy;
}

#ifdef __GLIBC__
/* If another allocator has replaced glibc's (one that is preloaded, or a sanitizer's), the first
 * call of malloc_trim() initialises glibc's. Two threads that do so at once can crash. */
void sio__mem_return_to_system(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  if (host_free != free) return;
  pthread_mutex_lock(&lock);
  malloc_trim(0);
  pthread_mutex_unlock(&lock);
}
#else
void sio__mem_return_to_system(void) {}
#endif

void sio__pool_init(struct pool *pool, size_t size, unsigned keep) {
  *pool = (struct pool){ .size = size < sizeof(void *) ? sizeof(void *) : size, .keep = keep };
}

static void *pool_take_block_of_nonempty_list(struct pool *pool) {
  void *block = pool->free;
  ASAN_UNPOISON_MEMORY_REGION(block, pool->size);
  memcpy(&pool->free, block, sizeof pool->free);
  pool->held--;
  return block;
}

void sio__pool_clear(struct pool *pool) {
  while (pool->free) sio__free(pool_take_block_of_nonempty_list(pool));
}

void *sio__pool_get(struct pool *pool) {
  return pool->free ? pool_take_block_of_nonempty_list(pool) : sio__malloc(pool->size);
}

void sio__pool_put(struct pool *pool, void *block) {
  if (pool->held >= pool->keep) {
    sio__free(block);
    return;
  }
  memcpy(block, &pool->free, sizeof pool->free);
  pool->free = block;
  pool->held++;
  ASAN_POISON_MEMORY_REGION(block, pool->size);
}
