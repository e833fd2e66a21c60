/* SPDX-License-Identifier: MIT
 *
 * handshake.h - decides what happens to an HTTP request under the path of an engine.
 */
#ifndef SIO_EIO_HANDSHAKE_H
#define SIO_EIO_HANDSHAKE_H

#include "eio/eio.h"

bool sio__handshake_on_head(
    sio_request *r); /* eio->mount's on_head; the mount's owner is the eio */

#endif
