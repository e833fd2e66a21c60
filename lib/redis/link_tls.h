/* SPDX-License-Identifier: MIT
 *
 * link_tls.h - the TLS session of a connection to Redis. It works on memory: link_socket.c sends
 * and receives the ciphertext.
 */
#ifndef SIO_REDIS_LINK_TLS_H
#define SIO_REDIS_LINK_TLS_H

#include "base/buf.h"
#include "base/slice.h"
#include <sio/tls.h>
#include <stdbool.h>

struct link_tls {
  const sio_tls_ops *provider;
  void *session;     /* the session of the provider; NULL: there is none */
  bool established;  /* the handshake is complete */
  struct buf cipher; /* ciphertext for sio__link_tls_take_ciphertext() */
  char *plain;       /* buffer for decrypted input */
};

/* Begins the handshake. Returns 0, and then sio__link_tls_take_ciphertext() returns the first bytes
 * to send; or returns an error. */
int sio__link_tls_begin(struct link_tls *t, const sio_tls *tls);
void sio__link_tls_close_and_free(struct link_tls *t);
int sio__link_tls_encrypt(struct link_tls *t, const char *p, size_t n);
/* Decrypts the next part of the ciphertext *in into t->plain, and removes the bytes that were read
 * from *in. Returns the number of bytes in t->plain, 0 if *in contains no further plaintext, or an
 * error of sio_tls_ops.read. */
long sio__link_tls_decrypt(struct link_tls *t, sio_slice *in);
/* Returns the ciphertext that is to be sent; empty if there is none. The caller sends and frees the
 * bytes. */
sio_slice sio__link_tls_take_ciphertext(struct link_tls *t);
/* Returns true once: at the first call after the handshake was completed. */
bool sio__link_tls_report_handshake_done_once(struct link_tls *t);
/* Returns the text by which the TLS provider describes the failure of the session. */
const char *sio__link_tls_describe_failure(const struct link_tls *t);

#endif
