/* SPDX-License-Identifier: MIT
 *
 * plain_ws.h - WebSockets that speak the host's own protocol, on their own path.
 */
#ifndef SIO_EIO_PLAIN_WS_H
#define SIO_EIO_PLAIN_WS_H

#include "eio/eio.h"

/* One route's endpoint; the server owns it. */
struct plain_ws {
  struct list link;  /* the server's         */
  struct list peers; /* sio_ws.link          */
  struct eio *eio;   /* its limits hold here too */
  sio_ws_callbacks cbs;
  const char **protocols; /* cbs.protocols, copied in one block; NULL: it has none */
  void *user;
};

/* 0, UV_EINVAL (a time is too long, a protocol's name is no token), UV_ENOMEM. */
int sio__plain_ws_new(struct plain_ws **out, struct eio *e, const sio_ws_callbacks *cbs,
                      void *user);
void sio__plain_ws_upgrade(sio_request *r, void *endpoint); /* a route's upgrade callback */
void sio__plain_ws_close_all(struct plain_ws *e);           /* 1001 to every peer          */
void sio__plain_ws_free(struct plain_ws *e);                /* after its peers are gone    */

#endif
