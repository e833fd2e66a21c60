/* SPDX-License-Identifier: MIT
 *
 * bundle.c - makes SSL_CTX objects from options: versions, ciphers, server names, client
 * certificates.
 */
#include "tls/bundle.h"
#include "base/err.h"
#include "base/utc.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

/* ---- callbacks during a handshake ------------------------------------------ */

/* Selects the ALPN protocol http/1.1 (RFC 7301). If the client offers only other protocols, the
 * handshake fails with an alert. */
static int on_alpn_select_http11_or_fail(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                                         const unsigned char *in, unsigned n, void *user) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char *chosen;
  (void)ssl, (void)user;
  if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static bool does_certificate_match_name(SSL_CTX *ctx, const char *name) {
  return X509_check_host(SSL_CTX_get0_certificate(ctx), name, 0, 0, NULL) == 1;
}

static int on_server_name_select_certificate(SSL *ssl, int *alert, void *user) {
  const struct bundle *b = user;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  if (does_certificate_match_name(b->ctx, name)) return SSL_TLSEXT_ERR_OK;
  for (size_t i = 0; i < b->nmore; i++)
    if (does_certificate_match_name(b->more[i], name) && SSL_set_SSL_CTX(ssl, b->more[i]))
      return SSL_TLSEXT_ERR_OK;
  return SSL_TLSEXT_ERR_NOACK;
}

static int on_verify_accept_any_certificate(int ok, X509_STORE_CTX *store) {
  (void)ok, (void)store;
  return 1;
}

/* ---- making a bundle ------------------------------------------------------- */

static int set_client_certificate_verification(SSL_CTX *ctx, const sio_openssl_options *o,
                                               const struct complaint *why) {
  static const unsigned char server[] = "libsio";
  bool any = o->accept_unauthorized, has_ca = o->ca_file || o->ca.n;
  if ((any || has_ca) && !o->request_cert)
    return sio__tls_set_error(why, UV_EINVAL, "%s needs request_cert",
                              has_ca ? "ca_file or ca" : "accept_unauthorized");
  if (!o->request_cert) return 0;
  if (!any && !has_ca)
    return sio__tls_set_error(why, UV_EINVAL,
                              "request_cert needs ca_file, ca or accept_unauthorized");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (any ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                     any ? on_verify_accept_any_certificate : NULL);
  /* A server that verifies clients cannot resume sessions without a session id context. */
  if (!SSL_CTX_set_session_id_context(ctx, server, sizeof server - 1))
    return sio__tls_set_openssl_error(why, NULL, "request_cert");
  return sio__tls_load_trusted_cas(ctx, o->ca_file, o->ca, why);
}

static int set_ciphers_and_suites_of_options(SSL_CTX *ctx, const sio_openssl_options *o,
                                             const struct complaint *why) {
  if (o->ciphers && !SSL_CTX_set_cipher_list(ctx, o->ciphers))
    return sio__tls_set_openssl_error(why, "ciphers", o->ciphers);
  if (o->ciphersuites && !SSL_CTX_set_ciphersuites(ctx, o->ciphersuites))
    return sio__tls_set_openssl_error(why, "ciphersuites", o->ciphersuites);
  return 0;
}

static void set_min_version_alpn_and_no_cache(SSL_CTX *ctx, const sio_openssl_options *o) {
  SSL_CTX_set_min_proto_version(ctx,
                                o->min_version == SIO_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn_select_http11_or_fail, NULL);
}

static int new_server_ssl_ctx(SSL_CTX **out, struct tickets *tickets, const sio_openssl_options *o,
                              const sio_openssl_identity *id, const struct complaint *why) {
  SSL_CTX *ctx = *out = SSL_CTX_new(TLS_server_method());
  if (!ctx) return sio__tls_set_openssl_error(why, NULL, "SSL_CTX_new");
  set_min_version_alpn_and_no_cache(ctx, o);
  if (sio__tickets_set_callback_on_ssl_ctx(tickets, ctx))
    return sio__tls_set_openssl_error(why, NULL, "session tickets");
  int err = set_ciphers_and_suites_of_options(ctx, o, why);
  if (!err) err = set_client_certificate_verification(ctx, o, why);
  return err ? err : sio__tls_load_identity(ctx, id, why);
}

static int64_t certificate_expiry_time(const SSL_CTX *ctx) {
  struct tm tm;
  const X509 *x = SSL_CTX_get0_certificate(ctx);
  return x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) ? utc_from_tm(&tm) : INT64_MAX;
}

static void lower_bundle_expiry_to_certificate(struct bundle *b, const SSL_CTX *ctx) {
  int64_t end = certificate_expiry_time(ctx);
  if (end < b->expires) b->expires = end;
}

static int fill_server_bundle_from_options(struct bundle *b, const sio_openssl_options *o,
                                           const struct complaint *why) {
  if (sio__tickets_init(&b->tickets, o->ticket_lifetime_s ? o->ticket_lifetime_s : TICKET_PERIOD_S))
    return sio__tls_set_openssl_error(why, NULL, "the keys of session tickets");
  int err = new_server_ssl_ctx(&b->ctx, &b->tickets, o, &o->identity, why);
  if (err) return err;
  lower_bundle_expiry_to_certificate(b, b->ctx);
  SSL_CTX_set_tlsext_servername_callback(b->ctx, on_server_name_select_certificate);
  SSL_CTX_set_tlsext_servername_arg(b->ctx, b);
  for (; b->nmore < o->nmore; b->nmore++) {
    err = new_server_ssl_ctx(&b->more[b->nmore], &b->tickets, o, &o->more[b->nmore], why);
    if (err) {
      SSL_CTX_free(b->more[b->nmore]);
      return err;
    }
    lower_bundle_expiry_to_certificate(b, b->more[b->nmore]);
  }
  return 0;
}

