/* SPDX-License-Identifier: MIT
 *
 * chain.c - one middleware after the other, without recursion.
 */
#include "core/chain.h"

static void finish(struct chain *c, bool ok) {
  c->state = CHAIN_IDLE;
  c->ops->finish(c, ok);
}

static void go_on(struct chain *c) {
  while (c->ops->wanted(c) && (c->at = sio__hooks_next_after(c->hooks, c->at, c->until))) {
    c->state = CHAIN_CALLING;
    c->ops->call(c, c->at);
    if (c->state == CHAIN_CALLING) {
      c->state = CHAIN_WAITING;
      c->ops->parked(c);
      return;
    }
    if (c->state == CHAIN_REFUSED) {
      finish(c, false);
      return;
    }
  }
  finish(c, true);
}

static void on_task(struct task *t) {
  struct chain *c = container_of(t, struct chain, task);
  if (c->state == CHAIN_REFUSED)
    finish(c, false);
  else
    go_on(c);
}

static void on_verdict(struct sio_next *n, bool ok, const char *message, sio_val data) {
  struct chain *c = container_of(n, struct chain, next);
  uint8_t was = c->state;
  if (was == CHAIN_ABANDONED) {
    finish(c, false);
    return;
  }
  if (was != CHAIN_CALLING && was != CHAIN_WAITING) return;
  c->state = ok ? CHAIN_OK : CHAIN_REFUSED;
  if (!ok) c->ops->refused(c, message ? message : "", data);
  if (was == CHAIN_WAITING) sio__loop_defer(c->loop, &c->task);
}

void sio__chain_init(struct chain *c, struct loop *loop, const struct hooks *hooks,
                     const struct chain_ops *ops) {
  *c = (struct chain){ .next.done = on_verdict, .loop = loop, .hooks = hooks, .ops = ops };
  task_init(&c->task, on_task);
}

void sio__chain_start(struct chain *c) {
  c->at = NULL;
  c->until = c->hooks->added;
  go_on(c);
}

void sio__chain_abandon(struct chain *c) {
  if (c->state == CHAIN_WAITING) {
    c->state = CHAIN_ABANDONED;
    return;
  }
  task_cancel(&c->task);
  finish(c, false);
}
