/* SPDX-License-Identifier: MIT
 *
 * next.h - struct sio_next: how the host's middleware says, at once or later, that a request or
 * packet may proceed or is refused.
 *
 * The struct is embedded. `done` is called by sio_next_ok() and sio_next_fail(), possibly while the
 * callback that was given the sio_next has not returned yet.
 */
#ifndef SIO_EIO_NEXT_H
#define SIO_EIO_NEXT_H

#include <sio/nsp.h>

struct sio_next {
  void (*done)(sio_next *n, bool ok, const char *message, sio_val data);
};

#endif
