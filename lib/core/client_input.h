/* SPDX-License-Identifier: MIT
 *
 * client_input.h - the callbacks through which the Engine.IO server reports sessions and messages.
 */
#ifndef SIO_CORE_CLIENT_INPUT_H
#define SIO_CORE_CLIENT_INPUT_H

#include "eio/eio.h"

extern const struct eio_ops sio__client_ops;

#endif
