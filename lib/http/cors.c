/* SPDX-License-Identifier: MIT
 *
 * cors.c - which headers, in the order and with the values of Node's cors middleware.
 */
#include "http/cors.h"
#include "base/num.h"
#include "http/head.h"

/* ---- the copy --------------------------------------------------------------------- */

static bool usable(const char *s) { return !s || (*s && sio__http_value(slice_str(s))); }

static int check(const sio_cors *c) {
  bool ok = usable(c->methods) && usable(c->allowed_headers) && usable(c->exposed_headers);
  for (size_t i = 0; c->origins && c->origins[i]; i++) ok = ok && usable(c->origins[i]);
  int status = c->preflight_status;
  return ok && (status == 0 || (status >= 200 && status <= 299)) ? 0 : UV_EINVAL;
}

/* A copy of s, or NULL if it is NULL; *ok turns false when there is no memory. */
static char *copy(const char *s, bool *ok) {
  char *p = s ? sio__strndup(s, strlen(s)) : NULL;
  if (s && !p) *ok = false;
  return p;
}

static void free_list(const char *const *list) {
  for (size_t i = 0; list && list[i]; i++) sio__free((void *)(uintptr_t)list[i]);
  sio__free((void *)(uintptr_t)list);
}

static const char *const *copy_list(const char *const *list, bool *ok) {
  if (!list) return NULL;
  size_t n = 0;
  while (list[n]) n++;
  const char **to = sio__calloc(n + 1, sizeof *to);
  for (size_t i = 0; to && i < n; i++) to[i] = copy(list[i], ok);
  if (!to) *ok = false;
  return to;
}

int sio__cors_copy(sio_cors **out, const sio_cors *from) {
  int err = check(from);
  if (err) return err;
  sio_cors *c = sio__malloc(sizeof *c);
  if (!c) return UV_ENOMEM;
  bool ok = true;
  *c = *from;
  if (!c->preflight_status) c->preflight_status = 204;
  c->origins = copy_list(from->origins, &ok);
  c->methods = copy(from->methods ? from->methods : "GET,HEAD,PUT,PATCH,POST,DELETE", &ok);
  c->allowed_headers = copy(from->allowed_headers, &ok);
  c->exposed_headers = copy(from->exposed_headers, &ok);
  if (!ok) {
    sio__cors_free(c);
    return UV_ENOMEM;
  }
  *out = c;
  return 0;
}

void sio__cors_free(sio_cors *c) {
  if (!c) return;
  free_list(c->origins);
  sio__free((void *)(uintptr_t)c->methods);
  sio__free((void *)(uintptr_t)c->allowed_headers);
  sio__free((void *)(uintptr_t)c->exposed_headers);
  sio__free(c);
}

/* ---- the decision -------------------------------------------------------------------- */

static bool listed(const sio_cors *c, sio_slice origin) {
  for (size_t i = 0; c->origins && c->origins[i]; i++)
    if (slice_is(origin, c->origins[i])) return true;
  return false;
}

static bool any_origin(const sio_cors *c) {
  if (c->reflect_origin || c->origin_ok) return false;
  return !c->origins || listed(c, SLICE("*"));
}

static bool echoable(sio_slice origin) {
  for (size_t i = 0; i < origin.n; i++)
    if (origin.p[i] <= 0x20 || origin.p[i] >= 0x7f) return false;
  return origin.n > 0;
}

static bool may_read(const sio_cors *c, sio_slice origin) {
  if (!echoable(origin)) return false;
  if (c->origin_ok) return c->origin_ok(origin, c->user);
  return c->reflect_origin || listed(c, origin);
}

/* "a, b,c": tokens, commas and blanks, as Access-Control-Request-Headers must be. */
static bool token_list(sio_slice list) {
  sio_slice part;
  if (list.n == 0) return false;
  while (sio__slice_split(&list, ',', &part)) {
    part = sio__slice_trim(part);
    if (part.n && !sio__http_token(part)) return false;
  }
  return true;
}

/* ---- the headers ------------------------------------------------------------------------ */

struct lines {
  sio_request *r;
  int err; /* the first failure: the rest is skipped */
};

static void add(struct lines *l, const char *name, sio_slice value) {
  if (!l->err) l->err = sio__request_set(l->r, name, value);
}

static void add_str(struct lines *l, const char *name, const char *value) {
  if (value) add(l, name, slice_str(value));
}

static void add_origin(struct lines *l, const sio_cors *c, sio_slice origin, bool any) {
  bool ok = any || may_read(c, origin);
  if (ok) add(l, "Access-Control-Allow-Origin", any ? SLICE("*") : origin);
  if (ok && c->credentials) add_str(l, "Access-Control-Allow-Credentials", "true");
}

static void add_vary(struct lines *l, bool origin, bool headers) {
  if (origin && headers)
    add_str(l, "Vary", "Origin, Access-Control-Request-Headers");
  else if (origin || headers)
    add_str(l, "Vary", origin ? "Origin" : "Access-Control-Request-Headers");
}

static void add_preflight(struct lines *l, const sio_cors *c) {
  sio_slice asked = sio__request_header(l->r, "Access-Control-Request-Headers");
  add_str(l, "Access-Control-Allow-Methods", c->methods);
  if (c->allowed_headers)
    add_str(l, "Access-Control-Allow-Headers", c->allowed_headers);
  else if (token_list(asked))
    add(l, "Access-Control-Allow-Headers", asked);
  if (c->max_age_s > 0) {
    char text[NUM_MAX];
    add(l, "Access-Control-Max-Age", slice(text, sio__num_u64(text, c->max_age_s)));
  }
}

/* Some browsers wait for a body after a 204 unless told that there is none. */
static int end_preflight(const sio_cors *c, sio_request *r) {
  int err = c->preflight_status == 204 ? sio__request_set(r, "Content-Length", SLICE("0")) : 0;
  if (!err) err = sio__request_answer(r, c->preflight_status, NULL, slice(NULL, 0));
  return err ? err : 1;
}

int sio__cors_apply(const sio_cors *c, sio_request *r) {
  struct lines l = { r, 0 };
  bool preflight = r->method == HTTP_OPTIONS, any = any_origin(c);
  add_origin(&l, c, sio__request_header(r, "Origin"), any);
  add_vary(&l, !any, preflight && !c->allowed_headers);
  if (preflight) add_preflight(&l, c);
  add_str(&l, "Access-Control-Expose-Headers", c->exposed_headers);
  if (l.err) return l.err;
  return preflight ? end_preflight(c, r) : 0;
}
