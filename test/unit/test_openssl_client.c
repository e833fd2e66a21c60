/* SPDX-License-Identifier: MIT
 *
 * test_openssl_client.c - the provider of clients, against the provider of servers, bytes carried
 * between the two by hand.
 */
#include "openssl_rig.h"

/* ---- two ends -------------------------------------------------------------------------------- */

struct end {
  const sio_tls *tls;
  void *session;
  char out[70000]; /* what it has to say */
  size_t n;
  char plain[20000]; /* what it has read */
  size_t read;
  long result;
};

static struct end here, there;

static int on_end_put(void *to, const char *p, size_t n) {
  struct end *e = to;
  if (put_err) return put_err;
  if (e->n + n > sizeof e->out) return SIO_ETOOBIG;
  memcpy(e->out + e->n, p, n);
  e->n += n;
  return 0;
}

static int end_open(struct end *e, const sio_tls *tls) {
  *e = (struct end){ .tls = tls };
  return tls->ops->open(tls->context, &(sio_tls_wire){ on_end_put, e }, &e->session);
}

/* What one has said, to the other. */
static void carry(struct end *from, struct end *to) {
  static char bytes[70000];
  size_t n = from->n;
  memcpy(bytes, from->out, n);
  from->n = 0;
  sio_slice in = { bytes, n };
  while (n && (to->result = to->tls->ops->read(to->session, &in, to->plain + to->read,
                                               sizeof to->plain - to->read)) > 0)
    to->read += (size_t)to->result;
}

static bool both_established(void) {
  sio_tls_done done;
  for (int i = 0; i < 5; i++) {
    carry(&there, &here);
    if (there.result < 0) return false;
    carry(&here, &there);
    if (here.result < 0) return false;
  }
  return here.tls->ops->established(here.session, &done) &&
         there.tls->ops->established(there.session, &done);
}

static sio_openssl_client_options trusting(const char *name) {
  return (sio_openssl_client_options){ .server_name = name, .ca = sio_text(ca.cert) };
}

static void meet(const struct identity *id, const sio_openssl_client_options *o) {
  sio_tls *client;
  serve(pem_of(id));
  EQ(sio_openssl_client_new(o, why, sizeof why, &client), 0);
  EQ_STR(why, "");
  EQ(end_open(&here, server), 0);
  EQ(end_open(&there, client), 0);
  CHECK(there.n > 0); /* it has said hello */
}

