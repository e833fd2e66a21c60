/* SPDX-License-Identifier: MIT
 *
 * server_start.c - sio_server_new(): checks the options, sets up the parts of the server in order,
 * and undoes that if one of them fails.
 */
#include "adapters/adapter_api.h"
#include "base/sized.h"
#include "core/client_input.h"
#include "core/connect.h"
#include "core/nsp.h"
#include "http/client.h"
#include "server/drain.h"
#include "server/limits.h"
#include "server/members.h"
#include "server/routing.h"
#include "server/server_close.h"
#include <sio/version.h>

static void init_server_core_engines_and_hooks(sio_server *srv) {
  sio__core_init(&srv->core, &srv->opts.o, sio__server_free);
  srv->core.adapter_api = &sio__adapter_api;
  sio__eio_group_init(&srv->engines);
  sio__eio_update_packet_tracing(&srv->engines, &srv->core.log);
  list_init(&srv->listeners);
  list_init(&srv->gathers);
  sio__server_init_close_task_and_hooks(srv);
  sio__drain_timer_init(srv);
}

static int create_http_compressor_if_enabled(sio_server *srv) {
  if (srv->opts.o.no_http_compression || !sio__deflate_is_available()) return 0;
  srv->deflater = sio__deflater_new(&(struct deflate_settings){ 0 });
  return srv->deflater ? 0 : UV_ENOMEM;
}

static int create_ws_compressor_if_enabled(sio_server *srv) {
  const sio_deflate *d = srv->opts.o.per_message_deflate;
  if (!d) return 0;
  struct deflate_settings how = { d->level, d->window_bits, d->mem_level };
  srv->ws.deflate = (struct ws_deflate){ .deflater = sio__deflater_new(&how),
                                         .threshold = d->threshold,
                                         .window_bits = (unsigned)d->window_bits };
  return srv->ws.deflate.deflater ? 0 : UV_ENOMEM;
}

/* Creates the parts of the server for which the library needs no handle on the uv loop. If one of
 * them fails, the server can be freed at once. */
static int create_compressors_and_root_nsp(sio_server *srv) {
  sio_nsp *root;
  srv->ws.recv.pool = sio__ws_frame_parser_pool_new();
  int err = srv->ws.recv.pool ? create_http_compressor_if_enabled(srv) : UV_ENOMEM;
  if (!err) err = create_ws_compressor_if_enabled(srv);
  return err ? err : sio_of(srv, "/", &root);
}

/* Returns after how many milliseconds the loop counts as blocked by the program. Packets that
 * arrived during that time are perhaps unread, so timeouts that wait for peers are then extended
 * once. */
static unsigned loop_stall_threshold_ms(const sio_options *o) {
  unsigned ms = o->ping_timeout_ms / 2;
  return ms < 100 ? 100 : ms > 1000 ? 1000 : ms;
}

static void count_and_log_loop_stall(struct loop *l, uint64_t ms) {
  sio_server *srv = container_of(l, sio_server, core.loop);
  srv->core.stats.stalls++;
  LOG(&srv->core.log, SIO_LOG_WARN, SIO_PART_SIO, "the program blocked the event loop for %llu ms",
      (unsigned long long)ms);
}

static void log_that_server_has_closed(struct loop *l) {
  LOG(l->log, SIO_LOG_INFO, SIO_PART_SIO, "the server has closed");
}

static int init_server_loop_limits_and_routing(sio_server *srv, struct uv_loop_s *uv) {
  int err = sio__loop_init(&srv->core.loop, uv, &srv->core.log);
  if (err) return err;
  srv->core.loop.high_water = srv->opts.o.high_water;
  srv->core.loop.stall_ms = loop_stall_threshold_ms(&srv->opts.o);
  srv->core.loop.stalled = count_and_log_loop_stall;
  srv->core.loop.ending = log_that_server_has_closed;
  srv->ws.loop = &srv->core.loop;
  srv->ws.log = &srv->core.log;
  srv->ws.close_ms = srv->opts.o.close_timeout_ms;
  srv->ws.message_ms = srv->opts.o.packet_timeout_ms;
  sio__set_up_limits_from_options(srv);
  sio__routing_init_http_and_routes(srv);
  return 0;
}

