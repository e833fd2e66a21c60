/* SPDX-License-Identifier: MIT
 *
 * Options made into contexts: what is taken, and in which words the rest is refused.
 */
#define OPENSSL_CLOCK
#include "openssl_rig.h"
#include <pthread.h>
#include <unistd.h>

/* ---- what is taken -------------------------------------------------------------------------- */

static int try_with(const sio_openssl_options *o) {
  sio_tls *tls = NULL;
  strcpy(why, "untouched");
  int err = sio_openssl_new(o, why, sizeof why, &tls);
  EQ(tls != NULL, err == 0);
  EQ(*why == '\0', err == 0);
  sio_openssl_free(tls);
  EQ(ERR_peek_error(), 0);
  return err;
}

static void takes(sio_openssl_options o) {
  EQ(try_with(&o), 0);
  EQ_STR(why, "");
}

static void refuses(sio_openssl_options o, int err, const char *text) {
  EQ(try_with(&o), err);
  EQ_STR(why, text);
}

TEST(a_certificate_and_its_key_in_memory_are_taken) { takes(pem_of(&own)); }

TEST(a_chain_behind_the_certificate_is_taken) {
  sio_openssl_options o = pem_of(&own);
  char chain[8000];
  snprintf(chain, sizeof chain, "%s%s", own.cert, ca.cert);
  o.identity.cert = sio_text(chain);
  takes(o);
}

TEST(a_key_within_the_certificates_text_is_found) {
  char both[8000];
  snprintf(both, sizeof both, "%s%s", own.cert, own.key);
  takes((sio_openssl_options){ .identity = { .cert = sio_text(both) } });
}

TEST(a_pfx_is_taken_with_its_passphrase_alone) {
  sio_slice pfx = pfx_of(&own, &ca, "secret");
  sio_openssl_options o = { .identity = { .pfx = pfx, .passphrase = "secret" } };
  takes(o);
  o.identity.passphrase = "wrong";
  refuses(o, SIO_EPROTO, "pfx in memory: mac verify failure");
  o.identity.pfx.n /= 2;
  EQ(try_with(&o), SIO_EPROTO);
  o.identity = (sio_openssl_identity){ .pfx = pfx, .cert = sio_text(own.cert) };
  refuses(o, -EINVAL, "pfx cannot be combined with cert or key");
  OPENSSL_free((char *)(uintptr_t)pfx.p);
}

TEST(a_pfx_without_a_key_or_a_certificate_is_refused) {
  struct identity keyless = own, bare = own;
  keyless.pkey = NULL;
  bare.x509 = NULL;
  sio_slice pfx[] = { pfx_of(&keyless, &ca, "x"), pfx_of(&bare, NULL, "x") };
  for (size_t i = 0; i < 2; i++) {
    sio_openssl_options o = { .identity = { .pfx = pfx[i], .passphrase = "x" } };
    refuses(o, SIO_EPROTO, "pfx in memory: it contains no key or no certificate");
    OPENSSL_free((char *)(uintptr_t)pfx[i].p);
  }
}

TEST(a_passphrase_too_long_for_openssl_is_not_cut) {
  char pass[2000], *key;
  memset(pass, 'a', sizeof pass);
  pass[PEM_BUFSIZE] = '\0';
  key = locked_key(&own, pass);
  sio_openssl_options o = pem_of(&own);
  o.identity.key = sio_text(key);
  o.identity.passphrase = pass;
  takes(o);
  pass[PEM_BUFSIZE] = 'a';
  pass[PEM_BUFSIZE + 1] = '\0';
  EQ(try_with(&o), SIO_EPROTO);
  free(key);
}

TEST(a_locked_key_is_taken_with_its_passphrase_and_asks_nobody) {
  char *key = locked_key(&own, "secret");
  sio_openssl_options o = pem_of(&own);
  o.identity.key = sio_text(key);
  o.identity.passphrase = "secret";
  takes(o);
  o.identity.passphrase = "wrong";
  EQ(try_with(&o), SIO_EPROTO);
  o.identity.passphrase = NULL;
  EQ(try_with(&o), SIO_EPROTO);
  free(key);
}

