/* SPDX-License-Identifier: MIT
 *
 * secure.c - a second port, with TLS; GET /tls says what the asker's TLS is, POST /reload reads the
 * files again.
 *
 *     --tls-port
 *     --tls-cert, --tls-key, --tls-pfx, --tls-pass, --tls-ca    files, and a passphrase
 *     --tls-more                                                another cert_file, its key within
 *     --tls-ask, --tls-lax                                      request_cert, accept_unauthorized
 *     --tls-min13, --tls-ciphers
 *     --tls-verified                                            allow_request wants a certificate
 */
#include "secure.h"

#include "flags.h"
#include "host.h"

#include <sio/openssl.h>
#include <stdio.h>
#include <stdlib.h>

static sio_tls *tls;
static sio_openssl_identity more;

static sio_openssl_options options(void) {
  more.cert_file = flag("tls-more");
  return (sio_openssl_options){
    .identity = { .cert_file = flag("tls-cert"),
                  .key_file = flag("tls-key"),
                  .pfx_file = flag("tls-pfx"),
                  .passphrase = flag("tls-pass") },
    .more = &more,
    .nmore = more.cert_file != NULL,
    .ca_file = flag("tls-ca"),
    .request_cert = flag("tls-ask") != NULL,
    .accept_unauthorized = flag("tls-lax") != NULL,
    .min_version = flag("tls-min13") ? SIO_TLS_1_3 : SIO_TLS_1_2,
    .ciphers = flag("tls-ciphers"),
  };
}

static void describe(char *out, size_t size, const sio_tls_info *i) {
  if (!i)
    snprintf(out, size, "plain");
  else
    snprintf(out, size, "%s %s alpn=%s name=%s %s cert=%zu subject=%s %s%s", i->version, i->cipher,
             i->alpn, i->server_name, i->resumed ? "resumed" : "new", i->certificate.n, i->subject,
             i->verified ? "verified" : "unverified ", i->verify_error);
}

static void on_tls(sio_request *r, void *user) {
  char text[600];
  (void)user;
  describe(text, sizeof text, sio_request_info_of(r).tls);
  sio_respond(r, 200, "text/plain", sio_text(text));
}

static void on_open(sio_session *c, void *user) {
  char text[600];
  (void)user;
  describe(text, sizeof text, sio_session_info_of(c).tls);
  say("session%s over %s", sio_session_info_of(c).secure ? " secure" : "", text);
}

static void on_reload(sio_request *r, void *user) {
  char why[256];
  (void)user;
  sio_openssl_options o = options();
  int err = sio_openssl_reload(tls, &o, why, sizeof why);
  sio_respond(r, err ? 500 : 200, "text/plain", sio_text(err ? why : "reloaded"));
}

static void on_use(sio_request *r, sio_next *next, void *user) {
  const sio_tls_info *i = sio_request_info_of(r).tls;
  (void)user;
  if (i && i->verified)
    sio_next_ok(next);
  else
    sio_next_fail(next, "no certificate", sio_null());
}

static int add_routes_and_hooks(void) {
  static const sio_engine_hooks hooks = { .open = on_open };
  int err = sio_route(host.server, "GET", "/tls", 0, on_tls, NULL);
  if (!err) err = sio_route(host.server, "POST", "/reload", 0, on_reload, NULL);
  if (!err) err = sio_on_engine(host.server, &hooks, NULL);
  if (!err && flag("tls-verified")) err = sio_use_engine_request(host.server, on_use, NULL);
  return err;
}

int add_tls(void) {
  char why[256];
  if (!flag("tls-cert") && !flag("tls-pfx")) return 0;
  sio_openssl_options o = options();
  int err = sio_openssl_new(&o, why, sizeof why, &tls);
  if (err) fprintf(stderr, "host: %s\n", why);
  if (!err) err = add_routes_and_hooks();
  if (!err)
    err = sio_listen_with(host.server, &(sio_listen_options){ .host = "127.0.0.1",
                                                              .port = (int)flag_number("tls-port"),
                                                              .tls = tls });
  return err;
}

void free_tls(void) { sio_openssl_free(tls); }
