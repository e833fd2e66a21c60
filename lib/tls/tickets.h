/* SPDX-License-Identifier: MIT
 *
 * tickets.h - the keys that encrypt session tickets (RFC 5077, RFC 8446 section 4.6.1).
 *
 * Anyone who gets such a key can read every ticket made with it, and with TLS 1.2 also the resumed
 * connections. So a key makes tickets for one period, is kept for a second period to read them, and
 * is then overwritten. All threads that share an SSL_CTX share its keys.
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
  unsigned period_s; /* 0: not initialized */
  uint64_t began;    /* when `current` was made, in seconds */
  /* At the start `last` is a random key that no ticket was made with. */
  struct ticket_key current, last;
};

/* 0, or UV_ENOMEM if no random bytes could be obtained. */
int sio__tickets_init(struct tickets *t, unsigned period_s);
void sio__tickets_clear(struct tickets *t); /* may be called without sio__tickets_init() */
/* t must outlive the connections of ctx. */
int sio__tickets_install(struct tickets *t, SSL_CTX *ctx);

#endif
