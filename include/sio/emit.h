/* SPDX-License-Identifier: MIT
 *
 * emit.h - sending events: to one socket, to many, and to the other servers.
 *
 * A call that sends an event queues it; it is usually written at the end of the loop's turn. The
 * only callbacks that run inside such a call are those of sio_on_any_outgoing() and
 * sio_engine_hooks.packet_create, and functions of sio_options.parser and sio_options.adapter.
 *
 * All calls of this header have to be made on the loop's thread (the table at the top of server.h
 * lists which thread may make which call). Another thread uses sio_post().
 *
 * Errors of the calls that send:
 *
 *   SIO_ENAME         the event name is NULL or reserved (see sio_on())
 *   SIO_EJSON         a value is not valid JSON
 *   SIO_EPLACEHOLDER  a value refers to an attachment that it does not have
 *   SIO_EDEPTH        a value has more than 899 levels; max_depth is for what clients send
 *   SIO_ETOOBIG       the packet is larger than 4 GiB; or the queue of the client is full, and the
 *                     library closes the client's connection (see sio_emit())
 *   SIO_ECLOSED       the socket is disconnected, the server closes, or the child namespace was
 *                     removed (see nsp.h)
 *   SIO_EDROPPED      this event was dropped: it is volatile and the client was not ready for it,
 *                     or the client reads slowly and when_full found no room (see sio_emit())
 *   SIO_ESTATE        the call was made in a callback in which sending is not allowed
 *   UV_ENOMEM         nothing was sent, or a client that would miss the event is closed
 *                     (sio_stats.out_of_memory)
 *   others            an error that sio_options.parser or the adapter returned
 *
 * A call that sends to many clients goes on when one of them cannot be sent to; that is no error.
 *
 * What one server sends to one client arrives in the order of the calls: events, broadcasts,
 * replies (sio_reply(), sio_ack_send()) and events that ask for an ack, in all namespaces of the
 * client, also while it changes from polling to WebSocket. Events that are dropped leave gaps, but
 * do not change the order of the others. The exception is an adapter that delays events, such as
 * sio_redis_streams_adapter with sio_options.recovery: events wait there until Redis has returned
 * them, and replies do not, so a reply may arrive before an event that was sent earlier.
 */
#ifndef SIO_EMIT_H
#define SIO_EMIT_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- to one socket --------------------------------------------------------------------------- */

/* Flags of sio_emit_options and sio_target. */
enum {
  /* Volatile: do not send the event to a client that is not ready for it. A client is not ready
   * while bytes are queued for it (an event that was sent earlier in the same turn of the loop
   * counts, too), and while it uses polling and has no GET request pending. */
  SIO_VOLATILE = 1,
  /* For a sio_target and the calls that take one, such as sio_broadcast(): the target contains only
   * sockets of this server, and none of other servers. */
  SIO_LOCAL = 2,
  /* Do not compress the message of this event. Over polling several messages are sent in one
   * response, which this flag keeps uncompressed only if all of them have it. */
  SIO_NO_COMPRESS = 4,
  /* As SIO_LOCAL, except that the sockets of other threads of this process (threads.h) belong to
   * the target as well. The value contains the bit of SIO_LOCAL. */
  SIO_PROCESS = 8 | SIO_LOCAL
};

/* Sends an event to one socket. Returns 0 when the event is queued. To make room for it older
 * events may have been dropped, which sio_on_drop() reports. Two errors come from a client that
 * reads slowly or not at all:
 *
 *  - SIO_ETOOBIG: more than sio_options.max_queued bytes of memory are queued for the client or, if
 *    sio_options.when_full is SIO_FULL_CLOSE, more than sio_options.queue_high. The library closes
 *    the connection, and what is queued is lost, this event included.
 *  - SIO_EDROPPED: this event was dropped, and the connection stays open. It happens only if
 *    queue_high is set and when_full is SIO_FULL_DROP_OLDEST or SIO_FULL_KEEP_LATEST, and only if
 *    dropping older events did not make room for it, for example because too much is queued that is
 *    never dropped (such as replies).
 *
 * The other errors are listed at the top of this header. While queue_high is 0, the default,
 * when_full has no effect, and only max_queued bounds the queue.
 *
 * With sio_redis_streams_adapter and sio_options.recovery the event goes through the stream first:
 * then 0 says that the adapter has taken it, and these two errors are not returned. Three kinds of
 * events do not go through the stream, so that these errors are returned for them: volatile events,
 * events that ask for an ack, and events for a client of Engine.IO 3. But if events that were sent
 * before have not come back from Redis yet, such an event waits for them in the adapter. Then the
 * call returns 0. If the event is dropped later, the ack that it asks for does not come. */
