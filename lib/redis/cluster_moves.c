/* SPDX-License-Identifier: MIT
 *
 * cluster_moves.c - the commands of a slot that moves to another server of a Redis Cluster. They
 * follow the slot, in most cases in the same order:
 *
 * - Commands that were not written yet are taken out of the queue of the old server, and are queued
 *   at the new one.
 * - Commands that were written, and have no reply yet, may be executed by the old server. Those
 *   that it refuses with MOVED are queued at the new one. Other commands wait until the replies
 *   have come, for at most OWED_MS at a time.
 *
 * A command that cannot be queued is dropped.
 */
#include "redis/context.h"

#include "base/err.h"
#include "base/mem.h"

enum { OWED_MS = 1000 };

/* ---- sending again --------------------------------------------------------------------------- */

static void cluster_drop_command_and_report(sio_redis *r, struct link_kept *k, int err) {
  list_remove(&k->in_list);
  sio__redis_count_and_log_dropped_message(r, err);
  if (k->expect.on_reply) k->expect.on_reply(k->from, &k->expect, NULL);
  sio__free(k);
}

static void cluster_requeue_command_at_server(sio_redis *r, struct link_kept *k,
                                              struct redis_server *to, bool asking) {
  if (to) sio__link_start_connecting_if_down(&to->commands);
  int err = to ? sio__link_requeue_command(&to->commands, k, asking) : UV_ENOTCONN;
  if (err) cluster_drop_command_and_report(r, k, err);
}

/* Queues each command of the list for the server that has the slot of the command. The server is
 * looked up for each command again, because a command that cannot be queued is dropped, and its
 * callback may change the slot table. */
static void cluster_requeue_commands_by_slot(sio_redis *r, struct list *list) {
  struct list *it;
  while ((it = list_first(list))) {
    struct link_kept *k = container_of(it, struct link_kept, in_list);
    cluster_requeue_command_at_server(r, k, sio__cluster_find_server_of_slot(r, k->expect.slot),
                                      false);
  }
  sio__redis_schedule_flush(r);
}

/* ---- holding commands until owed replies have come ------------------------------------------- */

/* Returns true if the command *e of the link l now belongs to another server: the one that has its
 * slot, or the default server for LINK_ANY_SLOT. Returns false for a command that follows ASKING:
 * the server of l may have the command's key already, although it does not have the slot yet. */
static bool has_slot_of_command_moved(struct link *l, const struct link_expect *e, int slot) {
  (void)slot;
  struct redis_server *p = sio__redis_server_of_link(l);
  struct redis_server *now = sio__cluster_find_server_of_slot(p->redis, e->slot);
  return !e->asking && now && now != p;
}

static bool update_owed_replies_of_server(struct redis_server *p) {
  if (p->commands.state != LINK_READY || p->overdue)
    p->owed_replies = 0;
  else
    p->owed_replies =
        sio__link_count_replies_until_last_match(&p->commands, has_slot_of_command_moved);
  return p->owed_replies > 0;
}

/* The replies took too long: commands no longer wait for them. */
static void on_timer_end_command_hold(uv_timer_t *t) {
  sio_redis *r = t->data;
  r->cluster.commands_held = false;
  redis_servers_each(p, r) {
    p->overdue = p->owed_replies > 0;
    p->owed_replies = 0;
  }
  sio__redis_schedule_flush(r);
}

void sio__cluster_hold_commands_if_replies_owed(sio_redis *r) {
  struct redis_cluster *c = &r->cluster;
  bool owed = false;
  redis_servers_each(p, r) owed |= update_owed_replies_of_server(p);
  if (owed && !c->commands_held) uv_timer_start(&c->hold, on_timer_end_command_hold, OWED_MS, 0);
  if (!owed) uv_timer_stop(&c->hold);
  c->commands_held = owed;
  sio__redis_schedule_flush(r);
}

void sio__cluster_count_down_owed_replies(struct redis_server *p) {
  p->overdue = false;
  if (p->owed_replies && !--p->owed_replies) sio__cluster_hold_commands_if_replies_owed(p->redis);
}

/* ---- after a slot has moved ------------------------------------------------------------------ */

static bool is_command_of_slot_without_asking(struct link *l, const struct link_expect *e,
                                              int slot) {
  (void)l;
  return !e->asking && e->slot == slot;
}

static void cluster_take_unwritten_commands_of_moved_slots(sio_redis *r, struct list *list) {
  redis_servers_each(p, r)
      sio__link_move_matching_unwritten_to_list(&p->commands, LINK_NO_SLOT,
                                                has_slot_of_command_moved, list);
}

void sio__cluster_requeue_commands_of_moved_slots(sio_redis *r) {
  struct list list;
  list_init(&list);
  cluster_take_unwritten_commands_of_moved_slots(r, &list);
  cluster_requeue_commands_by_slot(r, &list);
  sio__cluster_hold_commands_if_replies_owed(r);
}

static bool pick_every_command(struct link *l, const struct link_expect *e, int slot) {
  (void)l, (void)e, (void)slot;
  return true;
}

void sio__cluster_requeue_unwritten_of_server(struct redis_server *p) {
  struct list list;
  list_init(&list);
  sio__link_move_matching_unwritten_to_list(&p->commands, LINK_NO_SLOT, pick_every_command, &list);
  cluster_requeue_commands_by_slot(p->redis, &list);
}

/* Queues commands of the slot for the new server `to` in this order: *e, then the other commands of
 * l, the link to the old server, then those that `to` has not written yet. The last ones are taken
 * out of the queue of `to` first, because they are newer than the commands of the old server. */
void sio__cluster_resend_after_moved(struct link *l, const struct link_expect *e, int slot,
                                     struct redis_server *to) {
  sio_redis *r = to->redis;
  struct list first, others;
  list_init(&first);
  list_init(&others);
  sio__link_save_command_in_list(l, e, &first);
  if (&to->commands != l) {
    sio__link_move_commands_of_slot_to_list(l, slot, &others);
    sio__link_move_matching_unwritten_to_list(&to->commands, slot,
                                              is_command_of_slot_without_asking, &others);
  }
  cluster_take_unwritten_commands_of_moved_slots(r, &others);
  cluster_requeue_command_at_server(r, e->kept, to, false);
  cluster_requeue_commands_by_slot(r, &others);
  sio__cluster_hold_commands_if_replies_owed(r);
}

void sio__cluster_resend_after_ask(struct link *l, const struct link_expect *e,
                                   struct redis_server *to) {
  struct list list;
  list_init(&list);
  sio__link_save_command_in_list(l, e, &list);
  cluster_requeue_command_at_server(to->redis, e->kept, to, true);
  sio__redis_schedule_flush(to->redis);
}
