/* SPDX-License-Identifier: MIT
 *
 * shrink.h - the shortest script that fails in the same way.
 */
#ifndef SIO_SIM_SHRINK_H
#define SIO_SIM_SHRINK_H

#include "watch.h"

/* Writes it to a file, and tells that life. 0; 2: the life does not fail. */
int shrink(uint64_t seed, const struct script *s, const char *path);

#endif
