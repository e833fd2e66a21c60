/* SPDX-License-Identifier: MIT
 *
 * remote.h - a socket's handshake as JSON, the way the reference shows it; handshake.c.
 */
#ifndef SIO_CORE_REMOTE_H
#define SIO_CORE_REMOTE_H

#include "base/buf.h"
#include <sio/types.h>

/* Appends the object; the socket has its session still. 0, UV_ENOMEM, SIO_ETOOBIG past the buffer's
 * end. */
int sio__handshake_json(struct buf *out, const sio_socket *s);

#endif
