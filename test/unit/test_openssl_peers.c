/* SPDX-License-Identifier: MIT
 *
 * Peers of the provider that libsio-openssl makes: which certificate they are shown, what is told
 * of theirs, and by which kind a handshake that fails is counted.
 */
#include "openssl_rig.h"

static void peer_init(int version) { tls_peer_init(&peer, -1, version); }

/* A client whose context is set up, and its session. */
static void peer_begin(void) {
  tls_peer_begin(&peer);
  EQ(accept_peer(), 0);
}

static void peer_shows(const struct identity *id) {
  if (SSL_CTX_use_certificate(peer.ctx, id->x509) != 1) abort();
  if (SSL_CTX_use_PrivateKey(peer.ctx, id->pkey) != 1) abort();
}

static void close_all(void) {
  hang_up();
  sio_openssl_free(server);
}

/* ---- what the server shows ------------------------------------------------------------------- */

/* The subject of the certificate that a client gets which asks for name. */
static const char *shown_to(const char *name) {
  static char text[64];
  *text = '\0';
  peer_init(TLS1_3_VERSION);
  peer_begin();
  if (name) SSL_set_tlsext_host_name(peer.ssl, name);
  CHECK(shake());
  X509 *x = SSL_get0_peer_certificate(peer.ssl);
  if (x) X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof text);
  hang_up();
  return text;
}

TEST(the_name_that_a_client_asks_for_chooses_the_certificate) {
  sio_openssl_identity more[] = { { .cert = sio_text(other.cert), .key = sio_text(other.key) },
                                  { .cert = sio_text(wild.cert), .key = sio_text(wild.key) } };
  sio_openssl_options o = pem_of(&own);
  o.more = more;
  o.nmore = 2;
  serve(o);
  EQ_STR(shown_to("localhost"), "localhost");
  EQ_STR(shown_to("chat.example.org"), "wild");
  EQ_STR(shown_to("other"), "other");
  EQ_STR(shown_to("elsewhere.example.com"), "localhost");
  EQ_STR(shown_to(NULL), "localhost");
  sio_openssl_free(server);
}

static const char *cipher_with(int version, const char *ciphers) {
  static char name[64];
  sio_tls_info info = { .version = NULL };
  peer_init(version);
  if (ciphers) SSL_CTX_set_cipher_list(peer.ctx, ciphers);
  peer_begin();
  bool done = shake();
  if (done) EQ(server->ops->info(session, &info), 0);
  snprintf(name, sizeof name, "%s", done ? info.cipher : "none");
  hang_up();
  return name;
}

