/* SPDX-License-Identifier: MIT
 *
 * err.h - libuv's error codes, for files that do not include libuv's header, such as those of
 * libraries that are not linked to libuv. On Unix they are negated errno values. A file that
 * includes both must include <uv.h> first.
 */
#ifndef SIO_BASE_ERR_H
#define SIO_BASE_ERR_H

#include <errno.h>
#include <sio/error.h>

#ifndef UV_H
enum {
  UV_EEXIST = -EEXIST,
  UV_EINVAL = -EINVAL,
  UV_ENOENT = -ENOENT,
  UV_ENOMEM = -ENOMEM,
  UV_ENOTSUP = -ENOTSUP
};
#endif

#endif
