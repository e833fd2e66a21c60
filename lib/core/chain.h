/* SPDX-License-Identifier: MIT
 *
 * chain.h - runs a list of middleware functions one after the other. Each gives its verdict, yes
 * or no, while it runs or later, with sio_next_ok() or sio_next_fail().
 *
 * After a verdict that is given while the middleware runs, the chain goes on when the middleware
 * has returned; after a later one, at the end of the turn. So sio_next_ok() and sio_next_fail()
 * never run the next middleware or the end of the chain themselves.
 */
#ifndef SIO_CORE_CHAIN_H
#define SIO_CORE_CHAIN_H

#include "core/hooks.h"
#include "eio/next.h"
#include "net/loop.h"

struct chain;

struct chain_ops {
  /* Calls the middleware function of hook k. It gives its verdict through &c->next. */
  void (*call)(struct chain *c, const struct hook *k);
  /* The middleware returned without a verdict and may use its arguments later: those that point to
   * temporary memory must be copied now. */
  void (*verdict_deferred)(struct chain *c);
  /* The verdict is no. Runs inside sio_next_fail(): message and data are valid only during it. */
  void (*refused)(struct chain *c, const char *message, sio_val data);
  /* Asked before each middleware: false ends the chain, for example when the socket is gone. */
  bool (*may_continue)(const struct chain *c);
  /* The chain is over; may free c. Runs from the loop, or, if the chain was abandoned, inside the
   * sio_next_ok() or sio_next_fail() of the last verdict. */
  void (*finish)(struct chain *c, bool ok);
};

enum chain_state {
  CHAIN_IDLE,     /* the chain has not been started, or has ended */
  CHAIN_CALLING,  /* a middleware function runs and has given no verdict yet */
  CHAIN_WAITING,  /* the middleware has returned without a verdict */
  CHAIN_OK,       /* the verdict is yes, and the chain has not gone on yet */
  CHAIN_REFUSED,  /* the verdict is no, and the chain has not ended yet */
  CHAIN_ABANDONED /* sio__middleware_chain_abandon() was called before the verdict */
};

struct chain {
  struct sio_next next;
  struct task task;
  struct loop *loop;
  const struct chain_ops *ops;
  const struct hooks *hooks; /* the middleware; hooks are never removed from this list */
  const struct hook *at;     /* the middleware that was called last; NULL at the start */
  uint64_t last_number;      /* hooks with a higher number were added later and are not called */
  uint8_t state;             /* enum chain_state */
};

void sio__middleware_chain_init(struct chain *c, struct loop *loop, const struct hooks *hooks,
                                const struct chain_ops *ops);
void sio__middleware_chain_start(struct chain *c);
/* The outcome is not needed any more: finish(c, false) runs at once or, if a middleware has still
 * to give its verdict, when it does. Must be called from the loop, not from a host's call. */
void sio__middleware_chain_abandon(struct chain *c);

#endif