TEST(only_ciphers_and_versions_that_the_host_names_are_spoken) {
  sio_openssl_options o = pem_of(&own);
  o.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
  o.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256";
  serve(o);
  EQ_STR(cipher_with(TLS1_2_VERSION, NULL), o.ciphers);
  EQ_STR(cipher_with(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"), "none");
  EQ_STR(cipher_with(TLS1_3_VERSION, NULL), o.ciphersuites);
  sio_openssl_free(server);
  o.min_version = SIO_TLS_1_3;
  serve(o);
  EQ_STR(cipher_with(TLS1_2_VERSION, NULL), "none");
  EQ_STR(cipher_with(TLS1_3_VERSION, NULL), o.ciphersuites);
  sio_openssl_free(server);
}

/* ---- what is told of the client -------------------------------------------------------------- */

static sio_openssl_options asks_for_certificates(bool any) {
  sio_openssl_options o = pem_of(&own);
  o.request_cert = true;
  o.accept_unauthorized = any;
  o.ca = sio_text(ca.cert);
  return o;
}

static sio_tls_info info_of(const struct identity *id) {
  sio_tls_info info = { .version = NULL };
  peer_init(TLS1_3_VERSION);
  if (id) peer_shows(id);
  peer_begin();
  CHECK(shake());
  EQ(server->ops->info(session, &info), 0);
  return info;
}

TEST(a_client_whom_nobody_vouches_for_is_let_in_where_the_host_says_so_and_told_apart) {
  serve(asks_for_certificates(true));
  sio_tls_info info = info_of(&other);
  CHECK(info.verified);
  EQ_STR(info.verify_error, "");
  hang_up();
  info = info_of(&expired);
  CHECK(!info.verified);
  EQ_STR(info.verify_error, "certificate has expired");
  EQ_STR(info.subject, "CN=late");
  CHECK(info.certificate.n > 100);
  hang_up();
  info = info_of(NULL);
  CHECK(!info.verified);
  EQ_STR(info.subject, "");
  EQ(info.certificate.n, 0);
  close_all();
}

TEST(a_certificate_without_a_subject_has_an_empty_one) {
  serve(asks_for_certificates(false));
  sio_tls_info info = info_of(&nobody);
  CHECK(info.verified);
  EQ_STR(info.subject, "");
  CHECK(info.certificate.n > 100);
  close_all();
}

TEST(what_a_certificate_says_is_told_whole_or_not_at_all) {
  unsigned failed = 0;
  serve(asks_for_certificates(false));
  sio_tls_info info = info_of(&other);
  for (size_t i = 1; i < 100; i++) {
    memset(&info, 0, sizeof info);
    fuse = i;
    int err = server->ops->info(session, &info);
    bool burnt = fuse == 0;
    fuse = 0;
    failed += err != 0;
    if (err) EQ(err, -ENOMEM);
    if (!err) EQ_STR(info.subject, "CN=other");
    if (!err) CHECK(info.verified && info.certificate.n > 100);
    if (!burnt) break;
  }
  CHECK(failed > 2);
  EQ(ERR_peek_error(), 0);
  close_all();
}

static SSL_CTX *old_context(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_security_level(ctx, 0);
  SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
  if (SSL_CTX_use_certificate(ctx, own.x509) != 1) abort();
  if (SSL_CTX_use_PrivateKey(ctx, own.pkey) != 1) abort();
  return ctx;
}

TEST(a_version_that_only_the_hosts_own_context_speaks_is_counted_as_another) {
  static const int known[] = { TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION };
  static const int told[] = { SIO_TLS_OTHER, SIO_TLS_1_2, SIO_TLS_1_3 };
  SSL_CTX *ctx = old_context();
  serve((sio_openssl_options){ .ctx = ctx });
  SSL_CTX_free(ctx);
  for (size_t i = 0; i < 3; i++) {
    sio_tls_done done = { .version = -1 };
    peer_init(known[i]);
    SSL_CTX_set_security_level(peer.ctx, 0);
    peer_begin();
    CHECK(!server->ops->established(session, &done));
    CHECK(shake());
    CHECK(server->ops->established(session, &done));
    EQ(done.version, told[i]);
    hang_up();
  }
  sio_openssl_free(server);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static const char *told; /* in words */

/* The kind of failure that the handshake ends in; -1: it does not fail. */
static int kind_of_handshake(void) {
  peer_begin();
  int kind = shake() ? -1 : server->ops->failure(session, &told);
  if (kind < 0) told = "nothing";
  return kind;
}

static void hears(const char *p, size_t n, int kind) {
  peer_init(TLS1_2_VERSION);
  peer_begin();
  EQ(tell(p, n), SIO_EPROTO);
  EQ(server->ops->failure(session, &told), kind);
  CHECK(strncmp(told, "TLS: ", 5) == 0 && told[5]);
  hang_up();
}

TEST(bytes_that_are_no_handshake_are_told_by_what_they_are) {
  static const char older[] = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01"
                              "01234567890123456789012345678901\x00\x00\x02\xc0\x09\x01";
  serve(pem_of(&own));
  hears("GET / HTTP/1.1\r\n\r\n", 18, SIO_TLS_FAILED_PLAIN);
  hears("\x16\x09\x09\x00\x05", 5, SIO_TLS_FAILED_VERSION);
  hears(older, sizeof older, SIO_TLS_FAILED_VERSION);
  hears("\x17\x03\x03\x00\x01x", 6, SIO_TLS_FAILED_PROTOCOL);
  hears("\x15\x03\x01\x00\x02\x02\x28", 7, SIO_TLS_FAILED_PROTOCOL);
  sio_openssl_free(server);
}

TEST(what_the_two_have_not_in_common_is_told) {
  sio_openssl_options o = pem_of(&own);
  o.min_version = SIO_TLS_1_3;
  serve(o);
  peer_init(TLS1_2_VERSION);
  EQ(kind_of_handshake(), SIO_TLS_FAILED_VERSION);
  close_all();
  serve(pem_of(&own));
  peer_init(TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(peer.ctx, "ECDHE-RSA-AES128-GCM-SHA256");
  EQ(kind_of_handshake(), SIO_TLS_FAILED_CIPHER);
  hang_up();
  peer_init(TLS1_3_VERSION);
  SSL_CTX_set1_sigalgs_list(peer.ctx, "ed25519");
  EQ(kind_of_handshake(), SIO_TLS_FAILED_CIPHER);
  hang_up();
  peer_init(TLS1_3_VERSION);
  SSL_CTX_set_alpn_protos(peer.ctx, (const unsigned char *)"\x02h2\x08http/1.0", 12);
  EQ(kind_of_handshake(), SIO_TLS_FAILED_ALPN);
  hang_up();
  peer_init(TLS1_3_VERSION);
  SSL_CTX_set_alpn_protos(peer.ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
  EQ(kind_of_handshake(), -1);
  close_all();
}

TEST(a_certificate_that_is_missing_or_not_vouched_for_is_told) {
  serve(asks_for_certificates(false));
  peer_init(TLS1_3_VERSION);
  EQ(kind_of_handshake(), SIO_TLS_FAILED_CERTIFICATE);
  EQ_STR(told, "TLS: peer did not return a certificate");
  hang_up();
  peer_init(TLS1_3_VERSION);
  peer_shows(&expired);
  EQ(kind_of_handshake(), SIO_TLS_FAILED_CERTIFICATE);
  EQ_STR(told, "TLS: certificate verify failed: certificate has expired");
  hang_up();
  peer_init(TLS1_3_VERSION);
  peer_shows(&other);
  EQ(kind_of_handshake(), -1);
  close_all();
}

TEST(a_session_whose_wire_fails_is_over_and_puts_nothing_more) {
  static const int errs[] = { -ENOMEM, SIO_ETOOBIG };
  static const int kinds[] = { SIO_TLS_FAILED_MEMORY, SIO_TLS_FAILED_PROTOCOL };
  for (size_t i = 0; i < 4; i++) {
    serve(pem_of(&own));
    peer_init(versions[i / 2]);
    peer_begin();
    sio_slice hello = flight();
    put_err = errs[i % 2];
    EQ(tell(hello.p, hello.n), i % 2 ? SIO_EPROTO : -ENOMEM);
    EQ(server->ops->failure(session, &told), kinds[i % 2]);
    EQ_STR(told, i % 2 ? "TLS: too much output waits for the peer" : "TLS: out of memory");
    unsigned before = nputs;
    server->ops->end(session);
    EQ(nputs, before);
    close_all();
  }
}

TEST(what_cannot_be_put_on_the_wire_is_not_said_to_be_written) {
  serve(pem_of(&own));
  for (size_t i = 0; i < 2; i++) {
    char got[8];
    peer_init(versions[i]);
    peer_begin();
    CHECK(shake());
    EQ(server->ops->write(session, "heard", 5), 0);
    EQ(SSL_read(peer.ssl, got, sizeof got), 5);
    put_err = -ENOMEM;
    EQ(server->ops->write(session, "lost", 4), -ENOMEM);
    put_err = 0;
    CHECK(server->ops->write(session, "late", 4) < 0);
    EQ(SSL_read(peer.ssl, got, sizeof got), -1);
    hang_up();
  }
  sio_openssl_free(server);
}

/* ---- the hello ------------------------------------------------------------------------------- */

TEST(reading_nothing_changes_nothing) {
  serve(pem_of(&own));
  peer_init(TLS1_3_VERSION);
  peer_begin();
  EQ(tell(NULL, 0), 0);
  sio_slice hello = flight();
  EQ(tell(hello.p, 20), 0);
  EQ(tell(NULL, 0), 0);
  EQ(tell(hello.p + 20, hello.n - 20), 0);
  EQ(tell(NULL, 0), 0);
  CHECK(shake());
  close_all();
}

TEST(a_long_claim_right_after_the_first_hello_is_refused_too) {
  static char both[20000];
  serve(pem_of(&own));
  for (size_t i = 0; i < 2; i++) {
    peer_init(versions[i]);
    peer_begin();
    sio_slice hello = flight();
    memcpy(both, hello.p, hello.n);
    memcpy(both + hello.n, "\x16\x03\x01\x00\x04\x01\x02\x00\x00", 9);
    EQ(tell(both, hello.n + 9), SIO_EPROTO);
    EQ(server->ops->failure(session, &told), SIO_TLS_FAILED_PROTOCOL);
    EQ_STR(told, "TLS: the ClientHello or its TLS records are too long");
    hang_up();
  }
  sio_openssl_free(server);
}

OPENSSL_TESTS_BEGIN
T(the_name_that_a_client_asks_for_chooses_the_certificate)
T(only_ciphers_and_versions_that_the_host_names_are_spoken)
T(a_client_whom_nobody_vouches_for_is_let_in_where_the_host_says_so_and_told_apart)
T(a_certificate_without_a_subject_has_an_empty_one)
T(what_a_certificate_says_is_told_whole_or_not_at_all)
T(a_version_that_only_the_hosts_own_context_speaks_is_counted_as_another)
T(bytes_that_are_no_handshake_are_told_by_what_they_are)
T(what_the_two_have_not_in_common_is_told)
T(a_certificate_that_is_missing_or_not_vouched_for_is_told)
T(a_session_whose_wire_fails_is_over_and_puts_nothing_more)
T(what_cannot_be_put_on_the_wire_is_not_said_to_be_written)
T(reading_nothing_changes_nothing)
T(a_long_claim_right_after_the_first_hello_is_refused_too)
OPENSSL_TESTS_END
