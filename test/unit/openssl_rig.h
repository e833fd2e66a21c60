/* SPDX-License-Identifier: MIT
 *
 * openssl_rig.h - the provider that libsio-openssl makes, without a connection: a client of
 * OpenSSL's on the other end, bytes carried between the two by hand, and OpenSSL's memory in the
 * test's hands.
 *
 *     serve(pem_of(&own));                          server
 *     tls_peer_open(&peer, -1, TLS1_3_VERSION);     peer
 *     accept_peer();                                session
 *     CHECK(shake());
 *     hang_up();
 *     sio_openssl_free(server);
 */
#ifndef SIO_TEST_OPENSSL_RIG_H
#define SIO_TEST_OPENSSL_RIG_H

#include "../certificates.h"
#include "../test.h"
#include "../tls_peer.h"
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sio/openssl.h>
#include <stdatomic.h>

static struct identity ca, own, other, expired;
static struct identity wild, nobody; /* for *.example.org; without a subject */
static char why[256];

/* ---- OpenSSL's memory ----------------------------------------------------------------------- */

static size_t fuse; /* the n-th allocation from here fails; 0: none */

static atomic_size_t held; /* bytes, as the C library counts them */

static inline bool fails(void) { return fuse > 0 && fuse-- == 1; }

static inline void *counted(void *p) {
  if (p) held += malloc_usable_size(p);
  return p;
}

static inline void *on_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  if (n == 0 || fails()) return NULL;
  return counted(malloc(n));
}

static inline void *on_realloc(void *p, size_t n, const char *file, int line) {
  (void)file, (void)line;
  if (fails()) return NULL;
  size_t before = p ? malloc_usable_size(p) : 0;
  void *q = realloc(p, n);
  if (q || n == 0) held -= before;
  return counted(q);
}

static inline void on_free(void *p, const char *file, int line) {
  (void)file, (void)line;
  if (p) held -= malloc_usable_size(p);
  free(p);
}

static inline sio_openssl_options pem_of(const struct identity *id) {
  return (
      sio_openssl_options){ .identity = { .cert = sio_text(id->cert), .key = sio_text(id->key) } };
}

/* ---- a handshake --------------------------------------------------------------------------- */

static sio_tls *server;
static struct tls_peer peer;
static void *session;
static int put_err;    /* what the wire says from now on */
static unsigned nputs; /* how often it was asked         */

static inline int on_put(void *to, const char *p, size_t n) {
  struct tls_peer *at = to;
  nputs++;
  if (put_err) return put_err;
  return BIO_write(at->in, p, (int)n) == (int)n ? 0 : -ENOMEM;
}

static inline void serve(sio_openssl_options o) {
  if (sio_openssl_new(&o, why, sizeof why, &server)) abort();
}

static inline int accept_peer(void) {
  put_err = 0;
  nputs = 0;
  return server->ops->open(server->context, &(sio_tls_wire){ on_put, &peer }, &session);
}

static inline void hang_up(void) {
  server->ops->close(session);
  SSL_set_shutdown(peer.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or tickets are lost */
  tls_peer_close(&peer);
  ERR_clear_error();
}

/* As net/tls.c does: until nothing more comes of it. */
static inline long tell(const char *p, size_t n) {
  static char plain[20000];
  sio_slice in = { p, n };
  long k;
  while ((k = server->ops->read(session, &in, plain, sizeof plain)) > 0) continue;
  CHECK(k < 0 || in.n == 0);
  return k;
}

/* What the client has to say now, in a buffer of its own. */
static inline sio_slice flight(void) {
  static char room[20000];
  char plain;
  SSL_do_handshake(peer.ssl);
  SSL_read(peer.ssl, &plain, 1); /* tickets come after the handshake */
  int n = BIO_read(peer.out, room, sizeof room);
  return (sio_slice){ room, n > 0 ? (size_t)n : 0 };
}

static inline bool shake(void) {
  sio_tls_done done;
  sio_slice said;
  while ((said = flight()).n > 0)
    if (tell(said.p, said.n) < 0) return false;
  return SSL_is_init_finished(peer.ssl) && server->ops->established(session, &done);
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* For programs linked with --wrap for clock_gettime, which define OPENSSL_CLOCK. */
#ifdef OPENSSL_CLOCK
static time_t later; /* seconds since the clock began; it moves in no other way */

int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out) {
  (void)id;
  *out = (struct timespec){ .tv_sec = 1000000 + later };
  return 0;
}
#endif

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* ---- a program ------------------------------------------------------------------------------ */

static inline void take_subject_away(struct identity *id) {
  X509_NAME *empty = X509_NAME_new();
  X509_set_subject_name(id->x509, empty);
  if (!X509_sign(id->x509, ca.pkey, EVP_sha256())) abort();
  X509_NAME_free(empty);
}

static inline int openssl_main(const struct test__case *cases, size_t n, int argc, char **argv) {
  if (!CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free)) return 1;
  identity_make(&ca, "ca", NULL, NULL, 1);
  identity_make(&own, "localhost", &ca, "DNS:localhost", 1);
  identity_make(&other, "other", &ca, NULL, 1);
  identity_make(&expired, "late", &ca, NULL, -1);
  identity_make(&wild, "wild", &ca, "DNS:*.example.org", 1);
  identity_make(&nobody, "nobody", &ca, NULL, 1);
  take_subject_away(&nobody);
  int failed = test__main(cases, n, argc, argv);
  struct identity *all[] = { &ca, &own, &other, &expired, &wild, &nobody };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) identity_clear(all[i]);
  return failed;
}

/* As TESTS_BEGIN and TESTS_END, with the identities made before. */
#define OPENSSL_TESTS_BEGIN static const struct test__case cases[] = {
#define OPENSSL_TESTS_END                                                 \
  }                                                                       \
  ;                                                                       \
  int main(int argc, char **argv) {                                       \
    return openssl_main(cases, sizeof cases / sizeof *cases, argc, argv); \
  }

#endif
