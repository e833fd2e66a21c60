/* SPDX-License-Identifier: MIT
 *
 * test_worker_threads.c - sio_threads_start() and sio_threads_stop() when the system has no more
 * threads, locks or memory.
 */
#include "net/members.h"
#include "test.h"
#include <sio/sio.h>
#include <sio/threads.h>
#include <stdatomic.h>
#include <uv.h>

enum { THREADS = 3 };

/* ---- calls that fail ------------------------------------------------------------------------ */

static unsigned threads_left = UINT32_MAX; /* how many threads the system can still start */
static bool no_mutex, no_cond, no_loop;
static int cpus; /* what the system reports */

int __real_uv_thread_create(uv_thread_t *t, void (*run)(void *), void *arg);
int __wrap_uv_thread_create(uv_thread_t *t, void (*run)(void *), void *arg);
int __wrap_uv_thread_create(uv_thread_t *t, void (*run)(void *), void *arg) {
  if (threads_left == 0) return UV_EAGAIN;
  threads_left--;
  return __real_uv_thread_create(t, run, arg);
}

int __real_uv_mutex_init(uv_mutex_t *m);
int __wrap_uv_mutex_init(uv_mutex_t *m);
int __wrap_uv_mutex_init(uv_mutex_t *m) { return no_mutex ? UV_ENOMEM : __real_uv_mutex_init(m); }

int __real_uv_cond_init(uv_cond_t *c);
int __wrap_uv_cond_init(uv_cond_t *c);
int __wrap_uv_cond_init(uv_cond_t *c) { return no_cond ? UV_ENOMEM : __real_uv_cond_init(c); }

int __real_uv_loop_init(uv_loop_t *l);
int __wrap_uv_loop_init(uv_loop_t *l);
int __wrap_uv_loop_init(uv_loop_t *l) { return no_loop ? UV_EMFILE : __real_uv_loop_init(l); }

int __real_sio__os_count_cpus(void);
int __wrap_sio__os_count_cpus(void);
int __wrap_sio__os_count_cpus(void) { return cpus; }

/* ---- memory that ends on the thread of the test alone ---------------------------------------- */

static _Thread_local size_t fuse; /* counts down; at 1 the allocation fails; SIZE_MAX: all fail */
static atomic_size_t live;

static bool allocation_fails(void) {
  if (fuse == SIZE_MAX) return true;
  return fuse > 0 && fuse-- == 1;
}

static void *counting_malloc(size_t n) {
  void *p = allocation_fails() ? NULL : malloc(n);
  if (p) live++;
  return p;
}

static void *counting_realloc(void *old, size_t n) {
  void *p = allocation_fails() ? NULL : realloc(old, n);
  if (p && !old) live++;
  return p;
}

static void counting_free(void *p) {
  if (p) live--;
  free(p);
}

/* ---- servers --------------------------------------------------------------------------------- */

static atomic_uint set_up, closing;

static void on_closing(sio_server *srv, void *user) {
  (void)srv, (void)user;
  closing++;
}

static int set_up_server(sio_server *srv, unsigned number, void *user) {
  set_up++;
  int err = sio_on_close(srv, on_closing, NULL, NULL);
  if (user && number == *(const unsigned *)user) return UV_EPERM;
  return err || number > 0 ? err : sio_listen(srv, "127.0.0.1", 0);
}

static void reset(void) {
  sio_set_allocator(counting_malloc, counting_realloc, counting_free);
  fuse = 0;
  live = 0;
  set_up = closing = 0;
  threads_left = UINT32_MAX;
  no_mutex = no_cond = no_loop = false;
}

static int start(unsigned count, void *user, sio_threads **out) {
  const sio_threads_options o = { .count = count, .setup = set_up_server, .user = user };
  *out = NULL;
  return sio_threads_start(&o, out);
}

/* Starting fails, and nothing is left of the servers that were made. */
static void expect_failure(int err, unsigned servers) {
  sio_threads *t;
  EQ(start(THREADS, NULL, &t), err);
  CHECK(!t);
  EQ(set_up, servers);
  EQ(closing, servers);
  EQ(live, 0);
}

/* ---- starting -------------------------------------------------------------------------------- */

TEST(a_thread_that_cannot_be_started_ends_those_before_it) {
  for (unsigned n = 0; n < THREADS; n++) {
    reset();
    threads_left = n;
    expect_failure(UV_EAGAIN, n);
  }
}

TEST(without_a_lock_or_a_loop_no_thread_is_started) {
  reset();
  no_mutex = true;
  expect_failure(UV_ENOMEM, 0);
  reset();
  no_cond = true;
  expect_failure(UV_ENOMEM, 0);
  reset();
  no_loop = true;
  expect_failure(UV_EMFILE, 0);
}

