/* SPDX-License-Identifier: MIT
 *
 * threads_message.h - the messages that the adapters of different threads send to each other:
 * requests to all other members, and answers to the member that has asked.
 *
 * A message is one block of memory, with copies of everything to which it refers. A request is made
 * once, and shared by all members to which it is sent.
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
  /* Asks for the record with the pid `key`; `json` is the offset if `session` is true. */
  REQUEST_RESTORE
};

struct request {
  atomic_uint refs;
  int kind; /* enum request_kind */
  struct member_id from;
  uint64_t number; /* the number that answers must contain; 0 if no answer is expected */
  /* Numbers the broadcasts that clients may miss, in ascending order; otherwise 0. */
  uint64_t serial;
  unsigned timeout_ms;
  unsigned flags;             /* the flags of the sio_target */
  bool session;               /* for REQUEST_DISCONNECT: end the sessions too */
  const char *nsp, *key;      /* key may be NULL */
  const char *const *rooms;   /* the rooms of the target; NULL for all sockets */
  const char *const *except;  /* the excluded rooms and the id of an excluded socket, or NULL */
  const char *const *changed; /* for REQUEST_JOIN and REQUEST_LEAVE: the rooms to join or leave */
  sio_slice json;             /* the JSON of the event */
  const sio_slice *bins;
  size_t nbins;
  size_t size; /* of the block */
};

/* Copies a request with everything to which it points. skip is the id of an excluded socket,
 * which is added to `except`, or NULL. Returns a request with one reference, or NULL if memory
 * runs out. */
struct request *sio__thread_request_copy(const struct request *from, const char *skip);
void sio__thread_request_unref(struct request *r);

enum answer_kind {
  ANSWER_MORE,   /* one more ANSWER_END will come                        */
  ANSWER_EXPECT, /* n more sockets have been asked */
  ANSWER_REPLY,  /* one reply                                            */
  ANSWER_REMOTE, /* one socket that was found                            */
  ANSWER_END     /* no more answers follow; n of the expected ones are lost */
};

struct answer {
  int kind; /* enum answer_kind */
  int status;
  bool counted; /* with this, the member has said how many of its sockets it has asked */
  uint64_t number;
  size_t n;
  const char *nsp;
  const char *id; /* for ANSWER_REPLY; NULL if the id is not known */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
  sio_remote remote; /* ANSWER_REMOTE */
  size_t size;       /* of the block */
};

/* Copies an answer with everything to which it points. The caller frees it with sio__free().
 * Returns NULL if memory runs out. */
struct answer *sio__thread_answer_copy(const struct answer *from);

#endif
