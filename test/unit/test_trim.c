/* SPDX-License-Identifier: MIT
 *
 * test_trim.c - memory that a flood has taken goes back to the system some time after it.
 */
#include "net_rig.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { FLOOD = 8000 /* short messages: about 4 MB */ };

static atomic_uint trims, inside;
static atomic_bool overlapped;
int __wrap_malloc_trim(size_t pad);
int __wrap_malloc_trim(size_t pad) {
  (void)pad;
  trims++;
  if (atomic_fetch_add(&inside, 1)) overlapped = true;
  sched_yield();
  inside--;
  return 1;
}

static struct msg *held[FLOOD];

static void flood(void) {
  for (unsigned i = 0; i < FLOOD; i++) held[i] = text("x");
  turn();
}

static void ebb(void) {
  for (unsigned i = 0; i < FLOOD; i++) msg_unref(held[i]);
  sio__loop_request_turn_end(&loop);
  turns(2);
}

static void begin(void) {
  alloc_live = 0;
  sio_set_allocator(NULL, NULL, NULL);
  if (net_open_code()) abort();
  trims = 0;
}

static void end(void) { net_close(); }

TEST(what_a_flood_took_is_given_back_ten_seconds_after_it) {
  begin();
  flood();
  EQ(sio__timers_next_due_time(&loop.timers), UINT64_MAX);
  ebb();
  CHECK(loop.msgs.small.held > 0);
  later(9000);
  EQ(trims, 0);
  later(1100);
  EQ(trims, 1);
  EQ(loop.msgs.small.held, 0);
  EQ(sio__timers_next_due_time(&loop.timers), UINT64_MAX);
  end();
}

TEST(a_server_without_a_surplus_has_no_deadline_for_it) {
  begin();
  for (unsigned i = 0; i < 100; i++) {
    msg_unref(text("x"));
    sio__loop_request_turn_end(&loop);
    turn();
  }
  EQ(sio__timers_next_due_time(&loop.timers), UINT64_MAX);
  later(60000);
  EQ(trims, 0);
  end();
}

TEST(floods_that_follow_one_another_are_given_back_once) {
  begin();
  for (unsigned i = 0; i < 5; i++) {
    flood();
    ebb();
    later(1000);
  }
  EQ(trims, 0);
  later(10000);
  EQ(trims, 1);
  end();
}

TEST(a_flood_that_goes_on_is_not_disturbed) {
  begin();
  flood();
  ebb();
  flood();
  later(11000);
  EQ(trims, 0);
  ebb();
  later(11000);
  EQ(trims, 1);
  end();
}

TEST(an_allocator_of_the_hosts_is_left_alone) {
  net_open();
  trims = 0;
  flood();
  ebb();
  later(11000);
  EQ(trims, 0);
  EQ(loop.msgs.small.held, 0);
  end();
}

static void *return_memory_often(void *arg) {
  (void)arg;
  for (unsigned i = 0; i < 20000; i++) sio__mem_return_to_system();
  return NULL;
}

TEST(two_threads_do_not_give_back_memory_at_once) {
  pthread_t other;
  sio_set_allocator(NULL, NULL, NULL);
  trims = 0;
  overlapped = false;
  REQUIRE(pthread_create(&other, NULL, return_memory_often, NULL) == 0);
  return_memory_often(NULL);
  REQUIRE(pthread_join(other, NULL) == 0);
  EQ(trims, 40000);
  CHECK(!overlapped);
}

TESTS_BEGIN
T(two_threads_do_not_give_back_memory_at_once)
T(what_a_flood_took_is_given_back_ten_seconds_after_it)
T(a_server_without_a_surplus_has_no_deadline_for_it)
T(floods_that_follow_one_another_are_given_back_once)
T(a_flood_that_goes_on_is_not_disturbed)
T(an_allocator_of_the_hosts_is_left_alone)
TESTS_END
