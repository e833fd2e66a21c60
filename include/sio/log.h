/* SPDX-License-Identifier: MIT
 *
 * log.h - the log: lines of text for a callback of the host.
 */
#ifndef SIO_LOG_H
#define SIO_LOG_H

#include <sio/types.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sio_log_level {
  SIO_LOG_OFF,
  SIO_LOG_ERROR, /* the program needs attention: no memory, no descriptors              */
  SIO_LOG_WARN,  /* a client was closed or refused, and why                             */
  SIO_LOG_INFO,  /* start and end of the server, of sessions and of sockets             */
  SIO_LOG_DEBUG, /* each packet, without its payload                                    */
  SIO_LOG_TRACE  /* also the beginning of each payload, which is data of the users. Not logged at
                    any level: auth, pid, ids of sessions, queries and headers of requests */
};

/* The part of the library that logs a line. In brackets: the name with which DEBUG=... selects the
 * same lines in Node.js. */
enum sio_log_room {
  SIO_ROOM_NET,     /* listening, connections                                      */
  SIO_ROOM_HTTP,    /* requests                                                    */
  SIO_ROOM_WS,      /* WebSockets, Engine.IO's and others ("ws", "engine:ws")      */
  SIO_ROOM_EIO,     /* sessions, their packets, upgrades, refusals ("engine*")     */
  SIO_ROOM_SIO,     /* namespaces, sockets, events ("socket.io*", "socket.io-parser") */
  SIO_ROOM_ADAPTER, /* rooms, broadcasts ("socket.io-adapter")                     */
  SIO_ROOM_COUNT
};

/* One line of the log. Everything is borrowed until the callback returns. */
typedef struct sio_log_line {
  /* The size that the struct has in this version of the library. */
  size_t size;
  /* Unix time in milliseconds: when the line was logged. */
  uint64_t time_ms;
  /* One line of UTF-8 without its newline, at most 512 bytes. Control characters and bytes that are
   * not UTF-8 appear as \xNN, so that what a client sent cannot forge a line. */
  const char *text;
  /* "error", "warn", "info", "debug" or "trace" */
  const char *level_name;
  /* The part of the library: "net", "eio", ... */
  const char *room;
  /* The first eight characters of sio_session_info.public_id of the session that the line is about,
   * which is not secret; "": it is about none. */
  const char *session;
  /* The namespace that the line is about, escaped like text; "": it is about none. */
  const char *nsp;
  /* The descriptor of the connection that the line is about; -1: it is about none. The system gives
   * the number to another connection after this one has been closed. */
  int fd;
  int level; /* enum sio_log_level */
} sio_log_line;

/* For sio_options.log. It is called on the loop thread at the end of the turn, before the
 * disconnect callbacks of that turn. It is called within sio_server_new(), also to say why that
 * fails, within sio_listen() and sio_listen_with() if they fail, and within sio_log_flush(), but
 * within no other function. It may make any call, as every callback may. What such calls log is
 * delivered after it has returned; DEBUG and TRACE lines of them are left out, because a
 * callback that sends would cause new lines for ever.
 *
 * Lines that clients can cause have a rate for each kind: 10 lines a second at ERROR and WARN, 5 of
 * them about one address; 100 and 50 at INFO. Lines above the rate are counted, and one line a
 * second later says how many of which kind there were. DEBUG and TRACE have no rate: use them to
 * look at a server while something is wrong.
 *
 * Lines come in the order in which things happened. Until the turn ends they wait in memory, at
 * most 4 MiB of them: a line for which there is no room or no memory is lost. A later line and
 * sio_stats.log_lines_lost say so. */
typedef void (*sio_log_cb)(const sio_log_line *line, void *user);

/* Where sio_log_to_file() writes. A field that is 0 changes nothing. */
typedef struct sio_log_file {
  /* sizeof(sio_log_file); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* NULL: stderr. The file belongs to the host. */
  FILE *file;
  /* Write each line as one JSON object with a newline at its end:
   *     {"time":"2026-01-31T12:00:00.123Z","level":"warn","room":"eio","session":"Qx3_a1Bc",
   *      "message":"..."}
   * fd, session and nsp are members only where the line is about one. Otherwise a line is text:
   *     2026-01-31T12:00:00.123Z warn  eio     session=Qx3_a1Bc ... */
  bool json;
} sio_log_file;

/* A ready-made sio_options.log, which writes lines to a file. log_user points to a sio_log_file
 * that outlives the server, or is NULL: text to stderr.
 *     sio_options o = { .log = sio_log_to_file, .log_level = SIO_LOG_INFO };
 * Any thread. The lines of several threads are not mixed. */
SIO_EXTERN void sio_log_to_file(const sio_log_line *line, void *log_file);

/* Changes the log level of a running server: "warn" for all parts, or "info,eio=debug,http=off"
 * with other levels for some of them (sio_log_line.room). UV_EINVAL: a word is not known, and
 * nothing was changed. Loop thread. */
SIO_EXTERN int sio_log_set(sio_server *srv, const char *spec);

/* Passes the lines that wait for the end of the turn to the log callback now, for a program that is
 * about to call abort(). SIO_ESTATE: called inside the log callback. Loop thread. */
SIO_EXTERN int sio_log_flush(sio_server *srv);

#ifdef __cplusplus
}
#endif
#endif
