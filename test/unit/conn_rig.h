/* SPDX-License-Identifier: MIT
 *
 * conn_rig.h - one connection whose kernel and whose owner are the test's.
 *
 *     begin();                                conn, and its peer's descriptor
 *     script(&sends, 2, 1, -EAGAIN);          the next two calls: one byte, then none
 *     IS(saw(), "drained");                   what the owner was told
 *     end();
 *
 * For programs linked with --wrap for recv, send and sendmsg.
 */
#ifndef SIO_TEST_CONN_RIG_H
#define SIO_TEST_CONN_RIG_H

#include "net_rig.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/uio.h>

/* ---- the kernel's part ------------------------------------------------------------------- */

/* What the next calls do: a negative errno fails, 1 and more takes at most so many bytes. Once
 * they are used up the kernel itself is asked. */
struct faults {
  int v[64];
  unsigned n, at, calls;
};
static struct faults sends, recvs;
static size_t sent_pieces; /* iovecs of the last sendmsg() */
static bool sigpipe_asked; /* one came without MSG_NOSIGNAL */

static inline void script(struct faults *f, unsigned n, ...) {
  va_list ap;
  *f = (struct faults){ .n = n };
  va_start(ap, n);
  for (unsigned i = 0; i < n; i++) f->v[i] = va_arg(ap, int);
  va_end(ap);
}

static inline int next_fault(struct faults *f) {
  f->calls++;
  return f->at < f->n ? f->v[f->at++] : 0;
}

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *mh, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags);

/* At most so many bytes of what mh names. */
static inline ssize_t send_few(int fd, const struct msghdr *mh, size_t most, int flags) {
  char few[256];
  size_t n = 0;
  if (most > sizeof few) abort();
  for (size_t i = 0; i < (size_t)mh->msg_iovlen && n < most; i++) {
    size_t len = mh->msg_iov[i].iov_len;
    if (len > most - n) len = most - n;
    memcpy(few + n, mh->msg_iov[i].iov_base, len);
    n += len;
  }
  return __real_send(fd, few, n, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags) {
  int fault = next_fault(&sends);
  sent_pieces = (size_t)mh->msg_iovlen;
  sigpipe_asked |= !(flags & MSG_NOSIGNAL);
  if (fault == 0) return __real_sendmsg(fd, mh, flags);
  if (fault > 0) return send_few(fd, mh, (size_t)fault, flags);
  errno = -fault;
  return -1;
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  struct iovec piece = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
  return __wrap_sendmsg(fd, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1 }, flags);
}

ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags) {
  int fault = next_fault(&recvs);
  if (fault < 0) {
    errno = -fault;
    return -1;
  }
  return __real_recv(fd, p, fault && (size_t)fault < n ? (size_t)fault : n, flags);
}

/* ---- the connection's owner ------------------------------------------------------------------ */

static struct conn *conn;
static int peer;
static char seen[8192];              /* what it was told */
static void (*also)(struct conn *c); /* what it does then, once */

static inline void note_n(const char *p, size_t n) {
  size_t have = strlen(seen);
  if (have + n + 2 > sizeof seen) abort();
  if (have) seen[have++] = ' ';
  memcpy(seen + have, p, n);
  seen[have + n] = '\0';
}
static inline void note(const char *s) { note_n(s, strlen(s)); }

static inline void do_also(struct conn *c) {
  void (*f)(struct conn *) = also;
  also = NULL;
  if (f) f(c);
}

static void on_read(struct conn *c, char *p, size_t n) {
  note_n(p, n);
  do_also(c);
}
static void on_eof(struct conn *c) {
  note("eof");
  do_also(c);
}
static void on_failed(struct conn *c, int err) {
  CHECK(c->closed);
  note("failed");
  note(uv_err_name(err));
  do_also(c);
}
static void on_drained(struct conn *c) {
  note("drained");
  do_also(c);
}
static void on_lighter(struct conn *c) {
  note("lighter");
  do_also(c);
}
static void on_passed(struct conn *c, unsigned n) {
  char text[32];
  (void)c;
  snprintf(text, sizeof text, "passed:%u", n);
  note(text);
}
static void on_flushing(struct conn *c) {
  note("flushing");
  do_also(c);
}
static const struct conn_ops ops = { .read = on_read,
                                     .eof = on_eof,
                                     .failed = on_failed,
                                     .drained = on_drained,
                                     .below_low_mark = on_lighter,
                                     .marks_passed = on_passed,
                                     .flushing = on_flushing };

/* What was noted since the last look. */
static inline const char *saw(void) {
  static char copy[sizeof seen];
  memcpy(copy, seen, sizeof copy);
  seen[0] = '\0';
  return copy;
}

static inline void begin_with(const struct conn_ops *with) {
  int pair[2];
  net_open();
  script(&sends, 0);
  script(&recvs, 0);
  sigpipe_asked = false;
  seen[0] = '\0';
  also = NULL;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  peer = pair[1];
  if (sio__conn_new(&conn, &loop, pair[0], with, NULL)) abort();
}
static inline void begin(void) { begin_with(&ops); }

/* A test that gave the connection up says so by conn = NULL. */
static inline void end(void) {
  if (conn) sio__conn_close(conn);
  if (peer >= 0) close(peer);
  CHECK(!sigpipe_asked);
  EQ(loop.nconns, 0);
  net_close();
}

/* Both ends of a TCP connection over loopback. */
static inline void tcp_pair(int family, int pair[2]) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } a = { .v4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } } };
  socklen_t len = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
  if (family == AF_INET6)
    a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  pair[0] = pair[1] = -1;
  int ln = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (ln < 0 || bind(ln, &a.any, len) || listen(ln, 1) || getsockname(ln, &a.any, &len)) {
    close(ln);
    return;
  }
  pair[1] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(pair[1], &a.any, len)) abort();
  pair[0] = accept4(ln, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  close(ln);
}

#endif
