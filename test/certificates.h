/* SPDX-License-Identifier: MIT
 *
 * certificates.h - keys and certificates made on the spot, as PEM and as PKCS#12.
 *
 *     struct identity ca, own;
 *     identity_make(&ca, "CN=ca", NULL, NULL, 1);
 *     identity_make(&own, "localhost", &ca, "DNS:localhost", 1);     valid from now for a day
 *     identity_clear(&own);
 */
#ifndef SIO_TEST_CERTIFICATES_H
#define SIO_TEST_CERTIFICATES_H

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <sio/types.h>
#include <stdlib.h>

struct identity {
  EVP_PKEY *pkey;
  X509 *x509;
  char *cert, *key; /* PEM */
};

static inline char *pem_text(BIO *b) {
  char *p, *text;
  size_t n = (size_t)BIO_get_mem_data(b, &p);
  text = malloc(n + 1);
  if (!text) abort();
  memcpy(text, p, n);
  text[n] = '\0';
  BIO_free(b);
  return text;
}

static inline void add_extension(X509 *x, int what, const char *value) {
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, what, value);
  if (!e || !X509_add_ext(x, e, -1)) abort();
  X509_EXTENSION_free(e);
}

static inline void set_name(X509_NAME *name, const char *cn) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

/* days < 0: it has ended already. by NULL: by itself, a CA. */
static inline void identity_make(struct identity *id, const char *cn, const struct identity *by,
                                 const char *names, int days) {
  static long serial = 1;
  id->pkey = EVP_EC_gen("P-256");
  X509 *x = id->x509 = X509_new();
  if (!id->pkey || !x) abort();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), -5L * 86400);
  X509_gmtime_adj(X509_getm_notAfter(x), days * 86400L);
  set_name(X509_get_subject_name(x), cn);
  X509_set_issuer_name(x, by ? X509_get_subject_name(by->x509) : X509_get_subject_name(x));
  X509_set_pubkey(x, id->pkey);
  if (!by) add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
  if (names) add_extension(x, NID_subject_alt_name, names);
  if (!X509_sign(x, by ? by->pkey : id->pkey, EVP_sha256())) abort();
  BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
  if (!PEM_write_bio_X509(cert, x)) abort();
  if (!PEM_write_bio_PrivateKey(key, id->pkey, NULL, NULL, 0, NULL, NULL)) abort();
  id->cert = pem_text(cert);
  id->key = pem_text(key);
}

static inline void identity_clear(struct identity *id) {
  EVP_PKEY_free(id->pkey);
  X509_free(id->x509);
  free(id->cert);
  free(id->key);
}

/* Its key under a passphrase. The caller frees it. */
static inline char *locked_key(const struct identity *id, const char *pass) {
  BIO *b = BIO_new(BIO_s_mem());
  if (!PEM_write_bio_PrivateKey(b, id->pkey, EVP_aes_128_cbc(), (const unsigned char *)pass,
                                (int)strlen(pass), NULL, NULL))
    abort();
  return pem_text(b);
}

/* The caller frees p with OPENSSL_free(). */
static inline sio_slice pfx_of(const struct identity *id, const struct identity *ca,
                               const char *pass) {
  STACK_OF(X509) *chain = sk_X509_new_null();
  unsigned char *der = NULL;
  if (ca) sk_X509_push(chain, ca->x509);
  PKCS12 *p = PKCS12_create(pass, NULL, id->pkey, id->x509, chain, 0, 0, 0, 0, 0);
  int n = i2d_PKCS12(p, &der);
  if (n < 0) abort();
  PKCS12_free(p);
  sk_X509_free(chain);
  return (sio_slice){ (char *)der, (size_t)n };
}

#endif
