/* SPDX-License-Identifier: MIT
 *
 * draw.c - the choices: from a seed (splitmix64), or from a script.
 */
#include "draw.h"

#include <string.h>

static struct {
  struct draw_log *log;
  const uint32_t *script;
  size_t script_n;
  uint64_t state;
} d;

static uint64_t splitmix(void) {
  uint64_t z = d.state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void begin(struct draw_log *log) {
  d.log = log;
  log->n = log->spans = 0;
}

void draw_from_seed(struct draw_log *log, uint64_t seed) {
  begin(log);
  log->seed = seed;
  d.script = NULL;
  d.state = seed * 0x2545f4914f6cdd1du + 1;
}

void draw_from_script(struct draw_log *log, const uint32_t *script, size_t n) {
  begin(log);
  d.script = script;
  d.script_n = n;
}

static uint32_t next(uint32_t n) {
  if (!d.script) return (uint32_t)((splitmix() >> 32) * n >> 32);
  return d.log->n < d.script_n ? d.script[d.log->n] % n : 0;
}

/* A life that has made more choices than the log holds makes only plain ones from there on. */
uint32_t draw(uint32_t n) {
  if (n < 2 || d.log->n == DRAW_MAX) return 0;
  uint32_t v = next(n);
  d.log->choice[d.log->n++] = v;
  return v;
}

uint32_t draw_between(uint32_t lo, uint32_t hi) { return lo + draw(hi - lo + 1); }

bool draw_one_in(uint32_t n) { return n && draw(n) == n - 1 && n > 1; }

uint32_t draw_size(uint32_t max) {
  unsigned bits = 0;
  while (bits < 31 && max >> bits) bits++;
  uint32_t below = draw(bits + 1);
  uint32_t top = below >= bits ? max : ((uint32_t)1 << below) - 1;
  return draw(top + 1);
}

void draw_span(void) {
  if (d.log->spans < DRAW_SPANS) d.log->span[d.log->spans++] = (uint32_t)d.log->n;
}
