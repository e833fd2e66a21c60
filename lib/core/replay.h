/* SPDX-License-Identifier: MIT
 *
 * replay.h - the events of one namespace that a peer may have to be sent again.
 *
 * Each gets the next number, and the offset after its arguments contains it:
 * "<tag>.<number>", the tag being this log's own. So an offset is a place in the order of
 * events, whether the event there is kept or not: who has everything up to it, and from there
 * on nothing was dropped, can be sent the rest. What is oldest is dropped first.
 */
#ifndef SIO_CORE_REPLAY_H
#define SIO_CORE_REPLAY_H

#include "base/list.h"
#include "base/msg.h"
#include "base/slice.h"
#include <sio/emit.h>

enum { REPLAY_TAG = 6, REPLAY_OFFSET_MAX = 32 };

struct replay {
  struct list entries; /* oldest first                                 */
  size_t bytes;        /* what they hold                               */
  size_t max_bytes;
  uint64_t seq;     /* the last number given out                    */
  uint64_t dropped; /* of what is numbered up to here nothing is left */
  char tag[REPLAY_TAG];
};

/* An event that is kept. */
struct replay_entry {
  struct list link;
  uint64_t seq;
  uint64_t at; /* ms, the loop's clock */
  struct msg *msg;
  size_t bytes;
  uint32_t nrooms, nexcept;
  bool everyone;
  char names[]; /* of the rooms, then of the excluded ones; each with a NUL */
};

enum replay_place {
  REPLAY_HERE,      /* *seq is the number                            */
  REPLAY_ELSEWHERE, /* an offset, of another log: says nothing here */
  REPLAY_NOWHERE    /* no offset, or one that was never given out    */
};

int sio__replay_init(struct replay *r, size_t max_bytes); /* or what the random source says */
void sio__replay_clear(struct replay *r);                 /* drops all; the numbers go on */

size_t sio__replay_write(const struct replay *r, uint64_t seq, char out[REPLAY_OFFSET_MAX]);
enum replay_place sio__replay_read(const struct replay *r, sio_slice offset, uint64_t *seq);

/* Keeps msg under its number. Without memory, or if it is too big by itself, everything is
 * dropped. */
void sio__replay_add(struct replay *r, uint64_t seq, uint64_t now, struct msg *msg,
                     const sio_target *to, const char *skip_id);
/* Removes the newest entry if it has this number, as if it had never been added. */
void sio__replay_remove_newest(struct replay *r, uint64_t seq);
void sio__replay_drop_before(struct replay *r, uint64_t ms); /* what was added earlier than that */

/* Is it meant for who is in those rooms that in_room() says? */
bool sio__replay_concerns(const struct replay_entry *e,
                          bool (*in_room)(const char *room, const void *user), const void *user);
/* The first entry after a number, or after another entry; NULL if there is none. */
const struct replay_entry *sio__replay_after(const struct replay *r, uint64_t seq);
const struct replay_entry *sio__replay_next(const struct replay *r, const struct replay_entry *e);

#endif
