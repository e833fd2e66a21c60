/* SPDX-License-Identifier: MIT
 *
 * test_loop_posts.c - posts from this and other threads, and those that race with the close.
 */
#include "loop_rig.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- posts ----------------------------------------------------------------------------------- */

enum { THREADS = 4, POSTS = 2000, AHEAD = 100 };

struct poster {
  pthread_t thread;
  unsigned accepted;  /* posts that were answered 0              */
  atomic_uint ran;    /* on the loop's thread                    */
  unsigned misplaced; /* of them                                 */
  atomic_bool done;
  int err;           /* the first answer that was none          */
  bool until_closed; /* goes on until the loop does not want it */
};

/* Which poster, and its how manieth. */
struct ticket {
  struct poster *by;
  uint32_t place;
};

static void on_ticket(void *arg) {
  struct ticket *t = arg;
  t->by->misplaced += t->place != t->by->ran;
  t->by->ran++;
  free(t);
}

static void post_one(struct poster *p) {
  struct ticket *t = malloc(sizeof *t);
  *t = (struct ticket){ p, p->accepted };
  p->err = sio__loop_post_call(&loop, on_ticket, t);
  if (p->err)
    free(t);
  else
    p->accepted++;
}

static void *post_all(void *arg) {
  struct poster *p = arg;
  while (!p->err && (p->until_closed || p->accepted < POSTS)) {
    post_one(p);
    while (p->accepted - p->ran > AHEAD) sched_yield();
  }
  p->done = true;
  return NULL;
}

static void *locked_malloc(size_t n) { return malloc(n); }
static void *locked_realloc(void *p, size_t n) { return realloc(p, n); }

/* The counting allocator is not made for threads. */
static void begin_threads(struct poster p[THREADS], bool until_closed) {
  seen[0] = '\0';
  sio_set_allocator(locked_malloc, locked_realloc, free);
  alloc_live = 0;
  if (net_open_code()) abort();
  for (int i = 0; i < THREADS; i++) {
    p[i] = (struct poster){ .until_closed = until_closed };
    if (pthread_create(&p[i].thread, NULL, post_all, &p[i])) abort();
  }
}

static bool all_done(struct poster p[THREADS]) {
  bool done = true;
  for (int i = 0; i < THREADS; i++) done = done && p[i].done;
  return done;
}

static void join_all(struct poster p[THREADS]) {
  for (int i = 0; i < THREADS; i++) pthread_join(p[i].thread, NULL);
}

TEST(posts_of_four_threads_run_once_each_in_their_order) {
  static struct poster p[THREADS];
  begin_threads(p, false);
  while (!all_done(p)) turn();
  join_all(p);
  turns(2);
  for (int i = 0; i < THREADS; i++) {
    EQ(p[i].accepted, POSTS);
    EQ(p[i].ran, POSTS);
    EQ(p[i].misplaced, 0);
  }
  net_close();
}

/* The loop may not be freed as long as somebody posts: that is the host's duty. */
TEST(posts_that_race_with_the_close_run_if_they_were_accepted) {
  static struct poster p[THREADS];
  begin_threads(p, true);
  conn_open_quiet();
  turns(20);
  sio__loop_close(&loop, loop_closed);
  while (!all_done(p)) turn();
  join_all(p);
  conn_shut();
  turns(4);
  for (int i = 0; i < THREADS; i++) {
    EQ(p[i].err, SIO_ECLOSED);
    EQ(p[i].ran, p[i].accepted);
    EQ(p[i].misplaced, 0);
  }
  net_close();
}

static void on_post(void *arg) { note(arg); }

static void post_more(void *arg) {
  note(arg);
  sio__loop_post_call(&loop, on_post, "second");
}

static char first[] = "first";

TEST(a_post_may_post) {
  begin();
  EQ(sio__loop_post_call(&loop, post_more, first), 0);
  EQ_STR(seen, "");
  turns(3);
  EQ_STR(seen, "first second");
  net_close();
}

TEST(a_post_without_memory_is_refused) {
  begin();
  alloc_fail_in(1);
  EQ(sio__loop_post_call(&loop, on_post, first), UV_ENOMEM);
  turns(2);
  EQ_STR(seen, "");
  net_close();
}

/* ---- posts and the close --------------------------------------------------------------------- */

TEST(what_was_posted_before_the_close_still_runs) {
  begin();
  EQ(sio__loop_post_call(&loop, on_post, first), 0);
  sio__loop_close(&loop, loop_closed);
  EQ(sio__loop_post_call(&loop, on_post, first), SIO_ECLOSED);
  turns(4);
  EQ_STR(seen, "first");
  net_close();
}

static void close_from_post(void *arg) {
  note(arg);
  sio__loop_close(&loop, loop_closed);
}

TEST(a_post_may_close_the_loop) {
  begin();
  EQ(sio__loop_post_call(&loop, close_from_post, first), 0);
  EQ(sio__loop_post_call(&loop, on_post, first), 0);
  turns(4);
  EQ_STR(seen, "first first");
  net_close();
}

TESTS_BEGIN
T(posts_of_four_threads_run_once_each_in_their_order)
T(posts_that_race_with_the_close_run_if_they_were_accepted)
T(a_post_may_post)
T(a_post_without_memory_is_refused)
T(what_was_posted_before_the_close_still_runs)
T(a_post_may_close_the_loop)
TESTS_END
