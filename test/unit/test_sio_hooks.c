/* SPDX-License-Identifier: MIT */
#include "alloc.h"
#include "core/hooks.h"
#include "test.h"
#include <uv.h>

static struct hooks h;
static char ran[64];

static void a(void) {}
static void b(void) {}
static void c(void) {}

static void add(hook_fn fn, const char *tag) {
  EQ(sio__hooks_add(&h, fn, (void *)(uintptr_t)tag), 0);
}

static const char *walk(void) {
  ran[0] = '\0';
  struct hook_walk w = sio__hooks_start_walk(&h);
  for (const struct hook *k; (k = sio__hooks_next_in_walk(&w));) strcat(ran, k->user);
  return ran;
}

static void begin(void) {
  alloc_install();
  sio__hooks_init(&h);
}

static void finish(void) {
  sio__hooks_clear(&h);
  EQ(alloc_live, 0);
}

TEST(hooks_run_in_order) {
  begin();
  static const char one[] = "1", two[] = "2", three[] = "3";
  add(a, one);
  add(b, two);
  add(c, three);
  const char *r = walk();
  EQ_STR(r, "123");
  finish();
}

TEST(removal_takes_the_first_with_that_function_and_user) {
  begin();
  static const char one[] = "1", two[] = "2";
  add(a, one);
  add(a, two);
  add(a, one);
  EQ(sio__hooks_remove(&h, a, (void *)(uintptr_t)one), 0);
  const char *r = walk();
  EQ_STR(r, "21");
  EQ(sio__hooks_remove(&h, b, (void *)(uintptr_t)one), UV_ENOENT);
  EQ(sio__hooks_remove(&h, NULL, NULL), UV_ENOENT);
  finish();
}

TEST(what_is_removed_in_a_walk_does_not_run_and_is_freed_after_the_last_one) {
  begin();
  static const char one[] = "1", two[] = "2";
  add(a, one);
  add(b, two);
  struct hook_walk outer = sio__hooks_start_walk(&h), inner = sio__hooks_start_walk(&h);
  sio__hooks_next_in_walk(&outer);
  EQ(sio__hooks_remove(&h, b, (void *)(uintptr_t)two), 0);
  EQ(sio__hooks_remove(&h, b, (void *)(uintptr_t)two), UV_ENOENT);
  sio__hooks_stop_walk(&inner);
  EQ(alloc_live, 2);
  CHECK(sio__hooks_next_in_walk(&outer) == NULL);
  EQ(alloc_live, 1);
  finish();
}

TEST(what_is_added_in_a_walk_waits_for_the_next) {
  begin();
  static const char one[] = "1", two[] = "2";
  add(a, one);
  struct hook_walk w = sio__hooks_start_walk(&h);
  sio__hooks_next_in_walk(&w);
  add(b, two);
  CHECK(sio__hooks_next_in_walk(&w) == NULL);
  const char *r = walk();
  EQ_STR(r, "12");
  finish();
}

TEST(a_copy_made_in_a_walk_lacks_what_was_removed_and_has_what_was_added) {
  begin();
  static const char one[] = "1", two[] = "2", three[] = "3";
  struct hooks copy;
  sio__hooks_init(&copy);
  add(a, one);
  add(b, two);
  struct hook_walk w = sio__hooks_start_walk(&h);
  EQ(sio__hooks_remove(&h, a, (void *)(uintptr_t)one), 0);
  add(c, three);
  EQ(sio__hooks_copy(&copy, &h), 0);
  sio__hooks_stop_walk(&w);
  const struct hook *k = sio__hooks_next_after(&copy, NULL, copy.added);
  REQUIRE(k && k->fn == b);
  k = sio__hooks_next_after(&copy, k, copy.added);
  REQUIRE(k && k->fn == c);
  EQ(copy.added, 2);
  sio__hooks_clear(&copy);
  finish();
}

TEST(a_row_can_be_followed_by_hand_up_to_a_count) {
  begin();
  static const char one[] = "1", two[] = "2";
  add(a, one);
  uint64_t until = h.added;
  add(b, two);
  const struct hook *k = sio__hooks_next_after(&h, NULL, until);
  REQUIRE(k && k->fn == a);
  CHECK(sio__hooks_next_after(&h, k, until) == NULL);
  CHECK(sio__hooks_next_after(&h, k, h.added)->fn == b);
  finish();
}

TEST(no_function_and_no_memory_are_errors) {
  begin();
  EQ(sio__hooks_add(&h, NULL, NULL), UV_EINVAL);
  alloc_fail_all();
  EQ(sio__hooks_add(&h, a, NULL), UV_ENOMEM);
  alloc_fail_in(0);
  CHECK(hooks_is_empty(&h));
  finish();
}

TESTS_BEGIN
T(hooks_run_in_order)
T(removal_takes_the_first_with_that_function_and_user)
T(what_is_removed_in_a_walk_does_not_run_and_is_freed_after_the_last_one)
T(what_is_added_in_a_walk_waits_for_the_next)
T(a_copy_made_in_a_walk_lacks_what_was_removed_and_has_what_was_added)
T(a_row_can_be_followed_by_hand_up_to_a_count)
T(no_function_and_no_memory_are_errors)
TESTS_END