TEST(files_are_read_and_named_where_they_are_wrong) {
  char dir[] = "/tmp/sio-openssl-XXXXXX", cert[64], text[128];
  REQUIRE(mkdtemp(dir));
  snprintf(cert, sizeof cert, "%s/cert", dir);
  FILE *f = fopen(cert, "w");
  REQUIRE(f);
  fputs(own.cert, f);
  fclose(f);
  sio_openssl_options o = { .identity = { .cert_file = cert, .key = sio_text(own.key) } };
  takes(o);
  o.identity.cert_file = dir;
  EQ(try_with(&o), SIO_EPROTO);
  unlink(cert);
  o.identity.cert_file = cert;
  snprintf(text, sizeof text, "cert_file %s: No such file or directory", cert);
  refuses(o, -ENOENT, text);
  o.identity.cert = sio_text(own.cert);
  refuses(o, -EINVAL, "cert_file and cert are both set");
  o = pem_of(&own);
  o.identity.key = (sio_slice){ NULL, 0 };
  o.identity.key_file = cert;
  snprintf(text, sizeof text, "key_file %s: No such file or directory", cert);
  refuses(o, -ENOENT, text);
  o = (sio_openssl_options){ .identity = { .pfx_file = cert } };
  snprintf(text, sizeof text, "pfx_file %s: No such file or directory", cert);
  refuses(o, -ENOENT, text);
  o = pem_of(&own);
  o.request_cert = true;
  o.ca_file = cert;
  snprintf(text, sizeof text, "ca_file %s: No such file or directory", cert);
  refuses(o, -ENOENT, text);
  rmdir(dir);
}

/* ---- what is not ---------------------------------------------------------------------------- */

TEST(what_contradicts_itself_is_refused_in_words) {
  sio_openssl_options o = { .min_version = 0 };
  refuses(o, -EINVAL, "none of cert_file, cert, pfx_file and pfx is set");
  o = pem_of(&own);
  o.min_version = 7;
  refuses(o, -EINVAL, "min_version: 7 is neither SIO_TLS_1_2 nor SIO_TLS_1_3");
  o = pem_of(&own);
  o.request_cert = true;
  refuses(o, -EINVAL, "request_cert needs ca_file, ca or accept_unauthorized");
  o.accept_unauthorized = true;
  takes(o);
  o.request_cert = false;
  refuses(o, -EINVAL, "accept_unauthorized needs request_cert");
  o.ca = sio_text(ca.cert);
  refuses(o, -EINVAL, "ca_file or ca needs request_cert");
  o = pem_of(&own);
  o.identity.cert = (sio_slice){ NULL, 0 };
  refuses(o, -EINVAL, "none of cert_file, cert, pfx_file and pfx is set");
  o = (sio_openssl_options){ .identity = { .pfx_file = "a", .key_file = "b" } };
  refuses(o, -EINVAL, "pfx cannot be combined with cert or key");
  o = pem_of(&own);
  o.identity.cert.n = (size_t)INT32_MAX + 1;
  refuses(o, -EINVAL, "cert is too long");
}

TEST(what_openssl_does_not_take_is_named) {
  sio_openssl_options o = pem_of(&own);
  o.identity.key = sio_text(other.key);
  refuses(o, SIO_EPROTO, "key in memory: not the key of the certificate");
  o.identity.key = sio_text("no key");
  EQ(try_with(&o), SIO_EPROTO);
  CHECK(strncmp(why, "key in memory: ", 15) == 0);
  o.identity.cert = sio_text("no certificate");
  refuses(o, SIO_EPROTO, "cert in memory: no start line");
  o = pem_of(&own);
  o.ciphers = "NONE-SUCH";
  refuses(o, SIO_EPROTO, "ciphers NONE-SUCH: no cipher match");
  o = pem_of(&own);
  o.ciphersuites = "NONE-SUCH";
  EQ(try_with(&o), SIO_EPROTO);
  o = pem_of(&own);
  o.request_cert = true;
  o.ca = sio_text("no CA");
  refuses(o, SIO_EPROTO, "ca in memory: no start line");
}

