/* SPDX-License-Identifier: MIT
 *
 * guard.h - input that ends right before a page nobody may touch: one byte read too many
 * ends the test.
 *
 *     struct guard g = { 0 };
 *     char *p = guard_put(&g, "text", 4);   (p[4] is out of bounds; the next put moves it)
 *     guard_clear(&g);
 */
#ifndef SIO_TEST_GUARD_H
#define SIO_TEST_GUARD_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
  char *map;
  size_t size; /* bytes before the forbidden page */
};

static inline void guard_clear(struct guard *g) {
  if (g->map) munmap(g->map, g->size + (size_t)sysconf(_SC_PAGESIZE));
  *g = (struct guard){ 0 };
}

static inline void guard_open(struct guard *g, size_t n) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  guard_clear(g);
  g->size = (n / page + 1) * page;
  void *map =
      mmap(NULL, g->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) abort();
  g->map = map;
  if (mprotect(g->map + g->size, page, PROT_NONE) != 0) abort();
}

static inline char *guard_put(struct guard *g, const void *p, size_t n) {
  if (!g->map || n > g->size) guard_open(g, n);
  char *at = g->map + g->size - n;
  if (n) memcpy(at, p, n);
  return at;
}

#endif
