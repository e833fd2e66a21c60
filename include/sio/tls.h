/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS for a server's connections ("https://" and "wss://").
 *
 *     sio_tls *tls;                                                  (with <sio/openssl.h>)
 *     sio_openssl_new(&(sio_openssl_options){ .identity = { ... } }, why, sizeof why, &tls);
 *     sio_listen_with(srv, &(sio_listen_options){ .port = 443, .tls = tls });
 *
 * The library itself contains no TLS. It calls a provider: a table of functions that encrypt and
 * decrypt in memory. libsio-openssl is one; a program can bring another one for another TLS
 * library. What the functions of a provider must do is described below.
 *
 * The client must complete the handshake within sio_options.tls_timeout_ms, and at most
 * max_tls_handshakes are under way. A client whose handshake fails is reported by on_reject,
 * the log, and sio_stats.tls_failed or tls_displaced. Plain HTTP on a port with TLS is answered
 * with status 400. A PROXY header (sio_options.proxy_protocol) comes before the handshake.
 */
#ifndef SIO_TLS_H
#define SIO_TLS_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context and its provider. sio_listen_options.tls and sio_accept_options.tls point to one. */
typedef struct sio_tls sio_tls;

/* ---- the TLS of a connection: sio_request_info.tls, sio_session_info.tls ------------------ */

typedef struct sio_tls_info {
  /* Set by the caller of sio_tls_ops.info to the size of the struct that it knows. */
  size_t size;
  const char *version;      /* "TLSv1.3"                                                     */
  const char *cipher;       /* "TLS_AES_256_GCM_SHA384"                                      */
  const char *alpn;         /* "http/1.1"; "": the client did not use ALPN (RFC 7301)        */
  const char *server_name;  /* the host name that the client asked for (SNI, RFC 6066), or "" */
  sio_slice certificate;    /* the client's certificate, DER; empty: it sent none            */
  const char *subject;      /* its subject as in RFC 2253: "CN=alice,O=Example"; ""          */
  bool verified;            /* the certificate was verified with the CAs in the handshake    */
  const char *verify_error; /* why it was not: "certificate has expired"; ""                 */
  bool resumed;             /* resumed: certificate and verified are of the first handshake  */
} sio_tls_info;

/* ---- indexes of the statistics (sio_stats) -------------------------------------------------- */

/* Indexes of sio_stats.tls_handshakes: the version of a completed handshake. */
enum sio_tls_version { SIO_TLS_1_2, SIO_TLS_1_3, SIO_TLS_OTHER, SIO_TLS_VERSION_END };

/* Indexes of sio_stats.tls_failed: why a handshake or a connection with TLS failed. */
enum sio_tls_failure {
  SIO_TLS_FAILED_PLAIN,       /* plain HTTP on a port with TLS                                 */
  SIO_TLS_FAILED_PORT,        /* a TLS handshake on a port without TLS                         */
  SIO_TLS_FAILED_TIMEOUT,     /* the handshake took longer than tls_timeout_ms                 */
  SIO_TLS_FAILED_CLOSED,      /* the client closed the connection during the handshake         */
  SIO_TLS_FAILED_VERSION,     /* there is no common version                                    */
  SIO_TLS_FAILED_CIPHER,      /* there is no common cipher, group or signature algorithm       */
  SIO_TLS_FAILED_ALPN,        /* the client offers protocols, and http/1.1 is not one of them  */
  SIO_TLS_FAILED_CERTIFICATE, /* the client's certificate is missing or not verified           */
  SIO_TLS_FAILED_ALERT,       /* the client sent an alert: it does not trust ours, ...         */
  SIO_TLS_FAILED_PROTOCOL,    /* malformed or forbidden data                                   */
  SIO_TLS_FAILED_MEMORY,      /* out of memory                                                 */
  SIO_TLS_FAILED_BROKEN,      /* any failure after the handshake                               */
  SIO_TLS_FAILED_END
};

/* ---- writing a provider --------------------------------------------------------------------- */

/* Where a provider puts ciphertext that is to be sent. put() copies it, and returns 0, UV_ENOMEM,
 * or SIO_ETOOBIG when the client makes TLS send more than it reads. After an error the session
 * must fail. */
typedef struct sio_tls_wire {
  int (*put)(void *to, const char *p, size_t n);
  void *to;
} sio_tls_wire;

/* The result of a handshake. */
typedef struct sio_tls_done {
  int version;  /* enum sio_tls_version                   */
  bool resumed; /* an earlier session has been resumed    */
} sio_tls_done;

/* The functions of a provider. They are called on the loop's thread of the server. A session is
 * used by one thread at a time: with sio_options.threads its connection may move to another thread,
 * and several threads use the context at once. The functions must not block, and must not call the
 * library except sio_tls_wire.put(). For each session open is called first and close last; after
 * read or write has failed, only failure and close are called. */
typedef struct sio_tls_ops {
  /* sizeof(sio_tls_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name; /* the name of the provider, for the log */

  /* Creates a session for a connection that was accepted. *wire is copied; put() may be called
   * until close returns. After an error, such as UV_ENOMEM, the connection is closed. */
  int (*open)(void *context, const sio_tls_wire *wire, void **session);

  /* Decrypts the ciphertext *in, which is advanced by what was used, into out. out has room for
   * size bytes (never 0) and does not overlap *in. What has to be sent, of the handshake or as an
   * alert, is put on the wire. It is called again until no plaintext is left. Returns:
   *
   *   > 0          the number of bytes of plaintext
   *   0            *in is used up, and there is no more plaintext; the session may keep an
   *                incomplete record, and not more than one
   *   SIO_ECLOSED  the client has sent close_notify; write may still be called
   *   another < 0  the session has failed, and its alert is on the wire; failure() has the reason
   */
  long (*read)(void *session, sio_slice *in, char *out, size_t size);

  /* Encrypts all n bytes (1 to 16384) onto the wire. Called only after the handshake. 0, or a
   * negative code: the session has failed. */
  int (*write)(void *session, const char *p, size_t n);

  /* Puts close_notify on the wire. Called once, only after the handshake, when nothing more will
   * be written. */
  void (*end)(void *session);

  /* Returns whether the handshake is complete, and then fills in *out. Called after each read until
   * it has returned true. */
  bool (*established)(void *session, sio_tls_done *out);

  /* Fills in *out, which is zeroed except for its size; no text may stay NULL. The texts are valid
   * until the next call for the session. Called only after the handshake. 0, or UV_ENOMEM. */
  int (*info)(void *session, sio_tls_info *out);

  /* Returns why the session has failed, as one of enum sio_tls_failure, and sets *text to one line
   * of English, which is valid until the next call for the session. */
  int (*failure)(void *session, const char **text);

  /* Frees the session. Nothing is sent. */
  void (*close)(void *session);
} sio_tls_ops;

/* A provider's table and the context that is passed to its open function. */
struct sio_tls {
  const sio_tls_ops *ops;
  void *context;
};

#ifdef __cplusplus
}
#endif
#endif
