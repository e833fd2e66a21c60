/* SPDX-License-Identifier: MIT
 *
 * watch.c - a forked process lives one life after the other. When it ends before its time the
 * choices it had made lie in shared memory, and what the sanitizers said in a file without a name.
 */
#include "watch.h"

#include "fault.h"
#include "host.h"
#include "life.h"
#include "memory.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of the processor's time, and of any: on a busy machine a life may take long. */
enum { LIFE_SECONDS = 20, LIFE_SECONDS_IN_ALL = 600, SAID = 16384, BATCH = 100 };

static int said_fd = -1;
bool watch_twice;

void watch_begin(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) abort();
  said_fd = memfd_create("said", 0);
  memory_install();
  setvbuf(stdout, NULL, _IOLBF, 0);
}

/* ---- how it ended ------------------------------------------------------------------- */

static void read_said(char out[SAID]) {
  ssize_t n = pread(said_fd, out, SAID - 1, 0);
  out[n > 0 ? n : 0] = '\0';
}

/* "SUMMARY: AddressSanitizer: heap-use-after-free lib/x.c:12:3 in name" without its numbers. */
static bool summary_of(const char *said, char *out, size_t size) {
  const char *at = strstr(said, "SUMMARY: ");
  size_t n = 0;
  if (!at) at = strstr(said, "runtime error: ");
  if (!at) return false;
  bool plain = strstr(at, "+0x") != NULL; /* an address in place of a name */
  for (; *at && *at != '\n' && n + 1 < size; at++)
    if (plain || *at < '0' || *at > '9') out[n++] = *at;
  out[n] = '\0';
  return true;
}

static void judge(int status, struct verdict *v) {
  char said[SAID];
  *v->kind = '\0';
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  read_said(said);
  if (WIFEXITED(status) && WEXITSTATUS(status) == FAULT_EXIT)
    snprintf(v->kind, sizeof v->kind, "%s", shared->kind);
  else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF))
    snprintf(v->kind, sizeof v->kind, "a life that does not end");
  else if (!summary_of(said, v->kind, sizeof v->kind))
    snprintf(v->kind, sizeof v->kind, "the process ends with %s %d",
             WIFSIGNALED(status) ? "signal" : "exit",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void hush(void) {
  if (ftruncate(said_fd, 0) || lseek(said_fd, 0, SEEK_SET)) abort();
  dup2(said_fd, STDERR_FILENO);
}

static void limit_life(void) {
  setitimer(ITIMER_PROF, &(struct itimerval){ .it_value.tv_sec = LIFE_SECONDS }, NULL);
  alarm(LIFE_SECONDS_IN_ALL);
}

#ifdef SIM_COVERAGE
void __gcov_dump(void);
#else
static void __gcov_dump(void) {}
#endif

/* _exit() alone would lose what gcov has counted (tools/coverage). */
static _Noreturn void end_process(void) {
  __gcov_dump();
  _exit(0);
}

void watch_life(uint64_t seed, const struct script *s, bool quiet, struct verdict *v) {
  int status = 0;
  (void)quiet;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    hush();
    limit_life();
    if (s)
      draw_from_script(&shared->log, s->choice, s->n);
    else
      draw_from_seed(&shared->log, seed);
    life_run();
    end_process();
  }
  if (child < 0 || waitpid(child, &status, 0) != child) abort();
  judge(status, v);
}

static void show_said(void) {
  char said[SAID];
  read_said(said);
  fputs(said, stdout);
}

bool watch_one(uint64_t seed, const struct script *s) {
  struct verdict v;
  watch_life(seed, s, false, &v);
  if (!*v.kind) {
    printf("this life holds: %zu choices, %llu turns\n", shared->log.n,
           (unsigned long long)shared->steps);
    return false;
  }
  show_said();
  printf("fails: %s\n", v.kind);
  return true;
}

