/* SPDX-License-Identifier: MIT
 *
 * test_threads.c - what may be used by several threads: sio_post() from any of them, and servers
 * that run side by side, each on a thread and a loop of its own. tools/sanitize thread runs it
 * under ThreadSanitizer.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sio/log.h>
#include <sio/sio.h>
#include <sio/test.h>
#include <sio/threads.h>
#include <stdatomic.h>
#include <uv.h>

enum { THREADS = 4, POSTS = 500, AHEAD = 50 };

static void on_closed(void *user) { *(bool *)user = true; }

/* A loop runs as long as it has something to wait for, and a server that does not listen is
 * nothing. */
static void keep_alive(uv_loop_t *uv, uv_async_t *alive) {
  if (uv_loop_init(uv) || uv_async_init(uv, alive, NULL)) abort();
}

static void end_loop(uv_loop_t *uv, uv_async_t *alive) {
  uv_close((uv_handle_t *)alive, NULL);
  uv_run(uv, UV_RUN_DEFAULT);
  if (uv_loop_close(uv)) abort();
}

/* ---- posting --------------------------------------------------------------------------------- */

static sio_server *target;
static unsigned ran; /* by the loop's thread alone */
static atomic_bool closing;

struct poster {
  pthread_t thread;
  unsigned accepted;
  atomic_uint order; /* the number of the last one that ran */
  int end;           /* what ended it                       */
};
struct posted {
  struct poster *by;
  unsigned number;
};

static void on_posted(sio_server *srv, void *arg) {
  struct posted *p = arg;
  CHECK(srv == target);
  EQ(p->number, p->by->order + 1);
  p->by->order = p->number;
  ran++;
  free(p);
}

/* Posts until the server says that it closes, not too far ahead of what runs. */
static void *post_on(void *arg) {
  struct poster *me = arg;
  for (;;) {
    struct posted *p = malloc(sizeof *p);
    *p = (struct posted){ me, me->accepted + 1 };
    me->end = sio_post(target, on_posted, p);
    if (me->end) {
      free(p);
      return NULL;
    }
    me->accepted++;
    while (me->accepted - me->order > AHEAD && !closing) sched_yield();
  }
}

TEST(what_several_threads_post_while_the_server_closes_runs_exactly_once_and_in_order) {
  static struct poster posters[THREADS];
  uv_loop_t uv;
  uv_async_t alive;
  bool closed = false;
  unsigned accepted = 0;
  keep_alive(&uv, &alive);
  REQUIRE(sio_server_new(&uv, NULL, &target) == 0);
  for (int i = 0; i < THREADS; i++)
    REQUIRE(pthread_create(&posters[i].thread, NULL, post_on, &posters[i]) == 0);
  while (ran < POSTS) uv_run(&uv, UV_RUN_ONCE);
  EQ(sio_server_close(target, on_closed, &closed), 0);
  closing = true;
  for (int i = 0; i < THREADS; i++) pthread_join(posters[i].thread, NULL);
  while (!closed) uv_run(&uv, UV_RUN_ONCE);
  for (int i = 0; i < THREADS; i++) {
    EQ(posters[i].end, SIO_ECLOSED);
    EQ(posters[i].order, posters[i].accepted);
    accepted += posters[i].accepted;
  }
  EQ(ran, accepted);
  end_loop(&uv, &alive);
}

/* ---- servers side by side -------------------------------------------------------------------- */

struct place {
  pthread_t thread;
  sio_server *srv;
  unsigned lines, visits;
  char id[64];
};
static struct place places[THREADS];
static pthread_barrier_t all_there, all_done;

static void on_line(const sio_log_line *l, void *user) {
  struct place *here = user;
  CHECK(pthread_equal(pthread_self(), here->thread));
  CHECK(l->level > SIO_LOG_OFF && *l->part && *l->text);
  here->lines++;
}

static void on_visit(sio_server *srv, void *arg) {
  struct place *here = arg;
  CHECK(srv == here->srv && pthread_equal(pthread_self(), here->thread));
  here->visits++;
}

static void on_connect(sio_socket *s, void *user) {
  struct place *here = user;
  snprintf(here->id, sizeof here->id, "%s", sio_socket_id(s));
  sio_join(s, "room");
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("room") }, "hello",
                SIO_ARGS(here->id, 1.5));
}

