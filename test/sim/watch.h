/* SPDX-License-Identifier: MIT
 *
 * watch.h - lives run in a process of their own, and this one sees how they end.
 */
#ifndef SIO_SIM_WATCH_H
#define SIO_SIM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The choices of a life, to be made again. */
struct script {
  uint32_t *choice;
  size_t n;
};

/* How a life ended: "" it holds; else what kind of fault, without numbers. */
struct verdict {
  char kind[256];
};

extern bool watch_twice; /* each life is lived twice, and must be the same */

void watch_begin(void);
/* One life, from its seed or a script. quiet: what it says is thrown away. */
void watch_life(uint64_t seed, const struct script *s, bool quiet, struct verdict *v);
bool watch_one(uint64_t seed, const struct script *s); /* true: it fails, and this was said */
int watch_many(uint64_t from, uint64_t lives, uint64_t seconds, uint64_t faults);
int watch_kept(const char *folder);

bool script_read(struct script *s, const char *path);
bool script_write(const struct script *s, const char *path, const char *comment);

#endif
