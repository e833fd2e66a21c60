/* SPDX-License-Identifier: MIT
 *
 * openssl.h - TLS with OpenSSL 3. The functions are in a library of their own, libsio-openssl
 * (pkg-config libsio-openssl).
 *
 *     sio_openssl_options o = { .identity = { .cert_file = "fullchain.pem",
 *                                             .key_file = "privkey.pem" } };
 *     char why[256];
 *     if (sio_openssl_new(&o, why, sizeof why, &tls)) fprintf(stderr, "%s\n", why);
 *     ...
 *     sio_openssl_reload(tls, &o, why, sizeof why);      when the files have changed
 *
 * TLS 1.2 and 1.3. ALPN selects "http/1.1"; a client that offers only other protocols is refused
 * (RFC 7301). There is no renegotiation, compression or early data. Sessions are resumed with
 * tickets, so the server stores nothing for clients that have left. A ClientHello may have 16 KiB;
 * until it is complete, only its bytes are held in memory.
 */
#ifndef SIO_OPENSSL_H
#define SIO_OPENSSL_H

#include <sio/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st;

/* A private key and its certificate, followed by the certificates that lead to its CA. They are PEM
 * files, PEM in memory, or one PKCS#12 file (pfx). */
typedef struct sio_openssl_identity {
  const char *cert_file, *key_file;
  sio_slice cert, key;
  const char *pfx_file;
  sio_slice pfx;
  const char *passphrase; /* of the key or of the pfx; NULL: none */
} sio_openssl_identity;

/* Zero is the default of every field. The struct is only read during the call. */
typedef struct sio_openssl_options {
  /* sizeof(sio_openssl_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  sio_openssl_identity identity;
  /* Further identities for other host names. A client that asks for a name (SNI) gets the first one
   * whose certificate is for that name, or else `identity`. */
  const sio_openssl_identity *more;
  size_t nmore;
  /* The CAs that client certificates are verified with: a PEM file. */
  const char *ca_file;
  /* The same in memory. */
  sio_slice ca;
  /* Ask clients for a certificate ("requestCert"). A client without a valid one is refused. Needs
   * ca_file, ca or accept_unauthorized. */
  bool request_cert;
  /* Admit clients without a certificate, or with an invalid one ("rejectUnauthorized: false").
   * sio_tls_info.verified tells them apart. */
  bool accept_unauthorized;
  /* SIO_TLS_1_2 or SIO_TLS_1_3: the lowest version. */
  int min_version;
  /* The ciphers of TLS 1.2; NULL: those of OpenSSL. */
  const char *ciphers;
  /* The ciphers of TLS 1.3; NULL: those of OpenSSL. */
  const char *ciphersuites;
  /* A context that the program has set up itself; all fields above must then be zero. The library
   * takes a reference. ALPN, versions and tickets are as the program has set them; renegotiation
   * and compression are off. */
  struct ssl_ctx_st *ctx;
  /* 3600, at most a week: how many seconds a session ticket is valid. The key that encrypts tickets
   * is replaced by the first handshake after this time, and is kept for as long again to read the
   * tickets that it has encrypted. */
  unsigned ticket_lifetime_s;
} sio_openssl_options;

/* Creates a provider. After an error why is one line without a newline that says what is wrong:
 * "key_file privkey.pem: No such file or directory". It has at most size bytes, including its NUL;
 * it is "" after success. why may be NULL if size is 0. UV_EINVAL: the options contradict each
 * other, or there is no certificate; SIO_EPROTO: OpenSSL refuses it; UV_ENOENT, UV_EACCES, ...: a
 * file cannot be read; UV_ENOMEM. */
SIO_EXTERN int sio_openssl_new(const sio_openssl_options *o, char *why, size_t size, sio_tls **out);

/* Replaces the options for connections that are accepted from now on; open ones keep theirs. The
 * keys of session tickets change, too: a client with an older ticket makes a full handshake, so
 * that a client which the new options refuse cannot resume a session. After an error the old
 * options stay in force. May be called by any thread. */
SIO_EXTERN int sio_openssl_reload(sio_tls *tls, const sio_openssl_options *o, char *why,
                                  size_t size);

/* ---- TLS for connections that the program opens ---------------------------------------------- */

/* For sio_openssl_client_new(). Zero is the default of every field. The struct is only read during
 * the call. */
typedef struct sio_openssl_client_options {
  /* sizeof(sio_openssl_client_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The name or address that the server's certificate must be valid for. A name is also sent to the
   * server (SNI). Required unless accept_unauthorized is set. */
  const char *server_name;
  /* The CAs that the server's certificate is verified with: a PEM file. Without ca_file and ca: the
   * CAs of the system. */
  const char *ca_file;
  /* The same in memory. */
  sio_slice ca;
  /* The certificate for a server that asks for one. */
  sio_openssl_identity identity;
  /* Accept every certificate: the connection is encrypted, but the server is not verified. */
  bool accept_unauthorized;
  /* SIO_TLS_1_2 or SIO_TLS_1_3: the lowest version. */
  int min_version;
} sio_openssl_client_options;

/* Creates a provider for connections that the program opens itself, such as those of <sio/redis.h>.
 * Free it with sio_openssl_free(). It cannot be reloaded or listened with. The errors are those of
 * sio_openssl_new(). */
SIO_EXTERN int sio_openssl_client_new(const sio_openssl_client_options *o, char *why, size_t size,
                                      sio_tls **out);

/* When the first of the server's certificates expires, as Unix time in seconds: for programs that
 * want to warn in time. May be called by any thread. */
SIO_EXTERN int64_t sio_openssl_expires(const sio_tls *tls);

/* Frees the provider. Call it after done() of the last server that has connections with it. tls may
 * be NULL. */
SIO_EXTERN void sio_openssl_free(sio_tls *tls);

#ifdef __cplusplus
}
#endif
#endif
