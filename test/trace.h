/* SPDX-License-Identifier: MIT
 *
 * trace.h - what callbacks saw, as one line of text.
 *
 *     trace("left:%s ", why);       in a callback
 *     SAW("left:forced close ");    all of it since the last look
 */
#ifndef SIO_TEST_TRACE_H
#define SIO_TEST_TRACE_H

#include "test.h"
#include <stdarg.h>

static char traced[1 << 14];

__attribute__((format(printf, 1, 2))) static inline void trace(const char *fmt, ...) {
  size_t n = strlen(traced);
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(traced + n, sizeof traced - n, fmt, ap);
  va_end(ap);
}

/* What was traced since the last call. */
static inline const char *saw(void) {
  static char copy[sizeof traced];
  memcpy(copy, traced, sizeof copy);
  traced[0] = '\0';
  return copy;
}

#define SAW(text)             \
  do {                        \
    const char *saw_ = saw(); \
    EQ_STR(saw_, text);       \
  } while (0)

#endif
