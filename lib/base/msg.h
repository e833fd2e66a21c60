/* SPDX-License-Identifier: MIT
 *
 * msg.h - reference-counted encoded bytes, so that one encoding of an event serves many receivers.
 *
 *   struct msg | headroom, 10 bytes | text ... len | spare ... cap
 *                       ^ws_head     ^msg_data()
 *
 * The frames of a WebSocket server are not masked, so the frame header is the same for every
 * receiver. It is written into the headroom once (ws/frame.h). A WebSocket peer gets header and
 * text in one piece, and a polling peer only the text.
 *
 * A packet with attachments is a chain of msgs: the text first, then each attachment. Each msg owns
 * a reference to the next one, so a reference to any msg of the chain keeps those after it. Not
 * thread-safe.
 */
#ifndef SIO_BASE_MSG_H
#define SIO_BASE_MSG_H

#include "base/mem.h"
#include <stdint.h>

enum { MSG_HEADROOM = 10 };

struct msg {
  struct msg *next;     /* the next attachment of the same packet, owned; NULL in the last one */
  struct msgs *home;    /* the allocator that owns the block */
  struct msg *deflated; /* the compressed form of the same WebSocket message, owned; or NULL */
  /* The msg after this one in a run, or NULL. A run is a series of msgs that many peers are sent in
   * the same order; the queues of these peers share the links. A queue stores which of its msgs is
   * the last one of a run (net/queue.h, eio/polling_queue.h). It must not go on from that msg,
   * whose `follow` may point to a msg that was freed. */
  struct msg *follow;
  uint64_t serial; /* the number of msgs that the allocator had made before this one */
  /* A hash of the key of an event, or 0 if the event has no key. SIO_FULL_KEEP_LATEST finds with it
   * which queued events are replaced by newer ones with the same key. */
  uint64_t key;
  uint32_t refs;
  uint32_t len; /* the length of the text, in bytes */
  uint32_t cap; /* the capacity for text, in bytes */
  /* The length of the WebSocket frame header before the text; 0 if none was written. */
  uint8_t ws_head;
  /* Sent as binary data and not as text, for example an attachment. */
  uint8_t binary;
  uint8_t raw; /* the bytes are sent as they are, without a WebSocket frame */
  uint8_t pooled : 1;
  /* Is not compressed over WebSocket, for example because the sender has ruled it out or the text
   * would not become smaller. The answer to a polling GET is not compressed if all msgs in it have
   * this flag. */
  uint8_t plain : 1;
  /* May be dropped if the peer reads slowly: an event that needs no ack, or a message of a host
   * that uses Engine.IO without Socket.IO. */
  uint8_t droppable : 1;
  uint8_t follows : 1; /* an attachment that is dropped together with the msg before it */
};

/* Allocates msgs; each loop has one such allocator. The blocks of small msgs are reused, so that a
 * small event usually allocates nothing. */
struct msgs {
  struct pool small; /* blocks for MSG_SMALL bytes of text */
  uint64_t made;     /* how many msgs were made so far */
  size_t bytes;      /* the memory of all msgs that are in use */
};

enum { MSG_SMALL = 448 };

void sio__msg_allocator_init(struct msgs *home);
void sio__msg_allocator_clear(struct msgs *home);

/* Returns a msg with capacity for at least cap bytes of text, length 0 and one reference; or NULL
 * if memory runs out or cap is 4 GiB or more. */
struct msg *sio__msg_new(struct msgs *home, size_t cap);
/* Returns a msg with one reference that will never have a text, or NULL if memory runs out.
 * msg_memory_size() counts no room for text in it. */
struct msg *sio__msg_new_without_text(struct msgs *home);
/* Returns a msg whose text is a copy of the n bytes at p, with one reference; or NULL as
 * sio__msg_new() does. */
struct msg *sio__msg_from_bytes(struct msgs *home, const void *p, size_t n);
/* Makes room for n more bytes of text. The msg may move in memory, so only the code that made it
 * may call this, before any other code has a pointer to it. Returns 0; UV_ENOMEM; or SIO_ETOOBIG if
 * the text would reach 4 GiB. After an error *m is unchanged. */
int sio__msg_reserve(struct msg **m, size_t n);
/* Appends n bytes to the text. Like sio__msg_reserve(), may move the msg, and returns the same
 * values. */
int sio__msg_put(struct msg **m, const void *p, size_t n);
void sio__msg_free_with_attachments(
    struct msg *m); /* called by msg_unref() when the last reference is gone */

/* Copies the fields that determine when a msg may be dropped. m contains the same message as `as`,
 * compressed or in Base64, and must be dropped under the same conditions. */
static inline void msg_copy_drop_rules(struct msg *m, const struct msg *as) {
  m->key = as->key;
  m->droppable = as->droppable;
  m->follows = as->follows;
}

static inline char *msg_data(const struct msg *m) {
  return (char *)(uintptr_t)(m + 1) + MSG_HEADROOM;
}
/* Return the bytes and the length of the WebSocket frame of m: its header and its text. The header
 * must have been written. */
static inline char *msg_frame_data(const struct msg *m) { return msg_data(m) - m->ws_head; }
static inline uint32_t msg_frame_len_with_header(const struct msg *m) {
  return m->ws_head + m->len;
}
/* Returns how many bytes of memory m takes, without its attachments and its compressed form. Unused
 * room for text is included: a short text takes a whole block of the pool. A msg that was made with
 * sio__msg_new_without_text() is counted without any room for text. */
static inline size_t msg_memory_size(const struct msg *m) {
  return sizeof *m + MSG_HEADROOM + m->cap;
}
/* Makes `last` point to m with `follow`, so that m can come after `last` in a run (see struct msg).
 * Returns false if `last` points to another msg already, or if m is not newer than `last`. So
 * no run contains a msg twice. */
static inline bool msg_try_link_next(struct msg *last, struct msg *m) {
  if (last->follow == m) return true;
  if (last->follow || last->serial >= m->serial) return false;
  last->follow = m;
  return true;
}
/* A msg is linked after another one in a run (see struct msg) only if it has at least this many
 * references. With few receivers a run saves little. And a msg has only one successor in runs,
 * which should be one that many peers receive after it, not one for a single peer. */
enum { RUN_REFS = 4 };

static inline struct msg *msg_ref(struct msg *m) {
  m->refs++;
  return m;
}
static inline void msg_unref(struct msg *m) {
  if (m && --m->refs == 0) sio__msg_free_with_attachments(m);
}

#endif
