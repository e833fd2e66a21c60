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
 * (RFC 7301). Sessions are resumed with tickets, so the server stores nothing for clients that have
 * left. (If sio_openssl_options.ctx is set, the program decides about versions, ALPN and tickets.)
 * There is no renegotiation, compression or early data. A ClientHello may have 16 KiB; until it is
 * complete, the library holds little more than its bytes in memory.
 */
#ifndef SIO_OPENSSL_H
#define SIO_OPENSSL_H

#include <sio/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st;

/* A private key and its certificate, followed by the intermediate certificates up to the CA. They
 * are given as PEM or as PKCS#12 (pfx), in files or in memory. Without a key, the key is read from
 * the certificate's PEM. */
typedef struct sio_openssl_identity {
  const char *cert_file, *key_file;
  sio_slice cert, key;
  const char *pfx_file;
  sio_slice pfx;
  const char *passphrase; /* of the key or of the pfx; NULL: none */
} sio_openssl_identity;

/* The options of sio_openssl_new(). A field that is 0 or NULL selects its default. The struct is
 * only read during the call. */
typedef struct sio_openssl_options {
  /* sizeof(sio_openssl_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The certificate of the server, with its key. Required unless ctx is set. */
  sio_openssl_identity identity;
  /* Further certificates, for other host names: an array of nmore identities. If a client names a
   * host (SNI) for which the certificate of `identity` is not valid, the first of `more` that is
   * valid for it is used; if none is, `identity`. */
  const sio_openssl_identity *more;
  size_t nmore;
  /* A PEM file with the CA certificates with which certificates of clients are verified. */
  const char *ca_file;
  /* The same CA certificates in memory instead of a file. */
  sio_slice ca;
  /* Ask clients for a certificate ("requestCert"), and refuse a client that has no valid one,
   * unless accept_unauthorized is set. Needs ca_file, ca or accept_unauthorized. */
  bool request_cert;
  /* With request_cert: do not refuse clients that have no valid certificate ("rejectUnauthorized:
   * false"). sio_tls_info.verified is true only for clients that have one. */
  bool accept_unauthorized;
  /* SIO_TLS_1_2 or SIO_TLS_1_3: the lowest version that is accepted. Default: SIO_TLS_1_2. */
  int min_version;
  /* The cipher list for TLS 1.2, in OpenSSL's syntax; NULL: OpenSSL's default. */
  const char *ciphers;
  /* The cipher suites for TLS 1.3, in OpenSSL's syntax; NULL: OpenSSL's default. */
  const char *ciphersuites;
  /* An SSL_CTX that the program has set up itself; NULL: the library makes one. If ctx is set, all
   * other fields except size must be zero. The library keeps a reference to the SSL_CTX, and uses
   * ALPN, versions and tickets as the program has set them; it turns renegotiation and compression
   * off. */
  struct ssl_ctx_st *ctx;
  /* For how many seconds a session ticket is valid, unless sio_openssl_reload() is called; at most
   * a week. Default: 3600. The key that encrypts tickets is replaced about as often. The key before
   * it still decrypts tickets that are valid. */
  unsigned ticket_lifetime_s;
} sio_openssl_options;

/* Creates a provider of TLS for servers. If it fails, why becomes one line of text that says what
 * is wrong: "key_file privkey.pem: No such file or directory"; otherwise why becomes "". why has
 * room for size bytes, including the NUL, and may be NULL if size is 0. UV_EINVAL: o is NULL, an
 * option is invalid, two options contradict each other, or there is no certificate; SIO_EPROTO:
 * OpenSSL refuses a key, a certificate or another option, or fails; UV_ENOENT, UV_EACCES and
 * others: a file cannot be opened; UV_ENOMEM. */
SIO_EXTERN int sio_openssl_new(const sio_openssl_options *o, char *why, size_t size, sio_tls **out);

/* Replaces the options of tls for TLS connections that begin from now on; open ones keep the old
 * options. Unless o->ctx is set, the keys of session tickets are replaced, too: a client with an
 * older ticket has to make a full handshake, and a client that the new options refuse cannot resume
 * a session. The errors and why are as for sio_openssl_new(); UV_EINVAL also if tls is one of
 * sio_openssl_client_new(). After an error the old options stay in use. May be called on any
 * thread. */
SIO_EXTERN int sio_openssl_reload(sio_tls *tls, const sio_openssl_options *o, char *why,
                                  size_t size);

/* ---- TLS for connections that the program opens ---------------------------------------------- */

/* The options of sio_openssl_client_new(). A field that is 0 or NULL selects its default, except
 * for server_name. The struct is only read during the call. */
typedef struct sio_openssl_client_options {
  /* sizeof(sio_openssl_client_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The name or address for which the server's certificate must be valid; required, unless
   * accept_unauthorized is set. A name is also sent to the server (SNI). */
  const char *server_name;
  /* A PEM file with the CA certificates with which the server's certificate is verified. If neither
   * ca_file nor ca is set, the CA certificates of the system are used. */
  const char *ca_file;
  /* The same CA certificates in memory instead of a file. */
  sio_slice ca;
  /* The certificate that is sent to a server that asks for one. */
  sio_openssl_identity identity;
  /* Accept every certificate: the connection is encrypted, but the server is not verified. */
  bool accept_unauthorized;
  /* SIO_TLS_1_2 or SIO_TLS_1_3: the lowest version that is accepted. Default: SIO_TLS_1_2. */
  int min_version;
} sio_openssl_client_options;

/* Creates a provider of TLS for connections that the program opens itself, such as those of
 * <sio/redis.h>. It cannot be passed to sio_openssl_reload(), nor used for listening. Free it with
 * sio_openssl_free(). The errors and why are as for sio_openssl_new(), except that the identity may
 * be missing. */
SIO_EXTERN int sio_openssl_client_new(const sio_openssl_client_options *o, char *why, size_t size,
                                      sio_tls **out);

/* Returns the time at which the first of the certificates that tls itself presents expires, as Unix
 * time in seconds, so that a program can warn in time. Certificates of CAs are not looked at, and
 * of those in sio_openssl_options.ctx only the current one. Returns INT64_MAX if tls has no
 * certificate. May be called on any thread. */
SIO_EXTERN int64_t sio_openssl_expiry_time(const sio_tls *tls);

/* Frees a provider of sio_openssl_new() or sio_openssl_client_new(). Call it after done() of the
 * last server that has connections with it has run, and after the loop has closed the handles of
 * each sio_redis that uses it. tls may be NULL. */
SIO_EXTERN void sio_openssl_free(sio_tls *tls);

#ifdef __cplusplus
}
#endif
#endif