TEST(starting_without_memory_says_so_and_leaves_nothing) {
  sio_threads *t = NULL;
  int err = UV_ENOMEM;
  for (size_t at = 1; err; at++) {
    reset();
    fuse = at;
    err = start(THREADS, NULL, &t);
    CHECK(!err || (err == UV_ENOMEM && !t && live == 0));
    CHECK(at < 20);
  }
  fuse = 0;
  sio_threads_stop(t);
  EQ(live, 0);
}

TEST(a_setup_that_fails_on_one_thread_closes_all_servers) {
  for (unsigned failing = 0; failing < THREADS; failing++) {
    sio_threads *t;
    reset();
    EQ(start(THREADS, &failing, &t), UV_EPERM);
    CHECK(!t);
    EQ(set_up, THREADS);
    EQ(closing, THREADS);
    EQ(live, 0);
  }
}

TEST(options_that_no_server_accepts_are_an_error_of_the_start) {
  const sio_options server = { .path = "no slash" };
  const sio_threads_options o = { .count = 2, .server = &server, .setup = set_up_server };
  sio_threads *t = NULL;
  reset();
  EQ(sio_threads_start(&o, &t), UV_EINVAL);
  CHECK(!t);
  EQ(set_up, 0);
  EQ(live, 0);
}

TEST(a_start_needs_a_setup_and_a_number_of_threads_that_is_allowed) {
  sio_threads *t = NULL;
  reset();
  EQ(sio_threads_start(NULL, &t), UV_EINVAL);
  EQ(sio_threads_start(&(sio_threads_options){ .count = 1 }, &t), UV_EINVAL);
  EQ(start(SIO_THREADS_MAX + 1, NULL, &t), UV_EINVAL);
  EQ(sio_threads_start(&(sio_threads_options){ .size = 1, .setup = set_up_server }, &t), UV_EINVAL);
  CHECK(!t);
  EQ(live, 0);
}

static void expect_threads(unsigned want) {
  sio_threads *t;
  reset();
  REQUIRE(start(0, NULL, &t) == 0);
  EQ(set_up, want);
  sio_threads_stop(t);
  EQ(closing, want);
  EQ(live, 0);
}

TEST(without_a_number_there_is_one_thread_for_each_processor_and_at_most_64) {
  cpus = 0; /* unknown */
  expect_threads(1);
  cpus = 3;
  expect_threads(3);
  cpus = 1000;
  expect_threads(SIO_THREADS_MAX);
  cpus = __real_sio__os_count_cpus();
  CHECK(cpus > 0);
  expect_threads(cpus < SIO_THREADS_MAX ? (unsigned)cpus : SIO_THREADS_MAX);
}

/* ---- stopping -------------------------------------------------------------------------------- */

TEST(threads_stop_without_memory_and_with_inboxes_that_are_full) {
  sio_threads *t;
  reset();
  REQUIRE(start(THREADS, NULL, &t) == 0);
  t->inbox_max = 0;
  EQ(sio_threads_post(t, NULL, NULL, NULL), UV_EINVAL);
  fuse = SIZE_MAX;
  sio_threads_stop(t);
  EQ(closing, THREADS);
  EQ(live, 0);
}

static void close_server(sio_server *srv, void *user) {
  (void)user;
  sio_server_close(srv, NULL, NULL);
}

TEST(threads_whose_servers_the_host_has_closed_can_be_stopped) {
  sio_threads *t;
  unsigned count;
  reset();
  REQUIRE(start(THREADS, NULL, &t) == 0);
  EQ(sio_threads_post(t, close_server, NULL, &count), 0);
  EQ(count, THREADS);
  sio_threads_stop(t);
  EQ(closing, THREADS);
  EQ(live, 0);
}

TEST(threads_that_were_not_started_are_released_by_stopping_them) {
  sio_threads *t;
  reset();
  REQUIRE(sio_threads_new(&t) == 0);
  sio_threads_stop(t);
  sio_threads_stop(NULL);
  EQ(live, 0);
}

TESTS_BEGIN
T(a_thread_that_cannot_be_started_ends_those_before_it)
T(without_a_lock_or_a_loop_no_thread_is_started)
T(starting_without_memory_says_so_and_leaves_nothing)
T(a_setup_that_fails_on_one_thread_closes_all_servers)
T(options_that_no_server_accepts_are_an_error_of_the_start)
T(a_start_needs_a_setup_and_a_number_of_threads_that_is_allowed)
T(without_a_number_there_is_one_thread_for_each_processor_and_at_most_64)
T(threads_stop_without_memory_and_with_inboxes_that_are_full)
T(threads_whose_servers_the_host_has_closed_can_be_stopped)
T(threads_that_were_not_started_are_released_by_stopping_them)
TESTS_END
