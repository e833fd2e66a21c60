/* SPDX-License-Identifier: MIT
 *
 * routes.c - the table of routes, a list that is searched for each request: there are few routes,
 * and a list needs no index.
 */
#include "http/routes.h"
#include "http/admit.h"
#include "http/assets.h"
#include "http/file_options.h"
#include "http/head.h"
#include "http/static.h"
#include <sio/error.h>

struct route {
  struct list link;
  char *method; /* NULL for all methods */
  /* The pattern, without a '*' at its end; in a route for files, without a '/' at its end. */
  char *path;
  size_t n; /* the length of path */
  bool prefix, upgrade;
  size_t max_body; /* 0: the default limit */
  sio_request_cb cb;
  void *user;
  struct static_dir *dir;
  struct assets *assets;
  struct file_options *file_options; /* NULL: none */
};

/* ---- the table ---------------------------------------------------------------------- */

static void route_free(struct route *rt) {
  sio__static_dir_close(rt->dir);
  sio__assets_free(rt->assets);
  sio__file_options_free(rt->file_options);
  sio__free(rt->method);
  sio__free(rt->path);
  sio__free(rt);
}

static bool is_file_route(const struct route *rt) { return rt->dir || rt->assets; }

static bool are_strings_equal_or_both_null(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool routes_contain_same_route(const struct routes *rs, const struct route *rt) {
  list_each (it, next, &rs->all) {
    const struct route *o = container_of(it, struct route, link);
    if (are_strings_equal_or_both_null(o->method, rt->method) &&
        are_strings_equal_or_both_null(o->path, rt->path) && o->prefix == rt->prefix &&
        o->upgrade == rt->upgrade && is_file_route(o) == is_file_route(rt))
      return true;
  }
  return false;
}

const char *sio__describe_route_path_fault_or_null(const char *path, bool may_end_with_star) {
  if (!path) return "the path is NULL";
  if (path[0] != '/') return "the path does not begin with '/'";
  const char *star = strchr(path, '*');
  if (star && !may_end_with_star) return "the path contains '*'";
  if (star && star[1]) return "the path contains '*' before its end";
  if (strpbrk(path, "?# ")) return "the path contains '?', '#' or a space";
  return sio__http_is_field_value(slice_str(path)) ? NULL : "the path contains a control character";
}

static struct route *route_new(const char *method, const char *path, size_t n) {
  struct route *rt = sio__calloc(1, sizeof *rt);
  if (!rt) return NULL;
  list_init(&rt->link);
  rt->n = n;
  rt->path = sio__strndup(path, n);
  if (method) rt->method = sio__strndup(method, strlen(method));
  if (rt->path && (rt->method || !method)) return rt;
  route_free(rt);
  return NULL;
}

static int add_route_or_free_duplicate(struct routes *rs, struct route *rt) {
  if (routes_contain_same_route(rs, rt)) {
    route_free(rt);
    return SIO_EEXISTS;
  }
  list_append(&rs->all, &rt->link);
  return 0;
}

static int add_callback_route(struct routes *rs, const char *method, const char *path,
                              const struct route *as) {
  if (sio__describe_route_path_fault_or_null(path, true) || !as->cb ||
      (method && !sio__http_is_token(slice_str(method))))
    return UV_EINVAL;
  size_t n = strcspn(path, "*");
  struct route *rt = route_new(method, path, n);
  if (!rt) return UV_ENOMEM;
  rt->prefix = path[n] == '*';
  rt->upgrade = as->upgrade;
  rt->max_body = as->max_body;
  rt->cb = as->cb;
  rt->user = as->user;
  return add_route_or_free_duplicate(rs, rt);
}

int sio__routes_add_callback(struct routes *rs, const char *method, const char *path,
                             size_t max_body, sio_request_cb cb, void *user) {
  struct route as = { .max_body = max_body, .cb = cb, .user = user };
  return add_callback_route(rs, method, path, &as);
}

int sio__routes_add_websocket_upgrade(struct routes *rs, const char *path, sio_request_cb cb,
                                      void *user) {
  struct route as = { .upgrade = true, .cb = cb, .user = user };
  return add_callback_route(rs, NULL, path, &as);
}

/* Makes a route for the files below a prefix. The prefixes "/pub" and "/pub/" mean the same; "/"
 * means all paths. */
static int file_route_new(struct route **out, const char *prefix, const sio_files_options *opts) {
  if (sio__describe_route_path_fault_or_null(prefix, false)) return UV_EINVAL;
  size_t n = strlen(prefix);
  while (n > 0 && prefix[n - 1] == '/') n--;
  *out = route_new("GET", prefix, n);
  if (!*out) return UV_ENOMEM;
  (*out)->prefix = true;
  int err = sio__file_options_validate_and_copy(&(*out)->file_options, opts);
  if (err) route_free(*out);
  return err;
}

int sio__routes_add_static_directory(struct routes *rs, const char *prefix, const char *dir,
                                     const sio_files_options *opts) {
  struct route *rt;
  int err = file_route_new(&rt, prefix, opts);
  if (err) return err;
  err = dir ? sio__static_dir_open(&rt->dir, dir) : UV_EINVAL;
  if (!err) return add_route_or_free_duplicate(rs, rt);
  route_free(rt);
  return err;
}

int sio__routes_add_assets(struct routes *rs, const char *prefix, const sio_asset *table,
                           size_t count, const sio_files_options *opts) {
  struct route *rt;
  int err = file_route_new(&rt, prefix, opts);
  if (err) return err;
  err = table || !count ? sio__assets_new(&rt->assets, table, count, NULL) : UV_EINVAL;
  if (!err) return add_route_or_free_duplicate(rs, rt);
  route_free(rt);
  return err;
}

/* ---- looking up -------------------------------------------------------------------------- */

static bool does_route_match_path(const struct route *rt, sio_slice path) {
  if (!slice_starts_with(path, slice(rt->path, rt->n))) return false;
  if (path.n == rt->n) return true;
  return rt->prefix && (!is_file_route(rt) || path.p[rt->n] == '/');
}

/* Returns how specific the pattern of a route is. A longer pattern is more specific than a shorter
 * pattern. If two patterns have the same length, the pattern for a single path is more specific
 * than the pattern for a prefix. The path of a file route counts with a '/' at its end. */
static size_t route_specificity(const struct route *rt) {
  size_t n = rt->n + is_file_route(rt);
  return 2 * n + !rt->prefix;
}

enum method_fit { NO_METHOD, ANY_METHOD, HEAD_AS_GET, OWN_METHOD };

static enum method_fit get_method_fit_of_route(const struct route *rt, const sio_request *r) {
  if (!rt->method) return ANY_METHOD;
  if (slice_equals_str(r->method_text, rt->method)) return OWN_METHOD;
  return r->method == HTTP_HEAD && strcmp(rt->method, "GET") == 0 ? HEAD_AS_GET : NO_METHOD;
}

struct found {
  struct route *route; /* NULL if no route with the best pattern is for the request's method */
  size_t weight;       /* the specificity of the best matching pattern; 0 if no pattern matches */
  enum method_fit fit;
};

static void remember_route_if_better(struct found *best, struct route *rt, const sio_request *r) {
  size_t w = route_specificity(rt);
  enum method_fit fit = get_method_fit_of_route(rt, r);
  if (w < best->weight || (w == best->weight && fit <= best->fit)) return;
  best->weight = w;
  best->fit = fit;
  best->route = fit ? rt : NULL;
}

static struct found find_best_route(const struct routes *rs, const sio_request *r, bool upgrade) {
  struct found best = { 0 };
  list_each (it, next, &rs->all) {
    struct route *rt = container_of(it, struct route, link);
    if (rt->upgrade == upgrade && does_route_match_path(rt, r->path))
      remember_route_if_better(&best, rt, r);
  }
  return best;
}

/* ---- requests without a route -------------------------------------------------------------- */

void sio__request_answer_plain_text(sio_request *r, int status, const char *text) {
  sio__request_answer(r, status, "text/plain; charset=utf-8", slice_str(text));
}

/* Answers 405. The Allow header lists the methods of the routes that match the path with the
 * specificity `best`, which is that of the best matching pattern. */
static void answer_method_not_allowed(const struct routes *rs, sio_request *r, size_t best) {
  struct buf allow;
  int err = 0;
  buf_init(&allow, 1024);
  list_each (it, next, &rs->all) {
    const struct route *rt = container_of(it, struct route, link);
    if (rt->upgrade || !does_route_match_path(rt, r->path) || route_specificity(rt) != best)
      continue;
    if (allow.n && !err) err = sio__buf_put(&allow, ", ", 2);
    if (!err) err = sio__buf_put(&allow, rt->method, strlen(rt->method));
    if (!err && strcmp(rt->method, "GET") == 0) err = sio__buf_put(&allow, ", HEAD", 6);
  }
  if (!err) err = sio__request_add_answer_header(r, "Allow", slice(allow.p, allow.n));
  sio__buf_clear(&allow);
  if (err)
    sio__request_close_without_answer(r);
  else
    sio__request_answer_plain_text(r, 405, "Method Not Allowed\n");
}

/* Answers the request "OPTIONS *", which asks about the server as a whole (RFC 9110 section
 * 9.3.7). */
static void answer_options_request_about_server(sio_request *r) {
  sio__request_add_answer_header(r, "Allow", SLICE("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"));
  sio__request_answer(r, 204, NULL, slice(NULL, 0));
}

static void answer_request_without_route(const struct routes *rs, sio_request *r,
                                         const struct found *f) {
  if (slice_equals_str(r->path, "*")) {
    answer_options_request_about_server(r);
  } else if (f->weight) {
    answer_method_not_allowed(rs, r, f->weight);
  } else if (find_best_route(rs, r, true).route) {
    sio__request_add_answer_header(r, "Upgrade", SLICE("websocket"));
    sio__request_answer_plain_text(r, 426, "Upgrade Required\n");
  } else {
    sio__request_answer_plain_text(r, 404, "Not Found\n");
  }
}

static void refuse_upgrade_without_websocket_route(const struct routes *rs, sio_request *r) {
  bool known = find_best_route(rs, r, false).weight > 0;
  if (!r->log_reason)
    r->log_reason = known ? "the route is not for WebSockets" : "no route has this path";
  sio__request_disable_keep_alive(r);
  sio__request_answer_plain_text(r, known ? 400 : 404, known ? "Bad Request\n" : "Not Found\n");
}

/* ---- the mount ----------------------------------------------------------------------------- */

static bool route_on_head_find_route_or_refuse(sio_request *r) {
  const struct routes *rs = r->mount->owner;
  struct found f = find_best_route(rs, r, r->upgrade);
  if (!(f.route && r->upgrade) && !sio__count_request_of_address_or_answer_429(rs->addr_limits, r))
    return true;
  if (!f.route) {
    if (r->upgrade)
      refuse_upgrade_without_websocket_route(rs, r);
    else
      answer_request_without_route(rs, r, &f);
    return true;
  }
  r->user = f.route;
  if (f.route->max_body) r->max_body = f.route->max_body;
  return true;
}

/* Answers that the file cannot be served, without the headers that were added before. */
static void route_discard_headers_and_answer_error(sio_request *r, int status) {
  r->extra_headers.n = 0;
  r->has_date = false;
  if (status == 404)
    sio__request_answer_plain_text(r, 404, "Not Found\n");
  else
    sio__request_answer(r, status, NULL, slice(NULL, 0));
}

static void route_answer_with_file_or_error(const struct route *rt, sio_request *r) {
  sio_slice path = slice(r->path.p + rt->n, r->path.n - rt->n);
  if (!sio__file_options_ask_host_and_add_headers(rt->file_options, r)) return;
  int status = 0;
  if (rt->dir)
    status = sio__static_answer_with_file_or_redirect(rt->dir, r, path);
  else if (!sio__assets_answer_if_found(rt->assets, r, path))
    status = 404;
  if (status) route_discard_headers_and_answer_error(r, status);
}

static void route_serve_file_or_call_handler(sio_request *r) {
  const struct route *rt = r->user;
  if (is_file_route(rt)) {
    route_answer_with_file_or_error(rt, r);
    return;
  }
  /* From now on the host holds r and must answer it. */
  r->answer_owed = true;
  rt->cb(r, rt->user);
}

static void route_ignore_abort(sio_request *r, int err, const char *detail) {
  (void)r;
  (void)err;
  (void)detail;
}

void sio__routes_init(struct routes *rs) {
  *rs = (struct routes){ .mount = { .on_head = route_on_head_find_route_or_refuse,
                                    .on_request = route_serve_file_or_call_handler,
                                    .on_abort = route_ignore_abort,
                                    .owner = rs } };
  list_init(&rs->all);
}

void sio__routes_free_all(struct routes *rs) {
  struct list *it;
  while ((it = list_take_first(&rs->all))) route_free(container_of(it, struct route, link));
}
