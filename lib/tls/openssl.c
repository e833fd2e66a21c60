/* SPDX-License-Identifier: MIT
 *
 * openssl.c - creates, reloads and frees providers of TLS (sio/openssl.h).
 */
#include "base/err.h"
#include "tls/provider.h"
#include "tls/session.h"

static struct provider *provider_of_tls(const sio_tls *tls) { return tls->context; }

struct bundle *sio__tls_provider_ref_bundle(struct provider *p) {
  pthread_mutex_lock(&p->lock);
  struct bundle *b = sio__tls_bundle_ref(p->now);
  pthread_mutex_unlock(&p->lock);
  return b;
}

/* Copies a struct of options whose first member is its size. `first` is the size that the struct
 * had in version 0.1. Returns 0, or UV_EINVAL with a text in *why. */
static int copy_and_check_openssl_options(void *known, size_t room, const void *o, size_t first,
                                          const struct complaint *why) {
  if (why->size) *why->text = '\0';
  if (!o) return sio__tls_set_error(why, UV_EINVAL, "the options are NULL");
  size_t size;
  memcpy(&size, o, sizeof size);
  bool valid = size == 0 || size >= first;
  if (size == 0) size = first;
  for (size_t i = room; valid && i < size; i++) valid = ((const char *)o)[i] == 0;
  memset(known, 0, room);
  memcpy(known, o, size < room ? size : room);
  return valid ? 0
               : sio__tls_set_error(why, UV_EINVAL,
                                    "the size is invalid, or an option of a newer version is set");
}

static int new_bundle_from_options(struct bundle **out, const sio_openssl_options *o,
                                   const struct complaint *why) {
  sio_openssl_options known;
  int err = copy_and_check_openssl_options(&known, sizeof known, o, sizeof known, why);
  return err ? err : sio__tls_server_bundle_new(out, &known, why);
}

static int provider_new_with_bundle(struct provider **out, struct bundle *b) {
  struct provider *p = *out = OPENSSL_zalloc(sizeof *p);
  if (!p || !(p->method = sio__tls_bio_method_new()) || pthread_mutex_init(&p->lock, NULL)) {
    if (p) BIO_meth_free(p->method);
    OPENSSL_free(p);
    return UV_ENOMEM;
  }
  p->pub = (sio_tls){ &sio__tls_session_ops, p };
  p->now = b;
  return 0;
}

int sio_openssl_new(const sio_openssl_options *o, char *why, size_t size, sio_tls **out) {
  struct complaint c = { why, size };
  struct bundle *b = NULL;
  struct provider *p;
  int err = new_bundle_from_options(&b, o, &c);
  if (err) return err;
  if (provider_new_with_bundle(&p, b)) {
    sio__tls_bundle_unref(b);
    return sio__tls_set_error(&c, UV_ENOMEM, "out of memory");
  }
  *out = &p->pub;
  return 0;
}

int sio_openssl_client_new(const sio_openssl_client_options *o, char *why, size_t size,
                           sio_tls **out) {
  struct complaint c = { why, size };
  sio_openssl_client_options known;
  struct bundle *b = NULL;
  struct provider *p;
  int err = copy_and_check_openssl_options(&known, sizeof known, o, sizeof known, &c);
  if (!err) err = sio__tls_client_bundle_new(&b, &known, &c);
  if (err) return err;
  if (provider_new_with_bundle(&p, b)) {
    sio__tls_bundle_unref(b);
    return sio__tls_set_error(&c, UV_ENOMEM, "out of memory");
  }
  *out = &p->pub;
  return 0;
}

static bool is_provider_of_client(struct provider *p) {
  struct bundle *b = sio__tls_provider_ref_bundle(p);
  bool client = b->client;
  sio__tls_bundle_unref(b);
  return client;
}

int sio_openssl_reload(sio_tls *tls, const sio_openssl_options *o, char *why, size_t size) {
  struct provider *p = provider_of_tls(tls);
  struct bundle *b = NULL;
  struct complaint c = { why, size };
  int err = new_bundle_from_options(&b, o, &c);
  if (!err && is_provider_of_client(p)) {
    sio__tls_bundle_unref(b);
    err = sio__tls_set_error(&c, UV_EINVAL, "the certificates of a TLS client cannot be reloaded");
  }
  if (err) return err;
  pthread_mutex_lock(&p->lock);
  struct bundle *old = p->now;
  p->now = b;
  pthread_mutex_unlock(&p->lock);
  sio__tls_bundle_unref(old);
  return 0;
}

int64_t sio_openssl_expiry_time(const sio_tls *tls) {
  struct bundle *b = sio__tls_provider_ref_bundle(provider_of_tls(tls));
  int64_t end = b->expires;
  sio__tls_bundle_unref(b);
  return end;
}

void sio_openssl_free(sio_tls *tls) {
  if (!tls) return;
  struct provider *p = provider_of_tls(tls);
  sio__tls_bundle_unref(p->now);
  BIO_meth_free(p->method);
  pthread_mutex_destroy(&p->lock);
  OPENSSL_free(p);
}
