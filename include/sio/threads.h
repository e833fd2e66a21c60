/* SPDX-License-Identifier: MIT
 *
 * threads.h - one server on several threads, so that a program can use several processor cores.
 *
 * A sio_server belongs to one loop and one thread. A program that wants to use several cores
 * creates several of them, each on a thread with its own loop, and names the same sio_threads in
 * the options of each. They are then its members, and clients see them as one server:
 *
 *  - Only one member needs to listen. It passes each new connection to the member that has the
 *    fewest. A request for a session of another member is passed to that member together with its
 *    connection, so neither a load balancer nor sticky sessions are needed.
 *  - sio_broadcast(), sio_broadcast_ack(), sio_all_join(), sio_all_leave(), sio_all_disconnect(),
 *    sio_all_fetch(), sio_server_side_emit() and sio_server_count() reach the sockets, or servers,
 *    of all members, unless SIO_LOCAL is set.
 *  - The program registers its handlers, routes and files with each member, because a client can
 *    come to any of them. A handler runs on the thread of the member that has the socket, and sees
 *    only sockets and events of this member. Data that several threads use needs a lock.
 *
 * sio_threads_start() starts the threads with their loops and servers, and calls a function of the
 * host for each of them:
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

/* The greatest number of members. */
enum { SIO_THREADS_MAX = 64 };

/* Creates a sio_threads without members, for a host that runs the threads and loops itself. A
 * server that is created with sio_options.threads becomes a member, and stops being one when it
 * begins to close. Release it with sio_threads_unref(). UV_ENOMEM. Any thread. */
SIO_EXTERN int sio_threads_new(sio_threads **out);
/* Releases the host's reference to a sio_threads of sio_threads_new(). The host may do so as soon
 * as the servers have been created: the memory is freed when the last member has closed. NULL is
 * allowed. Any thread. */
SIO_EXTERN void sio_threads_unref(sio_threads *t);

/* Runs cb(srv, user) once on the thread of each member, as sio_post() does for one server. *count
 * is set to the number of members that will run cb; count may be NULL. UV_EINVAL:
 * cb is NULL; SIO_ECLOSED: there is no member, or one is closing; UV_ENOMEM. If it fails for some
 * members, cb runs on the others. Any thread. */
SIO_EXTERN int sio_threads_post(sio_threads *t, void (*cb)(sio_server *srv, void *user), void *user,
                                unsigned *count);

/* Connects the members with the servers of other processes. srv must be a member. It uses the
 * adapter for the messages of all members, for example sio_redis_adapter with a sio_redis on the
 * loop of srv. Call it in setup, or before srv has sockets. user is passed to the adapter in place
 * of sio_options.adapter_user. Adapter and user must outlive srv. For other processes the members
 * are one server together: a message is sent once, a question is answered once, and
 * sio_server_count() counts one.
 *
 * Only namespaces that exist in srv are connected. When srv has closed, the other members are not
 * connected with other processes any more. UV_EINVAL: srv is not a member, the size of the table is
 * wrong, or it has SIO_ADAPTER_RECOVERS; SIO_EEXISTS: another member has an adapter; SIO_ESTATE: a
 * namespace of srv has sockets; an error of the adapter's open, after which srv must be closed. */
SIO_EXTERN int sio_threads_set_adapter(sio_server *srv, const struct sio_adapter_ops *adapter,
                                       void *user);

/* sum contains the statistics of `servers` servers, added as by sio_stats_add(). It is borrowed. */
typedef void (*sio_threads_stats_cb)(const sio_stats *sum, unsigned servers, void *user);
/* Adds up the statistics of all members, and calls cb(sum, servers, user) once, later and from the
 * loop of srv. srv is one of the members; for a server without sio_options.threads, sum has its
 * statistics alone. If srv closes first, sum contains the members that have answered. Thread of
 * srv. UV_EINVAL: cb is NULL; SIO_ECLOSED: srv is closing; UV_ENOMEM. */
SIO_EXTERN int sio_threads_get_stats(sio_server *srv, sio_threads_stats_cb cb, void *user);

/* Writes the text of sio_metrics_text() for the sum of all members, and calls cb(text, user) once,
 * later and from the loop of srv. An empty text means that memory ran out. sio_metrics_route()
 * sends this text if the server is a member. Thread of srv. UV_EINVAL: cb is NULL; SIO_ECLOSED: srv
 * is closing; UV_ENOMEM. */
SIO_EXTERN int sio_threads_metrics(sio_server *srv, sio_metrics_cb cb, void *user);

/* For sio_threads_start(). Zero is the default of every field, except for setup. */
typedef struct sio_threads_options {
  /* sizeof(sio_threads_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The number of threads, at most SIO_THREADS_MAX; 0: one for each processor that the process may
   * use. */
  unsigned count;
  /* The options of each server, without `threads`, which is ignored; NULL: the defaults. Borrowed
   * until sio_threads_start() returns. */
  const sio_options *server;
  /* Required. Called once for each server, on its thread, before the server handles anything.
   * number is 0 for the first server, 1 for the second, and so on. At least one of them must
   * listen. If setup returns an error, all servers are closed, and sio_threads_start() returns the
   * error. */
  int (*setup)(sio_server *srv, unsigned number, void *user);
  /* Passed to setup. */
  void *user;
} sio_threads_options;

/* Starts the threads, waits until setup has returned on all of them, and returns. End them with
 * sio_threads_stop(). Not allowed on the thread of a member. UV_EINVAL: setup is NULL, or count is
 * too large; UV_EAGAIN: the system cannot start a thread; UV_ENOMEM; errors of setup and of
 * sio_server_new(). */
SIO_EXTERN int sio_threads_start(const sio_threads_options *options, sio_threads **out);
/* Closes the servers of sio_threads_start() as sio_server_close() does, waits until they have
 * closed and their threads have ended, and frees t. Not allowed on the thread of a member. */
SIO_EXTERN void sio_threads_stop(sio_threads *t);

#ifdef __cplusplus
}
#endif
#endif
