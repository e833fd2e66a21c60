/* SPDX-License-Identifier: MIT
 *
 * child.h - child namespaces, which are created for a parent when a peer or the host asks for them.
 *
 * A child is a namespace like any other, but it is removed at the end of the turn in which its last
 * user leaves (sio_nsp.users), unless a socket of it may still be recovered (recovery.h). How many
 * children there may be is limited, in all and for each address whose peers ask.
 */
#ifndef SIO_CORE_CHILD_H
#define SIO_CORE_CHILD_H

#include "core/nsp.h"
#include <sio/engine.h>

/* Creates a child of a name that no namespace has yet. asker is the session whose peer asked for
 * the child; it is NULL if the host did. Errors: UV_ENOMEM; SIO_ETOOBIG, when max_child_nsps or the
 * address's part of it is reached; SIO_ESTATE; the adapter's error. */
int sio__child_namespace_new(sio_nsp **out, sio_nsp *parent, sio_slice name,
                             const sio_session *asker);

sio_slice sio__address_child_count_key(
    const void *item); /* the key function of core->addr_children */
void sio__address_child_counts_free_all(struct core *core);

#endif
