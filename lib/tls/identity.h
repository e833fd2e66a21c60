/* SPDX-License-Identifier: MIT
 *
 * identity.h - loads keys and certificates from files or memory into an SSL_CTX, and describes
 * errors in one line.
 */
#ifndef SIO_TLS_IDENTITY_H
#define SIO_TLS_IDENTITY_H

#include <openssl/ssl.h>
#include <sio/openssl.h>

/* The buffer of the host into which the text of an error is written. */
struct complaint {
  char *text;
  size_t size;
};

/* Writes the formatted text to *why, cut if it does not fit, and returns err. */
int sio__tls_set_error(const struct complaint *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes the last error of OpenSSL to *why, such as "cert_file a.pem: no start line", and clears
 * all errors. `what` is the name of an option, and `name` its value or "in memory"; or `what` is
 * NULL, and `name` says what failed. Returns UV_ENOMEM or SIO_EPROTO. */
int sio__tls_set_openssl_error(const struct complaint *why, const char *what, const char *name);

/* Makes ctx use the certificate and the key of id. Returns 0, or an error code with a text in
 * *why. */
int sio__tls_load_identity(SSL_CTX *ctx, const sio_openssl_identity *id,
                           const struct complaint *why);
/* Makes ctx trust the issuers whose certificates are in the file or in pem. Does nothing if neither
 * is given. Returns 0, or an error code with a text in *why. */
int sio__tls_load_trusted_cas(SSL_CTX *ctx, const char *file, sio_slice pem,
                              const struct complaint *why);

#endif