static void part(void) {
  here.tls->ops->close(here.session);
  there.tls->ops->close(there.session);
  sio_openssl_free((sio_tls *)(uintptr_t)there.tls);
  sio_openssl_free(server);
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(client_and_server_understand_each_other) {
  sio_openssl_client_options o = trusting("localhost");
  meet(&own, &o);
  CHECK(both_established());
  EQ(there.tls->ops->write(there.session, "hello", 5), 0);
  carry(&there, &here);
  EQ_MEM(here.plain, here.read, "hello", 5);
  EQ(here.tls->ops->write(here.session, "you", 3), 0);
  carry(&here, &there);
  EQ_MEM(there.plain, there.read, "you", 3);
  here.tls->ops->end(here.session);
  carry(&here, &there);
  EQ(there.result, SIO_ECLOSED);
  part();
}

TEST(only_the_versions_that_are_allowed_are_spoken) {
  sio_tls_done done = { 0 };
  sio_openssl_client_options o = trusting("localhost");
  o.min_version = SIO_TLS_1_3;
  meet(&own, &o);
  CHECK(both_established());
  CHECK(there.tls->ops->established(there.session, &done));
  EQ(done.version, SIO_TLS_1_3);
  part();
}

static void does_not_trust(const struct identity *id, const sio_openssl_client_options *o,
                           const char *text) {
  const char *said;
  meet(id, o);
  CHECK(!both_established());
  EQ(there.result, SIO_EPROTO);
  EQ(there.tls->ops->failure(there.session, &said), SIO_TLS_FAILED_CERTIFICATE);
  EQ_STR(said, text);
  part();
}

TEST(a_certificate_must_be_for_the_name_and_vouched_for) {
  sio_openssl_client_options o = trusting("elsewhere");
  does_not_trust(&own, &o, "TLS: certificate verify failed: hostname mismatch");
  o.server_name = "127.0.0.1";
  does_not_trust(&own, &o, "TLS: certificate verify failed: IP address mismatch");
  o = trusting("localhost");
  o.ca = sio_text(other.cert);
  does_not_trust(&own, &o,
                 "TLS: certificate verify failed: unable to get local issuer certificate");
  o.ca = sio_text(NULL); /* the CAs of the system */
  does_not_trust(&own, &o,
                 "TLS: certificate verify failed: unable to get local issuer certificate");
}

TEST(any_certificate_is_accepted_if_that_is_wanted) {
  sio_openssl_client_options o = { .accept_unauthorized = true };
  meet(&expired, &o);
  CHECK(both_established());
  part();
}

TEST(a_client_shows_its_own_certificate_when_it_is_asked) {
  sio_tls *client;
  sio_tls_info info = { .size = sizeof info };
  sio_openssl_client_options o = trusting("localhost");
  sio_openssl_options asking = pem_of(&own);
  o.identity = (sio_openssl_identity){ .cert = sio_text(other.cert), .key = sio_text(other.key) };
  asking.request_cert = true;
  asking.ca = sio_text(ca.cert);
  serve(asking);
  EQ(sio_openssl_client_new(&o, why, sizeof why, &client), 0);
  EQ(end_open(&here, server) + end_open(&there, client), 0);
  CHECK(both_established());
  EQ(here.tls->ops->info(here.session, &info), 0);
  EQ_STR(info.subject, "CN=other");
  CHECK(info.verified);
  CHECK(sio_openssl_expiry_time(client) < INT64_MAX);
  part();
}

static void client_is_refused(const sio_openssl_client_options *o, int err, const char *text) {
  sio_tls *tls;
  EQ(sio_openssl_client_new(o, why, sizeof why, &tls), err);
  EQ_STR(why, text);
}

TEST(options_are_checked) {
  sio_tls *tls;
  struct {
    sio_openssl_client_options o;
    uintptr_t later;
  } newer = { .o = { .size = sizeof newer, .accept_unauthorized = true } };
  client_is_refused(NULL, -EINVAL, "the options are NULL");
  EQ(sio_openssl_client_new(&newer.o, why, sizeof why, &tls), 0);
  sio_openssl_free(tls);
  newer.later = 1;
  EQ(sio_openssl_client_new(&newer.o, why, sizeof why, &tls), -EINVAL);
  EQ_STR(why, "the size is invalid, or an option of a newer version is set");
  sio_openssl_client_options o = { 0 };
  client_is_refused(&o, -EINVAL, "server_name or accept_unauthorized is needed");
  o = (sio_openssl_client_options){ .server_name = "x", .min_version = 9 };
  client_is_refused(&o, -EINVAL, "min_version: 9 is neither SIO_TLS_1_2 nor SIO_TLS_1_3");
  o = (sio_openssl_client_options){ .server_name = "x", .ca_file = "/nowhere.pem" };
  client_is_refused(&o, -ENOENT, "ca_file /nowhere.pem: No such file or directory");
  o = trusting("x");
  o.identity.cert = sio_text("no PEM");
  EQ(sio_openssl_client_new(&o, why, sizeof why, &tls), SIO_EPROTO);
}

TEST(each_part_of_an_identity_is_looked_at_also_without_the_others) {
  static const sio_openssl_identity parts[] = {
    { .cert_file = "/nowhere.pem" }, { .cert = { "no PEM", 6 } },    { .pfx_file = "/nowhere.pfx" },
    { .pfx = { "no PFX", 6 } },      { .key_file = "/nowhere.key" }, { .key = { "no key", 6 } },
  };
  for (size_t i = 0; i < 6; i++) {
    sio_tls *tls = NULL;
    sio_openssl_client_options o = trusting("x");
    o.identity = parts[i];
    CHECK(sio_openssl_client_new(&o, why, sizeof why, &tls) < 0);
    CHECK(!tls && why[0]);
  }
}

TEST(a_client_cannot_be_reloaded) {
  sio_tls *tls;
  sio_openssl_client_options o = trusting("x");
  sio_openssl_options s = pem_of(&own);
  EQ(sio_openssl_client_new(&o, why, sizeof why, &tls), 0);
  EQ(sio_openssl_reload(tls, &s, why, sizeof why), -EINVAL);
  EQ_STR(why, "the certificates of a TLS client cannot be reloaded");
  sio_openssl_free(tls);
}

TEST(a_wire_that_takes_no_hello_is_an_error) {
  sio_tls *tls;
  sio_openssl_client_options o = trusting("localhost");
  EQ(sio_openssl_client_new(&o, why, sizeof why, &tls), 0);
  put_err = SIO_ETOOBIG;
  EQ(end_open(&there, tls), SIO_ETOOBIG);
  put_err = 0;
  sio_openssl_free(tls);
}

TEST(any_allocation_may_fail) {
  sio_openssl_client_options o = trusting("localhost");
  o.identity = (sio_openssl_identity){ .cert = sio_text(other.cert), .key = sio_text(other.key) };
  for (size_t at = 1; at < 900; at += 1 + at / 40) {
    sio_tls *client;
    fuse = at;
    int err = sio_openssl_client_new(&o, why, sizeof why, &client);
    if (!err && !end_open(&there, client)) there.tls->ops->close(there.session);
    fuse = 0;
    if (!err) sio_openssl_free(client);
    ERR_clear_error();
  }
}

OPENSSL_TESTS_BEGIN
T(client_and_server_understand_each_other)
T(only_the_versions_that_are_allowed_are_spoken)
T(a_certificate_must_be_for_the_name_and_vouched_for)
T(any_certificate_is_accepted_if_that_is_wanted)
T(a_client_shows_its_own_certificate_when_it_is_asked)
T(options_are_checked)
T(each_part_of_an_identity_is_looked_at_also_without_the_others)
T(a_client_cannot_be_reloaded)
T(a_wire_that_takes_no_hello_is_an_error)
T(any_allocation_may_fail)
OPENSSL_TESTS_END
