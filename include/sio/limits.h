/* SPDX-License-Identifier: MIT
 *
 * limits.h - who is turned away or slowed down, and why: what the limits of sio_options (server.h)
 * tell the host. All on the loop thread.
 */
#ifndef SIO_LIMITS_H
#define SIO_LIMITS_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- who is turned away ------------------------------------------------------------------- */

enum sio_reject_cause {
  SIO_REJECT_CONNECTIONS,   /* max_connections are open: closed at once                        */
  SIO_REJECT_PENDING,       /* max_pending have asked for nothing: the oldest of them is closed */
  SIO_REJECT_CONNECTS,      /* its address connects faster than connects_per_s: closed at once */
  SIO_REJECT_OPEN,          /* its address has max_per_address connections: closed at once     */
  SIO_REJECT_SESSIONS,      /* its address opens sessions faster than connects_per_s: 429      */
  SIO_REJECT_OPEN_SESSIONS, /* its address has max_per_address sessions: 429                   */
  SIO_REJECT_PROXY,         /* a trusted proxy's PROXY header is missing, malformed or late    */
  SIO_REJECT_REQUESTS,      /* its address sends requests faster than requests_per_s: 429       */
  SIO_REJECT_END,
  SIO_REJECT_TLS = SIO_REJECT_END /* its TLS handshake failed, or made room for others
                                    (max_tls_handshakes); sio_stats.tls_failed and tls_displaced
                                    count how */
};

typedef struct sio_rejection {
  int cause;           /* enum sio_reject_cause                                   */
  const char *address; /* the client's, as in sio_request_info; borrowed         */
  const char *detail;  /* one English line, borrowed                               */
} sio_rejection;

/* Called for each one, from the loop or from sio_accept(). There may be very
 * many: keep it short. The log has the same, at most ten lines a second (log.h). One
 * callback; NULL: none. */
typedef void (*sio_reject_cb)(sio_server *srv, const sio_rejection *r, void *user);
SIO_EXTERN void sio_on_reject(sio_server *srv, sio_reject_cb cb, void *user);

/* ---- who is slowed down ---------------------------------------------------------------------- */

/* What happens to a peer that sends more than packets_per_s or bytes_per_s. */
enum sio_when_limited {
  SIO_LIMITED_PAUSE, /* nothing is read from it until it is within its limit: nothing is lost */
  SIO_LIMITED_CLOSE  /* it is closed: "forced close", SIO_ELIMIT                              */
};

typedef struct sio_limited {
  sio_session *session; /* the one, */
  sio_ws *ws;           /* ... or the other: a peer of sio_ws_route()                            */
  const char *limit;    /* "packets_per_s" or "bytes_per_s"                                      */
  uint64_t wait_ms; /* how long nothing is read from it, if no more came already; 0: it is closed */
} sio_limited;

/* Called when a peer is closed for this, and when it is paused: then not again for ten seconds,
 * as long as it goes on. The callback may close the peer. One callback; NULL: none. */
typedef void (*sio_limited_cb)(sio_server *srv, const sio_limited *l, void *user);
SIO_EXTERN void sio_on_limited(sio_server *srv, sio_limited_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
