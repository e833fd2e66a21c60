/* SPDX-License-Identifier: MIT
 *
 * fault.h - what went wrong in this life, and the story of it.
 */
#ifndef SIO_SIM_FAULT_H
#define SIO_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Something that must hold does not: says it and ends the process. The kind tells one fault from
 * another when a life is shrunk, so it holds no numbers; the rest is for the reader. */
_Noreturn void fault(const char *kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line of the story, if anybody listens. */
extern bool telling;
void tell_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define TELL(...)                        \
  do {                                   \
    if (telling) tell_line(__VA_ARGS__); \
  } while (0)

/* As text on one line, its beginning at least; good until the next call. */
const char *tell_bytes(const void *p, size_t n);

#endif