TEST(a_broken_certificate_behind_good_ones_is_not_passed_over) {
  static const char *const broken[] = {
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n",
  };
  char chain[8000];
  for (size_t i = 0; i < 2; i++) {
    sio_openssl_options o = pem_of(&own);
    snprintf(chain, sizeof chain, "%s%s", own.cert, broken[i]);
    o.identity.cert = sio_text(chain);
    EQ(try_with(&o), SIO_EPROTO);
    o = pem_of(&own);
    o.request_cert = true;
    snprintf(chain, sizeof chain, "%s%s", ca.cert, broken[i]);
    o.ca = sio_text(chain);
    EQ(try_with(&o), SIO_EPROTO);
    CHECK(strncmp(why, "ca in memory: ", 14) == 0);
  }
}

TEST(a_further_identity_is_checked_like_the_first) {
  sio_openssl_identity more[2] = { { .cert = sio_text(other.cert), .key = sio_text(other.key) },
                                   { .cert = sio_text(own.cert), .key = sio_text(other.key) } };
  sio_openssl_options o = pem_of(&own);
  o.more = more;
  o.nmore = 1;
  takes(o);
  o.nmore = 2;
  refuses(o, SIO_EPROTO, "key in memory: not the key of the certificate");
}

TEST(the_words_may_be_unwanted_or_cut) {
  sio_tls *tls;
  sio_openssl_options o = { .min_version = 0 };
  char few[6];
  EQ(sio_openssl_new(&o, NULL, 0, &tls), -EINVAL);
  EQ(sio_openssl_new(NULL, few, sizeof few, &tls), -EINVAL);
  EQ_STR(few, "the o");
}

TEST(options_of_another_time_are_taken_as_far_as_they_are_understood) {
  struct {
    sio_openssl_options o;
    char later[16];
  } longer = { .o = pem_of(&own) };
  sio_tls *tls;
  longer.o.size = sizeof longer;
  EQ(sio_openssl_new(&longer.o, why, sizeof why, &tls), 0);
  sio_openssl_free(tls);
  longer.later[9] = 1;
  EQ(sio_openssl_new(&longer.o, why, sizeof why, &tls), -EINVAL);
  EQ_STR(why, "the size is invalid, or an option of a newer version is set");
  longer.o.size = 0;
  EQ(sio_openssl_new(&longer.o, why, sizeof why, &tls), 0);
  sio_openssl_free(tls);
}

TEST(the_hosts_own_context_is_taken_alone) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  const sio_slice text = sio_text("text");
  const sio_openssl_options beside[] = { { .identity = { .cert_file = "a" } },
                                         { .identity = { .key_file = "a" } },
                                         { .identity = { .pfx_file = "a" } },
                                         { .identity = { .cert = text } },
                                         { .identity = { .key = text } },
                                         { .identity = { .pfx = text } },
                                         { .identity = { .passphrase = "a" } },
                                         { .nmore = 1 },
                                         { .ca_file = "a" },
                                         { .ca = text },
                                         { .request_cert = true },
                                         { .accept_unauthorized = true },
                                         { .min_version = SIO_TLS_1_3 },
                                         { .ciphers = "a" },
                                         { .ciphersuites = "a" },
                                         { .ticket_lifetime_s = 60 } };
  takes((sio_openssl_options){ .ctx = ctx });
  for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
    sio_openssl_options o = beside[i];
    o.ctx = ctx;
    refuses(o, -EINVAL, "ctx cannot be combined with other options");
  }
  SSL_CTX_free(ctx);
}

/* ---- reloading ------------------------------------------------------------------------------ */

