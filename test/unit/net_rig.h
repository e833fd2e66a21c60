/* SPDX-License-Identifier: MIT
 *
 * net_rig.h - a loop in a test's hands: its turns are taken one by one, its clock is moved by
 * hand, and when it has closed nothing may be left of it.
 *
 *     net_open();
 *     struct msg *m = text("hello");
 *     turn();       one pass of the uv loop: the end of the last turn, then what is ready
 *     later(100);   for timers
 *     net_close();
 */
#ifndef SIO_TEST_NET_RIG_H
#define SIO_TEST_NET_RIG_H

#include "alloc.h"
#include "clock.h"
#include "net/conn.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <sio/error.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t uv;
static uv_async_t the_host; /* what else the host's loop lives from */
static struct log net_log;
static struct loop loop;
static unsigned closes; /* of the loop */

static inline void turn(void) { uv_run(&uv, UV_RUN_NOWAIT); }

static inline void turns(unsigned n) {
  while (n-- > 0) turn();
}

static inline void later(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&loop.timers, clock_ms);
  turns(2);
}

static inline void host_woken(uv_async_t *h) { (void)h; }

static inline int net_open_code(void) {
  closes = 0;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &the_host, host_woken)) abort();
  return sio__loop_init(&loop, &uv, &net_log);
}

static inline void net_open(void) {
  alloc_install();
  if (net_open_code()) abort();
}

static inline void loop_closed(struct loop *l) {
  (void)l;
  closes++;
}

/* Once the library has let go of it. */
static inline void uv_close_all(void) {
  uv_close((uv_handle_t *)&the_host, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static inline void net_close(void) {
  if (!loop.closing) sio__loop_close(&loop, loop_closed);
  turns(4);
  EQ(closes, 1);
  uv_close_all();
}

static inline struct msg *text_n(const char *p, size_t n) {
  struct msg *m = sio__msg_from_bytes(&loop.msgs, p, n);
  if (!m) abort();
  return m;
}

static inline struct msg *text(const char *s) { return text_n(s, strlen(s)); }

/* Queues a text on c; the reference is the connection's alone. */
static inline int say(struct conn *c, const char *s) {
  struct msg *m = text(s);
  int err = conn_queue_msg_without_frame_header(c, m);
  msg_unref(m);
  return err;
}

/* What has come to the peer's end, read as far as it goes; `fin` when it has ended. */
static char got[1 << 20];
static size_t got_n;
static bool fin;

static inline const char *hear(int fd) {
  ssize_t n;
  got_n = 0;
  fin = false;
  while ((n = read(fd, got + got_n, sizeof got - 1 - got_n)) > 0) got_n += (size_t)n;
  fin = n == 0;
  got[got_n] = '\0';
  return got;
}

static inline void tell(int fd, const char *s) {
  if (write(fd, s, strlen(s)) != (ssize_t)strlen(s)) abort();
}

static inline bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/* EQ_STR that looks once: what it looks at may be a call that reads. */
#define IS(expr, want)        \
  do {                        \
    const char *is_ = (expr); \
    EQ_STR(is_, want);        \
  } while (0)

#endif
