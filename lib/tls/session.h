/* SPDX-License-Identifier: MIT
 *
 * session.h - the table of functions with which libsio uses TLS sessions of OpenSSL.
 */
#ifndef SIO_TLS_SESSION_H
#define SIO_TLS_SESSION_H

#include <openssl/bio.h>
#include <sio/tls.h>

/* The argument `context` of the function `open` is a struct provider. */
extern const sio_tls_ops sio__tls_session_ops;

/* Makes the BIO_METHOD of the BIO objects through which sessions read and write ciphertext. Returns
 * NULL if memory runs out. */
BIO_METHOD *sio__tls_bio_method_new(void);

#endif
