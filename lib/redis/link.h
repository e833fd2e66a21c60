/* SPDX-License-Identifier: MIT
 *
 * link.h - one connection to Redis, made again whenever it breaks.
 *
 *   DOWN --- sio__link_start_connecting_if_down() ---> WAITING (no delay)
 *   WAITING --- the delay is over ---> CONNECTING (locate, connect, log in)
 *   CONNECTING --- success ---> READY
 *   CONNECTING, READY --- failure ---> WAITING (with a delay)
 *   any --- sio__link_disconnect_and_drop_commands() ---> DOWN
 *
 * Commands are queued in any state, up to a maximum, and are written together at the next
 * sio__link_flush() in the state READY. When the connection breaks, the link keeps the commands
 * that were not written yet.
 */
#ifndef SIO_REDIS_LINK_H
#define SIO_REDIS_LINK_H

#include "redis/link_queue.h"
#include "redis/link_types.h"

/* The link increments *handles for its timer, and for each of its sockets and lookups. When one of
 * them has ended, *handles is decremented and then closed(l) is called. */
void sio__link_init(struct link *l, uv_loop_t *loop, const struct link_ops *ops,
                    const struct link_options *options, unsigned *handles,
                    void (*closed)(struct link *l));
/* Sets the most bytes of commands that the link queues; initially these are options->max_queued. */
void sio__link_set_max_queued(struct link *l, size_t bytes);
/* Sets l->to. At most 255 bytes of host and 5 bytes of port are copied. */
void sio__link_set_address(struct link *l, const char *host, const char *port);
void sio__link_start_connecting_if_down(struct link *l);
/* Continues an attempt to connect for which ops->locate has returned false. The caller has set
 * l->to. Does nothing if the link does not wait for an address. */
void sio__link_connect_to_located_address(struct link *l);
/* Closes the connection and drops all commands; the state becomes DOWN. If the state is READY,
 * first writes as much of the queued commands as the kernel takes at once. */
void sio__link_disconnect_and_drop_commands(struct link *l);
/* Stops the link and closes its handles. When a handle has closed, closed(l) is called from the
 * loop. */
void sio__link_disconnect_and_close_timer(struct link *l);

/* Writes the queued commands if the state is READY. */
void sio__link_flush(struct link *l);
/* If the state is READY, closes the connection and connects again after a delay. reason: the text
 * for ops->down. */
void sio__link_break_and_reconnect(struct link *l, const char *reason);

#endif
