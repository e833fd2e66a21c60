/* SPDX-License-Identifier: MIT
 *
 * session.h - one session from inside the room: what its transports and the
 * handshake may touch.
 *
 *   OPEN --- sio__session_end(discard) ---------------------------------> CLOSED
 *   OPEN --- sio__session_end(keep), over polling, GET not there yet ---> CLOSING
 *   CLOSING --- a GET takes what is queued, or close_timeout ------------> CLOSED
 *
 * Leaving OPEN is final for the layer above: a task tells it at the end of the turn.
 * A session that is CLOSED has left the table; it is freed after that task.
 */
#ifndef SIO_EIO_SESSION_H
#define SIO_EIO_SESSION_H

#include "base/public_id.h"
#include "eio/eio.h"
#include "eio/payload.h"

enum session_state {
  SESSION_OPEN,    /* messages flow                                              */
  SESSION_CLOSING, /* over for the layer above; a polling peer still gets its rest */
  SESSION_CLOSED   /* out of the table, waiting to be freed                      */
};

/* How bytes reach the peer. All slots but name take a session on this transport. */
struct transport {
  const char *name;
  /* Queues one msg. 0, UV_ENOMEM, SIO_ECLOSED. */
  int (*send)(sio_session *c, struct msg *m);
  bool (*ready)(const sio_session *c);
  size_t (*queued)(const sio_session *c);
  size_t (*held)(const sio_session *c); /* the memory that takes: what max_queued bounds */
  /* The session is over. graceful: let what is queued leave first, within close_timeout; else it
   * may be dropped. True: the transport needs the session a little longer (CLOSING) and will call
   * sio__session_finish_closing(). */
  bool (*end)(sio_session *c, bool graceful);
  /* Queues eio->mark; sio__fence_passed() when all before it has left. 0, UV_ENOMEM,
   * SIO_ECLOSED. */
  int (*mark)(sio_session *c);
  /* As sio__conn_sift(). */
  void (*remove_if)(sio_session *c, queue_drop_fn drop, void *user);
};

extern const struct transport sio__transport_polling, sio__transport_websocket;

/* A session as the log calls it: "%.8s" of SESSION_TAG(c). */
const char *sio__session_tag(const sio_session *c, char room[PUBLIC_ID_LEN + 1]);
#define SESSION_TAG(c) sio__session_tag((c), (char[PUBLIC_ID_LEN + 1]){ "" })

struct polling;
struct probe;
struct backpressure;
struct sent_callbacks;

struct sio_session {
  /* What sending looks at. */
  struct eio *eio;
  const struct transport *transport;
  struct ws_conn *ws;                /* while the transport is WebSocket            */
  struct backpressure *backpressure; /* NULL until it read too slowly once          */
  uint32_t rtt_us;                   /* an hour at most                             */
  uint8_t state;                     /* enum session_state                          */
  uint8_t protocol;                  /* Engine.IO's: 3 or 4                         */
  unsigned joined : 1;               /* to a namespace, at least once; or the host's own engine */
  unsigned cause : 1;                /* who ends it: for the polling transport's last word */
  unsigned pong_due : 1;             /* a ping is out                               */
  unsigned graced : 1;               /* its deadline was moved once already         */
  unsigned told : 1;                 /* ops->open said yes                          */
  unsigned gone : 1;                 /* out of the table                            */
  unsigned base64 : 1;               /* binary leaves as text over WebSocket too    */
  unsigned xdomain : 1;
  unsigned upgraded : 1;
  unsigned owns_text : 1; /* why.ws_text is to be freed                 */
  unsigned guarded : 1;   /* what is counted of it lies before it: session_limits.h */

  void *up;
  struct polling *polling;               /* while the transport is polling              */
  struct probe *probe;                   /* a WebSocket that may take over              */
  struct sent_callbacks *sent_callbacks; /* NULL until the host asked for one           */
  struct kept_head *head;                /* what is kept of the first request           */
  struct list link;                      /* eio->all                                    */
  union {
    struct timer heartbeat; /* OPEN: to the next ping, or to the end of patience */
    sio_close_info why;     /* not any more                                      */
  };
  union {
    struct task over;                   /* tells the layer above, then frees           */
    struct deferred_free deferred_free; /* after that                                  */
  };
  size_t owed;      /* memory of replies to what it sent, an upper bound: see session_stops() */
  uint64_t ping_at; /* uv_hrtime() of the last ping                */
  uint64_t opened_ms;
  char sid[];
};

enum { CAUSE_SERVER, CAUSE_CLIENT };

/* A session in the table, its heartbeat running, without transport yet. The id is drawn, or asked
 * of the host; r NULL: drawn. head is taken over. 0, SIO_ENAME (the id hook said no, or the id is
 * bad or taken), UV_ENOMEM. */
int sio__session_new(sio_session **out, struct eio *e, sio_request *r, struct kept_head *head,
                     unsigned protocol);
/* Queues the handshake packet, 0{"sid":...}, and what the host wants right behind it. 0, UV_ENOMEM,
 * SIO_ECLOSED. */
int sio__session_send_handshake(sio_session *c);
/* The transport is set and the greeting queued: tells the layer above. */
void sio__session_start(sio_session *c);
/* Takes it out without telling anybody: the handshake came to nothing. */
void sio__session_discard(sio_session *c);

/* Queues one msg on the transport, and counts it. 0, UV_ENOMEM, SIO_ECLOSED. */
int sio__session_send_packet(sio_session *c, struct msg *m);
void sio__session_end_bad_packet(sio_session *c); /* ends it: parse error */
/* It was not read for a while: if its pong is due soon it is asked again. */
void sio__session_extend_timeout(sio_session *c);

/* Its peer takes no replies, or sends too much: nothing more is handed on until
 * sio__session_resume(). Asked by the transports after each packet. */
bool sio__session_must_stop_reading(sio_session *c);
/* What stopped it may be over. From the loop only. */
void sio__session_resume(sio_session *c);

/* A packet came over the session's transport. False: the session is over, stop reading. */
bool sio__session_on_packet(sio_session *c, const struct eio_in *in);
void sio__session_on_text(sio_session *c, sio_slice text); /* a WebSocket text message */
void sio__session_end_by_peer(sio_session *c, int reason, int err, int ws_code, const char *detail);
/* By the host, with what the peer's WebSocket is told; ws_text is borrowed. */
void sio__session_end_by_host(sio_session *c, bool discard, unsigned ws_code, const char *ws_text);
/* A transport that asked for time in `end` is done. */
void sio__session_finish_closing(sio_session *c);

sio_session *sio__session_find(struct eio *e, sio_slice sid); /* OPEN or CLOSING; NULL */

/* Engine hooks, in order. */
#define SESSION_HOOKS(c, slot)                                        \
  list_each (hook_, next_, &(c)->eio->group->engine_hooks) {          \
    struct eio_hook *h_ = container_of(hook_, struct eio_hook, link); \
    if (h_->engine->slot) h_->engine->slot((c), h_->user);            \
  }

#endif
