/* SPDX-License-Identifier: MIT
 *
 * bundle.h - the certificates, keys and settings that new connections use, made from the options. A
 * bundle never changes: a reload makes a new one. Each connection holds a reference to its bundle.
 */
#ifndef SIO_TLS_BUNDLE_H
#define SIO_TLS_BUNDLE_H

#include "tls/identity.h"
#include "tls/tickets.h"
#include <stdatomic.h>

struct bundle {
  atomic_uint refs;
  int64_t expires; /* when the first certificate expires; INT64_MAX without certificates    */
  struct tickets tickets; /* not used if the host program supplies the SSL_CTX */
  SSL_CTX *ctx;           /* the context that every connection starts with */
  bool client;            /* sessions are a client's */
  char *server_name;      /* what a client asks for and checks; NULL: neither */
  size_t nmore;
  SSL_CTX *more[]; /* contexts for further server names */
};

int sio__tls_bundle_new(struct bundle **out, const sio_openssl_options *o,
                        const struct complaint *why);
int sio__tls_client_bundle_new(struct bundle **out, const sio_openssl_client_options *o,
                               const struct complaint *why);
struct bundle *sio__tls_bundle_ref(struct bundle *b);
void sio__tls_bundle_unref(struct bundle *b);

#endif
