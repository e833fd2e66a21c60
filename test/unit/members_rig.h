/* SPDX-License-Identifier: MIT
 *
 * members_rig.h - three servers that serve as one (sio/threads.h). They share one loop, so that
 * each step can be looked at.
 *
 *     begin();
 *     connect_peers();      peers[i] is connected to "/" of members[i]
 *     free_peers();
 *     end();                nothing may be left
 */
#ifndef SIO_TEST_MEMBERS_RIG_H
#define SIO_TEST_MEMBERS_RIG_H

#include "poll_client.h"
#include "test.h"
#include "whole.h"
#include <netinet/in.h>
#include <poll.h>
#include <sio/test.h>
#include <sio/threads.h>

enum { MEMBERS = 3 };

static sio_threads *threads;
static sio_server *members[MEMBERS];
static sio_nsp *roots[MEMBERS];
static char log_text[4096];

static inline void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(log_text);
  (void)user;
  snprintf(log_text + n, sizeof log_text - n, "%s\n", l->text);
}

static inline sio_options options(void) {
  return (sio_options){ .threads = threads, .log = on_log, .log_level = SIO_LOG_WARN };
}

static inline void begin_with(sio_options o) {
  alloc_install();
  log_text[0] = '\0';
  if (uv_loop_init(&uv) || sio_threads_new(&threads)) abort();
  o.threads = threads;
  for (int i = 0; i < MEMBERS; i++)
    if (sio_server_new(&uv, &o, &members[i]) || sio_of(members[i], "/", &roots[i])) abort();
  sio_threads_unref(threads);
}

static inline void begin(void) { begin_with(options()); }

static inline void turns(int n) {
  for (int i = 0; i < n; i++) turn();
}

/* Turns the loop until cond is true. The kernel passes bytes of TCP on when it likes, so that a
 * number of turns is not enough. */
#define UNTIL(cond)                                 \
  do {                                              \
    bool is_true = (cond);                          \
    for (int ms = 0; ms < 5000 && !is_true; ms++) { \
      turn();                                       \
      poll(NULL, 0, 1);                             \
      is_true = (cond);                             \
    }                                               \
    CHECK(is_true &&#cond);                         \
  } while (0)

static unsigned nclosed;
static inline void on_member_closed(void *user) {
  (void)user;
  nclosed++;
}

static inline void close_members(void) {
  nclosed = 0;
  for (int i = 0; i < MEMBERS; i++) sio_server_close(members[i], on_member_closed, NULL);
}

static inline void wait_until_closed(void) {
  for (int i = 0; i < 40 && nclosed < MEMBERS; i++) turn();
  EQ(nclosed, MEMBERS);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static inline void end(void) {
  close_members();
  wait_until_closed();
}

/* The next packet that the peer was sent is this one. */
static inline void expect_next(sio_test_peer *p, const char *want) {
  const char *text = sio_test_next(p);
  EQ_STR(text ? text : "nothing", want);
}

/* A peer of each member, connected to its "/". */
static sio_test_peer *peers[MEMBERS];
static inline void connect_peers(void) {
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_test_connect(members[i], "/", NULL, &peers[i]), 0);
    expect_next(peers[i], "connect");
  }
}
static inline void free_peers(void) {
  for (int i = 0; i < MEMBERS; i++) sio_test_free(peers[i]);
}

static inline int tcp_client(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  a.sin_port = htons((uint16_t)port);
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) abort();
  return fd;
}

#endif
