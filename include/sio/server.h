/* SPDX-License-Identifier: MIT
 *
 * server.h - creating a server, listening, accepting connections, draining, closing.
 *
 * Rules that hold for every call of the library:
 *
 *  - A call that can fail returns 0 if it succeeds, and otherwise a negative error code (error.h),
 *    unless its comment says otherwise.
 *  - Unless the comment says otherwise: if a call fails, its callback never runs; if it succeeds,
 *    the callback runs exactly once. A callback that was registered for an event (a handler) runs
 *    each time the event happens.
 *  - The library uses what the arguments of a call point to only until the call returns, unless the
 *    comment says otherwise. What the library passes to a callback is valid until the callback
 *    returns, unless its comment says otherwise.
 *  - A struct that may get more fields in later versions begins with its size, or is passed
 *    together with its size. In the field `size` 0 stands for the size that the struct had in
 *    version 0.1, so a program sets size only to use fields that were added later. If an option is
 *    set that this version of the library does not know, the call returns UV_EINVAL, if it returns
 *    an error code.
 *  - The parameter `user` of a callback is the pointer that the program passed when it registered
 *    the callback.
 *  - A server belongs to one uv loop and to the thread that runs the loop. Which thread may call:
 *
 *        call                                                      thread
 *        sio_post()                                                any
 *        sio_strerror(), sio_reason_str(), sio_version()           any
 *        inline functions: value.h, sio_stats_add() and so on      any, on data of the thread
 *        sio_log_to_file()                                         any
 *        sio_threads_new(), _unref(), _post(), _start(), _stop()   any; see threads.h
 *        sio_openssl_new(), _reload(), _expires(), _free()         any; one at a time for a sio_tls
 *        the calls of emitter.h                                    any; one at a time per emitter
 *        sio_set_allocator()                                       before all other calls
 *        everything else                                           the loop's thread
 *
 *    Several servers may share a loop, or a process. All of them use the same allocator.
 *  - Inside a callback every call is allowed, unless the comment of the callback says otherwise.
 *    The callbacks of sio_on_any_outgoing() and sio_engine_hooks.packet_create run while something
 *    is being sent: there, calls that send to or close sockets or sessions, close or drain the
 *    server, visit the sockets of a target, make sockets join or leave, count or tell other
 *    servers, or flush the log, do nothing and are logged; those that return an error code return
 *    an error such as SIO_ESTATE.
 *  - Closing and disconnecting take effect at once, but the callbacks that they cause, except those
 *    of sio_on_close(), run later, on the loop's thread.
 *  - A turn of the loop is the work between two waits of the uv loop. Calls that send only queue
 *    data; the library usually passes it to the kernel at the end of the turn.
 *  - The library never raises SIGPIPE, and does not change the signal handling of the process.
 */
#ifndef SIO_SERVER_H
#define SIO_SERVER_H

#include <sio/error.h>
#include <sio/options.h>
#include <sio/stats.h>
#include <sio/tls.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets the functions malloc, realloc and free that libsio uses, for all servers of the process.
 * Three NULLs restore those of the C library. Call it before all other calls of the library. libuv
 * and cJSON keep their own allocators, and so do the shared libraries libsio-redis,
 * libsio-emitter, libsio-openssl and libsio-admin. UV_EINVAL: one or two of the arguments are
 * NULL. */
SIO_EXTERN int sio_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                                 void (*free_fn)(void *));

/* ---- creating a server ----------------------------------------------------------------------- */

/* Creates a server on the program's uv loop. The server does not listen yet (see sio_listen()).
 * sio_server_close() frees it. opts may be NULL: all defaults. UV_EINVAL: loop or out is NULL, or
 * an option is invalid; UV_ENOTSUP: an option needs a feature that this build of the library does
 * not have; UV_ENOMEM; or another error, for example of libuv or of sio_adapter_ops.open. If a
 * field of *opts is invalid, a log line names it. */
SIO_EXTERN int sio_server_new(struct uv_loop_s *loop, const sio_options *opts, sio_server **out);

/* Returns the loop that the server was created on. */
SIO_EXTERN struct uv_loop_s *sio_server_loop(const sio_server *srv);
/* One pointer that the server keeps for the program; NULL until sio_server_set_data() is called. */
SIO_EXTERN void *sio_server_data(const sio_server *srv);
SIO_EXTERN void sio_server_set_data(sio_server *srv, void *data);

/* Runs cb(srv, user) later on the loop's thread. Any thread may call sio_post(). Callbacks run in
 * the order in which they were posted. If sio_post() returns 0, cb runs exactly once; if the server
 * closes before that, cb still runs before done() of sio_server_close(). The program must make sure
 * that no thread calls sio_post() after done() has run. SIO_ECLOSED: the server is closing;
 * UV_EINVAL: cb is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_post(sio_server *srv, void (*cb)(sio_server *srv, void *user), void *user);

/* ---- listening and accepting ---------------------------------------------------------------- */

/* Listens on an address or a host name (NULL: all addresses) and a port (0: any free one; see
 * sio_port()). May be called more than once. It is the same as sio_listen_with() with only these
 * two fields set, and has the same errors. */
SIO_EXTERN int sio_listen(sio_server *srv, const char *host, int port);

/* For sio_listen_with(). The library copies the strings. */
typedef struct sio_listen_options {
  /* sizeof(sio_listen_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The address or host name to listen on; NULL: all addresses. */
  const char *host;
  /* The port; 0: any free one (see sio_port()). */
  int port;
  /* The path of a Unix socket to listen on instead; NULL: listen on host and port. If path is set,
   * host has to be NULL and port 0. If a socket file with this path exists and no process listens
   * on it, it is replaced. The file is removed when the server closes. */
  const char *path;
  /* The TLS of the connections (tls.h); NULL: connections are not encrypted. If tls is set, each
   * connection has to begin with a TLS handshake, after its PROXY header if it has one. The library
   * keeps the pointer: *tls must stay valid until done() of sio_server_close() has run. One sio_tls
   * may serve several servers. */
  const sio_tls *tls;
  /* How many connections the kernel queues until they are accepted (listen(2)). Default: 511. */
  int backlog;
} sio_listen_options;

