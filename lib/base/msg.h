/* SPDX-License-Identifier: MIT
 *
 * msg.h - reference-counted encoded bytes. An event is encoded once for any number of receivers.
 *
 *   struct msg | headroom, 10 bytes | text ... len | spare ... cap
 *                       ^ws_head     ^msg_data()
 *
 * The frames of a WebSocket server are not masked, so the frame header is the same for every
 * receiver. It is written into the headroom once (ws/frame.h). A WebSocket peer gets header and
 * text in one piece, and a polling peer only the text.
 *
 * A packet with attachments is a chain of msgs: the text first, then each attachment. The first msg
 * owns the chain. A reference to a single member is allowed. Not thread-safe: a msg stays on its
 * loop.
 */
#ifndef SIO_BASE_MSG_H
#define SIO_BASE_MSG_H

#include "base/mem.h"
#include <stdint.h>

enum { MSG_HEADROOM = 10 };

struct msg {
  struct msg *next;     /* the next attachment, owned; NULL for the last one */
  struct msgs *home;    /* the allocator that owns the block */
  struct msg *deflated; /* the compressed form of the same WebSocket message, owned; or NULL */
  /* The msg that follows this one in every run (net/queue.h, eio/polling_queue.h) that contains
   * both, or NULL. If no run contains both, the other msg may have been freed. */
  struct msg *follow;
  uint64_t serial; /* how many msgs were made before this one */
  uint64_t key;    /* Of queued events with the same key only the newest is kept. 0 means no key. */
  uint32_t refs;
  uint32_t len;    /* bytes of text                                           */
  uint32_t cap;    /* capacity for text, in bytes */
  uint8_t ws_head; /* the length of the frame header before the text; 0 without one */
  uint8_t binary;  /* true for an attachment, false for text */
  uint8_t raw;     /* the bytes are sent as they are, without a frame */
  uint8_t pooled : 1;
  /* Never compressed, because the sender does not want it or it would not get smaller. */
  uint8_t plain : 1;
  uint8_t droppable : 1; /* an event without ack, which may be dropped if the peer reads slowly */
  uint8_t follows : 1;   /* an attachment, which is dropped together with the msg before it */
};

/* The allocator of msgs; each loop has one. Small msgs are reused, so that a small event allocates
 * nothing. */
struct msgs {
  struct pool small; /* blocks whose cap is MSG_SMALL              */
  uint64_t made;     /* how many msgs were made so far */
  size_t bytes;      /* the memory of all msgs */
};

enum { MSG_SMALL = 448 };

void sio__msg_allocator_init(struct msgs *home);
void sio__msg_allocator_clear(struct msgs *home);

/* Returns a msg with capacity for cap bytes of text, length 0 and one reference; or NULL if memory
 * runs out. */
struct msg *sio__msg_new(struct msgs *home, size_t cap);
/* Returns a msg that never gets a text, and that msg_memory_size() counts without room for one. */
struct msg *sio__msg_new_without_text(struct msgs *home);
/* Returns a msg whose text is a copy of the n bytes at p, with one reference; or NULL if memory
 * runs out. */
struct msg *sio__msg_from_bytes(struct msgs *home, const void *p, size_t n);
/* Makes room for n more bytes of text. The msg may be moved, so only the code that made it may call
 * this, before the msg is shared. Returns 0, UV_ENOMEM, or SIO_ETOOBIG above 4 GiB. After an error
 * *m is unchanged. */
int sio__msg_reserve(struct msg **m, size_t n);
int sio__msg_put(struct msg **m, const void *p, size_t n);
void sio__msg_free(struct msg *m); /* called by msg_unref() when the last reference is gone */

/* Copies the fields that say when a msg may be dropped. m is another form of `as`, compressed or in
 * Base64, and must be dropped under the same conditions. */
static inline void msg_copy_drop_rules(struct msg *m, const struct msg *as) {
  m->key = as->key;
  m->droppable = as->droppable;
  m->follows = as->follows;
}

static inline char *msg_data(const struct msg *m) {
  return (char *)(uintptr_t)(m + 1) + MSG_HEADROOM;
}
/* Returns the WebSocket frame of m: its header and text. The header must have been written. */
static inline char *msg_frame_data(const struct msg *m) { return msg_data(m) - m->ws_head; }
static inline uint32_t msg_frame_len(const struct msg *m) { return m->ws_head + m->len; }
/* Returns the memory that a reference to m keeps allocated. A short text takes a whole block of the
 * pool. */
static inline size_t msg_memory_size(const struct msg *m) {
  return sizeof *m + MSG_HEADROOM + m->cap;
}
/* Makes m the msg that follows `last` in runs. Returns false if another msg follows `last` already,
 * or if m is older than `last`. The first queue that contains both decides what follows. A link
 * always points from an older to a newer msg, so no run contains a msg twice. */
static inline bool msg_try_link_next(struct msg *last, struct msg *m) {
  if (last->follow == m) return true;
  if (last->follow || last->serial >= m->serial) return false;
  last->follow = m;
  return true;
}
/* A msg with fewer references is not linked into runs. A broadcast to few peers does not profit
 * from runs, and a msg for a single peer must not decide what follows a msg that many peers will be
 * sent. */
enum { RUN_REFS = 4 };
static inline struct msg *msg_ref(struct msg *m) {
  m->refs++;
  return m;
}
static inline void msg_unref(struct msg *m) {
  if (m && --m->refs == 0) sio__msg_free(m);
}

#endif
