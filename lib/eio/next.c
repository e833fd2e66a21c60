/* SPDX-License-Identifier: MIT
 *
 * next.c - sio_next_ok() and sio_next_fail(): pass the host's decision to the code that waits for
 * it.
 */
#include "eio/next.h"

void sio_next_ok(sio_next *next) { next->done(next, true, NULL, sio_null()); }

void sio_next_fail(sio_next *next, const char *message, sio_val data) {
  next->done(next, false, message, data);
}
