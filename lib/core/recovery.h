/* SPDX-License-Identifier: MIT
 *
 * recovery.h - connection state recovery: a peer that lost its connection may return as the socket
 * it was, and is sent the events that it missed.
 *
 * A connected socket has a recovery record if the reply to its CONNECT packet contained a pid: a
 * secret id, which the client sends when it returns. The states of a record are:
 *
 *  LIVE --- connection broke ---> AWAY --- the peer returned ---> RETURNING --- joined ---> LIVE
 *  LIVE --- the socket ended for another reason, or its state cannot be saved ---> freed
 *  AWAY --- expired, there are too many records, or the peer cannot be recovered ---> freed
 *  AWAY --- the peer returned to the server of another thread ---> sent to that server
 *  RETURNING --- the new socket is discarded, but not refused ---> AWAY
 *  RETURNING --- refused by middleware, or the time for that is up ---> freed
 *
 * A record has at most one socket. If a peer returns before the end of its old connection was
 * noticed, the session of the old socket is closed first.
 *
 * An adapter may take part (<sio/adapter.h>, "recovery"). If it keeps everything itself
 * (is_recovery_kept_by_adapter()), no events are added to the log, no record becomes AWAY, and the
 * events that a RETURNING socket missed are in its record.
 *
 * recovery.c keeps the records and the log of events of a namespace; recovery_socket.c follows a
 * socket through its life; recovery_claim.c lets a returning peer claim a record. saved_state.c
 * copies what a socket had, and replay.c knows which events it missed.
 */
#ifndef SIO_CORE_RECOVERY_H
#define SIO_CORE_RECOVERY_H

#include "base/map.h"
#include "base/random.h"
#include "base/timer.h"
#include "core/recovery_queue.h"
#include "core/replay.h"
#include "core/saved_state.h"
#include <stdatomic.h>

/* The record of a client that can be recovered. It is LIVE while the client's socket is connected,
 * AWAY while the client is gone, and RETURNING while the client's new socket is connecting. */
struct recovery_record {
  sio_socket *socket;               /* NULL unless the record is LIVE or RETURNING */
  struct recovery_queue_entry away; /* links the record into recovery->away while it is AWAY */
  struct saved_state saved;         /* empty while the socket is connected */
  struct replay replay;
  /* The loop's time when the client was lost, or when the record was received from the adapter or
   * from the server of another thread. */
  uint64_t left_at_ms;
  /* If the server is one of several threads: a number that sio__threads_next_number() gave when the
   * client last returned; 0 if the client never did. The highest number shows to which thread the
   * client has returned last. */
  uint64_t since;
  char pid[SIO__ID_LEN + 1]; /* the secret id by which the client asks for this record */
  char id[SIO__ID_LEN + 1];  /* the id of the socket */
  bool persisted; /* the saved state was passed to the adapter (sio_adapter_ops.persist) */
};

/* Connection state recovery in one namespace: its recovery records and its log of events. */
struct recovery {
  sio_nsp *nsp;
  struct replay_log log;
  struct map by_pid;          /* all recovery records (struct recovery_record) by pid */
  struct recovery_queue away; /* the records whose clients are gone (AWAY) */
  struct timer expiry_timer;
  /* Points to true if the adapter has the flag SIO_ADAPTER_RECOVERS. With several threads it points
   * to sio_threads.cluster_recovers, which is true if the adapter that connects them to a cluster
   * has that flag. */
  const atomic_bool *kept_by_adapter;
};

/* Returns 0, UV_ENOMEM, or the error of the random source. If recovery is off, sets *out to NULL
 * and returns 0. */
int sio__recovery_new(struct recovery **out, sio_nsp *nsp);
void sio__recovery_free(struct recovery *r); /* all sockets must have left; r may be NULL */
/* Implements sio_adapter_api.recovery_ms. Returns 0 if recovery is off. */
unsigned sio__nsp_max_disconnection_ms(const sio_nsp *nsp);

/* ---- events ----------------------------------------------------------------------------- */

/* Writes the replay offset for an event that is about to be encoded, and returns the length of the
 * offset. A client that returns sends the offset of the last event that it has received. The offset
 * contains the next event number, which is not used up before recovery_assign_next_event_number()
 * is called. A volatile event has no number of its own: its offset contains the number of the
 * newest event that has one. */
size_t sio__recovery_format_next_event_offset(const struct recovery *r, bool is_volatile,
                                              char out[REPLAY_OFFSET_MAX]);
/* Gives the encoded event its number, which is the one that
 * sio__recovery_format_next_event_offset() has written into its offset. Returns that number. */
static inline uint64_t recovery_assign_next_event_number(struct recovery *r) {
  return ++r->log.seq;
}
/* Adds the event with number seq to the log, so that it can be replayed to clients that miss it.
 * Does nothing if there are no recovery records. Must be called before the event is sent. */
