/* SPDX-License-Identifier: MIT
 *
 * identity.h - keys and certificates, from files or memory, into an SSL_CTX; and saying in one line
 * what is wrong with them.
 */
#ifndef SIO_TLS_IDENTITY_H
#define SIO_TLS_IDENTITY_H

#include <openssl/ssl.h>
#include <sio/openssl.h>

/* Where the one line goes. */
struct complaint {
  char *text;
  size_t size;
};

/* Each gives err back. */
int sio__tls_complain(const struct complaint *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* With OpenSSL's own words behind ours. `what` NULL: those alone. UV_ENOMEM or SIO_EPROTO. */
int sio__tls_complain_ssl(const struct complaint *why, const char *what, const char *name);

/* 0, or a code and a complaint. */
int sio__tls_load_identity(SSL_CTX *ctx, const sio_openssl_identity *id,
                           const struct complaint *why);
int sio__tls_load_client_cas(SSL_CTX *ctx, const char *file, sio_slice pem,
                             const struct complaint *why);

#endif
