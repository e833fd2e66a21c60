/* SPDX-License-Identifier: MIT
 *
 * syscall_server.c - a whole server's life, again and again, with one of its system calls failing:
 * each call that we make, in every way that it can fail, at its n-th time.
 *
 * Whatever fails: nothing crashes, nothing leaks, nothing hangs, callbacks come as often as
 * promised, and peers that come later are served. What says only "again" or "not all of it" is not
 * seen by the peers of that life either.
 *
 *     syscall_server                    all of them
 *     syscall_server recv 17 104        only the 17th recv(), failing with errno 104
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "wrapped.h"

/* ---- the plan ------------------------------------------------------------------------------ */

enum { SHORT = 10000 }; /* no errno: one byte is taken or given */
/* Of each call so many times are tried: the first ones all, later ones in steps. */
enum { FIRST_TIMES = 50, LATER_TIMES = 20 };

enum call {
  RECV,
  SEND,
  SENDMSG,
  ACCEPT,
  GETADDRINFO,
  SOCKET,
  BIND,
  LISTEN,
  SHUTDOWN,
  GETSOCKOPT,
  SETSOCKOPT,
  GETPEERNAME,
  GETRANDOM,
  OPEN,
  FSTAT,
  PREAD,
  MUTEX_INIT,
  POLL_INIT,
  POLL_START,
  ASYNC_INIT,
  FCNTL,
  GETSOCKNAME,
  LSTAT,
  CONNECT,
  UNLINK,
  CALLS
};

static struct plan {
  const char *name;
  int quiet[5]; /* the peers see nothing of these        */
  int loud[8];  /* also what the scripts see, which count turns */
  size_t count, script_count;
} plans[CALLS] = {
  [RECV] = { .name = "recv",
             .quiet = { EINTR },
             .loud = { EAGAIN, SHORT, ECONNRESET, ENOMEM, ENOBUFS, ETIMEDOUT, EIO } },
  [SEND] = { .name = "send",
             .quiet = { EINTR, EAGAIN, ENOBUFS, ENOMEM, SHORT },
             .loud = { EPIPE, ECONNRESET, EIO } },
  [SENDMSG] = { .name = "sendmsg",
                .quiet = { EINTR, EAGAIN, ENOBUFS, ENOMEM, SHORT },
                .loud = { EPIPE, ECONNRESET } },
  [ACCEPT] = { .name = "accept4",
               .quiet = { EINTR, EAGAIN, ECONNABORTED, EPROTO },
               .loud = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM } },
  [GETADDRINFO] = { .name = "getaddrinfo",
                    .quiet = { 0 },
                    .loud = { EAI_MEMORY, EAI_AGAIN, EAI_SYSTEM, EAI_NONAME } },
  [SOCKET] = { .name = "socket", .quiet = { 0 }, .loud = { EMFILE, ENFILE, ENOMEM, EACCES } },
  [BIND] = { .name = "bind", .quiet = { 0 }, .loud = { EADDRINUSE, EACCES, ENOMEM } },
  [LISTEN] = { .name = "listen", .quiet = { 0 }, .loud = { EADDRINUSE, EOPNOTSUPP } },
  [SHUTDOWN] = { .name = "shutdown", .quiet = { 0 }, .loud = { ENOTCONN, ENOBUFS } },
  [GETSOCKOPT] = { .name = "getsockopt", .quiet = { ENOBUFS }, .loud = { 0 } },
  [SETSOCKOPT] = { .name = "setsockopt", .quiet = { EOPNOTSUPP, ENOMEM }, .loud = { 0 } },
  [GETPEERNAME] = { .name = "getpeername", .quiet = { ENOTCONN, ENOBUFS }, .loud = { 0 } },
  [GETRANDOM] = { .name = "getrandom", .quiet = { EINTR, SHORT }, .loud = { ENOSYS, EAGAIN } },
  [OPEN] = { .name = "openat2",
             .quiet = { 0 },
             .loud = { ENOSYS, EMFILE, ENFILE, ENOMEM, EINTR, EACCES } },
  [FSTAT] = { .name = "fstat", .quiet = { 0 }, .loud = { EIO, ENOMEM } },
  [PREAD] = { .name = "pread", .quiet = { EINTR, SHORT }, .loud = { EIO } },
  [MUTEX_INIT] = { .name = "pthread_mutex_init", .quiet = { 0 }, .loud = { ENOMEM, EAGAIN } },
  [POLL_INIT] = { .name = "uv_poll_init", .quiet = { 0 }, .loud = { ENOMEM, EPERM } },
  [POLL_START] = { .name = "uv_poll_start", .quiet = { 0 }, .loud = { ENOMEM } },
  [ASYNC_INIT] = { .name = "uv_async_init", .quiet = { 0 }, .loud = { EMFILE } },
  [FCNTL] = { .name = "fcntl", .quiet = { 0 }, .loud = { EMFILE, EBADF } },
  [GETSOCKNAME] = { .name = "getsockname", .quiet = { 0 }, .loud = { ENOBUFS } },
  [LSTAT] = { .name = "lstat", .quiet = { 0 }, .loud = { ENOENT, EACCES, ENOMEM } },
  [CONNECT] = { .name = "connect", .quiet = { 0 }, .loud = { EAGAIN, EINTR, EACCES } },
  [UNLINK] = { .name = "unlink", .quiet = { 0 }, .loud = { EACCES, ENOENT, EROFS } },
};

