/* SPDX-License-Identifier: MIT
 *
 * handshake.h - a socket's handshake as a JSON object, whose members have the names that the
 * Node.js server uses.
 */
#ifndef SIO_CORE_HANDSHAKE_H
#define SIO_CORE_HANDSHAKE_H

#include "base/buf.h"
#include <sio/types.h>

/* Appends the JSON object to *out. s->session must not be NULL. Returns 0; UV_ENOMEM; or
 * SIO_ETOOBIG if *out would exceed its maximum size. */
int sio__handshake_to_json(struct buf *out, const sio_socket *s);

#endif
