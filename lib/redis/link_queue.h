/* SPDX-License-Identifier: MIT
 *
 * link_queue.h - the commands of a link that wait to be written, or for their replies.
 */
#ifndef SIO_REDIS_LINK_QUEUE_H
#define SIO_REDIS_LINK_QUEUE_H

#include "redis/link_types.h"

/* Queues a command of n words. expect: what is done with the reply; NULL on a link that does not
 * match replies to commands. If expect->slot is not LINK_NO_SLOT, the link keeps a copy of the
 * command in link_expect.kept. Returns 0, UV_ENOBUFS (sio__link_queued_bytes(), the words and some
 * bytes for each word are together more than l->max_out), UV_ENOMEM or another error. */
int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n);
/* Queues the command *k, which is in a list after it was taken out of this link or another one.
 * asking: sends ASKING before the command. If 0 is returned, k was removed from the list, and the
 * link owns it. Errors are those of sio__link_queue_command(). */
int sio__link_requeue_command(struct link *l, struct link_kept *k, bool asking);
/* Returns the oldest command that was written and has no reply yet; NULL if there is none. */
const struct link_expect *sio__link_first_expected_reply(const struct link *l);
/* Called when a reply has come: removes the command that the reply belongs to, which is the oldest
 * one that was written, and copies its struct link_expect to *out. The caller then owns out->kept.
 * Returns false if no written command waits for a reply. */
bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out);
/* Appends the command *e, which the caller removes from l, to the list (of struct link_kept).
 * e->kept must not be NULL. */
void sio__link_save_command_in_list(struct link *l, const struct link_expect *e, struct list *list);
/* Removes the commands of this slot from the link and appends them to the list (of struct
 * link_kept), oldest first. The replies to those that were written already are ignored when they
 * come on this link. */
void sio__link_move_commands_of_slot_to_list(struct link *l, int slot, struct list *list);
/* A callback that returns true to choose the command *e, which has a copy in e->kept.
 * sio__link_move_matching_unwritten_to_list() passes its own argument `slot` to the callback;
 * sio__link_count_replies_until_last_match() passes e->slot. */
typedef bool (*link_pick)(struct link *l, const struct link_expect *e, int slot);
/* Removes from the link the commands that were not written yet, have a copy, and for which pick()
 * returns true. Appends them to the list (of struct link_kept), oldest first. */
void sio__link_move_matching_unwritten_to_list(struct link *l, int slot, link_pick pick,
                                               struct list *list);
/* Returns how many replies must come until each written command that has a copy, and for which
 * pick() returns true, has its reply. */
uint32_t sio__link_count_replies_until_last_match(struct link *l, link_pick pick);
/* Returns how many bytes the link keeps: of commands that are not written yet, of the copies in
 * link_expect.kept, and of commands that were written but that the kernel has not taken yet. */
size_t sio__link_queued_bytes(const struct link *l);
/* Removes the commands that were queued after l->out.n was `bytes` and l->nexpects was `replies`.
 * They must not have been written, and must have no copy in `kept`. */
void sio__link_undo_queued_commands(struct link *l, size_t bytes, uint32_t replies);
/* Removes all commands, and calls ops->lost for each command to which a reply was expected. */
void sio__link_drop_all_commands(struct link *l);
/* Called when the connection is lost or closed: removes the commands that were written and wait for
 * a reply, and calls ops->lost for each. Commands that were not written stay queued. */
void sio__link_drop_written_commands(struct link *l);

#endif
