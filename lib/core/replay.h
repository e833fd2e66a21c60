/* SPDX-License-Identifier: MIT
 *
 * replay.h - struct replay: which events a client has missed, and sending them again.
 *
 * A returning client sends the offset of the last event that it received. The offset contains an
 * event number. The client is then sent the events of the log that have higher numbers and are
 * addressed to it. If it has received the last event that was sent to it, only events after its
 * disconnection can be missing. Therefore a client that receives few events, or none, can return
 * although old events are not kept any more.
 *
 * If the adapter keeps the events, nothing is added to the log. When the client returns, the missed
 * events are added to struct replay one by one with sio__replay_add_missed_event().
 */
#ifndef SIO_CORE_REPLAY_H
#define SIO_CORE_REPLAY_H

#include "core/replay_log.h"
#include <sio/adapter.h>

struct missed_events;

/* The events that one client has received and missed, by their numbers in the replay log. */
struct replay {
  uint64_t start;         /* the client needs no events up to this number */
  uint64_t last_sent;     /* no event with a higher number was sent to the client */
  uint64_t seq_at_leave;  /* the number of the newest event when the client disconnected */
  uint64_t from;          /* events after this number are replayed when the client returns */
  uint64_t last_replayed; /* events with higher numbers were never replayed to the client before */
  uint64_t first_bytes;   /* total size of the events that were replayed for the first time */
  uint64_t repeat_bytes;  /* total size of the events that were replayed again */
  struct missed_events *missed; /* events of sio__replay_add_missed_event(), or NULL */
  /* Why an event that the client has missed could not be kept (SIO_RECOVERY_...); 0 if none was
   * lost in this way. */
  int lost_cause;
};

/* Sets `start` and `last_sent` to the number of the newest event: a client that connects now needs
 * only events that are sent later. */
void sio__replay_set_start_to_newest_event(struct replay *p, const struct replay_log *log);
/* Sets `seq_at_leave` and `from` to the number of the newest event: a client that is disconnected
 * now misses only events that are sent later. */
void sio__replay_set_leave_to_newest_event(struct replay *p, const struct replay_log *log);
/* Frees the events that were added with sio__replay_add_missed_event(). */
void sio__replay_free_missed_events(struct replay *p);

/* Called when a client returns. Sets p->from to the number of the event after which the replay
 * begins. offset is the offset that the client has sent, or NULL. in_room(room, user) says whether
 * the client's lost socket was in a room. Returns 0, or the reason why the client cannot be
 * recovered (SIO_RECOVERY_...). */
int sio__replay_choose_start(struct replay *p, const struct replay_log *log,
                             const sio_slice *offset, in_room_cb in_room, const void *user);
/* Adds an event that the client has missed, and a reference to its message. Returns 0; SIO_ETOOBIG
 * if the missed events would take more than queue_high in the send queue of a session, or more than
 * max_queued if queue_high is 0; or UV_ENOMEM. */
int sio__replay_add_missed_event(struct replay *p, const sio_nsp *nsp, struct msg *msg);
/* Returns the first event after e in the log that the client has missed, or NULL. If e is NULL,
 * begins with the first event after p->from. */
const struct replay_log_entry *sio__replay_find_next_missed(const struct replay *p,
                                                            const struct replay_log *log,
                                                            const struct replay_log_entry *e,
                                                            in_room_cb in_room, const void *user);
/* True if no event after p->from was dropped from the log, and each event that was to be added as a
 * missed event could be kept. */
bool sio__replay_has_all_missed_events(const struct replay *p, const struct replay_log *log);

/* True if the missed events may be sent to s, the new socket of the client: they fit into its send
 * queue, and not too many bytes would be replayed again (see replay.c). */
bool sio__replay_is_allowed(const struct replay *p, const struct replay_log *log,
                            const sio_socket *s);
/* Sends the missed events to s: all of them, or none and returns SIO_EDROPPED if they and the
 * answer to CONNECT do not fit into the send queue now, which may have become longer since
 * sio__replay_is_allowed(). Returns 0, SIO_EDROPPED or, if the session has ended or is about to
 * end, another error of sio__session_send(). */
int sio__replay_send_missed_events(const struct replay *p, const struct replay_log *log,
                                   sio_socket *s);
/* Must be called when sio__replay_send_missed_events() has succeeded and CONNECT was answered:
 * updates *p for the next replay. */
void sio__replay_update_after_missed_events_sent(struct replay *p, const struct replay_log *log,
                                                 const sio_socket *s);

#endif
