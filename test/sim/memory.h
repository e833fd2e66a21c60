/* SPDX-License-Identifier: MIT
 *
 * memory.h - the library's memory: every block is counted, for the peer that the server was busy
 * with when it was allocated; and any allocation may fail.
 */
#ifndef SIO_SIM_MEMORY_H
#define SIO_SIM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum { MEMORY_OWNERS = 128 }; /* owner 0: nobody in particular */

struct memory {
  size_t bytes, blocks;       /* live now                       */
  size_t peak;                /* of bytes                       */
  uint64_t calls, failed;     /* ever, in this life             */
  uint32_t fail_one_in;       /* 0: none fails                  */
  unsigned owner;             /* for whom what comes is counted */
  size_t held[MEMORY_OWNERS]; /* live bytes by owner            */
};
extern struct memory memory;

void memory_install(void); /* once a process     */
void memory_begin(void);   /* once a life        */

#endif
