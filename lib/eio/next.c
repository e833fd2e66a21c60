/* SPDX-License-Identifier: MIT
 *
 * next.c - the host's verdict, handed to whoever waits for it.
 */
#include "eio/next.h"

void sio_next_ok(sio_next *next) { next->done(next, true, NULL, sio_null()); }

void sio_next_fail(sio_next *next, const char *message, sio_val data) {
  next->done(next, false, message, data);
}
