/* SPDX-License-Identifier: MIT
 *
 * os.h - the calls that differ between systems. os_linux.c has them for Linux, os_bsd.c for macOS
 * and the BSDs.
 */
#ifndef SIO_BASE_OS_H
#define SIO_BASE_OS_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>

/* Files longer than 2 GiB: where a pointer has 32 bits, glibc wants _FILE_OFFSET_BITS=64. */
_Static_assert(sizeof(off_t) >= 8, "build with _FILE_OFFSET_BITS=64");

/* Where send() has no such flag, the sockets of os_bsd.c have SO_NOSIGPIPE. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Opens a directory in order to open files in it; where O_PATH is missing it has to be readable. */
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* POSIX's name for the time of a file's last change. */
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

/* Both give a descriptor that is non-blocking and closed by exec, or -1 and errno. */
int sio__os_open_stream_socket(int family); /* SOCK_STREAM */
int sio__os_accept_nonblocking(int listener);

/* Prepares a connection's descriptor that the host has opened: sending on it raises no SIGPIPE. */
void sio__os_prepare_host_socket(int fd);

/* Opens a file in or below a directory, whatever links lie in the path. Returns a descriptor or a
 * libuv code; UV_ENOSYS: this system or this kernel cannot do it. */
int sio__os_open_beneath(int dir, const char *path, int flags);

/* How many processors this process may use; 1 if that is unknown. */
int sio__os_count_cpus(void);

/* Fills with random bytes; 0 or a libuv code. */
int sio__os_fill_random(void *out, size_t n);

/* 16 bytes that peers cannot know, for when sio__os_fill_random() fails; it cannot fail itself. */
void sio__os_get_process_random_key(unsigned char out[16]);

#endif