TEST(a_reload_that_fails_leaves_all_as_it_was) {
  sio_tls *tls;
  sio_openssl_options good = pem_of(&own), bad = pem_of(&own), late = pem_of(&expired);
  REQUIRE(sio_openssl_new(&good, why, sizeof why, &tls) == 0);
  int64_t end = sio_openssl_expiry_time(tls);
  bad.identity.key = sio_text(other.key);
  EQ(sio_openssl_reload(tls, &bad, why, sizeof why), SIO_EPROTO);
  EQ_STR(why, "key in memory: not the key of the certificate");
  EQ(sio_openssl_expiry_time(tls), end);
  EQ(sio_openssl_reload(tls, &late, why, sizeof why), 0);
  CHECK(sio_openssl_expiry_time(tls) < end);
  sio_openssl_free(tls);
}

static void *reload_some_times(void *tls) {
  sio_openssl_options o = pem_of(&own);
  char text[100];
  for (int i = 0; i < 20; i++) EQ(sio_openssl_reload(tls, &o, text, sizeof text), 0);
  return NULL;
}

/* ThreadSanitizer sees it if one thread reads what another one frees. */
TEST(threads_may_reload_at_the_same_time) {
  pthread_t threads[4];
  sio_tls *tls;
  sio_openssl_options o = pem_of(&own);
  REQUIRE(sio_openssl_new(&o, why, sizeof why, &tls) == 0);
  for (int i = 0; i < 4; i++)
    REQUIRE(pthread_create(&threads[i], NULL, reload_some_times, tls) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(sio_openssl_expiry_time(tls) > 0);
  sio_openssl_free(tls);
}

TEST(the_end_told_is_that_of_the_first_to_end) {
  sio_tls *tls;
  sio_openssl_identity more = { .cert = sio_text(expired.cert), .key = sio_text(expired.key) };
  sio_openssl_options o = pem_of(&own);
  REQUIRE(sio_openssl_new(&o, why, sizeof why, &tls) == 0);
  int64_t alone = sio_openssl_expiry_time(tls);
  o.more = &more;
  o.nmore = 1;
  EQ(sio_openssl_reload(tls, &o, why, sizeof why), 0);
  int64_t sooner = alone - sio_openssl_expiry_time(tls); /* the clock goes on meanwhile */
  CHECK(sooner <= 2 * 86400 && sooner > 2 * 86400 - 3600);
  more = (sio_openssl_identity){ .cert = sio_text(own.cert), .key = sio_text(own.key) };
  o = pem_of(&expired);
  o.more = &more;
  o.nmore = 1;
  EQ(sio_openssl_reload(tls, &o, why, sizeof why), 0);
  EQ(alone - sio_openssl_expiry_time(tls), sooner);
  sio_openssl_free(tls);
}

TEST(an_end_after_2038_is_told_exactly) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  X509 *x = X509_dup(own.x509);
  sio_tls *tls;
  REQUIRE(ASN1_TIME_set_string(X509_getm_notAfter(x), "20500101000000Z") == 1);
  REQUIRE(SSL_CTX_use_certificate(ctx, x) == 1);
  sio_openssl_options o = { .ctx = ctx };
  REQUIRE(sio_openssl_new(&o, why, sizeof why, &tls) == 0);
  EQ(sio_openssl_expiry_time(tls), INT64_C(2524608000));
  sio_openssl_free(tls);
  X509_free(x);
  SSL_CTX_free(ctx);
}

TEST(an_end_that_cannot_be_read_is_none) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  X509 *x = X509_dup(own.x509);
  sio_tls *tls;
  ASN1_STRING_set(X509_getm_notAfter(x), "tomorrow", 8);
  REQUIRE(SSL_CTX_use_certificate(ctx, x) == 1);
  sio_openssl_options o = { .ctx = ctx };
  REQUIRE(sio_openssl_new(&o, why, sizeof why, &tls) == 0);
  EQ(sio_openssl_expiry_time(tls), INT64_MAX);
  sio_openssl_free(tls);
  X509_free(x);
  SSL_CTX_free(ctx);
}

