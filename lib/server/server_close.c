/* SPDX-License-Identifier: MIT
 *
 * server_close.c - sio_server_close(), which closes a server in three steps. At once, it accepts
 * nothing new, and all sockets are disconnected. At the end of the loop's turn, sessions and routes
 * are closed. When the peers have answered, or after shutdown_timeout_ms, the connections are
 * closed and the parts of the server are freed.
 */
#include "server/server_close.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/socket.h"
#include "http/serve.h"
#include "net/listener.h"
#include "server/drain.h"
#include "server/gather.h"
#include "server/limits.h"
#include "server/members.h"
#include "server/routing.h"

void sio__server_free(struct core *core) {
  sio_server *srv = container_of(core, sio_server, core);
  sio__core_clear(core);
  sio__options_clear(&srv->opts);
  sio__free(srv);
}

void sio__server_close_adapters_and_recovery(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));)
    sio__nsp_close_adapter_and_recovery(nsp);
}

void sio__server_free_compressors(sio_server *srv) {
  sio__ws_frame_parser_pool_free(srv->ws.recv.pool);
  sio__deflater_free(srv->ws.deflate.deflater);
  sio__deflater_free(srv->deflater);
}

typedef void (*server_ended_cb)(void *user);

static void run_host_callbacks_on_server_ended(sio_server *srv) {
  HOOKS_EACH(k, walk, &srv->ended)((server_ended_cb)k->fn)(k->user);
}

/* Called when the server has no handles on the uv loop any more. Frees the parts of the server. The
 * struct itself is freed later if the program still holds references to sockets or namespaces. */
static void free_parts_and_call_done_on_loop_closed(struct loop *l) {
  sio_server *srv = container_of(l, sio_server, core.loop);
  void (*done)(void *) = srv->done, (*drained)(void *) = srv->drain.done;
  void *user = srv->done_user, *drain_user = srv->drain.user;
  sio__eio_group_free_engines_and_hooks(&srv->engines);
  sio__routing_clear_http_and_routes(srv);
  sio__limits_clear(srv);
  sio__server_free_compressors(srv);
  sio__server_close_adapters_and_recovery(srv);
  run_host_callbacks_on_server_ended(srv);
  sio__hooks_clear(&srv->closing);
  sio__hooks_clear(&srv->ended);
  sio__hooks_clear(&srv->core.new_nsp);
  sio__hooks_clear(&srv->core.removed_nsp);
  sio__decode_scratch_clear(&srv->core.scratch);
  sio__server_free_slot_in_threads(srv);
  /* This must come after the parts of the server were freed, because freeing them returns messages
   * to this pool. */
  sio__msg_allocator_clear(&srv->core.loop.msgs);
  sio__core_unref(&srv->core);
  if (drained) drained(drain_user);
  if (done) done(user);
}

/* Closes all connections that are still open after shutdown_timeout_ms, also WebSockets that began
 * to close before the server did. */
static void close_all_connections_as_timed_out(struct loop *l) {
  struct list *it;
  while ((it = list_first(&l->conns)))
    sio__conn_fail(container_of(it, struct conn, link), SIO_ETIMEOUT);
}

static void close_connections_on_shutdown_timeout(struct timer *t) {
  sio_server *srv = container_of(t, sio_server, shutdown_timer);
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_PART_SIO,
      "shutdown_timeout_ms is over: %u connections are still open and are closed now",
      srv->core.loop.nconns);
  sio__http_close_all_conns_and_abort_requests(&srv->http);
  close_all_connections_as_timed_out(&srv->core.loop);
}

static void end_queries_and_stop_adapters(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));) {
    sio__queries_end_all_of_nsp(nsp);
    if (nsp->ops->shut) nsp->ops->shut(nsp->adapter);
  }
}

static void close_sessions_and_routes_task(struct task *t) {
  sio_server *srv = container_of(t, sio_server, close_task);
  sio__finish_incomplete_stats_sums(srv);
  end_queries_and_stop_adapters(srv);
  sio__eio_close_all_sessions(&srv->engines, SIO_REASON_SERVER_SHUTTING_DOWN);
  sio__routing_close_ws_peers_and_drain_http(srv);
  sio__loop_start_timer(&srv->core.loop, &srv->shutdown_timer, srv->opts.o.shutdown_timeout_ms);
}

static void stop_listening(sio_server *srv) {
  struct list *it;
  while ((it = list_take_first(&srv->listeners)))
    sio__listener_close(container_of(it, struct listener, link));
}

/* Disconnects all connected sockets; their disconnect callbacks run later. The clients are sent no
 * DISCONNECT packets, because their connections are closed, too. */
static void disconnect_all_sockets(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));)
    while (nsp->nmembers)
      sio__socket_start_leaving(nsp->members[nsp->nmembers - 1], SIO_REASON_SERVER_SHUTTING_DOWN);
}

typedef void (*server_close_cb)(sio_server *srv, void *user);

int sio_on_close(sio_server *srv, server_close_cb begin, server_ended_cb ended, void *user) {
  if (!begin) return UV_EINVAL;
  int err = ended ? sio__hooks_add(&srv->ended, (hook_fn)ended, user) : 0;
  if (!err) err = sio__hooks_add(&srv->closing, (hook_fn)begin, user);
  if (err && ended) (void)sio__hooks_remove(&srv->ended, (hook_fn)ended, user);
  return err;
}

static void run_host_callbacks_on_server_closing(sio_server *srv) {
  HOOKS_EACH(k, walk, &srv->closing)((server_close_cb)k->fn)(srv, k->user);
}

int sio_server_close(sio_server *srv, void (*done)(void *user), void *user) {
  if (srv->core.closing ||
      loop_refuse_call_inside_observer_callback(&srv->core.loop, "sio_server_close()"))
    return SIO_ESTATE;
  sio__server_end_membership_in_threads(srv);
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_PART_SIO,
      "the server closes; open now: %u connections, %llu sockets", srv->core.loop.nconns,
      (unsigned long long)srv->core.stats.sockets);
  srv->core.closing = true;
  srv->done = done;
  srv->done_user = user;
  sio__drain_timer_stop(srv);
  stop_listening(srv);
  disconnect_all_sockets(srv);
  sio__loop_defer(&srv->core.loop, &srv->close_task);
  sio__loop_close(&srv->core.loop, free_parts_and_call_done_on_loop_closed);
  run_host_callbacks_on_server_closing(srv);
  return 0;
}

void sio__server_init_close_task_and_hooks(sio_server *srv) {
  sio__hooks_init(&srv->closing);
  sio__hooks_init(&srv->ended);
  task_init(&srv->close_task, close_sessions_and_routes_task);
  timer_init(&srv->shutdown_timer, close_connections_on_shutdown_timeout);
}
