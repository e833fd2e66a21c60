/* SPDX-License-Identifier: MIT
 *
 * threads_message.h - the messages that the adapters of different threads send to each other:
 * requests, and answers (struct answer) to the server that sent a request. The requests for
 * recovery are answered differently: a REQUEST_RESTORE with a struct record_message
 * (threads_recovery.c), and the kinds after it, if at all, with further requests
 * (threads_kept_restore.h).
 *
 * A request or an answer is one block of memory, with copies of everything to which it refers.
 * Several servers to which a request is sent can share the block.
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
  REQUEST_RELEASE,  /* asks to close the old socket with this pid, if there is one */
  REQUEST_RELEASED, /* the answer to a REQUEST_RELEASE */
  /* Asks the adapter of the cluster for the lost socket with this pid. If `session` is true, the
   * client has sent an offset, which is in `offset`. */
  REQUEST_KEPT_RESTORE,
  /* The lost socket was found: `id`, `rooms` and `json` contain its id, its rooms and its shared
   * data. */
  REQUEST_RESTORE_FOUND,
  REQUEST_RESTORE_EVENT, /* an event that the client missed; `offset` is the event's offset */
  /* The end of the answer to a REQUEST_KEPT_RESTORE. `cause` is the reason why the socket cannot be
   * recovered, or 0. */
  REQUEST_RESTORE_DONE,
  REQUEST_RESTORE_OVER, /* ends a restore: its client has joined the namespace, or never will */
  /* Asks the adapter of the cluster to keep the socket with this pid, in case its client returns.
   * `id`, `rooms` and `json` contain the socket's id, its rooms and its shared data. */
  REQUEST_SAVE,
  REQUEST_FORGET /* asks the adapter of the cluster to forget the socket with this pid */
};

/* How a REQUEST_BROADCAST travels. */
enum request_route {
  /* The member (the server of one thread) that makes the broadcast sends it to each other member.
   * If one of these has the adapter of a cluster, it also passes the broadcast on to other
   * processes, unless the broadcast is for this process alone. */
  ROUTE_TO_EACH,
  /* The broadcast is sent only to the member (the server of one thread) whose adapter recovers
   * sockets for all threads. When that adapter delivers the broadcast, this member sends it as
   * ROUTE_DELIVERY to all other members. */
  ROUTE_TO_CLUSTER,
  ROUTE_DELIVERY
};

struct request {
  atomic_uint refs;
  int kind; /* enum request_kind */
  struct member_id from;
  uint64_t number; /* of the query or restore that caused the request; 0: there is none */
  /* A number by which the servers of all threads recognise a broadcast that connection state
   * recovery may have to send again; 0 in other requests. A later broadcast of a server has a
   * higher number. In an event of a struct record_message (threads_recovery.c), this is instead the
   * number that the event has in a replay log. */
  uint64_t serial;
  /* The number of a broadcast (make_event_origin() in threads_order.h), or 0. With ROUTE_TO_CLUSTER
   * and ROUTE_DELIVERY it is the number of this broadcast. A REQUEST_DISCONNECT has the number of
   * the broadcast that must be delivered before the sockets are disconnected. */
  uint64_t origin;
  int route; /* enum request_route */
  int cause; /* enum sio_recovery_failure */
  unsigned timeout_ms;
  unsigned flags; /* the flags of the sio_target */
  /* For a REQUEST_DISCONNECT: true if the connections of the clients are closed, too. For the
   * requests of recovery see enum request_kind. */
  bool session;
  const char *nsp;
  const char *key; /* sio_target.key; in the requests of recovery a client's pid; or NULL */
  /* The rooms of the target; NULL: all sockets. In the requests of recovery: the rooms of the
   * socket. */
  const char *const *rooms;
  const char *const *except;  /* the excluded rooms and the id of an excluded socket, or NULL */
  const char *const *changed; /* for REQUEST_JOIN and REQUEST_LEAVE: the rooms to join or leave */
  const char *id;             /* the id of a socket, or NULL */
  sio_slice json;             /* the JSON of the event; see also enum request_kind */
  sio_slice offset;           /* the replay offset of the event, or the one that the client sent */
  const sio_slice *bins;
  size_t nbins;
  size_t size; /* the bytes of memory that are counted for this request */
};

/* Copies a request with everything to which it points. If `skip`, the id of an excluded socket, is
 * not NULL, the copy has it as one more name in `except`. Returns a request with one reference, or
 * NULL if memory runs out. */
struct request *sio__thread_request_copy(const struct request *from, const char *skip);
void sio__thread_request_unref(struct request *r);

enum answer_kind {
  ANSWER_MORE,   /* one more ANSWER_END than expected will come, from this server or another */
  ANSWER_EXPECT, /* n more sockets or servers were asked, whose answers are to be expected;
                    as the answer to a REQUEST_SERVER_COUNT: n servers were counted       */
  ANSWER_REPLY,  /* an ack of one socket, or the answer of a server to a server-side emit */
  ANSWER_REMOTE, /* one of the sockets that were found                                    */
  ANSWER_END     /* ends the answers of a server, or one part of them: see ANSWER_MORE. answer.n is
                    how many of the expected answers will not come */
};

struct answer {
  int kind; /* enum answer_kind */
  int status;
  bool counted; /* true in the first answer that says how many sockets the server has asked */
  uint64_t number;
  size_t n; /* a number of answers or servers: see enum answer_kind */
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
