/* SPDX-License-Identifier: MIT
 *
 * server.h - everything of one server in one struct: the core, and around it what listens, answers
 * HTTP and holds the sessions.
 */
#ifndef SIO_SERVER_SERVER_H
#define SIO_SERVER_SERVER_H

#include "core/core.h"
#include "eio/eio.h"
#include "http/routes.h"
#include "server/options.h"
#include "ws/endpoint.h"

struct sio_server {
  struct core core; /* first: core_of() and core_server() rely on it */
  struct options opts;
  struct list listeners; /* struct listener                   */
  struct http http;
  struct deflater *deflater; /* HTTP's; NULL: off                 */
  struct addr_limits addr_limits;
  struct ws_shared ws;
  struct eio_group engines;
  struct eio eio; /* Socket.IO's own of them */
  struct routes routes;
  struct http_mount client_mount;   /* socket.io.js and its kin          */
  struct asset_gzip *client_packed; /* their compressed forms, in order; NULL until asked for */
  struct list endpoints;            /* struct endpoint                   */
  struct endpoint_shared endpoint_shared;
  struct task shut;   /* the closing, past the call that asked for it  */
  struct timer hurry; /* when waiting for answers ends                 */
  struct drain {
    struct timer timer;
    uint64_t sessions, spread_ms;             /* when it began */
    uint64_t spread_until, deadline, stepped; /* loop time */
    void (*done)(void *user);
    void *user;
  } drain;
  sio_reject_cb refused;
  sio_limited_cb limited;
  void *refused_user, *limited_user;
  void *data;
  void (*done)(void *user);
  void *done_user;
};
_Static_assert(offsetof(struct sio_server, core) == 0, "core_of() is a cast");

void sio__drain_init(sio_server *srv);
void sio__drain_stop(sio_server *srv);

#endif
