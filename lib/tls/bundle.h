/* SPDX-License-Identifier: MIT
 *
 * bundle.h - options made into what connections are accepted with. A bundle never changes; a reload
 * makes another. Its connections hold it.
 */
#ifndef SIO_TLS_BUNDLE_H
#define SIO_TLS_BUNDLE_H

#include "tls/identity.h"
#include "tls/tickets.h"
#include <stdatomic.h>

struct bundle {
  atomic_uint refs;
  int64_t expires;        /* the first of its certificates; INT64_MAX: there is none */
  struct tickets tickets; /* unused with the host's own context */
  SSL_CTX *ctx;           /* every connection begins with it */
  size_t nmore;
  SSL_CTX *more[]; /* for other names */
};

int sio__tls_bundle_new(struct bundle **out, const sio_openssl_options *o,
                        const struct complaint *why);
struct bundle *sio__tls_bundle_ref(struct bundle *b);
void sio__tls_bundle_unref(struct bundle *b);

#endif
