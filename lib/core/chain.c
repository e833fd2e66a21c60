/* SPDX-License-Identifier: MIT
 *
 * chain.c - runs middleware one after the other, without recursion.
 */
#include "core/chain.h"

#include <assert.h>

static void middleware_chain_call_finish_callback(struct chain *c, bool ok) {
  c->state = CHAIN_IDLE;
  c->ops->finish(c, ok);
}

static void middleware_chain_run_until_late_verdict(struct chain *c) {
  while (c->ops->may_continue(c) &&
         (c->at = sio__hooks_next_after(c->hooks, c->at, c->last_number))) {
    c->state = CHAIN_CALLING;
    c->ops->call(c, c->at);
    if (c->state == CHAIN_CALLING) {
      c->state = CHAIN_WAITING;
      c->ops->verdict_deferred(c);
      return;
    }
    if (c->state == CHAIN_REFUSED) {
      middleware_chain_call_finish_callback(c, false);
      return;
    }
  }
  middleware_chain_call_finish_callback(c, true);
}

static void middleware_chain_resume_after_late_verdict(struct task *t) {
  struct chain *c = container_of(t, struct chain, task);
  if (c->state == CHAIN_REFUSED)
    middleware_chain_call_finish_callback(c, false);
  else
    middleware_chain_run_until_late_verdict(c);
}

static void middleware_chain_handle_verdict(struct sio_next *n, bool ok, const char *message,
                                            sio_val data) {
  struct chain *c = container_of(n, struct chain, next);
  uint8_t was = c->state;
  if (was == CHAIN_ABANDONED) {
    middleware_chain_call_finish_callback(c, false);
    return;
  }
  if (was != CHAIN_CALLING && was != CHAIN_WAITING) return;
  c->state = ok ? CHAIN_OK : CHAIN_REFUSED;
  if (!ok) c->ops->refused(c, message ? message : "", data);
  if (was == CHAIN_WAITING) sio__loop_defer(c->loop, &c->task);
}

void sio__middleware_chain_init(struct chain *c, struct loop *loop, const struct hooks *hooks,
                                const struct chain_ops *ops) {
  *c = (struct chain){
    .next.done = middleware_chain_handle_verdict, .loop = loop, .hooks = hooks, .ops = ops
  };
  task_init(&c->task, middleware_chain_resume_after_late_verdict);
}

void sio__middleware_chain_start(struct chain *c) {
  assert(c->state == CHAIN_IDLE);
  c->at = NULL;
  c->last_number = c->hooks->added;
  middleware_chain_run_until_late_verdict(c);
}

void sio__middleware_chain_abandon(struct chain *c) {
  assert(c->state != CHAIN_ABANDONED);
  if (c->state == CHAIN_WAITING) {
    c->state = CHAIN_ABANDONED;
    return;
  }
  task_cancel(&c->task);
  middleware_chain_call_finish_callback(c, false);
}
