/* SPDX-License-Identifier: MIT
 *
 * eio.h - the Engine.IO server as the layer above uses it: sessions over long-polling and WebSocket
 * (https://socket.io/docs/v4/engine-io-protocol/).
 *
 * A session is opened by a GET (polling), by a WebSocket handshake, or by a test (sio/test.h). It
 * may be upgraded from polling to WebSocket, and is closed once, for one reason. Messages keep
 * their order in both directions, also across an upgrade.
 */
#ifndef SIO_EIO_EIO_H
#define SIO_EIO_EIO_H

#include "base/map.h"
#include "http/http.h"
#include "http/kept_head.h"
#include "http/request.h"
#include "net/loop.h"
#include "net/members.h"
#include "net/meter.h"
#include "ws/conn.h"
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/nsp.h>
#include <sio/server.h>

struct eio;

/* The callbacks of the layer above, which is Socket.IO or a raw engine (sio_engine_route()). None
 * of them is called from inside a function that sends. */
struct eio_ops {
  /* Called when a session has opened. Messages that the callback sends are queued after the
   * handshake packet. May end the session. Returns false if memory ran out; then the session is
   * ended. */
  bool (*open)(sio_session *c);
  /* Called for a message of the peer, unless a message hook of the host has handled it or ended the
   * session. `data` does not contain the packet type '4', is valid UTF-8 unless `binary` is true,
   * and is valid only during the call. */
  void (*message)(sio_session *c, bool binary, sio_slice data);
  /* Called exactly once for each session for which `open` was called, when the session has ended.
   * The layer above must not use the session after this call. */
  void (*close)(sio_session *c, const sio_close_info *why);
  /* Called when the send queue of the session, which was over queue_high, has become short again.
   * May be NULL if queue_high is not set. */
  void (*writable)(sio_session *c);
  /* Called after events for the peer were dropped by sio_options.when_full. Never called after
   * `close`. May be NULL if queue_high is not set. */
  void (*dropped)(sio_session *c, const sio_drop *d);
  /* Called when a POST of the session was refused because it is too long, which does not end the
   * session. May be NULL. */
  void (*refused)(sio_session *c, int err, const char *detail);
  bool raw; /* the host itself handles the sessions: there is no Socket.IO above them */
};

/* A hook of the host: one of `headers`, `use` and `engine` is set. */
struct eio_hook {
  struct list link;
  sio_headers_cb headers;
  sio_request_use_cb use;
  const sio_engine_hooks *engine; /* owned copy */
  void *user;
};

/* The bits of eio.wants: what the engine hooks of the host and the log need to see. */
enum { WANT_PACKET = 1, WANT_CREATE = 2, WANT_FLUSH = 4, WANT_MESSAGE = 8, WANT_LOG = 16 };

/* State shared by all engines of a server. Hooks cannot be removed. */
struct eio_group {
  struct list engines;                               /* struct eio.link */
  struct list use_hooks, header_hooks, engine_hooks; /* struct eio_hook, the oldest first */
  unsigned wants;                                    /* WANT_... */
  struct addr_limits *addr_limits;                   /* NULL: addresses are not counted */
  struct meter_settings meters; /* what each peer may send; per_s 0: no limit */
  /* Seconds, for the header Retry-After of the 503 that requests for new sessions get while the
   * server drains or closes; 0: no such header. */
  unsigned retry_after_s;
  bool closing;  /* the server closes: no new sessions */
  bool draining; /* sio_server_drain() was called: no new sessions */
  /* The group of servers on several threads to which this server belongs, or NULL. */
  sio_threads *threads;
  struct member_id member; /* the id of this server in the group `threads` */
  /* Hands the connection of r over to the server `to` of another thread, because the session that r
   * names belongs to that server. */
  void (*hand_over)(struct eio_group *g, sio_request *r, struct member_id to);
};

struct eio {
  struct loop *loop;
  struct log *log;
  const sio_options *opts; /* with the defaults filled in */
  const struct eio_ops *ops;
  void *owner;    /* the sio_server */
  unsigned wants; /* a copy of group->wants */
  struct eio_group *group;
  struct list link;               /* in group->engines */
  void (*release)(struct eio *e); /* frees e when the group is cleared; may be NULL */
  struct ws_shared *ws;
  sio_stats *stats;
  struct msg *ping, *pong, *noop, *close; /* packets that are the same for every session */
  struct msg *initial;                    /* sent after the handshake packet, or NULL */
  struct msg *mark; /* a msg without bytes, queued as a placeholder for a callback (eio/sent.h) */
  /* If the queue of a session takes more bytes of memory than this after sio__session_send() has
   * queued a packet, sio__backpressure_drop_or_fail_on_full_queue() is called. */
  size_t full_bytes;
  /* Limits for sessions that have not joined a namespace, in bytes: the longest message or POST
   * that is accepted, and the memory of queued replies above which the server stops reading from
   * the peer. */
  size_t unjoined_message_max, unjoined_unread_replies_max;
  struct list all;         /* sio_session.link */
  struct pool nodes;       /* unused struct out_node of polling queues */
  struct map sessions;     /* sio_session, by sid */
  struct http_mount mount; /* handles the requests under the engine's path */
};

void sio__eio_group_init(struct eio_group *g);
/* Ends every open session with this reason, removes all sessions, also those that are still
 * closing, and lets no new session open. */
