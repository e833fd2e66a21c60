/* SPDX-License-Identifier: MIT
 *
 * routes.h - what else is served beside Socket.IO: a table of paths, and the mount that
 * looks requests up in it.
 *
 * The longest pattern that fits the path (raw, not decoded) wins, an exact one over a prefix;
 * among its entries the one with the request's method, then HEAD as GET, then the one for any.
 * Nothing there: 404; another method: 405 with Allow. A WebSocket upgrade looks at upgrade
 * entries only: 404, or 400 where something else is, and the connection ends at once; a plain
 * request for one of those gets 426.
 */
#ifndef SIO_HTTP_ROUTES_H
#define SIO_HTTP_ROUTES_H

#include "http/http.h"
#include "http/request.h"

struct routes {
  struct list all; /* struct route */
  struct http_mount mount;
  struct addr_limits *addr_limits; /* count each request but upgrades that find a route; or NULL */
};

void sio__routes_init(struct routes *rs);
void sio__routes_clear(struct routes *rs); /* when no request can come any more */

/* As sio_route(): method NULL is any; path ends in '*' for a prefix; max_body 0: the limits'. */
int sio__routes_add(struct routes *rs, const char *method, const char *path, size_t max_body,
                    sio_request_cb cb, void *user);
int sio__routes_add_static(struct routes *rs, const char *prefix, const char *dir);
int sio__routes_add_assets(struct routes *rs, const char *prefix, const sio_asset *table,
                           size_t count);
/* WebSocket upgrades: cb checks the handshake, and detaches or answers, now or later. */
int sio__routes_add_upgrade(struct routes *rs, const char *path, sio_request_cb cb, void *user);

/* A constant text as text/plain, for answers that only say no. */
void sio__routes_answer_text(sio_request *r, int status, const char *text);

#endif
