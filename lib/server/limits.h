/* SPDX-License-Identifier: MIT
 *
 * limits.h - sets up the limits per address and the rate limits, and reports to the host what they
 * refuse.
 */
#ifndef SIO_SERVER_LIMITS_H
#define SIO_SERVER_LIMITS_H

#include "server/server.h"

void sio__limits_init(sio_server *srv); /* after the loop, before HTTP */
void sio__limits_clear(sio_server *srv);
void sio__limits_reject_connection(sio_server *srv,
                                   int fd); /* max_connections are open: closes fd */

#endif