void sio__recovery_add_event_to_log(struct recovery *r, uint64_t seq, struct msg *msg,
                                    const sio_target *to);
/* Removes event seq from the log if it is the newest one, because it could not be sent. */
void sio__recovery_discard_event_if_newest(struct recovery *r, uint64_t seq);
/* True if the adapter itself keeps the lost sockets and the events for recovery. Then events to
 * single sockets are sent through the adapter too, and not only broadcasts. */
static inline bool is_recovery_kept_by_adapter(const struct recovery *r) {
  return r && atomic_load_explicit(r->kept_by_adapter, memory_order_relaxed);
}
/* Returns r if it keeps numbered events in r->log. Returns NULL if recovery is off (r is NULL), or
 * if the adapter keeps the events. */
static inline struct recovery *get_recovery_unless_kept_by_adapter(struct recovery *r) {
  return is_recovery_kept_by_adapter(r) ? NULL : r;
}
static inline void recovery_record_set_last_sent(struct recovery_record *rec, uint64_t seq) {
  if (rec) rec->replay.last_sent = seq;
}

/* ---- records ----------------------------------------------------------------------------- */

/* Creates the LIVE recovery record of a socket that connects. Returns NULL on failure. */
struct recovery_record *sio__recovery_add_record_of_socket(struct recovery *r, sio_socket *s);
/* Creates a recovery record, which has no socket yet, from the lost socket s that the adapter has
 * found for a client that returns. Returns 0; SIO_EPROTO if s->id, s->pid or the name of a room is
 * malformed; SIO_EEXISTS if a connected socket of this namespace has that id, or a record has that
 * pid; or UV_ENOMEM. */
int sio__recovery_add_record_found_by_adapter(struct recovery *r, const sio_saved_socket *s,
                                              const sio_session *client,
                                              struct recovery_record **out);
/* Removes the record from r and frees it. If it has a socket, sets the socket's recovery_record to
 * NULL. If the adapter keeps lost sockets and `persisted` is not set, calls the adapter's forget()
 * for the pid. */
void sio__recovery_free_record(struct recovery *r, struct recovery_record *rec);

/* Returns the record with this recovery_record.pid, or NULL. A record that the adapter has found is
 * returned only after it was given to a socket or was made AWAY. */
struct recovery_record *sio__recovery_find_record_by_pid(const struct recovery *r, sio_slice pid);
/* True if more than max_disconnection_ms have passed since rec->left_at_ms. */
bool sio__is_recovery_record_expired(const struct recovery *r, const struct recovery_record *rec);
/* An in_room_cb (replay_log.h): returns true if the lost socket was in the room. record is the
 * struct recovery_record of a client that is gone or is returning. */
bool sio__is_lost_socket_in_room(const char *room, const void *record);

/* Called when the record's socket has left its namespace and rec->saved is filled in. If the
 * adapter keeps lost sockets, passes rec->saved to it, unless memory runs out, and frees the
 * record. Otherwise makes the record AWAY, without a socket; and if more than max_sessions records
 * are AWAY now, frees one of them. */
void sio__recovery_keep_record_of_lost_socket(struct recovery *r, struct recovery_record *rec);
/* Called when the new socket of a returning client is discarded although it was not refused, or
 * when the record was found for a client that did not get it. If the adapter keeps lost sockets,
 * passes rec->saved to it, unless memory runs out, and frees the record. Otherwise makes the record
 * AWAY, without a socket, and does not change rec->left_at_ms; and if more than max_sessions
 * records are AWAY now, frees one of them, which may be rec. */
void sio__recovery_return_record_to_lost_sockets(struct recovery *r, struct recovery_record *rec);
/* Makes s, the new socket of a returning client, the socket of the client's record. The record was
 * AWAY, or the adapter has found it; now its state is RETURNING. The caller sets
 * s->recovery_record. */
void sio__recovery_assign_record_to_socket(struct recovery *r, struct recovery_record *rec,
                                           sio_socket *s);

/* ---- records that move to the server of another thread --------------------------------------- */

/* Removes a record, which must have no socket, from r, but does not free it: it can then be sent to
 * the server of another thread. */
void sio__recovery_detach_record(struct recovery *r, struct recovery_record *rec);
/* Undoes sio__recovery_detach_record(), because the record could not be sent. If that fails, frees
 * the record. */
void sio__recovery_put_back_detached_record(struct recovery *r, struct recovery_record *rec);
/* Adds a record that the server of another thread has detached and sent. The log of this server
 * keeps the events for the client from now on; those that the client missed before have to be added
 * with sio__recovery_add_event_from_other_thread(). Returns 0; UV_EEXIST if there is a record with
 * this pid; or UV_ENOMEM. */
int sio__recovery_adopt_record_of_other_thread(struct recovery *r, struct recovery_record *rec);
/* Frees a record, but does not remove it from recovery.by_pid and recovery.away. */
void sio__recovery_free_detached_record(struct recovery_record *rec);

#endif
