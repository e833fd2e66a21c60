/* SPDX-License-Identifier: MIT
 *
 * recovery.h - connection state recovery: a peer that lost its connection may return as the socket
 * it was, and is sent the events that it missed.
 *
 * Each socket whose CONNECT reply contained a pid has a recovery record, with one of these states:
 *
 *  LIVE --- connection broke ---> AWAY --- the peer returned ---> RETURNING --- joined ---> LIVE
 *  LIVE --- the peer or the host ended the socket ---> freed
 *  AWAY --- expired, or there are too many records ---> freed
 *  RETURNING --- the connection broke again ---> AWAY
 *  RETURNING --- refused by middleware ---> freed
 *
 * A record has at most one socket. If a peer returns before the end of its old connection was
 * noticed, the old socket is closed first, and the new one takes over the record.
 *
 * An adapter may take part (<sio/adapter.h>, "recovery"). If it keeps everything itself
 * (kept_by_adapter), there is no log, records are never AWAY, and the events that a RETURNING
 * socket missed are in its record.
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

struct recovery_record {
  sio_socket *socket;               /* NULL while the record is AWAY */
  struct recovery_queue_entry away; /* links the record into recovery->away while it is AWAY */
  struct saved_state saved;         /* empty while LIVE */
  struct replay replay;
  uint64_t left_at_ms; /* the loop's clock */
  uint64_t since; /* with several threads: the number of the CONNECT that made the last socket */
  char pid[SIO__ID_LEN + 1];
  char id[SIO__ID_LEN + 1];
  bool persisted; /* the adapter has stored the socket */
};

/* One per namespace. */
struct recovery {
  sio_nsp *nsp;
  struct replay_log log;
  struct map by_pid; /* all recovery records (struct recovery_record) by pid */
  struct recovery_queue away;
  struct timer expiry_timer;
  bool kept_by_adapter; /* SIO_ADAPTER_RECOVERS */
};

int sio__recovery_new(struct recovery **out, sio_nsp *nsp); /* *out is NULL if recovery is off */
void sio__recovery_free(struct recovery *r); /* all sockets must have left; r may be NULL */
/* Implements sio_adapter_api.recovery_ms. Returns 0 if recovery is off. */
unsigned sio__nsp_recovery_ms(const sio_nsp *nsp);

/* ---- events ----------------------------------------------------------------------------- */

/* Writes the replay offset for an event that is about to be encoded, and returns its length. The
 * number in it is taken later, with recovery_take_event_number(). A volatile event gets no number
 * of its own, and repeats that of the event before it. */
size_t sio__recovery_write_next_offset(const struct recovery *r, bool is_volatile,
                                       char out[REPLAY_OFFSET_MAX]);
/* Takes the number that sio__recovery_write_next_offset() has written, when the event was
 * encoded. */
static inline uint64_t recovery_take_event_number(struct recovery *r) { return ++r->log.seq; }
/* Keeps a numbered event, so that it can be replayed. Must be called before the event is sent to
 * any socket. */
void sio__recovery_keep_event(struct recovery *r, uint64_t seq, struct msg *msg,
                              const sio_target *to);
/* Removes the event that was kept last, because it could not be sent to any socket. */
void sio__recovery_discard_newest_event(struct recovery *r, uint64_t seq);
/* Returns r if events are numbered and kept in its log; otherwise NULL. */
static inline struct recovery *get_recovery_with_log(struct recovery *r) {
  return r && !r->kept_by_adapter ? r : NULL;
}
/* True if the adapter keeps everything for recovery itself. Then also events to single sockets have
 * to go through the adapter. */
static inline bool is_recovery_kept_by_adapter(const struct recovery *r) {
  return r && r->kept_by_adapter;
}
static inline void recovery_record_set_last_sent(struct recovery_record *rec, uint64_t seq) {
  if (rec) rec->replay.last_sent = seq;
}

/* ---- records ----------------------------------------------------------------------------- */

/* Creates the record of a socket that connects. Returns NULL if there is no memory, or no random
 * pid. */
struct recovery_record *sio__recovery_add_record(struct recovery *r, sio_socket *s);
/* Creates a record without a socket from what the adapter has found. Returns 0, SIO_EPROTO if an id
 * is malformed, SIO_EEXISTS if one is in use here, or UV_ENOMEM. */
int sio__recovery_add_found_record(struct recovery *r, const sio_saved_socket *s,
                                   struct recovery_record **out);
void sio__recovery_free_record(struct recovery *r, struct recovery_record *rec);

/* Returns the LIVE, AWAY or RETURNING record with this pid, or NULL. A record that the adapter has
 * found, and that no socket has yet, does not count. */
struct recovery_record *sio__recovery_find_record(const struct recovery *r, sio_slice pid);
bool sio__is_recovery_record_expired(const struct recovery *r, const struct recovery_record *rec);
/* True if the socket of this record (a struct recovery_record) is in the room; while the record is
 * LIVE, its rooms are not known here. */
bool sio__is_saved_socket_in_room(const char *room, const void *record);

/* Takes a record, which has a saved state, from its socket, whose connection has broken, and makes
 * it AWAY; or passes it to the adapter and frees it, if the adapter keeps everything. */
void sio__recovery_keep_record(struct recovery *r, struct recovery_record *rec);
/* The same for a record whose peer has returned, but did not connect. It expires as if the peer had
 * not returned. */
void sio__recovery_keep_record_again(struct recovery *r, struct recovery_record *rec);
/* Makes an AWAY record, or one that the adapter has found, RETURNING: s is its socket now. The
 * caller sets s->recovery_record. */
void sio__recovery_take_record(struct recovery *r, struct recovery_record *rec, sio_socket *s);

/* ---- records that move to the server of another thread --------------------------------------- */

/* The first removes an AWAY record from this server without freeing it, so that it can be sent to
 * another thread. The second adds it again, if it could not be sent. */
void sio__recovery_detach_record(struct recovery *r, struct recovery_record *rec);
void sio__recovery_put_back_record(struct recovery *r, struct recovery_record *rec);
/* Adds a record that came from another server. From now on the log here keeps the events for its
 * client; sio__recovery_add_event_of_thread() adds those that the client missed before. Returns 0,
 * UV_EEXIST or UV_ENOMEM. */
int sio__recovery_attach_record(struct recovery *r, struct recovery_record *rec);
/* Frees a record that is not in any struct recovery. */
void sio__recovery_free_detached_record(struct recovery_record *rec);

#endif
