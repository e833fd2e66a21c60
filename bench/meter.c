/* SPDX-License-Identifier: MIT
 *
 * meter.c - see meter.h.
 */
#include "meter.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SUB = 32, BUCKETS = 64 * SUB };

static uint64_t histogram[BUCKETS];

static double seconds(struct timespec t) { return (double)t.tv_sec + (double)t.tv_nsec / 1e9; }

uint64_t meter_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double meter_own_cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return seconds(t);
}

static size_t read_proc(pid_t pid, const char *name, char *text, size_t cap) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  FILE *f = fopen(path, "r");
  size_t n = f ? fread(text, 1, cap - 1, f) : 0;
  if (f) fclose(f);
  text[n] = 0;
  return n;
}

struct usage meter_usage(pid_t pid) {
  struct usage u = { 0 };
  struct timespec t;
  clockid_t clock;
  char text[4096];
  unsigned long user = 0, sys = 0;
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0) u.cpu = seconds(t);
  read_proc(pid, "stat", text, sizeof text);
  char *p = strrchr(text, ')'); /* the process name before it may contain any character */
  if (p) sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
  u.user_ticks = (double)user;
  u.ticks = (double)(user + sys);
  read_proc(pid, "status", text, sizeof text);
  p = strstr(text, "\nvoluntary_ctxt_switches:");
  if (p) sscanf(p + 25, "%lu", &u.wakeups);
  return u;
}

long meter_rss(pid_t pid) {
  char text[4096];
  long kib = 0;
  read_proc(pid, "smaps_rollup", text, sizeof text);
  char *p = strstr(text, "\nRss:");
  if (p) sscanf(p + 5, "%ld", &kib);
  return kib * 1024;
}

void meter_record(uint64_t ns) {
  unsigned top = ns < SUB ? 5 : 63 - (unsigned)__builtin_clzll(ns);
  histogram[top * SUB + ((ns >> (top - 5)) & (SUB - 1))]++;
}

void meter_forget(void) { memset(histogram, 0, sizeof histogram); }

double meter_percentile(double p) {
  uint64_t total = 0, seen = 0;
  for (size_t i = 0; i < BUCKETS; i++) total += histogram[i];
  for (size_t i = 0; i < BUCKETS && total; i++) {
    seen += histogram[i];
    if ((double)seen >= p * (double)total)
      return (double)((SUB + (uint64_t)i % SUB) << (i / SUB - 5)) / 1000.0;
  }
  return 0;
}
