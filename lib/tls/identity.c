/* SPDX-License-Identifier: MIT
 *
 * identity.c - loads certificates and keys in PEM or PKCS#12 format into an SSL_CTX.
 */
#include "tls/identity.h"
#include "base/err.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- error texts ----------------------------------------------------------- */

int sio__tls_set_error(const struct complaint *why, int err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  if (why->size) vsnprintf(why->text, why->size, fmt, ap);
  va_end(ap);
  return err;
}

int sio__tls_set_openssl_error(const struct complaint *why, const char *what, const char *name) {
  unsigned long e = ERR_peek_last_error();
  const char *reason = e ? ERR_reason_error_string(e) : NULL;
  bool memory = ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
  ERR_clear_error();
  if (memory) return sio__tls_set_error(why, UV_ENOMEM, "out of memory");
  if (!reason) reason = "OpenSSL cannot use it";
  return what ? sio__tls_set_error(why, SIO_EPROTO, "%s %s: %s", what, name, reason)
              : sio__tls_set_error(why, SIO_EPROTO, "%s: %s", name, reason);
}

/* ---- sources --------------------------------------------------------------- */

/* Where certificates or a key come from: a file or bytes in memory, and the names of the two
 * options for these (such as "cert_file" and "cert"). */
struct source {
  const char *file_field, *field, *file;
  sio_slice bytes;
};

static bool is_identity_source_set(const struct source *s) { return s->file || s->bytes.n; }
static const char *option_name_of_identity_source(const struct source *s) {
  return s->file ? s->file_field : s->field;
}
static const char *file_name_or_in_memory(const struct source *s) {
  return s->file ? s->file : "in memory";
}

static int set_error_of_unusable_source(const struct source *s, const struct complaint *why) {
  return sio__tls_set_openssl_error(why, option_name_of_identity_source(s),
                                    file_name_or_in_memory(s));
}

static int open_bio_of_identity_source(BIO **out, const struct source *s,
                                       const struct complaint *why) {
  *out = NULL;
  if (s->file && s->bytes.n)
    return sio__tls_set_error(why, UV_EINVAL, "%s and %s are both set", s->file_field, s->field);
  if (s->bytes.n > INT32_MAX) return sio__tls_set_error(why, UV_EINVAL, "%s is too long", s->field);
  ERR_clear_error();
  errno = 0;
  *out = s->file ? BIO_new_file(s->file, "rb") : BIO_new_mem_buf(s->bytes.p, (int)s->bytes.n);
  if (*out) return 0;
  int err = errno;
  if (!s->file || err == 0) return set_error_of_unusable_source(s, why);
  ERR_clear_error();
  return sio__tls_set_error(why, -err, "%s %s: %s", s->file_field, s->file, strerror(err));
}

/* Gives the passphrase of a key to OpenSSL, which would otherwise ask for it on the terminal. Fails
 * if there is no passphrase or it is too long. */
static int give_passphrase_to_openssl(char *out, int size, int writing, void *user) {
  const char *pass = user;
  size_t n = pass ? strlen(pass) : 0;
  (void)writing;
  if (!pass || n > (size_t)size) return -1;
  memcpy(out, pass, n);
  return (int)n;
}

/* ---- PEM ------------------------------------------------------------------------------------ */

/* Returns true if reading stopped because the PEM text contains no further certificate. OpenSSL
 * reports that as an error, which is cleared. */
static bool clear_error_if_at_end_of_pem(void) {
  unsigned long e = ERR_peek_last_error();
  bool end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
  if (end) ERR_clear_error();
  return end;
}

static bool add_chain_certificates_from_pem(SSL_CTX *ctx, BIO *in) {
  X509 *x;
  while ((x = PEM_read_bio_X509(in, NULL, give_passphrase_to_openssl, NULL))) {
    bool ok = SSL_CTX_add1_chain_cert(ctx, x);
    X509_free(x);
    if (!ok) return false;
  }
  return clear_error_if_at_end_of_pem();
}

static int load_pem_certificate_and_chain(SSL_CTX *ctx, const struct source *s,
                                          const struct complaint *why) {
  BIO *in;
  int err = open_bio_of_identity_source(&in, s, why);
  if (err) return err;
  X509 *x = PEM_read_bio_X509_AUX(in, NULL, give_passphrase_to_openssl, NULL);
  if (!x || !SSL_CTX_use_certificate(ctx, x) || !add_chain_certificates_from_pem(ctx, in))
    err = set_error_of_unusable_source(s, why);
  X509_free(x);
  BIO_free(in);
  return err;
}

static int use_key_if_it_matches(SSL_CTX *ctx, EVP_PKEY *key, const struct source *s,
                                 const struct complaint *why) {
  X509 *cert = SSL_CTX_get0_certificate(ctx);
  bool fits = X509_check_private_key(cert, key);
  if (fits && SSL_CTX_use_PrivateKey(ctx, key)) return 0;
  if (fits) return set_error_of_unusable_source(s, why);
  ERR_clear_error();
  return sio__tls_set_error(why, SIO_EPROTO, "%s %s: not the key of the certificate",
                            option_name_of_identity_source(s), file_name_or_in_memory(s));
}

