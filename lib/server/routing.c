/* SPDX-License-Identifier: MIT
 *
 * routing.c - decides what answers a request: a file of the JavaScript client, or else an engine,
 * or else a route of the host. It also adds the host's routes.
 */
#include "server/routing.h"
#include "base/sized.h"

#include "http/admit.h"
#include "http/assets.h"
#include "http/client.h"
#include "http/cors.h"
#include "http/serve.h"
#include "server/route_log.h"
#include "ws/endpoint.h"

/* ---- the client's files ---------------------------------------------------------------- */

/* Returns the file of the JavaScript client that has this path, for example
 * "/socket.io/socket.io.js", or NULL. sio_options.path may end with '/' or not. */
static const sio_asset *find_client_bundle_file(const sio_server *srv, sio_slice path) {
  sio_slice base = slice_str(srv->opts.o.path);
  if (base.p[base.n - 1] == '/') base.n--;
  if (!slice_starts_with(path, base) || path.n == base.n || path.p[base.n] != '/') return NULL;
  sio_slice name = slice(path.p + base.n + 1, path.n - base.n - 1);
  for (size_t i = 0; i < sio__client_assets_count; i++)
    if (slice_equals_str(name, sio__client_assets[i].path)) return &sio__client_assets[i];
  return NULL;
}

/* Answers a request with a file of the JavaScript client. If there is no memory for the compressed
 * form of the file, it is sent uncompressed. */
static int send_client_bundle_file(sio_server *srv, sio_request *r, const sio_asset *file) {
  if (!srv->client_packed)
    srv->client_packed = sio__calloc(sio__client_assets_count, sizeof(struct asset_gzip));
  struct asset_gzip *p = srv->client_packed;
  return sio__asset_answer_with_file_304_or_412(r, file, file->etag, "public, max-age=0",
                                                p ? p + (file - sio__client_assets) : NULL);
}

static bool charge_client_bundle_request_or_answer_429(sio_request *r) {
  sio_server *srv = r->mount->owner;
  sio__count_request_of_address_or_answer_429(&srv->addr_limits, r);
  return true;
}

static void answer_client_bundle_request(sio_request *r) {
  sio_server *srv = r->mount->owner;
  int err = srv->opts.cors ? sio__cors_add_headers_or_answer_preflight(srv->opts.cors, r) : 0;
  if (err == 0) err = send_client_bundle_file(srv, r, find_client_bundle_file(srv, r->path));
  if (err < 0 && !r->answered) sio__request_close_without_answer(r);
}

static void ignore_aborted_client_bundle_request(sio_request *r, int err, const char *detail) {
  (void)r, (void)err, (void)detail;
}

/* ---- routing ------------------------------------------------------------------------------- */

/* Logs that a client requests Socket.IO at a path at which there is no engine. Unless the host has
 * a route for it, the client only gets status 404, so its user cannot see what is wrong. */
__attribute__((cold)) static void log_wrong_engine_path(sio_server *srv, sio_request *r) {
  LOG_RATED(&srv->core.log, SIO_LOG_WARN, SIO_PART_EIO, LOG_ENGINE_REFUSED,
            sio__request_client_address(r),
            "a client at %s requests Socket.IO at path %.*s, but sio_options.path is %s",
            sio__request_client_address(r), LOG_SLICE(r->path), srv->opts.o.path);
  r->log_reason = ""; /* the refusal of a WebSocket is not logged again */
}

static bool is_engineio_query(sio_slice query) {
  return query.n && memmem(query.p, query.n, "EIO=", 4) &&
         memmem(query.p, query.n, "transport=", 10);
}

static const struct http_mount *find_http_handler_for_request(struct http *h, sio_request *r) {
  sio_server *srv = h->owner;
  struct eio *e = sio__eio_find_engine_by_url(&srv->engines, r->url);
  bool files = !srv->opts.o.no_serve_client && !r->upgrade && (!e || e == &srv->eio);
  if (files && find_client_bundle_file(srv, r->path)) return &srv->client_mount;
  if (!e && is_engineio_query(r->query)) log_wrong_engine_path(srv, r);
  return e ? &e->mount : &srv->routes.mount;
}

static struct http_limits http_limits_from_options(const sio_options *o) {
  return (struct http_limits){
    .max_head = o->max_head,
    .max_headers = o->max_headers,
    .max_body = o->max_payload,
    .head_ms = o->head_timeout_ms,
    .tls_ms = o->tls_timeout_ms,
    .body_ms = o->body_timeout_ms,
    .keep_alive_ms = o->keep_alive_ms,
    .max_pending = o->max_pending,
  };
}

