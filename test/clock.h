/* SPDX-License-Identifier: MIT
 *
 * clock.h - the clock is a variable: these uv_now() and uv_hrtime() replace libuv's, and time
 * passes when the test says so. A test on a busy machine, whose turns take long, sees the same.
 */
#ifndef SIO_TEST_CLOCK_H
#define SIO_TEST_CLOCK_H

#include <uv.h>

static uint64_t clock_ms = 1000000;

uint64_t uv_now(const uv_loop_t *l) {
  (void)l;
  return clock_ms;
}

uint64_t uv_hrtime(void) { return clock_ms * 1000000; }

#endif
