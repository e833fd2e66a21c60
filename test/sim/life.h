/* SPDX-License-Identifier: MIT
 *
 * life.h - one life of a server, from its first choice to its last byte.
 */
#ifndef SIO_SIM_LIFE_H
#define SIO_SIM_LIFE_H

#include "draw.h"

enum { FAULT_EXIT = 77 };

/* What the process that lives tells the one that watches it. */
struct shared {
  struct draw_log log;
  uint64_t lives;  /* that were lived to the end   */
  uint64_t steps;  /* turns of the loop in them    */
  uint64_t print;  /* of the last life: what it did, in a number */
  uint64_t prints; /* of all that were lived to the end, together */
  char kind[128], detail[400];
};
extern struct shared *shared;

/* The draws must have been begun. Ends the process if something does not hold. */
void life_run(void);

#endif
