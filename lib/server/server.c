/* SPDX-License-Identifier: MIT
 *
 * server.c - a server's start and end, and what it says of itself.
 */
#include "server/server.h"
#include "base/cold.h"
#include "base/sized.h"

#include "core/client_input.h"
#include "core/connect.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/socket.h"
#include "http/client.h"
#include "net/listener.h"
#include "server/limits.h"
#include "server/routing.h"
#include <inttypes.h>
#include <sio/version.h>

/* ---- the end --------------------------------------------------------------------------- */

static void free_server(struct core *core) {
  sio_server *srv = container_of(core, sio_server, core);
  sio__core_clear(core);
  sio__options_clear(&srv->opts);
  sio__free(srv);
}

static void close_adapters(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));) sio__nsp_close(nsp);
}

static void free_compressors(sio_server *srv) {
  sio__ws_pool_free(srv->ws.recv.pool);
  sio__deflater_free(srv->ws.deflate.deflater);
  sio__deflater_free(srv->deflater);
}

static void on_loop_closing(struct loop *l) {
  LOG(l->log, SIO_LOG_INFO, SIO_ROOM_SIO, "the server has closed");
}

/* Nothing of us is on the host's loop any more. Handles that the host keeps keep the shell. */
static void on_loop_closed(struct loop *l) {
  sio_server *srv = container_of(l, sio_server, core.loop);
  void (*done)(void *) = srv->done, (*drained)(void *) = srv->drain.done;
  void *user = srv->done_user, *drain_user = srv->drain.user;
  sio__eio_group_clear(&srv->engines);
  sio__routing_clear(srv);
  sio__limits_clear(srv);
  free_compressors(srv);
  close_adapters(srv);
  sio__hooks_clear(&srv->core.new_nsp);
  sio__decode_scratch_clear(&srv->core.scratch);
  /* What was cleared just now went back to the pool. */
  sio__msgs_clear(&srv->core.loop.msgs);
  sio__core_unref(&srv->core);
  if (drained) drained(drain_user);
  if (done) done(user);
}

/* Whose peer has not answered in time: WebSockets, too, that began to close before the server. */
static void fail_all_connections(struct loop *l) {
  struct list *it;
  while ((it = list_first(&l->conns)))
    sio__conn_fail(container_of(it, struct conn, link), SIO_ETIMEOUT);
}

static void on_shutdown_timeout(struct timer *t) {
  sio_server *srv = container_of(t, sio_server, hurry);
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_ROOM_SIO, "the server closes: %u connections are cut",
      srv->core.loop.nconns);
  sio__http_close(&srv->http);
  fail_all_connections(&srv->core.loop);
}

static void stop_adapters(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));) {
    sio__queries_close(nsp);
    if (nsp->ops->shut) nsp->ops->shut(nsp->adapter);
  }
}

static void on_close_task(struct task *t) {
  sio_server *srv = container_of(t, sio_server, shut);
  stop_adapters(srv);
  sio__eio_close_all(&srv->engines, SIO_REASON_SERVER_SHUTTING_DOWN);
  sio__routing_close(srv);
  sio__loop_start_timer(&srv->core.loop, &srv->hurry, srv->opts.o.shutdown_timeout_ms);
}

static void stop_listening(sio_server *srv) {
  struct list *it;
  while ((it = list_pop(&srv->listeners)))
    sio__listener_stop(container_of(it, struct listener, link));
}

/* Their callbacks come at the end of the turn. The peers are told by the closing connection. */
static void disconnect_all_sockets(sio_server *srv) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));)
    while (nsp->nmembers)
      sio__socket_start_leaving(nsp->members[nsp->nmembers - 1], SIO_REASON_SERVER_SHUTTING_DOWN);
}

