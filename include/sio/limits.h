/* SPDX-License-Identifier: MIT
 *
 * limits.h - callbacks for clients that a limit of sio_options (options.h) refuses or slows down.
 * All calls are made on the loop's thread.
 */
#ifndef SIO_LIMITS_H
#define SIO_LIMITS_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- clients that are refused --------------------------------------------------------------- */

/* Indexes of sio_stats.rejected: why a connection or a session was refused. */
enum sio_reject_cause {
  /* max_connections are open. The new connection is closed. */
  SIO_REJECT_CONNECTIONS,
  /* max_pending connections have sent no request. The oldest of them is closed. */
  SIO_REJECT_PENDING,
  /* The address opens more than connects_per_s connections. The new connection is closed. */
  SIO_REJECT_CONNECTS,
  /* The address has max_per_address connections. The new connection is closed. */
  SIO_REJECT_OPEN,
  /* The address opens more than connects_per_s sessions. The request gets status 429. */
  SIO_REJECT_SESSIONS,
  /* The address has max_per_address sessions. The request gets status 429. */
  SIO_REJECT_OPEN_SESSIONS,
  /* The PROXY header of a trusted proxy is missing, malformed or late. */
  SIO_REJECT_PROXY,
  /* The address sends more than requests_per_s requests. The request gets status 429. */
  SIO_REJECT_REQUESTS,
  /* The TLS handshake failed, or was closed because max_tls_handshakes were under way.
   * sio_stats.tls_failed and tls_displaced have the details. */
  SIO_REJECT_TLS,
  SIO_REJECT_END /* the number of causes in this version */
};

typedef struct sio_rejection {
  int cause;           /* enum sio_reject_cause                                        */
  const char *address; /* the client's address, as in sio_request_info; borrowed       */
  const char *detail;  /* one line of English; borrowed                                */
} sio_rejection;

/* For sio_options.on_reject. Called for each refused connection or session, from the loop or from
 * sio_accept(). During an attack it is called very often and should be fast. The log reports the
 * same, with at most ten lines a second (log.h). */
typedef void (*sio_reject_cb)(sio_server *srv, const sio_rejection *r, void *user);

/* ---- clients that send too much -------------------------------------------------------------- */

/* For sio_options.when_limited: what happens to a client that sends more than packets_per_s or
 * bytes_per_s. */
enum sio_when_limited {
  SIO_LIMITED_PAUSE, /* It is not read until it is within the limit. Nothing is lost. */
  SIO_LIMITED_CLOSE  /* It is disconnected: "forced close" with SIO_ELIMIT.           */
};

typedef struct sio_limited {
  sio_session *session; /* the client's session, or NULL if it is one of sio_ws_route() */
  sio_ws *ws;           /* the client's WebSocket of sio_ws_route(), or NULL            */
  const char *limit;    /* "packets_per_s" or "bytes_per_s"                             */
  uint64_t wait_ms;     /* how long it is not read, at least; 0: it is disconnected     */
} sio_limited;

/* For sio_options.on_limited. Called when a client is disconnected because it sends too much, and
 * when it is paused. While a client goes on, it is called at most every ten seconds for it. It may
 * close the client. */
typedef void (*sio_limited_cb)(sio_server *srv, const sio_limited *l, void *user);

#ifdef __cplusplus
}
#endif
#endif
