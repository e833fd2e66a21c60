/* SPDX-License-Identifier: MIT
 *
 * os_bsd.c - the functions of os.h for macOS, FreeBSD and similar systems.
 */
#include "base/os.h"

#if !defined(__linux__) && !defined(_WIN32)
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes fd non-blocking and closed by exec, disables SIGPIPE if the system can, and returns fd. If
 * the flags cannot be set, closes fd, sets errno and returns -1. Returns -1 also if fd is
 * negative. */
static int os_set_nonblocking_cloexec_or_close(int fd) {
  if (fd < 0) return -1;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC)) {
    int err = errno;
    close(fd);
    errno = err;
    return -1;
  }
  sio__os_set_socket_nosigpipe(fd);
  return fd;
}

int sio__os_open_stream_socket(int family) {
  return os_set_nonblocking_cloexec_or_close(socket(family, SOCK_STREAM, 0));
}

int sio__os_accept_nonblocking(int listener) {
  return os_set_nonblocking_cloexec_or_close(accept(listener, NULL, NULL));
}

void sio__os_set_socket_nosigpipe(int fd) {
#ifdef SO_NOSIGPIPE
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){ 1 }, sizeof(int));
#else
  (void)fd;
#endif
}

int sio__os_open_beneath(int dir, const char *path, int flags) {
  (void)dir, (void)path, (void)flags;
  return -ENOSYS;
}

int sio__os_count_cpus(void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : (int)n;
}

int sio__os_fill_random(void *out, size_t n) {
  arc4random_buf(out, n);
  return 0;
}

void sio__os_make_fallback_hash_key(unsigned char out[16]) { arc4random_buf(out, 16); }
#else
typedef int os_bsd_is_not_used;
#endif
