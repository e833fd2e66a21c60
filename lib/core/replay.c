/* SPDX-License-Identifier: MIT
 *
 * replay.c - finds the events that a client has missed, limits them, and sends them again.
 */
#include "core/replay.h"

#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

enum {
  QUEUE_ENTRY_BYTES = 32, /* the most memory that a queued message takes in addition to the msg */
  /* At least as much memory as the answer to CONNECT takes in a send queue; twice MSG_SMALL,
   * because a parser of the host may need more room than the default encoding. */
  ANSWER_BYTES = sizeof(struct msg) + MSG_HEADROOM + 2 * MSG_SMALL + QUEUE_ENTRY_BYTES,
  /* replay.repeat_bytes may be at most MAX_REPEATS * replay.first_bytes + FREE_REPEATS. */
  MAX_REPEATS = 2,
  FREE_REPEATS = 16 * 1024
};

/* Events that a client has missed and that the adapter has found. */
struct missed_events {
  struct msg **msgs; /* owned, with one reference to each */
  uint32_t n, cap;
  size_t queued_bytes; /* the memory that these events will take in the send queue of a session */
};

void sio__replay_set_start_to_newest_event(struct replay *p, const struct replay_log *log) {
  p->start = p->last_sent = log->seq;
}

void sio__replay_set_leave_to_newest_event(struct replay *p, const struct replay_log *log) {
  p->from = p->seq_at_leave = log->seq;
}

void sio__replay_free_missed_events(struct replay *p) {
  struct missed_events *m = p->missed;
  p->missed = NULL;
  if (!m) return;
  for (uint32_t i = 0; i < m->n; i++) msg_unref(m->msgs[i]);
  sio__free(m->msgs);
  sio__free(m);
}

/* ---- where to begin ------------------------------------------------------------------------- */

/* Handles an offset that another log has made, for example that of another thread. claimed is the
 * event number in this offset. When the client moved from that thread to this one, the events that
 * it had missed were copied into this log, and each copy contains its number in the other log.
 * Finds the last copy that was addressed to the client and whose number in the other log is at most
 * claimed. Returns the number of this copy in this log, or p->start if there is no such copy. */
static uint64_t find_event_number_for_offset_of_other_log(const struct replay *p,
                                                          const struct replay_log *log,
                                                          sio_slice offset, uint64_t claimed,
                                                          in_room_cb in_room, const void *user) {
  uint64_t seq = p->start;
  const struct replay_log_entry *e = sio__replay_log_first_entry_after(log, seq);
  for (; e; e = sio__replay_log_next_entry(log, e))
    if (sio__is_moved_replay_entry_up_to_offset(e, offset, claimed) &&
        sio__replay_log_entry_matches_rooms(e, in_room, user))
      seq = e->seq;
  return seq;
}

/* Reads the offset that the client has sent. Sets *seq to the number, in this log, of the last
 * event that the client says it has received; to p->start if this log does not know that event.
 * Returns 0, or SIO_RECOVERY_BAD_OFFSET if the offset is invalid. */
static int find_event_number_of_client_offset(const struct replay *p, const struct replay_log *log,
                                              sio_slice offset, in_room_cb in_room,
                                              const void *user, uint64_t *seq) {
  uint64_t claimed;
  switch (sio__replay_log_parse_client_offset(log, offset, &claimed)) {
    case REPLAY_OFFSET_VALID: *seq = claimed; return 0;
    case REPLAY_OFFSET_FOREIGN:
      *seq = find_event_number_for_offset_of_other_log(p, log, offset, claimed, in_room, user);
      return 0;
    default: return SIO_RECOVERY_BAD_OFFSET;
  }
}

int sio__replay_choose_start(struct replay *p, const struct replay_log *log,
                             const sio_slice *offset, in_room_cb in_room, const void *user) {
  uint64_t seq = p->start;
  int cause = offset ? find_event_number_of_client_offset(p, log, *offset, in_room, user, &seq) : 0;
  if (cause) return cause;
  if (seq < p->start) seq = p->start;
  if (seq >= p->last_sent) seq = p->seq_at_leave;
  if (seq < log->last_dropped) return SIO_RECOVERY_LOG_GONE;
  p->from = seq;
  return 0;
}

/* ---- the missed events ---------------------------------------------------------------------- */

const struct replay_log_entry *sio__replay_find_next_missed(const struct replay *p,
                                                            const struct replay_log *log,
                                                            const struct replay_log_entry *e,
                                                            in_room_cb in_room, const void *user) {
  e = e ? sio__replay_log_next_entry(log, e) : sio__replay_log_first_entry_after(log, p->from);
  while (e && !sio__replay_log_entry_matches_rooms(e, in_room, user))
    e = sio__replay_log_next_entry(log, e);
  return e;
}

bool sio__replay_has_all_missed_events(const struct replay *p, const struct replay_log *log) {
  return p->from >= log->last_dropped && !p->lost_cause;
}

static size_t get_max_send_queue_bytes_for_replay(const sio_nsp *nsp) {
  const sio_options *o = nsp->core->opts;
  return o->queue_high ? o->queue_high : o->max_queued;
}

