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
 * An offset is the number of the last event that a peer received. On return the peer is sent what
 * was numbered after its offset and is addressed to it. If it has received the last event that was
 * sent to it, only events after its disconnection can be missing. Therefore a peer that receives
 * few events, or none, can return although old events are not kept any more.
 *
 * An adapter may take part (<sio/adapter.h>, "recovery"). If it keeps everything itself
 * (kept_by_adapter), there is no log, records are never AWAY, and the events that a RETURNING
 * socket missed are in its record.
 */
#ifndef SIO_CORE_RECOVERY_H
#define SIO_CORE_RECOVERY_H

#include "base/map.h"
#include "base/random.h"
#include "base/timer.h"
#include "core/recovery_queue.h"
#include "core/replay_log.h"
#include <sio/adapter.h>

/* Events that the adapter has found, and that a socket missed. */
struct missed_events {
  struct msg **msgs; /* owned, with one reference to each */
  uint32_t n, cap;
  size_t queued_bytes; /* the memory that these events take in the queue of the session */
};

struct recovery_record {
  sio_socket *socket;               /* NULL while the record is AWAY */
  struct recovery_queue_entry away; /* links the record into recovery->away while it is AWAY */
  uint64_t start;                   /* the client needs no events up to this number */
  uint64_t last_sent;               /* the number of the last event that the client was sent */
  uint64_t seq_at_leave; /* the number of the newest event when the client disconnected */
  uint64_t replay_from;  /* while RETURNING: events after this number are replayed */
  uint64_t left_at_ms;   /* the loop's clock */
  uint64_t since; /* with several threads: the number of the CONNECT that made the last socket */
  uint64_t last_replayed;      /* the number of the newest event that was ever replayed */
  uint64_t first_replay_bytes; /* total size of the replayed events, each counted once */
  uint64_t repeat_bytes;       /* total size of events that were replayed once more */
  char pid[SIO__ID_LEN + 1];
  char id[SIO__ID_LEN + 1];
  char *rooms; /* the names of the socket's rooms, each with a NUL; NULL while LIVE */
  size_t rooms_size;
  void *data;                   /* a copy of the bytes of sio_socket_data(); NULL while LIVE */
  char *shared;                 /* a copy of sio_socket_shared(), or NULL; always NULL while LIVE */
  struct missed_events *missed; /* events that the adapter has found, or NULL */
  bool missed_one_is_lost;      /* an event could not be added to `missed` */
  bool persisted;               /* the adapter has stored the socket */
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
  if (rec) rec->last_sent = seq;
}

/* ---- the life of a socket: all of these do nothing if recovery is off ----------------------- */

/* The recovery data in the auth object of a CONNECT packet, which the client may have made up. */
struct recovery_claim {
  sio_slice pid, offset;
  bool has_offset, is_valid;
  struct cJSON *auth; /* owned; pid and offset point into it */
};

/* If the auth of a PENDING socket has a valid pid and offset, the socket gets the id, the rooms and
 * the data of the lost one. Must be called from the loop, because it may disconnect the old socket
 * and run its callbacks. Returns true if the socket is still open and the adapter has to be asked
 * for *claim. The caller clears *claim in any case. */
bool sio__recovery_restore_socket(sio_socket *s, struct recovery_claim *claim);
void sio__recovery_claim_clear(struct recovery_claim *claim);

/* These functions handle what an adapter has found, which is a record without a socket.
 * sio__recovery_give_record_to_socket() gives it to the socket; if cause is not 0, it frees the
 * record instead and reports the cause. sio__recovery_keep_found_record() keeps it, as if the
 * connection of its socket had just broken. */
int sio__recovery_add_found_socket(
    struct recovery *r, const sio_saved_socket *s,
    struct recovery_record **out); /* as sio__socket_restore_add_found_socket() */
/* Adds an event that the socket missed; takes a reference to msg. Returns 0, SIO_ETOOBIG or
 * UV_ENOMEM. */
int sio__recovery_add_missed_event(struct recovery *r, struct recovery_record *rec,
                                   struct msg *msg);
