/* SPDX-License-Identifier: MIT
 *
 * limits.h - sets up the limits per address and the rate limits. What they refuse or pause is
 * reported to the host.
 */
#ifndef SIO_SERVER_LIMITS_H
#define SIO_SERVER_LIMITS_H

#include "server/server.h"

/* Sets up the limits per address and the rate limits from the options. Must be called before
 * sio__routing_init_http_and_routes(). */
void sio__set_up_limits_from_options(sio_server *srv);
void sio__limits_clear(sio_server *srv);
/* Closes a descriptor that was accepted when max_connections connections were open already, and
 * reports that to on_reject, the log and sio_stats.rejected. */
void sio__close_and_report_conn_over_max_conns(sio_server *srv, int fd);

#endif