int sio_server_close(sio_server *srv, void (*done)(void *user), void *user) {
  if (srv->core.closing || loop_refuses_room_change(&srv->core.loop, "sio_server_close()"))
    return SIO_ESTATE;
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_ROOM_SIO,
      "the server closes: %u connections, %" PRIu64 " sockets", srv->core.loop.nconns,
      srv->core.stats.sockets);
  srv->core.closing = true;
  srv->done = done;
  srv->done_user = user;
  sio__drain_stop(srv);
  stop_listening(srv);
  disconnect_all_sockets(srv);
  sio__loop_defer(&srv->core.loop, &srv->shut);
  sio__loop_close(&srv->core.loop, on_loop_closed);
  return 0;
}

/* ---- the start ---------------------------------------------------------------------------- */

static void init_server_parts(sio_server *srv) {
  sio__core_init(&srv->core, &srv->opts.o, free_server);
  sio__eio_group_init(&srv->engines);
  sio__eio_update_log_level(&srv->engines, &srv->core.log);
  list_init(&srv->listeners);
  task_init(&srv->shut, on_close_task);
  timer_init(&srv->hurry, on_shutdown_timeout);
  sio__drain_init(srv);
}

static int open_http_compression(sio_server *srv) {
  if (srv->opts.o.no_http_compression || !sio__deflate_is_available()) return 0;
  srv->deflater = sio__deflater_new(&(struct deflate_settings){ 0 });
  return srv->deflater ? 0 : UV_ENOMEM;
}

static int open_ws_compression(sio_server *srv) {
  const sio_deflate *d = srv->opts.o.per_message_deflate;
  if (!d) return 0;
  struct deflate_settings how = { d->level, d->window_bits, d->mem_level };
  srv->ws.deflate = (struct ws_deflate){ .deflater = sio__deflater_new(&how),
                                         .threshold = d->threshold,
                                         .window_bits = (unsigned)d->window_bits };
  return srv->ws.deflate.deflater ? 0 : UV_ENOMEM;
}

/* What can fail before the loop knows of us. */
static int prepare_server(sio_server *srv) {
  sio_nsp *root;
  srv->ws.recv.pool = sio__ws_pool_new();
  int err = srv->ws.recv.pool ? open_http_compression(srv) : UV_ENOMEM;
  if (!err) err = open_ws_compression(srv);
  return err ? err : sio_of(srv, "/", &root);
}

/* Later than this a deadline says more about us than about a peer. */
static unsigned stall_threshold_ms(const sio_options *o) {
  unsigned ms = o->ping_timeout_ms / 2;
  return ms < 100 ? 100 : ms > 1000 ? 1000 : ms;
}

static void on_stall(struct loop *l, uint64_t ms) {
  sio_server *srv = container_of(l, sio_server, core.loop);
  srv->core.stats.stalls++;
  LOG(&srv->core.log, SIO_LOG_WARN, SIO_ROOM_SIO, "the loop was blocked for %" PRIu64 " ms", ms);
}

static int start_loop(sio_server *srv, struct uv_loop_s *uv) {
  int err = sio__loop_init(&srv->core.loop, uv, &srv->core.log);
  if (err) return err;
  srv->core.loop.high_water = srv->opts.o.high_water;
  srv->core.loop.stall_ms = stall_threshold_ms(&srv->opts.o);
  srv->core.loop.stalled = on_stall;
  srv->core.loop.ending = on_loop_closing;
  srv->ws.loop = &srv->core.loop;
  srv->ws.log = &srv->core.log;
  srv->ws.close_ms = srv->opts.o.close_timeout_ms;
  sio__limits_init(srv);
  sio__routing_init(srv);
  return 0;
}

static void discard_server(sio_server *srv) {
  sio__log_deliver_lines(&srv->core.log);
  close_adapters(srv);
  free_compressors(srv);
  sio__core_unref(&srv->core);
}

static int check_options(struct options *opts, struct log *log, const sio_options *in,
                         size_t size) {
  sio_options o;
  int err = sio__sized_copy(&o, sizeof o, in, size);
  int level = o.log_level ? o.log_level : SIO_LOG_WARN;
  sio__log_init(log, o.log, o.log_user, level);
  if (!err) return sio__options_init(opts, &o, log);
  LOG(log, SIO_LOG_ERROR, SIO_ROOM_SIO,
      "sio_options holds a field that this library is too old for");
  return err;
}

