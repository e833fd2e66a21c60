/* SPDX-License-Identifier: MIT
 *
 * limits.c - sets the limits from the options, and calls sio_options.on_reject and on_limited.
 */
#include "server/limits.h"
#include <unistd.h>

static void call_on_reject_callback(struct addr_limits *g, const sio_rejection *r) {
  sio_server *srv = container_of(g, sio_server, addr_limits);
  const sio_options *o = &srv->opts.o;
  if (o->on_reject) o->on_reject(srv, r, o->on_reject_user);
}

static void call_on_limited_callback(void *server, const sio_limited *l) {
  sio_server *srv = server;
  const sio_options *o = &srv->opts.o;
  if (o->on_limited) o->on_limited(srv, l, o->on_limited_user);
}

void sio__set_up_limits_from_options(sio_server *srv) {
  const sio_options *o = &srv->opts.o;
  sio__addr_limits_init(&srv->addr_limits, &srv->core.loop, &srv->core.log);
  srv->addr_limits.rate = (struct rate){ o->connects_per_s, o->connects_burst };
  srv->addr_limits.request_rate = (struct rate){ o->requests_per_s, o->requests_burst };
  srv->addr_limits.max_open = o->max_per_address;
  srv->addr_limits.max_records = o->max_addresses;
  srv->addr_limits.trusted = srv->opts.trusted;
  srv->addr_limits.on_rejected = call_on_reject_callback;
  srv->engines.addr_limits = &srv->addr_limits;
  srv->engines.meters = (struct meter_settings){ .loop = &srv->core.loop,
                                                 .stats = &srv->core.stats,
                                                 .packets = { o->packets_per_s, o->packets_burst },
                                                 .bytes = { o->bytes_per_s, o->bytes_burst },
                                                 .closes = o->when_limited == SIO_LIMITED_CLOSE,
                                                 .on_limited = call_on_limited_callback,
                                                 .owner = srv };
}

void sio__limits_clear(sio_server *srv) { sio__addr_limits_clear(&srv->addr_limits); }

void sio__close_and_report_conn_over_max_conns(sio_server *srv, int fd) {
  char text[ADDR_TEXT];
  struct addr a = sio__addr_get_socket_peer(fd);
  close(fd);
  sio__addr_limits_report_refusal(&srv->addr_limits, SIO_REJECT_CONNECTIONS,
                                  sio__addr_to_text(&a, text),
                                  "max_connections connections are already open");
}
