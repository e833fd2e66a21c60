/* SPDX-License-Identifier: MIT
 *
 * replay_log.h - recent events of one namespace, which returning sockets may have missed.
 *
 * Each event gets the next number. Its offset, the last argument that clients get, contains it:
 * "<tag>.<number>", where the tag identifies this log. So an offset is a position in the order of
 * events, whether that event is kept or not: a client that has all events up to an offset can be
 * sent the rest if none after the offset was dropped. The oldest events are dropped first.
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
  size_t bytes;        /* memory of all entries with their messages */
  size_t max_bytes;
  uint64_t seq;          /* the number of the newest event */
  uint64_t last_dropped; /* entries up to this number may be missing */
  char tag[REPLAY_TAG_LEN];
};

struct replay_log_entry {
  struct list link;
  uint64_t seq;
  uint64_t added_ms; /* the loop's clock */
  struct msg *msg;
  size_t bytes;
  uint32_t nrooms, nexcept;
  bool to_all;  /* the target named no rooms, so it was the whole namespace */
  char names[]; /* rooms, then excepted rooms (the skipped socket's id included), each with NUL */
};

enum replay_offset_kind {
  REPLAY_OFFSET_VALID,   /* *seq is its number */
  REPLAY_OFFSET_FOREIGN, /* it belongs to another log, such as another server's */
  REPLAY_OFFSET_INVALID  /* it is malformed, or its number was never used */
};

int sio__replay_log_init(struct replay_log *log,
                         size_t max_bytes);         /* or the random source's error */
void sio__replay_log_clear(struct replay_log *log); /* drops all entries; numbering continues */

/* Writes the offset of this number, without NUL; returns its length. */
size_t sio__replay_log_write_offset(const struct replay_log *log, uint64_t seq,
                                    char out[REPLAY_OFFSET_MAX]);
enum replay_offset_kind sio__replay_log_read_offset(const struct replay_log *log, sio_slice offset,
                                                    uint64_t *seq);

/* Keeps a reference to msg. If there is no memory, or the event alone exceeds max_bytes, all
 * entries are dropped, so that no gap remains. skip_id: the socket to leave out, or NULL. */
void sio__replay_log_add(struct replay_log *log, uint64_t seq, uint64_t now_ms, struct msg *msg,
                         const sio_target *to, const char *skip_id);
/* Removes the newest entry if it has this number, as if it had never been added. */
void sio__replay_log_remove_newest(struct replay_log *log, uint64_t seq);
void sio__replay_log_drop_older(struct replay_log *log, uint64_t ms); /* entries added before ms */

/* Is the event addressed to a socket that is in the rooms for which in_room() returns true? */
bool sio__replay_log_entry_matches(const struct replay_log_entry *e,
                                   bool (*in_room)(const char *room, const void *user),
                                   const void *user);
/* The first entry with a greater number; the next entry. NULL at the end. */
const struct replay_log_entry *sio__replay_log_after(const struct replay_log *log, uint64_t seq);
const struct replay_log_entry *sio__replay_log_next(const struct replay_log *log,
                                                    const struct replay_log_entry *e);

#endif
