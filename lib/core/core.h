/* SPDX-License-Identifier: MIT
 *
 * core.h - struct core: the state that all namespaces of one server share.
 *
 * struct core is the first member of sio_server (server/server.h), so each can be had from the
 * other with a cast. The memory of the server is counted by references: the server holds one until
 * it has closed, and so do each socket handle and each reference to a namespace.
 */
#ifndef SIO_CORE_CORE_H
#define SIO_CORE_CORE_H

#include "base/map.h"
#include "core/hooks.h"
#include "net/loop.h"
#include "net/members.h"
#include "packet/packet.h"
#include <assert.h>
#include <sio/adapter.h>
#include <sio/server.h>

/* The adapter that connects the servers of several threads with other processes; in one of these
 * servers (sio_threads_set_adapter()). */
struct cluster_adapter {
  const sio_adapter_ops *ops; /* NULL: this server has none */
  void *user;
  sio_adapter *(*find)(const sio_nsp *nsp); /* the adapter's struct; NULL: it has been closed */
  /* Passes an event of another process to the servers of the other threads. */
  void (*relay_event)(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins);
};

struct core {
  struct log log;
  size_t refs;
  void (*free)(struct core *core); /* frees the server that contains this struct */
  bool closing;
  uint32_t nchildren; /* the number of child namespaces of all parents */
  struct loop loop;
  const sio_options *opts;
  const sio_adapter_api *adapter_api; /* what the adapters of the namespaces may call */
  sio_threads *threads;               /* the group of servers on several threads, or NULL */
  struct member_id member;            /* this server among them */
  struct cluster_adapter cluster;
  struct map nsps;          /* sio_nsp by name, without parents; only children are ever removed */
  struct map addr_children; /* struct addr_children by address (child.c) */
  struct hooks parents; /* match functions of the parents; user points to the parent's sio_nsp */
  struct hooks new_nsp; /* sio_nsp_hooks.create*/
  struct hooks removed_nsp; /* sio_nsp_hooks.remove*/
  struct decode_scratch scratch;
  struct decoder_limits limits;
  struct decoder_limits unjoined_limits; /* for a client that has joined no namespace yet */
  struct map held_events;                /* struct held_events by client */
  struct map deadlines;                  /* struct deadline by socket id (deadline.c) */
  struct list leaving;        /* sockets in state LEAVING, linked by sio_socket.leaving */
  struct task finish_leaving; /* runs the disconnect callbacks of sockets in `leaving` */
  /* Sockets that connected in this turn, linked by sio_socket.leaving. */
  struct list just_connected;
  struct task clear_just_connected;
  struct buf handshake; /* what sio_socket_handshake() returned last */
  sio_stats stats;
};

static inline struct core *core_of_server(sio_server *srv) { return (struct core *)(void *)srv; }
static inline sio_server *server_of_core(struct core *core) { return (sio_server *)(void *)core; }

/* core->log must be set already; the caller initialises core->loop afterwards. Keeps opts. */
void sio__core_init(struct core *core, const sio_options *opts, void (*free)(struct core *core));
void sio__core_clear(struct core *core);

static inline void sio__core_ref(struct core *core) { core->refs++; }

static inline void sio__core_unref(struct core *core) {
  assert(core->refs > 0);
  if (--core->refs == 0) core->free(core);
}

#endif
