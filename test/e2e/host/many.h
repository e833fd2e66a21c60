/* SPDX-License-Identifier: MIT
 *
 * many.h - lines "room <what> <name>" about the rooms of a namespace.
 */
#ifndef HOST_MANY_H
#define HOST_MANY_H

#include <sio/nsp.h>

int say_rooms(sio_nsp *nsp);

#endif
