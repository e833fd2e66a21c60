/* SPDX-License-Identifier: MIT
 *
 * threads.h - one server on several threads, so that a program can use several processor cores.
 *
 * A sio_server belongs to one loop and one thread. A program that wants to use several cores
 * creates several servers, each on a thread with its own loop, and sets sio_options.threads of each
 * to the same sio_threads. The servers are then the members of this sio_threads, and clients see
 * them as one server:
 *
 *  - Only one member needs to listen. It passes each new connection to the member that has the
 *    fewest connections and does not drain; those of sio_accept() stay. A request for a session of
 *    another member is passed to that member with its connection, so neither a load balancer nor
 *    sticky sessions are needed.
 *  - sio_broadcast(), sio_broadcast_ack(), sio_all_join(), sio_all_leave(), sio_all_disconnect(),
 *    sio_all_fetch(), sio_server_side_emit() and sio_server_count() reach the sockets, or servers,
 *    of all members, unless SIO_LOCAL is set without SIO_PROCESS.
 *  - The program registers its callbacks, routes and files with each member, because a client can
 *    come to any of them. A callback runs on the thread of the member that has the socket, and sees
 *    only sockets and events of this member. Data that several threads use needs a lock.
 *
 * sio_threads_start() starts the threads with their loops and servers, and calls a function of the
 * program for each of them:
 *
 *     static int setup(sio_server *srv, unsigned number, void *user) {
 *       sio_nsp *root;
 *       int err = sio_of(srv, "/", &root);
 *       if (!err) err = sio_on(root, "hello", on_hello, NULL);
 *       return err || number > 0 ? err : sio_listen(srv, NULL, 3000);
 *     }
 *
 *     sio_threads *threads;
 *     sio_threads_start(&(sio_threads_options){ .setup = setup }, &threads);
 *     ...
 *     sio_threads_stop(threads);
 */
#ifndef SIO_THREADS_H
#define SIO_THREADS_H

#include <sio/metrics.h>
#include <sio/options.h>
#include <sio/stats.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The maximum number of members of a sio_threads. A server that closes still counts, until it has
 * closed. For one more server, sio_server_new() returns UV_ENOMEM. */
enum { SIO_THREADS_MAX = 64 };

/* Creates a sio_threads without members, for a program that runs the threads and loops itself. A
 * server that is created with this sio_threads in sio_options.threads becomes a member; when the
 * server begins to close, it stops being one. The program releases the sio_threads with
 * sio_threads_unref(). May be called on any thread. UV_ENOMEM. */
SIO_EXTERN int sio_threads_new(sio_threads **out);
/* Releases the program's reference to a sio_threads of sio_threads_new(). The program may do this
 * as soon as the servers have been created: the memory is freed when the last member has closed. t
 * may be NULL. May be called on any thread. */
SIO_EXTERN void sio_threads_unref(sio_threads *t);

/* Runs cb(srv, user) once on the thread of each member, as sio_post() does for one server. If count
 * is not NULL, *count is set to the number of members that will run cb. If posting to some members
 * fails, cb still runs on the others. May be called on any thread. UV_EINVAL: t or cb is NULL;
 * SIO_ECLOSED: t has no member, or a member is closing; SIO_ETOOBIG: a member is too far behind
 * with what other threads have sent it (64 MiB); UV_ENOMEM. */
SIO_EXTERN int sio_threads_post(sio_threads *t, void (*cb)(sio_server *srv, void *user), void *user,
                                unsigned *count);

