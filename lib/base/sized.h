/* SPDX-License-Identifier: MIT
 *
 * sized.h - public structs that may grow in later versions: a host passes the size that it was
 * compiled with.
 */
#ifndef SIO_BASE_SIZED_H
#define SIO_BASE_SIZED_H

#include <stddef.h>

/* Copies the host's struct of `size` bytes to ours of `room` bytes. Missing fields, or all of
 * them if `in` is NULL, become zero. UV_EINVAL: the host's struct is longer, and a byte after
 * ours is not zero; what ours has was copied, so that the host's log callback can be told. */
int sio__copy_sized_struct(void *out, size_t room, const void *in, size_t size);
/* Like sio__copy_sized_struct(), for a struct whose first member is its size. A size of 0 stands
 * for `first`, the size that the struct had in version 0.1. A size below `first` is UV_EINVAL, and
 * nothing is copied. */
int sio__read_sized_struct(void *out, size_t room, const void *in, size_t first);
/* Fills in a struct of the host that begins with its size, which stays as it is, from ours. Bytes
 * of the host's after the end of ours become zero. A size of 0 stands for the size in version
 * 0.1. */
void sio__fill_sized_struct(void *out, const void *ours, size_t room);

#endif
