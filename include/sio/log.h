/* SPDX-License-Identifier: MIT
 *
 * log.h - the log: the library passes lines of text to a callback of the program.
 */
#ifndef SIO_LOG_H
#define SIO_LOG_H

#include <sio/types.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How much is logged: each level contains the levels above it in this list. No level logs the auth
 * data of clients, the ids of sessions, or the pids of connection state recovery (sio_recovery). */
enum sio_log_level {
  SIO_LOG_OFF,
  SIO_LOG_ERROR, /* the program needs attention, for example: no descriptors are left   */
  SIO_LOG_WARN,  /* something went wrong, for example: a client was refused, and why    */
  SIO_LOG_INFO,  /* also what is normal, for example: a session began or ended          */
  SIO_LOG_DEBUG, /* also each packet, without its payload                               */
  SIO_LOG_TRACE  /* also the beginning of each payload, which is data of the users      */
};

/* The part of the library that logs a line. In parentheses: the name with which DEBUG=... selects
 * similar lines in Node.js. */
enum sio_log_part {
  SIO_PART_NET,     /* listening, connections                                      */
  SIO_PART_HTTP,    /* requests                                                    */
  SIO_PART_WS,      /* WebSockets, Engine.IO's and others ("ws", "engine:ws")      */
  SIO_PART_EIO,     /* sessions, their packets, upgrades, refusals ("engine*")     */
  SIO_PART_SIO,     /* namespaces, sockets, events ("socket.io*", "socket.io-parser") */
  SIO_PART_ADAPTER, /* rooms, broadcasts ("socket.io-adapter")                     */
  SIO_PART_COUNT
};

/* One line of the log. What its pointers refer to is valid until the callback returns. */
typedef struct sio_log_line {
  /* The size that this struct has in the version of the library that calls the callback. */
  size_t size;
  /* When the line was logged: Unix time in milliseconds. */
  uint64_t time_ms;
  /* The line as UTF-8 text without a newline, at most 512 bytes. In the lines of a server, control
   * characters and bytes that are not UTF-8 appear as \xNN, so that what a client sent cannot look
   * like a line of the library. */
  const char *text;
  /* The level: "error", "warn", "info", "debug" or "trace". */
  const char *level_name;
  /* The part of the library that logged the line: "net", "eio" and so on (see sio_log_part), or
   * "redis" (redis.h). */
  const char *part;
  /* If the line is about a session: the first eight characters of its sio_session_info.public_id,
   * which is not secret; otherwise "". */
  const char *session;
  /* If the line is about a namespace: its name, escaped like text; otherwise "". */
  const char *nsp;
  /* The descriptor of the connection that the line is about; -1 if the line names none. After the
   * connection has been closed, the system gives the same number to another connection. */
  int fd;
  int level; /* enum sio_log_level */
} sio_log_line;

/* The callback of sio_options.log. It runs on the loop's thread at the end of the turn of the loop.
 * Besides that, it runs only inside sio_server_new() (also to say why that fails), inside
 * sio_log_flush(), and inside these calls if they fail, because a program that cannot start often
 * exits before its loop runs: sio_listen(), sio_listen_with(), sio_on() with a reserved name, and
 * the functions of http.h, engine.h and metrics.h that add routes. It may call every function but
 * sio_log_flush(). The lines that such calls log are delivered after it has returned, except for
 * those at DEBUG and TRACE, which are left out: a callback that sends would cause new lines for
 * ever.
 *
 * The number of lines that clients can cause is limited. Of each kind of line, at most 10 are
 * logged each second at ERROR and WARN, and at most 5 of them about one address; at INFO 100 and
 * 50. Lines above that are counted, and a second later one line for each kind says how many were
 * left out. At DEBUG and TRACE most kinds have no such limit: use these levels to look at a server
 * while something is wrong.
 *
 * The lines come in the order in which things happened. Until the end of the turn they are kept in
 * memory. A line is lost if there is no memory for it, or if more than 4 MiB would be kept.
 * sio_stats.log_lines_lost counts the lost lines, and a later line reports them. */
typedef void (*sio_log_cb)(const sio_log_line *line, void *user);

/* Says where sio_log_to_file() writes. A field that is 0 selects its default. */
typedef struct sio_log_file {
  /* sizeof(sio_log_file); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The file to write to, which remains the program's; NULL: stderr. */
  FILE *file;
  /* Write each line as one JSON object, followed by a newline:
   *
   *     {"time":"2026-01-31T12:00:00.123Z","level":"warn","part":"eio","session":"Qx3_a1Bc",
   *      "message":"..."}
   *
   * The members fd, session and nsp are written only if the line is about a connection, a session
   * or a namespace. If json is false, a line is plain text:
   *
   *     2026-01-31T12:00:00.123Z warn  eio     session=Qx3_a1Bc ... */
  bool json;
} sio_log_file;

/* A function for sio_options.log that writes the lines to a file. sio_options.log_user then points
 * to a sio_log_file, which must outlive the server; or it is NULL: plain text to stderr.
 *
 *     sio_options o = { .log = sio_log_to_file, .log_level = SIO_LOG_INFO };
 *
 * May be called on any thread; the lines of several threads are not mixed. */
SIO_EXTERN void sio_log_to_file(const sio_log_line *line, void *log_file);

/* Changes the log level of a running server. spec is a level for all parts of the library, such as
 * "warn", or contains other levels for some parts (enum sio_log_part), such as
 * "info,eio=debug,http=off". A part for which spec has no level keeps its own. Must be called on
 * the loop's thread. UV_EINVAL: spec is NULL or empty, or contains an unknown word; then no level
 * was changed. */
SIO_EXTERN int sio_log_set(sio_server *srv, const char *spec);

/* Passes the lines that wait for the end of the turn to the log callback at once, for a program
 * that is about to call abort(). Must be called on the loop's thread. SIO_ESTATE: called inside the
 * log callback, or in a callback that runs inside a call that sends (server.h). */
SIO_EXTERN int sio_log_flush(sio_server *srv);

#ifdef __cplusplus
}
#endif
#endif