/* ---- handshakes ------------------------------------------------------------------------------ */

/* OpenSSL 3.6 holds 94 KiB after a whole hello of TLS 1.3, with a key exchange by ML-KEM. */
enum { WHOLE_HELLO_COSTS = 128 * 1024 };

/* Says that a ClientHello of 128 KiB follows. */
static const char claim[] = "\x16\x03\x01\x00\x04\x01\x02\x00\x00";

/* What the server's end holds once it has heard n bytes. */
static size_t cost_of(const char *p, size_t n, long result) {
  size_t before = held;
  EQ(accept_peer(), 0);
  if (n) EQ(tell(p, n), result);
  return held - before;
}

/* Steps of 256 bytes, and what the C library adds. */
static size_t in_steps(size_t n) { return (n + 255) / 256 * 256 + 24; }

/* A hello of more than one step: the host that it asks for has a long name. */
static sio_slice long_flight(void) {
  char host[251];
  memset(host, 'a', sizeof host - 1);
  host[sizeof host - 1] = '\0';
  SSL_set_tlsext_host_name(peer.ssl, host);
  sio_slice hello = flight();
  CHECK(hello.n > 256);
  return hello;
}

TEST(an_unfinished_hello_holds_little_more_than_its_bytes) {
  serve(pem_of(&own));
  for (size_t i = 0; i < 2; i++) {
    tls_peer_open(&peer, -1, versions[i]);
    sio_slice hello = long_flight();
    size_t idle = cost_of("", 0, 0);
    CHECK(idle < 512);
    server->ops->close(session);
    for (size_t n = 1; n < hello.n; n++) {
      CHECK(cost_of(hello.p, n, 0) <= idle + in_steps(n));
      server->ops->close(session);
    }
    CHECK(cost_of(hello.p, hello.n, 0) < WHOLE_HELLO_COSTS);
    hang_up();
  }
  sio_openssl_free(server);
}

TEST(so_does_one_that_comes_byte_by_byte) {
  serve(pem_of(&own));
  tls_peer_open(&peer, -1, TLS1_3_VERSION);
  sio_slice hello = long_flight();
  size_t before = held;
  EQ(accept_peer(), 0);
  size_t idle = held - before;
  for (size_t n = 1; n < hello.n; n++) {
    EQ(tell(hello.p + n - 1, 1), 0);
    CHECK(held - before <= idle + in_steps(n));
  }
  EQ(tell(hello.p + hello.n - 1, 1), 0);
  CHECK(nputs > 0);
  hang_up();
  sio_openssl_free(server);
}

TEST(a_hello_that_claims_to_be_long_is_refused_before_memory_is_taken_for_it) {
  const char *text;
  serve(pem_of(&own));
  tls_peer_open(&peer, -1, TLS1_3_VERSION);
  CHECK(cost_of(claim, 9, SIO_EPROTO) < 512);
  EQ(server->ops->failure(session, &text), SIO_TLS_FAILED_PROTOCOL);
  EQ_STR(text, "TLS: the ClientHello or its TLS records are too long");
  EQ(BIO_pending(peer.in), 7);
  SSL_do_handshake(peer.ssl);
  EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER);
  hang_up();
  sio_openssl_free(server);
}

/* In records of n bytes each; how many bytes that takes. */
static size_t fragment(char *out, sio_slice hello, size_t n) {
  size_t k = 0;
  for (size_t at = 5; at < hello.n; at += n) {
    size_t part = hello.n - at < n ? hello.n - at : n;
    memcpy(out + k, hello.p, 3);
    out[k + 3] = 0;
    out[k + 4] = (char)part;
    memcpy(out + k + 5, hello.p + at, part);
    k += 5 + part;
  }
  return k;
}