static int init_engine(sio_server *srv) {
  return sio__eio_init(&srv->eio, &(struct eio_plan){ .group = &srv->engines,
                                                      .loop = &srv->core.loop,
                                                      .log = &srv->core.log,
                                                      .opts = &srv->opts.o,
                                                      .ws = &srv->ws,
                                                      .ops = &sio__client_ops,
                                                      .owner = srv,
                                                      .stats = &srv->core.stats });
}

/* It ends in the loop's next turn, and the host knows nothing of it: it must not be called then. */
static COLD void close_unstarted_server(sio_server *srv) {
  sio__log_deliver_lines(&srv->core.log);
  srv->core.log.cb = NULL;
  sio_server_close(srv, NULL, NULL);
}

static int server_new(sio_server **out, struct uv_loop_s *uv, const sio_options *opts,
                      size_t size) {
  sio_server *srv = sio__calloc(1, sizeof *srv);
  if (!srv) return UV_ENOMEM;
  int err = check_options(&srv->opts, &srv->core.log, opts, size);
  if (err) {
    sio__log_deliver_lines(&srv->core.log);
    sio__free(srv);
    return err;
  }
  init_server_parts(srv);
  err = prepare_server(srv);
  if (!err) err = start_loop(srv, uv);
  if (err) {
    discard_server(srv);
    return err;
  }
  *out = srv;
  /* From here on the loop holds handles of ours: an end takes a turn. */
  err = init_engine(srv);
  srv->opts.o.initial_packet = slice(NULL, 0); /* the host's, and encoded now */
  if (err) close_unstarted_server(srv);
  return err;
}

int sio_server_new_sized(sio_server **out, struct uv_loop_s *loop, const sio_options *opts,
                         size_t opts_size) {
  if (!out || !loop) return UV_EINVAL;
  int err = server_new(out, loop, opts, opts_size);
  if (err) {
    *out = NULL;
    return err;
  }
  sio_server *srv = *out;
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_ROOM_SIO,
      "libsio %s, libuv %s; path %s, ping every %u ms, at most %zu bytes a message, client %s",
      sio_version(), uv_version_string(), srv->opts.o.path, srv->opts.o.ping_interval_ms,
      srv->opts.o.max_payload, sio__client_assets_count ? sio__client_version : "not built in");
  sio__log_deliver_lines(&srv->core.log);
  return 0;
}

/* ---- what else a host asks of it ------------------------------------------------------------- */

struct post {
  sio_server *server;
  void (*fn)(sio_server *srv, void *arg);
  void *arg;
};

static void run_posted_call(void *arg) {
  struct post p = *(struct post *)arg;
  sio__free(arg);
  p.fn(p.server, p.arg);
}

int sio_post(sio_server *srv, void (*fn)(sio_server *srv, void *arg), void *arg) {
  struct post *p = fn ? sio__malloc(sizeof *p) : NULL;
  if (!p) return fn ? UV_ENOMEM : UV_EINVAL;
  *p = (struct post){ .server = srv, .fn = fn, .arg = arg };
  int err = sio__loop_post(&srv->core.loop, run_posted_call, p);
  if (err) sio__free(p);
  return err;
}

struct uv_loop_s *sio_server_loop(const sio_server *srv) {
  return srv->core.loop.uv;
}
void *sio_server_data(const sio_server *srv) { return srv->data; }
void sio_server_set_data(sio_server *srv, void *data) { srv->data = data; }

int sio_log_set(sio_server *srv, const char *spec) {
  int err = sio__log_set_levels(&srv->core.log, spec);
  sio__eio_update_log_level(&srv->engines, &srv->core.log);
  return err;
}

int sio_log_flush(sio_server *srv) {
  if (srv->core.log.busy || loop_refuses_room_change(&srv->core.loop, "sio_log_flush()"))
    return SIO_ESTATE;
  sio__log_deliver_lines(&srv->core.log);
  return 0;
}
