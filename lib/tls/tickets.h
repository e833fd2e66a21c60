/* SPDX-License-Identifier: MIT
 *
 * tickets.h - the keys of session tickets (RFC 5077, RFC 8446 section 4.6.1). Who has a key can
 * read every ticket made with it, and with TLS 1.2 the connections resumed by it too. So a key
 * makes tickets for one period only, is kept for another one so that they can be used, and is then
 * overwritten. All threads that share a context share its keys.
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
  unsigned period_s;               /* 0: not in use                           */
  uint64_t began;                  /* when `current` was made, in seconds     */
  struct ticket_key current, last; /* last.name is random too while it is none */
};

/* 0, or UV_ENOMEM: there are no random bytes. */
int sio__tickets_init(struct tickets *t, unsigned period_s);
void sio__tickets_clear(struct tickets *t);                /* not in use: that is fine */
int sio__tickets_install(struct tickets *t, SSL_CTX *ctx); /* t outlives ctx's connections */

#endif
