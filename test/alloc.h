/* SPDX-License-Identifier: MIT
 *
 * alloc.h - an allocator that counts, and fails when told to.
 *
 *     alloc_install();
 *     alloc_fail_in(3);     the third allocation from here fails, once
 *     alloc_fail_all();     every one fails, until alloc_fail_in(0)
 *     EQ(alloc_live, 0);    nothing leaked
 *     alloc_bytes           what the live blocks take, as malloc() counts it
 */
#ifndef SIO_TEST_ALLOC_H
#define SIO_TEST_ALLOC_H

#include <malloc.h>
#include <sio/server.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static size_t alloc_live;  /* blocks not freed yet                */
static size_t alloc_bytes; /* that those take                     */
static size_t alloc_calls; /* malloc and realloc, ever            */
static size_t alloc_fuse;  /* counts down, at 1 it fails; 0: off  */

static inline void alloc_fail_in(size_t calls) { alloc_fuse = calls; }
static inline void alloc_fail_all(void) { alloc_fuse = SIZE_MAX; }

static inline int alloc_fails(void) {
  alloc_calls++;
  if (alloc_fuse == SIZE_MAX) return 1;
  return alloc_fuse > 0 && alloc_fuse-- == 1;
}

static void *alloc_malloc(size_t n) {
  void *p = alloc_fails() ? NULL : malloc(n);
  if (p) alloc_live++;
  alloc_bytes += malloc_usable_size(p);
  return p;
}

static void *alloc_realloc(void *p, size_t n) {
  size_t before = malloc_usable_size(p);
  void *q = alloc_fails() ? NULL : realloc(p, n);
  if (q && !p) alloc_live++;
  if (q) alloc_bytes += malloc_usable_size(q) - before;
  return q;
}

static void alloc_free(void *p) {
  if (p) alloc_live--;
  alloc_bytes -= malloc_usable_size(p);
  free(p);
}

static inline void alloc_install(void) {
  sio_set_allocator(alloc_malloc, alloc_realloc, alloc_free);
  alloc_live = alloc_bytes = alloc_calls = alloc_fuse = 0;
}

#endif
