/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS under a server's connections: "https://" and "wss://".
 *
 *     sio_tls *tls;                                                  (with <sio/openssl.h>)
 *     sio_openssl_new(&tls, &(sio_openssl_options){ .identity = { ... } }, why, sizeof why);
 *     sio_listen_with(srv, &(sio_listen_options){ .port = 443, .tls = tls });
 *
 * The library itself speaks no TLS and is linked to nothing that does. It calls a provider: a
 * context and a table of functions that work on memory. libsio-openssl is one; a host may bring its
 * own for another TLS library. What a provider must hold to is said at each function below.
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

/* ---- the TLS of a connection: sio_request_tls(), sio_session_info.tls ----------------------- */

typedef struct sio_tls_info {
  /* Set by the caller: the size of the struct that it knows. */
  size_t size;
  const char *version;      /* "TLSv1.3"                                                    */
  const char *cipher;       /* "TLS_AES_256_GCM_SHA384"                                     */
  const char *alpn;         /* "http/1.1"; "": it did not ask (RFC 7301)                    */
  const char *server_name;  /* the name that the client asked for (SNI, RFC 6066), or ""      */
  sio_slice certificate;    /* the peer's own, DER; empty: it showed none                   */
  const char *subject;      /* of that, as RFC 2253 writes it: "CN=alice,O=Example"; ""     */
  bool verified;            /* there is one, and the CAs vouched for it in the handshake    */
  const char *verify_error; /* why not: "certificate has expired"; ""                       */
  bool resumed;             /* by a ticket: certificate and verdict are of the first time   */
} sio_tls_info;

/* ---- what is counted (sio_stats) ------------------------------------------------------------ */

enum sio_tls_version { SIO_TLS_1_2, SIO_TLS_1_3, SIO_TLS_OTHER, SIO_TLS_VERSION_END };

/* Why TLS came to nothing, or broke. */
enum sio_tls_failure {
  SIO_TLS_FAILED_PLAIN,       /* plain HTTP on a port with TLS                            */
  SIO_TLS_FAILED_PORT,        /* a TLS hello on a port without                            */
  SIO_TLS_FAILED_TIMEOUT,     /* no handshake within tls_timeout_ms                       */
  SIO_TLS_FAILED_CLOSED,      /* the peer left in the middle of the handshake             */
  SIO_TLS_FAILED_VERSION,     /* no version in common                                     */
  SIO_TLS_FAILED_CIPHER,      /* no cipher, group or signature in common                  */
  SIO_TLS_FAILED_ALPN,        /* it speaks everything but http/1.1                        */
  SIO_TLS_FAILED_CERTIFICATE, /* the client's is missing, or not vouched for              */
  SIO_TLS_FAILED_ALERT,       /* the peer ended it: it does not trust our certificate, ... */
  SIO_TLS_FAILED_PROTOCOL,    /* malformed, or forbidden                                  */
  SIO_TLS_FAILED_MEMORY,
  SIO_TLS_FAILED_BROKEN, /* after the handshake, whatever it was                     */
  SIO_TLS_FAILED_END
};

/* ---- a provider ----------------------------------------------------------------------------- */

/* Where ciphertext goes. put() copies; 0, UV_ENOMEM, or SIO_ETOOBIG: the peer makes us say more
 * than it reads. After an error the session must fail. */
typedef struct sio_tls_wire {
  int (*put)(void *to, const char *p, size_t n);
  void *to;
} sio_tls_wire;

typedef struct sio_tls_done {
  int version; /* enum sio_tls_version */
  bool resumed;
} sio_tls_done;

/* All on the loop thread of the server whose connection it is; none may call the library but
 * through the wire, nor block. A session is used by one thread at a time: with sio_options.threads
 * its connection may move to another thread, and several threads use the context at once. open
 * comes first and close last; after a failure of read or write only failure and close come. */
typedef struct sio_tls_ops {
  /* sizeof(sio_tls_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name; /* for the log */

  /* A connection was accepted: a server's session for it. *wire is copied; put() works until close
   * returns. 0, or an error (UV_ENOMEM): there is no session, and the connection is closed. */
  int (*open)(void *context, const sio_tls_wire *wire, void **session);

  /* Ciphertext came: *in, which is advanced past what was used. Decrypts into out, which has room
   * for size bytes (never 0) and does not overlap *in. What has to be said (handshake, alerts) is
   * put on the wire. Called until nothing more comes of the input. Returns:
   *
   *   > 0          the number of bytes of plaintext
   *   0            *in is used up, and there is no more plaintext; the session may keep an
   *                incomplete record, and not more than one
   *   SIO_ECLOSED  the peer has sent close_notify; writing may go on
   *   another < 0  the session failed, and its alert is on the wire; failure() says why */
  long (*read)(void *session, sio_slice *in, char *out, size_t size);

  /* Only after the handshake. Encrypts all n bytes (1 to 16384) onto the wire. 0, or a code: it
   * failed. */
  int (*write)(void *session, const char *p, size_t n);

  /* Nothing more will be written: puts close_notify on the wire. Once, only after the handshake. */
  void (*end)(void *session);

  /* Is the handshake complete? Then *out is filled in. Asked after each read until it is. */
  bool (*established)(void *session, sio_tls_done *out);

  /* After the handshake. All of *out, which comes zeroed, texts never NULL; borrowed until the next
   * call for this session. 0, or UV_ENOMEM. */
  int (*info)(void *session, sio_tls_info *out);

  /* What went wrong: one of enum sio_tls_failure, and one line of English, borrowed as above. */
  int (*failure)(void *session, const char **text);

  void (*close)(void *session); /* frees it; says nothing */
} sio_tls_ops;

struct sio_tls {
  const sio_tls_ops *ops;
  void *context;
};

#ifdef __cplusplus
}
#endif
#endif
