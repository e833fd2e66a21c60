/* SPDX-License-Identifier: MIT
 *
 * provider.h - struct provider, which contains the sio_tls that the host gets. Several threads may
 * open sessions with it while another thread reloads the certificates.
 */
#ifndef SIO_TLS_PROVIDER_H
#define SIO_TLS_PROVIDER_H

#include "tls/bundle.h"
#include <pthread.h>
#include <sio/tls.h>

struct provider {
  sio_tls pub;
  BIO_METHOD *method;   /* the method for the BIO of each session */
  pthread_mutex_t lock; /* protects `now` */
  struct bundle *now;   /* the bundle for new connections */
};

/* Returns the bundle for a new connection, with a new reference. Defined in openssl.c. */
struct bundle *sio__tls_provider_ref_bundle(struct provider *p);

#endif
