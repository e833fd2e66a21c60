/* SPDX-License-Identifier: MIT
 *
 * limits.h - callbacks for clients that a limit of sio_options (options.h) refuses or slows down.
 * The callbacks run on the loop's thread.
 */
#ifndef SIO_LIMITS_H
#define SIO_LIMITS_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- clients that are refused --------------------------------------------------------------- */

/* Why a connection, a session or a request was refused. The values are indexes of
 * sio_stats.rejected. */
enum sio_reject_cause {
  /* max_connections connections are open. The new connection is closed. */
  SIO_REJECT_CONNECTIONS,
  /* max_pending connections have not sent a request yet. The oldest of these connections is
   * closed. */
  SIO_REJECT_PENDING,
  /* The clients of one address open more than connects_per_s connections each second. The new
   * connection is closed. */
  SIO_REJECT_CONNECTS,
  /* max_per_address connections of one address are open. The new connection is closed. */
  SIO_REJECT_OPEN,
  /* The clients of one address open more than connects_per_s sessions each second; requests that
   * Engine.IO refuses count, too, except those that break a rule in an open session, such as two
   * polls at once. The request gets status 429. WebSockets of sio_ws_route() count as sessions here
   * and below. */
  SIO_REJECT_SESSIONS,
  /* max_per_address sessions of one address are open. The request for the new session gets status
   * 429. */
  SIO_REJECT_OPEN_SESSIONS,
  /* The PROXY header of a trusted proxy is missing, malformed or late. The connection is closed. */
  SIO_REJECT_PROXY,
  /* The clients of one address send more than requests_per_s requests each second. The request gets
   * status 429. */
  SIO_REJECT_REQUESTS,
  /* A TLS handshake failed, or was ended to make room for another one (max_tls_handshakes).
   * sio_stats.tls_failed and tls_displaced have the details. */
  SIO_REJECT_TLS,
  SIO_REJECT_END /* the number of causes in this version */
};

/* A refusal. The texts are valid until the callback returns. */
typedef struct sio_rejection {
  int cause;           /* enum sio_reject_cause                                        */
  const char *address; /* the client's address, as in sio_request_info; of its proxy, if that has
                          not named the client yet                                     */
  const char *detail;  /* one line of English                                          */
} sio_rejection;

/* The callback of sio_options.on_reject. Called for each refusal of enum sio_reject_cause, on the
 * loop's thread, also inside sio_accept(). During an attack it is called very often, so it should
 * be fast. The log has a line for each refusal, too, but not more than ten of them a second (see
 * sio_log_cb). */
typedef void (*sio_reject_cb)(sio_server *srv, const sio_rejection *r, void *user);

/* ---- clients that send too much -------------------------------------------------------------- */

/* For sio_options.when_limited: what happens to a client that sends more than packets_per_s or
 * bytes_per_s. If it sends that over a WebSocket to which its session is still upgrading,
 * SIO_LIMITED_CLOSE closes only this WebSocket. */
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

/* The callback of sio_options.on_limited. Called when a client has sent more than packets_per_s or
 * bytes_per_s, and the server disconnects it or stops reading from it for some time. With
 * SIO_LIMITED_PAUSE it runs at most once in ten seconds for one session, or one WebSocket of
 * sio_ws_route(). It may close that session or WebSocket. */
typedef void (*sio_limited_cb)(sio_server *srv, const sio_limited *l, void *user);

#ifdef __cplusplus
}
#endif
#endif