SIO_EXTERN int sio_emit(sio_socket *s, const char *event, sio_args args);

/* Receives the result of an event that asked for an ack. If status is 0, the client has sent the
 * ack, and reply holds its arguments. Otherwise status is SIO_ETIMEOUT or SIO_ECLOSED, and reply is
 * NULL. s and reply are valid until the callback returns. */
typedef void (*sio_reply_cb)(sio_socket *s, int status, sio_event *reply, void *user);

/* Sends an event and asks the client for an ack. If sio_emit_ack() returns 0, cb runs exactly once,
 * later and on the loop's thread, unless sio_cancel_ack() cancels it: with status 0 and the reply
 * of the client, with SIO_ETIMEOUT after timeout_ms milliseconds, or with SIO_ECLOSED when the
 * socket disconnects. A timeout_ms of 0 stands for sio_options.ack_timeout_ms; if that option is 0
 * too, there is no timeout. A reply that comes after the timeout is ignored. If the loop was
 * blocked while the timeout ran (sio_stats.stalls), the timeout starts once more from its
 * beginning.
 *
 * Errors, in addition to those of sio_emit(): UV_EINVAL: cb is NULL; SIO_ETOOBIG: max_acks acks of
 * this socket are pending already. */
SIO_EXTERN int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                            sio_reply_cb cb, void *user);

/* The options of one event, for sio_emit_with(). A field that is 0 selects the default. */
typedef struct sio_emit_options {
  /* sizeof(sio_emit_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* SIO_VOLATILE, SIO_NO_COMPRESS */
  unsigned flags;
  /* How long to wait for the ack, in milliseconds; 0 as for sio_emit_ack(). Used only if cb is
   * set. */
  unsigned timeout_ms;
  /* Declares that of all events with the same key, for example "price:EUR", only the newest is
   * worth sending; NULL: the event has no key. When more than queue_high bytes are queued for the
   * client and when_full is SIO_FULL_KEEP_LATEST (both in sio_options), the library removes older
   * events with the same key from the queue, except one that may be sent in part already. The key
   * can be any text, and is not sent to the client. key and cb must not both be set. */
  const char *key;
  /* If cb is set, the client is asked for an ack, and cb gets the result as for sio_emit_ack().
   * NULL: no ack is asked for. */
  sio_reply_cb cb;
  void *user;
} sio_emit_options;

/* Sends an event to one socket with options:
 *
 *     sio_emit_with(s, &(sio_emit_options){ .flags = SIO_VOLATILE }, "position", SIO_ARGS(x, y));
 *
 * options may be NULL. UV_EINVAL: options->key and options->cb are both set; options->size is
 * neither 0 nor at least the size that sio_emit_options had in version 0.1; or *options sets a
 * field that this version of the library does not know. The other errors are those of sio_emit()
 * and, if options->cb is set, of sio_emit_ack(). */
SIO_EXTERN int sio_emit_with(sio_socket *s, const sio_emit_options *options, const char *event,
                             sio_args args);

/* Cancels the oldest pending ack of socket s that was asked for with this cb and user. cb does not
 * run for it then, and the client's reply is ignored. Returns 0; or UV_ENOENT if s has no such
 * pending ack, or if cb is running for it. */
SIO_EXTERN int sio_cancel_ack(sio_socket *s, sio_reply_cb cb, void *user);

/* ---- to many sockets ------------------------------------------------------------------------- */

/* The sockets that a call such as sio_broadcast() is for. A sio_target is passed by value and can
 * be written in place:
 *
 *     sio_broadcast((sio_target){ .nsp = n, .rooms = SIO_ROOMS("a", "b"), .skip = s }, "news",
 *                   SIO_ARGS(1));
 *
 * A socket that is in several rooms of the list `rooms` is sent the event once. A socket that is in
 * a room of `rooms` and in a room of `except` is not sent it. */
