/* SPDX-License-Identifier: MIT
 *
 * admin_rig.h - a server that the Admin UI watches, whose pages are test clients. The rig replaces
 * libuv's thread pool, so that a password check ends when the test says so (finish_check()).
 * Programs that include it are linked with --wrap=uv_queue_work.
 */
#ifndef SIO_TEST_ADMIN_RIG_H
#define SIO_TEST_ADMIN_RIG_H

#include "whole.h"
#include <sio/admin.h>
#include <sio/test.h>

/* Of the password "changeit", at the lowest cost. */
#define HASH "$2b$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2"

#define BUSY "connect_error {\"message\":\"too many attempts, try again later\"}"
#define INVALID "connect_error {\"message\":\"invalid credentials\"}"

static uv_work_t *job; /* at most one at a time */
static uv_work_cb job_run;
static uv_after_work_cb job_done;
static int queue_error; /* what uv_queue_work() returns; 0: it works */

int __wrap_uv_queue_work(uv_loop_t *loop, uv_work_t *req, uv_work_cb run, uv_after_work_cb done);
int __wrap_uv_queue_work(uv_loop_t *loop, uv_work_t *req, uv_work_cb run, uv_after_work_cb done) {
  (void)loop;
  if (queue_error) return queue_error;
  CHECK(!job);
  job = req;
  job_run = run;
  job_done = done;
  return 0;
}

/* The check that is in the thread pool ends with this status, and the client is told. */
static inline void finish_check_with(int status) {
  uv_work_t *done = job;
  if (!done) abort();
  job = NULL;
  job_run(done);
  job_done(done, status);
  turn();
}

static inline void finish_check(void) { finish_check_with(0); }

/* The next packet that a client was sent, or "". */
static inline const char *answer(sio_test_peer *p) {
  const char *text = sio_test_next(p);
  return text ? text : "";
}

/* Reads all packets that a page was sent, and counts those that contain both texts. */
static inline unsigned count_packets(sio_test_peer *ui, const char *a, const char *b) {
  unsigned n = 0;
  for (const char *text; (text = sio_test_next(ui));) n += strstr(text, a) && strstr(text, b);
  return n;
}

static inline void free_all(sio_test_peer **peers, size_t n) {
  for (size_t i = 0; i < n; i++) sio_test_free(peers[i]);
}

static inline void admin_stop(void) {
  turn();
  while (job) finish_check();
  whole_stop();
}

#endif
