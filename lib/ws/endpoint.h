/* SPDX-License-Identifier: MIT
 *
 * endpoint.h - WebSocket routes that speak a protocol of the host, beside Socket.IO.
 */
#ifndef SIO_WS_ENDPOINT_H
#define SIO_WS_ENDPOINT_H

#include "net/meter.h"
#include "ws/conn.h"
#include <sio/http.h>

/* State shared by all endpoints of a server. */
struct endpoint_shared {
  struct ws_shared *ws;
  const sio_options *opts; /* max_queued and allowed_origins apply here, too */
  sio_stats *stats;
  struct addr_limits *addr_limits; /* never NULL; contains no limits if the host has set none */
  const struct meter_settings *meters;
};

/* The endpoint of one route, owned by the server. */
struct endpoint {
  struct list link;  /* in the server's list */
  struct list peers; /* the peers whose WebSocket has not ended: sio_ws.link */
  const struct endpoint_shared *shared;
  sio_ws_callbacks cbs;
  const char **protocols; /* a copy of cbs.protocols in one block; NULL if that is NULL */
  void *user;
};

/* Returns 0, UV_ENOMEM, or UV_EINVAL if a ping time is too long or the name of a subprotocol is
 * not a token. */
int sio__endpoint_new(struct endpoint **out, const struct endpoint_shared *shared,
                      const sio_ws_callbacks *cbs, void *user);
/* the route's upgrade callback */
void sio__endpoint_accept_or_refuse_upgrade(sio_request *r, void *endpoint);
/* Starts the closing handshake, with code 1001, with every peer whose WebSocket is open. */
void sio__endpoint_close_peers(struct endpoint *e);
void sio__endpoint_free(struct endpoint *e); /* call this after the last peer has ended */

#endif
