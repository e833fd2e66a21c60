/* SPDX-License-Identifier: MIT
 *
 * query.h - a question that many answer: peers of this server, other servers.
 *
 * It is open from sio__query_new() on. Whoever may still add to it holds it. When nobody does, and
 * as many have answered or gone as were expected, it is over at the turn's end; when its time is up
 * or the server closes, at once. Then `end` runs, once, and what comes later is ignored. Its memory
 * goes when it is over and the last hold is given back.
 *
 *   open --- settled, or the time is up, or the server closes ---> over --- no hold ---> freed
 *   open --- sio__query_discard(): the call failed, nobody is told ---> over
 */
#ifndef SIO_CORE_QUERY_H
#define SIO_CORE_QUERY_H

#include "net/loop.h"
#include <sio/adapter.h>

struct reply; /* one that came, in replies.c */

struct sio_replies {
  struct reply **v; /* in order of arrival */
  uint32_t n, cap;
  size_t expected, answered, gone;
};

struct sio_query {
  sio_nsp *nsp;
  struct list link;  /* nsp->queries, while it is open                        */
  struct list waits; /* peers here that owe an answer: struct wait, pending.c */
  void (*end)(struct sio_query *q, int status); /* calls the callback of the question */
  /* Removes what `waits` lists. Set with the first of them. */
  void (*cancel_waits)(struct sio_query *q, int status);
  union {
    sio_broadcast_ack_cb replies;
    sio_fetch_cb fetch;
    sio_server_count_cb count;
  } cb;
  sio_query_watch watch; /* reply set: replies are passed on, not kept     */
  void *user;
  int64_t ack_id; /* the same for all peers that are asked          */
  size_t bytes;   /* of other people's that are kept, <= max_answers */
  unsigned timeout_ms;
  uint32_t holds;
  int status; /* the first failure there was */
  bool over;
  bool excused; /* its time was given to it once more already */
  uint32_t nremotes, remotes_cap;
  sio_remote *remotes;
  struct task settle;
  struct timer timer;
  struct sio_replies replies;
};

/* Open, with one hold, its clock not running. SIO_ECLOSED, SIO_ETOOBIG past max_acks, UV_ENOMEM. */
int sio__query_new(sio_query **out, sio_nsp *nsp, unsigned timeout_ms,
                   void (*end)(sio_query *q, int status), void *user);
/* The asking is done, its maker's hold given back. The clock runs from now on; if patient, only
 * when somebody else holds it. */
void sio__query_begin(sio_query *q, bool patient);
void sio__query_discard(sio_query *q);
/* SIO_ECLOSED for all that are open. From the loop only. */
void sio__queries_close(sio_nsp *nsp);

/* Room for n more bytes of other people's. False: past max_answers; the drop is noted. */
bool sio__query_admit(sio_query *q, size_t n);
void sio__query_drop(sio_query *q, int err); /* an answer could not be kept */
/* An answer: one JSON text, checked. It counts even if it cannot be kept. */
void sio__query_answer(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                       uint32_t nbins);

/* In replies.c and remote.c. */
int sio__replies_add(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                     uint32_t nbins);
void sio__replies_clear(struct sio_replies *r);
void sio__remotes_clear(sio_query *q);

#endif
