/* SPDX-License-Identifier: MIT
 *
 * alloc.h - an allocator that counts, and fails when told to.
 *
 *     alloc_install();
 *     alloc_fail_in(3);     the third allocation from here fails, once
 *     alloc_fail_all();     every one fails, until alloc_fail_in(0)
 *     EQ(alloc_live, 0);    nothing leaked
 */
#ifndef SIO_TEST_ALLOC_H
#define SIO_TEST_ALLOC_H

#include <sio/server.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static size_t alloc_live;  /* blocks not freed yet                */
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
  return p;
}

static void *alloc_realloc(void *p, size_t n) {
  void *q = alloc_fails() ? NULL : realloc(p, n);
  if (q && !p) alloc_live++;
  return q;
}

static void alloc_free(void *p) {
  if (p) alloc_live--;
  free(p);
}

static inline void alloc_install(void) {
  sio_set_allocator(alloc_malloc, alloc_realloc, alloc_free);
  alloc_live = alloc_calls = alloc_fuse = 0;
}

#endif
