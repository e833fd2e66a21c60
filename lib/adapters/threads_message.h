/* SPDX-License-Identifier: MIT
 *
 * threads_message.h - the messages that the adapters of different threads send to each other:
 * requests, and answers (struct answer) to the server that sent a request. The requests for
 * recovery are answered differently: a REQUEST_RESTORE with a struct record_message
 * (threads_recovery.c), and the kinds after it, if at all, with further requests
 * (threads_kept_restore.h).
 *
 * A message is one block of memory, with copies of everything to which it refers. Several servers
 * to which a request is sent can share the block.
 */
#ifndef SIO_ADAPTERS_THREADS_MESSAGE_H
#define SIO_ADAPTERS_THREADS_MESSAGE_H

#include "net/members.h"
#include <sio/adapter.h>

enum request_kind {
  REQUEST_BROADCAST,
  REQUEST_JOIN,
  REQUEST_LEAVE,
  REQUEST_DISCONNECT,
  REQUEST_FETCH,
  REQUEST_SERVER_EMIT,
  REQUEST_SERVER_COUNT, /* counts the servers of other processes */
  /* Asks for the recovery record of the client whose pid is in `key`. If `session` is true, the
   * client has sent an offset, which is in `json`. */
  REQUEST_RESTORE,

  /* For an adapter of a cluster that keeps the lost sockets of all threads
   * (threads_kept_restore.c). `key`, where it is set, is a pid, and `number`, where it is set, is
   * the number of the restore (kept_restore.number). */
  REQUEST_RELEASE,       /* close the old socket of this pid, if there is one */
  REQUEST_RELEASED,      /* the answer to a REQUEST_RELEASE */
  REQUEST_KEPT_RESTORE,  /* find this pid; if `session`, the client sent the `offset` */
  REQUEST_RESTORE_FOUND, /* the socket is found: `id`, `rooms`, and in `json` its data */
  REQUEST_RESTORE_EVENT, /* an event that the client missed, with its `offset` */
  REQUEST_RESTORE_DONE,  /* all is sent; for `cause` see sio_adapter_api.restore_done */
  REQUEST_RESTORE_OVER,  /* the client has joined, or never will */
  REQUEST_SAVE,          /* keep the socket with this pid: `id`, `rooms`, and in `json` its data */
  REQUEST_FORGET         /* keep the socket with this pid no longer */
};

/* How a REQUEST_BROADCAST travels. */
enum request_route {
  /* From the member that makes it to each other one. If one of them has the adapter of a cluster,
   * that member also passes the broadcast on to other processes, unless it is for this process
   * alone. */
  ROUTE_TO_EACH,
  /* To the member whose adapter recovers sockets for all threads. When that adapter delivers the
   * broadcast, the member sends it as ROUTE_DELIVERY to all other members. */
  ROUTE_TO_CLUSTER,
  ROUTE_DELIVERY
};

struct request {
  atomic_uint refs;
  int kind; /* enum request_kind */
  struct member_id from;
  uint64_t number; /* of the query or restore, repeated in answers; 0: the request has none */
  /* If connection state recovery may have to send this broadcast again: a number by which the
   * servers of all threads recognise it. A later broadcast of a server has a higher number. 0 for
   * all other requests. (In a struct record_message it is the number of a logged event; see
   * threads_recovery.c.) */
  uint64_t serial;
  /* For ROUTE_TO_CLUSTER and ROUTE_DELIVERY: identifies the event if a member waits for its
   * delivery; see make_event_origin() in threads_order.h. For REQUEST_DISCONNECT: the event after
   * which it has to be done. Otherwise 0. */
  uint64_t origin;
  int route; /* enum request_route */
  int cause; /* enum sio_recovery_failure */
  unsigned timeout_ms;
  unsigned flags; /* the flags of the sio_target */
  bool session;   /* for REQUEST_DISCONNECT: end the sessions too; for recovery see above */
  const char *nsp;
  const char *key;            /* sio_target.key; from REQUEST_RESTORE on a pid; or NULL */
  const char *const *rooms;   /* those of the target, NULL for all sockets; or those of a socket */
  const char *const *except;  /* the excluded rooms and the id of an excluded socket, or NULL */
  const char *const *changed; /* for REQUEST_JOIN and REQUEST_LEAVE: the rooms to join or leave */
  const char *id;             /* the id of a socket, or NULL */
  sio_slice json;             /* the JSON of the event; for recovery see above */
  sio_slice offset;           /* the replay offset of the event, or of the client; or empty */
  const sio_slice *bins;
  size_t nbins;
  size_t size; /* of the block of memory that holds the request */
};

/* Copies a request with everything to which it points. If `skip`, the id of an excluded socket, is
 * not NULL, the copy has it as one more name in `except`. Returns a request with one reference, or
 * NULL if memory runs out. */
struct request *sio__thread_request_copy(const struct request *from, const char *skip);
void sio__thread_request_unref(struct request *r);

enum answer_kind {
  ANSWER_MORE,   /* one more ANSWER_END than expected will come */
  ANSWER_EXPECT, /* n more sockets or servers were asked, whose answers are to be expected;
                    as the answer to a REQUEST_SERVER_COUNT: n servers were counted       */
  ANSWER_REPLY,  /* an ack of one socket, or the answer of a server to a server-side emit */
  ANSWER_REMOTE, /* one of the sockets that were found                                    */
  ANSWER_END     /* ends the answers of a server; n of those expected will not come       */
};

struct answer {
  int kind; /* enum answer_kind */
  int status;
  bool counted; /* true: the first answer that says how many sockets its server has asked */
  uint64_t number;
  size_t n;
  const char *nsp;
  const char *id; /* for ANSWER_REPLY: the id of the socket; NULL if it is not known */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
  sio_remote remote; /* the socket of an ANSWER_REMOTE */
  size_t size;       /* of the block of memory that holds the answer */
};

/* Copies an answer with everything to which it points. The caller frees it with sio__free().
 * Returns NULL if memory runs out. */
struct answer *sio__thread_answer_copy(const struct answer *from);

#endif
