/* SPDX-License-Identifier: MIT
 *
 * event.h - struct sio_event: a packet as a handler sees it, with the arguments decoded so far.
 *
 * An event lives on the stack of the function that dispatches it, and its bytes belong to the
 * decoder. sio__event_copy_borrowed_data() copies them, for a handler that finishes later. Pointers
 * that its accessors return stay valid until sio__event_clear(), also after sio_event_replace(). */
#ifndef SIO_CORE_EVENT_H
#define SIO_CORE_EVENT_H

#include <sio/event.h>

#include "packet/packet.h"

enum { EVENT_ARENA = 256, EVENT_MEMOS = 4 };

struct event_replacement; /* arguments that replaced those of the packet */
struct event_tree;        /* a cJSON tree that an accessor returned */
struct event_block;       /* memory from the heap, after the arena is full */

/* The decoded forms of one argument; NULL: not requested yet. */
struct event_memo {
  const struct cJSON *tree;
  const char *str; /* unescaped, NUL-terminated */
  size_t len;
};

struct sio_event {
  sio_socket *socket; /* NULL for an event from another server */
  int64_t ack_id;     /* the id of the ack that the sender requests, or PACKET_NO_ID */
  bool ack_used;      /* the ack was sent, or sio_event_take_ack() was called */
  uint32_t first_arg; /* index of the first argument among the elements of the packet's array */
  uint32_t arena_used;
  struct server_side_ack *server_side; /* for an event from another server: where the ack goes */
  struct event_replacement *replacement;
  struct event_tree *trees;
  struct event_block *blocks;
  sio_slice name;     /* unescaped, NUL-terminated, and may contain a NUL; "" for an ack */
  const char *c_name; /* name with "\xC0\x80" for each NUL; NULL if it contains none */
  struct packet packet;
  struct event_memo *more_memos;        /* of the arguments after the first EVENT_MEMOS */
  struct event_memo memos[EVENT_MEMOS]; /* of the first arguments */
  _Alignas(8) char arena[EVENT_ARENA];
};

/* Initialises e for an EVENT or ACK packet of socket s. 0 or UV_ENOMEM; after an error there is
 * nothing to clear. Never fails for an ACK. */
int sio__event_init(struct sio_event *e, sio_socket *s, const struct packet *packet);
void sio__event_clear(struct sio_event *e);
/* Copies everything that the event borrows, except the socket. 0 or UV_ENOMEM. */
int sio__event_copy_borrowed_data(struct sio_event *e);
/* True after sio__event_copy_borrowed_data(). */
static inline bool sio__event_is_copied(const struct sio_event *e) { return !e->packet.nsp.p; }
/* The size of the copies of sio__event_copy_borrowed_data(), and of arguments that the host has
 * replaced. */
size_t sio__event_copies_memory_size(const struct sio_event *e);

#endif