TEST(a_hello_may_come_in_many_records) {
  static char out[20000];
  serve(pem_of(&own));
  for (size_t i = 0; i < 2; i++) {
    for (size_t n = 1; n < 100; n += 7) {
      tls_peer_open(&peer, -1, versions[i]);
      EQ(accept_peer(), 0);
      size_t k = fragment(out, flight(), n);
      for (size_t at = 0; at < k; at++) EQ(tell(out + at, 1), 0);
      CHECK(shake());
      hang_up();
    }
  }
  sio_openssl_free(server);
}

TEST(a_hello_in_ever_more_records_is_refused) {
  static char many[30000];
  size_t n = 0;
  const char *text;
  serve(pem_of(&own));
  tls_peer_open(&peer, -1, TLS1_3_VERSION);
  EQ(accept_peer(), 0);
  memcpy(many, "\x16\x03\x01\x00\x04\x01\x00\x3f\xff", 9);
  for (n = 9; n < sizeof many - 6; n += 6) memcpy(many + n, "\x16\x03\x01\x00\x01", 6);
  long err = 0;
  size_t at = 0, before = held;
  for (; at < n && !err; at += 100) {
    err = tell(many + at, 100);
    CHECK(held - before < 21 * 1024);
  }
  EQ(err, SIO_EPROTO);
  EQ(at, 20500);
  EQ(server->ops->failure(session, &text), SIO_TLS_FAILED_PROTOCOL);
  hang_up();
  sio_openssl_free(server);
}

/* It knows no X25519, for which clients have a key at hand: they are asked for another hello. */
static void serve_retries(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate(ctx, own.x509) != 1) abort();
  if (SSL_CTX_use_PrivateKey(ctx, own.pkey) != 1) abort();
  SSL_CTX_set1_groups_list(ctx, "P-256");
  serve((sio_openssl_options){ .ctx = ctx });
  SSL_CTX_free(ctx);
  tls_peer_init(&peer, -1, TLS1_3_VERSION);
  SSL_CTX_set1_groups_list(peer.ctx, "X25519:P-256");
  tls_peer_begin(&peer);
  EQ(accept_peer(), 0);
}

TEST(a_second_hello_is_heard_and_may_not_claim_to_be_long) {
  for (int step = 1; step < 10; step++) {
    serve_retries();
    CHECK(shake());
    hang_up();
    sio_openssl_free(server);
  }
  for (size_t cut = 0; cut < 9; cut++) {
    serve_retries();
    sio_slice hello = flight();
    EQ(tell(hello.p, hello.n), 0);
    if (cut) EQ(tell("\x14\x03\x03\x00\x01\x01", 6), 0);
    size_t before = held;
    if (cut) EQ(tell(claim, cut), 0);
    EQ(tell(claim + cut, 9 - cut), SIO_EPROTO);
    CHECK(held - before < 20 * 1024);
    hang_up();
    sio_openssl_free(server);
  }
}

/* ---- tickets --------------------------------------------------------------------------------- */

static SSL_SESSION *ticket; /* what the last connection can be resumed with */
static bool renewed;        /* ... is another than it came with              */

static bool same_ticket(const SSL_SESSION *a, const SSL_SESSION *b) {
  const unsigned char *p, *q;
  size_t n, m;
  SSL_SESSION_get0_ticket(a, &p, &n);
  SSL_SESSION_get0_ticket(b, &q, &m);
  return n == m && memcmp(p, q, n) == 0;
}

/* True: it was resumed with `with`, NULL: none. */
static bool resumes(int version, const SSL_SESSION *with) {
  SSL_SESSION *used = with ? SSL_SESSION_dup(with) : NULL;
  tls_peer_open(&peer, -1, version);
  if (used) SSL_set_session(peer.ssl, used);
  EQ(accept_peer(), 0);
  CHECK(shake());
  bool reused = SSL_session_reused(peer.ssl);
  SSL_SESSION_free(ticket);
  ticket = SSL_get1_session(peer.ssl);
  renewed = used && !same_ticket(ticket, used);
  SSL_SESSION_free(used);
  hang_up();
  return reused;
}

