/* SPDX-License-Identifier: MIT
 *
 * nsp.h - struct sio_nsp, a namespace.
 *
 * A namespace lives as long as its server. But a child namespace, made for a parent (child.h), may
 * be removed when nothing uses it any more; its memory is then freed with the last reference to it.
 * The connected sockets of a namespace are its members; they are kept in one dense array, because a
 * broadcast to all of them walks that array.
 *
 * nsp_life.c creates, closes and frees namespaces; nsp_members.c keeps the members; nsp_name.c
 * checks and looks up names; nsp_hooks.c registers and runs the host's callbacks.
 */
#ifndef SIO_CORE_NSP_H
#define SIO_CORE_NSP_H

#include "base/map.h"
#include "core/hooks.h"
#include "net/loop.h"
#include <sio/adapter.h>
#include <sio/event.h>
#include <sio/nsp.h>

enum { NSP_NAME_MAX = 255 };

struct core;
struct parent_state;
struct addr_children;

struct sio_nsp {
  struct core *core;
  const sio_adapter_ops *ops;
  sio_adapter *adapter;
  struct recovery *recovery; /* NULL if the namespace has no connection state recovery */
  sio_socket **members; /* the connected sockets; each knows its index here (sio_socket.index) */
  uint32_t nmembers, members_cap;
  uint32_t nsockets; /* the number of sockets in the lists of all clients (client.sockets) */
  uint32_t nqueries;
  /* The number of references. The library holds one until it removes the namespace. Each socket,
   * and each sio_ack for an event of another server, holds one. sio_nsp_ref() adds one here and one
   * in `users`. A removed child namespace is freed when this is 0; any other namespace is freed
   * with the server, whatever the number is. */
  uint32_t refs;
  /* The number of references made with sio_nsp_ref(): for example by the host, for each socket in
   * the list of its client, and for each query. While this is not 0, a child namespace is not
   * removed (child.h). */
  uint32_t users;
  struct parent_state *as_parent; /* set only if this is a parent (parent.h) */
  sio_nsp *parent;                /* set only in a child that has not been removed */
  /* In a child that a CONNECT packet has created: the counter for the address from which that
   * packet came (child.c). NULL if that address is not an IP address, after the child was removed,
   * and in other namespaces. */
  struct addr_children *address_count;
  int64_t next_ack;    /* the next unused ack id; each query takes one, too */
  struct list queries; /* open queries, linked by sio_query.link */
  struct map by_id;    /* the members by socket id */
  struct map handlers; /* struct event_handlers by event name */
  struct hooks middleware, packet_middleware;
  struct hooks connect, disconnecting, disconnect;
  struct hooks any, outgoing, error;
  struct hooks writable, drop;
  struct hooks rooms; /* the user pointer of each hook is a struct room_hook (room_hooks.c) */
  /* Handlers for events from other servers: struct event_handlers by event name. */
  struct map server_side;
  /* Received events; and sent events, counted once for each receiver. In a parent namespace: those
   * of its removed child namespaces. */
  uint64_t events_in;
  uint64_t events_out;
  struct list sibling; /* links the children of one parent: parent_state.children */
  /* Called when a child namespace may have to be removed: `users` has become 0, or no lost socket
   * of the namespace waits any more for its client to return. NULL in other namespaces. */
  void (*on_unused)(sio_nsp *nsp);
  struct task remove_unused; /* removes a child at the end of the turn if it is still unused */
  char name[];
};

/* ---- nsp_name.c ---- */

sio_slice sio__get_map_key_of_nsp(const void *nsp); /* the key function of core->nsps */
/* Finds a namespace by its full name, which begins with '/'. Returns NULL if it does not
 * exist. Parent namespaces are not found. */
sio_nsp *sio__nsp_find(const struct core *core, sio_slice name);

bool sio__is_nsp_name_valid(sio_slice full);
/* Writes the full name of a namespace to out, with a NUL, and sets *full to it. NULL and "" become
 * "/", "chat" becomes "/chat". Returns false if the name is invalid. */
bool sio__nsp_make_and_check_full_name(char out[NSP_NAME_MAX + 1], const char *name,
                                       sio_slice *full);

/* ---- nsp_life.c ---- */

/* Allocates a namespace. It is not registered and has no adapter yet. Returns 0 or UV_ENOMEM. */
int sio__nsp_new(sio_nsp **out, struct core *core, sio_slice name, const sio_adapter_ops *ops);
/* Opens the adapter, and adds the namespace to core->nsps, so that peers can connect to it. If
 * connection state recovery is on, creates nsp->recovery first. Returns 0, UV_ENOMEM, or the error
 * of the adapter or of the random source. */
