/* SPDX-License-Identifier: MIT
 *
 * event.h - struct sio_event: a packet as a handler sees it, with the arguments that were decoded
 * so far.
 *
 * An event is on the stack of the function that dispatches it, and refers to bytes that belong to
 * the decoder. For a handler that finishes later, sio__event_copy_borrowed_data() copies them.
 * Pointers that its accessors have returned stay valid until sio__event_clear(), also after
 * sio_event_replace().
 */
#ifndef SIO_CORE_EVENT_H
#define SIO_CORE_EVENT_H

#include <sio/event.h>

#include "packet/packet.h"

enum { EVENT_ARENA = 256, EVENT_MEMOS = 4 };

struct event_replacement; /* arguments that replaced those of the packet */
struct event_tree;        /* a cJSON tree that an accessor returned */
struct event_block;       /* memory from the heap, used when the arena is full */

/* The decoded forms of one argument; each is NULL until the host asks for it. */
struct event_memo {
  const struct cJSON *tree;
  const char *str; /* unescaped, NUL-terminated */
  size_t len;
};

struct sio_event {
  sio_socket *socket; /* NULL for an event from another server */
  int64_t ack_id;     /* the id of the ack that the sender requests, or PACKET_NO_ID */
  bool ack_used;      /* the ack was sent, or the host has taken it with sio_event_take_ack() */
  uint32_t first_arg; /* the index of the first argument among the elements of the packet's array */
  uint32_t arena_used;
  /* The ack of an event from another server; NULL for every other event. */
  struct server_side_ack *server_side;
  struct event_replacement *replacement;
  struct event_tree *trees;
  struct event_block *blocks;
  sio_slice name;     /* unescaped, NUL-terminated, and may contain a NUL; "" for an ack */
  const char *c_name; /* name with "\xC0\x80" for each NUL; NULL if it contains none */
  struct packet packet;
  struct event_memo *more_memos;        /* for the arguments after the first EVENT_MEMOS */
  struct event_memo memos[EVENT_MEMOS]; /* for the first arguments */
  _Alignas(8) char arena[EVENT_ARENA];
};

/* Initialises e for an EVENT or ACK packet of socket s. Returns 0 or UV_ENOMEM; after an error e
 * need not be cleared. Cannot fail for an ACK. */
int sio__event_init(struct sio_event *e, sio_socket *s, const struct packet *packet);
void sio__event_clear(struct sio_event *e);
/* Copies all data that the event has borrowed from the decoder; the pointer to the socket stays as
 * it is. Returns 0 or UV_ENOMEM. */
int sio__event_copy_borrowed_data(struct sio_event *e);
/* True after sio__event_copy_borrowed_data(). */
static inline bool sio__event_is_copied(const struct sio_event *e) { return !e->packet.nsp.p; }
/* Returns the memory of the copies that sio__event_copy_borrowed_data() has made, and of arguments
 * that the host has set. */
size_t sio__event_copies_memory_size(const struct sio_event *e);

#endif
