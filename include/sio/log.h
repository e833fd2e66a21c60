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
  SIO_LOG_TRACE  /* the beginning of payloads too: this prints what users send. Never: what CONNECT
                    brings and answers (auth, pid), a session's id, a request's query and headers */
};

/* The part of the library that speaks; in brackets what DEBUG=... shows of it in Node. */
enum sio_log_room {
  SIO_ROOM_NET,     /* listening, connections                                      */
  SIO_ROOM_HTTP,    /* requests                                                    */
  SIO_ROOM_WS,      /* WebSockets, Engine.IO's and others ("ws", "engine:ws")      */
  SIO_ROOM_EIO,     /* sessions, their packets, upgrades, refusals ("engine*")     */
  SIO_ROOM_SIO,     /* namespaces, sockets, events ("socket.io*", "socket.io-parser") */
  SIO_ROOM_ADAPTER, /* rooms, broadcasts ("socket.io-adapter")                     */
  SIO_ROOM_COUNT
};

/* text: one line of UTF-8 without its newline, borrowed, at most 512 bytes; what came from peers is
 * escaped (control characters, what is no UTF-8) and cut. room: "net", "eio", ...
 *
 * Called on the loop thread at the end of the turn, before the disconnect callbacks of that turn,
 * and by sio_server_new(), which also delivers why it fails; never inside another call. So it may
 * make any call, as every callback may. What those calls log is delivered after it has returned;
 * of that DEBUG and TRACE are left out, or a callback that emits would cause itself for ever.
 *
 * What peers can cause has a rate for each kind of line: 10 lines a second at ERROR and WARN, 5 of
 * them about one address; 100 and 50 at INFO. What is left out is counted, and one line a second
 * later says how many of which kind. DEBUG and TRACE have no rate: they are for looking at a server
 * while something is wrong, not for running one.
 *
 * Lines come in the order in which things happened. Until the turn ends they wait in memory, at
 * most 4 MiB of them: a line that finds no room or no memory is lost, which a later line and
 * sio_stats.log_lines_lost say. */
typedef void (*sio_log_cb)(int level, const char *room, const char *text, void *user);

/* Changes levels while running: spec is "warn", or "info,eio=debug,http=off".
 * 0, or UV_EINVAL for a word it does not know (then nothing changed). */
SIO_EXTERN int sio_log_set(sio_server *srv, const char *spec);

/* Delivers now what waits for the end of the turn: for a host that is about to call abort(). 0, or
 * SIO_ESTATE inside the log callback itself. */
SIO_EXTERN int sio_log_flush(sio_server *srv);

#ifdef __cplusplus
}
#endif
#endif
