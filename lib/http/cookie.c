/* SPDX-License-Identifier: MIT
 *
 * cookie.c - writes the Set-Cookie header of a session. The attributes have the order of Node's
 * cookie module.
 */
#include "http/cookie.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "http/head.h"

static bool is_cookie_text_valid(const char *s) {
  return !s || (sio__http_is_field_value(slice_str(s)) && !strchr(s, ';'));
}

static int validate_cookie_options(const sio_cookie *c) {
  bool name = !c->name || sio__http_is_token(slice_str(c->name));
  bool texts = is_cookie_text_valid(c->path) && is_cookie_text_valid(c->domain) &&
               is_cookie_text_valid(c->expires);
  bool site = c->same_site >= SIO_SAMESITE_LAX && c->same_site <= SIO_SAMESITE_UNSET;
  bool secure = c->same_site != SIO_SAMESITE_NONE || c->secure;
  return name && texts && site && secure && c->max_age_s >= 0 ? 0 : UV_EINVAL;
}

static char *cookie_copy_text(const char *s, bool *ok) {
  char *p = s ? sio__strndup(s, strlen(s)) : NULL;
  if (s && !p) *ok = false;
  return p;
}

int sio__cookie_options_validate_and_copy(sio_cookie **out, const sio_cookie *from) {
  int err = validate_cookie_options(from);
  if (err) return err;
  sio_cookie *c = sio__malloc(sizeof *c);
  if (!c) return UV_ENOMEM;
  bool ok = true;
  *c = *from;
  c->name = cookie_copy_text(from->name ? from->name : "io", &ok);
  c->path = cookie_copy_text(from->path ? from->path : "/", &ok);
  c->domain = cookie_copy_text(from->domain, &ok);
  c->expires = cookie_copy_text(from->expires, &ok);
  if (!ok) {
    sio__cookie_options_free(c);
    return UV_ENOMEM;
  }
  *out = c;
  return 0;
}

void sio__cookie_options_free(sio_cookie *c) {
  if (!c) return;
  sio__free((void *)(uintptr_t)c->name);
  sio__free((void *)(uintptr_t)c->path);
  sio__free((void *)(uintptr_t)c->domain);
  sio__free((void *)(uintptr_t)c->expires);
  sio__free(c);
}

/* A text in a buffer p of `size` bytes. n is the length of the text, even if it is too long for the
 * buffer. */
struct text {
  char *p;
  size_t n, size;
};

static void cookie_append_bytes_or_only_count_them(struct text *t, const char *p, size_t n) {
  if (t->n < t->size && n < t->size - t->n) memcpy(t->p + t->n, p, n);
  t->n += n;
}

static void cookie_append_str(struct text *t, const char *s) {
  cookie_append_bytes_or_only_count_them(t, s, strlen(s));
}

static void cookie_append_attribute(struct text *t, const char *name, const char *value) {
  if (!value || !*value) return;
  cookie_append_str(t, name);
  cookie_append_str(t, value);
}

static void cookie_append_max_age(struct text *t, long seconds) {
  char digits[NUM_MAX];
  if (seconds == 0) return;
  cookie_append_str(t, "; Max-Age=");
  cookie_append_bytes_or_only_count_them(t, digits, sio__i64_to_text(digits, seconds));
}

long sio__cookie_write_set_cookie_value(char *out, size_t size, const sio_cookie *c,
                                        sio_slice value) {
  static const char *const sites[] = { "Lax", "Strict", "None", NULL };
  struct text t = { out, 0, size };
  cookie_append_str(&t, c->name);
  cookie_append_str(&t, "=");
  cookie_append_bytes_or_only_count_them(&t, value.p, value.n);
  cookie_append_max_age(&t, c->max_age_s);
  cookie_append_attribute(&t, "; Domain=", c->domain);
  cookie_append_attribute(&t, "; Path=", c->path);
  cookie_append_attribute(&t, "; Expires=", c->expires);
  if (!c->no_http_only) cookie_append_str(&t, "; HttpOnly");
  if (c->secure) cookie_append_str(&t, "; Secure");
  cookie_append_attribute(&t, "; SameSite=", sites[c->same_site]);
  if (t.n >= size) return SIO_ETOOBIG;
  out[t.n] = '\0';
  return (long)t.n;
}
