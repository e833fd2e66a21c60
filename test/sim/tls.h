/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS that hides nothing: the provider for the server (test/veil.h), and what a peer does
 * with the bytes of its connection.
 */
#ifndef SIO_SIM_TLS_H
#define SIO_SIM_TLS_H

#include "bytes.h"
#include <sio/tls.h>
#include <stdbool.h>

extern const sio_tls sim_tls;
void sim_tls_begin(void);
unsigned sim_tls_open(void); /* sessions that are not closed */

/* A peer's first record. */
void tls_hello(struct bytes *out);
void tls_wrap(struct bytes *out, const void *p, size_t n);
/* Takes whole records off raw. False: what is there is no record. */
bool tls_unwrap(struct bytes *raw, struct bytes *out);

#endif
