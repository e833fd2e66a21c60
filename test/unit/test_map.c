/* SPDX-License-Identifier: MIT
 *
 * test_map.c - random operations against a plain array, and memory that runs out.
 */
#include "alloc.h"
#include "base/map.h"
#include "test.h"

#include <uv.h>

enum { KEYS = 3000 };

struct item {
  char name[16];
  bool in; /* the naive model: is it in the map? */
  unsigned seen;
};

static struct item items[KEYS];
static uint64_t seed;

static uint32_t rnd(uint32_t below) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return (uint32_t)(seed >> 20) % below;
}

static sio_slice name_of(const void *item) { return slice_str(((const struct item *)item)->name); }

static void begin(struct map *m) {
  alloc_install();
  seed = 88172645463325252u;
  sio__map_init(m, name_of);
  for (int i = 0; i < KEYS; i++) {
    items[i] = (struct item){ 0 };
    snprintf(items[i].name, sizeof items[i].name, "key%d", i);
  }
}

static void check_size(const struct map *m, uint32_t n) {
  EQ(m->n, n);
  EQ(m->cap == 0, n == 0);
  CHECK(m->n <= m->cap / 4 * 3);
  CHECK(m->n >= m->cap / 8);
}

static void check_walk(const struct map *m) {
  uint32_t i = 0, n = 0;
  static unsigned round;
  struct item *it;
  for (round++; (it = sio__map_next(m, &i)); n++) {
    CHECK(it->in);
    CHECK(it->seen != round);
    it->seen = round;
  }
  EQ(n, m->n);
}

static uint32_t one_step(struct map *m, struct item *it, bool put, uint32_t n) {
  sio_slice key = name_of(it);
  CHECK(sio__map_get(m, key) == (it->in ? it : NULL));
  if (put) {
    EQ(sio__map_put(m, it), it->in ? UV_EEXIST : 0);
    n += !it->in;
  } else {
    CHECK(sio__map_del(m, key) == (it->in ? it : NULL));
    n -= it->in;
  }
  it->in = put;
  return n;
}

TEST(half_a_million_random_operations_agree_with_a_plain_array) {
  struct map m;
  uint32_t n = 0, chance = 50;
  begin(&m);
  for (int i = 0; i < 500000 && !test__failed; i++) {
    if (i % 10000 == 0) chance = rnd(5) * 25; /* fill, drain or hover */
    n = one_step(&m, &items[rnd(i % 40000 < 20000 ? KEYS : 40)], rnd(100) < chance, n);
    check_size(&m, n);
    if (i % 5000 == 0) check_walk(&m);
  }
  sio__map_clear(&m);
  check_size(&m, 0);
  EQ(alloc_live, 0);
}

TEST(every_item_is_found_after_each_removal) {
  struct map m;
  begin(&m);
  for (int i = 0; i < 500; i++) EQ(sio__map_put(&m, &items[i]), 0);
  for (int i = 0; i < 500; i++) {
    CHECK(sio__map_del(&m, name_of(&items[i])) == &items[i]);
    CHECK(sio__map_get(&m, name_of(&items[i])) == NULL);
    for (int k = i + 1; k < 500; k++) CHECK(sio__map_get(&m, name_of(&items[k])) == &items[k]);
  }
  EQ(alloc_live, 0);
}

TEST(an_empty_map_allocates_nothing_and_answers) {
  struct map m;
  uint32_t i = 0;
  begin(&m);
  CHECK(sio__map_get(&m, SLICE("x")) == NULL);
  CHECK(sio__map_del(&m, SLICE("x")) == NULL);
  CHECK(sio__map_next(&m, &i) == NULL);
  EQ(alloc_calls, 0);
  EQ(sio__map_put(&m, &items[0]), 0);
  EQ(alloc_live, 1);
  CHECK(sio__map_del(&m, name_of(&items[0])) == &items[0]);
  EQ(alloc_live, 0);
  sio__map_clear(&m);
  sio__map_clear(&m);
}

TEST(keys_may_be_empty_or_hold_any_byte) {
  struct map m;
  begin(&m);
  items[0].name[0] = '\0';
  EQ(sio__map_put(&m, &items[0]), 0);
  CHECK(sio__map_get(&m, slice(NULL, 0)) == &items[0]);
  CHECK(sio__map_get(&m, SLICE("\0")) == NULL);
  EQ(sio__map_put(&m, &items[0]), UV_EEXIST);
  sio__map_clear(&m);
}

static void check_all_in(const struct map *m, int n) {
  EQ(m->n, n);
  for (int i = 0; i < KEYS; i++)
    CHECK(sio__map_get(m, name_of(&items[i])) == (i < n ? &items[i] : NULL));
}

TEST(a_put_without_memory_leaves_the_map_as_it_was) {
  struct map m;
  int refused = 0;
  begin(&m);
  for (int i = 0; i < 300; i++) {
    alloc_fail_all();
    int err = sio__map_put(&m, &items[i]);
    alloc_fail_in(0);
    if (err) {
      EQ(err, UV_ENOMEM);
      refused++;
      check_all_in(&m, i);
      EQ(sio__map_put(&m, &items[i]), 0);
    }
  }
  EQ(refused, 7); /* 8, 16, ... 512 slots */
  check_all_in(&m, 300);
  sio__map_clear(&m);
  EQ(alloc_live, 0);
}

TEST(a_del_without_memory_still_removes) {
  struct map m;
  begin(&m);
  for (int i = 0; i < 300; i++) EQ(sio__map_put(&m, &items[i]), 0);
  alloc_fail_all();
  for (int i = 299; i >= 3; i--) CHECK(sio__map_del(&m, name_of(&items[i])) == &items[i]);
  check_all_in(&m, 3);
  alloc_fail_in(0);
  for (int i = 2; i >= 0; i--) CHECK(sio__map_del(&m, name_of(&items[i])) == &items[i]);
  EQ(alloc_live, 0);
}

TESTS_BEGIN
T(half_a_million_random_operations_agree_with_a_plain_array)
T(every_item_is_found_after_each_removal)
T(an_empty_map_allocates_nothing_and_answers)
T(keys_may_be_empty_or_hold_any_byte)
T(a_put_without_memory_leaves_the_map_as_it_was)
T(a_del_without_memory_still_removes)
TESTS_END
