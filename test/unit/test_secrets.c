/* SPDX-License-Identifier: MIT
 *
 * test_secrets.c - what clients send as their auth is overwritten before its memory is freed. Every
 * block that the library frees is searched for the password.
 */
#include "whole.h"
#include <sio/test.h>

#define PASSWORD "open-sesame-7261"
#define AUTH "{\"password\":\"" PASSWORD "\",\"pid\":\"p\",\"offset\":\"o\"}"

static size_t leaks;   /* blocks with the password that were freed */
static bool searching; /* not while the test's client makes and sends its CONNECT */

static bool contains_password(const void *block) {
  return memmem(block, malloc_usable_size((void *)(uintptr_t)block), PASSWORD,
                sizeof PASSWORD - 1) != NULL;
}

/* calloc() zeroes all of a block that is searched later, which may be longer than n. */
static void *secrets_malloc(size_t n) {
  void *p = calloc(1, n);
  alloc_live += p != NULL;
  alloc_bytes += malloc_usable_size(p);
  return p;
}

static void secrets_free(void *p) {
  leaks += p && searching && contains_password(p);
  alloc_free(p);
}

static void *secrets_realloc(void *p, size_t n) {
  void *q = secrets_malloc(n);
  size_t old = malloc_usable_size(p);
  if (!q) return NULL;
  memcpy(q, p, old < n ? old : n);
  secrets_free(p);
  return q;
}

static void secrets_start(const sio_options *o) {
  whole_start(o);
  sio_set_allocator(secrets_malloc, secrets_realloc, secrets_free);
  leaks = 0;
}

static sio_test_peer *secrets_connect(const char *nsp) {
  sio_test_peer *p = NULL;
  searching = false;
  if (sio_test_connect(srv, nsp, AUTH, &p)) abort();
  searching = true;
  return p;
}

/* A free packet of the test's client, which contains its CONNECT, is freed with the server. */
static void secrets_stop(void) {
  turn();
  searching = false;
  whole_stop();
  EQ(leaks, 0);
}

static void read_auth(sio_socket *s, void *user) {
  (void)user;
  CHECK(sio_socket_auth_tree(s) != NULL);
}

static sio_next *verdict; /* that a slow middleware still has to give */

static void keep_auth(sio_socket *s, sio_next *next, void *user) {
  read_auth(s, user);
  verdict = next;
}

static void keep_match(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                       void *user) {
  (void)server, (void)name, (void)user;
  CHECK(auth.n > 0);
  verdict = next;
}

TEST(the_auth_of_a_socket_that_has_left_is_overwritten) {
  secrets_start(NULL);
  sio_on_connect(root, read_auth, NULL);
  sio_test_peer *p = secrets_connect("/");
  EQ_STR(sio_test_next(p), "connect");
  sio_test_free(p);
  secrets_stop();
}

TEST(the_auth_of_a_refused_client_is_overwritten) {
  secrets_start(NULL);
  sio_use(root, keep_auth, NULL);
  sio_test_peer *p = secrets_connect("/");
  sio_next_fail(verdict, "no", sio_null());
  turn();
  sio_test_free(p);
  secrets_stop();
}

TEST(the_auth_of_a_client_that_left_before_the_verdict_is_overwritten) {
  secrets_start(NULL);
  sio_use(root, keep_auth, NULL);
  sio_test_peer *p = secrets_connect("/");
  sio_test_free(p);
  turn();
  sio_next_ok(verdict);
  secrets_stop();
}

TEST(the_auth_of_a_request_for_a_namespace_is_overwritten) {
  sio_nsp *parent;
  secrets_start(NULL);
  sio_of_match(srv, keep_match, NULL, &parent);
  sio_test_peer *p = secrets_connect("/room-1");
  turn();
  sio_next_ok(verdict);
  turn();
  EQ_STR(sio_test_next(p), "connect");
  sio_test_free(p);
  secrets_stop();
}

TEST(the_auth_that_connection_state_recovery_read_is_overwritten) {
  secrets_start(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 } });
  sio_on_connect(root, read_auth, NULL);
  sio_test_peer *p = secrets_connect("/");
  sio_test_free(p);
  secrets_stop();
}

TESTS_BEGIN
T(the_auth_of_a_socket_that_has_left_is_overwritten)
T(the_auth_of_a_refused_client_is_overwritten)
T(the_auth_of_a_client_that_left_before_the_verdict_is_overwritten)
T(the_auth_of_a_request_for_a_namespace_is_overwritten)
T(the_auth_that_connection_state_recovery_read_is_overwritten)
TESTS_END
