/* SPDX-License-Identifier: MIT
 *
 * nsp.h - a namespace from inside: who is in it, and whom it tells.
 *
 * A namespace lives as long as its server. Its members, the connected sockets, stand in
 * one dense array, which is what a broadcast to everyone walks.
 */
#ifndef SIO_SIO_NSP_H
#define SIO_SIO_NSP_H

#include "base/map.h"
#include "sio/hooks.h"
#include <sio/adapter.h>
#include <sio/event.h>
#include <sio/nsp.h>

enum { NSP_NAME_MAX = 255 };

struct sio_nsp {
  sio_server *server;
  const sio_adapter_ops *ops;
  sio_adapter *adapter;
  struct recovery *recovery; /* NULL: off */
  sio_socket **members; /* connected; each knows its index */
  uint32_t nmembers, members_cap;
  struct map by_id;    /* the same, by their ids          */
  struct map handlers; /* struct handlers, by event       */
  struct hooks middleware, packet_middleware;
  struct hooks connect, disconnecting, disconnect;
  struct hooks any, outgoing, error;
  struct hooks writable, drop;
  struct hooks rooms;     /* user: a struct room_hook                    */
  struct map server_side; /* struct handlers, by event                   */
  struct list queries;    /* sio_query.link: those that are open         */
  uint32_t nqueries;
  int64_t next_ack; /* the id of the next ack that is asked for          */
  char name[];
};

sio_slice sio__nsp_key(const void *nsp);                       /* for the server's map of them */
sio_nsp *sio__nsp_find(const sio_server *srv, sio_slice name); /* as peers write it: with the '/' */
void sio__nsp_close(sio_nsp *nsp); /* lets go of the adapter; everybody has left */
void sio__nsp_free(sio_nsp *nsp);

int sio__nsp_add(sio_nsp *nsp, sio_socket *s); /* UV_ENOMEM */
void sio__nsp_remove(sio_nsp *nsp, sio_socket *s);

/* Adds to one of the maps of handlers. 0, UV_EINVAL, UV_ENOMEM. */
int sio__nsp_on(struct map *handlers, sio_slice event, hook_fn fn, void *user);

/* Running the host's callbacks. */
void sio__nsp_hear(sio_nsp *nsp, sio_event *e); /* what another server says */
void sio__nsp_handle(sio_nsp *nsp, sio_socket *s, sio_event *e, sio_slice name);
void sio__nsp_tell_any(sio_nsp *nsp, sio_socket *s, sio_event *e);
void sio__nsp_tell_connect(sio_nsp *nsp, sio_socket *s);
void sio__nsp_tell_closing(struct hooks *h, sio_socket *s, const sio_close_info *why);
void sio__nsp_tell_error(sio_nsp *nsp, sio_socket *s, int err, const char *message);
void sio__nsp_tell_writable(sio_nsp *nsp, sio_socket *s);
void sio__nsp_tell_drop(sio_nsp *nsp, sio_socket *s, const sio_drop *d);
void sio__nsp_tell_outgoing(sio_nsp *nsp, sio_socket *s, const char *event, sio_args args);

#endif
