/* SPDX-License-Identifier: MIT
 *
 * route_log.h - says in the log why a route of the host was not added.
 *
 * Each function logs one line at level ERROR, and returns err. It also flushes the log, because a
 * program that cannot add its routes often exits before its loop runs.
 */
#ifndef SIO_SERVER_ROUTE_LOG_H
#define SIO_SERVER_ROUTE_LOG_H

#include "server/server.h"

int sio__log_refused_route(sio_server *srv, int err, const char *method, const char *path,
                           sio_request_cb cb);
int sio__log_refused_static(sio_server *srv, int err, const char *prefix, const char *dir,
                            const sio_files_options *options);
int sio__log_refused_assets(sio_server *srv, int err, const char *prefix, const sio_asset *table,
                            size_t count, const sio_files_options *options);
int sio__log_refused_websocket_route(sio_server *srv, int err, const char *path,
                                     const sio_ws_callbacks *cbs);
int sio__log_refused_metrics_route(sio_server *srv, int err, const char *path);
int sio__log_refused_engine_route(sio_server *srv, int err, const char *path,
                                  const sio_engine_callbacks *cbs);

#endif
