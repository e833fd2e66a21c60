/* SPDX-License-Identifier: MIT
 *
 * tickets.h - the keys that encrypt session tickets (RFC 5077, RFC 8446 section 4.6.1).
 *
 * Anyone who gets such a key can read the tickets made with it, and with TLS 1.2 also the
 * connections of their sessions. So a key makes tickets for one period, and is kept for a second
 * period to read them. Keys are replaced and overwritten in the first handshake with tickets after
 * the end of a period. All threads that share an SSL_CTX share its keys.
 */
#ifndef SIO_TLS_TICKETS_H
#define SIO_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <pthread.h>

enum { TICKET_PERIOD_S = 3600, TICKET_PERIOD_MAX_S = 7 * 86400 /* RFC 8446 */ };

struct ticket_key {
  unsigned char name[16], cipher[32], mac[32];
};

struct tickets {
  pthread_mutex_t lock;
  unsigned period_s; /* 0 until sio__tickets_init() has succeeded */
  uint64_t began;    /* the start of the current period, in seconds of the monotonic clock */
  /* `last` is the key of the period before, or a random key with which no ticket was made. */
  struct ticket_key current, last;
};

/* Makes the first keys, and sets the period after which a key is replaced. Returns 0; or UV_ENOMEM,
 * also if there are no random bytes. */
int sio__tickets_init(struct tickets *t, unsigned period_s);
void sio__tickets_clear(struct tickets *t); /* may be called without sio__tickets_init() */
/* Makes ctx encrypt tickets with the keys of t, which must outlive all connections of ctx, and sets
 * their lifetime to the period of t. Returns 0 or UV_ENOMEM. */
int sio__tickets_set_callback_on_ssl_ctx(struct tickets *t, SSL_CTX *ctx);

#endif
