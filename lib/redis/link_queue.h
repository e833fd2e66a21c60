/* SPDX-License-Identifier: MIT
 *
 * link_queue.h - the commands of a link that wait to be written, or for their replies.
 */
#ifndef SIO_REDIS_LINK_QUEUE_H
#define SIO_REDIS_LINK_QUEUE_H

#include "redis/link_types.h"

/* Queues a command of n words. expect says who gets the reply; it may be NULL on a link where no
 * replies are expected. With a slot its bytes are kept until then. 0,
 * UV_ENOBUFS (max_queued bytes wait already), or UV_ENOMEM. */
int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n);
/* Queues a command that was taken out of another link, or of this one, and takes ownership of it if
 * it succeeds. asking: after ASKING. Errors as above. */
int sio__link_requeue_command(struct link *l, struct link_kept *k, bool asking);
/* The oldest command that was written, and whose reply has not come; or NULL. */
const struct link_expect *sio__link_first_expected_reply(const struct link *l);
/* Removes the oldest command that was written, whose reply has come, and copies it to *out, with
 * what it kept. False: there is none, so the reply has not been asked for. */
bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out);
/* Takes a command that was popped to the end of the list. */
void sio__link_list_command(struct link *l, const struct link_expect *e, struct list *list);
/* Takes the commands with this slot out of the link, to the end of the list of struct link_kept,
 * oldest first. Those that were written get their replies all the same, which are ignored. */
void sio__link_take_commands_of_slot(struct link *l, int slot, struct list *list);
/* Chooses commands that have a slot; `slot` is passed on. */
typedef bool (*link_pick)(struct link *l, const struct link_expect *e, int slot);
/* The same for commands that were not written, and for which `pick` is true. */
void sio__link_take_unwritten_commands(struct link *l, int slot, link_pick pick, struct list *list);
/* How many replies have to come until all commands have theirs that were written, and for which
 * `pick` is true. */
uint32_t sio__link_count_replies_until(struct link *l, link_pick pick);
/* Bytes that the kernel has not taken, or that are kept. */
size_t sio__link_queued_bytes(const struct link *l);
/* Takes back the commands that were queued since `out` had so many bytes, and so many replies were
 * expected. None of them was written, and none is kept for its slot. */
void sio__link_undo_commands(struct link *l, size_t bytes, uint32_t replies);
/* Forgets what was queued; its replies are lost. */
void sio__link_drop_queue(struct link *l);
/* The connection is lost: the commands that were written get no reply. Commands that were not
 * written stay queued for the next connection. */
void sio__link_drop_unanswered_commands(struct link *l);

#endif
