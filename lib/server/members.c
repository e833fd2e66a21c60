/* SPDX-License-Identifier: MIT
 *
 * members.c - makes a server a member of a group of servers on several threads, hands over open
 * connections to other members, and runs calls of the host on all of them. An open connection is
 * handed over if a request on it belongs to a session of another member (eio/handshake.c). New
 * connections are distributed in connections.c.
 */
#include "server/members.h"
#include "adapters/threads.h"
#include "core/nsp.h"
#include "http/hand_over.h"

/* ---- handing over ---------------------------------------------------------------------- */

/* Counts and logs a connection that could not be handed over to another member, or that could not
 * be served by the member to which it was handed over. Does not count it if err is SIO_ECLOSED:
 * then the server that should serve it is closing. */
static void count_and_log_lost_handed_over_conn(sio_server *srv, int err) {
  if (err == SIO_ECLOSED) {
    LOG(&srv->core.log, SIO_LOG_DEBUG, SIO_PART_NET,
        "a connection is closed: the server of its session is closing");
    return;
  }
  srv->core.stats.thread_messages_lost++;
  LOG_RATED(&srv->core.log, SIO_LOG_WARN, SIO_PART_NET, LOG_THREAD_MESSAGE_LOST, NULL,
            "a connection cannot be handed over to the server of another thread and is closed: %s",
            sio_strerror(err));
}

static void serve_handed_over_connection(void *server, void *arg) {
  sio_server *srv = server;
  struct http_conn_transfer *t = arg;
  if (srv->core.closing) {
    sio__http_conn_transfer_discard(t);
    return;
  }
  int err = sio__http_serve_transferred_conn(&srv->http, t);
  if (err && err != SIO_ELIMIT) count_and_log_lost_handed_over_conn(srv, err);
}

/* Hands over the connection of a request to the member that has the session of the request. If that
 * is not possible, the connection is closed; the client can connect again. */
static void hand_over_conn_of_request_to_thread(struct eio_group *g, sio_request *r,
                                                struct member_id to) {
  sio_server *srv = container_of(g, sio_server, engines);
  struct http_conn_transfer *t;
  if (sio__request_detach_conn_for_other_server(r, &t)) {
    sio__request_close_without_answer(r);
    return;
  }
  int err = sio__threads_send(srv->core.threads, to, serve_handed_over_connection, t,
                              sio__http_conn_transfer_memory_size(t));
  if (!err) {
    srv->core.stats.connections_handed_over++;
    return;
  }
  sio__http_conn_transfer_discard(t);
  count_and_log_lost_handed_over_conn(srv, err);
}

/* ---- membership ---------------------------------------------------------------------------- */

/* The adapter of the cluster keeps the lost sockets of all members, so all members need the same
 * max_disconnection_ms. */
static void log_that_recovery_differs_between_threads(struct log *log, const char *where) {
  LOG(log, SIO_LOG_ERROR, SIO_PART_SIO,
      "%s: with this adapter of sio_threads_set_adapter(), all threads need the same "
      "recovery.max_disconnection_ms",
      where);
}

int sio__server_become_member_of_threads(sio_server *srv) {
  sio_threads *t = srv->opts.o.threads;
  const sio_recovery *recovery = srv->opts.o.recovery;
  struct member_id id;
  if (!t) return 0;
  int err = sio__threads_add_member(t, &srv->core.loop, srv,
                                    recovery ? recovery->max_disconnection_ms : 0, &id);
  if (err == UV_EINVAL)
    log_that_recovery_differs_between_threads(&srv->core.log, "sio_options.recovery");
  if (err) return err;
  srv->core.threads = srv->engines.threads = t;
  srv->core.member = srv->engines.member = id;
  srv->engines.hand_over = hand_over_conn_of_request_to_thread;
  srv->addr_limits.table = &t->addresses;
  uv_ref((uv_handle_t *)&srv->core.loop.wake);
  return 0;
}

void sio__server_end_membership_in_threads(sio_server *srv) {
  if (srv->core.threads) sio__threads_remove_member(srv->core.threads, srv->core.member);
}

void sio__server_mark_draining_in_threads(sio_server *srv) {
  if (srv->core.threads) sio__threads_set_draining(srv->core.threads, srv->core.member);
}

void sio__server_free_slot_in_threads(sio_server *srv) {
  if (srv->core.threads) sio__threads_free_member_slot(srv->core.threads, srv->core.member);
}

/* ---- the adapter of a cluster -------------------------------------------------------------- */

/* True also for sockets that are not connected: those that wait in middleware and those whose
 * disconnect callbacks have still to run may be in rooms. */
static bool has_namespace_with_sockets(const sio_server *srv) {
  const sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));)
    if (nsp->nsockets) return true;
  return false;
}

static int connect_namespaces_to_cluster_adapter(sio_server *srv, const sio_adapter_ops *ops,
                                                 void *user) {
  sio_nsp *nsp;
  int err = 0;
  for (uint32_t i = 0; !err && (nsp = sio__map_next(&srv->core.nsps, &i));)
    err = sio__threads_adapter_replace_adapter_below(nsp, ops, user);
  return err;
}

int sio_threads_set_adapter(sio_server *srv, const sio_adapter_ops *adapter, void *user) {
  struct core *core = &srv->core;
  if (!core->threads || !adapter || (adapter->size && adapter->size < sizeof *adapter))
    return UV_EINVAL;
  if ((adapter->flags & SIO_ADAPTER_RECOVERS) && (!adapter->persist || !adapter->restore))
    return UV_EINVAL;
  if (core->closing) return SIO_ECLOSED;
  if (has_namespace_with_sockets(srv)) return SIO_ESTATE;
  bool recovers = core->opts->recovery && (adapter->flags & SIO_ADAPTER_RECOVERS);
  int err = sio__threads_set_cluster_member(core->threads, core->member, recovers);
  if (err == UV_EINVAL)
    log_that_recovery_differs_between_threads(&core->log, "sio_threads_set_adapter()");
  if (err) return err;
  sio__threads_set_cluster_adapter_of_core(core, adapter, user);
  return connect_namespaces_to_cluster_adapter(srv, adapter, user);
}

/* ---- posting to all ------------------------------------------------------------------------ */

struct posted_call {
  void (*fn)(sio_server *srv, void *arg);
  void *arg;
};

static void run_posted_call_on_thread_server(void *server, void *arg) {
  struct posted_call *c = arg;
  c->fn(server, c->arg);
  sio__free(c);
}

static int post_host_call_to_server_of_thread(sio_threads *t, struct member_id to,
                                              struct posted_call call) {
  struct posted_call *c = sio__malloc(sizeof *c);
  if (!c) return UV_ENOMEM;
  *c = call;
  int err = sio__threads_send(t, to, run_posted_call_on_thread_server, c, sizeof *c);
  if (err) sio__free(c);
  return err;
}

int sio_threads_post(sio_threads *t, void (*fn)(sio_server *srv, void *arg), void *arg,
                     unsigned *count) {
  struct member_id all[MEMBERS_MAX];
  unsigned sent = 0;
  if (!t || !fn) return UV_EINVAL;
  unsigned n = sio__threads_list_other_members(t, (struct member_id){ MEMBERS_MAX, 0 }, all);
  int err = n ? 0 : SIO_ECLOSED;
  for (unsigned i = 0; i < n; i++) {
    int failed = post_host_call_to_server_of_thread(t, all[i], (struct posted_call){ fn, arg });
    sent += !failed;
    if (!err) err = failed;
  }
  if (count) *count = sent;
  return err;
}
