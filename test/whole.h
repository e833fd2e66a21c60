/* SPDX-License-Identifier: MIT
 *
 * whole.h - a whole server on a real loop, every block of its memory counted.
 *
 *     whole_start(NULL);      srv, and root, its "/"
 *     ... turn() ...
 *     whole_stop();           it closes; nothing of it is left on the loop or in memory
 */
#ifndef SIO_TEST_WHOLE_H
#define SIO_TEST_WHOLE_H

#include "alloc.h"
#include "test.h"
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>
#include <uv.h>

static uv_loop_t uv;
static sio_server *srv;
static sio_nsp *root;
static bool closed;

static inline void whole_start(const sio_options *o) {
  alloc_install();
  closed = false;
  if (uv_loop_init(&uv) || sio_server_new(&uv, o, &srv) || sio_of(srv, "/", &root)) abort();
}

static inline void turn(void) { uv_run(&uv, UV_RUN_NOWAIT); }

/* For sio_server_close() and sio_server_drain(). */
static void on_done(void *user) {
  (void)user;
  closed = true;
}

/* It closes already. */
static inline void whole_gone(void) {
  for (int i = 0; i < 20 && !closed; i++) turn();
  CHECK(closed);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static inline void whole_stop(void) {
  sio_server_close(srv, on_done, NULL);
  whole_gone();
}

#endif
