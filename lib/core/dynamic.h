/* SPDX-License-Identifier: MIT
 *
 * dynamic.h - parents, and the namespaces that are made for them when a peer asks.
 *
 * A parent is a sio_nsp in no map: it holds what its children inherit, and an adapter that hands on
 * what is sent to it. A child is a namespace like any other, but that it goes, at the end of the
 * turn, when nobody uses it any more (sio_nsp.users) and nobody may come back to it (recovery.h).
 */
#ifndef SIO_CORE_DYNAMIC_H
#define SIO_CORE_DYNAMIC_H

#include "core/client.h"
#include "core/nsp.h"
#include <sio/adapter.h>

/* The first parent with a pattern that the name fits. */
sio_nsp *sio__parent_find_by_name(const struct core *core, sio_slice name);
void sio__parents_free(struct core *core);
/* Adds what the children of a parent have counted, those that are gone too. */
void sio__parent_stats_add(struct nsp_stats *st, const sio_nsp *parent);

/* There is none of that name. asker: for whose peer, NULL: the host's. UV_ENOMEM, SIO_ETOOBIG past
 * max_child_nsps or the address's share of them, SIO_ESTATE, or what the adapter says. */
int sio__child_new(sio_nsp **out, sio_nsp *parent, sio_slice name, const sio_session *asker);
sio_slice sio__addr_children_key(const void *share); /* for the server's map of them */
void sio__addr_children_free_all(struct core *core);
/* Somebody uses it less: if it is a child and this was the last, it goes at the turn's end. */
void sio__child_look(sio_nsp *nsp);
/* The adapter of a namespace that was closed, and that the host still holds. */
extern const sio_adapter_ops sio__closed_adapter;
/* The task of a deserted child. */
void sio__child_vacate(struct task *t);

/* May a namespace of that name come to be? */
bool sio__nsp_may_be_requested(const struct core *core, sio_slice name);
/* The peer wants into a namespace that there is not: goes from parent to parent, and then lets the
 * peer in, or refuses it. */
void sio__nsp_request_start(struct client *cl, sio_slice name, sio_slice auth);
/* If the peer waits for that already, a CONNECT or DISCONNECT that it sends meanwhile: see
 * sio__connect_on_second_connect() and sio__connect_withdraw(). False: it does not wait. */
bool sio__nsp_request_on_second_connect(struct client *cl, sio_slice name, sio_slice auth);
bool sio__nsp_request_withdraw(struct client *cl, sio_slice name);
/* The peer is gone. From the loop only. */
void sio__nsp_requests_abandon(struct client *cl);

#endif
