/* SPDX-License-Identifier: MIT
 *
 * shrink.c - choices are taken out, made 0, and made smaller, as long as the life still fails in
 * the same way: a script that is shorter, or the same with smaller numbers, is a simpler life.
 */
#include "shrink.h"

#include "fault.h"
#include "life.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECONDS = 180 };

static struct {
  uint32_t *best, *trial;
  size_t n;
  struct verdict wanted;
  unsigned tries;
  time_t until;
} k;

/* What a life made of its script is the better script: what it did not use is gone. */
static bool fails_with(size_t n) {
  struct verdict v;
  if (time(NULL) > k.until) return false;
  k.tries++;
  watch_life(0, &(struct script){ k.trial, n }, true, &v);
  if (strcmp(v.kind, k.wanted.kind) != 0) return false;
  if (shared->log.n < n) n = shared->log.n;
  memcpy(k.best, shared->log.choice, n * sizeof *k.best);
  k.n = n;
  while (k.n > 0 && k.best[k.n - 1] == 0) k.n--;
  return true;
}

static bool without(size_t at, size_t len) {
  memcpy(k.trial, k.best, at * sizeof *k.trial);
  memcpy(k.trial + at, k.best + at + len, (k.n - at - len) * sizeof *k.trial);
  return fails_with(k.n - len);
}

static bool zeroed(size_t at, size_t len) {
  size_t i = 0;
  memcpy(k.trial, k.best, k.n * sizeof *k.trial);
  while (i < len && k.trial[at + i] == 0) i++;
  if (i == len) return false;
  memset(k.trial + at, 0, len * sizeof *k.trial);
  return fails_with(k.n);
}

static bool cut_end(size_t n) {
  memcpy(k.trial, k.best, n * sizeof *k.trial);
  return fails_with(n);
}

static bool pass(bool (*change)(size_t at, size_t len), size_t len) {
  bool any = false;
  for (size_t at = 0; at + len <= k.n;)
    if (change(at, len))
      any = true;
    else
      at += len > 8 ? len / 2 : len > 1 ? len / 2 : 1;
  return any;
}

static bool cut_spans(void) {
  bool any = false;
  static uint32_t span[DRAW_SPANS];
  size_t n = shared->log.spans;
  memcpy(span, shared->log.span, n * sizeof *span);
  for (size_t i = n; i-- > 1;)
    if (span[i] <= k.n && span[i - 1] < span[i]) any |= without(span[i - 1], span[i] - span[i - 1]);
  return any;
}

static bool lower(size_t at) {
  uint32_t v = k.best[at];
  for (uint32_t to = 0; to < v; to = to + (v - to + 1) / 2) {
    memcpy(k.trial, k.best, k.n * sizeof *k.trial);
    k.trial[at] = to;
    if (fails_with(k.n)) return true;
  }
  return false;
}

static bool lower_all(void) {
  bool any = false;
  for (size_t at = 0; at < k.n; at++)
    if (k.best[at]) any |= lower(at);
  return any;
}

static void make_shorter(void) {
  for (size_t n = k.n / 2; n < k.n && !cut_end(n); n += (k.n - n + 1) / 2) continue;
  for (bool any = true; any && time(NULL) < k.until;) {
    any = cut_spans();
    for (size_t len = 64; len > 0; len /= 2) {
      any |= pass(without, len);
      any |= pass(zeroed, len);
    }
    any |= lower_all();
  }
}

int shrink(uint64_t seed, const struct script *s, const char *path) {
  char comment[400];
  k.best = malloc(DRAW_MAX * sizeof *k.best);
  k.trial = malloc(DRAW_MAX * sizeof *k.trial);
  if (!k.best || !k.trial) abort();
  watch_life(seed, s, true, &k.wanted);
  if (!*k.wanted.kind) {
    puts("this life holds: there is nothing to shrink");
    return 2;
  }
  k.n = shared->log.n;
  memcpy(k.best, shared->log.choice, k.n * sizeof *k.best);
  printf("%s: %zu choices\n", k.wanted.kind, k.n);
  k.until = time(NULL) + SECONDS;
  make_shorter();
  printf("%zu choices after %u lives, in %s\n", k.n, k.tries, path);
  snprintf(comment, sizeof comment, "%s", k.wanted.kind);
  return script_write(&(struct script){ k.best, k.n }, path, comment) ? 0 : 2;
}
