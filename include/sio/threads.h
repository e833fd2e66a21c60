/* SPDX-License-Identifier: MIT
 *
 * threads.h - one program on several cores: servers on several threads that serve as one.
 *
 * A server belongs to one loop and one thread. A program that wants to use more cores makes several
 * servers, each on a thread with a loop of its own, and names the same sio_threads in the options
 * of each. They are then members of it:
 *
 *  - A member that listens accepts connections for all: a new connection goes to the member with
 *    the fewest. No balancer is needed, and no sticky sessions: a request for a session of another
 *    member is handed over to that member together with its connection.
 *  - sio_broadcast(), sio_broadcast_ack(), sio_all_join() and its like, sio_all_fetch(),
 *    sio_server_side_emit() and sio_server_count() reach all members, as they would reach all
 *    servers of a cluster. SIO_LOCAL means the member alone.
 *  - Handlers, routes and files are registered with each member, because a request may come to any
 *    of them. Handlers run on the thread of the member that has the socket. A handler must not use
 *    what another thread uses without a lock; it never sees sockets and events of another member.
 *
 * sio_threads_start() makes the threads, loops and servers, and calls the host's function for each
 * to register its handlers:
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

/* Makes a sio_threads without members, for a host that runs the loops itself. Each server becomes a
 * member when it is made with sio_options.threads, and leaves when it begins to close. UV_ENOMEM.
 * Any thread. */
SIO_EXTERN int sio_threads_new(sio_threads **out);
/* Gives the host's reference back, which it may do as soon as the servers are made: the memory is
 * freed after the last member has closed. NULL is allowed. Any thread. */
SIO_EXTERN void sio_threads_unref(sio_threads *t);

/* Runs fn(srv, arg) on the thread of each member, as sio_post() does. *count, unless count is NULL,
 * is the number of members that will run it. 0, or the first error: SIO_ECLOSED, UV_ENOMEM. Any
 * thread. */
SIO_EXTERN int sio_threads_post(sio_threads *t, void (*fn)(sio_server *srv, void *arg), void *arg,
                                unsigned *count);

/* Connects the members with other processes: srv, which is a member and calls this in setup, takes
 * the messages between them and the servers of other processes with this adapter, for example
 * sio_redis_adapter with a sio_redis on the loop of srv. user is what the adapter gets in place of
 * sio_options.adapter_user; like the adapter it must outlive srv. To other processes all members
 * together are one server: they send each message once, answer a question once, and count as one.
 *
 * A namespace has to exist in srv to be connected. When srv closes, the other members are on their
 * own. UV_EINVAL: srv is not a member, the table is smaller than in version 0.1, or it has
 * SIO_ADAPTER_RECOVERS; SIO_EEXISTS: another member has an adapter; SIO_ESTATE: a namespace has
 * sockets; errors of the adapter's open, after which the server must be closed. */
SIO_EXTERN int sio_threads_set_adapter(sio_server *srv, const struct sio_adapter_ops *adapter,
                                       void *user);

/* sum adds up the statistics of `servers` servers, as sio_stats_add() does. It is borrowed. */
typedef void (*sio_threads_stats_cb)(const sio_stats *sum, unsigned servers, void *user);
/* Asks all members for their statistics, and calls cb(sum, servers, user) once, from the loop of
 * srv, when they have come. srv is one of the members, or a server that has none beside it. If srv
 * closes before, the sum is of those that have come. UV_EINVAL: cb is NULL; SIO_ECLOSED: srv
 * closes; UV_ENOMEM. */
SIO_EXTERN int sio_threads_stats(sio_server *srv, sio_threads_stats_cb cb, void *user);

/* As sio_metrics_text(), with the statistics of all members, as sio_threads_stats() adds them up.
 * cb(text, user) is called once, from the loop of srv, when they have come; an empty text means
 * that memory ran out. sio_metrics_route() answers with this text if the server is a member.
 * UV_EINVAL: cb is NULL; SIO_ECLOSED: srv closes; UV_ENOMEM. */
SIO_EXTERN int sio_threads_metrics(sio_server *srv, sio_metrics_cb cb, void *user);

typedef struct sio_threads_options {
  size_t size; /* sizeof(sio_threads_options); 0: the size that it had in version 0.1 */
  /* The number of threads; 0: one for each processor that the process may use. */
  unsigned count;
  /* The options of every server; NULL: the defaults. `threads` in it is ignored. Borrowed until
   * sio_threads_start() returns. */
  const sio_options *server;
  /* Called once for each server, on its thread, before the server handles anything. number counts
   * the servers from 0. One of them must listen. If it returns an error, all servers are closed,
   * and sio_threads_start() returns that error. */
  int (*setup)(sio_server *srv, unsigned number, void *user);
  void *user;
} sio_threads_options;

/* Starts the threads, and returns after setup has returned on all of them. UV_EINVAL: there is no
 * setup, or count is more than SIO_THREADS_MAX; UV_ENOMEM, UV_EAGAIN, and what setup or
 * sio_server_new() return. Not from a thread of a member. */
SIO_EXTERN int sio_threads_start(const sio_threads_options *options, sio_threads **out);
/* Closes all servers as sio_server_close() does, waits until they have closed and their threads
 * have ended, and frees t. Not from a thread of a member. */
SIO_EXTERN void sio_threads_stop(sio_threads *t);

#ifdef __cplusplus
}
#endif
#endif