/* Returns the memory that a msg and its attachments take in the send queue of a session. */
static size_t get_msg_chain_queued_size(const struct msg *msg) {
  size_t n = 0;
  for (; msg; msg = msg->next) n += msg_memory_size(msg) + QUEUE_ENTRY_BYTES;
  return n;
}

static int missed_events_add_within_limit(struct missed_events *m, struct msg *msg, size_t max) {
  size_t bytes = get_msg_chain_queued_size(msg);
  if (m->queued_bytes + bytes > max) return SIO_ETOOBIG;
  if (m->n == m->cap) {
    uint32_t cap = m->cap ? m->cap * 2 : 16;
    struct msg **p = sio__realloc(m->msgs, cap * sizeof *p);
    if (!p) return UV_ENOMEM;
    m->msgs = p;
    m->cap = cap;
  }
  m->msgs[m->n++] = msg_ref(msg);
  m->queued_bytes += bytes;
  return 0;
}

int sio__replay_add_missed_event(struct replay *p, const sio_nsp *nsp, struct msg *msg) {
  if (!p->missed) p->missed = sio__calloc(1, sizeof *p->missed);
  if (!p->missed) return UV_ENOMEM;
  return missed_events_add_within_limit(p->missed, msg, get_max_send_queue_bytes_for_replay(nsp));
}

/* ---- replaying ------------------------------------------------------------------------------ */

static bool is_socket_in_room(const char *room, const void *socket) {
  const sio_socket *s = socket;
  return strcmp(room, s->id) == 0 || s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

/* The result of measure_events_to_replay(): how much the events take that a client has missed. */
struct replay_size {
  size_t queued_bytes; /* the memory that these events take in the session's send queue */
  uint64_t first_bytes, repeat_bytes; /* the new values of these fields of struct replay */
  /* The number of the last of these events in the log, or replay.from if none of them is there. */
  uint64_t last_seq;
};

static struct replay_size measure_events_to_replay(const struct replay *p,
                                                   const struct replay_log *log,
                                                   const sio_socket *s) {
  struct replay_size t = { .queued_bytes = p->missed ? p->missed->queued_bytes : 0,
                           .first_bytes = p->first_bytes,
                           .repeat_bytes = p->repeat_bytes,
                           .last_seq = p->from };
  const struct replay_log_entry *e = NULL;
  while ((e = sio__replay_find_next_missed(p, log, e, is_socket_in_room, s))) {
    uint64_t *bytes = e->seq > p->last_replayed ? &t.first_bytes : &t.repeat_bytes;
    for (const struct msg *m = e->msg; m; m = m->next) *bytes += m->len;
    t.queued_bytes += get_msg_chain_queued_size(e->msg);
    t.last_seq = e->seq;
  }
  return t;
}

/* All missed events must fit into the send queue of the session, or the peer would lose some of
 * them again; also if the answer to CONNECT, which cannot be dropped itself, makes the queue too
 * long. */
static bool fits_into_send_queue(const struct replay_size *t, const sio_socket *s) {
  return t->queued_bytes == 0 ||
         t->queued_bytes + ANSWER_BYTES <= sio__session_queue_room(s->session);
}

/* Replaying the same events again is limited too. A peer whose connection breaks
 * during a replay may return with an old offset; but a peer that did so again and again would be
 * sent megabytes for each small request. */
bool sio__replay_is_allowed(const struct replay *p, const struct replay_log *log,
                            const sio_socket *s) {
  struct replay_size t = measure_events_to_replay(p, log, s);
  return t.queued_bytes <= get_max_send_queue_bytes_for_replay(s->nsp) &&
         fits_into_send_queue(&t, s) &&
         t.repeat_bytes <= MAX_REPEATS * t.first_bytes + FREE_REPEATS;
}

static int send_missed_event(sio_socket *s, struct msg *msg) {
  int err = sio__session_send(s->session, msg, 0);
  s->nsp->events_out += !err;
  return err;
}

int sio__replay_send_missed_events(const struct replay *p, const struct replay_log *log,
                                   sio_socket *s) {
  struct replay_size t = measure_events_to_replay(p, log, s);
  int err = fits_into_send_queue(&t, s) ? 0 : SIO_EDROPPED;
  for (uint32_t i = 0; p->missed && i < p->missed->n && !err; i++)
    err = send_missed_event(s, p->missed->msgs[i]);
  const struct replay_log_entry *e = NULL;
  while (!err && (e = sio__replay_find_next_missed(p, log, e, is_socket_in_room, s)))
    err = send_missed_event(s, e->msg);
  return err;
}

void sio__replay_update_after_missed_events_sent(struct replay *p, const struct replay_log *log,
                                                 const sio_socket *s) {
  struct replay_size t = measure_events_to_replay(p, log, s);
  p->start = p->from;
  p->last_sent = t.last_seq;
  p->first_bytes = t.first_bytes;
  p->repeat_bytes = t.repeat_bytes;
  if (p->last_sent > p->last_replayed) p->last_replayed = p->last_sent;
  sio__replay_free_missed_events(p);
}
