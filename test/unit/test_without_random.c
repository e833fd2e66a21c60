/* SPDX-License-Identifier: MIT
 *
 * test_without_random.c - the system gives no random bytes: no id is made that could be guessed,
 * and the caller is told; a server serves again when there are some.
 */
#include "engine_rig.h"
#include <sio/test.h>
#include <sys/random.h>

static int failure; /* the error of getrandom(); 0: it works */
static unsigned interruptions;

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags) {
  if (interruptions) {
    interruptions--;
    errno = EINTR;
    return -1;
  }
  if (failure) {
    errno = failure;
    return -1;
  }
  return __real_getrandom(p, n, flags);
}

/* It runs first: the key of the hash is made once in a process. */
TEST(names_are_found_without_a_random_key) {
  sio_nsp *nsp, *same;
  failure = EIO;
  start(NULL);
  EQ(sio_of(srv, "/a", &nsp), 0);
  EQ(sio_of(srv, "/a", &same), 0);
  CHECK(nsp == same && sio_nsp_find(srv, "/b") == NULL);
  stop();
}

TEST(no_session_is_opened_without_a_random_id) {
  sio_test_peer *p;
  failure = EIO;
  start(NULL);
  EQ(sio_test_connect(srv, "/", NULL, &p), UV_EIO);
  REQUIRE(raw_open(&a, srv) && raw_get(&a, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&a, "400") && raw_expect(&a, "Bad request"));
  failure = 0;
  REQUIRE(raw_open(&b, srv) && raw_get(&b, "/socket.io/?EIO=4&transport=polling"));
  CHECK(raw_expect(&b, "\"sid\""));
  stop();
}

TEST(a_call_that_is_interrupted_is_repeated) {
  failure = 0;
  interruptions = 2;
  start(NULL);
  for (int i = 0; i < 40; i++) {
    sio_test_peer *p;
    REQUIRE(sio_test_connect(srv, "/", NULL, &p) == 0);
    sio_test_free(p);
  }
  EQ(interruptions, 0);
  stop();
}

TESTS_BEGIN
T(names_are_found_without_a_random_key)
T(no_session_is_opened_without_a_random_id)
T(a_call_that_is_interrupted_is_repeated)
TESTS_END
