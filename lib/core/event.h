/* SPDX-License-Identifier: MIT
 *
 * event.h - struct sio_event: an event or a reply that is passed to a callback of the host. Its
 * arguments are decoded when the callback asks for them.
 *
 * An event of a peer, without packet middleware, is on the stack of the function that dispatches
 * it, and refers to bytes that it does not own: those of the received message, or of the decoder.
 * With packet middleware the event is in a struct event_queue (dispatch.c); if the middleware
 * decides later, the borrowed bytes are copied with sio__event_copy_borrowed_data(). What the
 * accessors of an event have decoded stays valid until sio__event_clear(), also after
 * sio_event_set_name_and_args(). Pointers to borrowed bytes, such as the JSON of an argument, are
 * valid until the callback returns.
 */
#ifndef SIO_CORE_EVENT_H
#define SIO_CORE_EVENT_H

#include <sio/event.h>

#include "packet/packet.h"

enum { EVENT_ARENA = 256, EVENT_MEMOS = 4 };

struct event_replacement; /* arguments that replaced those of the packet */
struct event_tree;        /* a cJSON tree that an accessor returned */
struct event_block;       /* memory from the heap, used when the arena has too little room */

/* The decoded forms of one argument. Each is NULL until an accessor, such as sio_event_str(), has
 * made it. */
struct event_memo {
  const struct cJSON *tree;
  const char *str; /* the argument, if it is a string, unescaped and NUL-terminated */
  size_t len;
};

struct sio_event {
  /* NULL in an event of another server, of sio_event_new() and of sio_replies_event(). */
  sio_socket *socket;
  int64_t ack_id;     /* the id of the ack that the sender requests, or PACKET_NO_ID */
  bool ack_used;      /* the ack was sent, or the host has taken it with sio_event_take_ack() */
  uint32_t first_arg; /* the index of the first argument among the elements of the packet's array */
  uint32_t arena_used; /* bytes of arena that are in use */
  /* For an event that another server sent with sio_server_side_emit(): how to answer it. NULL for
   * all other events. */
  struct server_side_ack *server_side;
  struct event_replacement *replacement;
  struct event_tree *trees;
  struct event_block *blocks;
  sio_slice name;     /* unescaped, NUL-terminated, and may contain a NUL; "" for an ack */
  const char *c_name; /* name with "\xC0\x80" for each NUL; may be NULL if name contains none */
  struct packet packet;
  struct event_memo *more_memos;        /* for the arguments after the first EVENT_MEMOS */
  struct event_memo memos[EVENT_MEMOS]; /* for the first arguments */
  _Alignas(8) char arena[EVENT_ARENA];
};

/* Initialises e for an EVENT or ACK packet of socket s, which may be NULL. Returns 0 or UV_ENOMEM;
 * after an error sio__event_clear() need not be called. Never fails for an ACK packet. */
int sio__event_init(struct sio_event *e, sio_socket *s, const struct packet *packet);
void sio__event_clear(struct sio_event *e);
/* Copies the arguments of the event, with its attachments, so that the event can be used after the
 * memory from which they were borrowed is freed. Does not add a reference to the socket. Returns 0,
 * UV_ENOMEM or an error of encoding. */
int sio__event_copy_borrowed_data(struct sio_event *e);
/* For an event of a peer: true if sio__event_copy_borrowed_data() has succeeded. */
static inline bool sio__event_is_copied(const struct sio_event *e) { return !e->packet.nsp.p; }
/* Returns the memory of the copies that sio__event_copy_borrowed_data() has made, and of arguments
 * that sio_event_set_name_and_args() has set. */
size_t sio__event_copies_memory_size(const struct sio_event *e);

#endif
