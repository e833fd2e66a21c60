/* SPDX-License-Identifier: MIT
 *
 * redis_threads_rig.h - two servers that serve as one (sio/threads.h), of which the first is
 * connected to Redis. They share one loop, so that each step can be looked at.
 */
#ifndef SIO_TEST_REDIS_THREADS_RIG_H
#define SIO_TEST_REDIS_THREADS_RIG_H

#include "redis_rig.h"
#include <sio/threads.h>

static sio_server *first, *second;
static sio_nsp *first_root, *second_root;
static bool second_closed;

static inline void on_second_closed(void *user) {
  (void)user;
  second_closed = true;
}

/* peer.h makes peers of the server in srv. */
static inline struct peer *joined_second(void) {
  srv = second;
  struct peer *p = joined();
  srv = first;
  return p;
}

static char server_lines[2000];
static inline void on_server_line(const sio_log_line *l, void *user) {
  size_t n = strlen(server_lines);
  (void)user;
  snprintf(server_lines + n, sizeof server_lines - n, "%s\n", l->text);
}

static inline int begin_threads_code(const sio_adapter_ops *ops) {
  static const char *const classic[] = { "w1gYUz", NULL };
  static const char *const sharded_id[] = { "ea552cd3114e40c2", NULL };
  sio_threads *threads;
  alloc_install();
  traced[0] = server_lines[0] = '\0';
  npeers = 0;
  closed = second_closed = false;
  ids = ops == sio_redis_adapter ? classic : sharded_id;
  uv_loop_init(&loop);
  uv_async_init(&loop, &alive, on_alive);
  begin_redis(NULL);
  EQ(sio_threads_new(&threads), 0);
  static sio_options o;
  o = (sio_options){ .threads = threads, .recovery = rig_recovery, .log = on_server_line };
  EQ(sio_server_new(&loop, &o, &first), 0);
  EQ(sio_server_new(&loop, &o, &second), 0);
  sio_threads_unref(threads);
  srv = first;
  EQ(sio_of(first, "/", &first_root), 0);
  EQ(sio_of(second, "/", &second_root), 0);
  root = first_root;
  return sio_threads_set_adapter(first, ops, &cluster);
}

static inline void begin_threads(const sio_adapter_ops *ops) {
  EQ(begin_threads_code(ops), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  saw();
}

static inline void end_threads(void) {
  if (!second_closed) sio_server_close(second, on_second_closed, NULL);
  server_gone();
  for (int i = 0; i < 20 && !second_closed; i++) turn();
  CHECK(second_closed);
  sio_redis_free(redis);
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

#endif
