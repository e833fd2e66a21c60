/* SPDX-License-Identifier: MIT
 *
 * os.h - functions that differ between operating systems. os_linux.c implements them for Linux,
 * os_bsd.c for macOS and the BSDs, os_windows.c some of them for Windows.
 */
#ifndef SIO_BASE_OS_H
#define SIO_BASE_OS_H

#include <fcntl.h>
#include <stddef.h>
#ifdef _WIN32
#include <winsock2.h>
#define flockfile _lock_file
#define funlockfile _unlock_file
#else
#include <sys/socket.h>
#endif

/* On systems with 32-bit pointers, glibc supports files longer than 2 GiB only with this
 * setting. */
_Static_assert(sizeof(off_t) >= 8, "build with _FILE_OFFSET_BITS=64");

/* Systems whose send() does not have this flag: os_bsd.c sets SO_NOSIGPIPE on each socket
 * instead. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* A flag to open a directory in which files will be opened. Without O_PATH, the directory has to be
 * readable. */
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* Gives the time of a file's last change its name in POSIX. */
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

/* Both return a descriptor that is non-blocking and closed by exec, or -1 and set errno. */
int sio__os_open_stream_socket(int family); /* SOCK_STREAM */
int sio__os_accept_nonblocking(int listener);

/* Prepares a descriptor that the host has opened: sending on it must not raise SIGPIPE. */
void sio__os_prepare_host_socket(int fd);

/* Opens a file in a directory or below it. It cannot leave the directory, whatever links are in the
 * path. Returns a descriptor, or a libuv error; UV_ENOSYS if this system or kernel does not support
 * it. */
int sio__os_open_beneath(int dir, const char *path, int flags);

/* Returns how many processors this process may use, or 1 if that is unknown. */
int sio__os_count_cpus(void);

/* Fills `out` with random bytes. Returns 0 or a libuv error. */
int sio__os_fill_random(void *out, size_t n);

/* Writes 16 bytes that peers cannot know. They are used if sio__os_fill_random() fails. This
 * function cannot fail. */
void sio__os_get_process_random_key(unsigned char out[16]);

#endif
