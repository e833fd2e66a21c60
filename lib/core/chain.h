/* SPDX-License-Identifier: MIT
 *
 * chain.h - runs a list of middleware functions one after the other. Each function either accepts,
 * by calling sio_next_ok(), or refuses, by calling sio_next_fail(). It may do so before it returns,
 * or later. This answer is its verdict. A refusal ends the chain. (nsp_request.c inverts the
 * answers: there an acceptance ends the chain.)
 *
 * If the verdict was given before the function returned, the chain continues or ends when the
 * function has returned; otherwise at the end of the loop's turn in which the verdict is given. So
 * sio_next_ok() and sio_next_fail() themselves never run the next middleware, and end the chain
 * only if it was abandoned.
 */
#ifndef SIO_CORE_CHAIN_H
#define SIO_CORE_CHAIN_H

#include "core/hooks.h"
#include "eio/next.h"
#include "net/loop.h"

struct chain;

/* The callbacks of a chain's owner. The three owners connect a socket (connect.c), handle an event
 * (dispatch.c), and ask parent namespaces about a name (nsp_request.c). */
struct chain_ops {
  /* Calls the middleware function of hook k, and passes it the struct sio_next with which the
   * function accepts or refuses. This is &c->next, or one of the owner's own, through which the
   * owner passes the answer on to &c->next. */
  void (*call)(struct chain *c, const struct hook *k);
  /* Called when a middleware function has returned and has neither accepted nor refused yet. The
   * function may use its arguments later, so those that point to temporary memory must be copied
   * now. */
  void (*verdict_deferred)(struct chain *c);
  /* Called inside sio_next_fail() when a middleware function refuses, unless the chain was
   * abandoned. message and data are valid only during this callback. (In nsp_request.c, where a
   * parent that accepts a name ends the chain, this is called inside sio_next_ok() instead.) */
  void (*refused)(struct chain *c, const char *message, sio_val data);
  /* Called before each middleware function, and after the last one has accepted. If it returns
   * false, for example because the socket is gone, no more functions are called, and the chain ends
   * as if all of them had accepted: with finish(c, true). */
  bool (*may_continue)(const struct chain *c);
  /* Called when the chain has ended; may free c. ok is false if a middleware function has refused,
   * or if the chain was abandoned. If the chain is abandoned while a function has still to accept
   * or refuse, finish is called later, when the function calls sio_next_ok() or sio_next_fail().
   * finish is not called inside these two calls in any other case. */
  void (*finish)(struct chain *c, bool ok);
};

enum chain_state {
  CHAIN_IDLE,     /* the chain has not been started, or has ended */
  CHAIN_CALLING,  /* a middleware function runs, and has neither accepted nor refused yet */
  CHAIN_WAITING,  /* a middleware function has returned, and has neither accepted nor refused yet */
  CHAIN_OK,       /* a middleware function has accepted, and the next one was not called yet */
  CHAIN_REFUSED,  /* a middleware function has refused, and finish() was not called yet */
  CHAIN_ABANDONED /* sio__middleware_chain_abandon() was called in state CHAIN_WAITING */
};

struct chain {
  struct sio_next next;
  struct task task;
  struct loop *loop;
  const struct chain_ops *ops;
  const struct hooks *hooks; /* the middleware functions; none is ever removed from this list */
  const struct hook *at;     /* the hook that was called last, or NULL */
  uint64_t last_number;      /* hooks with a higher number were added later and are not called */
  uint8_t state;             /* enum chain_state */
};

void sio__middleware_chain_init(struct chain *c, struct loop *loop, const struct hooks *hooks,
                                const struct chain_ops *ops);
void sio__middleware_chain_start(struct chain *c);
/* Ends a chain whose outcome is not needed any more. If the chain waits for a middleware function
 * (CHAIN_WAITING), finish(c, false) is called when that function accepts or refuses; otherwise it
 * is called at once. Must be called by the loop, not by code that the host has called. */
void sio__middleware_chain_abandon(struct chain *c);

#endif
