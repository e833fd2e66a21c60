/* SPDX-License-Identifier: MIT
 *
 * chain.h - a row of middleware that something passes, each verdict given now or
 * later.
 *
 * A verdict given while its middleware is on the stack is acted on when that
 * returns; a later one at the end of the turn. So what follows a verdict never runs
 * inside sio_next_ok() or sio_next_fail().
 */
#ifndef SIO_CORE_CHAIN_H
#define SIO_CORE_CHAIN_H

#include "core/hooks.h"
#include "eio/next.h"
#include "net/loop.h"

struct chain;

struct chain_ops {
  /* Runs one middleware, handing it &c->next. */
  void (*call)(struct chain *c, const struct hook *k);
  /* It returned without a verdict: what it was lent must be kept now. */
  void (*parked)(struct chain *c);
  /* The verdict is no. Inside sio_next_fail(): message and data are borrowed. */
  void (*refused)(struct chain *c, const char *message, sio_val data);
  /* Is anybody still interested? Asked before each middleware. */
  bool (*wanted)(const struct chain *c);
  /* The end, from the loop, or when an abandoned chain's verdict came. May free c. */
  void (*finish)(struct chain *c, bool ok);
};

enum chain_state {
  CHAIN_IDLE,     /* nothing passes                                       */
  CHAIN_CALLING,  /* a middleware is on the stack, no verdict yet         */
  CHAIN_WAITING,  /* it returned, and the host owes the verdict           */
  CHAIN_OK,       /* the verdict is there, to be acted on                 */
  CHAIN_REFUSED,  /* the same                                             */
  CHAIN_ABANDONED /* the verdict is owed still, but nobody wants it       */
};

struct chain {
  struct sio_next next;
  struct task task;
  struct loop *loop;
  const struct chain_ops *ops;
  const struct hooks *hooks; /* nothing is ever removed from them */
  const struct hook *at;
  uint64_t until; /* hooks added later are not run */
  uint8_t state;  /* enum chain_state              */
};

void sio__chain_init(struct chain *c, struct loop *loop, const struct hooks *hooks,
                     const struct chain_ops *ops);
void sio__chain_start(struct chain *c);
/* Nobody wants the outcome any more: finish(c, false) runs now, or when the verdict still
 * owed is given. From the loop only. */
void sio__chain_abandon(struct chain *c);

#endif
