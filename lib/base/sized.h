/* SPDX-License-Identifier: MIT
 *
 * sized.h - public structs that may become longer in later versions. A host passes the size with
 * which it was compiled.
 */
#ifndef SIO_BASE_SIZED_H
#define SIO_BASE_SIZED_H

#include <stddef.h>

/* Copies a struct of the host, whose first member is its size, to a struct of the library, which
 * has `room` bytes. A size of 0 stands for `first`, the size of the struct in version 0.1. Returns
 * UV_EINVAL if the size is less than `first`; then all fields of `out` are zero. Fields after the
 * end of a shorter struct of the host become zero; if `in` is NULL, all fields become zero. If the
 * host's struct is longer than `room`, the bytes after that must be zero: otherwise the host has
 * set a field that this version does not know, and UV_EINVAL is returned. The known fields are
 * copied even then, so that the error can be reported to the log callback, which may be one of
 * them. */
int sio__read_sized_struct(void *out, size_t room, const void *in, size_t first);
/* Copies `ours`, a struct of `room` bytes, to a struct of the host, which may be shorter or longer.
 * The first member of the host's struct is its size, which is not changed; a size of 0 stands for
 * `room`. If the host's struct is longer than `room`, the bytes after that become zero. */
void sio__fill_sized_struct(void *out, const void *ours, size_t room);

#endif
