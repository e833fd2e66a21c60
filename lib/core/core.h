/* SPDX-License-Identifier: MIT
 *
 * core.h - what all namespaces of one server share.
 *
 * A sio_server begins with its core (server/server.h), so that each can be had from the other. Its
 * memory goes with the last reference: one is the server's own, until it has closed; each socket
 * handle and each reference to a namespace holds one.
 */
#ifndef SIO_CORE_CORE_H
#define SIO_CORE_CORE_H

#include "base/map.h"
#include "core/hooks.h"
#include "net/loop.h"
#include "packet/packet.h"
#include <sio/server.h>

struct core {
  struct log log;
  size_t refs;
  void (*free)(struct core *core); /* frees the server with it */
  bool closing;
  uint32_t nchildren; /* of all parents                    */
  struct loop loop;
  const sio_options *opts;
  struct map nsps;          /* sio_nsp by name; of them only children leave */
  struct map addr_children; /* struct addr_children, by address       */
  struct hooks parents;     /* user: a sio_nsp with a brood      */
  struct hooks new_nsp;
  struct decode_scratch scratch;
  struct decoder_limits limits;
  struct decoder_limits unjoined_limits; /* for those who have joined no namespace */
  struct map deadlines;                  /* struct deadline, by the socket's id */
  struct list leaving;                   /* sio_socket.leaving: disconnect callbacks owed */
  struct task finish_leaving;
  struct list welcomed; /* sio_socket.leaving: CONNECT was answered in this turn */
  struct task forget_welcomed;
  sio_stats stats;
};

static inline struct core *core_of(sio_server *srv) { return (struct core *)(void *)srv; }
static inline sio_server *core_server(struct core *core) { return (sio_server *)(void *)core; }

/* The log and the options are there already; the loop comes later. */
void sio__core_init(struct core *core, const sio_options *opts, void (*free)(struct core *core));
void sio__core_clear(struct core *core);

static inline void sio__core_ref(struct core *core) { core->refs++; }
void sio__core_unref(struct core *core);

#endif
