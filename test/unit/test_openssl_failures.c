/* SPDX-License-Identifier: MIT
 *
 * OpenSSL itself fails: each of its calls that libsio-openssl makes and that can fail does so once,
 * as do those for random bytes and locks. The caller is told, nothing is left over, and what comes
 * later works.
 */
#define OPENSSL_CLOCK
#include "openssl_rig.h"
#include <pthread.h>
#include <unistd.h>

/* ---- the calls ------------------------------------------------------------------------------- */

static unsigned countdown; /* this call from here fails; 0: none */
static const char *failed; /* the one that did                  */

static bool call_fails(const char *name) {
  if (countdown == 0 || --countdown > 0) return false;
  failed = name;
  return true;
}

/* type name(parameters), called with arguments, says `failure` when it fails. */
#define WRAP(type, name, parameters, arguments, failure) \
  type __real_##name parameters;                         \
  type __wrap_##name parameters;                         \
  type __wrap_##name parameters { return call_fails(#name) ? failure : __real_##name arguments; }

WRAP(int, RAND_bytes, (unsigned char *p, int n), (p, n), 0)
WRAP(int, RAND_priv_bytes, (unsigned char *p, int n), (p, n), 0)
WRAP(int, pthread_mutex_init, (pthread_mutex_t * m, const pthread_mutexattr_t *a), (m, a), ENOMEM)
WRAP(BIO_METHOD *, BIO_meth_new, (int type, const char *name), (type, name), NULL)
WRAP(BIO *, BIO_new, (const BIO_METHOD *m), (m), NULL)
WRAP(BIO *, BIO_new_mem_buf, (const void *p, int n), (p, n), NULL)
WRAP(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *m), (m), NULL)
WRAP(SSL *, SSL_new, (SSL_CTX * c), (c), NULL)
WRAP(int, SSL_CTX_up_ref, (SSL_CTX * c), (c), 0)
WRAP(int, SSL_CTX_set_ex_data, (SSL_CTX * c, int i, void *p), (c, i, p), 0)
WRAP(int, SSL_CTX_set_session_id_context, (SSL_CTX * c, const unsigned char *p, unsigned n),
     (c, p, n), 0)
WRAP(int, SSL_CTX_use_certificate, (SSL_CTX * c, X509 *x), (c, x), 0)
WRAP(int, SSL_CTX_use_PrivateKey, (SSL_CTX * c, EVP_PKEY *k), (c, k), 0)
WRAP(int, SSL_CTX_add_client_CA, (SSL_CTX * c, X509 *x), (c, x), 0)
WRAP(int, X509_STORE_add_cert, (X509_STORE * s, X509 *x), (s, x), 0)
WRAP(int, X509_NAME_print_ex, (BIO * b, const X509_NAME *n, int indent, unsigned long flags),
     (b, n, indent, flags), -1)
WRAP(int, i2d_X509, (const X509 *x, unsigned char **p), (x, p), -1)
WRAP(int, EVP_CipherInit_ex,
     (EVP_CIPHER_CTX * x, const EVP_CIPHER *c, ENGINE *e, const unsigned char *key,
      const unsigned char *iv, int enc),
     (x, c, e, key, iv, enc), 0)
WRAP(int, EVP_MAC_CTX_set_params, (EVP_MAC_CTX * m, const OSSL_PARAM p[]), (m, p), 0)
WRAP(SSL_CTX *, SSL_set_SSL_CTX, (SSL * s, SSL_CTX *c), (s, c), NULL)

/* SSL_CTX_ctrl() is many calls: those that add to the chain may fail. */
long __real_SSL_CTX_ctrl(SSL_CTX *c, int what, long n, void *p);
long __wrap_SSL_CTX_ctrl(SSL_CTX *c, int what, long n, void *p);
long __wrap_SSL_CTX_ctrl(SSL_CTX *c, int what, long n, void *p) {
  bool fails_here = what == SSL_CTRL_CHAIN_CERT && call_fails("SSL_CTX_add1_chain_cert");
  return fails_here ? 0 : __real_SSL_CTX_ctrl(c, what, n, p);
}

