/* SPDX-License-Identifier: MIT
 *
 * server.h - creating a server, listening, accepting connections, draining, closing.
 *
 * Rules that hold for every call of the library:
 *
 *  - 0 is success, a negative number an error code (error.h).
 *  - If a call fails, its callback never runs. If it succeeds, the callback runs exactly once; a
 *    handler runs each time its event happens.
 *  - Arguments are borrowed for the call, arguments of callbacks until the callback returns.
 *  - A parameter that a call fills in is its last one.
 *  - A struct that may get more fields in later versions begins with its size. 0 stands for the
 *    size that it had in version 0.1, so a program sets size only to use fields that were added
 *    later. If a field is set that this version of the library does not know, the call returns
 *    UV_EINVAL.
 *  - A callback has a pointer of the host as its last parameter, `user`, with which it was
 *    registered.
 *  - A server belongs to one uv loop and to the thread that runs the loop. Calls of other threads:
 *
 *        call                                                      thread
 *        sio_post()                                                any
 *        sio_strerror(), sio_reason_str(), sio_version()           any
 *        sio_stats_add(), sio_histogram_total(), on copies         any
 *        sio_log_to_file()                                         any
 *        sio_threads_new(), _unref(), _post(), _start(), _stop()   any; see threads.h
 *        sio_openssl_new(), _reload(), _expires(), _free()         any; one at a time for a sio_tls
 *        the calls of emitter.h                                    any; one at a time per emitter
 *        sio_set_allocator()                                       before all other calls
 *        everything else                                           the loop's thread
 *
 *    Several servers may share a loop, or a process. The allocator is the only global state.
 *  - Inside a callback every call is allowed, with these exceptions. The callbacks of
 *    sio_on_any_outgoing() and sio_engine_hooks.packet_create run inside a call that sends: there,
 *    calls that send, close, join, leave or visit return SIO_ESTATE and are logged.
 *  - Closing and disconnecting take effect at once, but the callbacks that they cause run later,
 *    from the loop.
 *  - Calls that send only queue. The kernel is given the data at the end of the loop's turn.
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

/* Sets malloc, realloc and free for the whole process; three NULLs restore those of the C library.
 * Call it before all other calls of the library. The allocators of libuv and cJSON stay as they
 * are. UV_EINVAL: some are NULL and some are not. */
SIO_EXTERN int sio_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                                 void (*free_fn)(void *));

/* ---- creating a server ----------------------------------------------------------------------- */

/* Creates a server on the host's loop. It does not listen yet. It is freed by sio_server_close().
 * opts may be NULL. UV_EINVAL, UV_ENOTSUP (see options.h), UV_ENOMEM. */
SIO_EXTERN int sio_server_new(struct uv_loop_s *loop, const sio_options *opts, sio_server **out);

/* The loop that the server was created on. */
SIO_EXTERN struct uv_loop_s *sio_server_loop(const sio_server *srv);
/* One pointer for the host; NULL at first. */
SIO_EXTERN void *sio_server_data(const sio_server *srv);
SIO_EXTERN void sio_server_set_data(sio_server *srv, void *data);

/* Runs cb(srv, user) on the loop's thread. Any thread may call it; callbacks run in the order in
 * which they were posted. If it returns 0, cb runs exactly once; if the server is closed in the
 * meantime, cb runs before done() of sio_server_close(). The host must make sure that no thread
 * calls sio_post() after done() has run. SIO_ECLOSED: the server is closing; UV_EINVAL: cb is NULL;
 * UV_ENOMEM. */
SIO_EXTERN int sio_post(sio_server *srv, void (*cb)(sio_server *srv, void *user), void *user);

/* ---- listening and accepting ---------------------------------------------------------------- */

/* Listens on an address or a host name (NULL: all addresses) and a port (0: any free one). May be
 * called more than once. UV_EADDRINUSE, UV_EACCES, ... See sio_listen_with(). */
SIO_EXTERN int sio_listen(sio_server *srv, const char *host, int port);

/* For sio_listen_with(). Strings are copied. */
typedef struct sio_listen_options {
  /* sizeof(sio_listen_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* An address or a host name; NULL: all addresses. */
  const char *host;
  /* 0: any free one, which sio_port() returns. */
  int port;
  /* Listens on a Unix socket instead. host and port must then be 0. A socket file that no process
   * listens on is replaced. The file is removed when the server closes. */
  const char *path;
  /* NULL: connections are plain. Otherwise they must begin with a TLS handshake. It is borrowed,
   * also by the connections, and must live until done() of sio_server_close() has run. It may
   * serve several servers. See tls.h. */
  const sio_tls *tls;
  /* 511: how many connections may wait to be accepted (listen(2)). */
  int backlog;
} sio_listen_options;

