/* SPDX-License-Identifier: MIT
 *
 * link.h - one connection to Redis, made again whenever it breaks.
 *
 *   DOWN --- sio__link_start() ---> CONNECTING (resolve, connect, log in) ---> READY
 *   CONNECTING, READY --- failure ---> WAITING (longer each time) ---> CONNECTING
 *   any --- sio__link_stop() ---> DOWN
 *
 * Commands are queued in any state, up to a maximum, and are written together at the next
 * sio__link_flush(). Those that were not written yet when the connection breaks are kept.
 */
#ifndef SIO_REDIS_LINK_H
#define SIO_REDIS_LINK_H

#include "base/buf.h"
#include "base/list.h"
#include "redis/reply.h"
#include "redis/url.h"
#include <sio/tls.h>
#include <uv.h>

enum link_state { LINK_DOWN, LINK_WAITING, LINK_CONNECTING, LINK_READY };

enum { LINK_ID = 18 }; /* the longest id, with two NULs */

/* What a reply to a command is for: the id of a question, or "" for a reply nobody waits for. */
struct link_expect {
  char id[LINK_ID];
};

struct link;
/* Called from the loop only. None may free the link. */
struct link_ops {
  void (*ready)(struct link *l);
  /* A reply, not to the login. */
  void (*reply)(struct link *l, const redisReply *r);
  /* A reply that will not come. */
  void (*lost)(struct link *l, const struct link_expect *expect);
  /* The connection could not be made, or broke; an attempt follows in wait_ms. why: one clean line.
   * */
  void (*down)(struct link *l, const char *why, unsigned wait_ms);
};

struct link_options {
  struct redis_url url;
  const char *client_name;
  unsigned connect_timeout_ms, ping_interval_ms, retry_min_ms, retry_max_ms;
  size_t max_queued, max_message;
  const sio_tls *tls; /* a client's; NULL: plain */
};

struct lookup;
struct wire; /* the attempt, or the connection, that there is now */

struct link {
  const struct link_ops *ops;
  const struct link_options *options;
  enum link_state state;
  bool expects_replies; /* each command gets one reply: the link for commands */
  struct wire *wire;
  struct lookup *lookup; /* under way */
  struct addrinfo *addresses, *next_address;
  uv_timer_t timer;
  struct buf out;                        /* commands that are not written yet                */
  size_t max_out;                        /* of it, and of what the kernel has not taken */
  struct link_expect *expects;           /* a ring: of commands that have no reply yet       */
  uint32_t first, nexpects, cap_expects; /* cap: a power of two                              */
  uint32_t nwritten;                     /* of those, whose commands were written            */
  unsigned failures;                     /* since a connection lasted                        */
  uint64_t ready_ms;                     /* when it became ready                             */
  bool heard;                            /* something came since the last tick of the timer  */
  bool pinged;
  uint64_t unanswered; /* commands that were written, and got no reply before the end */
  unsigned *handles;   /* counts handles that are not closed yet */
  void (*closed)(struct link *l);
};

/* handles: incremented for each uv handle, decremented when it is closed, before closed runs. */
void sio__link_init(struct link *l, uv_loop_t *loop, const struct link_ops *ops,
                    const struct link_options *options, unsigned *handles,
                    void (*closed)(struct link *l));
void sio__link_start(struct link *l);
void sio__link_stop(struct link *l);  /* What is queued is written if the kernel takes it now. */
void sio__link_close(struct link *l); /* for ever; closed follows from the loop */

/* Queues a command of n words. expect says who gets the reply; it is NULL on the link for
 * subscriptions, where commands have no replies. 0, UV_ENOBUFS (max_queued bytes wait already), or
 * UV_ENOMEM. */
int sio__link_command(struct link *l, const struct link_expect *expect, const sio_slice *words,
                      size_t n);
void sio__link_flush(struct link *l);
/* Removes the oldest expectation and copies it to *out. False: there is none. */
bool sio__link_take_expect(struct link *l, struct link_expect *out);
/* As if the connection had broken: it is made again. */
void sio__link_break(struct link *l, const char *reason);
size_t sio__link_queued(const struct link *l); /* bytes that the kernel has not taken */
/* Forgets what was queued; its replies are lost. */
void sio__link_drop_queue(struct link *l);

#endif
