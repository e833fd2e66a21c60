/* SPDX-License-Identifier: MIT
 *
 * test_buf.c - growth, the maximum, shifting.
 */
#include "alloc.h"
#include "base/buf.h"
#include "test.h"

#include <uv.h>

TEST(bytes_put_one_by_one_are_all_there_and_allocate_rarely) {
  struct buf b;
  alloc_install();
  buf_init(&b, 100000);
  for (int i = 0; i < 100000; i++) EQ(sio__buf_put(&b, &(char){ (char)i }, 1), 0);
  EQ(b.n, 100000);
  for (int i = 0; i < 100000; i++) EQ(b.p[i], (char)i);
  CHECK(alloc_calls < 12);
  sio__buf_clear(&b);
  EQ(alloc_live, 0);
  EQ(b.max, 100000);
}

TEST(past_the_maximum_nothing_changes) {
  struct buf b;
  buf_init(&b, 5);
  EQ(sio__buf_put(&b, "abc", 3), 0);
  EQ(sio__buf_put(&b, "def", 3), SIO_ETOOBIG);
  EQ(sio__buf_reserve(&b, SIZE_MAX), SIO_ETOOBIG);
  EQ_MEM(b.p, b.n, "abc", 3);
  CHECK(b.cap <= 5);
  EQ(sio__buf_put(&b, "de", 2), 0);
  EQ_MEM(b.p, b.n, "abcde", 5);
  EQ(sio__buf_put(&b, NULL, 0), 0);
  sio__buf_clear(&b);
}

TEST(a_buffer_of_maximum_zero_holds_nothing) {
  struct buf b;
  buf_init(&b, 0);
  EQ(sio__buf_put(&b, "", 0), 0);
  EQ(sio__buf_put(&b, "a", 1), SIO_ETOOBIG);
  CHECK(b.p == NULL);
}

TEST(without_memory_the_contents_stay) {
  struct buf b;
  alloc_install();
  buf_init(&b, SIZE_MAX);
  EQ(sio__buf_put(&b, "abc", 3), 0);
  alloc_fail_in(1);
  EQ(sio__buf_reserve(&b, 10000), UV_ENOMEM);
  EQ_MEM(b.p, b.n, "abc", 3);
  EQ(sio__buf_reserve(&b, 10000), 0);
  CHECK(b.cap >= 10003);
  EQ_MEM(b.p, b.n, "abc", 3);
  sio__buf_clear(&b);
  EQ(alloc_live, 0);
}

TEST(shifting_drops_from_the_front) {
  struct buf b;
  buf_init(&b, 100);
  sio__buf_remove_first_bytes(&b, 0);
  EQ(sio__buf_put(&b, "abcdef", 6), 0);
  sio__buf_remove_first_bytes(&b, 2);
  EQ_MEM(b.p, b.n, "cdef", 4);
  sio__buf_remove_first_bytes(&b, 4);
  EQ(b.n, 0);
  sio__buf_clear(&b);
}

TESTS_BEGIN
T(bytes_put_one_by_one_are_all_there_and_allocate_rarely)
T(past_the_maximum_nothing_changes)
T(a_buffer_of_maximum_zero_holds_nothing)
T(without_memory_the_contents_stay)
T(shifting_drops_from_the_front)
TESTS_END
