/* SPDX-License-Identifier: MIT
 *
 * handshake.h - a socket's handshake as a JSON object, whose members have the names that the
 * reference uses.
 */
#ifndef SIO_CORE_HANDSHAKE_H
#define SIO_CORE_HANDSHAKE_H

#include "base/buf.h"
#include <sio/types.h>

/* Appends the object to *out. The socket must still have its session. Returns 0; UV_ENOMEM; or
 * SIO_ETOOBIG if the buffer would exceed its maximum. */
int sio__handshake_to_json(struct buf *out, const sio_socket *s);

#endif
