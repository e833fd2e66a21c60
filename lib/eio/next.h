/* SPDX-License-Identifier: MIT
 *
 * next.h - a verdict the host owes, now or later: the inside of sio_next.
 *
 * Embed it; `done` runs once, from inside sio_next_ok() or sio_next_fail(), maybe
 * while the callback that was handed the sio_next is still on the stack.
 */
#ifndef SIO_EIO_NEXT_H
#define SIO_EIO_NEXT_H

#include <sio/nsp.h>

struct sio_next {
  void (*done)(sio_next *n, bool ok, const char *message, sio_val data);
};

#endif