void sio__recovery_give_record_to_socket(sio_socket *s, struct recovery_record *rec, int cause);
void sio__recovery_keep_found_record(struct recovery *r, struct recovery_record *rec);

/* Must be called before CONNECT is answered. Replays the missed events to a returning socket; for a
 * new socket, creates a record if there is memory. Returns 0; SIO_ETOOBIG if a missed event has
 * been dropped from the replay log meanwhile; or an error of sending. */
int sio__recovery_before_connect_answer(sio_socket *s);
/* Implements sio_adapter_api.recovery_ms. Returns 0 if recovery is off. */
unsigned sio__nsp_recovery_ms(const sio_nsp *nsp);
/* Implements sio_adapter_api.socket_pid. Returns NULL if the socket cannot be recovered. */
const char *sio__recovery_pid_of_socket(const sio_socket *s);
void sio__recovery_after_connect_answer(sio_socket *s); /* called when the answer was queued */
void sio__recovery_on_connect_refused(sio_socket *s);   /* middleware refused the socket */
/* Called when the connection broke before CONNECT was answered. */
void sio__recovery_on_pending_socket_lost(sio_socket *s);
void sio__recovery_on_socket_leave(sio_socket *s, int reason);
void sio__recovery_save_socket_rooms(sio_socket *s); /* called before the socket leaves its rooms */
void sio__recovery_save_socket_data(sio_socket *s);  /* called after the socket's last callback */

/* ---- records that move to the server of another thread --------------------------------------- */

/* True if there is a record with this pid that is LIVE, AWAY or RETURNING. A record that the
 * adapter has found, and that no socket has yet, does not count. */
bool sio__recovery_has_record(const struct recovery *r, sio_slice pid);
/* Finds the record of a client that has returned to the server of another thread. Closes its old
 * socket, which may run callbacks of the host. number is the number of the client's CONNECT there;
 * if the client has come back here with a later CONNECT, the record is not given away. Returns 0
 * and sets *out to a record that is AWAY and whose replay_from is set; or the reason why the socket
 * cannot be recovered (SIO_RECOVERY_...). */
int sio__recovery_find_for_other_thread(struct recovery *r, const struct recovery_claim *c,
                                        uint64_t number, struct recovery_record **out);
/* Returns the first event after e that the client has missed. If e is NULL, returns the first one
 * of all. */
const struct replay_log_entry *sio__recovery_next_missed_event(const struct recovery *r,
                                                               const struct recovery_record *rec,
                                                               const struct replay_log_entry *e);
/* True if an event for these rooms, except those in `except`, is addressed to the client of an AWAY
 * record. Both lists may be NULL. */
bool sio__is_saved_socket_in_target(const struct recovery_record *rec, const char *const *rooms,
                                    const char *const *except);
/* The first removes an AWAY record from this server without freeing it, so that it can be sent to
 * another thread. The second adds it again, if it could not be sent. */
void sio__recovery_detach_record(struct recovery *r, struct recovery_record *rec);
void sio__recovery_put_back_record(struct recovery *r, struct recovery_record *rec);
/* Adds a record that came from another server. From now on the log here keeps the events for its
 * client; sio__recovery_add_event_of_thread() adds those that the client missed before. Returns 0,
 * UV_EEXIST or UV_ENOMEM. */
int sio__recovery_attach_record(struct recovery *r, struct recovery_record *rec);
/* Stores the offset that the event which was added last had on the other server. */
static inline void recovery_set_former_offset(struct recovery *r, const char *tag, uint64_t seq) {
  sio__replay_log_set_newest_former_offset(&r->log, r->log.seq, tag, seq);
}
/* Marks the events that were added for the record so far: they have been replayed before. */
static inline void recovery_mark_events_replayed(const struct recovery *r,
                                                 struct recovery_record *rec) {
  rec->last_replayed = r->log.seq;
}
/* Frees a record that is not in any struct recovery. */
void sio__recovery_record_free_detached(struct recovery_record *rec);
/* Frees a record of this server that has no socket. */
void sio__recovery_free_record(struct recovery *r, struct recovery_record *rec);

#endif
