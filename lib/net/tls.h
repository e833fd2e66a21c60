/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS between a connection's queue and its descriptor: a provider (sio/tls.h) makes
 * ciphertext of what is queued, and plaintext of what comes.
 *
 *  - Its state hangs behind a struct conn that was made with room for it (CONN_TLS), so that plain
 *    ones do not grow.
 *  - A record's worth of the queue is encrypted at a time, and stays in the queue until its
 *    ciphertext has left: what the queue says of its length and its marks is true, and what was not
 *    encrypted may still be dropped from it.
 *  - What a peer can make us say (alerts, key updates) is bounded: over TLS_SWOLLEN bytes that it
 *    does not read nothing is read from it, over TLS_OUT_MAX the connection fails.
 *  - A handshake holds much memory until it is over, so loop->max_handshakes bounds those under
 *    way, from their first byte on. Past it the oldest one makes room: of all, or of the address
 *    that has as many as are still free.
 *  - A handshake that fails is told to the owner by `refused`; it ends the connection then as any
 *    other, so that the alert arrives. What breaks later is `failed`.
 */
#ifndef SIO_NET_TLS_H
#define SIO_NET_TLS_H

#include "net/conn.h"
#include <sio/tls.h>

enum {
  TLS_RECORD = 16384,            /* plaintext in one */
  TLS_GAP = TLS_RECORD + 1024,   /* see sio__tls_read() */
  TLS_READ = NET_RBUF - TLS_GAP, /* ciphertext taken at a time */
  TLS_SWOLLEN = 2 * TLS_RECORD,
  TLS_OUT_MAX = 8 * TLS_RECORD
};

/* What a host can see of it, shared by a connection and the sessions that began on it. */
struct tls_info {
  unsigned refs;
  sio_tls_info pub; /* points behind itself */
};

/* From here on c (CONN_TLS) speaks TLS. from: whose handshake it is, for loop->max_handshakes; "":
 * it is not counted for an address. 0, or what the provider says: c is as it was. */
int sio__tls_start(struct conn *c, const sio_tls *provider, const char *from);
/* Bytes that were read before it started, not in the loop's buffer. May close c. */
void sio__tls_feed(struct conn *c, const char *p, size_t n);
/* The time for the handshake is over. The owner hears of it as of any other failure. */
void sio__tls_handshake_timeout(struct conn *c);
/* NULL: no TLS, no handshake yet, or no memory. Borrowed. */
struct tls_info *sio__tls_info(struct conn *c);
void sio__tls_info_unref(struct tls_info *i); /* NULL is fine */

static inline bool tls_is_complete(const sio_tls *p) {
  const sio_tls_ops *o = p ? p->ops : NULL;
  return o && o->open && o->read && o->write && o->end && o->established && o->info && o->failure &&
         o->close;
}

#endif
