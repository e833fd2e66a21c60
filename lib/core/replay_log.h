/* SPDX-License-Identifier: MIT
 *
 * replay_log.h - the replay log of one namespace: its recent events, which clients that lost their
 * connection may have missed.
 *
 * The events are numbered. Clients get the offset of an event as its last argument:
 * "<tag>.<number>", where the tag identifies this log. So an offset is a position in the order of
 * events, whether the event with that number is still kept or not. A client that has received all
 * events up to an offset can be sent the rest if no event after the offset was dropped. The oldest
 * events are dropped first.
 */
#ifndef SIO_CORE_REPLAY_LOG_H
#define SIO_CORE_REPLAY_LOG_H

#include "base/list.h"
#include "base/msg.h"
#include "base/slice.h"
#include <sio/emit.h>

enum { REPLAY_TAG_LEN = 6, REPLAY_OFFSET_MAX = 32 };

struct replay_log {
  struct list entries; /* oldest first */
  size_t bytes;        /* memory of all entries, including their messages */
  size_t max_bytes;
  uint64_t seq;          /* the number of the newest event */
  uint64_t last_dropped; /* events up to this number may have been dropped */
  char tag[REPLAY_TAG_LEN];
};

struct replay_log_entry {
  struct list link;
  uint64_t seq;
  uint64_t added_ms; /* the loop's clock */
  struct msg *msg;
  /* The next two fields are used to send the event to the server of another thread, and are set
   * only if there are several threads. text is the event as JSON if a custom parser has made msg;
   * otherwise NULL, because msg is JSON. */
  struct msg *text;
  uint32_t offset_len; /* length of the offset at the end of the JSON, with comma and quotes */
  /* If the event has moved here from the log of another thread, with the recovery record of a
   * client that missed it: the tag of that log, and the event's number in that log. Otherwise 0. */
  char former_tag[REPLAY_TAG_LEN];
  uint64_t former_seq;
  size_t bytes;
  uint32_t nrooms, nexcept;
  bool to_all; /* the event was sent to all sockets of the namespace, not to rooms */
  /* The rooms, the excluded rooms, and the id of an excluded socket; each with a NUL. */
  char names[];
};

/* The kinds of offsets that sio__replay_log_parse_client_offset() tells apart. */
enum replay_offset_kind {
  REPLAY_OFFSET_VALID, /* the offset belongs to this log, and its number is not too high */
  /* The offset belongs to another log, for example to that of another server. */
  REPLAY_OFFSET_FOREIGN,
  /* The offset is malformed; or it belongs to this log, and its number is higher than that of the
   * newest event. */
  REPLAY_OFFSET_INVALID
};

/* Makes *log an empty log with a random tag, with which each offset of this log begins. Returns 0,
 * or the error of the random source. */
int sio__replay_log_init(struct replay_log *log, size_t max_bytes);
/* Drops all events. Their numbers are not used again. */
void sio__replay_log_clear(struct replay_log *log);

/* Writes the offset of event seq, without a NUL, and returns the length of the offset. */
size_t sio__replay_log_format_event_offset(const struct replay_log *log, uint64_t seq,
                                           char out[REPLAY_OFFSET_MAX]);
enum replay_offset_kind sio__replay_log_parse_client_offset(const struct replay_log *log,
                                                            sio_slice offset, uint64_t *seq);

/* Adds event seq to the log, and a reference to msg. Drops the oldest events if the log exceeds
 * max_bytes. If memory runs out, or the event alone exceeds max_bytes, drops this event and all
 * others, so that no event is missing between others. skip_id is the id of a socket that the event
 * is not for, or NULL. */
void sio__replay_log_add_event(struct replay_log *log, uint64_t seq, uint64_t now_ms,
                               struct msg *msg, const sio_target *to, const char *skip_id);
/* If the newest entry is event seq: sets its fields text and offset_len. Adds a reference to text,
 * which may be NULL. Drops the oldest events if the log then exceeds max_bytes. */
void sio__replay_log_set_text_of_newest_event(struct replay_log *log, uint64_t seq,
                                              struct msg *text, uint32_t offset_len);
/* If the newest entry is event seq: sets its fields former_tag and former_seq, which say what its
 * offset was in the log of another thread, from which the event has moved here. */
void sio__replay_log_set_former_offset_of_newest(struct replay_log *log, uint64_t seq,
                                                 const char *tag, uint64_t former_seq);
/* offset was sent by a client, and number is the event number in it. True if e has moved here from
 * the log that made this offset, and the number of e in that log (e->former_seq) is at most number:
 * then e is not later than the event of the offset. */
bool sio__is_moved_replay_entry_up_to_offset(const struct replay_log_entry *e, sio_slice offset,
                                             uint64_t number);
/* If the newest entry is event seq: removes it. Its number is not used again. */
void sio__replay_log_remove_event_if_newest(struct replay_log *log, uint64_t seq);
/* Drops the events that were added before the time ms of the loop's clock. */
void sio__replay_log_drop_older_than(struct replay_log *log, uint64_t ms);

/* Returns true if a socket, a possible receiver of the event, is in the room. `user` says which
 * socket. */
typedef bool (*in_room_cb)(const char *room, const void *user);
/* Returns true if the event was addressed to the socket that in_room() and user stand for. */
bool sio__replay_log_entry_matches_rooms(const struct replay_log_entry *e, in_room_cb in_room,
                                         const void *user);
/* Returns the oldest entry whose number is greater than seq, or NULL. */
const struct replay_log_entry *sio__replay_log_first_entry_after(const struct replay_log *log,
                                                                 uint64_t seq);
/* Returns the entry after e, or the first one if e is NULL. Returns NULL after the last one. */
const struct replay_log_entry *sio__replay_log_next_entry(const struct replay_log *log,
                                                          const struct replay_log_entry *e);

#endif
