/* SPDX-License-Identifier: MIT
 *
 * fuzz.h - what the targets share: the entry, a demand, and input in pieces.
 *
 * A target is LLVMFuzzerTestOneInput(). replay.c calls it for the files of its corpus; tools/fuzz
 * links it with libFuzzer.
 */
#ifndef SIO_TEST_FUZZ_H
#define SIO_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEMAND(cond)                                                     \
  do {                                                                   \
    if (!(cond)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
      abort();                                                           \
    }                                                                    \
  } while (0)

/* A copy of its own, so that a byte read past its end is found. Free it. */
static inline char *piece(const void *p, size_t n) {
  char *copy = malloc(n ? n : 1);
  if (!copy) abort();
  if (n) memcpy(copy, p, n);
  return copy;
}

/* An input that is a list of commands: one byte says what, two how many bytes follow. */
struct command {
  char what;
  char *bytes; /* free it */
  size_t n;
};

/* Takes the first command off the input. False: there is none. */
static inline bool take_command(const uint8_t **data, size_t *size, struct command *k) {
  const uint8_t *at = *data;
  if (*size < 3) return false;
  k->what = (char)at[0];
  k->n = (size_t)at[1] << 8 | at[2];
  if (k->n > *size - 3) k->n = *size - 3;
  k->bytes = piece(at + 3, k->n);
  *data += 3 + k->n;
  *size -= 3 + k->n;
  return true;
}

/* FNV-1a, to compare what two ways of feeding led to. */
static inline void digest(uint64_t *d, const void *p, size_t n) {
  const unsigned char *s = p;
  for (size_t i = 0; i < n; i++) *d = (*d ^ s[i]) * UINT64_C(1099511628211);
  *d = (*d ^ n) * UINT64_C(1099511628211);
}

#endif
