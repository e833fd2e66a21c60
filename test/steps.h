/* SPDX-License-Identifier: MIT
 *
 * steps.h - counts the instructions of a function: the same number on every machine, however busy
 * it is, where a clock would measure the machine. For tests of how work grows with its input.
 *
 * A child process runs the function, and its parent lets it take one step after the other, at a few
 * microseconds each: keep the work below 100 000 instructions. Under valgrind, or where ptrace(2)
 * is not allowed, there is no answer: 0.
 */
#ifndef SIO_TEST_STEPS_H
#define SIO_TEST_STEPS_H

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void steps_child(void (*run)(void *), void *arg) {
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) _exit(1);
  raise(SIGSTOP);
  run(arg);
  raise(SIGSTOP);
  _exit(0);
}

static inline uint64_t steps_until_stop(pid_t child) {
  uint64_t n = 0;
  for (int how; !ptrace(PTRACE_SINGLESTEP, child, NULL, NULL); n++) {
    if (waitpid(child, &how, 0) != child || !WIFSTOPPED(how)) return 0;
    if (WSTOPSIG(how) == SIGSTOP) return n;
    if (WSTOPSIG(how) != SIGTRAP) return 0;
  }
  return 0;
}

static inline uint64_t steps_of(void (*run)(void *), void *arg) {
  const char *preload = getenv("LD_PRELOAD");
  if (preload && strstr(preload, "vgpreload")) return 0;
  int how;
  pid_t child = fork();
  if (child == 0) steps_child(run, arg);
  if (child < 0 || waitpid(child, &how, 0) != child || !WIFSTOPPED(how)) return 0;
  uint64_t n = steps_until_stop(child);
  kill(child, SIGKILL);
  waitpid(child, &how, 0);
  return n;
}

#endif
