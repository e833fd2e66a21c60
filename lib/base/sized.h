/* SPDX-License-Identifier: MIT
 *
 * sized.h - public structs that may become longer in later versions. A host passes the size with
 * which it was compiled.
 */
#ifndef SIO_BASE_SIZED_H
#define SIO_BASE_SIZED_H

#include <stddef.h>

/* Copies a struct of the host, whose first member is its size, to our struct of `room` bytes. A
 * size of 0 stands for `first`, the size of the struct in version 0.1. If the size is less than
 * `first`, returns UV_EINVAL and copies nothing. Fields that the host's struct lacks become zero;
 * if `in` is NULL, all of them. Returns UV_EINVAL if the host's struct is longer and one of its
 * additional bytes is not zero. The known part is copied in this case too, so that the host's log
 * callback is known. */
int sio__read_sized_struct(void *out, size_t room, const void *in, size_t first);
/* Fills in a struct of the host from ours. Its first member is its size, which is not changed; a
 * size of 0 stands for `room`. Bytes of the host's struct after the end of ours become zero. */
void sio__fill_sized_struct(void *out, const void *ours, size_t room);

#endif
