/* SPDX-License-Identifier: MIT
 *
 * handshake.h - decides what happens to an HTTP request under the path of an engine.
 */
#ifndef SIO_EIO_HANDSHAKE_H
#define SIO_EIO_HANDSHAKE_H

#include "eio/eio.h"

/* The on_head callback of eio->mount; the mount's owner is the struct eio. */
bool sio__handshake_on_head(sio_request *r);

#endif
