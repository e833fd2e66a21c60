/* SPDX-License-Identifier: MIT
 *
 * server.h - everything of one server in one struct: the rooms below, and what all namespaces
 * share.
 *
 * Its memory goes with the last reference: one is the server's own, until it has closed; each
 * socket handle and each reference to a namespace holds one.
 */
#ifndef SIO_SIO_SERVER_H
#define SIO_SIO_SERVER_H

#include "eio/eio.h"
#include "http/routes.h"
#include "sio/hooks.h"
#include "sio/options.h"
#include "sio/packet.h"

struct sio_server {
  struct log log;
  size_t refs;
  bool closing;
  uint32_t nchildren;        /* of all parents                    */
  struct deflater *deflater; /* HTTP's; NULL: off                 */
  struct list listeners;     /* struct listener                   */
  struct loop loop;
  struct options opts;
  struct http http;
  struct door door;
  struct ws_shared ws;
  struct eio_group engines;
  struct eio eio; /* Socket.IO's own of them */
  struct routes routes;
  struct http_mount client_mount; /* socket.io.js and its kin          */
  struct packed *client_packed;   /* their compressed forms, in order; NULL until asked for */
  struct list plain_ws;           /* struct plain_ws                   */
  struct map nsps;                /* sio_nsp by name; of them only children leave */
  struct map nsp_shares;          /* struct nsp_share, by address       */
  struct hooks parents;           /* user: a sio_nsp with a brood      */
  struct hooks new_nsp;
  struct decode_scratch scratch;
  struct decoder_limits limits;
  struct decoder_limits unjoined_limits; /* for those who have joined no namespace */
  struct map deadlines;                  /* struct deadline, by the socket's id */
  struct list leaving;                   /* sio_socket.leaving: disconnect callbacks owed */
  struct task finish_leaving;
  struct list welcomed; /* sio_socket.leaving: CONNECT was answered in this turn */
  struct task forget_welcomed;
  struct task shut;   /* the closing, past the call that asked for it  */
  struct timer hurry; /* when waiting for answers ends                 */
  struct drain {
    struct timer timer;
    uint64_t sessions, spread_ms;             /* when it began */
    uint64_t spread_until, deadline, stepped; /* loop time */
    void (*done)(void *user);
    void *user;
  } drain;
  sio_stats stats;
  sio_reject_cb refused;
  sio_limited_cb limited;
  void *refused_user, *limited_user;
  void *data;
  void (*done)(void *user);
  void *done_user;
};

static inline void sio__server_ref(sio_server *srv) { srv->refs++; }
void sio__server_unref(sio_server *srv);

void sio__drain_init(sio_server *srv);
void sio__drain_stop(sio_server *srv);

#endif