typedef struct sio_target {
  sio_nsp *nsp;
  const char *const *rooms;  /* a NULL-terminated list; NULL: all sockets of the namespace    */
  const char *const *except; /* a NULL-terminated list; sockets in these rooms are left out   */
  const sio_socket *skip;    /* a socket that is left out, usually the sender                 */
  unsigned flags;            /* SIO_VOLATILE, SIO_LOCAL, SIO_PROCESS, SIO_NO_COMPRESS          */
  const char *key;           /* as in sio_emit_options; NULL: no key                          */
  uintptr_t reserved[1];
} sio_target;

/* A list of rooms for sio_target, sio_all_join() and sio_all_leave(). It lives until the end of the
 * block in which it stands, so a function must not return a sio_target that refers to it. */
#define SIO_ROOMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Sends an event to all sockets of the target. If the target contains no socket, sio_broadcast()
 * returns 0. UV_EINVAL: to.nsp is NULL; the other errors are listed at the top of this header. */
SIO_EXTERN int sio_broadcast(sio_target to, const char *event, sio_args args);

/* Make all sockets of the target join rooms, leave rooms, or disconnect. sio_all_join() makes them
 * join each room of the NULL-terminated list `rooms`, sio_all_leave() makes them leave these rooms,
 * and sio_all_disconnect() does to each of them what sio_disconnect(s, session) does. The sockets
 * of all servers are changed unless to.flags contains SIO_LOCAL or SIO_PROCESS. UV_EINVAL: to.nsp
 * or rooms is NULL; SIO_ENAME: an element of rooms is not a valid name of a room; UV_ENOMEM: some
 * or all of the sockets were not changed; SIO_ECLOSED: the server is closed, the child namespace
 * was removed, or a callback of sio_on_room() disconnected a socket that was to join or leave more
 * rooms; SIO_ESTATE: the call was made in a callback in which it is not allowed; or an error of the
 * adapter. */
