/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS for a server's connections ("https://" and "wss://").
 *
 *     sio_tls *tls;                                                  (with <sio/openssl.h>)
 *     sio_openssl_new(&(sio_openssl_options){ .identity = { ... } }, why, sizeof why, &tls);
 *     sio_listen_with(srv, &(sio_listen_options){ .port = 443, .tls = tls });
 *
 * The library itself contains no TLS. It calls a provider: a table of functions that encrypt and
 * decrypt in memory. libsio-openssl is a provider; a program can bring another one for another TLS
 * library. What the functions of a provider must do is described below.
 *
 * A client must complete the handshake within sio_options.tls_timeout_ms, and at most
 * sio_options.max_tls_handshakes are in progress. If a handshake fails, on_reject, the log, and
 * sio_stats.tls_failed or tls_displaced report it, unless the connection was reset or the server
 * closed it for another reason. Plain HTTP on a port with TLS is answered with status 400. A PROXY
 * header (sio_options.proxy_protocol) comes before the handshake.
 */
#ifndef SIO_TLS_H
#define SIO_TLS_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A provider of TLS with its context. sio_listen_options.tls and sio_accept_options.tls point to
 * one. */
typedef struct sio_tls sio_tls;

/* ---- the TLS of a connection: sio_request_info.tls, sio_session_info.tls ------------------ */

typedef struct sio_tls_info {
  /* The caller of sio_tls_ops.info sets size to the size of the struct that the caller knows. */
  size_t size;
  const char *version;      /* "TLSv1.3"                                                     */
  const char *cipher;       /* "TLS_AES_256_GCM_SHA384"                                      */
  const char *alpn;         /* "http/1.1"; "": no protocol was selected by ALPN (RFC 7301)   */
  const char *server_name;  /* the host name that the client asked for (SNI, RFC 6066), or "" */
  sio_slice certificate;    /* the client's certificate, DER; empty: it sent none            */
  const char *subject;      /* the subject of that certificate (RFC 2253): "CN=alice"; or ""  */
  bool verified;            /* the certificate was verified with the CAs in the handshake    */
  const char *verify_error; /* why it was not verified: "certificate has expired"; or ""      */
  bool resumed;             /* an earlier session was resumed, whose certificate this is      */
} sio_tls_info;

/* ---- indexes of the statistics (sio_stats) -------------------------------------------------- */

/* The values are indexes of sio_stats.tls_handshakes: the protocol version of a completed
 * handshake. */
enum sio_tls_version { SIO_TLS_1_2, SIO_TLS_1_3, SIO_TLS_OTHER, SIO_TLS_VERSION_END };

/* The values are indexes of sio_stats.tls_failed: why a handshake, or a connection with TLS,
 * failed. */
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
  SIO_TLS_FAILED_PROTOCOL,    /* malformed or forbidden data, or a failure in the TLS library  */
  SIO_TLS_FAILED_MEMORY,      /* out of memory                                                 */
  SIO_TLS_FAILED_BROKEN,      /* any failure after the handshake                               */
  SIO_TLS_FAILED_END
};

/* ---- writing a provider --------------------------------------------------------------------- */

/* To send ciphertext, a provider calls put(to, p, n) of this struct. put() copies the n bytes at p,
 * and returns 0; UV_ENOMEM; or SIO_ETOOBIG if too many bytes of TLS itself, such as alerts and key
 * updates, are waiting because the client does not read. After an error of put() the provider must
 * let the session fail. */
typedef struct sio_tls_wire {
  int (*put)(void *to, const char *p, size_t n);
  void *to;
} sio_tls_wire;

/* The result of a completed handshake, filled in by sio_tls_ops.established. */
typedef struct sio_tls_done {
  int version;  /* enum sio_tls_version                   */
  bool resumed; /* an earlier session has been resumed    */
} sio_tls_done;

/* The functions of a provider. They are called on the thread of the loop of the server, or of the
 * sio_redis (redis.h), and a session is used by only one thread at a time. With sio_options.threads
 * the connection of a session may move to another thread, and several threads use the context at
 * the same time. The functions must not block, and must not call any function of the library except
 * sio_tls_wire.put(). For each session open is called first and, if it succeeds, close last. After
 * read or write has failed, read, write and end are not called any more. */
typedef struct sio_tls_ops {
  /* sizeof(sio_tls_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name; /* the name of the provider, for the log */

  /* Creates a session for a new connection, and sets *session to it. *wire is copied, and its put()
   * may be called until close returns. Returns 0, or an error such as UV_ENOMEM, after which the
   * library closes the connection. */
  int (*open)(void *context, const sio_tls_wire *wire, void **session);

  /* Decrypts ciphertext into `out`. On entry *in is the ciphertext; read() advances it by the bytes
   * that it has used. out has room for size bytes (size is never 0) and does not overlap *in. What
   * the session has to send in reply, for example the next part of the handshake or an alert, is
   * passed to sio_tls_wire.put(). The library calls read() again until no plaintext is left.
   * Returns:
   *
   *   > 0          the number of bytes of plaintext
   *   0            *in is used up, and there is no more plaintext; the session may keep one
   *                incomplete record
   *   SIO_ECLOSED  the client has sent close_notify; write may still be called
   *   another < 0  the session has failed, and its alert, if any, was passed to put(); failure()
   *                has the reason
   */
  long (*read)(void *session, sio_slice *in, char *out, size_t size);

  /* Encrypts all n bytes at p (n is 1 to 16384), and passes the ciphertext to sio_tls_wire.put().
   * Called only after the handshake. Returns 0; or a negative code if the session has failed. */
  int (*write)(void *session, const char *p, size_t n);

  /* Passes a close_notify alert to sio_tls_wire.put(). Called at most once, only after the
   * handshake, when nothing more will be written. */
  void (*end)(void *session);

  /* Returns true if the handshake is complete, and then fills in *out. Called after calls of read,
   * until it has returned true. */
  bool (*established)(void *session, sio_tls_done *out);

  /* Fills in *out, whose fields are zero except for out->size. No text in it may stay NULL. The
   * texts must stay valid until the next call for the session. Called only after the handshake.
   * Returns 0 or UV_ENOMEM. */
  int (*info)(void *session, sio_tls_info *out);

  /* Returns why the session has failed, as a value of enum sio_tls_failure, and sets *text to one
   * line of English that stays valid until the next call for the session. */
  int (*failure)(void *session, const char **text);

  /* Frees the session. Nothing may be sent. */
  void (*close)(void *session);
} sio_tls_ops;

/* A provider: its table of functions, and the context that is passed to ops->open. */
struct sio_tls {
  const sio_tls_ops *ops;
  void *context;
};

#ifdef __cplusplus
}
#endif
#endif