void sio__eio_close_all_sessions(struct eio_group *g, int reason);
/* Call this after all sessions were freed. */
void sio__eio_group_free_engines_and_hooks(struct eio_group *g);
/* Finds the engine whose path is the longest prefix of the raw URL. Returns NULL if there is
 * none. */
struct eio *sio__eio_find_engine_by_url(const struct eio_group *g, sio_slice url);
/* Call this after the log's levels have changed: packets are logged only at level debug. */
void sio__eio_update_packet_tracing(struct eio_group *g, const struct log *log);

/* The parameters of sio__eio_init(); opts has to live as long as the engine. */
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
int sio__eio_init(struct eio *e, const struct eio_plan *plan); /* returns 0 or UV_ENOMEM */

/* These three functions register hooks of the host. They return 0; UV_ENOMEM; or UV_EINVAL if cb is
 * NULL. *hooks is copied. */
int sio__eio_add_request_hook(struct eio_group *g, sio_request_use_cb cb, void *user);
int sio__eio_add_header_hook(struct eio_group *g, sio_headers_cb cb, void *user);
int sio__eio_add_engine_hooks(struct eio_group *g, const sio_engine_hooks *hooks, void *user);

/* Makes a raw engine with the options of the engine `like`, except the path. The raw engine belongs
 * to the same group, which frees it. Returns 0, SIO_EEXISTS (another raw engine has the path), or
 * UV_ENOMEM. */
int sio__raw_engine_new(struct eio *like, const char *path, const sio_engine_callbacks *cbs,
                        void *user);
/* Encodes one message as an Engine.IO packet. Returns NULL on failure. */
struct msg *sio__eio_message_packet_new(struct eio *e, bool binary, sio_slice data);

/* ---- sessions --------------------------------------------------------------------------- */

/* Queues one packet. `chain` is a chain of msgs: the packet, then its attachments. `flags` is 0 or
 * SIO_VOLATILE. Returns 0; SIO_EDROPPED if the packet is volatile and could not be sent at once, or
 * was dropped by the policy sio_options.when_full; or SIO_ECLOSED. If it returns UV_ENOMEM, or
 * SIO_ETOOBIG because the queue is over max_queued or over queue_high with SIO_FULL_CLOSE, the
 * session was ended. */
int sio__session_send(sio_session *c, struct msg *chain, unsigned flags);
/* Does the same as sio__session_send(), for a caller that sends one chain to many sessions. But if
 * it returns 0, it has not counted the packets as sent: the caller has to do this with
 * sio__count_packets_sent(), before any callback runs. */
int sio__session_send_for_caller_to_count(sio_session *c, struct msg *chain, unsigned flags);
void sio__count_packets_sent(sio_stats *st, const struct msg *chain, uint64_t n);
/* Returns true if a volatile message would be sent now, and not dropped. */
bool sio__session_can_send_now(const sio_session *c);
/* Ends the session: no message is delivered any more, and ops->close runs at the end of the turn if
 * ops->open was called. Without discard, the peer may still receive what is queued, until a
 * timeout. With discard, the queue of a polling session is dropped, and so is that of a WebSocket
 * whose peer does not read. `detail` must be in static storage. A second call does nothing. */
void sio__session_end(sio_session *c, bool discard, int reason, int err, const char *detail);
bool sio__session_is_open(const sio_session *c);
/* Most of the following functions return a value that sio_session_info has as a field. */
const char *sio__session_id(const sio_session *c);
int sio__session_protocol_version(const sio_session *c);
const char *sio__session_client_address(const sio_session *c);
/* Writes the public id to buffer, and returns buffer. */
const char *sio__session_write_public_id(const sio_session *c, char buffer[SIO_PUBLIC_ID_SIZE]);
/* Returns how much more memory may be queued for the session before events are dropped or the
 * session is ended, because of queue_high or max_queued; 0 once the session has ended. */
size_t sio__session_queue_room(const sio_session *c);
sio_slice sio__session_url(const sio_session *c);
uint64_t sio__session_opened_at_unix_ms(const sio_session *c);
bool sio__session_is_secure(const sio_session *c);
bool sio__session_first_request_had_origin(const sio_session *c);
/* Returns true if packets of the peer may have arrived that were not handled yet, because reading
 * from the session is paused. Returns false once the session has ended. */
bool sio__session_may_have_unhandled_packets(const sio_session *c);
/* Returns how many bytes were received of a message or POST that is not complete yet; 0 once the
 * session has ended. */
size_t sio__session_incomplete_message_bytes(const sio_session *c);
/* Call this when the session has joined a namespace: the larger limits of joined sessions apply
 * from then on. Reading that a smaller limit has stopped may resume. */
void sio__session_mark_joined_and_resume_reading(sio_session *c);
/* Sets a pointer for the layer above, which sio__session_user() returns. */
void sio__session_set_user(sio_session *c, void *up);
void *sio__session_user(const sio_session *c);
struct eio *sio__session_engine(const sio_session *c);
/* Returns what is kept of the first request, or NULL for the session of a test. */
struct kept_head *sio__session_first_request_head(const sio_session *c);
/* Frees the URL and the headers of the first request (sio_options.drop_handshake). The addresses
 * and the TLS information are still kept. */
void sio__session_free_request_url_and_headers(sio_session *c);

#endif