/* The next one fails and says nothing. */
static bool mute;
/* If not 0: SSL_read_ex() fails and reports this reason of this part of OpenSSL. */
static int raised_lib, raised_reason;
int __real_SSL_read_ex(SSL *s, void *p, size_t n, size_t *got);
int __wrap_SSL_read_ex(SSL *s, void *p, size_t n, size_t *got);
int __wrap_SSL_read_ex(SSL *s, void *p, size_t n, size_t *got) {
  if (raised_reason) ERR_raise(raised_lib, raised_reason);
  return mute || raised_reason ? 0 : __real_SSL_read_ex(s, p, n, got);
}

/* ---- options --------------------------------------------------------------------------------- */

/* Each call that making a provider takes; how many there are. */
static unsigned each_call(const sio_openssl_options *o) {
  for (unsigned i = 1; i < 1000; i++) {
    sio_tls *tls = NULL;
    failed = NULL;
    countdown = i;
    int err = sio_openssl_new(o, why, sizeof why, &tls);
    countdown = 0;
    EQ(err != 0, failed != NULL);
    CHECK(err == 0 || ((err == SIO_EPROTO || err == -ENOMEM) && *why && !tls));
    EQ(ERR_peek_error(), 0);
    sio_openssl_free(tls);
    if (!failed) return i - 1;
  }
  return 0;
}

static sio_openssl_options with_everything(char *chain, size_t size) {
  sio_openssl_options o = pem_of(&own);
  snprintf(chain, size, "%s%s", own.cert, ca.cert);
  o.identity.cert = sio_text(chain);
  o.request_cert = true;
  o.ca = sio_text(ca.cert);
  return o;
}

TEST(a_provider_is_made_whole_or_the_caller_told_why_not) {
  char chain[8000];
  sio_openssl_options o = with_everything(chain, sizeof chain);
  sio_openssl_identity more = { .cert = sio_text(other.cert), .key = sio_text(other.key) };
  CHECK(each_call(&o) > 15);
  o.more = &more;
  o.nmore = 1;
  CHECK(each_call(&o) > 20);
  sio_slice pfx = pfx_of(&own, &ca, "secret");
  o = (sio_openssl_options){ .identity = { .pfx = pfx, .passphrase = "secret" } };
  CHECK(each_call(&o) > 10);
  OPENSSL_free((char *)(uintptr_t)pfx.p);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  o = (sio_openssl_options){ .ctx = ctx };
  EQ(each_call(&o), 3);
  SSL_CTX_free(ctx);
}

/* Allocations fail one by one: there is a provider or a reason. */
static void each_allocation(const sio_openssl_options *o) {
  bool burnt = true;
  for (size_t i = 1; burnt && i < 20000; i += i < 300 ? 1 : 37) {
    sio_tls *tls = NULL;
    fuse = i;
    int err = sio_openssl_new(o, why, sizeof why, &tls);
    burnt = fuse == 0;
    fuse = 0;
    CHECK((tls != NULL) == (err == 0));
    CHECK(!err || *why);
    sio_openssl_free(tls);
    ERR_clear_error();
  }
  CHECK(!burnt);
}

TEST(memory_may_end_at_any_place_while_a_provider_is_made) {
  char path[] = "/tmp/sio-openssl-XXXXXX";
  int fd = mkstemp(path);
  REQUIRE(fd >= 0 && write(fd, own.cert, strlen(own.cert)) > 0);
  close(fd);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  each_allocation(&(sio_openssl_options){ .ctx = ctx });
  SSL_CTX_free(ctx);
  each_allocation(
      &(sio_openssl_options){ .identity = { .cert_file = path, .key = sio_text(own.key) } });
  unlink(path);
}

TEST(a_reload_fails_without_harm_whatever_call_fails) {
  char chain[8000];
  sio_tls *tls;
  sio_openssl_options o = with_everything(chain, sizeof chain), late = pem_of(&expired);
  REQUIRE(sio_openssl_new(&o, why, sizeof why, &tls) == 0);
  int64_t end = sio_openssl_expiry_time(tls);
  for (unsigned i = 1; i < 1000; i++) {
    failed = NULL;
    countdown = i;
    int err = sio_openssl_reload(tls, &late, why, sizeof why);
    countdown = 0;
    if (!failed) break;
    EQ(err != 0, 1);
    EQ(sio_openssl_expiry_time(tls), end);
  }
  CHECK(sio_openssl_expiry_time(tls) < end);
  sio_openssl_free(tls);
}

