/* SPDX-License-Identifier: MIT
 *
 * link_queue.h - the commands of a link that wait to be written, or for their replies.
 */
#ifndef SIO_REDIS_LINK_QUEUE_H
#define SIO_REDIS_LINK_QUEUE_H

#include "redis/link_types.h"

/* Queues a command of n words. expect says who gets the reply; it is NULL on the link for
 * subscriptions, where commands have no replies. With a slot its bytes are kept until then. 0,
 * UV_ENOBUFS (max_queued bytes wait already), or UV_ENOMEM. */
int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n);
/* Queues a command that another link kept; asking: after ASKING. Takes expect->kept over if it
 * succeeds. Errors as above. */
int sio__link_requeue_command(struct link *l, struct link_expect *expect, bool asking);
/* Removes the oldest expectation and copies it to *out, with what it kept. False: there is none. */
bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out);
/* Takes what is kept out of the first command with this slot that waits for its reply, whose reply
 * then interests nobody. False: there is none. */
bool sio__link_take_command_of_slot(struct link *l, int slot, struct link_expect *out);
/* Takes out all commands that were not written, oldest first; `take` owns what they kept. */
void sio__link_take_unwritten_commands(struct link *l,
                                       void (*take)(struct link *l, struct link_expect *e));
/* Bytes that the kernel has not taken, or that are kept. */
size_t sio__link_queued_bytes(const struct link *l);
/* Forgets what was queued; its replies are lost. */
void sio__link_drop_queue(struct link *l);
/* The connection is lost: the commands that were written get no reply. Commands that were not
 * written stay queued for the next connection. */
void sio__link_drop_unanswered_commands(struct link *l);

#endif
