/* SPDX-License-Identifier: MIT
 *
 * identity.h - loads keys and certificates from files or memory into an SSL_CTX, and describes
 * errors in one line.
 */
#ifndef SIO_TLS_IDENTITY_H
#define SIO_TLS_IDENTITY_H

#include <openssl/ssl.h>
#include <sio/openssl.h>

/* The host's buffer for the description of an error. */
struct complaint {
  char *text;
  size_t size;
};

/* Writes the description and returns err. */
int sio__tls_set_error(const struct complaint *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes "what name: OpenSSL's reason", without `what` if it is NULL. Returns UV_ENOMEM or
 * SIO_EPROTO. */
int sio__tls_set_openssl_error(const struct complaint *why, const char *what, const char *name);

/* 0, or an error code with a description in *why. */
int sio__tls_load_identity(SSL_CTX *ctx, const sio_openssl_identity *id,
                           const struct complaint *why);
int sio__tls_load_client_cas(SSL_CTX *ctx, const char *file, sio_slice pem,
                             const struct complaint *why);

#endif