/* ---- connections ----------------------------------------------------------------------------- */

static sio_openssl_options with_names(const sio_openssl_identity *more) {
  sio_openssl_options o = pem_of(&own);
  o.more = more;
  o.nmore = 1;
  o.request_cert = true;
  o.ca = sio_text(ca.cert);
  return o;
}

static void dial(int version) {
  tls_peer_init(&peer, -1, version);
  if (SSL_CTX_use_certificate(peer.ctx, other.x509) != 1) abort();
  if (SSL_CTX_use_PrivateKey(peer.ctx, other.pkey) != 1) abort();
  tls_peer_begin(&peer);
  SSL_set_tlsext_host_name(peer.ssl, "a.example.org");
  EQ(accept_peer(), 0);
}

static const char *subject_shown(void) {
  static char text[64];
  X509 *x = SSL_get0_peer_certificate(peer.ssl);
  *text = '\0';
  if (x) X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof text);
  return text;
}

/* A handshake in which the i-th call fails. The peer is shown the first certificate where the one
 * it asked for cannot be had. */
static void one_handshake(unsigned i) {
  const char *text = "";
  sio_tls_done done;
  failed = NULL;
  countdown = i;
  bool shaken = shake();
  bool there = server->ops->established(session, &done);
  countdown = 0;
  if (!shaken) CHECK(failed && server->ops->failure(session, &text) >= 0 && *text);
  if (!shaken) return;
  CHECK(there);
  EQ_STR(subject_shown(), failed && !strcmp(failed, "SSL_set_SSL_CTX") ? "localhost" : "wild");
}

TEST(a_handshake_goes_on_or_fails_in_words_whatever_call_fails) {
  sio_openssl_identity more = { .cert = sio_text(wild.cert), .key = sio_text(wild.key) };
  serve(with_names(&more));
  for (size_t v = 0; v < 2; v++) {
    unsigned calls = 0;
    for (; calls == 0 || failed; calls++) {
      dial(versions[v]);
      one_handshake(calls + 1);
      hang_up();
    }
    CHECK(calls > 5);
  }
  sio_openssl_free(server);
}

static SSL_SESSION *ticket_of(int version) {
  tls_peer_open(&peer, -1, version);
  EQ(accept_peer(), 0);
  CHECK(shake());
  SSL_SESSION *ticket = SSL_get1_session(peer.ssl);
  hang_up();
  return ticket;
}

/* A handshake of who comes back, in which the i-th call fails. False: there is none so many. */
static bool one_return(const SSL_SESSION *ticket, int version, unsigned i) {
  SSL_SESSION *copy = SSL_SESSION_dup(ticket);
  const char *text = "";
  tls_peer_open(&peer, -1, version);
  SSL_set_session(peer.ssl, copy);
  EQ(accept_peer(), 0);
  failed = NULL;
  countdown = i;
  bool shaken = shake();
  countdown = 0;
  if (!failed) CHECK(shaken && SSL_session_reused(peer.ssl) == (later < 7200));
  if (!shaken) CHECK(server->ops->failure(session, &text) >= 0 && *text);
  SSL_SESSION_free(copy);
  hang_up();
  return failed != NULL;
}

/* The keys change within the handshake where the ticket is an hour old. */
TEST(a_ticket_is_read_or_the_handshake_fails_in_words_whatever_call_fails) {
  static const time_t ages[] = { 0, 3601, 7201 };
  for (size_t k = 0; k < 6; k++) {
    bool more = true;
    for (unsigned i = 1; more && i < 100; i++) {
      later = 0;
      serve(pem_of(&own));
      SSL_SESSION *ticket = ticket_of(versions[k % 2]);
      later = ages[k / 2];
      more = one_return(ticket, versions[k % 2], i);
      SSL_SESSION_free(ticket);
      sio_openssl_free(server);
    }
    CHECK(!more);
  }
  later = 0;
}

