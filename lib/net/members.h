/* SPDX-License-Identifier: MIT
 *
 * members.h - struct sio_threads: the servers of one process that serve as one. Each is a member,
 * with a loop and a thread of its own.
 *
 * Members send each other messages. A message is a function and its argument; the thread of the
 * receiving member calls the function. Messages from one member to another keep their order. The
 * memory of the messages that wait for a member is bounded (`inbox_max`), except for those of
 * sio__threads_reply().
 *
 * Several threads may call these functions at the same time.
 */
#ifndef SIO_NET_MEMBERS_H
#define SIO_NET_MEMBERS_H

#include "base/map.h"
#include "net/addr_limits.h"
#include "net/loop.h"
#include <pthread.h>
#include <sio/threads.h>
#include <stdatomic.h>

enum { MEMBERS_MAX = SIO_THREADS_MAX };

/* Identifies one member: its index in sio_threads.members, and the generation of that index, which
 * grows each time a server takes it. So a server that takes the index later has another id. A
 * server that has left keeps the index until it has closed, so of all servers that are open or
 * closing no two have the same place. */
struct member_id {
  uint32_t place, generation;
};

struct member {
  struct loop *loop; /* NULL: the server has left, or there is none */
  /* Passed to the function that a message to this member calls. NULL: this element of
   * sio_threads.members is free. */
  void *server;
  uint32_t generation;
  bool drains;          /* other members do not choose this one for new connections */
  unsigned recovery_ms; /* sio_recovery.max_disconnection_ms; 0: recovery is off */
  atomic_uint conns;    /* open connections */
  atomic_uint arriving; /* connections that are on their way to the member */
  atomic_size_t inbox;  /* memory of the messages that wait for the member, without replies */
};

struct sio_threads {
  /* Protects loop, server, generation, drains and recovery_ms of the members, and `cluster`. */
  pthread_rwlock_t lock;
  pthread_mutex_t sids_lock;
  /* Locked for reading between sio__threads_begin_broadcast() and sio__threads_end_broadcast().
   * sio__threads_block_until_broadcasts_queued() locks it for writing, to wait for the readers. */
  pthread_rwlock_t broadcast_lock;
  struct map sids;             /* struct sid_entry */
  struct addr_table addresses; /* for the limits per address of all members */
  /* The member whose adapter connects all members to a cluster of processes. The member may have
   * left since. The generation is 0 if there never was such a member. */
  struct member_id cluster;
  /* True if the adapter of `cluster` keeps the lost sockets of all members (SIO_ADAPTER_RECOVERS in
   * sio/adapter.h). */
  atomic_bool cluster_recovers;
  atomic_uint refs;
  /* The last result of sio__threads_next_number(). The type is not atomic_ullong, because compilers
   * disagree on its alignment where a pointer has 32 bits, and gcc warns of that at each use. */
  _Alignas(8) uint64_t next_number;
  size_t inbox_max;
  void *workers; /* of sio_threads_start() (server/worker_threads.c), or NULL */
  struct member members[MEMBERS_MAX];
};

void sio__threads_ref(sio_threads *t);
void sio__threads_unref(sio_threads *t);

/* Adds a member. recovery_ms is sio_recovery.max_disconnection_ms, or 0 if recovery is off. Returns
 * 0, and then the member owns a reference to t; UV_ENOMEM if there are MEMBERS_MAX servers already,
 * those included that have left and are not closed yet; or UV_EINVAL if all members must have the
 * same recovery_ms (see sio__threads_set_cluster_member()) and this one is different. */
int sio__threads_add_member(sio_threads *t, struct loop *l, void *server, unsigned recovery_ms,
                            struct member_id *out);
/* No messages are sent to the member after this call; those sent before it are still delivered. */
void sio__threads_remove_member(sio_threads *t, struct member_id id);
/* Makes the index of a member that has left free for another server, and releases the member's
 * reference to t. Must be called after the server has closed its last connection and has handled
 * its last message: the receivers of what it sends know it by its index. */
void sio__threads_free_member_slot(sio_threads *t, struct member_id id);
/* From now on other members do not choose this one for new connections. */
void sio__threads_set_draining(sio_threads *t, struct member_id id);

