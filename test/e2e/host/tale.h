/* SPDX-License-Identifier: MIT
 *
 * tale.h - numbered events: see tale.c.
 */
#ifndef HOST_TALE_H
#define HOST_TALE_H

#include <sio/sio.h>

int add_tale(sio_nsp *nsp);

#endif
