/* SPDX-License-Identifier: MIT
 *
 * types.h - the handles, and the small types that all other headers use.
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

/* Handles. Their contents are private, except those of sio_replies. */
typedef struct sio_server sio_server;   /* a server on one loop                    */
typedef struct sio_nsp sio_nsp;         /* a namespace: "/", "/admin"              */
typedef struct sio_socket sio_socket;   /* one client in one namespace             */
typedef struct sio_session sio_session; /* one Engine.IO session: one client       */
typedef struct sio_event sio_event;     /* one received event, or one reply        */
typedef struct sio_ack sio_ack;         /* an ack that is still to be sent         */
typedef struct sio_replies sio_replies; /* the replies of many: see emit.h         */
typedef struct sio_query sio_query;     /* a query that is open: see adapter.h     */
typedef struct sio_next sio_next;       /* waits for sio_next_ok() or _fail()      */
typedef struct sio_request sio_request; /* one HTTP request until it is answered   */
typedef struct sio_ws sio_ws;           /* one WebSocket without Socket.IO         */

typedef struct sio_threads
    sio_threads; /* servers of several threads that serve as one (threads.h) */

/* A pointer to n bytes, which the slice does not own. There need not be a NUL after them. */
typedef struct sio_slice {
  const char *p;
  size_t n;
} sio_slice;

/* How many events were dropped for a slow client (sio_options.when_full), and how many bytes of
 * memory they took. */
typedef struct sio_drop {
  uint64_t events, bytes;
} sio_drop;

/* Returns a C string as a slice, or the empty slice if s is NULL. */
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
