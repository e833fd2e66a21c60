/* SPDX-License-Identifier: MIT
 *
 * Options made into contexts: what is taken, and in which words the rest is refused.
 */
#include "../certificates.h"
#include "../test.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sio/openssl.h>
#include <unistd.h>

static struct identity ca, own, other, expired;
static char why[256];

/* ---- OpenSSL's memory ----------------------------------------------------------------------- */

static size_t fuse; /* the n-th allocation from here fails; 0: none */

static bool fails(void) { return fuse > 0 && fuse-- == 1; }

static void *on_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  if (n == 0 || fails()) return NULL;
  return malloc(n);
}

static void *on_realloc(void *p, size_t n, const char *file, int line) {
  (void)file, (void)line;
  if (fails()) return NULL;
  return realloc(p, n);
}

static void on_free(void *p, const char *file, int line) {
  (void)file, (void)line;
  free(p);
}

/* ---- what is taken -------------------------------------------------------------------------- */

static sio_openssl_options pem_of(const struct identity *id) {
  return (
      sio_openssl_options){ .identity = { .cert = sio_text(id->cert), .key = sio_text(id->key) } };
}

static int try_with(const sio_openssl_options *o) {
  sio_tls *tls = NULL;
  strcpy(why, "untouched");
  int err = sio_openssl_new(&tls, o, why, sizeof why);
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
  refuses(o, -EINVAL, "a pfx and a certificate or key beside it");
  OPENSSL_free((char *)(uintptr_t)pfx.p);
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
  rmdir(dir);
}

/* ---- what is not ---------------------------------------------------------------------------- */

TEST(what_contradicts_itself_is_refused_in_words) {
  sio_openssl_options o = { .min_version = 0 };
  refuses(o, -EINVAL, "there is no certificate");
  o = pem_of(&own);
  o.min_version = 7;
  refuses(o, -EINVAL, "min_version is none");
  o = pem_of(&own);
  o.request_cert = true;
  refuses(o, -EINVAL, "request_cert needs ca, or accept_unauthorized");
  o.accept_unauthorized = true;
  takes(o);
  o.request_cert = false;
  refuses(o, -EINVAL, "accept_unauthorized needs request_cert");
  o.ca = sio_text(ca.cert);
  refuses(o, -EINVAL, "ca needs request_cert");
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
  sio_openssl_options o = pem_of(&own);
  char chain[8000];
  snprintf(chain, sizeof chain, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
           own.cert);
  o.identity.cert = sio_text(chain);
  EQ(try_with(&o), SIO_EPROTO);
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
  EQ(sio_openssl_new(&tls, &o, NULL, 0), -EINVAL);
  EQ(sio_openssl_new(&tls, NULL, few, sizeof few), -EINVAL);
  EQ_STR(few, "there");
}

TEST(options_of_another_time_are_taken_as_far_as_they_are_understood) {
  struct {
    sio_openssl_options o;
    char later[16];
  } longer = { .o = pem_of(&own) };
  sio_tls *tls;
  EQ(sio_openssl_new_sized(&tls, &longer.o, sizeof longer, why, sizeof why), 0);
  sio_openssl_free(tls);
  longer.later[9] = 1;
  EQ(sio_openssl_new_sized(&tls, &longer.o, sizeof longer, why, sizeof why), -EINVAL);
  EQ_STR(why, "an option of a later time");
  size_t identity_alone = offsetof(sio_openssl_options, more);
  longer.o.min_version = 99;
  EQ(sio_openssl_new_sized(&tls, &longer.o, identity_alone, why, sizeof why), 0);
  sio_openssl_free(tls);
}

TEST(the_hosts_own_context_is_taken_alone) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  sio_openssl_options o = { .ctx = ctx };
  takes(o);
  o = pem_of(&own);
  o.ctx = ctx;
  refuses(o, -EINVAL, "ctx and other options beside it");
  SSL_CTX_free(ctx);
}

/* ---- reloading ------------------------------------------------------------------------------ */

TEST(a_reload_that_fails_leaves_all_as_it_was) {
  sio_tls *tls;
  sio_openssl_options good = pem_of(&own), bad = pem_of(&own), late = pem_of(&expired);
  REQUIRE(sio_openssl_new(&tls, &good, why, sizeof why) == 0);
  int64_t end = sio_openssl_expires(tls);
  bad.identity.key = sio_text(other.key);
  EQ(sio_openssl_reload(tls, &bad, why, sizeof why), SIO_EPROTO);
  EQ_STR(why, "key in memory: not the key of the certificate");
  EQ(sio_openssl_expires(tls), end);
  EQ(sio_openssl_reload(tls, &late, why, sizeof why), 0);
  CHECK(sio_openssl_expires(tls) < end);
  sio_openssl_free(tls);
}

TEST(the_end_told_is_that_of_the_first_to_end) {
  sio_tls *tls;
  sio_openssl_identity more = { .cert = sio_text(expired.cert), .key = sio_text(expired.key) };
  sio_openssl_options o = pem_of(&own);
  REQUIRE(sio_openssl_new(&tls, &o, why, sizeof why) == 0);
  int64_t alone = sio_openssl_expires(tls);
  o.more = &more;
  o.nmore = 1;
  EQ(sio_openssl_reload(tls, &o, why, sizeof why), 0);
  EQ(alone - sio_openssl_expires(tls), 2 * 86400);
  sio_openssl_free(tls);
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
    int err = sio_openssl_new(&tls, &o, why, sizeof why);
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

/* clang-format off */
static const struct test__case cases[] = {
  T(a_certificate_and_its_key_in_memory_are_taken)
  T(a_chain_behind_the_certificate_is_taken)
  T(a_key_within_the_certificates_text_is_found)
  T(a_pfx_is_taken_with_its_passphrase_alone)
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
  T(the_end_told_is_that_of_the_first_to_end)
  T(every_failed_allocation_is_survived)
};
/* clang-format on */

int main(int argc, char **argv) {
  if (!CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free)) return 1;
  identity_make(&ca, "ca", NULL, NULL, 1);
  identity_make(&own, "localhost", &ca, "DNS:localhost", 1);
  identity_make(&other, "other", &ca, NULL, 1);
  identity_make(&expired, "late", &ca, NULL, -1);
  int failed = test__main(cases, sizeof cases / sizeof *cases, argc, argv);
  struct identity *all[] = { &ca, &own, &other, &expired };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) identity_clear(all[i]);
  return failed;
}
