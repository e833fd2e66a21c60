/* SPDX-License-Identifier: MIT
 *
 * oom.h - a life, once for each of its allocations, with that one failing; and once more with all
 * failing from there to the end of its script.
 *
 *     static const char *live_once(size_t at, bool and_on) {
 *       oom_begin(at, and_on);
 *       ... the script ...
 *       oom_end_of_script();      there is memory again
 *       ... what must go well whatever failed before; `live` blocks are left ...
 *     }
 *     oom_sweep("a server", live_once, 0);
 *     return oom_result();
 *
 * A life answers what was missing, or NULL.
 */
#ifndef SIO_TEST_OOM_H
#define SIO_TEST_OOM_H

#include <sio/server.h>

#include "clock.h"
#include "test.h"
#include <uv.h>

/* ---- memory ------------------------------------------------------------------------------ */

static size_t live, calls;  /* blocks not freed; allocations ever       */
static size_t fail_at;      /* the call that fails; 0: none             */
static size_t script_calls; /* until the first peers had gone        */
static bool fail_on;        /* and all behind it                        */

static bool fails(void) {
  calls++;
  return fail_at && (calls == fail_at || (fail_on && calls > fail_at));
}

static void *failing_malloc(size_t n) {
  void *p = fails() ? NULL : malloc(n);
  live += p != NULL;
  return p;
}

static void *failing_realloc(void *p, size_t n) {
  void *q = fails() ? NULL : realloc(p, n);
  live += q && !p;
  return q;
}

static void counting_free(void *p) {
  live -= p != NULL;
  free(p);
}

/* ---- lives ----------------------------------------------------------------------------------- */

static unsigned passed_runs, failed_runs;

static inline void oom_begin(size_t at, bool and_on) {
  sio_set_allocator(failing_malloc, failing_realloc, counting_free);
  live = calls = script_calls = 0;
  fail_at = at;
  fail_on = and_on;
}

static inline void oom_end_of_script(void) {
  script_calls = calls;
  fail_at = 0;
}

static inline void oom_try(const char *what, const char *(*live_once)(size_t at, bool and_on),
                           size_t at, bool and_on) {
  const char *missing = live_once(at, and_on);
  passed_runs += !missing;
  failed_runs += missing != NULL;
  if (missing)
    fprintf(stderr, "%s without allocation %zu%s: %s was missing\n", what, at,
            and_on ? " and on" : "", missing);
}

/* only: that allocation alone; 0: all of them. */
static inline void oom_sweep(const char *what, const char *(*live_once)(size_t at, bool and_on),
                             size_t only) {
  unsigned failed = failed_runs;
  oom_try(what, live_once, 0, false);
  size_t total = failed_runs > failed ? 0 : script_calls;
  for (size_t at = only ? only : 1; at <= (only ? only : total); at++) {
    oom_try(what, live_once, at, false);
    oom_try(what, live_once, at, true);
  }
}

static inline int oom_result(void) {
  printf("%u passed, %u failed\n", passed_runs, failed_runs);
  return failed_runs ? 1 : 0;
}

#endif
