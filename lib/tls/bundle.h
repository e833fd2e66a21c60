/* SPDX-License-Identifier: MIT
 *
 * bundle.h - the certificates, keys and settings that new connections use, made from the options.
 * Only the keys of session tickets in a bundle change; a reload makes a new bundle. Each connection
 * holds a reference to its bundle.
 */
#ifndef SIO_TLS_BUNDLE_H
#define SIO_TLS_BUNDLE_H

#include "tls/identity.h"
#include "tls/tickets.h"
#include <stdatomic.h>

struct bundle {
  atomic_uint refs;
  /* The earliest time at which one of our own certificates (not those of their issuers) expires, in
   * seconds since 1970; INT64_MAX if no such time is known. */
  int64_t expires;
  /* The keys of session tickets; used only by servers, and not if the host supplies the SSL_CTX. */
  struct tickets tickets;
  SSL_CTX *ctx; /* the context with which every connection starts */
  bool client;  /* true for the client side of connections, false for the server side */
  /* Only for clients: the name or IP address for which the server's certificate must be valid,
   * unless every certificate is accepted. A name, but not an IP address, is also sent to the server
   * (SNI). NULL: no name is sent, and the name in the certificate is not checked. */
  char *server_name;
  size_t nmore;
  SSL_CTX *more[]; /* contexts with the certificates of further server names */
};

/* Makes the bundle of a server from its options. Returns 0 and sets *out to the bundle, which has
 * one reference; or returns an error with a text in *why. */
int sio__tls_server_bundle_new(struct bundle **out, const sio_openssl_options *o,
                               const struct complaint *why);
/* Makes the bundle of a client from its options. Returns 0 and sets *out to the bundle, which has
 * one reference; or returns an error with a text in *why. */
int sio__tls_client_bundle_new(struct bundle **out, const sio_openssl_client_options *o,
                               const struct complaint *why);
struct bundle *sio__tls_bundle_ref(struct bundle *b);
void sio__tls_bundle_unref(struct bundle *b);

#endif
