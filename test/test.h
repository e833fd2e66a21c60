/* SPDX-License-Identifier: MIT
 *
 * test.h - a unit test is one program: a list of sentences and the functions that show them.
 *
 *     TEST(ping_is_answered_before_queued_data) { ... EQ(got, want); ... }
 *     TESTS_BEGIN T(ping_is_answered_before_queued_data) TESTS_END
 *
 * `test_ws_conn` runs all, `test_ws_conn ping` those whose name contains "ping".
 * Ends with "N passed, N failed".
 */
#ifndef SIO_TEST_H
#define SIO_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test__failed; /* in the test that runs */

#define TEST(name) static void name(void)

#define CHECK(cond)                                                      \
  do {                                                                   \
    if (!(cond)) {                                                       \
      test__failed = 1;                                                  \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
    }                                                                    \
  } while (0)

#define REQUIRE(cond)         \
  do {                        \
    CHECK(cond);              \
    if (test__failed) return; \
  } while (0)

#define EQ(a, b)                                                                                 \
  do {                                                                                           \
    long long a_ = (long long)(a), b_ = (long long)(b);                                          \
    if (a_ != b_) {                                                                              \
      test__failed = 1;                                                                          \
      fprintf(stderr, "%s:%d: %s is %lld, not %lld (%s)\n", __FILE__, __LINE__, #a, a_, b_, #b); \
    }                                                                                            \
  } while (0)

/* Bytes: pointer and length against a string literal or another pointer. */
#define EQ_MEM(p, n, q, m) test__mem(__FILE__, __LINE__, #p, (p), (n), (q), (m))
#define EQ_STR(s, t) test__str(__FILE__, __LINE__, #s, (s), (t))

static inline void test__print(const char *what, const void *p, size_t n) {
  const unsigned char *s = (const unsigned char *)p; /* also C++ */
  fprintf(stderr, "  %s (%zu): ", what, n);
  for (size_t i = 0; i < n && i < 300; i++) {
    if (s[i] >= 32 && s[i] < 127)
      fputc(s[i], stderr);
    else
      fprintf(stderr, "\\x%02x", s[i]);
  }
  fputc('\n', stderr);
}

static inline void test__mem(const char *file, int line, const char *what, const void *p, size_t n,
                             const void *q, size_t m) {
  if (n == m && (n == 0 || memcmp(p, q, n) == 0)) return;
  test__failed = 1;
  fprintf(stderr, "%s:%d: %s differs\n", file, line, what);
  test__print("is ", p, n);
  test__print("not", q, m);
}

/* A function, so that each text is evaluated once: it may be the result of a call that frees the
 * last one. */
static inline void test__str(const char *file, int line, const char *what, const char *s,
                             const char *t) {
  test__mem(file, line, what, s, strlen(s), t, strlen(t));
}

struct test__case {
  const char *name;
  void (*run)(void);
};

static inline int test__main(const struct test__case *cases, size_t n, int argc, char **argv) {
  unsigned passed = 0, failed = 0;
  for (size_t i = 0; i < n; i++) {
    if (argc > 1 && !strstr(cases[i].name, argv[1])) continue;
    test__failed = 0;
    cases[i].run();
    if (test__failed) {
      failed++;
      fprintf(stderr, "FAILED %s\n", cases[i].name);
    } else {
      passed++;
    }
  }
  printf("%u passed, %u failed\n", passed, failed);
  return failed ? 1 : 0;
}

#define TESTS_BEGIN static const struct test__case test__cases[] = {
#define T(name) { #name, name },
#define TESTS_END                                                                         \
  }                                                                                       \
  ;                                                                                       \
  int main(int argc, char **argv) {                                                       \
    return test__main(test__cases, sizeof test__cases / sizeof *test__cases, argc, argv); \
  }

#endif