/* Listens on one address. May be called more than once. If it fails, it logs one line at level
 * ERROR with the address and the reason, and passes the line to the log callback before it returns
 * (unless sio_log_flush() is not allowed at that moment). It logs nothing if opts is NULL, or if
 * opts->size or a field of a newer version is the reason. UV_EINVAL: opts is NULL or a field of
 * *opts is invalid; SIO_ESTATE: the server is closing; UV_EADDRINUSE, UV_EACCES, UV_ENOMEM and
 * others: errors of the system. */
SIO_EXTERN int sio_listen_with(sio_server *srv, const sio_listen_options *opts);

/* Returns the port of the first TCP listener, or 0 if the server has no TCP listener. */
SIO_EXTERN int sio_port(const sio_server *srv);

/* For sio_accept(). */
typedef struct sio_accept_options {
  /* sizeof(sio_accept_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* A listening stream of the program that has a pending connection; NULL: the field fd is used. */
  struct uv_stream_s *listener;
  /* If listener is NULL: the descriptor of a connected stream socket. */
  int fd;
  /* The bytes that the program has already read from fd: they begin with the first byte of an HTTP
   * request, of a PROXY header or, if tls is set, of a TLS handshake. {NULL,0}: the program has
   * read nothing. The bytes are copied. The library answers this request and all later ones on the
   * connection. */
  sio_slice read;
  /* The TLS of the connection, as sio_listen_options.tls. */
  const sio_tls *tls;
} sio_accept_options;

/* Accepts a connection of a listening stream that belongs to the program, or takes over a
 * descriptor that is connected:
 *
 *     sio_accept(srv, &(sio_accept_options){ .listener = stream });     in uv_listen()'s callback
 *     sio_accept(srv, &(sio_accept_options){ .fd = fd });
 *
 * opts->fd belongs to the library from then on: if sio_accept() fails, the library closes it.
 * SIO_ECLOSED: the server is closing; SIO_ETOOBIG: sio_options.max_connections are open, or
 * opts->read is longer than 80 KiB; SIO_ELIMIT: the client's address is over a limit, such as
 * connects_per_s; UV_EINVAL: opts is NULL or a field of *opts is invalid; UV_ENOMEM: no memory, or
 * opts->tls cannot create a session; errors of the system and of uv_accept(). */
SIO_EXTERN int sio_accept(sio_server *srv, const sio_accept_options *opts);

/* ---- closing ---------------------------------------------------------------------------- */

/* Stops listening, disconnects every socket ("server shutting down"), closes every connection,
 * frees the server, and then calls done(user). When done runs, the server has no handle on the uv
 * loop any more, and srv is not valid. done may be NULL. SIO_ESTATE: the server is closing already,
 * or the call was made in a callback in which it is not allowed (see above).
 *
 * What is queued for a client that polls is dropped, and a session on a WebSocket is cut at once if
 * the kernel does not take what is queued for it; sio_server_drain() sends what is queued. The
 * other clients have sio_options.shutdown_timeout_ms to answer the close; then the server cuts
 * their connections. So one client that has stopped reading can delay the end by this time, which
 * should be shorter than the time after which a supervisor kills the process. */
SIO_EXTERN int sio_server_close(sio_server *srv, void (*done)(void *user), void *user);

/* Registers two callbacks, for a part of a program that has timers of its own or keeps a pointer to
 * the server. begin runs when the server begins to close: inside sio_server_close() or, after
 * sio_server_drain(), when draining has ended. Sending to a socket returns SIO_ECLOSED at that
 * time, and the disconnect callbacks have not run yet. ended runs after all other callbacks of the
 * server except the done callbacks; it must not use the server. ended may be NULL. UV_EINVAL: begin
 * is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_on_close(sio_server *srv, void (*begin)(sio_server *srv, void *user),
                            void (*ended)(void *user), void *user);

/* For sio_server_drain(). */
typedef struct sio_drain_options {
  /* sizeof(sio_drain_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* How many milliseconds the server takes to end the open sessions, which it spreads evenly over
   * this time; 0: it ends all at once. */
  unsigned spread_ms;
  /* The number of seconds in the Retry-After header that new clients are sent; 0: the header is not
   * sent. */
  unsigned retry_after_s;
  /* How many milliseconds after sio_server_drain() the server closes even if sessions are left;
   * closing may take shutdown_timeout_ms more. 0: spread_ms + sio_options.close_timeout_ms. */
  uint64_t deadline_ms;
} sio_drain_options;

/* Drains the server: refuses new sessions with status 503, and ends the open ones ("server
 * shutting down"). What is queued for them is still sent, for at most
 * sio_options.close_timeout_ms. When no session is left, or after options->deadline_ms, it closes
 * the server as sio_server_close() does, and calls done(user). Until then the server keeps
 * listening, so that clients of open sessions can poll and upgrade. done and options may be NULL.
 * If the program calls sio_server_close() while the server drains, the server closes at once, and
 * the done callbacks of both calls run. UV_EINVAL: options->size is invalid, or *options sets a
 * field that this version of the library does not know; SIO_ESTATE: the server is already draining
 * or closing, or the call was made in a callback in which it is not allowed. */
SIO_EXTERN int sio_server_drain(sio_server *srv, const sio_drain_options *options,
                                void (*done)(void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
