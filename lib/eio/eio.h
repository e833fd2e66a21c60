/* SPDX-License-Identifier: MIT
 *
 * eio.h - an Engine.IO 4 server: sessions over long-polling and WebSocket, as the
 * layer above sees it (https://socket.io/docs/v4/engine-io-protocol/).
 *
 * A session is opened by a GET (polling) or a WebSocket handshake, may move from the
 * first to the second, and ends once, for one reason. Messages leave in the
 * order they were sent and arrive in the order they came, across the move as well.
 */
#ifndef SIO_EIO_EIO_H
#define SIO_EIO_EIO_H

#include "base/map.h"
#include "http/conn.h"
#include "net/loop.h"
#include "net/meter.h"
#include "ws/conn.h"
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/nsp.h>
#include <sio/server.h>

struct eio;

/* What the layer above is told. Never from inside a call it makes itself. */
struct eio_ops {
  /* The session is open, its handshake queued. May send and close. false: out of memory, the
   * session ends. */
  bool (*open)(sio_session *c);
  /* One Engine.IO message, text without its '4' (valid UTF-8). Borrowed. */
  void (*message)(sio_session *c, bool binary, sio_slice data);
  /* It is over; c->up is to be let go of. c is freed at the end of the turn. Exactly once after
   * open. */
  void (*close)(sio_session *c, const sio_close_info *why);
  /* More than queue_high bytes waited for it, and now no more than queue_low do. May be NULL. */
  void (*writable)(sio_session *c);
  /* Events were dropped because it does not read. Before close. May be NULL. */
  void (*dropped)(sio_session *c, const sio_drop *d);
  /* What it sent was refused, and it stays. May be NULL. */
  void (*refused)(sio_session *c, int err, const char *detail);
  bool raw; /* sessions are the host's own: no Socket.IO above them */
};

/* Something a host wants to hear of. */
struct eio_hook {
  struct list link;
  sio_headers_cb headers;
  sio_request_use_cb use;
  const sio_engine_hooks *engine; /* owned copy */
  void *user;
};

/* What is to be done for every packet; mostly nothing. */
enum { WANT_PACKET = 1, WANT_CREATE = 2, WANT_FLUSH = 4, WANT_MESSAGE = 8, WANT_LOG = 16 };

/* What all engines of a server share. Hooks are never taken back. */
struct eio_group {
  struct list engines;                               /* struct eio.link                     */
  struct list use_hooks, header_hooks, engine_hooks; /* struct eio_hook, in order           */
  unsigned wants;                                    /* WANT_...                            */
  struct addr_limits *addr_limits;                   /* NULL: nobody is counted */
  struct meter_settings meters;                      /* per_s 0: no peer is     */
  unsigned retry_after_s; /* told to those turned away while draining; 0: nothing */
  bool closing;
  bool draining; /* no new sessions */
};

struct eio {
  struct loop *loop;
  struct log *log;
  const sio_options *opts; /* normalised: no field is "default" any more */
  const struct eio_ops *ops;
  void *owner;    /* the sio_server */
  unsigned wants; /* the group's, at hand */
  struct eio_group *group;
  struct list link;               /* group->engines                  */
  void (*release)(struct eio *e); /* the group is cleared: frees e; or NULL */
  struct ws_shared *ws;
  sio_stats *stats;
  struct msg *ping, *pong, *noop, *close; /* packets that are the same for everybody */
  struct msg *initial;                    /* behind the handshake; NULL: nothing     */
  struct msg *mark;                       /* a place in a queue: never sent          */
  size_t full_bytes; /* memory waiting for a peer that backpressure.c is told of */
  /* For sessions that have joined nothing: the longest message, and the replies they may owe us
   * the taking of. */
  size_t unjoined_message_max, unjoined_owed_max;
  struct list all;         /* sio_session.link */
  struct pool nodes;       /* of the polling queues */
  struct map sessions;     /* by sid */
  struct http_mount mount; /* for http's route callback */
};

void sio__eio_group_init(struct eio_group *g);
/* Ends every session with this reason, queues dropped: a parked GET is answered "1", a WebSocket
 * gets a close frame. */
void sio__eio_close_all(struct eio_group *g, int reason);
void sio__eio_group_clear(struct eio_group *g); /* after all sessions are gone */
/* Whose request is it? By the raw path (H1), the longest first; NULL: no engine's. */
struct eio *sio__eio_find_by_url(const struct eio_group *g, sio_slice url);
/* The log's levels are others now. */
void sio__eio_update_log_level(struct eio_group *g, const struct log *log);

/* How one is made; opts stays where it is. */
struct eio_plan {
  struct eio_group *group;
  struct loop *loop;
  struct log *log;
  const sio_options *opts;
  struct ws_shared *ws;
  const struct eio_ops *ops;
  void *owner;
  sio_stats *stats;
};
int sio__eio_init(struct eio *e, const struct eio_plan *plan); /* UV_ENOMEM */

/* 0, UV_EINVAL, UV_ENOMEM. */
int sio__eio_add_request_hook(struct eio_group *g, sio_request_use_cb cb, void *user);
int sio__eio_add_header_hook(struct eio_group *g, sio_headers_cb cb, void *user);
int sio__eio_add_engine_hooks(struct eio_group *g, const sio_engine_hooks *hooks, void *user);

/* An engine of the host's own on another path, made like `like`, in its group, which frees it. path
 * is complete. 0, SIO_EEXISTS, UV_ENOMEM. */
int sio__raw_engine_new(struct eio *like, const char *path, const sio_engine_callbacks *cbs,
                        void *user);
/* One message of the host's as a packet. NULL: no memory. */
struct msg *sio__eio_message_packet(struct eio *e, bool binary, sio_slice data);

/* ---- sessions --------------------------------------------------------------------------- */

/* Queues a chain (text first, its attachments behind). flags: SIO_VOLATILE. 0, SIO_EDROPPED
 * (volatile, or by when_full), SIO_ECLOSED, UV_ENOMEM (the session is going to be closed: half a
 * chain may be queued), SIO_ETOOBIG (past max_queued: it is going to be closed). */
int sio__session_send(sio_session *c, struct msg *chain, unsigned flags);
/* The same, but that 0 leaves the counting to the caller, who sends a chain to many: for n of them,
 * before anybody is called back. */
int sio__session_send_uncounted(sio_session *c, struct msg *chain, unsigned flags);
void sio__count_packets_sent(sio_stats *st, const struct msg *chain, uint64_t n);
/* Would a volatile message leave now? */
bool sio__session_can_send_now(const sio_session *c);
/* Ends it: at once for the layer above (no message comes any more; ops->close runs at the end of
 * the turn); what is queued is sent first unless discard. A second call changes nothing. */
void sio__session_end(sio_session *c, bool discard, int reason, int err, const char *detail);
bool sio__session_is_open(const sio_session *c);
/* What it sent may lie unread, because we do not read now. */
bool sio__session_has_unread(const sio_session *c);
/* Bytes that are here of a message, or of a POST, that is not whole yet. */
size_t sio__session_partial_bytes(const sio_session *c);
/* It is known now, and is given the limits of those who are. */
void sio__session_set_joined(sio_session *c);
/* The layer above keeps one pointer. */
void sio__session_set_user(sio_session *c, void *up);
void *sio__session_user(const sio_session *c);
struct eio *sio__session_engine(const sio_session *c);
struct kept_head *sio__session_first_request(
    const sio_session *c);                        /* what is kept of the first request */
void sio__session_drop_handshake(sio_session *c); /* drop_handshake */

#endif
