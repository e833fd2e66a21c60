/* SPDX-License-Identifier: MIT
 *
 * threads_message.h - what the adapters of different threads send each other: requests to all other
 * members, and answers to the one that asked.
 *
 * A message is one block of memory that contains copies of everything it refers to. A request is
 * made once and shared by all members that it is sent to.
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
  REQUEST_SERVER_COUNT, /* the servers of other processes */
  REQUEST_RESTORE /* the record with the pid `key` and the offset `json` (`session`: it has one) */
};

struct request {
  atomic_uint refs;
  int kind; /* enum request_kind */
  struct member_id from;
  uint64_t number; /* the number that answers have to repeat; 0 if no answer is expected */
  uint64_t serial; /* of a broadcast that clients may miss; greater than those before it */
  unsigned timeout_ms;
  unsigned flags;             /* the flags of the target */
  bool session;               /* for REQUEST_DISCONNECT: end the session, not only the socket */
  const char *nsp, *key;      /* key may be NULL */
  const char *const *rooms;   /* the rooms of the target; NULL for all sockets */
  const char *const *except;  /* the excluded rooms and the id of an excluded socket, or NULL */
  const char *const *changed; /* for REQUEST_JOIN and REQUEST_LEAVE: the rooms to join or leave */
  sio_slice json;             /* the JSON of the event */
  const sio_slice *bins;
  size_t nbins;
  size_t size; /* of the block */
};

/* Copies a request with everything that it points to. skip is the id of an excluded socket, which
 * is added to except, or NULL. Returns a request with one reference, or NULL if memory runs out. */
struct request *sio__thread_request_copy(const struct request *from, const char *skip);
void sio__thread_request_unref(struct request *r);

enum answer_kind {
  ANSWER_MORE,   /* one more ANSWER_END will come                        */
  ANSWER_EXPECT, /* n more sockets are asked                             */
  ANSWER_REPLY,  /* one reply                                            */
  ANSWER_REMOTE, /* one socket that was found                            */
  ANSWER_END     /* no more answers; n of those expected will not answer */
};

struct answer {
  int kind; /* enum answer_kind */
  int status;
  bool counted; /* the member has now said how many of its sockets it has asked */
  uint64_t number;
  size_t n;
  const char *nsp;
  const char *id; /* ANSWER_REPLY; NULL: not known */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
  sio_remote remote; /* ANSWER_REMOTE */
  size_t size;       /* of the block */
};

/* Copies an answer with everything that it points to. The caller frees it with sio__free(). */
struct answer *sio__thread_answer_copy(const struct answer *from);

#endif
