/* SPDX-License-Identifier: MIT
 *
 * disk.h - the simulated disk: a directory with a few files, which sio_static() serves. Its calls
 * end in disk.c as those on sockets do in kernel.c.
 */
#ifndef SIO_SIM_DISK_H
#define SIO_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_DIR "/sim/files"

struct disk_file {
  const char *name;
  size_t size;
};
enum { DISK_FILES = 3 };
extern const struct disk_file disk_files[DISK_FILES];

struct disk {
  uint32_t fails;   /* once in so many calls; 0: never         */
  uint32_t changes; /* a file is written to once in so many calls */
  unsigned open;
  unsigned failed; /* calls, ever */
};
extern struct disk disk;

void disk_begin(void);
char disk_byte(unsigned file, size_t at);

/* For the kernel's close(). */
bool disk_is_fd(int fd);
int disk_close(int fd);

#endif
