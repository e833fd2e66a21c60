/* SPDX-License-Identifier: MIT
 *
 * session_types.h - the data of a session, and the tables of functions through which a session
 * reaches its transport and an upgrade. The files that implement one part of a session
 * (backpressure.c, sent.c, session_limits.c, trace.c) include this header, and not session.h.
 */
#ifndef SIO_EIO_SESSION_TYPES_H
#define SIO_EIO_SESSION_TYPES_H

#include "base/public_id.h"
#include "eio/eio.h"

enum session_state {
  SESSION_OPEN,    /* messages are sent and received                                       */
  SESSION_CLOSING, /* closed for the layer above; a polling peer may still fetch its queue */
  SESSION_CLOSED   /* about to be removed from eio->sessions, or removed; is freed soon    */
};

/* How bytes reach the peer: polling, WebSocket, or the memory of a test. Each function takes a
 * session that uses this transport. A slot marked "optional" may be NULL. */
struct transport {
  const char *name;
  bool polls; /* true for HTTP long-polling, which has counters of its own and can be upgraded */
  /* Queues one msg. Returns 0, UV_ENOMEM or SIO_ECLOSED. */
  int (*send)(sio_session *c, struct msg *m);
  bool (*ready)(const sio_session *c);    /* true if a msg queued now need not wait for the peer */
  size_t (*queued)(const sio_session *c); /* bytes that are queued for the peer */
  size_t (*held)(const sio_session *c);   /* memory of the queue, which max_queued bounds */
  /* Called when the session has ended. If `graceful` is true, the peer may still receive what is
   * queued, until a timeout; otherwise the queue may be dropped. If this function returns true, the
   * session stays in SESSION_CLOSING until sio__session_remove_and_schedule_close() is called. */
  bool (*end)(sio_session *c, bool graceful);
  /* Queues a sent mark, a placeholder in the queue: when everything that was queued before it has
   * been sent, sio__sent_callbacks_schedule_oldest() is called. Returns 0, UV_ENOMEM or
   * SIO_ECLOSED. */
  int (*queue_sent_mark)(sio_session *c);
  /* Calls `drop` for the queued msgs, and removes each one for which `drop` returns true. `drop` is
   * not called for the first msg, a part of which may have been sent, nor for msgs that TLS has
   * encrypted already, nor for the rest of the queue after memory has run out. */
  void (*remove_if)(sio_session *c, queue_drop_fn drop, void *user);
  /* Calls `visit` for each queued msg, except the first one and those that TLS has encrypted
   * already. Removes none. Needs no memory, so it never stops early. */
  void (*visit)(const sio_session *c, queue_visit_fn visit, void *user);
  /* Stops reading from the peer, because the peer is over a rate limit. Optional. */
  void (*pause)(sio_session *c);
  /* Resumes reading, and the handling of packets that were kept back, unless
   * sio__session_must_stop_reading() still returns true. May call hooks of the host. Optional. */
  void (*resume)(sio_session *c);
  /* Returns true if packets may have arrived that were not handled yet. If this function is NULL,
   * the session is assumed to have such packets while a rate limit pauses it. */
  bool (*has_unread)(const sio_session *c);
  /* Returns how many bytes were received of a message or POST that is not complete. Optional. */
  size_t (*partial_bytes)(const sio_session *c);
  /* Frees the memory that long-polling has allocated for the session. Optional. */
  void (*free)(sio_session *c);
};

/* What a polling session calls while a WebSocket may take it over; probe.c implements it. */
struct probe_ops {
  /* Called when the session is removed from eio->sessions: ends the upgrade and closes the
   * WebSocket. */
  void (*drop)(sio_session *c);
  /* Called by sio__session_resume_reading(), for example when the POSTs of the session have been
   * handled: resumes reading from the WebSocket, or completes the upgrade if the upgrade packet "5"
   * has arrived and no POST waits. */
  void (*resume)(sio_session *c);
  void (*on_get)(sio_session *c); /* called when a GET of the session has arrived and waits */
};

/* The part of an upgrade in progress that all files in lib/eio may use; sio_session.probe points to
 * it. */
