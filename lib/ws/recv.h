/* SPDX-License-Identifier: MIT
 *
 * recv.h - the receiving half of a WebSocket: bytes in, messages out (RFC 6455
 * sections 5 to 8), with wslay's frame layer reading the frames.
 *
 * A wslay context is over 4 KiB, so a connection holds one only while a frame's payload
 * is incomplete: contexts come from a pool per loop and go back at every frame boundary,
 * and a header that comes in pieces waits in the struct. The message buffer exists only
 * while a message is incomplete, and is never more than 64 KiB ahead of what has come; a
 * message that comes out of wslay in one piece is handed on where it lies.
 *
 * A compressed message (RFC 7692) is kept as it comes and inflated when it is whole, by the one
 * inflater that the pool has, into a buffer that lives until the message is handed on: so
 * what a peer makes us hold is what it has sent, and never more than max_message twice.
 *
 * Who checks what: here masks, reserved bits and opcodes, the order of fragments, limits,
 * UTF-8 and close codes; wslay the rules of control frames and the shortest length.
 */
#ifndef SIO_WS_RECV_H
#define SIO_WS_RECV_H

#include "base/buf.h"
#include "base/deflate.h"
#include "base/utf8.h"
#include "ws/frame.h"

struct ws_recv;

struct ws_recv_ops {
  /* A whole message, text already valid UTF-8. The bytes are borrowed and may be changed. The
   * callee may close the connection, which it tells by the return value: false stops reading
   * for good. */
  bool (*message)(struct ws_recv *r, bool binary, char *p, size_t n);
  bool (*ping)(struct ws_recv *r, const char *p, size_t n); /* n <= 125; answer with a pong     */
  bool (*pong)(struct ws_recv *r, const char *p, size_t n);
  /* The close frame: code 1005 when it had none; reason is valid UTF-8. Reading is over. */
  void (*close)(struct ws_recv *r, unsigned code, const char *reason, size_t n);
  /* The peer broke the rules: close with this code (1002, 1007, 1008, 1009, or 1011 when we are
   * out of memory). detail is static. Reading is over. */
  void (*fail)(struct ws_recv *r, unsigned code, const char *detail);
  /* A message was inflated, to so many bytes more than came. As `message`: false stops reading for
   * good. May be NULL. */
  bool (*inflated)(struct ws_recv *r, size_t more);
};

/* wslay contexts at rest, shared by all connections of a loop. */
struct ws_pool;
struct ws_pool *sio__ws_pool_new(void); /* NULL: no memory */
void sio__ws_pool_free(struct ws_pool *p);
struct deflate_count sio__ws_pool_inflate_stats(const struct ws_pool *p);

struct ws_limits {
  size_t max_message;     /* a message's bytes; checked on the frame header, before any is kept,
                             and once more while inflating */
  unsigned max_fragments; /* frames a message may come in                                       */
  size_t max_unjoined;    /* a message's bytes, from a peer that is not known yet               */
};

enum { WS_RECV_HEADER = 14 }; /* the longest frame header a client can send */

/* What all that are received alike share. */
struct ws_recv_shared {
  const struct ws_recv_ops *ops;
  struct ws_pool *pool;
  struct ws_limits limits;
};

struct ws_recv {
  uint8_t opcode : 4;           /* of the message under way, 0: none                      */
  bool ended : 1;               /* nothing more is read                                   */
  bool deflate_agreed : 1;      /* the peer may send compressed messages: set by the owner */
  bool compressed : 1;          /* the message under way is one                           */
  bool unjoined : 1;            /* limits.max_unjoined holds: set by the owner             */
  bool paused : 1;              /* set by the owner: no message more is taken for now     */
  uint8_t head_n;               /* bytes in head                                          */
  uint8_t head[WS_RECV_HEADER]; /* of a frame whose header is not whole yet      */
  utf8_state utf8;
  uint32_t fragments;
  const struct ws_recv_shared *shared;
  struct ws_ctx *ctx; /* borrowed from the pool while inside a frame, else NULL */
  struct buf *msg;    /* the message so far; NULL between messages              */
};

void sio__ws_recv_init(struct ws_recv *r, const struct ws_recv_shared *shared);
/* Bytes from the peer; after close, fail or a false they are ignored. Once a callback said
 * that reading is over, r is not touched again. Answers how many bytes at the end were not used,
 * since the owner set r->stop. */
size_t sio__ws_recv_feed(struct ws_recv *r, const char *p, size_t n);
/* Something of a frame or of a message has come, and the rest is missing. */
static inline bool ws_recv_is_incomplete(const struct ws_recv *r) {
  return r->opcode || r->ctx || r->head_n;
}
/* Gives everything back and reads no more. Allowed inside a callback (which then says false):
 * the bytes it was given stay until it returns. */
void sio__ws_recv_clear(struct ws_recv *r);

#endif
