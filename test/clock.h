/* SPDX-License-Identifier: MIT
 *
 * clock.h - the clock is a variable: this uv_now() stands before libuv's, and time passes when the
 * test says so.
 */
#ifndef SIO_TEST_CLOCK_H
#define SIO_TEST_CLOCK_H

#include <uv.h>

static uint64_t clock_ms = 1000000;

uint64_t uv_now(const uv_loop_t *l) {
  (void)l;
  return clock_ms;
}

#endif
