/* SPDX-License-Identifier: MIT
 *
 * routes.h - /stats, /echo, /ws, files: what the host serves beside Socket.IO.
 */
#ifndef HOST_ROUTES_H
#define HOST_ROUTES_H

int add_routes(void);

#endif
