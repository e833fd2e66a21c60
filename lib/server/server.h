/* SPDX-License-Identifier: MIT
 *
 * server.h - struct sio_server: the core, and what surrounds it: listeners, HTTP, sessions and
 * limits. Only the struct is defined here, so that every file of this folder can include it.
 */
#ifndef SIO_SERVER_SERVER_H
#define SIO_SERVER_SERVER_H

#include "core/core.h"
#include "eio/eio.h"
#include "http/routes.h"
#include "server/options.h"
#include "ws/endpoint.h"

struct sio_server {
  struct core
      core; /* must be the first member, because core_of_server() and server_of_core() are casts */
  struct options opts;
  struct list listeners; /* struct listener */
  struct http http;
  struct deflater *deflater; /* compresses HTTP responses; NULL if they are not compressed */
  struct addr_limits addr_limits;
  struct ws_shared ws;
  struct eio_group engines;
  struct eio eio; /* the engine of Socket.IO; it is also in the list engines.engines */
  struct routes routes;
  /* Serves socket.io.js and the other files of the JavaScript client. */
  struct http_mount client_mount;
  /* The compressed forms of the files of the JavaScript client, in the order of sio__client_assets;
   * NULL until they are first needed. */
  struct asset_gzip *client_packed;
  struct list endpoints; /* struct endpoint */
  struct list gathers;   /* struct gather: statistics of several servers that are being added up */
  struct endpoint_shared endpoint_shared;
  struct hooks closing, ended; /* callbacks of sio_on_close() */
  struct task close_task;      /* the second step of closing, at the end of the loop's turn */
  struct timer shutdown_timer; /* limits the time for the closing handshakes of peers */
  struct drain {
    struct timer timer;
    uint64_t sessions;     /* the number of sessions when the drain began */
    uint64_t spread_ms;    /* the time within which the sessions are ended */
    uint64_t spread_until; /* the loop's time at which all sessions should have been ended */
    uint64_t deadline;     /* the loop's time at which the server begins to close at the latest */
    void (*done)(void *user);
    void *user;
  } drain;
  void *data;
  void (*done)(void *user);
  void *done_user;
};
_Static_assert(offsetof(struct sio_server, core) == 0,
               "core must be the first member: core_of_server() is a cast");

#endif
