/* SPDX-License-Identifier: MIT
 *
 * err.h - libuv's error codes for files that do not include libuv's header. On Unix they are
 * negated errno values.
 *
 * A file that sees uv.h (most do, through net/loop.h) writes UV_E*; any other file writes SIO__E*.
 * Comments and documentation always write UV_E*.
 */
#ifndef SIO_BASE_ERR_H
#define SIO_BASE_ERR_H

#include <errno.h>
#include <sio/error.h>

#define SIO__EEXIST (-EEXIST)
#define SIO__EINVAL (-EINVAL)
#define SIO__ENOENT (-ENOENT)
#define SIO__ENOMEM (-ENOMEM)
#define SIO__ENOTSUP (-ENOTSUP)

#endif
