/* SPDX-License-Identifier: MIT
 *
 * link_lookup.h - resolves the name of a host for a link.
 */
#ifndef SIO_REDIS_LINK_LOOKUP_H
#define SIO_REDIS_LINK_LOOKUP_H

#include "redis/link_types.h"

/* Starts to resolve the host name in l->to. resolved() is called from the loop, unless
 * sio__link_cancel_lookup() is called before. If status is 0, the addresses are in l->addresses.
 * Returns 0 or an error; after an error resolved() is not called. */
int sio__link_resolve_host(struct link *l, void (*resolved)(struct link *l, int status));
void sio__link_cancel_lookup(struct link *l);
void sio__link_free_addresses(struct link *l);

#endif