static void first_ticket(int version, sio_openssl_options o) {
  later = 0;
  serve(o);
  EQ(resumes(version, NULL), false);
  REQUIRE(ticket && SSL_SESSION_has_ticket(ticket));
}

static void no_more_tickets(void) {
  SSL_SESSION_free(ticket);
  ticket = NULL;
  sio_openssl_free(server);
}

TEST(a_ticket_can_be_used_for_a_period_after_its_key_has_changed_and_not_for_two) {
  for (size_t i = 0; i < 2; i++) {
    first_ticket(versions[i], pem_of(&own));
    SSL_SESSION *old = SSL_SESSION_dup(ticket);
    REQUIRE(old != NULL);
    later = 3599;
    CHECK(resumes(versions[i], old));
    later = 3601;
    CHECK(resumes(versions[i], old));
    later = 7199;
    CHECK(resumes(versions[i], old));
    later = 7201;
    CHECK(!resumes(versions[i], old));
    SSL_SESSION_free(old);
    no_more_tickets();
  }
}

/* No handshake came in between. */
TEST(after_a_long_silence_no_old_ticket_can_be_used) {
  for (size_t i = 0; i < 2; i++) {
    first_ticket(versions[i], pem_of(&own));
    later = 7201;
    CHECK(!resumes(versions[i], ticket));
    CHECK(resumes(versions[i], ticket));
    no_more_tickets();
  }
}

TEST(a_ticket_of_the_key_before_is_renewed) {
  for (size_t i = 0; i < 2; i++) {
    first_ticket(versions[i], pem_of(&own));
    CHECK(resumes(versions[i], ticket));
    EQ(renewed, versions[i] == TLS1_3_VERSION); /* where each is to be used once */
    later = 3601;
    CHECK(resumes(versions[i], ticket));
    CHECK(renewed);
    later = 7201;
    CHECK(resumes(versions[i], ticket));
    no_more_tickets();
  }
}

TEST(the_host_says_how_long_a_ticket_can_be_used) {
  sio_openssl_options o = pem_of(&own);
  o.ticket_lifetime_s = 10;
  for (size_t i = 0; i < 2; i++) {
    first_ticket(versions[i], o);
    EQ(SSL_SESSION_get_ticket_lifetime_hint(ticket), 10);
    SSL_SESSION *old = SSL_SESSION_dup(ticket);
    later = 19;
    CHECK(resumes(versions[i], old));
    later = 21;
    CHECK(!resumes(versions[i], old));
    SSL_SESSION_free(old);
    no_more_tickets();
  }
  o.ticket_lifetime_s = 7 * 86400;
  takes(o);
  o.ticket_lifetime_s++;
  refuses(o, -EINVAL, "ticket_lifetime_s: 604801 is more than 604800 seconds (a week)");
}

TEST(a_reload_ends_all_tickets) {
  sio_openssl_options o = pem_of(&own);
  for (size_t i = 0; i < 2; i++) {
    first_ticket(versions[i], o);
    CHECK(resumes(versions[i], ticket));
    EQ(sio_openssl_reload(server, &o, why, sizeof why), 0);
    CHECK(!resumes(versions[i], ticket));
    CHECK(resumes(versions[i], ticket));
    no_more_tickets();
  }
}

TEST(a_ticket_that_was_changed_leads_to_a_whole_handshake) {
  for (size_t at = 0; at < 100; at += 9) {
    for (size_t i = 0; i < 2; i++) {
      const unsigned char *p;
      size_t n;
      first_ticket(versions[i], pem_of(&own));
      SSL_SESSION_get0_ticket(ticket, &p, &n);
      ((unsigned char *)(uintptr_t)p)[at] ^= 1;
      CHECK(!resumes(versions[i], ticket));
      no_more_tickets();
    }
  }
}

/* ---- without memory ------------------------------------------------------------------------- */

/* OpenSSL lives on without some of what it asked for, and says so in its own way: what counts is
 * that nothing crashes, leaks or half exists. */
