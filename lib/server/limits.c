/* SPDX-License-Identifier: MIT
 *
 * limits.c - from options to the door, and from the door to the host.
 */
#include "server/limits.h"
#include <unistd.h>

static void on_refused(struct door *g, const sio_rejection *r) {
  sio_server *srv = container_of(g, sio_server, door);
  if (srv->refused) srv->refused(srv, r, srv->refused_user);
}

static void on_limited(void *server, const sio_limited *l) {
  sio_server *srv = server;
  if (srv->limited) srv->limited(srv, l, srv->limited_user);
}

void sio__limits_init(sio_server *srv) {
  const sio_options *o = &srv->opts.o;
  sio__door_init(&srv->door, &srv->core.loop, &srv->core.log);
  srv->door.rate = (struct rate){ o->connects_per_s, o->connects_burst };
  srv->door.max_open = o->max_per_address;
  srv->door.max_visitors = o->max_addresses;
  srv->door.trusted = srv->opts.trusted;
  srv->door.tell = on_refused;
  srv->engines.door = &srv->door;
  srv->engines.meters = (struct meter_how){ .loop = &srv->core.loop,
                                            .door = &srv->door,
                                            .stats = &srv->core.stats,
                                            .packets = { o->packets_per_s, o->packets_burst },
                                            .bytes = { o->bytes_per_s, o->bytes_burst },
                                            .closes = o->when_limited == SIO_LIMITED_CLOSE,
                                            .tell = on_limited,
                                            .owner = srv };
}

void sio__limits_clear(sio_server *srv) { sio__door_clear(&srv->door); }

void sio__limits_full(sio_server *srv, int fd) {
  char text[ADDR_TEXT];
  struct addr a = sio__addr_of_peer(fd);
  close(fd);
  sio__door_refused(&srv->door, SIO_REJECT_CONNECTIONS, sio__addr_text(&a, text),
                    "as many connections as max_connections are open");
}

/* ---- public ------------------------------------------------------------------------------ */

void sio_on_reject(sio_server *srv, sio_reject_cb cb, void *user) {
  srv->refused = cb;
  srv->refused_user = user;
}

void sio_on_limited(sio_server *srv, sio_limited_cb cb, void *user) {
  srv->limited = cb;
  srv->limited_user = user;
}