static void free_server_after_failed_start(sio_server *srv) {
  sio__log_deliver_lines(&srv->core.log);
  sio__server_close_adapters_and_recovery(srv);
  sio__server_free_compressors(srv);
  sio__core_unref(&srv->core);
}

static int init_log_and_check_and_copy_options(struct options *opts, struct log *log,
                                               const sio_options *in) {
  sio_options o;
  int err = sio__read_sized_struct(&o, sizeof o, in, sizeof o);
  int level = o.log_level ? o.log_level : SIO_LOG_WARN;
  sio__log_init(log, o.log, o.log_user, level);
  if (!err) return sio__options_check_and_copy(opts, &o, log);
  LOG(log, SIO_LOG_ERROR, SIO_PART_SIO,
      "sio_options: its size is less than in version 0.1, or a field of a newer version is set");
  return err;
}

static int init_socketio_engine(sio_server *srv) {
  return sio__eio_init(&srv->eio, &(struct eio_plan){ .group = &srv->engines,
                                                      .loop = &srv->core.loop,
                                                      .log = &srv->core.log,
                                                      .opts = &srv->opts.o,
                                                      .ws = &srv->ws,
                                                      .ops = &sio__client_ops,
                                                      .owner = srv,
                                                      .stats = &srv->core.stats });
}

/* Closes a server for which sio_server_new() fails. Its handles are closed in the next turn of the
 * loop; the log callback must not run then, because the program has not been given the server. */
static void mute_and_close_server_after_failed_start(sio_server *srv) {
  sio__log_deliver_lines(&srv->core.log);
  srv->core.log.cb = NULL;
  sio_server_close(srv, NULL, NULL);
}

static int server_new(struct uv_loop_s *uv, const sio_options *opts, sio_server **out) {
  sio_server *srv = sio__calloc(1, sizeof *srv);
  if (!srv) return UV_ENOMEM;
  int err = init_log_and_check_and_copy_options(&srv->opts, &srv->core.log, opts);
  if (err) {
    sio__log_deliver_lines(&srv->core.log);
    sio__free(srv);
    return err;
  }
  init_server_core_engines_and_hooks(srv);
  err = create_compressors_and_root_nsp(srv);
  if (!err) err = init_server_loop_limits_and_routing(srv, uv);
  if (err) {
    free_server_after_failed_start(srv);
    return err;
  }
  *out = srv;
  /* From here on the uv loop has handles of the server, so freeing the server takes a turn of the
   * loop. */
  err = init_socketio_engine(srv);
  /* The program may free the bytes of initial_packet when sio_server_new() has returned. They are
   * not needed any more: sio__eio_init() has made a message of them. */
  srv->opts.o.initial_packet = slice(NULL, 0);
  if (!err) err = sio__server_become_member_of_threads(srv);
  if (err) mute_and_close_server_after_failed_start(srv);
  return err;
}

int sio_server_new(struct uv_loop_s *loop, const sio_options *opts, sio_server **out) {
  if (!out || !loop) return UV_EINVAL;
  int err = server_new(loop, opts, out);
  if (err) {
    *out = NULL;
    return err;
  }
  sio_server *srv = *out;
  LOG(&srv->core.log, SIO_LOG_INFO, SIO_PART_SIO,
      "libsio %s, libuv %s; path %s, ping every %u ms, messages up to %zu bytes, client script %s",
      sio_version(), uv_version_string(), srv->opts.o.path, srv->opts.o.ping_interval_ms,
      srv->opts.o.max_payload, sio__client_assets_count ? sio__client_version : "not built in");
  sio__log_deliver_lines(&srv->core.log);
  return 0;
}
