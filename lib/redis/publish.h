/* SPDX-License-Identifier: MIT
 *
 * publish.h - the adapter of one namespace, and what it publishes.
 *
 *   classic.c    the table: what the host calls
 *   question.c   questions of this server, until all have answered
 *   heard.c      broadcasts and requests of other servers, and the answers to them
 */
#ifndef SIO_REDIS_PUBLISH_H
#define SIO_REDIS_PUBLISH_H

#include "emitter/message.h"
#include "redis/context.h"

enum {
  CLASSIC_UID = 6,
  ID_MAX = 40, /* an id of another server, with its NUL */
  UID_MAX = 24
};

enum {
  CLASSIC_BROADCASTS,
  CLASSIC_REQUESTS,
  CLASSIC_RESPONSES,
  CLASSIC_OWN_RESPONSES,
  CLASSIC_SUBSCRIPTIONS
};

struct sio_adapter {
  sio_nsp *nsp;
  sio_adapter *local; /* the memory adapter's part */
  sio_redis *redis;
  sio_slice key, nsp_name;
  bool answer_asker_alone;
  bool shut;
  char uid[CLASSIC_UID + 2];
  struct subscription subscriptions[CLASSIC_SUBSCRIPTIONS];
};

static inline const sio_adapter_ops *classic_local(void) { return &sio_adapter_memory; }

/* Random, of A-Z, a-z, 0-9, with a NUL. 0 or an error. */
int sio__classic_random_id(char out[CLASSIC_UID + 2]);

/* Publishes m, which may hold an error, and clears it. kind, last: see sio__message_channel(). */
int sio__classic_publish(sio_adapter *a, const char *kind, const char *last, struct message *m);
/* The same after turning it into MessagePack. */
int sio__classic_publish_packed(sio_adapter *a, const char *kind, const char *last,
                                struct message *m, const sio_slice *bins, size_t nbins);

#endif