/* ---- many --------------------------------------------------------------------------- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void live_again(void) {
  uint64_t print = shared->print;
  draw_from_seed(&shared->log, shared->log.seed);
  life_run();
  if (shared->print != print)
    fault("a life is another one the second time", "%llu choices",
          (unsigned long long)shared->log.n);
}

static void live_many(uint64_t from, uint64_t lives, double until) {
  hush();
  for (uint64_t i = 0; i < lives && now() < until; i++) {
    limit_life();
    draw_from_seed(&shared->log, from + i);
    life_run();
    if (watch_twice) live_again();
    shared->prints = shared->prints * 31 + shared->print;
    shared->lives++;
  }
  end_process();
}

/* Something of the lives before it matters, as the addresses of memory: that must not be. */
static void tell_if_not_alone(uint64_t seed, uint64_t first) {
  struct verdict alone;
  uint64_t lives = shared->lives, steps = shared->steps;
  watch_life(seed, NULL, true, &alone);
  shared->lives = lives;
  shared->steps = steps;
  if (!*alone.kind)
    printf("  but not alone: --from %llu --lives %llu\n", (unsigned long long)first,
           (unsigned long long)(seed - first + 1));
}

static void tell_failed(int status, const struct verdict *v, uint64_t first) {
  bool is_fault = WIFEXITED(status) && WEXITSTATUS(status) == FAULT_EXIT;
  printf("seed %llu%s fails: %s: %s\n", (unsigned long long)shared->log.seed,
         without_redis ? " (--no-redis)" : "", v->kind, is_fault ? shared->detail : "");
  tell_if_not_alone(shared->log.seed, first);
}

static void tell_sum(uint64_t failed, double took) {
  printf("%llu lives, %.0f a second, %.0f turns each, print %016llx\n",
         (unsigned long long)shared->lives, (double)shared->lives / took,
         (double)shared->steps / (double)(shared->lives + !shared->lives),
         (unsigned long long)shared->prints);
  printf("%llu passed, %llu failed\n", (unsigned long long)shared->lives,
         (unsigned long long)failed);
}

int watch_many(uint64_t from, uint64_t lives, uint64_t seconds, uint64_t faults) {
  double began = now(), until = seconds == UINT64_MAX ? 1e18 : began + (double)seconds;
  uint64_t failed = 0;
  shared->lives = shared->steps = shared->prints = 0;
  while (shared->lives + failed < lives && now() < until && failed < faults) {
    int status = 0;
    struct verdict v;
    uint64_t done = shared->lives + failed, left = lives - done;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) live_many(from + done, left < BATCH ? left : BATCH, until);
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    judge(status, &v);
    if (!*v.kind) continue;
    failed++;
    tell_failed(status, &v, from + done);
  }
  tell_sum(failed, now() - began);
  return failed > 0;
}

/* ---- scripts ------------------------------------------------------------------------ */

/* Numbers between white space; a line that begins with # is a comment. */
bool script_read(struct script *s, const char *path) {
  FILE *f = fopen(path, "r");
  char line[4096];
  if (!f) {
    perror(path);
    return false;
  }
  s->choice = malloc(DRAW_MAX * sizeof *s->choice);
  s->n = 0;
  while (s->choice && fgets(line, sizeof line, f))
    for (char *at = line, *end; *line != '#' && s->n < DRAW_MAX; at = end) {
      unsigned long v = strtoul(at, &end, 10);
      if (end == at) break;
      s->choice[s->n++] = (uint32_t)v;
    }
  fclose(f);
  return s->choice != NULL;
}

bool script_write(const struct script *s, const char *path, const char *comment) {
  FILE *f = fopen(path, "w");
  if (!f) {
    perror(path);
    return false;
  }
  fprintf(f, "# %s\n", comment);
  for (size_t i = 0; i < s->n; i++)
    fprintf(f, "%u%c", s->choice[i], i % 20 == 19 || i + 1 == s->n ? '\n' : ' ');
  return fclose(f) == 0;
}

int watch_kept(const char *folder) {
  DIR *d = opendir(folder);
  unsigned passed = 0, failed = 0;
  char path[4096];
  if (!d) {
    perror(folder);
    return 2;
  }
  for (struct dirent *e; (e = readdir(d));) {
    struct script s;
    if (!strstr(e->d_name, ".txt")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (!script_read(&s, path)) return 2;
    bool fails = watch_one(0, &s);
    if (fails) printf("%s fails\n", e->d_name);
    passed += !fails;
    failed += fails;
    free(s.choice);
  }
  closedir(d);
  printf("%u passed, %u failed\n", passed, failed);
  return failed > 0;
}