int sio__nsp_open_adapter_and_register(sio_nsp *nsp);
/* Frees nsp->recovery, and closes the adapter. All sockets must have left. */
void sio__nsp_close_adapter_and_recovery(sio_nsp *nsp);
void sio__nsp_free(sio_nsp *nsp);

/* Adds a reference that keeps the memory of the namespace and of its server. Unlike sio_nsp_ref()
 * it does not prevent the removal of a child namespace. */
void sio__nsp_and_core_ref(sio_nsp *nsp);
void sio__nsp_and_core_unref(sio_nsp *nsp);
/* Drops one reference to the namespace, but none to the server. */
void sio__nsp_unref_without_core(sio_nsp *nsp);

/* Schedules the removal of a child namespace if it has to be removed now (see child.h). Must be
 * called when nsp->users has become 0, and when the last lost socket of the namespace stops waiting
 * for its client to return. */
static inline void nsp_schedule_removal_if_unused(sio_nsp *nsp) {
  if (nsp->on_unused) nsp->on_unused(nsp);
}

/* The counters of a namespace, for statistics. The counters of child namespaces are reported as
 * part of their parent's, because peers choose the names of child namespaces, and there may be too
 * many to report each one. */
struct nsp_stats {
  uint64_t sockets, rooms, events_in, events_out;
};

/* Adds the counters of nsp to *st. The counters of a parent namespace are those of its removed
 * child namespaces; see also sio__parent_add_children_to_stats(). */
void sio__nsp_add_to_stats(struct nsp_stats *st, const sio_nsp *nsp);

/* Implements sio_adapter_api.has_threads. */
bool sio__nsp_server_is_one_of_several_threads(const sio_nsp *nsp);

/* ---- nsp_members.c ---- */

sio_slice sio__get_map_key_of_nsp_socket(const void *socket);   /* the key function of nsp->by_id */
int sio__nsp_add_connected_socket(sio_nsp *nsp, sio_socket *s); /* 0 or UV_ENOMEM */
void sio__nsp_remove_connected_socket(sio_nsp *nsp, sio_socket *s);

/* ---- nsp_hooks.c ---- */

void sio__nsp_hooks_init(sio_nsp *nsp);
void sio__nsp_hooks_clear(sio_nsp *nsp);
/* Copies all callbacks of `from` to nsp. Returns 0 or UV_ENOMEM; after an error, nsp may have
 * copies of some callbacks. */
int sio__nsp_copy_hooks(sio_nsp *nsp, const sio_nsp *from);
/* Adds the host's callback fn for events of this name. handlers is nsp->handlers for events of
 * peers, or nsp->server_side for events of other servers. Returns 0, UV_EINVAL or UV_ENOMEM. */
int sio__nsp_add_event_handler(struct map *handlers, const char *event, hook_fn fn, void *user);

/* Each sio__nsp_run_...() function runs the host's callbacks of one kind, in the order in which
 * they were added. Those for catch-all hooks, event handlers and writable hooks stop after a
 * callback that has ended s or its session; s has to be connected when they are called. */
void sio__nsp_run_event_handlers(sio_nsp *nsp, sio_socket *s, sio_event *e, sio_slice name);
/* The event comes from another server; no socket belongs to it. */
void sio__nsp_run_server_side_handlers(sio_nsp *nsp, sio_event *e);
void sio__nsp_run_catch_all_hooks(sio_nsp *nsp, sio_socket *s, sio_event *e);
void sio__nsp_run_connect_hooks(sio_nsp *nsp, sio_socket *s);
/* Runs the callbacks in h, which is nsp->disconnecting or nsp->disconnect. */
void sio__nsp_run_disconnect_hooks(struct hooks *h, sio_socket *s, const sio_close_info *why);
void sio__nsp_run_error_hooks(sio_nsp *nsp, sio_socket *s, const sio_error_info *info);
void sio__nsp_run_writable_hooks(sio_nsp *nsp, sio_socket *s);
void sio__nsp_run_drop_hooks(sio_nsp *nsp, sio_socket *s, const sio_drop *d);
void sio__nsp_run_outgoing_hooks(sio_nsp *nsp, sio_socket *s, const char *event, sio_args args);
void sio__nsp_run_namespace_created_hooks(sio_nsp *nsp);
void sio__nsp_run_namespace_removed_hooks(sio_nsp *nsp);

#endif
