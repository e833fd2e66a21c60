/* SPDX-License-Identifier: MIT
 *
 * link_types.h - struct link: one connection to Redis, and the commands that wait for it.
 */
#ifndef SIO_REDIS_LINK_TYPES_H
#define SIO_REDIS_LINK_TYPES_H

#include "base/buf.h"
#include "base/list.h"
#include "redis/reply.h"
#include "redis/url.h"
#include <sio/tls.h>
#include <uv.h>

enum link_state { LINK_DOWN, LINK_WAITING, LINK_CONNECTING, LINK_READY };

enum {
  LINK_ID = 18,       /* the size of link_expect.id: at most 16 bytes, and NULs after them */
  LINK_NO_SLOT = -1,  /* the command is never sent to another Redis server */
  LINK_ANY_SLOT = -2, /* any server of a Redis Cluster can execute the command */
  LINK_SENT_ON = -3   /* the command was taken out of this link; the reply to it is ignored */
};

struct link;

struct link_kept;

/* Says what is done with the reply to a command. */
struct link_expect {
  /* Called, on the links of a struct redis_server, with the reply, which may be an error reply, or
   * with NULL if no reply will come. May be NULL. */
  void (*on_reply)(struct link *l, const struct link_expect *expect, const redisReply *r);
  char id[LINK_ID];       /* identifies what the command was sent for */
  bool asking;            /* the command follows ASKING: its slot is still moving to this server */
  int slot;               /* a slot of the Redis Cluster, or a negative value of the enum above */
  size_t size;            /* the length of the command in bytes; set by the link */
  struct link_kept *kept; /* a copy of the command; NULL if it is never sent to another server */
};

/* A copy of a command, which is kept because the command may have to be sent to another Redis
 * server. */
struct link_kept {
  unsigned redirected; /* how many MOVED and ASK errors the command has got */
  /* These three are used only while the command is in a list, after it was taken out of a link: */
  struct list in_list;
  struct link *from;         /* the link that the command was taken out of */
  struct link_expect expect; /* expect.kept points to this struct */
  size_t n; /* the length of `bytes`, which has the command as it is written to Redis */
  char bytes[];
};

/* The functions that a link calls, on the thread of the loop. They must not free the link. */
struct link_ops {
  void (*ready)(struct link *l);
  /* Called with each reply, except those to the commands of the login. */
  void (*reply)(struct link *l, const redisReply *r);
  /* Called when the link drops a command that expects a reply and has none yet. The link frees
   * expect->kept after the call. */
  void (*lost)(struct link *l, struct link_expect *expect);
  /* Called when an attempt to connect has failed, or the connection has broken or was broken by
   * this side. The next attempt begins in wait_ms. why: one line of printable text. */
  void (*down)(struct link *l, const char *why, unsigned wait_ms);
  /* Finds the address to connect to: l->to, unless the url has a path. Returns false if the address
   * is not known yet: the attempt then waits for sio__link_connect_to_located_address(). */
  bool (*locate)(struct link *l);
  /* Checks the reply to the last command of the login. Returns NULL if this is the right server,
   * or a text for ops->down that says why it is not. */
  const char *(*greeted)(struct link *l, const redisReply *r);
  void (*tick)(struct link *l); /* called about every ping_interval_ms while READY; may be NULL */
  /* Returns true while commands must not be written. NULL: they may always be written. */
  bool (*is_held)(struct link *l);
};

struct link_options {
  struct redis_url url; /* Its hosts are ignored: the link connects to link.to, or to url.path. */
  const char *client_name;
  sio_slice greeting[4]; /* the last command of the login; empty: PING */
  unsigned ngreeting;
  unsigned connect_timeout_ms, ping_interval_ms, retry_min_ms, retry_max_ms;
  size_t max_queued, max_message, max_elements;
  const sio_tls *tls; /* the TLS configuration of a client; NULL: no TLS */
};

struct link_address {
  char host[256], port[6];
};

struct link_lookup;
struct link_socket;

struct link {
  const struct link_ops *ops;
  const struct link_options *options;
  enum link_state state;
  bool expects_replies; /* true: each reply answers the oldest command that was written */
  bool locating; /* the state is CONNECTING; sio__link_connect_to_located_address() is awaited */
  struct link_address to;
  struct link_socket *socket; /* of the current attempt or connection, or NULL; see link_socket.h */
  struct link_lookup *lookup; /* the lookup whose result is awaited, or NULL; see link_lookup.c */
  struct addrinfo *addresses, *next_address;
  uv_timer_t timer;
  struct buf out;              /* commands that are not written yet                */
  size_t max_out;              /* how many bytes of commands may be queued         */
  size_t kept;                 /* the sum of link_kept.n of the commands in `expects` */
  struct link_expect *expects; /* a ring: the commands that have no reply yet */
  /* first: index of the oldest command in `expects`; cap_expects: its capacity, a power of two */
  uint32_t first, nexpects, cap_expects;
  uint32_t nwritten; /* how many of the nexpects commands were written */
  /* how often the link has failed since it was started, or since a connection lasted longer than
   * retry_max_ms */
  unsigned failures;
  uint64_t ready_ms; /* when the state became READY */
  bool has_received; /* since the last tick of the timer, bytes came or the state became READY */
  /* ticks of the timer since READY, and successive ticks of silence: see
   * on_timer_ping_or_break_silent_link() */
  unsigned ticks, silent_ticks;
  uint64_t *unanswered; /* counts commands that were written and will get no reply; may be NULL */
  unsigned *handles;    /* counts the timer, sockets and lookups that have not ended yet */
  void (*closed)(struct link *l);
};

#endif
