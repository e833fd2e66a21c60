/* SPDX-License-Identifier: MIT
 *
 * endpoint.h - WebSockets that speak the host's own protocol, on their own path.
 */
#ifndef SIO_WS_ENDPOINT_H
#define SIO_WS_ENDPOINT_H

#include "net/meter.h"
#include "ws/conn.h"
#include <sio/http.h>

/* What all endpoints of a server share. */
struct endpoint_shared {
  struct ws_shared *ws;
  const sio_options *opts; /* max_queued and allowed_origins hold here too */
  sio_stats *stats;
  struct addr_limits *addr_limits; /* NULL: addresses are not counted */
  const struct meter_settings *meters;
};

/* One route's endpoint; the server owns it. */
struct endpoint {
  struct list link;  /* the server's         */
  struct list peers; /* sio_ws.link          */
  const struct endpoint_shared *shared;
  sio_ws_callbacks cbs;
  const char **protocols; /* cbs.protocols, copied in one block; NULL: it has none */
  void *user;
};

/* 0, UV_EINVAL (a time is too long, a protocol's name is no token), UV_ENOMEM. */
int sio__endpoint_new(struct endpoint **out, const struct endpoint_shared *shared,
                      const sio_ws_callbacks *cbs, void *user);
void sio__endpoint_accept_upgrade(sio_request *r, void *endpoint); /* a route's upgrade callback */
void sio__endpoint_close_peers(struct endpoint *e);                /* 1001 to every peer          */
void sio__endpoint_free(struct endpoint *e);                       /* after its peers are gone    */

#endif
