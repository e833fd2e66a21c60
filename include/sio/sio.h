/* SPDX-License-Identifier: MIT
 *
 * sio.h - a Socket.IO server for libuv programs: the one header to include.
 *
 *     sio_server *srv;
 *     sio_nsp *chat;
 *     sio_server_new(&srv, uv_default_loop(), NULL);
 *     sio_of(srv, "/", &chat);
 *     sio_on(chat, "message", on_message, NULL);
 *     sio_listen(srv, "0.0.0.0", 3000);
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *
 * The contracts that hold for every call stand in server.h.
 */
#ifndef SIO_SIO_H
#define SIO_SIO_H

#include <sio/adapter.h>
#include <sio/emit.h>
#include <sio/engine.h>
#include <sio/error.h>
#include <sio/event.h>
#include <sio/http.h>
#include <sio/limits.h>
#include <sio/log.h>
#include <sio/metrics.h>
#include <sio/nsp.h>
#include <sio/options.h>
#include <sio/parser.h>
#include <sio/server.h>
#include <sio/socket.h>
#include <sio/stats.h>
#include <sio/tls.h>
#include <sio/types.h>
#include <sio/value.h>
#include <sio/version.h>

#endif
