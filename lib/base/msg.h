/* SPDX-License-Identifier: MIT
 *
 * msg.h - encoded bytes, counted by reference, encoded once for any number of
 * receivers.
 *
 *     struct msg | headroom, 10 bytes | text ... len | spare ... cap
 *                         ^ws_head       ^msg_data()
 *
 * A server's WebSocket frames are not masked, so the frame header is the same
 * for everyone: it is written into the headroom once (ws/frame.h) and a
 * WebSocket peer gets header and text in one piece, a polling peer the text.
 * A packet with attachments is a chain: the text first, each attachment behind
 * it; the head owns the chain, and holding a member alone is allowed.
 * Not thread-safe: a msg stays on the loop it was made on.
 */
#ifndef SIO_BASE_MSG_H
#define SIO_BASE_MSG_H

#include "base/mem.h"
#include <stdint.h>

enum { MSG_HEADROOM = 10 };

struct msg {
  struct msg *next;     /* the next attachment, owned; NULL ends the chain        */
  struct msgs *home;    /* where the block goes back to                           */
  struct msg *deflated; /* the same as a compressed WebSocket message, once made; owned */
  struct msg
      *follow; /* the one after it in runs (net/conn.h, eio/polling.c); may point to freed memory
                           unless a run holds both; NULL: in none                       */
  uint64_t serial; /* how many its home had made before                            */
  uint64_t key;    /* of the newest such events one is enough; 0: no key           */
  uint32_t refs;
  uint32_t len;    /* bytes of text                                           */
  uint32_t cap;    /* bytes of text there is room for                         */
  uint8_t ws_head; /* bytes of frame header standing before the text; 0: none */
  uint8_t binary;  /* an attachment, not text                                 */
  uint8_t raw;     /* already complete wire bytes: never framed               */
  uint8_t pooled : 1;
  uint8_t plain : 1;     /* never compressed: its sender does not want it, or it does not shrink */
  uint8_t droppable : 1; /* an event nobody waits for: may go when its peer does not read    */
  uint8_t follows : 1;   /* an attachment: shares the fate of what was queued before it      */
};

/* Small msgs are recycled, so a small event allocates nothing. One per loop. */
struct msgs {
  struct pool small; /* blocks whose cap is MSG_SMALL              */
  uint64_t made;     /* msgs, ever                                 */
  size_t bytes;      /* memory of all that there are, each once    */
};

enum { MSG_SMALL = 448 };

void sio__msgs_init(struct msgs *home);
void sio__msgs_clear(struct msgs *home);

/* A msg with room for cap bytes of text, len 0, one reference. NULL: no memory. */
struct msg *sio__msg_new(struct msgs *home, size_t cap);
struct msg *sio__msg_copy(struct msgs *home, const void *p, size_t n); /* and fill it */
/* Room for n more bytes; may move it, so only its maker calls this, before it is
 * shared. 0, UV_ENOMEM, SIO_ETOOBIG past 4 GiB; on error *m is as it was. */
int sio__msg_reserve(struct msg **m, size_t n);
int sio__msg_put(struct msg **m, const void *p, size_t n);
void sio__msg_free(struct msg *m); /* what unref does at zero */

/* Another form of the same: compressed, or as base64. */
static inline void msg_copy_drop_rules(struct msg *m, const struct msg *as) {
  m->key = as->key;
  m->droppable = as->droppable;
  m->follows = as->follows;
}

static inline char *msg_data(const struct msg *m) {
  return (char *)(uintptr_t)(m + 1) + MSG_HEADROOM;
}
/* The whole WebSocket message, once it has its header. */
static inline char *msg_frame_data(const struct msg *m) { return msg_data(m) - m->ws_head; }
static inline uint32_t msg_frame_len(const struct msg *m) { return m->ws_head + m->len; }
/* The memory that a reference keeps from being freed: a short text takes a whole block. */
static inline size_t msg_memory_size(const struct msg *m) {
  return sizeof *m + MSG_HEADROOM + m->cap;
}
/* Joins what waits into runs: may m come after `last`? The first peer that waits for both decides
 * what follows a msg. Links go from older to newer msgs, so that no run contains a msg twice. */
static inline bool msg_try_link(struct msg *last, struct msg *m) {
  if (last->follow == m) return true;
  if (last->follow || last->serial >= m->serial) return false;
  last->follow = m;
  return true;
}
/* Only what so many hold makes runs: a broadcast to a few needs none, and what is sent to one may
 * not decide what follows a msg that many wait for. */
enum { RUN_REFS = 4 };
static inline struct msg *msg_ref(struct msg *m) {
  m->refs++;
  return m;
}
static inline void msg_unref(struct msg *m) {
  if (m && --m->refs == 0) sio__msg_free(m);
}

#endif
