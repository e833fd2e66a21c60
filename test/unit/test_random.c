/* SPDX-License-Identifier: MIT
 *
 * test_random.c - ids that never repeat, not in other threads nor in forked children; SipHash.
 */
#include "base/random.h"
#include "guard.h"
#include "test.h"

#include <pthread.h>
#include <sys/wait.h>

typedef char id[SIO__ID_LEN + 1];

TEST(random_fills_all_it_is_given) {
  static uint8_t a[1 << 20];
  CHECK(sio__fill_random(a, sizeof a) == 0);
  size_t zeros = 0;
  for (size_t i = 0; i < sizeof a; i++) zeros += a[i] == 0;
  CHECK(zeros > 3000 && zeros < 5500); /* 4096 are expected, give or take 64 */
  CHECK(sio__fill_random(NULL, 0) == 0);
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static void check_distinct(id *ids, size_t n) {
  qsort(ids, n, sizeof *ids, compare);
  for (size_t i = 1; i < n; i++) CHECK(strcmp(ids[i - 1], ids[i]) != 0);
}

TEST(ids_are_twenty_url_safe_characters_and_differ) {
  static id ids[5000];
  static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  bool used[256] = { 0 };
  for (int i = 0; i < 5000; i++) {
    EQ(sio__make_random_id(ids[i]), 0);
    EQ(strlen(ids[i]), SIO__ID_LEN);
    EQ(strspn(ids[i], url_safe), SIO__ID_LEN);
    for (int k = 0; k < SIO__ID_LEN; k++) used[(unsigned char)ids[i][k]] = true;
  }
  for (int i = 0; i < 64; i++) CHECK(used[(unsigned char)url_safe[i]]);
  check_distinct(ids, 5000);
}

static void *draw(void *out) {
  id *ids = out;
  for (int i = 0; i < 500; i++) EQ(sio__make_random_id(ids[i]), 0);
  return NULL;
}

TEST(threads_draw_different_ids) {
  static id ids[4 * 500];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, draw, ids + i * 500);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  check_distinct(ids, 4 * 500);
}

/* A child that draws 20 ids into the pipe; with `grand` it leaves that to its own child. */
static void fork_and_draw(int fd, bool grand) {
  pid_t pid = fork();
  if (pid > 0) {
    waitpid(pid, NULL, 0);
    return;
  }
  if (grand) {
    fork_and_draw(fd, false);
    _exit(0);
  }
  for (int i = 0; i < 20; i++) {
    id one;
    if (sio__make_random_id(one) != 0 || write(fd, one, sizeof one) != sizeof one) _exit(1);
  }
  _exit(0);
}

TEST(a_forked_child_does_not_draw_what_its_parent_draws) {
  static id ids[60];
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  EQ(sio__make_random_id(ids[0]), 0); /* a batch is open now, and copied with the process */
  fork_and_draw(fds[1], false);
  fork_and_draw(fds[1], true);
  for (int i = 0; i < 20; i++) EQ(sio__make_random_id(ids[i]), 0);
  for (int i = 20; i < 60; i++) EQ(read(fds[0], ids[i], sizeof ids[i]), sizeof ids[i]);
  check_distinct(ids, 60);
  close(fds[0]);
  close(fds[1]);
}

struct vector {
  size_t n;
  uint64_t under_zero, under_key;
};

/* Messages 00 01 02 ... of n bytes, as CPython's hash() of bytes computes them: it is
 * SipHash-1-3, with a zero key for PYTHONHASHSEED=0 and the other one for PYTHONHASHSEED=1. */
static const struct vector vectors[] = {
  { 1, 0x68a914128e01e473u, 0xecd3e5afcecda4b9u },
  { 2, 0x010bac45c41e3669u, 0xbf360f1ea1745965u },
  { 3, 0x4d4c9a4a8ef6e0adu, 0x8d5b20ab227ba858u },
  { 4, 0x7cc43f98813e4dbdu, 0x968a3280faeeb716u },
  { 5, 0x5abe2169dff36275u, 0xbbda3b5f513c3d69u },
  { 6, 0xe3c25f87624f1cdbu, 0xa77f099d6ffed90eu },
  { 7, 0x2f098ab0c751325au, 0xfd15e78052a69ddfu },
  { 8, 0xead411e67ebe2eeau, 0xc0b5739e7e28dd01u },
  { 9, 0x75927f9d95124362u, 0x208a1a5a0cbbf778u },
  { 10, 0xaf9f77a65ab51a1du, 0xb99907ab3e3e597cu },
  { 11, 0xfe64ce8b6617fcffu, 0x4d9ec6e9c5127521u },
  { 12, 0xa6baf4fb0f9fe1c2u, 0x9b07906e87e344adu },
  { 13, 0xa0cf3211850f8e0du, 0x75973ed5708eb192u },
  { 14, 0x7f86049379fbfe67u, 0x3a6b5d52e1c90862u },
  { 15, 0xf30eb725bb91c9eau, 0xfa87985f39e97a53u },
  { 16, 0x8972188433a5c5b7u, 0x12e9d283f9f37002u },
  { 63, 0x385d3e39e5f37359u, 0x542052345bc68274u },
};

TEST(siphash_agrees_with_known_values) {
  static const uint8_t zero[16], key[16] = { 0x29, 0x23, 0xbe, 0x84, 0xe1, 0x6c, 0xd6, 0xae,
                                             0x52, 0x90, 0x49, 0xf1, 0xf1, 0xbb, 0xe9, 0xeb };
  struct guard g = { 0 };
  uint8_t bytes[63];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    const struct vector *v = &vectors[i];
    const char *p = guard_put(&g, bytes, v->n);
    EQ(sio__siphash13(zero, p, v->n), v->under_zero);
    EQ(sio__siphash13(key, p, v->n), v->under_key);
  }
  EQ(sio__siphash13(zero, NULL, 0), 0xd1fba762150c532cu);
  guard_clear(&g);
}

TEST(the_process_key_is_fixed_and_not_zero) {
  uint64_t mine = sio__hash_bytes("abc", 3);
  static const uint8_t zero[16];
  EQ(mine, sio__hash_bytes("abc", 3));
  CHECK(mine != sio__hash_bytes("abd", 3));
  CHECK(mine != sio__siphash13(zero, "abc", 3));
}

TESTS_BEGIN
T(random_fills_all_it_is_given)
T(ids_are_twenty_url_safe_characters_and_differ)
T(threads_draw_different_ids)
T(a_forked_child_does_not_draw_what_its_parent_draws)
T(siphash_agrees_with_known_values)
T(the_process_key_is_fixed_and_not_zero)
TESTS_END
