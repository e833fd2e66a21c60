/* SPDX-License-Identifier: MIT
 *
 * routes.c - a list walked once per request: routes are few, and a walk needs no index to be
 * kept.
 */
#include "http/routes.h"
#include "http/assets.h"
#include "http/head.h"
#include "http/static.h"
#include <sio/error.h>

struct route {
  struct list link;
  char *method; /* NULL: any */
  char *path;   /* without the '*' of a prefix; files': without the '/' at the end */
  size_t n;     /* of path */
  bool prefix, upgrade;
  size_t max_body;
  sio_request_cb cb;
  void *user;
  struct static_dir *dir;
  struct assets *assets;
};

/* ---- the table ---------------------------------------------------------------------- */

static void free_route(struct route *rt) {
  if (!rt) return;
  sio__static_close(rt->dir);
  sio__assets_free(rt->assets);
  sio__free(rt->method);
  sio__free(rt->path);
  sio__free(rt);
}

static bool serves_files(const struct route *rt) { return rt->dir || rt->assets; }

static bool same(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool taken(const struct routes *rs, const struct route *rt) {
  list_each (it, next, &rs->all) {
    const struct route *o = container_of(it, struct route, link);
    if (same(o->method, rt->method) && same(o->path, rt->path) && o->prefix == rt->prefix &&
        o->upgrade == rt->upgrade && serves_files(o) == serves_files(rt))
      return true;
  }
  return false;
}

/* "/a": exact; "/a*": a prefix. False: no pattern. */
static bool sound_path(const char *path) {
  if (!path || path[0] != '/') return false;
  const char *star = strchr(path, '*');
  return (!star || !star[1]) && !strpbrk(path, "?# ") && sio__http_value(slice_str(path));
}

static struct route *make_route(const char *method, const char *path, size_t n) {
  struct route *rt = sio__calloc(1, sizeof *rt);
  if (!rt) return NULL;
  list_init(&rt->link);
  rt->n = n;
  rt->path = sio__strndup(path, n);
  if (method) rt->method = sio__strndup(method, strlen(method));
  if (rt->path && (rt->method || !method)) return rt;
  free_route(rt);
  return NULL;
}

static int insert(struct routes *rs, struct route *rt) {
  if (taken(rs, rt)) {
    free_route(rt);
    return SIO_EEXISTS;
  }
  list_push(&rs->all, &rt->link);
  return 0;
}

static int add_cb(struct routes *rs, const char *method, const char *path, const struct route *as) {
  if (!sound_path(path) || !as->cb || (method && !sio__http_token(slice_str(method))))
    return UV_EINVAL;
  size_t n = strcspn(path, "*");
  struct route *rt = make_route(method, path, n);
  if (!rt) return UV_ENOMEM;
  rt->prefix = path[n] == '*';
  rt->upgrade = as->upgrade;
  rt->max_body = as->max_body;
  rt->cb = as->cb;
  rt->user = as->user;
  return insert(rs, rt);
}

int sio__routes_add(struct routes *rs, const char *method, const char *path, size_t max_body,
                    sio_request_cb cb, void *user) {
  struct route as = { .max_body = max_body, .cb = cb, .user = user };
  return add_cb(rs, method, path, &as);
}

int sio__routes_add_upgrade(struct routes *rs, const char *path, sio_request_cb cb, void *user) {
  struct route as = { .upgrade = true, .cb = cb, .user = user };
  return add_cb(rs, NULL, path, &as);
}

/* Files below a prefix: "/pub" and "/pub/" mean the same, "/" everything. */
static int make_files(struct route **out, const char *prefix) {
  if (!sound_path(prefix) || strchr(prefix, '*')) return UV_EINVAL;
  size_t n = strlen(prefix);
  while (n > 0 && prefix[n - 1] == '/') n--;
  *out = make_route("GET", prefix, n);
  if (!*out) return UV_ENOMEM;
  (*out)->prefix = true;
  return 0;
}

int sio__routes_add_static(struct routes *rs, const char *prefix, const char *dir) {
  struct route *rt;
  int err = make_files(&rt, prefix);
  if (err) return err;
  err = dir ? sio__static_open(&rt->dir, dir) : UV_EINVAL;
  if (!err) return insert(rs, rt);
  free_route(rt);
  return err;
}

int sio__routes_add_assets(struct routes *rs, const char *prefix, const sio_asset *table,
                           size_t count) {
  struct route *rt;
  int err = make_files(&rt, prefix);
  if (err) return err;
  err = table || !count ? sio__assets_new(&rt->assets, table, count, NULL) : UV_EINVAL;
  if (!err) return insert(rs, rt);
  free_route(rt);
  return err;
}

/* ---- looking up -------------------------------------------------------------------------- */

static bool fits(const struct route *rt, sio_slice path) {
  if (!slice_starts(path, slice(rt->path, rt->n))) return false;
  if (path.n == rt->n) return true;
  return rt->prefix && (!serves_files(rt) || path.p[rt->n] == '/');
}

/* Longer is better, exact best of the same length. */
static size_t weight(const struct route *rt) {
  size_t n = rt->n + serves_files(rt);
  return 2 * n + !rt->prefix;
}

enum method_fit { NO_METHOD, ANY_METHOD, HEAD_AS_GET, OWN_METHOD };

static enum method_fit method_fits(const struct route *rt, const sio_request *r) {
  if (!rt->method) return ANY_METHOD;
  if (slice_is(r->method_text, rt->method)) return OWN_METHOD;
  return r->method == HTTP_HEAD && strcmp(rt->method, "GET") == 0 ? HEAD_AS_GET : NO_METHOD;
}

struct found {
  struct route *route; /* NULL: none with this method                */
  size_t weight;       /* of the best pattern; 0: no pattern fits    */
  enum method_fit fit;
};

static void consider(struct found *best, struct route *rt, const sio_request *r) {
  size_t w = weight(rt);
  enum method_fit fit = method_fits(rt, r);
  if (w < best->weight || (w == best->weight && fit <= best->fit)) return;
  best->weight = w;
  best->fit = fit;
  best->route = fit ? rt : NULL;
}

static struct found look_up(const struct routes *rs, const sio_request *r, bool upgrade) {
  struct found best = { 0 };
  list_each (it, next, &rs->all) {
    struct route *rt = container_of(it, struct route, link);
    if (rt->upgrade == upgrade && fits(rt, r->path)) consider(&best, rt, r);
  }
  return best;
}

/* ---- saying no ----------------------------------------------------------------------------- */

void sio__routes_refuse(sio_request *r, int status, const char *text) {
  sio__request_answer(r, status, "text/plain; charset=utf-8", slice_str(text));
}

/* The methods of the pattern that won. */
static void refuse_method(const struct routes *rs, sio_request *r, size_t won) {
  struct buf allow;
  int err = 0;
  buf_init(&allow, 1024);
  list_each (it, next, &rs->all) {
    const struct route *rt = container_of(it, struct route, link);
    if (rt->upgrade || !fits(rt, r->path) || weight(rt) != won) continue;
    if (allow.n && !err) err = sio__buf_put(&allow, ", ", 2);
    if (!err) err = sio__buf_put(&allow, rt->method, strlen(rt->method));
    if (!err && strcmp(rt->method, "GET") == 0) err = sio__buf_put(&allow, ", HEAD", 6);
  }
  if (!err) err = sio__request_set(r, "Allow", slice(allow.p, allow.n));
  sio__buf_clear(&allow);
  if (err)
    sio__request_drop(r);
  else
    sio__routes_refuse(r, 405, "Method Not Allowed\n");
}

/* The server as a whole (RFC 9110 section 9.3.7). */
static void answer_options(sio_request *r) {
  sio__request_set(r, "Allow", SLICE("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"));
  sio__request_answer(r, 204, NULL, slice(NULL, 0));
}

static void refuse_plain(const struct routes *rs, sio_request *r, const struct found *f) {
  if (slice_is(r->path, "*")) {
    answer_options(r);
  } else if (f->weight) {
    refuse_method(rs, r, f->weight);
  } else if (look_up(rs, r, true).route) {
    sio__request_set(r, "Upgrade", SLICE("websocket"));
    sio__routes_refuse(r, 426, "Upgrade Required\n");
  } else {
    sio__routes_refuse(r, 404, "Not Found\n");
  }
}

static void refuse_upgrade(const struct routes *rs, sio_request *r) {
  bool known = look_up(rs, r, false).weight > 0;
  r->why = known ? "the route is not for WebSockets" : "no such route";
  sio__request_last(r);
  sio__routes_refuse(r, known ? 400 : 404, known ? "Bad Request\n" : "Not Found\n");
}

/* ---- the mount ----------------------------------------------------------------------------- */

static bool on_head(sio_request *r) {
  const struct routes *rs = r->mount->owner;
  struct found f = look_up(rs, r, r->upgrade);
  if (!f.route) {
    if (r->upgrade)
      refuse_upgrade(rs, r);
    else
      refuse_plain(rs, r, &f);
    return true;
  }
  r->user = f.route;
  if (f.route->max_body) r->max_body = f.route->max_body;
  return true;
}

static void serve_files(const struct route *rt, sio_request *r) {
  sio_slice path = slice(r->path.p + rt->n, r->path.n - rt->n);
  bool served =
      rt->dir ? sio__static_serve(rt->dir, r, path) : sio__assets_serve(rt->assets, r, path);
  if (!served) sio__routes_refuse(r, 404, "Not Found\n");
}

static void on_request(sio_request *r) {
  const struct route *rt = r->user;
  if (serves_files(rt)) {
    serve_files(rt, r);
    return;
  }
  /* From here on somebody holds r and owes an answer. */
  r->kept = true;
  rt->cb(r, rt->user);
}

static void on_abort(sio_request *r, int err, const char *detail) {
  (void)r;
  (void)err;
  (void)detail;
}

void sio__routes_init(struct routes *rs) {
  *rs = (struct routes){
    .mount = { .on_head = on_head, .on_request = on_request, .on_abort = on_abort, .owner = rs }
  };
  list_init(&rs->all);
}

void sio__routes_clear(struct routes *rs) {
  struct list *it;
  while ((it = list_pop(&rs->all))) free_route(container_of(it, struct route, link));
}
