/* SPDX-License-Identifier: MIT
 *
 * routes.h - the host's own routes beside Socket.IO: a table of paths, and the mount that
 * dispatches requests to it.
 *
 * The longest pattern that matches the path (not decoded) is chosen, and an exact one before a
 * prefix of the same length. Of the routes with this pattern, the one with the request's method is
 * used, otherwise GET for a HEAD request, otherwise the one for all methods; if there is none of
 * these, the answer is 405 with Allow. If no pattern matches, the answer is 404, or 426 if a
 * WebSocket route matches. "OPTIONS *" is answered with 204. A WebSocket upgrade is compared with
 * WebSocket routes only. If none of them matches, the answer is 404, or 400 if another route
 * matches the path, and the connection is closed.
 */
#ifndef SIO_HTTP_ROUTES_H
#define SIO_HTTP_ROUTES_H

#include "http/http.h"
#include "http/request.h"

struct routes {
  struct list all; /* struct route */
  struct http_mount mount;
  /* The limits for the requests that are looked up in this table of routes. They do not apply to
   * WebSocket upgrades for which there is a route. May be NULL. */
  struct addr_limits *addr_limits;
};

void sio__routes_init(struct routes *rs);
void sio__routes_free_all(
    struct routes *rs); /* must be called when no request can arrive any more */

/* Returns a text that says why a route cannot have this path, or NULL if it can. A '*' is allowed
 * only at the end, and only if may_end_with_star is true. */
const char *sio__describe_route_path_fault_or_null(const char *path, bool may_end_with_star);

/* Adds a route for a callback, see sio_route(). If method is NULL, the route is for all methods. If
 * path ends with '*', the route is for all paths with that prefix. If max_body is 0, the default
 * limit applies. */
int sio__routes_add_callback(struct routes *rs, const char *method, const char *path,
                             size_t max_body, sio_request_cb cb, void *user);
/* These two functions add a route that serves the files of a directory, or of a table in memory:
 * see sio_static_with() and sio_assets_with(). opts may be NULL. */
int sio__routes_add_static_directory(struct routes *rs, const char *prefix, const char *dir,
                                     const sio_files_options *opts);
int sio__routes_add_assets(struct routes *rs, const char *prefix, const sio_asset *table,
                           size_t count, const sio_files_options *opts);
/* Adds a route for WebSocket upgrades. cb checks the handshake, and takes the connection of the
 * request or answers the request, at once or later. */
int sio__routes_add_websocket_upgrade(struct routes *rs, const char *path, sio_request_cb cb,
                                      void *user);

/* Answers with `text` as text/plain. */
void sio__request_answer_plain_text(sio_request *r, int status, const char *text);

#endif
