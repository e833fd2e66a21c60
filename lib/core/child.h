/* SPDX-License-Identifier: MIT
 *
 * child.h - child namespaces, which are created for a parent namespace when a peer or the host asks
 * for them.
 *
 * A child is a namespace like any other, but it is removed at the end of the loop's turn in which
 * its last user leaves (sio_nsp.users), unless one of its sockets may still be recovered
 * (recovery.h). The number of children is limited, in total and for each address whose peers ask
 * for them.
 */
#ifndef SIO_CORE_CHILD_H
#define SIO_CORE_CHILD_H

#include "core/nsp.h"
#include <sio/engine.h>

/* Creates a child namespace; no namespace may have this name yet. asker is the session whose peer
 * asked for it, or NULL if the host did. Returns 0; UV_ENOMEM; SIO_ETOOBIG if max_child_nsps, or
 * the part of it that an address may use, is reached; SIO_ESTATE if the server is closing; or the
 * error of the adapter. */
int sio__child_namespace_new(sio_nsp **out, sio_nsp *parent, sio_slice name,
                             const sio_session *asker);

sio_slice sio__address_child_count_key(
    const void *item); /* the key function of core->addr_children */
void sio__address_child_counts_free_all(struct core *core);

#endif
