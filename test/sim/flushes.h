/* SPDX-License-Identifier: MIT
 *
 * flushes.h - the connections that a server writes to in a turn: 1024 otherwise, more than a life
 * has.
 */
#ifndef SIO_SIM_FLUSHES_H
#define SIO_SIM_FLUSHES_H

#include <sio/server.h>

void limit_flushes(sio_server *srv, unsigned max);

#endif
