/* SPDX-License-Identifier: MIT
 *
 * flags.c - looks a flag up each time it is asked for: there are few, and no order of set-up to
 * keep.
 */
#include "flags.h"

#include <stdlib.h>
#include <string.h>

#define LISTS 4
#define WORDS 8

static int count;
static char **words;

void flags_set(int n, char **list) {
  count = n;
  words = list;
}

const char *flag(const char *name) {
  for (int i = 0; i + 1 < count; i += 2)
    if (strcmp(words[i] + 2, name) == 0) return words[i + 1];
  return NULL;
}

unsigned flag_number(const char *name) {
  const char *v = flag(name);
  return v ? (unsigned)strtoul(v, NULL, 10) : 0;
}

bool flag_is(const char *name, const char *value) {
  const char *v = flag(name);
  return v && strcmp(v, value) == 0;
}

/* Cuts the argument itself up, so it may be asked for once. */
const char *const *flag_list(const char *name) {
  static const char *lists[LISTS][WORDS];
  static size_t used;
  char *text = (char *)flag(name);
  if (!text || used == LISTS) return NULL;
  const char **out = lists[used++];
  size_t n = 0;
  for (char *w = strtok(text, ","); w && n + 1 < WORDS; w = strtok(NULL, ",")) out[n++] = w;
  return out;
}