SIO_EXTERN int sio_all_join(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_leave(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_disconnect(sio_target to, bool session);

/* Calls cb once for each connected socket of the target that is on this server, before
 * sio_all_each() returns. Sockets that are not connected yet (they are in middleware, or are being
 * recovered and run their room hooks), and those that are disconnecting (also because of an earlier
 * call of cb), are left out; sio_nsp_count_sockets() of a room counts both. In cb the program may
 * send events, make sockets join and leave rooms, and disconnect them. Returns 0; UV_EINVAL if
 * to.nsp or cb is NULL; UV_ENOTSUP if to.nsp is a parent; UV_ENOMEM, and cb was not called;
 * SIO_ECLOSED if the server is closed or the child namespace was removed; SIO_ESTATE if the call
 * was made in a callback in which it is not allowed; or an error of the adapter. */
SIO_EXTERN int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user);

/* ---- queries: calls that several sockets or servers answer -------------------------------------
 *
 * These calls are sio_broadcast_ack(), sio_all_fetch(), sio_server_count() and
 * sio_server_side_emit() with a callback. If such a call returns 0, its callback runs exactly once,
 * later and on the loop's thread. What is passed to the callback is valid until the callback
 * returns. Its parameter status is
 *
 *   0            no further answer can come
 *   SIO_ETIMEOUT the timeout ran out first
 *   SIO_ECLOSED  the server closes
 *   SIO_ETOOBIG  the answers took more than sio_options.max_answers bytes, and some were dropped
 *   UV_ENOMEM    memory ran out, and some answers were dropped
 *   SIO_EJSON    another server sent an invalid answer, which was dropped
 *
 * or another error. Whatever the status, the callback gets the answers that came and were not
 * dropped. If the loop was blocked while the timeout ran, the timeout starts once more from its
 * beginning. Each call returns SIO_ETOOBIG if sio_options.max_acks queries of the namespace are
 * pending, SIO_ECLOSED if the server closes or the child namespace was removed, SIO_ESTATE in a
 * callback in which sending is not allowed, UV_ENOTSUP if the namespace is a parent, UV_EINVAL if
 * the namespace or the callback is NULL, UV_ENOMEM, or an error of the adapter. */

/* One reply to sio_broadcast_ack() or sio_server_side_emit(). */
typedef struct sio_answer {
  /* The id of the socket that sent the reply. It is "" if the server of that socket did not send
   * the id, and for a reply to sio_server_side_emit(), which comes from a server. */
  const char *id;
  /* The JSON text of the first argument of the ack; "null" if the ack had no argument. If that
   * argument contains attachments, {"_placeholder":true,"num":k} stands for each of them in this
   * text: read the reply with sio_replies_event() instead. */
  sio_slice json;
  uintptr_t reserved[2];
} sio_answer;

struct sio_replies {
  sio_answer *list; /* in the order in which the replies came                              */
  size_t count;     /* the length of list                                                  */
  size_t expected;  /* the number of sockets or servers that were asked, as far as known   */
  size_t gone;      /* of these, the number that are known not to answer                   */
};
typedef void (*sio_broadcast_ack_cb)(int status, sio_replies *r, void *user);

/* Returns reply i (that is, r->list[i]) as an event that has one argument, so that the functions of
 * event.h can read it:
 *
 *     sio_event_str(sio_replies_event(r, 0), 0)
 *
 * The event is valid until the callback that got r returns. Returns NULL if i is not less than
 * r->count, or if memory ran out. */
SIO_EXTERN sio_event *sio_replies_event(sio_replies *r, size_t i);

/* Sends an event to all sockets of the target and asks each one for an ack. If a socket of this
 * server disconnects before it has replied, its reply is not waited for any longer. If the event is
 * volatile, a socket that is not ready for it is not asked. timeout_ms is in milliseconds; 0 stands
 * for sio_options.ack_timeout_ms. If that option is 0 too, the timeout is
 * sio_options.request_timeout_ms if other servers are asked; if only this server is asked, the wait
 * has no limit. If the target contains no socket, cb gets no replies, and status 0 unless another
 * server could not be asked or did not answer.
 *
 * To ask one socket on any server, use a sio_target with .rooms = SIO_ROOMS(its id). */
SIO_EXTERN int sio_broadcast_ack(sio_target to, const char *event, sio_args args,
                                 unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

/* A socket that sio_all_fetch() found, on this server or on another one. To send to the socket, use
 * a sio_target with .rooms = SIO_ROOMS(remote.id). */
typedef struct sio_remote {
  const char *id;
  const char *const *rooms; /* NULL-terminated; contains the room of its id              */
  sio_slice auth;           /* the JSON text that it sent with CONNECT, or "{}"          */
  sio_slice data;           /* JSON text: see sio_socket_set_shared(); "{}" if not set   */
  sio_slice handshake;      /* use sio_remote_handshake()                                */
  sio_socket *socket; /* the socket if it is on this server, even if it left since; else NULL */
  uintptr_t reserved[2];
} sio_remote;
typedef void (*sio_fetch_cb)(int status, sio_remote *list, size_t n, void *user);

/* Lists the sockets of the target, on all servers unless to.flags contains SIO_LOCAL or SIO_PROCESS
 * ("fetchSockets"). cb gets the list, which is valid until cb returns. timeout_ms is how many
 * milliseconds to wait for the other servers; 0: sio_options.request_timeout_ms. The errors are
 * listed above, under "queries". */
SIO_EXTERN int sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user);
/* Returns the handshake of a socket in the list of sio_all_fetch(), as the JSON text that
 * sio_socket_handshake() describes. The text is made by the first call for this socket, and is
 * valid as long as the list. Returns {NULL,0} if the socket is of this server and the last callback
 * of its disconnection had run before the first call, or if memory ran out. */
SIO_EXTERN sio_slice sio_remote_handshake(sio_remote *r);

typedef void (*sio_server_count_cb)(int status, size_t n, void *user);
/* Counts the servers that share this namespace, this server included, and passes their number n to
 * cb. timeout_ms 0: sio_options.request_timeout_ms. */
SIO_EXTERN int sio_server_count(sio_nsp *nsp, unsigned timeout_ms, sio_server_count_cb cb,
                                void *user);

/* Sends an event to the same namespace on all other servers ("serverSideEmit"). On those servers
 * the callbacks of sio_on_server_side() get the event; on this server they do not. Each of the
 * other servers can send one reply, the first argument of its ack, and cb gets all replies
 * together. If cb is NULL, no acks are asked for. timeout_ms 0: sio_options.request_timeout_ms. If
 * neither sio_options.adapter nor sio_options.threads is set, there are no other servers: cb gets
 * no replies and status 0. SIO_ENAME: event is NULL, "connect", "connection" or "new_namespace";
 * UV_EINVAL: nsp is NULL; UV_ENOTSUP: nsp is a parent; or another of the errors at the top of this
 * header and, if cb is set, under "queries". */
SIO_EXTERN int sio_server_side_emit(sio_nsp *nsp, const char *event, sio_args args,
                                    unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
