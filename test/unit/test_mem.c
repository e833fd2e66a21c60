/* SPDX-License-Identifier: MIT
 *
 * test_mem.c - the host's allocator, overflow checks, pools.
 */
#include "alloc.h"
#include "base/mem.h"
#include "test.h"

#include <uv.h>

/* A compiler that knew the size would refuse to allocate it. */
static size_t any_size(size_t n) {
  volatile size_t unknown = n;
  return unknown;
}

TEST(the_allocator_is_set_whole_or_not_at_all) {
  EQ(sio_set_allocator(malloc, NULL, free), UV_EINVAL);
  EQ(sio_set_allocator(NULL, realloc, NULL), UV_EINVAL);
  EQ(sio_set_allocator(NULL, NULL, free), UV_EINVAL);
  EQ(sio_set_allocator(malloc, realloc, NULL), UV_EINVAL);
}

TEST(allocations_go_to_the_host_until_null_restores_the_default) {
  alloc_install();
  void *p = sio__malloc(10);
  EQ(alloc_live, 1);
  p = sio__realloc(p, 20);
  EQ(alloc_calls, 2);
  sio__free(p);
  EQ(alloc_live, 0);
  EQ(sio_set_allocator(NULL, NULL, NULL), 0);
  sio__free(sio__malloc(1));
  EQ(alloc_calls, 2);
}

TEST(no_bytes_are_not_out_of_memory) {
  void *p = sio__malloc(0);
  CHECK(p != NULL);
  p = sio__realloc(p, 0);
  CHECK(p != NULL);
  sio__free(p);
  p = sio__calloc(0, 8);
  CHECK(p != NULL);
  sio__free(p);
  sio__free(NULL);
}

TEST(calloc_zeroes_and_refuses_a_product_that_overflows) {
  unsigned char *p = sio__calloc(100, 3);
  REQUIRE(p != NULL);
  for (int i = 0; i < 300; i++) EQ(p[i], 0);
  sio__free(p);
  CHECK(sio__calloc(any_size(SIZE_MAX / 2), 3) == NULL);
}

TEST(strndup_ends_the_copy) {
  char *s = sio__strndup("hello", 4);
  REQUIRE(s != NULL);
  EQ_STR(s, "hell");
  sio__free(s);
  s = sio__strndup(NULL, 0);
  REQUIRE(s != NULL);
  EQ_STR(s, "");
  sio__free(s);
  CHECK(sio__strndup("x", SIZE_MAX) == NULL);
}

TEST(sums_and_products_that_do_not_fit_are_told) {
  size_t n;
  CHECK(!add_and_check_overflow(SIZE_MAX - 1, 1, &n));
  EQ(n == SIZE_MAX, 1);
  CHECK(add_and_check_overflow(SIZE_MAX, 1, &n));
  CHECK(!multiply_and_check_overflow(SIZE_MAX / 2, 2, &n));
  CHECK(multiply_and_check_overflow(SIZE_MAX / 2 + 1, 2, &n));
}

TEST(a_size_that_does_not_fit_is_asked_of_nobody) {
  alloc_install();
  void *p = sio__malloc(8);
  EQ(size_add(SIZE_MAX - 1, 1) == SIZE_MAX, 1);
  EQ(size_add(3, 4), 7);
  EQ(size_mul(3, 4), 12);
  EQ(size_add(SIZE_MAX, 1) == SIZE_MAX, 1);
  EQ(size_mul(SIZE_MAX / 2 + 1, 2) == SIZE_MAX, 1);
  CHECK(sio__malloc(any_size(SIZE_MAX)) == NULL);
  CHECK(sio__realloc(p, any_size(SIZE_MAX)) == NULL);
  CHECK(sio__realloc(NULL, any_size(SIZE_MAX)) == NULL);
  EQ(alloc_calls, 1);
  EQ(alloc_live, 1);
  sio__free(p);
}

TEST(an_array_doubles_as_far_as_32_bits_count) {
  uint32_t cap = 0, much = UINT32_MAX / 2 + 1;
  alloc_install();
  int *v = sio__array_grow(NULL, &cap, sizeof *v, 3);
  REQUIRE(v != NULL);
  EQ(cap, 3);
  v[2] = 7;
  v = sio__array_grow(v, &cap, sizeof *v, 3);
  REQUIRE(v != NULL);
  EQ(cap, 6);
  EQ(v[2], 7);
  v[5] = 8;
  alloc_fail_in(1);
  CHECK(sio__array_grow(v, &cap, sizeof *v, 3) == NULL);
  EQ(cap, 6);
  CHECK(sio__array_grow(v, &much, sizeof *v, 3) == NULL);
  EQ(much, UINT32_MAX / 2 + 1);
  EQ(alloc_live, 1);
  sio__free(v);
}

TEST(a_pool_gives_back_what_was_put_and_allocates_nothing) {
  struct pool pool;
  alloc_install();
  sio__pool_init(&pool, 64, 2);
  void *a = sio__pool_get(&pool), *b = sio__pool_get(&pool);
  sio__pool_put(&pool, a);
  sio__pool_put(&pool, b);
  EQ(alloc_calls, 2);
  CHECK(sio__pool_get(&pool) == b);
  void *c = sio__pool_get(&pool);
  CHECK(c == a);
  memset(c, 1, 64);
  EQ(alloc_calls, 2);
  sio__pool_put(&pool, a);
  sio__pool_put(&pool, b);
  sio__pool_clear(&pool);
  EQ(alloc_live, 0);
}

TEST(a_pool_keeps_no_more_than_it_was_told) {
  struct pool pool;
  void *p[5];
  alloc_install();
  sio__pool_init(&pool, 1, 3);
  for (int i = 0; i < 5; i++) p[i] = sio__pool_get(&pool);
  for (int i = 0; i < 5; i++) sio__pool_put(&pool, p[i]);
  EQ(pool.held, 3);
  EQ(alloc_live, 3);
  sio__pool_clear(&pool);
  EQ(pool.held, 0);
  EQ(alloc_live, 0);
}

TEST(a_pool_without_memory_gives_null) {
  struct pool pool;
  alloc_install();
  sio__pool_init(&pool, 64, 1);
  alloc_fail_in(1);
  CHECK(sio__pool_get(&pool) == NULL);
  void *p = sio__pool_get(&pool);
  CHECK(p != NULL);
  sio__pool_put(&pool, p);
  alloc_fail_all();
  p = sio__pool_get(&pool);
  CHECK(p != NULL);
  sio__pool_put(&pool, p);
  sio__pool_clear(&pool);
  alloc_fail_in(0);
}

TESTS_BEGIN
T(the_allocator_is_set_whole_or_not_at_all)
T(allocations_go_to_the_host_until_null_restores_the_default)
T(no_bytes_are_not_out_of_memory)
T(calloc_zeroes_and_refuses_a_product_that_overflows)
T(strndup_ends_the_copy)
T(sums_and_products_that_do_not_fit_are_told)
T(a_size_that_does_not_fit_is_asked_of_nobody)
T(an_array_doubles_as_far_as_32_bits_count)
T(a_pool_gives_back_what_was_put_and_allocates_nothing)
T(a_pool_keeps_no_more_than_it_was_told)
T(a_pool_without_memory_gives_null)
TESTS_END
