/* SPDX-License-Identifier: MIT
 *
 * os_linux.c - the functions of os.h for Linux.
 */
#include "base/os.h"

#ifdef __linux__
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_include) && __has_include(<linux/openat2.h>) && defined(SYS_openat2)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#endif

enum { OPEN_TRIES = 3 };

int sio__os_open_stream_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int sio__os_accept_nonblocking(int listener) {
  return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void sio__os_set_socket_nosigpipe(int fd) { (void)fd; }

#ifdef HAVE_OPENAT2
int sio__os_open_beneath(int dir, const char *path, int flags) {
  struct open_how how = { .flags = (unsigned)flags,
                          .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
  long fd;
  int tries = 0;
  do {
    fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN) && ++tries < OPEN_TRIES);
  return fd < 0 ? -errno : (int)fd;
}
#else
int sio__os_open_beneath(int dir, const char *path, int flags) {
  (void)dir, (void)path, (void)flags;
  return -ENOSYS;
}
#endif

int sio__os_count_cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int sio__os_fill_random(void *out, size_t n) {
  uint8_t *p = out;
  while (n > 0) {
    ssize_t got = getrandom(p, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    p += got;
    n -= (size_t)got;
  }
  return 0;
}

/* The kernel passes 16 random bytes to each program that it starts. A forked child has those of its
 * parent. */
void sio__os_make_fallback_hash_key(unsigned char out[16]) {
  const void *kernel = (const void *)getauxval(AT_RANDOM);
  if (kernel) memcpy(out, kernel, 16);
}
#else
typedef int os_linux_is_not_used;
#endif
