/* SPDX-License-Identifier: MIT
 *
 * replay.h - struct replay: which events a client has missed, and sending them again.
 *
 * An offset is the number of the last event that a client received. When the client returns, it is
 * sent the events of the log that are numbered after its offset and are addressed to it. If it has
 * received the last event that was sent to it, only events after its disconnection can be missing.
 * Therefore a client that receives few events, or none, can return although old events are not kept
 * any more.
 *
 * If the adapter keeps the events, the log is empty, and the missed events are added one by one
 * with sio__replay_add_missed_event().
 */
#ifndef SIO_CORE_REPLAY_H
#define SIO_CORE_REPLAY_H

#include "core/replay_log.h"
#include <sio/adapter.h>

struct missed_events;

struct replay {
  uint64_t start;         /* the client needs no events up to this number */
  uint64_t last_sent;     /* the number of the last event that the client was sent */
  uint64_t seq_at_leave;  /* the number of the newest event when the client disconnected */
  uint64_t from;          /* once the client has returned: events after this number are replayed */
  uint64_t last_replayed; /* the number of the newest event that was ever replayed */
  uint64_t first_bytes;   /* total size of the replayed events, each counted once */
  uint64_t repeat_bytes;  /* total size of events that were replayed once more */
  struct missed_events *missed; /* events that the adapter has found, or NULL */
  bool missed_one_is_lost;      /* an event could not be added to `missed` */
};

/* For a client that connects now. All other fields of *p must be zeros. */
void sio__replay_start_now(struct replay *p, const struct replay_log *log);
/* For a client that is disconnected now and has missed nothing yet. */
void sio__replay_start_at_leave(struct replay *p, const struct replay_log *log);
/* Frees the events that were added with sio__replay_add_missed_event(). */
void sio__replay_clear(struct replay *p);

/* Finds out after which event the replay to a client that returns has to begin, and sets p->from.
 * offset is the one that the client names, or NULL. in_room() says whether the client was in a
 * room. Returns 0, or the reason why the client cannot be recovered (SIO_RECOVERY_...). */
int sio__replay_choose_start(struct replay *p, const struct replay_log *log,
                             const sio_slice *offset, in_room_cb in_room, const void *user);
/* Adds an event that a client of this namespace missed; takes a reference to msg. Returns 0,
 * SIO_ETOOBIG or UV_ENOMEM. */
int sio__replay_add_missed_event(struct replay *p, const sio_nsp *nsp, struct msg *msg);
/* Returns the first event of the log after e that the client has missed. If e is NULL, returns the
 * first one of all. */
const struct replay_log_entry *sio__replay_find_next_missed(const struct replay *p,
                                                            const struct replay_log *log,
                                                            const struct replay_log_entry *e,
                                                            in_room_cb in_room, const void *user);
/* True if no event that the client missed has been dropped from the log meanwhile. */
bool sio__replay_is_complete(const struct replay *p, const struct replay_log *log);

/* True if the missed events may be sent to the socket of the client that has returned. */
bool sio__replay_is_allowed(const struct replay *p, const struct replay_log *log,
                            const sio_socket *s);
/* Sends the missed events. Returns 0 or an error of sending. */
int sio__replay_send(const struct replay *p, const struct replay_log *log, sio_socket *s);
/* Must be called when the missed events were sent, and the client has connected. */
void sio__replay_finish(struct replay *p, const struct replay_log *log, const sio_socket *s);

#endif
