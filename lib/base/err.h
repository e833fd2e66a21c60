/* SPDX-License-Identifier: MIT
 *
 * err.h - the libuv error codes that this room returns. On Unix they are negated errno values, so
 * libuv's header, which only the net room includes, is not needed.
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