struct probe {
  const struct probe_ops *ops;
  sio_session *session;
  bool is_answered; /* we sent "3probe": the client waits for the answers to its GET and POST */
};

struct polling;
struct backpressure;
struct sent_callbacks;

struct sio_session {
  /* The fields that every send uses come first, so that they are close together in memory. */
  struct eio *eio;
  const struct transport *transport;
  struct ws_conn *ws;                /* NULL unless an open WebSocket is the transport */
  struct backpressure *backpressure; /* NULL as long as the queue was never over queue_high */
  /* Measured when a ping was last answered: the time since the ping, in microseconds; 0: not
   * measured yet. */
  uint32_t rtt_us;
  uint8_t state;              /* enum session_state */
  uint8_t protocol;           /* the version of Engine.IO: 3 or 4 */
  unsigned joined : 1;        /* a namespace was joined once, or the engine is raw */
  unsigned ended_by : 1;      /* ENDED_BY_...: which side has ended the session */
  unsigned pong_due : 1;      /* a ping was sent and not answered yet */
  unsigned pong_extended : 1; /* received data has extended the deadline of the pong */
  unsigned opened : 1;        /* set before ops->open runs, reset before ops->close runs */
  unsigned removed : 1;       /* the session is no longer in eio->sessions */
  unsigned base64 : 1;        /* the client wants binary packets as base64 text */
  unsigned xdomain : 1;       /* the first request had an Origin header */
  unsigned upgraded : 1;      /* the session has moved from polling to WebSocket */
  unsigned owns_text : 1;     /* close_info.ws_text was allocated and has to be freed */
  unsigned limited : 1;       /* in memory, a struct session_limits lies before this struct */

  void *user; /* a pointer of the layer above; of the host if the engine is raw */
  /* Set while the transport is polling. May stay after an upgrade, if packets of POSTs wait to be
   * handled. */
  struct polling *polling;
  struct probe *probe;                   /* an upgrade in progress, or NULL */
  struct sent_callbacks *sent_callbacks; /* NULL until sio_session_on_sent() is called */
  struct kept_head *head; /* what is kept of the first request; NULL for a session of a test */
  struct list link;       /* in eio->all */
  union {
    struct timer
        heartbeat; /* SESSION_OPEN: time of our next ping, or deadline of the peer's ping or pong */
    sio_close_info close_info; /* once the session was ended: why */
  };
  union {
    struct task close_task; /* at the end of the turn: calls ops->close, and frees if `removed` */
    struct deferred_free deferred_free; /* queued by close_task, once `removed` is set */
  };
  /* An estimate of how many bytes of memory replies take in the queue. A reply is what was queued
   * while a packet of the peer was handled. */
  size_t unread_reply_bytes;
  uint64_t ping_at; /* uv_hrtime() of the last ping */
  uint64_t opened_ms;
  char sid[];
};

enum { ENDED_BY_SERVER, ENDED_BY_CLIENT };

/* A loop over the engine hooks of c's server, in order; h is a pointer to a struct eio_hook. */
#define EACH_ENGINE_HOOK(h, c)                           \
  list_each (it_, next_, &(c)->eio->group->engine_hooks) \
    for (struct eio_hook *h = container_of(it_, struct eio_hook, link); h; h = NULL)

/* Calls the function `slot`, which has the arguments (session, user), of every engine hook that has
 * set it. */
#define CALL_ENGINE_HOOKS(c, slot)                         \
  do {                                                     \
    EACH_ENGINE_HOOK(h_, c)                                \
    if (h_->engine->slot) h_->engine->slot((c), h_->user); \
  } while (0)

/* An argument for LOG_ABOUT() which says that the line is about the session c. */
#define ABOUT_SESSION(c)      \
  (&(const struct log_about){ \
      .session = sio__session_write_public_id((c), (char[PUBLIC_ID_LEN + 1]){ "" }) })
/* The public id of the session c, printed with "%.8s". May be used only as an argument of a log
 * line that also has the argument ABOUT_SESSION(c), which computes the id. */
#define SESSION_TAG(c) ((c)->eio->log->about->session)

#endif
