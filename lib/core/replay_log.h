/* SPDX-License-Identifier: MIT
 *
 * replay_log.h - recent events of one namespace, which returning sockets may have missed.
 *
 * The events are numbered. Clients get the offset of an event as its last argument:
 * "<tag>.<number>", where the tag identifies this log. So an offset is a position in the order of
 * events, whether that event is still kept or not. A client that has received all events up to an
 * offset can be sent the rest if no event after the offset was dropped. The oldest events are
 * dropped first.
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
  /* For the servers of other threads: the event as JSON, if a custom parser made msg, otherwise
   * NULL; and the length of the offset in that JSON, with a comma and two quotes. */
  struct msg *text;
  uint32_t offset_len;
  /* The offset that the event had in the log of another thread, if it moved here with a client. */
  char former_tag[REPLAY_TAG_LEN]; /* zeros: none */
  uint64_t former_seq;
  size_t bytes;
  uint32_t nrooms, nexcept;
  bool to_all; /* the event was sent to all sockets of the namespace, not to rooms */
  char names
      []; /* the rooms, then the excluded rooms and the id of an excluded socket; each with a NUL */
};

enum replay_offset_kind {
  REPLAY_OFFSET_VALID, /* the offset belongs to this log */
  /* The offset belongs to another log, for example to that of another server. */
  REPLAY_OFFSET_FOREIGN,
  REPLAY_OFFSET_INVALID /* the offset is malformed, or no event has its number */
};

/* Returns 0, or the error of the random source. */
int sio__replay_log_init(struct replay_log *log, size_t max_bytes);
/* Drops all entries; their numbers are not used again. */
void sio__replay_log_clear(struct replay_log *log);

/* Writes the offset of the event with this number, without a NUL, and returns its length. */
size_t sio__replay_log_write_offset(const struct replay_log *log, uint64_t seq,
                                    char out[REPLAY_OFFSET_MAX]);
enum replay_offset_kind sio__replay_log_read_offset(const struct replay_log *log, sio_slice offset,
                                                    uint64_t *seq);

/* Adds an event and keeps a reference to msg. If there is no memory, or the event alone exceeds
 * max_bytes, all entries are dropped, so that the log has no gap. skip_id is the id of a socket
 * that is excluded, or NULL. */
void sio__replay_log_add(struct replay_log *log, uint64_t seq, uint64_t now_ms, struct msg *msg,
                         const sio_target *to, const char *skip_id);
/* Sets the fields text and offset_len of the newest entry, if it has this number. Takes a reference
 * to text, which may be NULL. */
void sio__replay_log_set_newest_text(struct replay_log *log, uint64_t seq, struct msg *text,
                                     uint32_t offset_len);
/* Sets the offset that the newest entry had in the log of another thread. */
void sio__replay_log_set_newest_former_offset(struct replay_log *log, uint64_t seq, const char *tag,
                                              uint64_t former_seq);
/* True if the entry has moved here from another log, and its offset there was this one or an
 * earlier one. */
bool sio__is_replay_entry_up_to_former_offset(const struct replay_log_entry *e, sio_slice offset,
                                              uint64_t former_seq);
/* Removes the newest entry if it has this number, as if it had never been added. */
void sio__replay_log_remove_newest(struct replay_log *log, uint64_t seq);
/* Drops the entries that were added before the time ms. */
void sio__replay_log_drop_older_than(struct replay_log *log, uint64_t ms);

/* Says whether the receiver *user is in a room. */
typedef bool (*in_room_cb)(const char *room, const void *user);
/* True if the event was addressed to a socket; in_room() says whether that socket is in a room. */
bool sio__replay_log_entry_matches_rooms(const struct replay_log_entry *e, in_room_cb in_room,
                                         const void *user);
/* sio__replay_log_first_entry_after() returns the first entry with a greater number,
 * sio__replay_log_next_entry() the entry after e. Both return NULL at the end. */
const struct replay_log_entry *sio__replay_log_first_entry_after(const struct replay_log *log,
                                                                 uint64_t seq);
const struct replay_log_entry *sio__replay_log_next_entry(const struct replay_log *log,
                                                          const struct replay_log_entry *e);

#endif
