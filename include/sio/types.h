/* SPDX-License-Identifier: MIT
 *
 * types.h - the handles, and the two small types every other header uses.
 */
#ifndef SIO_TYPES_H
#define SIO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(SIO_BUILDING) && defined(__GNUC__)
#define SIO_EXTERN __attribute__((visibility("default")))
#else
#define SIO_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct cJSON;
struct uv_loop_s;
struct uv_stream_s;

/* Opaque handles, owned by the library. */
typedef struct sio_server sio_server;   /* one per loop: listeners, namespaces       */
typedef struct sio_nsp sio_nsp;         /* "/", "/admin": handlers and members       */
typedef struct sio_socket sio_socket;   /* one peer in one namespace                 */
typedef struct sio_session sio_session; /* one Engine.IO session: one peer           */
typedef struct sio_event sio_event;     /* one incoming event, or one ack reply      */
typedef struct sio_ack sio_ack;         /* a reply still owed to a peer              */
typedef struct sio_replies sio_replies; /* what came back to a question to many    */
typedef struct sio_query sio_query;     /* the same while it is open, for adapters   */
typedef struct sio_next sio_next;       /* something waiting for the host's verdict  */
typedef struct sio_request sio_request; /* one HTTP request, until it is answered    */
typedef struct sio_ws sio_ws;           /* one plain WebSocket peer (not Socket.IO)  */

typedef struct sio_threads
    sio_threads; /* servers of several threads that serve as one (threads.h) */

/* Borrowed bytes: not owned, not NUL-terminated. */
typedef struct sio_slice {
  const char *p;
  size_t n;
} sio_slice;

/* What was dropped for a peer that does not read (sio_options.when_full), and the memory it
 * took. */
typedef struct sio_drop {
  uint64_t events, bytes;
} sio_drop;

/* A C string as a slice; NULL is the empty one. */
static inline sio_slice sio_text(const char *s) {
  sio_slice slice;
  slice.p = s;
  slice.n = s ? strlen(s) : 0;
  return slice;
}

#ifdef __cplusplus
}
#endif
#endif
