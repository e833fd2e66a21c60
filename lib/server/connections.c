/* SPDX-License-Identifier: MIT
 *
 * connections.c - serves a connection that was accepted. If the server is one of several on
 * different threads (sio_options.threads), a connection that its listener has accepted is given to
 * one of them that has few connections, before anything is read from it.
 */
#include "server/connections.h"
#include "http/serve.h"
#include "server/limits.h"
#include <unistd.h>

/* Returns the number of connections to which max_connections applies. Servers of the same
 * sio_threads have this limit in common, so their connections are added up. */
static unsigned count_connections_for_max_connections(const sio_server *srv) {
  return srv->core.threads ? sio__threads_count_conns(srv->core.threads) : srv->core.loop.nconns;
}

int sio__serve_or_reject_connection(sio_server *srv, int fd, const sio_tls *tls) {
  unsigned max = srv->opts.o.max_connections;
  if (max && count_connections_for_max_connections(srv) >= max) {
    sio__close_and_report_conn_over_max_conns(srv, fd);
    return SIO_ETOOBIG;
  }
  int err = sio__http_serve_accepted_socket(&srv->http, fd, tls);
  if (!err || err == SIO_ELIMIT) return err;
  srv->core.stats.connections_refused++;
  LOG_RATED(&srv->core.log, SIO_LOG_ERROR, SIO_PART_NET, LOG_NO_MEMORY, NULL,
            "a new connection cannot be served and is closed: %s", sio_strerror(err));
  return err;
}

/* ---- new connections ----------------------------------------------------------------------- */

struct placed_connection {
  int fd;
  const sio_tls *tls;
};

static void serve_connection_from_other_thread(void *server, void *arg) {
  sio_server *srv = server;
  struct placed_connection *p = arg;
  sio__threads_uncount_arriving_conn(srv->core.threads, srv->core.member);
  if (srv->core.closing)
    close(p->fd);
  else
    sio__serve_or_reject_connection(srv, p->fd, p->tls);
  sio__free(p);
}

static int send_accepted_connection_to_thread(sio_server *srv, struct member_id to, int fd,
                                              const sio_tls *tls) {
  struct placed_connection *p = sio__malloc(sizeof *p);
  if (!p) return UV_ENOMEM;
  *p = (struct placed_connection){ fd, tls };
  int err =
      sio__threads_send(srv->core.threads, to, serve_connection_from_other_thread, p, sizeof *p);
  if (err) sio__free(p);
  return err;
}

void sio__serve_connection_on_least_loaded_thread(sio_server *srv, int fd, const sio_tls *tls) {
  sio_threads *t = srv->core.threads;
  if (!t) {
    sio__serve_or_reject_connection(srv, fd, tls);
    return;
  }
  struct member_id to = sio__threads_choose_member_and_count_arriving(t, srv->core.member);
  bool is_self = to.place == srv->core.member.place;
  if (!is_self && send_accepted_connection_to_thread(srv, to, fd, tls) == 0) return;
  sio__threads_uncount_arriving_conn(t, to);
  sio__serve_or_reject_connection(srv, fd, tls);
}
