/* SPDX-License-Identifier: MIT
 *
 * cors.c - the CORS headers, in the order in which Node's cors middleware sends them.
 */
#include "http/cors.h"
#include "base/num.h"
#include "http/head.h"

/* ---- the copy of the options ---------------------------------------------------------- */

static bool is_cors_text_valid(const char *s) {
  return !s || (*s && sio__http_is_field_value(slice_str(s)));
}

static int validate_cors_options(const sio_cors *c) {
  bool ok = is_cors_text_valid(c->methods) && is_cors_text_valid(c->allowed_headers) &&
            is_cors_text_valid(c->exposed_headers);
  for (size_t i = 0; c->origins && c->origins[i]; i++) ok = ok && is_cors_text_valid(c->origins[i]);
  int status = c->preflight_status;
  return ok && (status == 0 || (status >= 200 && status <= 299)) ? 0 : UV_EINVAL;
}

/* Returns a copy of s, or NULL if s is NULL. Sets *ok to false if memory runs out. */
static char *cors_copy_text(const char *s, bool *ok) {
  char *p = s ? sio__strndup(s, strlen(s)) : NULL;
  if (s && !p) *ok = false;
  return p;
}

static void cors_free_string_list(const char *const *list) {
  for (size_t i = 0; list && list[i]; i++) sio__free((void *)(uintptr_t)list[i]);
  sio__free((void *)(uintptr_t)list);
}

static const char *const *cors_copy_string_list(const char *const *list, bool *ok) {
  if (!list) return NULL;
  size_t n = 0;
  while (list[n]) n++;
  const char **to = sio__calloc(n + 1, sizeof *to);
  for (size_t i = 0; to && i < n; i++) to[i] = cors_copy_text(list[i], ok);
  if (!to) *ok = false;
  return to;
}

int sio__cors_options_validate_and_copy(sio_cors **out, const sio_cors *from) {
  int err = validate_cors_options(from);
  if (err) return err;
  sio_cors *c = sio__malloc(sizeof *c);
  if (!c) return UV_ENOMEM;
  bool ok = true;
  *c = *from;
  if (!c->preflight_status) c->preflight_status = 204;
  c->origins = cors_copy_string_list(from->origins, &ok);
  c->methods =
      cors_copy_text(from->methods ? from->methods : "GET,HEAD,PUT,PATCH,POST,DELETE", &ok);
  c->allowed_headers = cors_copy_text(from->allowed_headers, &ok);
  c->exposed_headers = cors_copy_text(from->exposed_headers, &ok);
  if (!ok) {
    sio__cors_options_free(c);
    return UV_ENOMEM;
  }
  *out = c;
  return 0;
}

void sio__cors_options_free(sio_cors *c) {
  if (!c) return;
  cors_free_string_list(c->origins);
  sio__free((void *)(uintptr_t)c->methods);
  sio__free((void *)(uintptr_t)c->allowed_headers);
  sio__free((void *)(uintptr_t)c->exposed_headers);
  sio__free(c);
}

/* ---- the decision -------------------------------------------------------------------- */

static bool is_cors_origin_listed(const sio_cors *c, sio_slice origin) {
  for (size_t i = 0; c->origins[i]; i++)
    if (slice_equals_str(origin, c->origins[i])) return true;
  return false;
}

static bool does_cors_allow_any_origin(const sio_cors *c) {
  if (c->reflect_origin || c->origin_ok) return false;
  return !c->origins || is_cors_origin_listed(c, SLICE("*"));
}

