/* SPDX-License-Identifier: MIT
 *
 * query.h - one request to many sockets or servers, and their answers: a broadcast with acks,
 * sio_all_fetch(), sio_server_count() or sio_server_side_emit().
 *
 * A query is open from sio__query_new() on. Code that may still ask more sockets or servers holds
 * the query: it has increased `holds`. So does an adapter that waits for answers. When nothing
 * holds the query any more, and the number of answers, including those that are known to be lost,
 * has reached the expected number, the query ends at the end of the loop's turn. When its timeout
 * expires or the server closes, it ends even if answers are missing. At its end the callback `end`
 * is called once; answers that arrive later are ignored. The memory of the query is freed when it
 * has ended and nothing holds it.
 *
 *   open --- complete, timed out, or the server closes ---> over --- last hold released ---> freed
 *   open --- sio__query_discard_without_callback(): the call failed, `end` does not run ---> over
 */
#ifndef SIO_CORE_QUERY_H
#define SIO_CORE_QUERY_H

#include "net/loop.h"
#include <sio/adapter.h>

struct sio_query {
  sio_nsp *nsp;
  struct list link; /* nsp->queries, while the query is open */
  /* A struct ack_wait for each socket of this server that was sent the event and has not sent its
   * ack yet, linked by ack_wait.in_query (pending_acks.c). */
  struct list ack_waits;
  /* Called when the query ends or is discarded: frees all ack_waits. NULL until the first one is
   * added. */
  void (*cancel_ack_waits)(struct sio_query *q, int status);
  /* Calls the callback that waits for the end of the query: a member of `cb`, or, if an adapter has
   * opened the query, watch.end. */
  void (*end)(struct sio_query *q, int status);
  union {
    sio_broadcast_ack_cb replies;
    sio_fetch_cb fetch;
    sio_server_count_cb count;
  } cb;
  /* The callbacks of sio__query_new_with_adapter_callbacks(). If watch.reply is not NULL, it is
   * called for each answer, and answers are not added to `replies`. */
  sio_query_watch watch;
  void *user;
  int64_t ack_id; /* the ack id that the event has for the sockets of this server */
  /* The memory of the replies, or of the sockets that other servers have sent. At most
   * max_answers. */
  size_t answer_bytes;
  unsigned timeout_ms;
  uint32_t holds;
  /* For a broadcast with acks: the number of servers of other threads that have not reported yet to
   * how many of their sockets they have sent the event. */
  uint32_t uncounted;
  /* The callback of sio__query_set_expected_count_callback(), until it is called. */
  void (*counted)(size_t expected, void *user);
  int status; /* the first error, or 0; passed to `end` if the query ends because it is complete */
  bool over;  /* the query has ended */
  bool extended; /* the timeout was restarted once because the host blocked the loop */
  uint32_t nremotes, remotes_cap;
  sio_remote *remotes; /* the sockets that sio_all_fetch() has found; see fetch.c */
  struct task end_task;
  struct timer timer;
  sio_replies replies; /* the array replies.list has room for replies_cap elements */
  size_t answered;     /* number of replies, kept or not; SIZE_MAX for sio_server_count() */
  uint32_t replies_cap;
};

/* Opens a query. The caller holds the query (`holds` is 1), so that it does not end as complete
 * before the caller calls sio__query_start_timeout_and_end_hold(). Returns 0; SIO_ECLOSED if the
 * server is closing; SIO_ETOOBIG if max_acks queries are open in this namespace; or UV_ENOMEM. */
int sio__query_new(sio_query **out, sio_nsp *nsp, unsigned timeout_ms,
                   void (*end)(sio_query *q, int status), void *user);
/* Called when all sockets and servers have been asked: starts the timeout of the query, and ends
 * the hold that sio__query_new() has given the caller, so that the query can end as complete. If
 * only_if_held is true, starts the timeout only if other code holds the query too. */
void sio__query_start_timeout_and_end_hold(sio_query *q, bool only_if_held);
/* Closes the query without calling `end`, because the function that opened it returns an error. */
void sio__query_discard_without_callback(sio_query *q);
/* Ends all open queries of a namespace with SIO_ECLOSED. Must be called by the loop, not by code
 * that the host has called. */
void sio__queries_end_all_of_nsp(sio_nsp *nsp);

/* Adds n, the memory of one more answer, to q->answer_bytes. If the sum would exceed max_answers,
 * calls sio__query_count_dropped_answer() instead and returns false. */
bool sio__query_reserve_answer_bytes_or_drop(sio_query *q, size_t n);
/* Counts an answer that could not be kept because of err. If the query has no status yet, err
 * becomes its status, and a line is logged. */
void sio__query_count_dropped_answer(sio_query *q, int err);
/* Adds the answer json, which must be valid JSON, to q->replies, or passes it to q->watch.reply if
 * that is set. If the answer cannot be kept, calls sio__query_count_dropped_answer(). Increases
 * q->answered in every case. */
void sio__query_add_answer(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins);

/* ---- for adapters: members of sio_adapter_api ---- */

int sio__query_new_with_adapter_callbacks(sio_nsp *nsp, unsigned timeout_ms,
                                          const sio_query_watch *watch, void *user,
                                          sio_query **out);
void sio__query_set_expected_count_callback(sio_query *q, void (*cb)(size_t expected, void *user));
void sio__query_hold_open(sio_query *q);
void sio__query_release_and_end_if_complete(sio_query *q, int err);
void sio__query_get_info(const sio_query *q, sio_query_info *out);
void sio__query_expect_more_answers(sio_query *q, size_t n);
void sio__query_count_lost_answers(sio_query *q, size_t n);
void sio__query_check_and_add_remote_answer(sio_query *q, const char *id, sio_slice json,
                                            const sio_slice *bins, size_t nbins);
void sio__query_check_and_add_remote_socket(sio_query *q, const sio_remote *r); /* in fetch.c */

/* Called when the server of another thread was asked to take part in the query. If the query is a
 * broadcast with acks, that server will report to how many of its sockets it has sent the event;
 * for other queries the value of q->uncounted does not matter. */
static inline void sio__query_await_socket_count_of_thread(sio_query *q) { q->uncounted++; }
/* Called when the server of another thread has reported to how many sockets it has sent the event,
 * or that no socket was sent the event: decreases q->uncounted. If q->uncounted becomes 0, runs
 * q->counted. */
void sio__query_end_wait_for_socket_count_of_thread(sio_query *q);

/* In replies.c: copies an answer to q->replies. Returns 0 or UV_ENOMEM. If max_answers would be
 * exceeded, calls sio__query_count_dropped_answer() and returns 0. */
int sio__replies_add_reply(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins);
void sio__replies_clear(sio_replies *r);
void sio__query_free_remote_sockets(sio_query *q); /* in fetch.c */

#endif