/* Listens on one address. May be called more than once. When it fails, it logs one line at ERROR
 * with the address and the reason, and the log callback runs before it returns (but not if the
 * caller is the log callback itself). UV_EINVAL: a field is invalid; SIO_ESTATE: the server is
 * closing; UV_EADDRINUSE, UV_EACCES, UV_ENOMEM, ... */
SIO_EXTERN int sio_listen_with(sio_server *srv, const sio_listen_options *opts);

/* The port of the first TCP listener; 0: there is no TCP listener. */
SIO_EXTERN int sio_port(const sio_server *srv);

/* For sio_accept(). */
typedef struct sio_accept_options {
  /* sizeof(sio_accept_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* A listener that belongs to the host and has a pending connection. NULL: fd is used. */
  struct uv_stream_s *listener;
  /* A connected descriptor of a stream socket, if listener is NULL. */
  int fd;
  /* What the host has already read from fd, from the first byte of a request on, or ciphertext if
   * tls is set; {NULL,0}: nothing. It is copied. Later requests on the connection are the
   * library's too. */
  sio_slice read;
  /* As sio_listen_options.tls. */
  const sio_tls *tls;
} sio_accept_options;

/* Accepts a connection of a listener that belongs to the host, or takes over a connected
 * descriptor:
 *
 *     sio_accept(srv, &(sio_accept_options){ .listener = stream });     in uv_listen()'s callback
 *     sio_accept(srv, &(sio_accept_options){ .fd = fd });
 *
 * The library owns the descriptor, also after an error. SIO_ECLOSED: the server is closing;
 * SIO_ETOOBIG: max_connections are open, or read is longer than 80 KiB; SIO_ELIMIT: the address is
 * over a limit; UV_EINVAL: opts is NULL or a field is invalid; UV_ENOMEM; errors of uv_accept(). */
SIO_EXTERN int sio_accept(sio_server *srv, const sio_accept_options *opts);

/* ---- closing ---------------------------------------------------------------------------- */

/* Stops listening, disconnects every socket ("server shutting down"), closes every connection,
 * frees the server, and then calls done(user). When done runs, the server has no handle on the loop
 * any more, and srv is not valid. done may be NULL. SIO_ESTATE: the server is closing already.
 * Clients have shutdown_timeout_ms to read what is queued for them and to answer the close; then
 * their connections are cut. With a client that does not answer, closing takes that long: keep it
 * shorter than the time after which a supervisor kills the process. */
SIO_EXTERN int sio_server_close(sio_server *srv, void (*done)(void *user), void *user);

/* Registers two callbacks, for parts of a program that have timers of their own or keep a pointer
 * to the server. begin runs when the server begins to close, by sio_server_close() or at the end of
 * sio_server_drain(): sending then returns SIO_ECLOSED, and the disconnect callbacks have not run
 * yet. ended runs after all other callbacks of the server, right before done() of
 * sio_server_close(). It must not use the server. ended may be NULL. UV_EINVAL: begin is NULL;
 * UV_ENOMEM. */
SIO_EXTERN int sio_on_close(sio_server *srv, void (*begin)(sio_server *srv, void *user),
                            void (*ended)(void *user), void *user);

/* For sio_server_drain(). */
typedef struct sio_drain_options {
  /* sizeof(sio_drain_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The open sessions are ended one after the other, spread over this time; 0: all at once. */
  unsigned spread_ms;
  /* New clients are sent this Retry-After, in seconds; 0: the header is not sent. */
  unsigned retry_after_s;
  /* After this time the server closes even if sessions are left, which may take
   * shutdown_timeout_ms more. 0: spread_ms + close_timeout_ms. */
  uint64_t deadline_ms;
} sio_drain_options;

/* Refuses new sessions with status 503 and ends the open ones ("server shutting down") after what
 * is queued for them has been sent. When no session is left, or at the deadline, it closes the
 * server as sio_server_close() does, and calls done(user); done may be NULL. Until then the server
 * goes on listening, so that open sessions can poll and upgrade. options may be NULL. If
 * sio_server_close() is called meanwhile, the server closes at once, and both done callbacks run.
 * UV_EINVAL: the size of options is wrong; SIO_ESTATE: the server drains or closes already. */
SIO_EXTERN int sio_server_drain(sio_server *srv, const sio_drain_options *options,
                                void (*done)(void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
