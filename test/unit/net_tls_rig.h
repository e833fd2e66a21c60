/* SPDX-License-Identifier: MIT
 *
 * net_tls_rig.h - a connection that speaks TLS, its owner, and a peer: OpenSSL's client, or bytes.
 */
#ifndef SIO_TEST_NET_TLS_RIG_H
#define SIO_TEST_NET_TLS_RIG_H

#include "../certificates.h"
#include "../tls_peer.h"
#include "net/tls.h"
#include "net_rig.h"
#include <openssl/err.h>
#include <sio/openssl.h>

static struct identity ca, own, friend;

/* ---- the owner ------------------------------------------------------------------------------ */

static struct conn *conn; /* NULL once it is closed */
static int far_fd;
static sio_tls *provider;
static char heard[1 << 20];
static size_t heard_n;
static unsigned secured, refused, eofs, fails, drains, marks;
static int fail_err;
static char why_refused[128];
static const char *dialed_from = "";
static struct conn *refused_last;
static bool closes_on_read, ends_on_eof;

static inline void on_read(struct conn *c, char *p, size_t n) {
  if (heard_n + n > sizeof heard) abort();
  memcpy(heard + heard_n, p, n);
  heard_n += n;
  if (!closes_on_read) return;
  sio__conn_close(c);
  conn = NULL;
}
static inline void on_eof(struct conn *c) {
  eofs++;
  if (ends_on_eof) sio__conn_end_writing(c);
}
static inline void on_failed(struct conn *c, int err) {
  (void)c;
  fails++;
  fail_err = err;
  conn = NULL;
}
static inline void on_drained(struct conn *c) {
  (void)c;
  drains++;
}
static inline void on_passed(struct conn *c, unsigned n) {
  (void)c;
  marks += n;
}
static inline void on_secured(struct conn *c) {
  (void)c;
  secured++;
}
static inline void on_refused(struct conn *c, const char *why) {
  refused++;
  refused_last = c;
  snprintf(why_refused, sizeof why_refused, "%s", why);
  sio__conn_end_writing(c);
}
static const struct conn_ops ops = { .read = on_read,
                                     .eof = on_eof,
                                     .failed = on_failed,
                                     .drained = on_drained,
                                     .marks_passed = on_passed,
                                     .secured = on_secured,
                                     .refused = on_refused };

static inline sio_openssl_options plain_options(void) {
  return (
      sio_openssl_options){ .identity = { .cert = sio_text(own.cert), .key = sio_text(own.key) } };
}

static inline void provide(sio_openssl_options o) {
  char why[200];
  if (sio_openssl_new(&o, why, sizeof why, &provider)) abort();
}

static inline void forget(void) {
  heard_n = 0;
  secured = refused = eofs = fails = drains = marks = 0;
  fail_err = 0;
  *why_refused = '\0';
  closes_on_read = ends_on_eof = false;
}

/* Both ends of a connection that is about to speak TLS. */
static inline int dial(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  far_fd = pair[1];
  conn = NULL;
  int err = sio__conn_new_of_kind(&conn, &loop, pair[0], &ops, NULL, CONN_TLS);
  if (!err) err = sio__tls_start(conn, provider, dialed_from);
  if (err && conn) sio__conn_close(conn);
  return err;
}

static inline void open_with(sio_openssl_options o) {
  forget();
  net_open();
  provide(o);
  if (dial()) abort();
}
static inline void open_plain(void) { open_with(plain_options()); }

static inline void shut(void) {
  close(far_fd);
  if (conn) sio__conn_close(conn);
  net_close();
  sio_openssl_free(provider);
  ERR_clear_error();
}

/* ---- the peer ------------------------------------------------------------------------------- */

static struct tls_peer peer;

/* All that it has to say, n bytes at a time. */
static inline void tell_all(size_t n) {
  for (unsigned i = 0; i < 100000 && tls_peer_tell(&peer, n) > 0; i++) turn();
}

static inline bool shake_by(size_t n) {
  for (unsigned i = 0; i < 20 && !refused; i++) {
    int done = SSL_do_handshake(peer.ssl);
    tell_all(n);
    turns(2);
    tls_peer_hear(&peer);
    if (done == 1 && secured) return true;
  }
  return false;
}

static inline void meet(int version) {
  tls_peer_open(&peer, far_fd, version);
  if (!shake_by(SIZE_MAX)) abort();
}

static inline void peer_says(const void *p, size_t n) {
  if (SSL_write(peer.ssl, p, (int)n) != (int)n) abort();
  tell_all(SIZE_MAX);
  turns(2);
}

/* What the server said, as far as it came. */
static char back[1 << 20];
static size_t back_n;
static bool back_fin;
static inline size_t peer_hears(void) {
  int n;
  back_fin |= tls_peer_hear(&peer);
  while ((n = SSL_read(peer.ssl, back + back_n, (int)(sizeof back - back_n))) > 0)
    back_n += (size_t)n;
  ERR_clear_error();
  return back_n;
}

static inline void part(void) {
  back_n = 0;
  back_fin = false;
  tls_peer_close(&peer);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
#define EACH_VERSION(v) \
  for (size_t v##_i = 0, v = 0; v##_i < 2 && (v = (size_t)versions[v##_i], 1); v##_i++)

static inline uint64_t failed_as(int kind) { return loop.stats.tls_failed[kind]; }

static inline int net_tls_main(const struct test__case *cases, size_t n, int argc, char **argv) {
  identity_make(&ca, "ca", NULL, NULL, 1);
  identity_make(&own, "localhost", &ca, "DNS:localhost", 1);
  identity_make(&friend, "friend", &ca, NULL, 1);
  int failed = test__main(cases, n, argc, argv);
  identity_clear(&ca);
  identity_clear(&own);
  identity_clear(&friend);
  return failed;
}

#endif
