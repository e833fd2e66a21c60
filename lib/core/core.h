/* SPDX-License-Identifier: MIT
 *
 * core.h - struct core: the state that all namespaces of one server share.
 *
 * struct core is the first member of sio_server (server/server.h), so a pointer to one can be cast
 * to a pointer to the other. The memory of a server is reference-counted: the server itself holds
 * one reference until it has closed, each request for a namespace (nsp_request.c) holds one, and
 * each reference made with sio__nsp_and_core_ref(), for example by a socket, is another.
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

/* The adapter that connects a group of servers, one on each of several threads of this process,
 * with other processes: sio_threads_set_adapter(). At most one server of the group has this
 * adapter. The other servers send to other processes through that server. */
struct cluster_adapter {
  const sio_adapter_ops *ops; /* NULL if this server does not have the adapter */
  void *user;
  /* Returns what the adapter's open() has made for this namespace, or NULL if the adapter of the
   * namespace was closed. */
  sio_adapter *(*find)(const sio_nsp *nsp);
  /* Passes an event of sio_server_side_emit(), which has come from another process, to the servers
   * of the other threads. */
  void (*relay_event)(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins);
  /* Called when the adapter delivers an event: sends it to the sockets of the target in the servers
   * of all threads. */
  int (*deliver)(const sio_target *to, const sio_packet *p, uint64_t origin);
};

struct core {
  struct log log;
  size_t refs;
  void (*free)(struct core *core); /* frees the server that contains this struct */
  bool closing;
  uint32_t nchildren; /* the number of child namespaces of all parents */
  struct loop loop;
  const sio_options *opts;
  const sio_adapter_api *adapter_api; /* functions that adapters may call */
  sio_threads *threads;               /* the group of servers on several threads, or NULL */
  struct member_id member;            /* identifies this server within that group */
  struct cluster_adapter cluster;
  /* The namespaces (struct sio_nsp) by name, without parent namespaces. Only child namespaces are
   * removed before the server is freed. */
  struct map nsps;
  struct map addr_children; /* struct addr_children by IP address (child.c) */
  struct hooks parents; /* one hook for each parent namespace; its user pointer is the sio_nsp */
  struct hooks new_nsp; /* callbacks of sio_on_nsp(): sio_nsp_hooks.create */
  struct hooks removed_nsp; /* callbacks of sio_on_nsp(): sio_nsp_hooks.remove */
  struct decode_scratch scratch;
  struct decoder_limits limits;
  struct decoder_limits unjoined_limits; /* for a client that has joined no namespace yet */
  struct map held_events;                /* struct held_events by client */
  struct map deadlines;                  /* struct deadline by socket id (deadline.c) */
  struct list leaving;        /* sockets in state LEAVING, linked by sio_socket.core_link */
  struct task finish_leaving; /* runs the disconnect callbacks of the sockets in `leaving` */
  /* The connected sockets whose CONNECT packet was answered in this turn of the loop, linked by
   * sio_socket.core_link. If the peer of such a socket sends the same CONNECT packet again in the
   * same turn, it is not answered again. */
  struct list just_connected;
  struct task clear_just_connected;
  struct buf handshake; /* the memory of the text that sio_socket_handshake() returns */
  sio_stats stats;
};

static inline struct core *core_of_server(sio_server *srv) { return (struct core *)(void *)srv; }
static inline sio_server *server_of_core(struct core *core) { return (sio_server *)(void *)core; }

/* The caller must have set *core to zeros and initialised core->log, and has to initialise
 * core->loop afterwards. *opts must stay valid as long as core. */
void sio__core_init(struct core *core, const sio_options *opts, void (*free)(struct core *core));
void sio__core_clear(struct core *core);

static inline void sio__core_ref(struct core *core) { core->refs++; }

static inline void sio__core_unref(struct core *core) {
  assert(core->refs > 0);
  if (--core->refs == 0) core->free(core);
}

#endif
