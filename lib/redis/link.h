/* SPDX-License-Identifier: MIT
 *
 * link.h - one connection to Redis, made again whenever it breaks.
 *
 *   DOWN --- sio__link_start() ---> CONNECTING (locate, resolve, connect, log in) ---> READY
 *   CONNECTING, READY --- failure ---> WAITING (longer each time) ---> CONNECTING
 *   any --- sio__link_stop() ---> DOWN
 *
 * Commands are queued in any state, up to a maximum, and are written together at the next
 * sio__link_flush(). Those that were not written yet when the connection breaks are kept.
 */
#ifndef SIO_REDIS_LINK_H
#define SIO_REDIS_LINK_H

#include "redis/link_queue.h"
#include "redis/link_types.h"

/* handles: incremented for each uv handle, decremented when it is closed, before closed runs. */
void sio__link_init(struct link *l, uv_loop_t *loop, const struct link_ops *ops,
                    const struct link_options *options, unsigned *handles,
                    void (*closed)(struct link *l));
/* At most 255 bytes of a host and 5 of a port. */
void sio__link_set_address(struct link *l, const char *host, const char *port);
void sio__link_start(struct link *l);
/* l->to is set. Ignored if the address was not asked for. */
void sio__link_resume_with_address(struct link *l);
void sio__link_stop(struct link *l);  /* What is queued is written if the kernel takes it now. */
void sio__link_close(struct link *l); /* for ever; closed follows from the loop */

/* Writes what is queued, if the link is ready. */
void sio__link_flush(struct link *l);
/* As if the connection had broken: it is made again. */
void sio__link_break_and_reconnect(struct link *l, const char *reason);

#endif