TEST(a_failure_of_which_openssl_says_nothing_has_words_all_the_same) {
  const char *text = "";
  serve(pem_of(&own));
  tls_peer_open(&peer, -1, TLS1_3_VERSION);
  EQ(accept_peer(), 0);
  sio_slice hello = flight();
  mute = true;
  EQ(tell(hello.p, hello.n), SIO_EPROTO);
  mute = false;
  EQ(server->ops->failure(session, &text), SIO_TLS_FAILED_PROTOCOL);
  EQ_STR(text, "TLS: unknown failure");
  hang_up();
  sio_openssl_free(server);
}

/* Returns what `failure` reports after SSL_read_ex() has failed with this reason. */
static int failure_kind_after(int lib, int reason) {
  const char *text = "";
  tls_peer_open(&peer, -1, TLS1_3_VERSION);
  EQ(accept_peer(), 0);
  sio_slice hello = flight();
  raised_lib = lib;
  raised_reason = reason;
  CHECK(tell(hello.p, hello.n) < 0);
  raised_reason = 0;
  int kind = server->ops->failure(session, &text);
  CHECK(strncmp(text, "TLS: ", 5) == 0);
  hang_up();
  return kind;
}

TEST(only_the_reasons_of_alerts_count_as_alerts_of_the_peer) {
  serve(pem_of(&own));
  EQ(failure_kind_after(ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA), SIO_TLS_FAILED_ALERT);
  EQ(failure_kind_after(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + 255), SIO_TLS_FAILED_ALERT);
  EQ(failure_kind_after(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + 256), SIO_TLS_FAILED_PROTOCOL);
  EQ(failure_kind_after(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR), SIO_TLS_FAILED_PROTOCOL);
  EQ(failure_kind_after(ERR_LIB_SSL, ERR_R_EVP_LIB), SIO_TLS_FAILED_PROTOCOL);
  sio_openssl_free(server);
}

/* Each part of OpenSSL numbers its reasons by itself, so one number has several meanings. */
TEST(a_reason_counts_only_if_it_is_one_of_tls) {
  serve(pem_of(&own));
  EQ(failure_kind_after(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER), SIO_TLS_FAILED_CIPHER);
  EQ(failure_kind_after(ERR_LIB_EVP, SSL_R_NO_SHARED_CIPHER), SIO_TLS_FAILED_PROTOCOL);
  EQ(failure_kind_after(ERR_LIB_X509, SSL_R_CERTIFICATE_VERIFY_FAILED), SIO_TLS_FAILED_PROTOCOL);
  EQ(failure_kind_after(ERR_LIB_USER, SSL_R_TLSV1_ALERT_UNKNOWN_CA), SIO_TLS_FAILED_PROTOCOL);
  EQ(failure_kind_after(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE), SIO_TLS_FAILED_MEMORY);
  EQ(failure_kind_after(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE), SIO_TLS_FAILED_MEMORY);
  sio_openssl_free(server);
}

TEST(what_a_certificate_says_is_told_whole_or_not_at_all) {
  sio_openssl_identity more = { .cert = sio_text(wild.cert), .key = sio_text(wild.key) };
  serve(with_names(&more));
  dial(TLS1_3_VERSION);
  CHECK(shake());
  failed = "";
  for (unsigned i = 1; i < 100 && failed; i++) {
    sio_tls_info info = { .version = NULL };
    failed = NULL;
    countdown = i;
    int err = server->ops->info(session, &info);
    countdown = 0;
    EQ(err, failed ? -ENOMEM : 0);
    if (!err) EQ_STR(info.subject, "CN=other");
  }
  hang_up();
  sio_openssl_free(server);
}

OPENSSL_TESTS_BEGIN
T(a_provider_is_made_whole_or_the_caller_told_why_not)
T(memory_may_end_at_any_place_while_a_provider_is_made)
T(a_reload_fails_without_harm_whatever_call_fails)
T(a_handshake_goes_on_or_fails_in_words_whatever_call_fails)
T(a_ticket_is_read_or_the_handshake_fails_in_words_whatever_call_fails)
T(what_a_certificate_says_is_told_whole_or_not_at_all)
T(a_failure_of_which_openssl_says_nothing_has_words_all_the_same)
T(only_the_reasons_of_alerts_count_as_alerts_of_the_peer)
T(a_reason_counts_only_if_it_is_one_of_tls)
OPENSSL_TESTS_END
