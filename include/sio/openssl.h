/* SPDX-License-Identifier: MIT
 *
 * openssl.h - TLS by OpenSSL 3: the library libsio-openssl, beside libsio (pkg-config
 * libsio-openssl).
 *
 *     sio_openssl_options o = { .identity = { .cert_file = "fullchain.pem",
 *                                             .key_file = "privkey.pem" } };
 *     char why[256];
 *     if (sio_openssl_new(&tls, &o, why, sizeof why)) fprintf(stderr, "%s\n", why);
 *     ...
 *     sio_openssl_reload(tls, &o, why, sizeof why);      the files are new ones
 *
 * TLS 1.2 and 1.3. ALPN answers "http/1.1" and refuses whoever offers only others (RFC 7301). No
 * renegotiation, no compression, no early data. Sessions are resumed by tickets alone, so that
 * nothing is kept for who has left. A ClientHello has at most 16 KiB; until it is complete, its
 * bytes are all that is held of the handshake.
 */
#ifndef SIO_OPENSSL_H
#define SIO_OPENSSL_H

#include <sio/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st;

/* A private key and the certificate for it, followed by those that lead to its CA: in PEM, as files
 * or in memory, or all of it as PKCS#12 (pfx). */
typedef struct sio_openssl_identity {
  const char *cert_file, *key_file;
  sio_slice cert, key;
  const char *pfx_file;
  sio_slice pfx;
  const char *passphrase; /* of the key, or the pfx; NULL: none */
} sio_openssl_identity;

/* Zero means the default in every field. Only read during the call. */
typedef struct sio_openssl_options {
  sio_openssl_identity identity;
  /* Further ones: whoever asks for a name (SNI) gets the first whose certificate is for it, or else
   * the identity above. */
  const sio_openssl_identity *more;
  size_t nmore;
  const char *ca_file; /* PEM: who vouches for clients                                          */
  sio_slice ca;        /* the same in memory                                                    */
  bool request_cert;   /* ask clients for a certificate ("requestCert"); needs ca, or: */
  /* Who has none, or a bad one, comes in too ("rejectUnauthorized: false"): sio_tls_info.verified
   * tells. */
  bool accept_unauthorized;
  int min_version;          /* SIO_TLS_1_2, or SIO_TLS_1_3                                      */
  const char *ciphers;      /* of TLS 1.2; NULL: OpenSSL's                                      */
  const char *ciphersuites; /* of TLS 1.3; NULL: OpenSSL's                                      */
  /* The host's own, in place of all above (UV_EINVAL with any of it); a reference is taken. ALPN,
   * versions and tickets are then the host's to set up; renegotiation and compression stay off. */
  struct ssl_ctx_st *ctx;
  /* 3600: for how many seconds a session ticket can be used; a week at most. The key that encrypts
   * tickets changes when the first handshake after so long needs it, and is kept for as long again
   * to read those that it made. */
  unsigned ticket_lifetime_s;
} sio_openssl_options;

/* why gets one line without a newline that says what was wrong, at most size bytes with its NUL, ""
 * if nothing was: "key_file privkey.pem: No such file or directory". It may be NULL with size 0.
 * UV_EINVAL: the options contradict each other, or there is no certificate; SIO_EPROTO: OpenSSL
 * does not take it; UV_ENOENT, UV_EACCES, ... of a file; UV_ENOMEM. */
SIO_EXTERN int sio_openssl_new_sized(sio_tls **out, const sio_openssl_options *o, size_t o_size,
                                     char *why, size_t size);
static inline int sio_openssl_new(sio_tls **out, const sio_openssl_options *o, char *why,
                                  size_t size) {
  return sio_openssl_new_sized(out, o, sizeof *o, why, size);
}

/* The same options, or others, for connections accepted from now on; those there go on as they are.
 * The keys of session tickets change, too: a client with an older ticket makes a full handshake, so
 * that a client which the new options refuse cannot resume a session. After an error the old
 * options stay in force. Any thread. */
SIO_EXTERN int sio_openssl_reload_sized(sio_tls *tls, const sio_openssl_options *o, size_t o_size,
                                        char *why, size_t size);
static inline int sio_openssl_reload(sio_tls *tls, const sio_openssl_options *o, char *why,
                                     size_t size) {
  return sio_openssl_reload_sized(tls, o, sizeof *o, why, size);
}

/* ---- a client
 * ------------------------------------------------------------------------------------
 *
 * For connections that the program opens itself, as those of <sio/redis.h>. */

/* Zero means the default in every field. Only read during the call. */
typedef struct sio_openssl_client_options {
  /* The name, or address, that the server's certificate must be for; it is also sent (SNI) unless
   * it is an address. Required without accept_unauthorized. */
  const char *server_name;
  const char *ca_file; /* PEM: who vouches for the server; neither: those of the system          */
  sio_slice ca;        /* the same in memory                                                     */
  sio_openssl_identity identity; /* what is shown to a server that asks; none: nothing            */
  bool accept_unauthorized;      /* any certificate is good enough: encryption without identity   */
  int min_version;               /* SIO_TLS_1_2, or SIO_TLS_1_3                                   */
} sio_openssl_client_options;

/* A provider whose sessions are a client's: open() says hello to the server at once. Free it with
 * sio_openssl_free(); it cannot be reloaded, nor listened with. Errors as of sio_openssl_new(). */
SIO_EXTERN int sio_openssl_client_new_sized(sio_tls **out, const sio_openssl_client_options *o,
                                            size_t o_size, char *why, size_t size);
static inline int sio_openssl_client_new(sio_tls **out, const sio_openssl_client_options *o,
                                         char *why, size_t size) {
  return sio_openssl_client_new_sized(out, o, sizeof *o, why, size);
}

/* When the first of its own certificates ends, as Unix time in seconds: for whoever wants to be
 * told in time. Any thread. */
SIO_EXTERN int64_t sio_openssl_expires(const sio_tls *tls);

/* After done() of the last server that has connections of it. NULL is fine. */
SIO_EXTERN void sio_openssl_free(sio_tls *tls);

#ifdef __cplusplus
}
#endif
#endif