static struct {
  bool counts; /* it is the library that calls */
  enum call call;
  size_t at; /* 0: none fails */
  int how;
} broken_call;

static int fails_now(enum call c) {
  if (!broken_call.counts) return 0;
  plans[c].count++;
  return broken_call.call == c && broken_call.at == plans[c].count ? broken_call.how : 0;
}

/* A wrapped call: its name, its type, its parameters, their names, how it fails. */
#define WRAP(id, type, name, params, args, failed) \
  type REAL(name) params;                          \
  type WRAPPED(name) params;                       \
  type WRAPPED(name) params {                      \
    int how = fails_now(id);                       \
    if (how) return failed;                        \
    return REAL(name) args;                        \
  }
#define ERRNO (errno = how, -1)

WRAP(RECV, ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags),
     how == SHORT ? __real_recv(fd, p, 1, flags) : ERRNO)
WRAP(SEND, ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags),
     how == SHORT ? __real_send(fd, p, 1, flags) : ERRNO)
WRAP(SENDMSG, ssize_t, sendmsg, (int fd, const struct msghdr *mh, int flags), (fd, mh, flags),
     how == SHORT ? __real_send(fd, mh->msg_iov->iov_base, 1, flags) : ERRNO)
WRAP(ACCEPT, int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags),
     ERRNO)
WRAP(GETADDRINFO, int, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out),
     (host, service, hints, out), (errno = ENOMEM, how))
WRAP(SOCKET, int, socket, (int family, int type, int protocol), (family, type, protocol), ERRNO)
WRAP(BIND, int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), ERRNO)
WRAP(LISTEN, int, listen, (int fd, int backlog), (fd, backlog), ERRNO)
WRAP(SHUTDOWN, int, shutdown, (int fd, int how_), (fd, how_), ERRNO)
WRAP(GETSOCKOPT, int, getsockopt, (int fd, int level, int name, void *p, socklen_t *n),
     (fd, level, name, p, n), ERRNO)
WRAP(SETSOCKOPT, int, setsockopt, (int fd, int level, int name, const void *p, socklen_t n),
     (fd, level, name, p, n), ERRNO)
WRAP(GETPEERNAME, int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), ERRNO)
WRAP(GETRANDOM, ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags),
     how == SHORT ? __real_getrandom(p, 1, flags) : ERRNO)
