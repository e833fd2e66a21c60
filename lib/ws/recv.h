/* SPDX-License-Identifier: MIT
 *
 * recv.h - the receiver of a WebSocket: turns bytes into messages (RFC 6455 sections 5 to 8), with
 * the frame layer of wslay.
 *
 * A wslay context takes more than 4 KiB, so a connection has one only while it receives a frame.
 * Contexts come from a server's pool and, if it has room, return to it at the end of each frame; an
 * incomplete header is kept in struct ws_recv. The message buffer is freed after each message, and
 * is at most 64 KiB larger than what was received. A message that wslay returns in one piece needs
 * no message buffer.
 *
 * A compressed message (RFC 7692) is kept compressed until it is complete, and then inflated into a
 * buffer that is freed after its delivery. All connections share the pool's one inflater. So a peer
 * can make us hold what it has sent and the inflated message: together about twice max_message at
 * most.
 *
 * recv.c checks masks, reserved bits, opcodes, the order of fragments, limits, UTF-8 and close
 * codes. wslay checks the rules for control frames and that lengths have the shortest form.
 */
#ifndef SIO_WS_RECV_H
#define SIO_WS_RECV_H

#include "base/buf.h"
#include "base/deflate.h"
#include "base/utf8.h"
#include "ws/frame.h"

struct ws_recv;

struct ws_recv_ops {
  /* A complete message; text is valid UTF-8. The bytes are borrowed and may be modified. The
   * callee may close the connection: then it returns false, and nothing more is read. */
  bool (*message)(struct ws_recv *r, bool binary, char *p, size_t n);
  /* A ping with n <= 125 bytes was received, which is to be answered with a pong. `ping` and `pong`
   * return false under the same condition as `message`. */
  bool (*ping)(struct ws_recv *r, const char *p, size_t n);
  bool (*pong)(struct ws_recv *r, const char *p, size_t n);
  /* A close frame was received; code is 1005 if the frame has none. reason is valid UTF-8. This is
   * the last callback. */
  void (*close)(struct ws_recv *r, unsigned code, const char *reason, size_t n);
  /* The peer has violated the protocol or a limit, or memory ran out: close with this code (1002,
   * 1007, 1008, 1009, or 1011 if memory ran out). detail is static. This is the last callback. */
  void (*fail)(struct ws_recv *r, unsigned code, const char *detail);
  /* A message was inflated, and is `more` bytes longer than it was compressed; not called if it is
   * not longer. Returns false if the callback has closed the connection: then nothing more is read.
   * May be NULL. */
  bool (*inflated)(struct ws_recv *r, size_t more);
};

/* The wslay contexts that are not in use, and the inflater; all connections of a server share
 * them. */
struct ws_pool;
struct ws_pool *sio__ws_frame_parser_pool_new(void); /* NULL: no memory */
void sio__ws_frame_parser_pool_free(struct ws_pool *p);
struct deflate_count sio__ws_pool_inflate_stats(const struct ws_pool *p);

struct ws_limits {
  /* The most bytes of a message. The length in each frame header is checked before the payload is
   * stored, and the length of a compressed message again while it is inflated. */
  size_t max_message;
  unsigned max_fragments; /* the most frames of a message */
  /* The most bytes of a message from a peer that has not joined a namespace. */
  size_t max_unjoined;
};

enum { WS_RECV_HEADER = 14 }; /* the longest frame header a client can send */

/* State shared by all receivers with the same callbacks and limits. */
struct ws_recv_shared {
  const struct ws_recv_ops *ops;
  struct ws_pool *pool;
  struct ws_limits limits;
};

struct ws_recv {
  uint8_t opcode : 4; /* opcode of the message being received; 0: none */
  bool ended : 1;     /* nothing more is read; also true while `message`, `ping` or `pong` runs */
  bool deflate_agreed : 1;      /* compression was negotiated; set by the owner */
  bool compressed : 1;          /* the message being received is compressed */
  bool unjoined : 1;            /* limits.max_unjoined applies; set by the owner */
  bool paused : 1;              /* nothing more is read for now; set by the owner */
  uint8_t head_n;               /* number of bytes in head */
  uint8_t head[WS_RECV_HEADER]; /* header of the next frame, while it is incomplete */
  utf8_state utf8;
  uint32_t fragments;
  const struct ws_recv_shared *shared;
  struct ws_frame_parser *ctx; /* borrowed from the pool during a frame, otherwise NULL */
  struct buf *msg;             /* payload of the incomplete message; NULL: nothing yet */
};

void sio__ws_recv_init(struct ws_recv *r, const struct ws_recv_shared *shared);
/* Feeds received bytes. They are ignored after `close`, `fail`, or a callback that returned false;
 * r is not touched after such a callback. Returns how many bytes at the end were not consumed
 * because the owner has set r->paused. */
size_t sio__ws_recv_feed(struct ws_recv *r, const char *p, size_t n);
/* Returns true if a frame or a message has begun and is incomplete. */
static inline bool ws_recv_is_inside_frame_or_message(const struct ws_recv *r) {
  return r->opcode || r->ctx || r->head_n;
}
/* Frees everything that r owns; nothing is read afterwards. May be called inside a callback, which
 * must then return false. The bytes that were passed to that callback stay valid until it
 * returns. */
void sio__ws_recv_free_and_stop(struct ws_recv *r);

#endif
