/* SPDX-License-Identifier: MIT
 *
 * child.h - child namespaces (dynamic namespaces). A parent namespace, made with sio_of_match() or
 * sio_of_pattern(), accepts many names. The child namespace with such a name is created when a peer
 * sends a CONNECT packet for the name, or when the host calls sio_of_child(), or sio_of() with a
 * name that matches a pattern.
 *
 * When the last user of a child has gone (sio_nsp.users) and none of its lost sockets may still be
 * recovered (recovery.h), the child is removed at the end of the loop's turn, unless the option
 * keep_empty_nsps is set or the server is closing. The number of child namespaces is limited in
 * total, and for each address from which CONNECT packets cause their creation.
 */
#ifndef SIO_CORE_CHILD_H
#define SIO_CORE_CHILD_H

#include "core/nsp.h"
#include <sio/engine.h>

/* Creates a child namespace; no namespace may have this name yet. requester is the session on
 * which a CONNECT packet for the name arrived, or NULL if the host asked for the namespace.
 * Returns 0; UV_ENOMEM; SIO_ETOOBIG if there are max_child_nsps child namespaces, or too many of
 * them for the address of requester (check_child_nsp_limits_and_log_refusal()); SIO_ESTATE if the
 * server is closing; or the error of the adapter or of the random source. */
int sio__child_namespace_new(sio_nsp **out, sio_nsp *parent, sio_slice name,
                             const sio_session *requester);

sio_slice sio__get_map_key_of_child_nsp_counter(
    const void *item); /* the key function of core->addr_children */
void sio__child_nsp_counters_free_all(struct core *core);

#endif
