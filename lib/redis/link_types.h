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
  LINK_ID = 18,       /* the longest id, with two NULs */
  LINK_NO_SLOT = -1,  /* the command goes to this server and to no other */
  LINK_ANY_SLOT = -2, /* every server of a cluster would do */
  LINK_SENT_ON = -3   /* the command went to another server, and its reply here does not count */
};

struct link;

struct link_kept;

/* The handling of the reply to a command. If all members are zero, the reply is ignored. */
struct link_expect {
  /* Called with the reply, which may be an error; with NULL if no reply will come. */
  void (*on_reply)(struct link *l, const struct link_expect *expect, const redisReply *r);
  char id[LINK_ID]; /* for `on_reply`: the id of a request */
  bool asking;      /* it was sent after ASKING, to a server that does not have its slot yet */
  int slot;         /* of a cluster; only where the link's owner keeps commands */
  size_t size;      /* of the command, in bytes; set by the link */
  struct link_kept *kept;
};

/* The bytes of a command, kept because its slot may move to another server. */
struct link_kept {
  unsigned redirected; /* how many times it was redirected */
  /* While the command is taken out of a link, and is in no other: */
  struct list in_list;
  struct link *from;
  struct link_expect expect; /* its `kept` is this struct */
  size_t n;
  char bytes[];
};

/* These are called from the loop only, and must not free the link. */
struct link_ops {
  void (*ready)(struct link *l);
  /* A reply to a command other than those of the login. */
  void (*reply)(struct link *l, const redisReply *r);
  /* The reply to this command will not come. The link does not use `expect` after the call. */
  void (*lost)(struct link *l, struct link_expect *expect);
  /* The connection could not be made, or broke. The next attempt begins in wait_ms. why: one line
   * of printable text. */
  void (*down)(struct link *l, const char *why, unsigned wait_ms);
  /* Finds the address to connect to. True: it is in l->to. False: it is not known yet, and the
   * owner calls sio__link_resume_with_address() later. */
  bool (*locate)(struct link *l);
  /* Checks the reply to options->greeting. Returns NULL, or a text if the server is not the right
   * one. */
  const char *(*greeted)(struct link *l, const redisReply *r);
  void (*tick)(struct link *l); /* called every ping_interval_ms; may be NULL */
  /* True: the owner does not want commands to be written now. NULL: never. */
  bool (*is_held)(struct link *l);
};

struct link_options {
  struct redis_url url; /* not its hosts: l->to */
  const char *client_name;
  sio_slice greeting[4]; /* the last command of the login; empty: PING */
  unsigned ngreeting;
  unsigned connect_timeout_ms, ping_interval_ms, retry_min_ms, retry_max_ms;
  size_t max_queued, max_message, max_elements;
  const sio_tls *tls; /* a client's; NULL: plain */
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
  bool expects_replies; /* each command gets one reply: the link for commands */
  bool locating;        /* CONNECTING, and waits for sio__link_resume_with_address() */
  struct link_address to;
  struct link_socket *socket; /* of this attempt, or of the connection; see link_socket.h */
  struct link_lookup *lookup; /* under way; see link_lookup.c */
  struct addrinfo *addresses, *next_address;
  uv_timer_t timer;
  struct buf out;                        /* commands that are not written yet                */
  size_t max_out;                        /* of it, of `kept`, and of what the kernel holds */
  size_t kept;                           /* bytes of commands that are kept for their replies */
  struct link_expect *expects;           /* a ring: of commands that have no reply yet       */
  uint32_t first, nexpects, cap_expects; /* cap: a power of two                              */
  uint32_t nwritten;                     /* of those, whose commands were written            */
  unsigned failures;                     /* since a connection lasted                        */
  uint64_t ready_ms;                     /* when it became ready                             */
  bool has_received;                     /* something came since the last tick of the timer  */
  unsigned ticks, silent_ticks;          /* of the timer, since READY; since something came  */
  uint64_t *unanswered; /* counts commands that were written and will get no reply; may be NULL */
  unsigned *handles;    /* counts handles that are not closed yet */
  void (*closed)(struct link *l);
};

#endif
