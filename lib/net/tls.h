/* SPDX-License-Identifier: MIT
 *
 * tls.h - TLS between the send queue and the descriptor of a connection. A provider (sio/tls.h)
 * encrypts what is queued and decrypts what is received.
 *
 * - The TLS state is allocated only for a struct conn of the kind CONN_TLS, so that plain ones do
 *   not grow.
 * - Up to TLS_RECORD bytes from the beginning of the queue are encrypted at a time. They stay in
 *   the queue until their ciphertext has been sent, so the queue's length and marks stay correct.
 *   What is not yet encrypted can be removed from the queue.
 * - What a peer can make TLS send (alerts, key updates) is bounded: if more than TLS_OUT_PAUSE
 *   bytes of ciphertext wait for a blocked connection, the peer is not read from, and above
 *   TLS_OUT_MAX the connection fails.
 * - A handshake takes much memory, so loop->max_handshakes limits the handshakes in progress,
 *   counted from their first byte. An address with handshakes in progress, and at least as many as
 *   there are free places, gets no further place: its own oldest handshake is ended for a new one.
 *   For another address, if no place is free, the oldest handshake of all is ended.
 * - A failed handshake is reported by `refused`; the owner then ends the connection normally, so
 *   that the alert is sent. Later failures are reported by `failed`.
 */
#ifndef SIO_NET_TLS_H
#define SIO_NET_TLS_H

#include "net/conn.h"
#include <sio/tls.h>

enum {
  TLS_RECORD = 16384,            /* the most plaintext in one record */
  TLS_GAP = TLS_RECORD + 1024,   /* the room for plaintext before ciphertext in the read buffer */
  TLS_READ = NET_RBUF - TLS_GAP, /* the most ciphertext received at a time */
  TLS_OUT_PAUSE = 2 * TLS_RECORD,
  TLS_OUT_MAX = 8 * TLS_RECORD
};

/* Information for the host, shared by a connection and the sessions that began on it. */
struct tls_info {
  unsigned refs;
  sio_tls_info pub; /* Its strings are allocated after the struct. */
};

/* Starts TLS on c, which must be of the kind CONN_TLS. `from` is the address of the peer, whose
 * share of loop->max_handshakes is limited; "": not known. Returns 0, UV_ENOMEM or an error of the
 * provider; after an error c is unchanged. */
int sio__tls_start(struct conn *c, const sio_tls *provider, const char *from);
/* Passes bytes to TLS that were received before it was started. They must not be in the loop's
 * read buffer. May close c. */
void sio__tls_feed_ciphertext(struct conn *c, const char *p, size_t n);
/* Fails the handshake because its time is over, and calls `refused`. */
void sio__tls_fail_timed_out_handshake(struct conn *c);
/* Returns the information about the TLS of c; the caller does not own it. NULL if c has no TLS or
 * is closed, if the handshake is not complete, if the provider has no information, or if memory ran
 * out. */
struct tls_info *sio__tls_get_info(struct conn *c);
void sio__tls_info_unref(struct tls_info *i); /* NULL is allowed. */

static inline bool tls_provider_has_all_ops(const sio_tls *p) {
  const sio_tls_ops *o = p->ops;
  return o && (o->size == 0 || o->size >= sizeof *o) && o->open && o->read && o->write && o->end &&
         o->established && o->info && o->failure && o->close;
}

#endif
