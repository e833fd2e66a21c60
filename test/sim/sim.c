/* SPDX-License-Identifier: MIT
 *
 * sim.c - lives, one after the other: seeds, scripts, shrinking. See tools/sim and docs/testing.md.
 *
 *     sim [--from SEED] [--lives N | --seconds N]    fresh lives
 *     sim --seed N [--tell]                          one life, and its story
 *     sim --seed N --shrink FILE                     the shortest script that fails in the same way
 *     sim --script FILE [--tell]                     a life from a script
 *     sim --kept FOLDER                              every script of a folder; with --lives or
 *                                                    --seconds these fresh ones too
 *
 * With --no-redis servers that would meet on Redis meet on threads instead. With --only-redis lives
 * without Redis end at once, so each seed still means the same life.
 */
#include "fault.h"
#include "host.h"
#include "life.h"
#include "loop.h"
#include "memory.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shrink.h"
#include "watch.h"

static const char *text_option(int argc, char **argv, const char *name) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0) return argv[i + 1];
  return NULL;
}

static uint64_t number_option(int argc, char **argv, const char *name, uint64_t otherwise) {
  const char *text = text_option(argc, argv, name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool has_option(int argc, char **argv, const char *name) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return true;
  return false;
}

/* In this process: a fault ends it. */
static int tell_one(uint64_t seed, const struct script *s) {
  telling = true;
  for (int times = watch_twice ? 2 : 1; times > 0; times--) {
    if (s)
      draw_from_script(&shared->log, s->choice, s->n);
    else
      draw_from_seed(&shared->log, seed);
    life_run();
  }
  printf("this life holds, of %zu choices\n", shared->log.n);
  return 0;
}

/* What is left at the end of a life is looked for by the simulator itself. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "detect_leaks=0:malloc_context_size=12:quarantine_size_mb=16:handle_abort=0";
}

/* To name each function in each report would take longer than the lives do. */
static void be_fast(char **argv) {
  if (getenv("SIM_FAST")) return;
  setenv("SIM_FAST", "1", 1);
  setenv("ASAN_OPTIONS", "symbolize=0:malloc_context_size=1", 1);
  setenv("UBSAN_OPTIONS", "symbolize=0", 1);
  execv("/proc/self/exe", argv);
}

static int run_one(int argc, char **argv, uint64_t seed, const struct script *s) {
  const char *out = text_option(argc, argv, "--shrink");
  if (has_option(argc, argv, "--tell")) return tell_one(seed, s);
  if (out) be_fast(argv);
  if (out) return shrink(seed, s, out);
  return watch_one(seed, s) ? 1 : 0;
}

int main(int argc, char **argv) {
  struct script s = { 0 };
  const char *seed = text_option(argc, argv, "--seed"),
             *script = text_option(argc, argv, "--script");
  const char *kept = text_option(argc, argv, "--kept");
  watch_begin();
  watch_twice = has_option(argc, argv, "--twice");
  without_redis = has_option(argc, argv, "--no-redis");
  only_redis = has_option(argc, argv, "--only-redis");
  if (script && !script_read(&s, script)) return 2;
  if (seed || script)
    return run_one(argc, argv, seed ? strtoull(seed, NULL, 10) : 0, script ? &s : NULL);
  int failed = kept ? watch_kept(kept) : 0;
  if (kept && !has_option(argc, argv, "--lives") && !has_option(argc, argv, "--seconds"))
    return failed;
  return failed | watch_many(number_option(argc, argv, "--from", (uint64_t)time(NULL) * 1000000),
                             number_option(argc, argv, "--lives", UINT64_MAX),
                             number_option(argc, argv, "--seconds", UINT64_MAX),
                             number_option(argc, argv, "--faults", 10));
}
