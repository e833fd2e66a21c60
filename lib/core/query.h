/* SPDX-License-Identifier: MIT
 *
 * query.h - one request that many answer: the sockets of this server, other servers.
 *
 * A query is open from sio__query_new() on. Code that may still add to it holds it (`holds`). When
 * nothing holds it and as many have answered or are lost as were expected, it ends at the end of
 * the turn; when its timeout expires or the server closes, it ends at once. Then `end` runs, once;
 * answers that arrive later are ignored. Its memory is freed after its end, with the last hold.
 *
 *   open --- complete, timed out, or the server closes ---> over --- last hold released ---> freed
 *   open --- sio__query_discard(): the call failed, `end` does not run ---> over
 */
#ifndef SIO_CORE_QUERY_H
#define SIO_CORE_QUERY_H

#include "net/loop.h"
#include <sio/adapter.h>

struct sio_query {
  sio_nsp *nsp;
  struct list link; /* nsp->queries, while the query is open */
  /* Sockets of this server that have not answered; struct ack_wait.in_query. */
  struct list ack_waits;
  /* Removes all ack_waits when the query ends. NULL until a socket was asked. */
  void (*cancel_ack_waits)(struct sio_query *q, int status);
  /* Calls the host's callback, which is one of cb or watch.end. */
  void (*end)(struct sio_query *q, int status);
  union {
    sio_broadcast_ack_cb replies;
    sio_fetch_cb fetch;
    sio_server_count_cb count;
  } cb;
  /* If watch.reply is set, it is called for each reply, and replies are not collected. */
  sio_query_watch watch;
  void *user;
  int64_t ack_id;      /* the id of the acks; the same for all sockets that are asked */
  size_t answer_bytes; /* memory of the answers that are kept, at most max_answers */
  unsigned timeout_ms;
  uint32_t holds;
  /* How many threads have not yet said how many of their sockets they have asked. */
  uint32_t uncounted;
  /* The callback of sio__query_set_counted_callback(), until it is called. */
  void (*counted)(size_t expected, void *user);
  int status; /* the first error, or 0; passed to `end` */
  bool over;
  bool extended; /* the timeout was restarted once because the host blocked the loop */
  uint32_t nremotes, remotes_cap;
  sio_remote *remotes; /* the sockets that sio_all_fetch() has found; see fetch.c */
  struct task end_task;
  struct timer timer;
  sio_replies replies; /* the array replies.list has room for replies_cap elements */
  size_t answered;     /* may be greater than replies.count, because some could not be kept */
  uint32_t replies_cap;
};

/* Opens a query, which the caller holds once; its timeout does not run yet. Returns 0; SIO_ECLOSED
 * if the server is closing; SIO_ETOOBIG if max_acks queries are open in this namespace; or
 * UV_ENOMEM. */
int sio__query_new(sio_query **out, sio_nsp *nsp, unsigned timeout_ms,
                   void (*end)(sio_query *q, int status), void *user);
/* Called when everybody has been asked: starts the timeout, and releases the hold of
 * sio__query_new(). If only_if_held is true, the timeout is started only if something else holds
 * the query too. */
void sio__query_start_waiting(sio_query *q, bool only_if_held);
/* Closes the query without running `end`, because the call that opened it fails. */
void sio__query_discard(sio_query *q);
/* Ends all open queries of a namespace with SIO_ECLOSED. Must be called from the loop. */
void sio__queries_end_all(sio_nsp *nsp);

/* Counts n more bytes of answers. If the total would exceed max_answers, counts the answer as
 * dropped and returns false. */
bool sio__query_reserve_answer_bytes(sio_query *q, size_t n);
/* Counts an answer that could not be kept. For the first one, err becomes the status of the query,
 * and a line is logged. */
void sio__query_drop_answer(sio_query *q, int err);
/* Adds an answer, which must be valid JSON. If it cannot be kept, it still counts as answered. */
void sio__query_add_answer(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins);

/* ---- for adapters: members of sio_adapter_api ---- */

int sio__remote_query_new(sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch,
                          void *user, sio_query **out);
void sio__query_set_counted_callback(sio_query *q, void (*cb)(size_t expected, void *user));
void sio__query_hold(sio_query *q);
void sio__query_release(sio_query *q, int err);
void sio__query_get_info(const sio_query *q, sio_query_info *out);
void sio__query_expect_more_answers(sio_query *q, size_t n);
void sio__query_count_lost_answers(sio_query *q, size_t n);
void sio__query_add_remote_answer(sio_query *q, const char *id, sio_slice json,
                                  const sio_slice *bins, size_t nbins);
void sio__query_add_remote_socket(sio_query *q, const sio_remote *r); /* in fetch.c */

/* Called when another thread asks sockets too; and when that thread has said how many it asks. */
static inline void sio__query_await_thread_count(sio_query *q) { q->uncounted++; }
void sio__query_on_thread_counted(sio_query *q);

/* These functions are in replies.c and fetch.c. */
int sio__replies_add_reply(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins);
void sio__replies_clear(sio_replies *r);
void sio__query_free_remotes(sio_query *q);

#endif