TEST(every_failed_allocation_is_survived) {
  sio_slice pfx = pfx_of(&own, &ca, "secret");
  sio_openssl_options o = { .identity = { .pfx = pfx, .passphrase = "secret" },
                            .request_cert = true,
                            .ca = sio_text(ca.cert) };
  takes(o);
  unsigned failed = 0;
  for (size_t i = 1; i < 20000; i += i < 300 ? 1 : 37) {
    sio_tls *tls = NULL;
    fuse = i;
    int err = sio_openssl_new(&o, why, sizeof why, &tls);
    bool burnt = fuse == 0;
    fuse = 0;
    failed += err != 0;
    CHECK((tls != NULL) == (err == 0));
    sio_openssl_free(tls);
    ERR_clear_error();
    if (!burnt) break;
  }
  CHECK(failed > 100);
  OPENSSL_free((char *)(uintptr_t)pfx.p);
}

/* The handshake fails or goes on, and whoever tells why has words for it. */
TEST(every_failed_allocation_of_a_handshake_is_survived) {
  unsigned failed = 0;
  bool burnt = true;
  for (size_t i = 1; burnt && i < 20000; i += i < 200 ? 1 : 37) {
    const char *text = "";
    serve(pem_of(&own));
    tls_peer_open(&peer, -1, versions[i % 2]);
    sio_slice hello = flight();
    fuse = i;
    int err = accept_peer();
    long got = err ? err : tell(hello.p, 100);
    if (got == 0) got = tell(hello.p + 100, hello.n - 100);
    burnt = fuse == 0;
    fuse = 0;
    failed += got < 0;
    if (!err && got < 0) CHECK(server->ops->failure(session, &text) >= 0 && *text);
    if (!err) server->ops->close(session);
    tls_peer_close(&peer);
    sio_openssl_free(server);
    ERR_clear_error();
  }
  CHECK(failed > 10);
}

OPENSSL_TESTS_BEGIN
T(a_certificate_and_its_key_in_memory_are_taken)
T(a_chain_behind_the_certificate_is_taken)
T(a_key_within_the_certificates_text_is_found)
T(a_pfx_is_taken_with_its_passphrase_alone)
T(a_pfx_without_a_key_or_a_certificate_is_refused)
T(a_passphrase_too_long_for_openssl_is_not_cut)
T(a_locked_key_is_taken_with_its_passphrase_and_asks_nobody)
T(files_are_read_and_named_where_they_are_wrong)
T(what_contradicts_itself_is_refused_in_words)
T(what_openssl_does_not_take_is_named)
T(a_broken_certificate_behind_good_ones_is_not_passed_over)
T(a_further_identity_is_checked_like_the_first)
T(the_words_may_be_unwanted_or_cut)
T(options_of_another_time_are_taken_as_far_as_they_are_understood)
T(the_hosts_own_context_is_taken_alone)
T(a_reload_that_fails_leaves_all_as_it_was)
T(threads_may_reload_at_the_same_time)
T(the_end_told_is_that_of_the_first_to_end)
T(an_end_after_2038_is_told_exactly)
T(an_end_that_cannot_be_read_is_none)
T(an_unfinished_hello_holds_little_more_than_its_bytes)
T(so_does_one_that_comes_byte_by_byte)
T(a_hello_that_claims_to_be_long_is_refused_before_memory_is_taken_for_it)
T(a_hello_may_come_in_many_records)
T(a_hello_in_ever_more_records_is_refused)
T(a_second_hello_is_heard_and_may_not_claim_to_be_long)
T(a_ticket_can_be_used_for_a_period_after_its_key_has_changed_and_not_for_two)
T(after_a_long_silence_no_old_ticket_can_be_used)
T(a_ticket_of_the_key_before_is_renewed)
T(the_host_says_how_long_a_ticket_can_be_used)
T(a_reload_ends_all_tickets)
T(a_ticket_that_was_changed_leads_to_a_whole_handshake)
T(every_failed_allocation_is_survived)
T(every_failed_allocation_of_a_handshake_is_survived)
OPENSSL_TESTS_END
