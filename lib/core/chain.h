/* SPDX-License-Identifier: MIT
 *
 * chain.h - runs a list of middleware functions one after the other. Each function gives a verdict,
 * yes or no, with sio_next_ok() or sio_next_fail(): before it returns, or later.
 *
 * If the verdict was given before the function returned, the chain continues when it has returned;
 * otherwise it continues at the end of the loop's turn. So sio_next_ok() and sio_next_fail()
 * themselves never run the next middleware, and never end the chain.
 */
#ifndef SIO_CORE_CHAIN_H
#define SIO_CORE_CHAIN_H

#include "core/hooks.h"
#include "eio/next.h"
#include "net/loop.h"

struct chain;

struct chain_ops {
  /* Calls the middleware function of hook k, which gives its verdict through &c->next. */
  void (*call)(struct chain *c, const struct hook *k);
  /* Called when a middleware function has returned without a verdict. The function may use its
   * arguments later, so those that point to temporary memory must be copied now. */
  void (*verdict_deferred)(struct chain *c);
  /* Called when the verdict is no, from inside sio_next_fail(): message and data are valid only
   * during this call. */
  void (*refused)(struct chain *c, const char *message, sio_val data);
  /* Called before each middleware function. If it returns false, for example because the socket is
   * gone, the chain ends. */
  bool (*may_continue)(const struct chain *c);
  /* Called when the chain has ended; may free c. It is called from the loop; but if the chain was
   * abandoned, from inside the sio_next_ok() or sio_next_fail() that gives the last verdict. */
  void (*finish)(struct chain *c, bool ok);
};

enum chain_state {
  CHAIN_IDLE,     /* the chain has not been started, or has ended */
  CHAIN_CALLING,  /* a middleware function runs and has given no verdict yet */
  CHAIN_WAITING,  /* the middleware has returned without a verdict */
  CHAIN_OK,       /* the verdict is yes, and the next middleware has not been called yet */
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
/* Ends a chain whose outcome is not needed any more. finish(c, false) is called at once; but if a
 * middleware function has still to give its verdict, it is called when that function does so. Must
 * be called from the loop, not from inside a call of the host. */
void sio__middleware_chain_abandon(struct chain *c);

#endif