/* Records that the adapter of the member `id` connects all members to a cluster of processes; only
 * one member at a time can do that. If `recovers` is true, this adapter keeps the lost sockets of
 * all members (sio/adapter.h), so all members must have the same recovery_ms. Returns 0;
 * SIO_EEXISTS if a member is recorded already and has not left; or UV_EINVAL if all members must
 * have the same recovery_ms and do not. */
int sio__threads_set_cluster_member(sio_threads *t, struct member_id id, bool recovers);
/* Sets *out to the member whose adapter connects all members to a cluster. Returns false if there
 * is no such member, or no longer. out may be NULL. */
bool sio__threads_find_cluster_member(sio_threads *t, struct member_id *out);
/* Returns true if the adapter that connects all members to a cluster keeps the lost sockets of all
 * members (sio/adapter.h). If no member has such an adapter any more, the last one that a member
 * had counts. */
static inline bool sio__threads_does_cluster_keep_lost_sockets(const sio_threads *t) {
  return atomic_load_explicit(&t->cluster_recovers, memory_order_relaxed);
}

/* A member sends a broadcast to all members between these two calls if
 * sio__threads_block_until_broadcasts_queued() must wait until it is queued for all of them. */
static inline void sio__threads_begin_broadcast(sio_threads *t) {
  pthread_rwlock_rdlock(&t->broadcast_lock);
}
static inline void sio__threads_end_broadcast(sio_threads *t) {
  pthread_rwlock_unlock(&t->broadcast_lock);
}
/* Waits until sio__threads_end_broadcast() was called for each broadcast that has begun. So a
 * message that the caller sends to another member afterwards cannot arrive there before a broadcast
 * that the caller has received already. */
void sio__threads_block_until_broadcasts_queued(sio_threads *t);

/* Makes the member's thread call run(server, arg). `bytes` is the memory that arg takes. Returns 0;
 * SIO_ECLOSED if the member has left or closes; SIO_ETOOBIG if the messages that wait for the
 * member would take more than inbox_max bytes; or UV_ENOMEM. After an error arg is still the
 * caller's. */
int sio__threads_send(sio_threads *t, struct member_id to, void (*run)(void *server, void *arg),
                      void *arg, size_t bytes);

/* Allocates an empty message, or returns NULL if there is no memory. The message for the reply to a
 * question is allocated before the question is sent, so that the reply cannot fail for lack of
 * memory. A message that is not sent is freed with sio__free(). */
struct thread_message *sio__thread_message_new(void);
/* Makes the thread of the member `to` call run(server, arg), and allocates nothing for that: m is a
 * message of sio__thread_message_new(). Takes m over, also if it returns an error. inbox_max does
 * not apply. Returns 0 or SIO_ECLOSED; after an error arg is still the caller's. */
int sio__threads_reply(sio_threads *t, struct member_id to, struct thread_message *m,
                       void (*run)(void *server, void *arg), void *arg);

/* Writes the ids of all members but `self` to out, which has MEMBERS_MAX elements, and returns
 * their number. */
unsigned sio__threads_list_other_members(sio_threads *t, struct member_id self,
                                         struct member_id *out);

/* Returns the member with the fewest connections, those on their way to it included, of the members
 * that are not draining; `self` if there is none. Counts one more connection as being on its way to
 * that member, until sio__threads_uncount_arriving_conn() is called. */
struct member_id sio__threads_choose_member_and_count_arriving(sio_threads *t,
                                                               struct member_id self);
void sio__threads_uncount_arriving_conn(sio_threads *t, struct member_id id);
/* Returns how many connections all members have, also those on their way to a member, and those of
 * servers that have left and are not closed yet. */
unsigned sio__threads_count_conns(sio_threads *t);

/* Returns a number that no other call for t returns, greater than those of earlier calls. */
static inline uint64_t sio__threads_next_number(sio_threads *t) {
  return __atomic_add_fetch(&t->next_number, 1, __ATOMIC_SEQ_CST);
}

/* Stores which member has the session `sid`. Returns 0, UV_EEXIST or UV_ENOMEM. */
int sio__threads_add_sid(sio_threads *t, const char *sid, struct member_id id);
void sio__threads_remove_sid(sio_threads *t, const char *sid);
/* Finds the member that has the session `sid`. Returns false if there is none, or if that member
 * has left. */
bool sio__threads_find_sid(sio_threads *t, sio_slice sid, struct member_id *out);

#endif