void sio__routing_init_http_and_routes(sio_server *srv) {
  struct http_limits limits = http_limits_from_options(&srv->opts.o);
  sio__http_init(&srv->http, &srv->core.loop, &srv->core.log, &limits);
  srv->core.loop.max_handshakes = srv->opts.o.max_tls_handshakes;
  srv->http.route = find_http_handler_for_request;
  srv->http.owner = srv;
  srv->http.addr_limits = &srv->addr_limits;
  srv->http.proxies = (struct proxies){ &srv->opts.trusted, srv->opts.o.proxy_protocol,
                                        srv->opts.o.forwarded == SIO_FORWARDED_RFC7239 };
  srv->http.deflater = srv->deflater;
  srv->http.compress_from = srv->opts.o.http_compression_threshold;
  srv->client_mount = (struct http_mount){ .on_head = charge_client_bundle_request_or_answer_429,
                                           .on_request = answer_client_bundle_request,
                                           .on_abort = ignore_aborted_client_bundle_request,
                                           .owner = srv };
  sio__routes_init(&srv->routes);
  srv->routes.addr_limits = &srv->addr_limits;
  list_init(&srv->endpoints);
  srv->endpoint_shared = (struct endpoint_shared){ .ws = &srv->ws,
                                                   .opts = &srv->opts.o,
                                                   .stats = &srv->core.stats,
                                                   .addr_limits = srv->engines.addr_limits,
                                                   .meters = &srv->engines.meters };
}

static struct endpoint *ws_endpoint_of_list_link(struct list *it) {
  return container_of(it, struct endpoint, link);
}

void sio__routing_close_ws_peers_and_drain_http(sio_server *srv) {
  list_each (it, tmp, &srv->endpoints) sio__endpoint_close_peers(ws_endpoint_of_list_link(it));
  sio__http_close_conns_after_answers(&srv->http);
}

static void free_client_bundle_gzips(sio_server *srv) {
  for (size_t i = 0; srv->client_packed && i < sio__client_assets_count; i++)
    sio__asset_gzip_clear(&srv->client_packed[i]);
  sio__free(srv->client_packed);
}

void sio__routing_clear_http_and_routes(sio_server *srv) {
  struct list *it;
  free_client_bundle_gzips(srv);
  sio__http_clear(&srv->http);
  sio__routes_free_all(&srv->routes);
  while ((it = list_take_first(&srv->endpoints))) sio__endpoint_free(ws_endpoint_of_list_link(it));
}

/* ---- the host's routes ---------------------------------------------------------------------- */

int sio_route(sio_server *srv, const char *method, const char *path, size_t max_body,
              sio_request_cb cb, void *user) {
  int err = sio__routes_add_callback(&srv->routes, method, path, max_body, cb, user);
  return err ? sio__log_refused_route(srv, err, method, path, cb) : 0;
}

int sio_static(sio_server *srv, const char *prefix, const char *dir) {
  return sio_static_with(srv, prefix, dir, NULL);
}

int sio_static_with(sio_server *srv, const char *prefix, const char *dir,
                    const sio_files_options *options) {
  int err = sio__routes_add_static_directory(&srv->routes, prefix, dir, options);
  return err ? sio__log_refused_static(srv, err, prefix, dir, options) : 0;
}

int sio_assets(sio_server *srv, const char *prefix, const sio_asset *table, size_t count) {
  return sio_assets_with(srv, prefix, table, count, NULL);
}

int sio_assets_with(sio_server *srv, const char *prefix, const sio_asset *table, size_t count,
                    const sio_files_options *options) {
  int err = sio__routes_add_assets(&srv->routes, prefix, table, count, options);
  return err ? sio__log_refused_assets(srv, err, prefix, table, count, options) : 0;
}

static int add_websocket_route(sio_server *srv, const char *path, const sio_ws_callbacks *cbs,
                               void *user) {
  sio_ws_callbacks ours;
  int err = cbs ? sio__read_sized_struct(&ours, sizeof ours, cbs, sizeof ours) : UV_EINVAL;
  struct endpoint *e;
  if (!err) err = sio__endpoint_new(&e, &srv->endpoint_shared, &ours, user);
  if (err) return err;
  err = sio__routes_add_websocket_upgrade(&srv->routes, path,
                                          sio__endpoint_accept_or_refuse_upgrade, e);
  if (err)
    sio__endpoint_free(e);
  else
    list_append(&srv->endpoints, &e->link);
  return err;
}

int sio_ws_route(sio_server *srv, const char *path, const sio_ws_callbacks *cbs, void *user) {
  int err = add_websocket_route(srv, path, cbs, user);
  return err ? sio__log_refused_websocket_route(srv, err, path, cbs) : 0;
}
