/* SPDX-License-Identifier: MIT
 *
 * nsp.h - a namespace from inside: who is in it, and whom it tells.
 *
 * A namespace lives as long as its server; one that was made for a parent (dynamic.h) leaves it
 * when nobody uses it any more, and its memory goes when nobody names it. Its members, the
 * connected sockets, stand in one dense array, which is what a broadcast to everyone walks.
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

struct parent_state;
struct addr_children;

struct sio_nsp {
  struct core *core;
  const sio_adapter_ops *ops;
  sio_adapter *adapter;
  struct recovery *recovery; /* NULL: off */
  sio_socket **members;      /* connected; each knows its index */
  uint32_t nmembers, members_cap;
  uint32_t nqueries;
  uint32_t refs;                  /* on its memory: the library's one, and whoever names it */
  uint32_t users;                 /* who keeps a child: sockets, questions, the host        */
  struct parent_state *as_parent; /* NULL: no parent                                      */
  sio_nsp *parent;                /* a child's, until it is gone                          */
  struct addr_children *share;    /* for whose address it was made; NULL: nobody's */
  int64_t next_ack;               /* the id of the next ack that is asked for          */
  struct list queries;            /* sio_query.link: those that are open               */
  struct map by_id;               /* the members, by their ids       */
  struct map handlers;            /* struct handlers, by event       */
  struct hooks middleware, packet_middleware;
  struct hooks connect, disconnecting, disconnect;
  struct hooks any, outgoing, error;
  struct hooks writable, drop;
  struct hooks rooms;     /* user: a struct room_hook                    */
  struct map server_side; /* struct handlers, by event                   */
  uint64_t events_in;     /* counted; a parent's: of children that are gone */
  uint64_t events_out;
  struct list sibling; /* parent->brood->children                              */
  struct task vacate;
  char name[];
};

sio_slice sio__nsp_key(const void *nsp); /* for the server's map of them */
sio_nsp *sio__nsp_find(const struct core *core,
                       sio_slice name); /* as peers write it: with the '/' */

bool sio__nsp_name_valid(sio_slice full);
/* As peers write it: "" is "/", "chat" is "/chat". False: no name. */
bool sio__nsp_full_name(char out[NSP_NAME_MAX + 1], const char *name, sio_slice *full);

/* In no list, without an adapter. UV_ENOMEM. */
int sio__nsp_new(sio_nsp **out, struct core *core, sio_slice name, const sio_adapter_ops *ops);
/* Whatever the host wants to hear of the other, it will hear of this one. UV_ENOMEM: of some. */
int sio__nsp_copy_hooks(sio_nsp *nsp, const sio_nsp *from);
/* Peers can join from now on. UV_ENOMEM, or what the adapter says. */
int sio__nsp_open(sio_nsp *nsp);
void sio__nsp_run_new_hooks(sio_nsp *nsp);
void sio__nsp_close(sio_nsp *nsp); /* lets go of the adapter; everybody has left */
void sio__nsp_free(sio_nsp *nsp);

/* For what names it without keeping it: its memory stays, and the server's. */
void sio__nsp_memory_ref(sio_nsp *nsp);
void sio__nsp_memory_unref(sio_nsp *nsp);
void sio__nsp_drop_library_ref(sio_nsp *nsp); /* the library's own reference */

int sio__nsp_add_member(sio_nsp *nsp, sio_socket *s); /* UV_ENOMEM */
void sio__nsp_remove_member(sio_nsp *nsp, sio_socket *s);

/* Adds to one of the maps of handlers. 0, UV_EINVAL, UV_ENOMEM. */
int sio__nsp_add_handler(struct map *handlers, sio_slice event, hook_fn fn, void *user);

/* Running the host's callbacks. */
void sio__nsp_run_server_side_handlers(sio_nsp *nsp, sio_event *e); /* what another server says */
void sio__nsp_run_handlers(sio_nsp *nsp, sio_socket *s, sio_event *e, sio_slice name);
void sio__nsp_run_any_hooks(sio_nsp *nsp, sio_socket *s, sio_event *e);
void sio__nsp_run_connect_hooks(sio_nsp *nsp, sio_socket *s);
void sio__nsp_run_disconnect_hooks(struct hooks *h, sio_socket *s, const sio_close_info *why);
void sio__nsp_run_error_hooks(sio_nsp *nsp, sio_socket *s, int err, const char *message);
void sio__nsp_run_writable_hooks(sio_nsp *nsp, sio_socket *s);
void sio__nsp_run_drop_hooks(sio_nsp *nsp, sio_socket *s, const sio_drop *d);
void sio__nsp_run_outgoing_hooks(sio_nsp *nsp, sio_socket *s, const char *event, sio_args args);

/* What a namespace counts for. A child counts for its parent: peers choose the names of children,
 * and there are too many of them to be reported one by one. */
struct nsp_stats {
  uint64_t sockets, rooms, events_in, events_out;
};

/* Adds what nsp alone has counted; of a parent what its gone children have. */
void sio__nsp_stats_add(struct nsp_stats *st, const sio_nsp *nsp);

#endif