/* Uses the SSL_CTX that the host has set in o->ctx. Returns UV_EINVAL if the host has also set an
 * option that would configure it. */
static int use_ssl_ctx_of_host_and_refuse_other_options(struct bundle *b,
                                                        const sio_openssl_options *o,
                                                        const struct complaint *why) {
  const sio_openssl_identity *id = &o->identity;
  bool has_id = id->cert_file || id->key_file || id->pfx_file || id->cert.n || id->key.n ||
                id->pfx.n || id->passphrase || o->nmore;
  bool has_clients = o->ca_file || o->ca.n || o->request_cert || o->accept_unauthorized;
  bool has_rest = o->min_version || o->ciphers || o->ciphersuites || o->ticket_lifetime_s;
  if (has_id || has_clients || has_rest)
    return sio__tls_set_error(why, UV_EINVAL, "ctx cannot be combined with other options");
  if (!SSL_CTX_up_ref(o->ctx)) return sio__tls_set_openssl_error(why, NULL, "ctx");
  b->ctx = o->ctx;
  lower_bundle_expiry_to_certificate(b, b->ctx);
  return 0;
}

int sio__tls_server_bundle_new(struct bundle **out, const sio_openssl_options *o,
                               const struct complaint *why) {
  if (o->min_version != SIO_TLS_1_2 && o->min_version != SIO_TLS_1_3)
    return sio__tls_set_error(why, UV_EINVAL,
                              "min_version: %d is neither SIO_TLS_1_2 nor SIO_TLS_1_3",
                              (int)o->min_version);
  if (o->ticket_lifetime_s > TICKET_PERIOD_MAX_S)
    return sio__tls_set_error(why, UV_EINVAL,
                              "ticket_lifetime_s: %u is more than %d seconds (a week)",
                              o->ticket_lifetime_s, TICKET_PERIOD_MAX_S);
  struct bundle *b = OPENSSL_zalloc(sizeof *b + o->nmore * sizeof *b->more);
  if (!b) return sio__tls_set_error(why, UV_ENOMEM, "out of memory");
  atomic_init(&b->refs, 1);
  b->expires = INT64_MAX;
  int err = o->ctx ? use_ssl_ctx_of_host_and_refuse_other_options(b, o, why)
                   : fill_server_bundle_from_options(b, o, why);
  if (err) {
    sio__tls_bundle_unref(b);
    return err;
  }
  *out = b;
  return 0;
}

/* ---- the bundle of a client ------------------------------------------------- */

static int set_server_certificate_verification(SSL_CTX *ctx, const sio_openssl_client_options *o,
                                               const struct complaint *why) {
  bool has_ca = o->ca_file || o->ca.n;
  SSL_CTX_set_verify(ctx, o->accept_unauthorized ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  if (has_ca) return sio__tls_load_trusted_cas(ctx, o->ca_file, o->ca, why);
  if (!SSL_CTX_set_default_verify_paths(ctx))
    return sio__tls_set_openssl_error(why, NULL, "the CA certificates of the system");
  return 0;
}

static bool has_any_certificate_or_key_source(const sio_openssl_identity *id) {
  return id->cert_file || id->cert.n || id->pfx_file || id->pfx.n || id->key_file || id->key.n;
}

static int fill_client_bundle_from_options(struct bundle *b, const sio_openssl_client_options *o,
                                           const struct complaint *why) {
  b->client = true;
  b->ctx = SSL_CTX_new(TLS_client_method());
  if (!b->ctx) return sio__tls_set_openssl_error(why, NULL, "SSL_CTX_new");
  SSL_CTX_set_min_proto_version(b->ctx,
                                o->min_version == SIO_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (o->server_name && !(b->server_name = OPENSSL_strdup(o->server_name)))
    return sio__tls_set_error(why, UV_ENOMEM, "out of memory");
  int err = set_server_certificate_verification(b->ctx, o, why);
  return err || !has_any_certificate_or_key_source(&o->identity)
             ? err
             : sio__tls_load_identity(b->ctx, &o->identity, why);
}

int sio__tls_client_bundle_new(struct bundle **out, const sio_openssl_client_options *o,
                               const struct complaint *why) {
  if (o->min_version != SIO_TLS_1_2 && o->min_version != SIO_TLS_1_3)
    return sio__tls_set_error(why, UV_EINVAL,
                              "min_version: %d is neither SIO_TLS_1_2 nor SIO_TLS_1_3",
                              (int)o->min_version);
  if (!o->server_name && !o->accept_unauthorized)
    return sio__tls_set_error(why, UV_EINVAL, "server_name or accept_unauthorized is needed");
  struct bundle *b = OPENSSL_zalloc(sizeof *b);
  if (!b) return sio__tls_set_error(why, UV_ENOMEM, "out of memory");
  atomic_init(&b->refs, 1);
  b->expires = INT64_MAX;
  int err = fill_client_bundle_from_options(b, o, why);
  if (err) {
    sio__tls_bundle_unref(b);
    return err;
  }
  lower_bundle_expiry_to_certificate(b, b->ctx);
  *out = b;
  return 0;
}

/* ---- references ------------------------------------------------------------ */

struct bundle *sio__tls_bundle_ref(struct bundle *b) {
  atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
  return b;
}

void sio__tls_bundle_unref(struct bundle *b) {
  if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1) return;
  SSL_CTX_free(b->ctx);
  while (b->nmore > 0) SSL_CTX_free(b->more[--b->nmore]);
  sio__tickets_clear(&b->tickets);
  OPENSSL_free(b->server_name);
  OPENSSL_free(b);
}
