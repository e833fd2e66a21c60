/* SPDX-License-Identifier: MIT
 *
 * log.h - one line per thing worth knowing, to a callback of the host.
 */
#ifndef SIO_LOG_H
#define SIO_LOG_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sio_log_level {
  SIO_LOG_OFF,
  SIO_LOG_ERROR, /* something the host must see to: out of memory, no descriptors       */
  SIO_LOG_WARN,  /* a peer was closed, refused or cut, and why                          */
  SIO_LOG_INFO,  /* start and stop, sessions and sockets that come and go               */
  SIO_LOG_DEBUG, /* every packet's way, payloads not included                           */
  SIO_LOG_TRACE  /* payloads too: this prints what users send, tokens included          */
};

/* The part of the library that speaks. */
enum sio_log_room {
  SIO_ROOM_NET,
  SIO_ROOM_HTTP,
  SIO_ROOM_WS,
  SIO_ROOM_EIO,
  SIO_ROOM_SIO,
  SIO_ROOM_ADAPTER,
  SIO_ROOM_COUNT
};

/* text: one line of UTF-8 without its newline, borrowed. room: "net", "eio", ...
 * Called on the loop thread; it may emit, close and log, like any callback. */
typedef void (*sio_log_cb)(int level, const char *room, const char *text, void *user);

/* Changes levels while running: spec is "warn", or "info,eio=debug,http=off".
 * 0, or UV_EINVAL for a word it does not know (then nothing changed). */
SIO_EXTERN int sio_log_set(sio_server *srv, const char *spec);

#ifdef __cplusplus
}
#endif
#endif
