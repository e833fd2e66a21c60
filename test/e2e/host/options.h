/* SPDX-License-Identifier: MIT
 *
 * options.h - sio_options as the flags say.
 */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include <sio/server.h>

/* Callbacks are those of requests.h. */
sio_options options_from_flags(void);

#endif
