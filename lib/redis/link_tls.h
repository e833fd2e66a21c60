/* SPDX-License-Identifier: MIT
 *
 * link_tls.h - the TLS session of a connection to Redis. It works on memory.
 */
#ifndef SIO_REDIS_LINK_TLS_H
#define SIO_REDIS_LINK_TLS_H

#include "base/buf.h"
#include "base/slice.h"
#include <sio/tls.h>
#include <stdbool.h>

struct link_tls {
  const sio_tls_ops *provider;
  void *session;     /* the provider's; NULL: plain, or not begun */
  bool established;  /* the handshake is complete */
  struct buf cipher; /* ciphertext that has not been taken yet */
  char *plain;       /* buffer for decrypted input */
};

/* Begins the handshake, whose first bytes can be taken then. */
int sio__link_tls_begin(struct link_tls *t, const sio_tls *tls);
void sio__link_tls_clear(struct link_tls *t);
int sio__link_tls_encrypt(struct link_tls *t, const char *p, size_t n);
/* Decrypts a piece of *in, and removes from *in what was read. Returns the number of bytes in
 * t->plain; 0: no more; an error of sio_tls_ops.read. */
long sio__link_tls_decrypt(struct link_tls *t, sio_slice *in);
/* The ciphertext so far, which the caller owns; or no bytes. */
sio_slice sio__link_tls_take_ciphertext(struct link_tls *t);
/* True once: the handshake has just been completed. */
bool sio__link_tls_check_handshake(struct link_tls *t);
/* What the provider says about a failure. */
const char *sio__link_tls_describe_failure(const struct link_tls *t);

#endif
