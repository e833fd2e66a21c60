/* SPDX-License-Identifier: MIT
 *
 * os.h - functions that differ between operating systems. os_linux.c implements them for Linux,
 * os_bsd.c for macOS, the BSDs and similar systems, os_windows.c some of them for Windows.
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

/* On most systems with 32-bit pointers, glibc supports files larger than 2 GiB only if
 * _FILE_OFFSET_BITS is defined as 64. */
_Static_assert(sizeof(off_t) >= 8, "build with _FILE_OFFSET_BITS=64");

/* Systems such as macOS do not have this flag of send(). There sio__os_set_socket_nosigpipe() is
 * called for each socket. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* The flag of open() for a directory that is only used to open files in it. On systems without
 * O_PATH the directory has to be readable. */
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

/* macOS has another name than POSIX for the field of struct stat with the time of the last
 * modification. */
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

/* Both functions return a descriptor that is non-blocking and closed by exec, or set errno and
 * return -1. */
int sio__os_open_stream_socket(int family); /* opens a socket of the type SOCK_STREAM */
int sio__os_accept_nonblocking(int listener);

/* On systems with the socket option SO_NOSIGPIPE, sets it, so that writing to the socket raises no
 * SIGPIPE. Does nothing on other systems, such as Linux. */
void sio__os_set_socket_nosigpipe(int fd);

/* Opens a file in the directory `dir` or below it; links in the path cannot lead out of it. `flags`
 * are those of open(). Returns a descriptor or a libuv error, which is UV_ENOSYS if this system or
 * kernel does not support such a call. */
int sio__os_open_beneath(int dir, const char *path, int flags);

/* Returns how many processors this thread may use, or 1 if that is unknown. On systems other than
 * Linux, returns how many are online. */
int sio__os_count_cpus(void);

/* Fills `out` with random bytes. Returns 0 or a libuv error. */
int sio__os_fill_random(void *out, size_t n);

/* Writes a key for hashing, for the case that sio__os_fill_random() fails: 16 bytes that are
 * different each time the program is started, and on some systems in each call. Peers cannot guess
 * them, except on Windows. */
void sio__os_make_fallback_hash_key(unsigned char out[16]);

#endif
