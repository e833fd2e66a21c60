/* SPDX-License-Identifier: MIT
 *
 * event.h - struct sio_event: one packet a handler looks at, and what it has asked for so far.
 *
 * It lives on the stack of whoever dispatches it and borrows the packet; sio__event_copy_borrowed()
 * makes it independent of the decoder, for handlers that finish later. What its accessors
 * hand out stays where it is until sio__event_clear(), across sio_event_replace() too.
 */
#ifndef SIO_CORE_EVENT_H
#define SIO_CORE_EVENT_H

#include <sio/event.h>

#include "packet/packet.h"

enum { EVENT_ARENA = 256, EVENT_NEAR = 4 };

struct event_own;  /* arguments that replaced those of the packet */
struct event_tree; /* a tree that was asked for                   */
struct event_block;

/* What was made of one argument. */
struct event_memo {
  const struct cJSON *tree;
  const char *str; /* unescaped, NUL-terminated */
  size_t len;
};

struct sio_event {
  sio_socket *socket;
  int64_t ack_id; /* the ack asked for, or PACKET_NO_ID */
  bool ack_used;  /* it was sent, or taken              */
  uint32_t first; /* of the packet's elements, the first that is an argument */
  uint32_t arena_used;
  struct server_side *server_side; /* another server's: where the ack goes */
  struct event_own *own;
  struct event_tree *trees;
  struct event_block *blocks;
  sio_slice name;    /* unescaped, NUL-terminated, and may hold a NUL; "" for an ack */
  const char *shown; /* the name with U+FFFD for each NUL; NULL: it holds none       */
  struct packet packet;
  struct event_memo *far, near[EVENT_NEAR]; /* of the first arguments near, of the others far */
  _Alignas(8) char arena[EVENT_ARENA];
};

/* An EVENT or an ACK of that socket. UV_ENOMEM, never for an ACK: nothing to clear. */
int sio__event_init(struct sio_event *e, sio_socket *s, const struct packet *packet);
void sio__event_clear(struct sio_event *e);
/* Copies what is still borrowed, but for the socket. UV_ENOMEM. */
int sio__event_copy_borrowed(struct sio_event *e);

#endif
