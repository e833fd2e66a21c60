/* SPDX-License-Identifier: MIT
 *
 * tls_peer.h - a client that speaks TLS, by OpenSSL, on a descriptor that does not block; what it
 * says can be held back and told in pieces.
 *
 *     struct tls_peer p;
 *     tls_peer_open(&p, fd, TLS1_3_VERSION);
 *     SSL_do_handshake(p.ssl);       what it has to say lies in p.out
 *     tls_peer_tell(&p, 10);         ten bytes of it leave
 *     tls_peer_hear(&p);             what came lies in p.in
 *     tls_peer_close(&p);            the descriptor stays open
 */
#ifndef SIO_TEST_TLS_PEER_H
#define SIO_TEST_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

struct tls_peer {
  SSL_CTX *ctx;
  SSL *ssl;
  BIO *in, *out; /* ciphertext, both owned by ssl */
  int fd;
};

/* Before the handshake ctx may be set up further: then tls_peer_begin(). */
static inline void tls_peer_init(struct tls_peer *p, int fd, int version) {
  p->fd = fd;
  p->ctx = SSL_CTX_new(TLS_client_method());
  if (!p->ctx) abort();
  SSL_CTX_set_min_proto_version(p->ctx, version);
  SSL_CTX_set_max_proto_version(p->ctx, version);
}

static inline void tls_peer_begin(struct tls_peer *p) {
  p->ssl = SSL_new(p->ctx);
  p->in = BIO_new(BIO_s_mem());
  p->out = BIO_new(BIO_s_mem());
  if (!p->ssl || !p->in || !p->out) abort();
  SSL_set_bio(p->ssl, p->in, p->out);
  SSL_set_connect_state(p->ssl);
}

static inline void tls_peer_open(struct tls_peer *p, int fd, int version) {
  tls_peer_init(p, fd, version);
  tls_peer_begin(p);
}

static inline void tls_peer_close(struct tls_peer *p) {
  SSL_free(p->ssl);
  SSL_CTX_free(p->ctx);
}

/* At most n bytes; how many left. */
static inline size_t tls_peer_tell(struct tls_peer *p, size_t n) {
  char *at;
  size_t there = (size_t)BIO_get_mem_data(p->out, &at);
  ssize_t sent = there ? send(p->fd, at, there < n ? there : n, MSG_NOSIGNAL) : 0;
  if (sent <= 0) return 0;
  char skipped[4096];
  for (size_t left = (size_t)sent; left > 0;) {
    int k = BIO_read(p->out, skipped, (int)(left < sizeof skipped ? left : sizeof skipped));
    if (k <= 0) abort();
    left -= (size_t)k;
  }
  return (size_t)sent;
}

/* True: the other end sends no more. */
static inline bool tls_peer_hear(struct tls_peer *p) {
  char room[16384];
  ssize_t n;
  while ((n = recv(p->fd, room, sizeof room, 0)) > 0) BIO_write(p->in, room, (int)n);
  return n == 0;
}

#endif
