/* SPDX-License-Identifier: MIT
 *
 * disk.c - files in memory, and the calls that read them.
 */
#include "disk.h"

#include "draw.h"
#include "fault.h"
#include "kernel.h"
#include "wrapped.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

enum { DISK_BASE = FD_BASE + FDS, DISK_FDS = 64, DIRECTORY = DISK_FILES, CLOSED };

const struct disk_file disk_files[DISK_FILES] = {
  { "a.txt", 100 },
  { "b.bin", 150000 },
  { "sub/c.css", 5000 },
};

struct disk disk;
static unsigned char what[DISK_FDS]; /* a file, DIRECTORY or CLOSED */
static int64_t written[DISK_FILES];  /* when, in seconds            */

void disk_begin(void) {
  disk = (struct disk){ 0 };
  memset(what, CLOSED, sizeof what);
  for (unsigned i = 0; i < DISK_FILES; i++) written[i] = 1000000000;
}

char disk_byte(unsigned file, size_t at) { return (char)('A' + (at * 7 + at / 26 + file) % 26); }

bool disk_is_fd(int fd) { return fd >= DISK_BASE && fd < DISK_BASE + DISK_FDS; }

static unsigned disk_look_up(int fd, const char *call) {
  if (!disk_is_fd(fd) || what[fd - DISK_BASE] == CLOSED)
    fault("a call on a descriptor that is not open", "%s(%d)", call, fd);
  kernel.calls++;
  return what[fd - DISK_BASE];
}

static int disk_error(int err) {
  errno = err;
  return -1;
}

static bool disk_fails(void) {
  bool yes = draw_one_in(disk.fails);
  disk.failed += yes;
  return yes;
}

static int disk_open(unsigned file) {
  for (int i = 0; i < DISK_FDS; i++)
    if (what[i] == CLOSED) {
      what[i] = (unsigned char)file;
      disk.open++;
      return DISK_BASE + i;
    }
  return disk_error(EMFILE);
}

int disk_close(int fd) {
  disk_look_up(fd, "close");
  what[fd - DISK_BASE] = CLOSED;
  disk.open--;
  return 0;
}

int WRAPPED(OFFSET64(open))(const char *path, int flags, ...);
int REAL(OFFSET64(open))(const char *path, int flags, ...);
long __wrap_syscall(long number, ...);
int WRAPPED(OFFSET64(fstat))(int fd, struct stat *st);
int REAL(OFFSET64(fstat))(int fd, struct stat *st);
ssize_t WRAPPED(OFFSET64(pread))(int fd, void *p, size_t n, off_t at);
ssize_t REAL(OFFSET64(pread))(int fd, void *p, size_t n, off_t at);

/* What is not for the simulated disk goes to the real one: sim itself reads scripts. */
int WRAPPED(OFFSET64(open))(const char *path, int flags, ...) {
  return strcmp(path, DISK_DIR) == 0 ? disk_open(DIRECTORY) : REAL(OFFSET64(open))(path, flags);
}

static int open_beneath(const char *path) {
  if (strcmp(path, ".") == 0 || strcmp(path, "sub") == 0) return disk_open(DIRECTORY);
  for (unsigned i = 0; i < DISK_FILES; i++)
    if (strcmp(path, disk_files[i].name) == 0) return disk_open(i);
  return disk_error(strstr(path, "..") ? EXDEV : ENOENT);
}

long __wrap_syscall(long number, ...) {
  va_list ap;
  va_start(ap, number);
  int dir = va_arg(ap, int);
  const char *path = va_arg(ap, const char *);
  va_end(ap);
  if (number != SYS_openat2) fault("a system call that the simulator does not know", "%ld", number);
  if (disk_look_up(dir, "openat2") != DIRECTORY) return disk_error(ENOTDIR);
  if (disk_fails()) return disk_error(DRAW_OF(int, EINTR, EAGAIN, EMFILE, ENFILE, ENOMEM, EACCES));
  return open_beneath(path);
}

int WRAPPED(OFFSET64(fstat))(int fd, struct stat *st) {
  if (fd < FD_BASE) return REAL(OFFSET64(fstat))(fd, st);
  unsigned file = disk_look_up(fd, "fstat");
  memset(st, 0, sizeof *st);
  if (disk_fails()) return disk_error(EIO);
  st->st_mode = file == DIRECTORY ? S_IFDIR : S_IFREG;
  if (file == DIRECTORY) return 0;
  if (draw_one_in(disk.changes)) written[file]++;
  st->st_size = (off_t)disk_files[file].size;
  st->st_mtim.tv_sec = written[file];
  return 0;
}

ssize_t WRAPPED(OFFSET64(pread))(int fd, void *p, size_t n, off_t at) {
  if (fd < FD_BASE) return REAL(OFFSET64(pread))(fd, p, n, at);
  unsigned file = disk_look_up(fd, "pread");
  if (disk_fails()) return disk_error(draw(2) ? EIO : EINTR);
  size_t size = disk_files[file].size, from = (size_t)at;
  size_t left = from < size ? size - from : 0;
  if (n > left) n = left;
  if (n > 1 && draw_one_in(kernel.short_reads)) n = 1 + draw_size((uint32_t)n - 1);
  for (size_t i = 0; i < n; i++) ((char *)p)[i] = disk_byte(file, from + i);
  return (ssize_t)n;
}