static void talk(struct place *here) {
  sio_test_peer *peer;
  sio_nsp *root;
  if (sio_of(here->srv, "/", &root) || sio_on_connect(root, on_connect, here)) abort();
  for (int i = 0; i < 20; i++) {
    if (sio_test_connect(here->srv, "/", NULL, &peer)) abort();
    sio_log_set(here->srv, i % 2 ? "trace" : "debug,net=off");
    sio_test_emit(peer, "say", SIO_ARGS("text", i));
    for (int k = 0; k < THREADS; k++) sio_post(places[k].srv, on_visit, &places[k]);
    uv_run(sio_server_loop(here->srv), UV_RUN_NOWAIT);
    sio_test_free(peer);
  }
}

/* The thread starts before its handle is written, so the barrier comes first. */
static void *live(void *arg) {
  struct place *here = arg;
  uv_loop_t uv;
  uv_async_t alive;
  bool closed = false;
  sio_options o = { .log = on_line, .log_user = here, .log_level = SIO_LOG_TRACE };
  pthread_barrier_wait(&all_there);
  keep_alive(&uv, &alive);
  if (sio_server_new(&uv, &o, &here->srv)) abort();
  pthread_barrier_wait(&all_there);
  talk(here);
  pthread_barrier_wait(&all_done);
  sio_server_close(here->srv, on_closed, &closed);
  while (!closed) uv_run(&uv, UV_RUN_ONCE);
  end_loop(&uv, &alive);
  return NULL;
}

TEST(servers_on_threads_of_their_own_share_nothing_but_ids_that_differ) {
  pthread_barrier_init(&all_there, NULL, THREADS + 1);
  pthread_barrier_init(&all_done, NULL, THREADS);
  for (int i = 0; i < THREADS; i++)
    REQUIRE(pthread_create(&places[i].thread, NULL, live, &places[i]) == 0);
  pthread_barrier_wait(&all_there);
  pthread_barrier_wait(&all_there);
  for (int i = 0; i < THREADS; i++) pthread_join(places[i].thread, NULL);
  for (int i = 0; i < THREADS; i++) {
    EQ(places[i].visits, 20 * THREADS);
    CHECK(places[i].lines > 0);
    for (int k = 0; k < i; k++) CHECK(strcmp(places[i].id, places[k].id) != 0);
  }
}

/* ---- members on threads of their own --------------------------------------------------------- */

enum { TALKS = 50 };

static atomic_uint heard, received, talking, finished;
static sio_test_peer *listeners[THREADS];
static sio_server *owners[THREADS];

static void on_word(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)e, (void)user;
  heard++;
}

static int set_up_member(sio_server *srv, unsigned number, void *user) {
  sio_nsp *nsp;
  (void)user;
  owners[number] = srv;
  int err = sio_of(srv, "/", &nsp);
  if (!err) err = sio_on_server_side(nsp, "word", on_word, NULL);
  if (!err) err = sio_test_connect(srv, "/", NULL, &listeners[number]);
  return err || number > 0 ? err : sio_listen(srv, "127.0.0.1", 0);
}

static void talk_to_all(sio_server *srv, void *arg) {
  sio_nsp *nsp;
  (void)arg;
  if (sio_of(srv, "/", &nsp)) abort();
  for (unsigned i = 0; i < TALKS; i++) {
    EQ(sio_broadcast((sio_target){ .nsp = nsp }, "news", SIO_ARGS("text")), 0);
    EQ(sio_server_side_emit(nsp, "word", SIO_ARGS(1), 0, NULL, NULL), 0);
  }
  talking++;
}

static void count_and_leave(sio_server *srv, void *arg) {
  (void)arg;
  for (unsigned i = 0; i < THREADS; i++) {
    sio_test_peer *p = listeners[i];
    if (owners[i] != srv) continue;
    for (const char *s; (s = sio_test_next(p));) received += strstr(s, "[\"news\",") != NULL;
    sio_test_free(p);
  }
  finished++;
}

TEST(started_members_hear_all_that_the_others_say) {
  sio_threads *t;
  const sio_threads_options o = { .count = THREADS, .setup = set_up_member };
  REQUIRE(sio_threads_start(&o, &t) == 0);
  EQ(sio_threads_post(t, talk_to_all, NULL, NULL), 0);
  while (heard < THREADS * (THREADS - 1) * TALKS) sched_yield();
  EQ(sio_threads_post(t, count_and_leave, NULL, NULL), 0);
  while (finished < THREADS) sched_yield();
  sio_threads_stop(t);
  EQ(talking, THREADS);
  EQ(received, THREADS * THREADS * TALKS);
}

TESTS_BEGIN
T(started_members_hear_all_that_the_others_say)
T(what_several_threads_post_while_the_server_closes_runs_exactly_once_and_in_order)
T(servers_on_threads_of_their_own_share_nothing_but_ids_that_differ)
TESTS_END
