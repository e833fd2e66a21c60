/* SPDX-License-Identifier: MIT
 *
 * pattern.h - matches names of namespaces against patterns in which '*' stands for any number of
 * any bytes.
 */
#ifndef SIO_CORE_PATTERN_H
#define SIO_CORE_PATTERN_H

#include "base/slice.h"
#include <stdbool.h>

bool sio__pattern_matches(sio_slice pattern, sio_slice name);

#endif