static bool is_origin_printable(sio_slice origin) {
  for (size_t i = 0; i < origin.n; i++) {
    unsigned char c = (unsigned char)origin.p[i];
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return origin.n > 0;
}

static bool is_cors_origin_allowed(const sio_cors *c, sio_slice origin) {
  if (!is_origin_printable(origin)) return false;
  if (c->origin_ok) return c->origin_ok(origin, c->user);
  return c->reflect_origin || is_cors_origin_listed(c, origin);
}

/* Returns true for a comma-separated list of tokens such as "a, b,c", which is what
 * Access-Control-Request-Headers must be. Elements of the list may be empty. */
static bool is_comma_separated_token_list(sio_slice list) {
  sio_slice part;
  if (list.n == 0) return false;
  while (sio__slice_split(&list, ',', &part)) {
    part = sio__slice_trim(part);
    if (part.n && !sio__http_is_token(part)) return false;
  }
  return true;
}

/* ---- the headers ------------------------------------------------------------------------ */

struct lines {
  sio_request *r;
  int err; /* the first error; after it no further header is added */
};

static void cors_add_header(struct lines *l, const char *name, sio_slice value) {
  if (!l->err) l->err = sio__request_add_answer_header(l->r, name, value);
}

static void cors_add_header_str(struct lines *l, const char *name, const char *value) {
  if (value) cors_add_header(l, name, slice_str(value));
}

static void cors_add_allow_origin_and_credentials(struct lines *l, const sio_cors *c,
                                                  sio_slice origin, bool any) {
  bool ok = any || is_cors_origin_allowed(c, origin);
  if (ok) cors_add_header(l, "Access-Control-Allow-Origin", any ? SLICE("*") : origin);
  if (ok && c->credentials) cors_add_header_str(l, "Access-Control-Allow-Credentials", "true");
}

static void cors_add_vary_header(struct lines *l, bool origin, bool headers) {
  if (origin && headers)
    cors_add_header_str(l, "Vary", "Origin, Access-Control-Request-Headers");
  else if (origin || headers)
    cors_add_header_str(l, "Vary", origin ? "Origin" : "Access-Control-Request-Headers");
}

static void cors_add_preflight_headers(struct lines *l, const sio_cors *c) {
  sio_slice asked = sio__request_header(l->r, "Access-Control-Request-Headers");
  cors_add_header_str(l, "Access-Control-Allow-Methods", c->methods);
  if (c->allowed_headers)
    cors_add_header_str(l, "Access-Control-Allow-Headers", c->allowed_headers);
  else if (is_comma_separated_token_list(asked))
    cors_add_header(l, "Access-Control-Allow-Headers", asked);
  if (c->max_age_s > 0) {
    char text[NUM_MAX];
    cors_add_header(l, "Access-Control-Max-Age", slice(text, sio__u64_to_text(text, c->max_age_s)));
  }
}

/* Answers a preflight request. A 204 gets the header "Content-Length: 0", because without it some
 * browsers wait for a body. */
static int cors_answer_preflight(const sio_cors *c, sio_request *r) {
  int err = c->preflight_status == 204
                ? sio__request_add_answer_header(r, "Content-Length", SLICE("0"))
                : 0;
  if (!err) err = sio__request_answer(r, c->preflight_status, NULL, slice(NULL, 0));
  return err ? err : 1;
}

int sio__cors_add_headers_or_answer_preflight(const sio_cors *c, sio_request *r) {
  struct lines l = { r, 0 };
  bool preflight = r->method == HTTP_OPTIONS, any = does_cors_allow_any_origin(c);
  cors_add_allow_origin_and_credentials(&l, c, sio__request_header(r, "Origin"), any);
  cors_add_vary_header(&l, !any, preflight && !c->allowed_headers);
  if (preflight) cors_add_preflight_headers(&l, c);
  cors_add_header_str(&l, "Access-Control-Expose-Headers", c->exposed_headers);
  if (l.err) return l.err;
  return preflight ? cors_answer_preflight(c, r) : 0;
}

/* ---- the log ------------------------------------------------------------------------------- */

/* Returns true if `origin`, such as "https://a.example", ends with '/' and `host`, the Host header:
 * then the page probably comes from this server or from a proxy in front of it. */
static bool does_origin_end_with_host(sio_slice origin, sio_slice host) {
  return host.n && origin.n > host.n && memcmp(origin.p + origin.n - host.n, host.p, host.n) == 0 &&
         origin.p[origin.n - host.n - 1] == '/';
}

/* Returns true if the header Sec-Fetch-Site says that a page of another origin has sent r. The Host
 * header cannot say that for certain, because a proxy may have changed it. */
static bool does_sec_fetch_site_say_other_origin(const sio_request *r) {
  sio_slice site = sio__request_header(r, "Sec-Fetch-Site");
  return slice_equals_str(site, "cross-site") || slice_equals_str(site, "same-site");
}

const char *sio__cors_describe_refused_origin(const sio_cors *c, const sio_request *r) {
  sio_slice origin = sio__request_header(r, "Origin");
  if (r->upgrade || !origin.n || does_origin_end_with_host(origin, sio__request_header(r, "Host")))
    return NULL;
  if (!c) return does_sec_fetch_site_say_other_origin(r) ? "sio_options.cors is not set" : NULL;
  if (c->reflect_origin || c->origin_ok || does_cors_allow_any_origin(c)) return NULL;
  return is_cors_origin_listed(c, origin) ? NULL : "sio_options.cors does not list this origin";
}