WRAP(OPEN, long, syscall, (long number, long a, long b, long c, long d), (number, a, b, c, d),
     ERRNO)
WRAP(FSTAT, int, OFFSET64(fstat), (int fd, struct stat *st), (fd, st), ERRNO)
WRAP(PREAD, ssize_t, OFFSET64(pread), (int fd, void *p, size_t n, off_t at), (fd, p, n, at),
     how == SHORT ? REAL(OFFSET64(pread))(fd, p, 1, at) : ERRNO)
WRAP(MUTEX_INIT, int, pthread_mutex_init, (pthread_mutex_t * m, const pthread_mutexattr_t *a),
     (m, a), how)
WRAP(POLL_INIT, int, uv_poll_init, (uv_loop_t * l, uv_poll_t *h, int fd), (l, h, fd), -how)
WRAP(POLL_START, int, uv_poll_start, (uv_poll_t * h, int events, uv_poll_cb cb), (h, events, cb),
     -how)
WRAP(ASYNC_INIT, int, uv_async_init, (uv_loop_t * l, uv_async_t *h, uv_async_cb cb), (l, h, cb),
     -how)

WRAP(FCNTL, int, OFFSET64(fcntl), (int fd, int cmd, long arg), (fd, cmd, arg), ERRNO)
WRAP(GETSOCKNAME, int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), ERRNO)
WRAP(LSTAT, int, OFFSET64(lstat), (const char *path, struct stat *st), (path, st), ERRNO)
WRAP(CONNECT, int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), ERRNO)
WRAP(UNLINK, int, unlink, (const char *path), (path), ERRNO)

/* The peers' calls are no part of it. */
#define recv(fd, p, n, flags) __real_recv(fd, p, n, flags)
#define send(fd, p, n, flags) __real_send(fd, p, n, flags)
#define uv_async_init(l, h, cb) __real_uv_async_init(l, h, cb)

#include "life.h"
#include "stats.h"

/* ---- a life ---------------------------------------------------------------------------------- */

static bool is_quiet(void) {
  for (const int *q = plans[broken_call.call].quiet; q < plans[broken_call.call].quiet + 5; q++)
    if (*q && *q == broken_call.how) return true;
  return broken_call.at == 0;
}

/* A TCP connection beside those of the scripts, which are handed over: what is accepted. */
static bool accepted_script(void) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  struct raw *c = &peers.http;
  *c = (struct raw){ .loop = &h.uv, .fd = -1 };
  broken_call.counts = false;
  a.sin_port = htons((uint16_t)sio_port(h.srv));
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool ok = connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0;
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  broken_call.counts = true;
  ok = ok && raw_get(c, "/socket.io/?EIO=4&transport=polling") && raw_expect(c, "\"sid\"");
  raw_close(c);
  return ok;
}

/* Two answers in one turn that are too long to be joined. */
static bool gathered_script(void) {
  static char text[1600];
  struct raw *c = &peers.http;
  memset(text, 'x', sizeof text - 1);
  memcpy(text, "42[\"echo\",\"", 11);
  memcpy(text + sizeof text - 3, "\"]", 2);
  bool ok = raw_open(c, h.srv) && raw_upgrade(c, SOCK) && raw_text(c, "40") &&
            raw_expect(c, "40{\"sid\":\"") && raw_text(c, text) && raw_text(c, text) &&
            raw_expect(c, "xx\"]") && raw_expect(c, "xx\"]");
  raw_close(c);
  return ok;
}

/* A Unix socket of which a process that is gone has left the file. */
static char unix_path[64];

static void leave_stale_file(void) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  snprintf(unix_path, sizeof unix_path, "%s/socket", files);
  memcpy(a.sun_path, unix_path, strlen(unix_path));
  unlink(unix_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a)) abort();
  close(fd);
}

static int listen_on_unix(void) {
  broken_call.counts = false;
  leave_stale_file();
  broken_call.counts = true;
  return sio_listen_with(h.srv, &(sio_listen_options){ .path = unix_path });
}

