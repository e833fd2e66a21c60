/* SPDX-License-Identifier: MIT
 *
 * err.h - some of libuv's error codes, for files that do not include libuv's header, such as those
 * of libraries that are not linked to libuv. They are negated errno values, as in libuv on Unix. A
 * file that also includes <uv.h> must include it before this header.
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
