/* SPDX-License-Identifier: MIT
 *
 * sized.h - public structs that may grow: a host passes the size that it was compiled with.
 */
#ifndef SIO_BASE_SIZED_H
#define SIO_BASE_SIZED_H

#include <stddef.h>

/* The host's struct, as it knew it, of `size` bytes, into ours, of `room`; NULL is all zero.
 * UV_EINVAL for one that is longer than ours and says something there. */
int sio__sized_copy(void *out, size_t room, const void *in, size_t size);

#endif