static const char *scripts(void) {
  const char *broken = run_scripts(&peers);
  raw_close(&peers.http);
  if (!accepted_script() && !broken) broken = "an accepted connection";
  return gathered_script() || broken ? broken : "two long answers in a turn";
}

static const char *end_life(void) {
  if (h.srv) sio_server_close(h.srv, on_closed, NULL);
  hang_up(&peers);
  for (int i = 0; h.srv && i < RAW_TURNS && !h.closed; i++) {
    settle();
    turn();
  }
  return h.srv && !h.closed ? "the close" : leave_host();
}

static const char *live_scripts(void) {
  const char *broken = scripts(), *missing = is_quiet() ? broken : NULL;
  hang_up(&peers);
  settle();
  for (int i = 0; i < CALLS; i++) plans[i].script_count = plans[i].count;
  broken_call.counts = false;
  pass_time(200); /* what rests a while after a failure goes on */
  broken = scripts();
  if (!missing && broken) missing = broken;
  broken_call.counts = false;
  sio_stats st;
  sio_server_get_stats(h.srv, &st, sizeof st);
  return missing ? missing : stats_fault_at_rest(&st);
}

static const char *live_once(void) {
  h = (struct host){ 0 };
  oom_begin(0, false);
  for (int i = 0; i < CALLS; i++) plans[i].count = plans[i].script_count = 0;
  uv_loop_init(&h.uv);
  uv_async_init(&h.uv, &h.alive, wake);
  broken_call.counts = true;
  int err = set_up();
  if (!err) {
    int unheard = listen_on_unix();
    if (unheard && broken_call.at == 0) err = unheard;
  }
  const char *missing = err && is_quiet() ? sio_strerror(err) : NULL;
  if (err)
    for (int i = 0; i < CALLS; i++) plans[i].script_count = plans[i].count;
  if (!err) missing = live_scripts();
  broken_call.counts = false;
  const char *left = end_life();
  unlink(unix_path);
  return missing ? missing : left;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void try_one(enum call c, size_t at, int how) {
  broken_call.call = c;
  broken_call.at = at;
  broken_call.how = how;
  const char *missing = live_once();
  passed_runs += !missing;
  failed_runs += missing != NULL;
  if (missing)
    fprintf(stderr, "%s number %zu failing with %d: %s was missing\n", plans[c].name, at, how,
            missing);
}

static void try_ways(enum call c, size_t at) {
  for (unsigned i = 0; i < 5; i++)
    if (plans[c].quiet[i]) try_one(c, at, plans[c].quiet[i]);
  for (unsigned i = 0; i < 8; i++)
    if (plans[c].loud[i]) try_one(c, at, plans[c].loud[i]);
}

static void sweep(enum call c, size_t total) {
  size_t step = total > FIRST_TIMES ? (total - FIRST_TIMES) / LATER_TIMES + 1 : 1;
  unsigned before = passed_runs + failed_runs;
  for (size_t at = 1; at <= total; at += at < FIRST_TIMES ? 1 : step) try_ways(c, at);
  printf("%-20s %4zu calls, %4u lives\n", plans[c].name, total, passed_runs + failed_runs - before);
}

static void sweep_all(void) {
  size_t totals[CALLS];
  try_one(RECV, 0, 0);
  for (int i = 0; i < CALLS; i++) totals[i] = failed_runs ? 0 : plans[i].script_count;
  for (int i = 0; i < CALLS; i++) sweep((enum call)i, totals[i]);
}

int main(int argc, char **argv) {
  write_file();
  if (argc < 4) sweep_all();
  for (int i = 0; argc > 3 && i < CALLS; i++)
    if (!strcmp(argv[1], plans[i].name))
      try_one((enum call)i, strtoul(argv[2], NULL, 10), atoi(argv[3]));
  remove_file();
  return oom_result();
}