static int load_pem_key(SSL_CTX *ctx, const struct source *s, const char *pass,
                        const struct complaint *why) {
  BIO *in;
  int err = open_bio_of_identity_source(&in, s, why);
  if (err) return err;
  EVP_PKEY *key =
      PEM_read_bio_PrivateKey(in, NULL, give_passphrase_to_openssl, (void *)(uintptr_t)pass);
  err = key ? use_key_if_it_matches(ctx, key, s, why) : set_error_of_unusable_source(s, why);
  EVP_PKEY_free(key);
  BIO_free(in);
  return err;
}

/* ---- PKCS#12 -------------------------------------------------------------------------------- */

struct parts {
  EVP_PKEY *key;
  X509 *cert;
  STACK_OF(X509) * chain;
};

static int use_pkcs12_certificate_chain_and_key(SSL_CTX *ctx, const struct parts *p,
                                                const struct source *s,
                                                const struct complaint *why) {
  if (!p->key || !p->cert)
    return sio__tls_set_error(why, SIO_EPROTO, "%s %s: it contains no key or no certificate",
                              option_name_of_identity_source(s), file_name_or_in_memory(s));
  if (!SSL_CTX_use_certificate(ctx, p->cert)) return set_error_of_unusable_source(s, why);
  for (int i = 0; i < sk_X509_num(p->chain); i++)
    if (!SSL_CTX_add1_chain_cert(ctx, sk_X509_value(p->chain, i)))
      return set_error_of_unusable_source(s, why);
  return use_key_if_it_matches(ctx, p->key, s, why);
}

static int load_pkcs12_identity(SSL_CTX *ctx, const struct source *s, const char *pass,
                                const struct complaint *why) {
  BIO *in;
  struct parts p = { NULL, NULL, NULL };
  int err = open_bio_of_identity_source(&in, s, why);
  if (err) return err;
  PKCS12 *pfx = d2i_PKCS12_bio(in, NULL);
  bool read = pfx && PKCS12_parse(pfx, pass, &p.key, &p.cert, &p.chain);
  err = read ? use_pkcs12_certificate_chain_and_key(ctx, &p, s, why)
             : set_error_of_unusable_source(s, why);
  EVP_PKEY_free(p.key);
  X509_free(p.cert);
  sk_X509_pop_free(p.chain, X509_free);
  PKCS12_free(pfx);
  BIO_free(in);
  return err;
}

/* ---- complete identities --------------------------------------------------- */

int sio__tls_load_identity(SSL_CTX *ctx, const sio_openssl_identity *id,
                           const struct complaint *why) {
  struct source cert = { "cert_file", "cert", id->cert_file, id->cert };
  struct source key = { "key_file", "key", id->key_file, id->key };
  struct source pfx = { "pfx_file", "pfx", id->pfx_file, id->pfx };
  bool pem = is_identity_source_set(&cert) || is_identity_source_set(&key);
  if (is_identity_source_set(&pfx) && pem)
    return sio__tls_set_error(why, UV_EINVAL, "pfx cannot be combined with cert or key");
  if (is_identity_source_set(&pfx)) return load_pkcs12_identity(ctx, &pfx, id->passphrase, why);
  if (!is_identity_source_set(&cert))
    return sio__tls_set_error(why, UV_EINVAL, "none of cert_file, cert, pfx_file and pfx is set");
  if (!is_identity_source_set(&key))
    key = (struct source){ "cert_file", "cert", id->cert_file, id->cert };
  int err = load_pem_certificate_and_chain(ctx, &cert, why);
  return err ? err : load_pem_key(ctx, &key, id->passphrase, why);
}

/* Trusts certificates that x has issued. If ctx is a server's, also sends the name of x to clients,
 * so that they can choose a certificate. */
static int add_trusted_ca(SSL_CTX *ctx, X509 *x) {
  return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) && SSL_CTX_add_client_CA(ctx, x);
}

int sio__tls_load_trusted_cas(SSL_CTX *ctx, const char *file, sio_slice pem,
                              const struct complaint *why) {
  struct source s = { "ca_file", "ca", file, pem };
  BIO *in;
  int err = is_identity_source_set(&s) ? open_bio_of_identity_source(&in, &s, why) : 0;
  if (err || !is_identity_source_set(&s)) return err;
  X509 *x;
  int n = 0;
  bool ok = true;
  for (; ok && (x = PEM_read_bio_X509(in, NULL, give_passphrase_to_openssl, NULL)); n++) {
    ok = add_trusted_ca(ctx, x);
    X509_free(x);
  }
  if (!ok || n == 0 || !clear_error_if_at_end_of_pem()) err = set_error_of_unusable_source(&s, why);
  BIO_free(in);
  return err;
}
