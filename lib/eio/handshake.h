/* SPDX-License-Identifier: MIT
 *
 * handshake.h - the first look at a request under Engine.IO's path.
 */
#ifndef SIO_EIO_HANDSHAKE_H
#define SIO_EIO_HANDSHAKE_H

#include "eio/eio.h"

bool sio__handshake_on_head(
    sio_request *r); /* eio->mount's on_head; the mount's owner is the eio */

#endif