/* Connects all members with the servers of other processes, through one adapter. srv, which must be
 * a member, runs the adapter for all members; an example is sio_redis_adapter with a sio_redis on
 * the loop of srv. Call it in sio_threads_options.setup, or before srv has sockets. Sockets that
 * wait in middleware count, and those whose disconnect callbacks have still to run. user is passed
 * to adapter->open in place of sio_options.adapter_user. *adapter and what user points to must
 * outlive srv. For other processes all members together are one server: a message is sent to them
 * once, a query is answered once, and sio_server_count() counts one server.
 *
 * Only namespaces that exist in srv are connected. When srv has closed, the other members are no
 * longer connected with other processes.
 *
 * If sio_options.recovery is set and adapter->flags contains SIO_ADAPTER_RECOVERS
 * (sio_redis_streams_adapter), the adapter keeps the lost sockets of all members, and the events
 * that they miss: a client can return to any member and to any other process. All members must then
 * have the same max_disconnection_ms, also those that are created later. Events of all members that
 * may be sent again after a recovery go through srv as long as it can be reached, and all members
 * then deliver them in the same order. When srv has closed, the other members deliver them at once,
 * and no client can be recovered.
 *
 * UV_EINVAL: srv was created without sio_options.threads; adapter is NULL; adapter->size is less
 * than in version 0.1 (and not 0); adapter->flags contains SIO_ADAPTER_RECOVERS, and persist or
 * restore is NULL; or the members have different max_disconnection_ms, which is logged.
 * SIO_EEXISTS: a member has an adapter already; SIO_ESTATE: a namespace of srv has sockets;
 * SIO_ECLOSED: srv is closing; or an error of adapter->open, after which the program must close
 * srv. */
SIO_EXTERN int sio_threads_set_adapter(sio_server *srv, const struct sio_adapter_ops *adapter,
                                       void *user);

/* Called by sio_threads_fetch_stats(). *sum is the sum of the statistics of as many servers as the
 * parameter `servers` says; `addresses` is not added up, because the servers count it together. It
 * is valid until the callback returns. */
typedef void (*sio_threads_stats_cb)(const sio_stats *sum, unsigned servers, void *user);
/* Adds up the statistics of all members of the sio_threads that srv belongs to, and calls cb(sum,
 * servers, user) once, later and on the thread of srv. If srv was created without
 * sio_options.threads, sum is the statistics of srv alone. A member that cannot be asked is missing
 * in the sum. If srv closes before all members have answered, sum contains those that have. Must be
 * called on the thread of srv. UV_EINVAL: cb is NULL; SIO_ECLOSED: srv is closing; UV_ENOMEM. */
SIO_EXTERN int sio_threads_fetch_stats(sio_server *srv, sio_threads_stats_cb cb, void *user);

/* Writes the text of sio_metrics_text() for the sum of all members, and calls cb(text, user) once,
 * later and on the thread of srv. The text is empty if it could not be made, and is valid until cb
 * returns. sio_metrics_route() sends this text if its server is a member. Must be called on the
 * thread of srv. UV_EINVAL: cb is NULL; SIO_ECLOSED: srv is closing; UV_ENOMEM. */
SIO_EXTERN int sio_threads_fetch_metrics(sio_server *srv, sio_metrics_cb cb, void *user);

/* The options of sio_threads_start(). A field that is 0 or NULL selects its default, except for
 * setup. */
typedef struct sio_threads_options {
  /* sizeof(sio_threads_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The number of threads, at most SIO_THREADS_MAX; 0: one for each processor that the process may
   * use. */
  unsigned count;
  /* The options of each server; NULL: all defaults. The field `threads` in them is ignored. The
   * struct must stay valid until sio_threads_start() returns; tables of functions and user pointers
   * in it, until sio_threads_stop() returns. */
  const sio_options *server;
  /* Called once for each server, on the server's thread, before the server accepts anything.
   * Required. number is 0 for the first server, 1 for the second, and so on. Usually at least one
   * call makes its server listen. Returns 0; if it returns an error, all servers are closed, and
   * sio_threads_start() returns the first error. */
  int (*setup)(sio_server *srv, unsigned number, void *user);
  /* The last argument of setup. */
  void *user;
} sio_threads_options;

/* Starts the threads, waits until setup has returned on all of them, and returns. The program ends
 * them with sio_threads_stop(). Must not be called on the thread of a member, that is, in a
 * callback of one of its servers. UV_EINVAL: options or setup is NULL, count is greater than
 * SIO_THREADS_MAX, options->size is invalid, or *options sets a field that this version of the
 * library does not know; UV_EAGAIN: the system cannot start a thread; UV_ENOMEM; or an error of
 * setup, of sio_server_new() or of libuv. */
SIO_EXTERN int sio_threads_start(const sio_threads_options *options, sio_threads **out);
/* Closes the servers of sio_threads_start() as sio_server_close() does, waits until they have
 * closed and their threads have ended, and releases t. Must not be called on the thread of a
 * member, that is, in a callback of one of its servers. t may be NULL. */
SIO_EXTERN void sio_threads_stop(sio_threads *t);

#ifdef __cplusplus
}
#endif
#endif
