/* SPDX-License-Identifier: MIT
 *
 * emit.h - sending events: to one socket, to many, and to the other servers.
 *
 * An event is encoded once, whatever the number of receivers. It is queued by the call and written
 * at the end of the loop's turn, with one write for each connection. A call that sends never calls
 * back into the host, except for the callbacks of sio_on_any_outgoing().
 *
 * Errors that every sending call may return:
 *
 *   SIO_ENAME         the event name is NULL or reserved (see sio_on())
 *   SIO_EJSON         a value is not valid JSON
 *   SIO_EPLACEHOLDER  a value refers to an attachment that it does not have
 *   SIO_EDEPTH        a value has more than 899 levels; max_depth is for what clients send
 *   SIO_ETOOBIG       the packet is larger than 4 GiB, or more than max_queued bytes are queued for
 *                     the client, which will be closed
 *   SIO_ECLOSED       the socket is disconnected, or the server is closed
 *   SIO_EDROPPED      the event is volatile and the client was not ready for it, or when_full could
 *                     not make room for it
 *   SIO_ESTATE        the call was made in a callback in which sending is not allowed
 *   UV_ENOMEM         nothing was sent, or a client that would miss the event is closed
 *                     (sio_stats.out_of_memory)
 *
 * A call that sends to many receivers goes on when one of them cannot be sent to, and returns 0.
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
  /* Do not send the event to clients that are not ready for it: those that have bytes queued, also
   * of an event sent earlier in this turn, or that poll and have no GET request pending. */
  SIO_VOLATILE = 1,
  /* For calls that send to many: only to sockets of this server, not to those of other servers. */
  SIO_LOCAL = 2,
  /* Do not compress the message. A polling response is compressed unless all of its messages have
   * this flag. */
  SIO_NO_COMPRESS = 4,
  /* As SIO_LOCAL, but if the server is one of several threads (threads.h) also to sockets of the
   * other threads. It contains the bit of SIO_LOCAL. */
  SIO_PROCESS = 8 | SIO_LOCAL
};

/* Sends an event to one socket. 0: it is queued. SIO_ETOOBIG: the client's queue is full, and the
 * client will be closed; SIO_EDROPPED: when_full had no room for the event. The other errors are
 * listed at the top of this header. */
SIO_EXTERN int sio_emit(sio_socket *s, const char *event, sio_args args);

/* Receives the answer to an event that asked for an ack. status is 0 and reply holds the arguments
 * of the ack; or status is SIO_ETIMEOUT or SIO_ECLOSED and reply is NULL. Both pointers are valid
 * until the callback returns. */
typedef void (*sio_reply_cb)(sio_socket *s, int status, sio_event *reply, void *user);

/* Sends an event and asks the client for an ack. If the call returns 0, cb runs exactly once, later
 * and from the loop: with the reply, with SIO_ETIMEOUT after timeout_ms milliseconds, or with
 * SIO_ECLOSED when the socket disconnects. With timeout_ms 0 the time is
 * sio_options.ack_timeout_ms, or unlimited if that is 0. A reply that comes after the timeout is
 * ignored. If the loop was blocked while the time ran out (sio_stats.stalls), the client gets the
 * same time once more. SIO_ETOOBIG, too: the socket owes max_acks acks already. UV_EINVAL: cb is
 * NULL. */
SIO_EXTERN int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                            sio_reply_cb cb, void *user);

/* The options of one event. A field that is 0 changes nothing. */
typedef struct sio_emit_options {
  /* sizeof(sio_emit_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* SIO_VOLATILE, SIO_NO_COMPRESS */
  unsigned flags;
  /* How long to wait for the ack, as for sio_emit_ack(). */
  unsigned timeout_ms;
  /* Only the newest event of a key is worth sending ("price:EUR"). When more than queue_high bytes
   * are queued for the client and when_full is SIO_FULL_KEEP_LATEST, older events with the same key
   * are removed from the queue. The key can be any text and is not sent. It is not allowed together
   * with cb. */
  const char *key;
  /* If set, the client is asked for an ack, as by sio_emit_ack(). If a volatile event is dropped,
   * the call returns SIO_EDROPPED and cb does not run. */
  sio_reply_cb cb;
  void *user;
} sio_emit_options;

/* Sends an event to one socket with options:
 *     sio_emit_with(s, &(sio_emit_options){ .flags = SIO_VOLATILE }, "position", SIO_ARGS(x, y));
 * options may be NULL. UV_EINVAL: key and cb are both set, or the size is wrong. */
SIO_EXTERN int sio_emit_with(sio_socket *s, const sio_emit_options *options, const char *event,
                             sio_args args);

/* Cancels the oldest pending ack of s that has this cb and user: cb will not run, and the client's
 * reply is ignored. UV_ENOENT: there is no such ack, or cb is running. */
SIO_EXTERN int sio_cancel_ack(sio_socket *s, sio_reply_cb cb, void *user);

/* ---- to many sockets ------------------------------------------------------------------------- */

/* The sockets that a call is for. It is passed by value and can be written in place:
 *     sio_broadcast((sio_target){ .nsp = n, .rooms = SIO_ROOMS("a", "b"), .skip = s }, "news",
 *                   SIO_ARGS(1));
 * A socket that is in several of the rooms is sent one copy. `except` wins over `rooms`. */
typedef struct sio_target {
  sio_nsp *nsp;
  const char *const *rooms;  /* a NULL-terminated list; NULL: all sockets of the namespace    */
  const char *const *except; /* a NULL-terminated list; sockets in these rooms are left out   */
  const sio_socket *skip;    /* a socket that is left out, usually the sender                 */
  unsigned flags;            /* SIO_VOLATILE, SIO_LOCAL, SIO_PROCESS, SIO_NO_COMPRESS          */
  const char *key;           /* as in sio_emit_options; NULL: no key                          */
  uintptr_t reserved[1];
} sio_target;

/* A list of rooms for sio_target, sio_all_join() and sio_all_leave(). */
#define SIO_ROOMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Sends an event to all sockets of the target. A target without sockets is not an error. */
SIO_EXTERN int sio_broadcast(sio_target to, const char *event, sio_args args);

/* These change all sockets of the target, on all servers unless SIO_LOCAL is set. rooms is a
 * NULL-terminated list. SIO_ENAME: one of them is not the name of a room. UV_ENOMEM: the change was
 * made for some of the sockets only.
 * sio_all_disconnect() does to each of them what sio_disconnect() does. */
SIO_EXTERN int sio_all_join(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_leave(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_disconnect(sio_target to, bool session);

/* Calls cb for each socket of the target that is on this server. cb may emit, join, leave and
 * disconnect. */
SIO_EXTERN int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user);

/* ---- questions that many answer ----------------------------------------------------------------
 *
 * If one of these calls returns 0, its callback runs exactly once, later and from the loop. What is
 * passed to the callback is valid until it returns. Its status is
 *
 *   0            all answers came
 *   SIO_ETIMEOUT the time ran out before all answers came
 *   SIO_ECLOSED  the server closes
 *   SIO_ETOOBIG  the answers took more than max_answers bytes, and some were dropped
 *
 * or an error of the adapter. Whatever the status, the callback gets the answers that came. If the
 * loop was blocked while the time ran out, the same time is given once more. The calls return
 * SIO_ETOOBIG when max_acks of them are pending in the namespace, and SIO_ECLOSED when the server
 * closes. */

/* One reply. */
typedef struct sio_answer {
  /* The id of the socket that replied; "" if its server did not send the id, and for the reply of a
   * server (sio_server_side_emit()). */
  const char *id;
  /* The JSON text of the first argument of the ack; "null" if the ack had none. If the reply has
   * attachments, placeholders stand for them in this text: use sio_replies_event(). */
  sio_slice json;
  uintptr_t reserved[2];
} sio_answer;

struct sio_replies {
  sio_answer *list; /* in the order in which the replies came                              */
  size_t count;     /* the length of list                                                  */
  size_t expected;  /* the number of sockets or servers that were asked, as far as known   */
  size_t gone;      /* of these, the number that left, or could not be asked               */
};
typedef void (*sio_broadcast_ack_cb)(int status, sio_replies *r, void *user);

/* Reply i as an event of one argument, to be read with the functions of event.h:
 *     sio_event_str(sio_replies_event(r, 0), 0)
 * NULL: i is past the end, or memory ran out. */
SIO_EXTERN sio_event *sio_replies_event(sio_replies *r, size_t i);

/* Sends an event to all sockets of the target and asks each one for an ack. A socket that leaves
 * before it has replied is not waited for any longer. A socket that a volatile event was not sent
 * to is not asked. With timeout_ms 0 the time is sio_options.ack_timeout_ms, or unlimited if that
 * is 0; where other servers take part it is at most request_timeout_ms. If the target is empty, cb
 * gets no replies and status 0. To ask one socket on any server, use .rooms = SIO_ROOMS(its id). */
SIO_EXTERN int sio_broadcast_ack(sio_target to, const char *event, sio_args args,
                                 unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

/* A socket of this server or of another one. To send to it, use .rooms = SIO_ROOMS(remote.id). */
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

/* Lists the sockets of the target, on all servers unless SIO_LOCAL is set ("fetchSockets").
 * timeout_ms is the time to wait for the other servers; 0: sio_options.request_timeout_ms. */
SIO_EXTERN int sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user);
/* The handshake of a listed socket, as sio_socket_handshake() has it. It is made when it is asked
 * for and valid as long as the list. {NULL,0}: the socket has left, or memory ran out. */
SIO_EXTERN sio_slice sio_remote_handshake(sio_remote *r);

typedef void (*sio_server_count_cb)(int status, size_t n, void *user);
/* Counts the servers that share this namespace, this one included. */
SIO_EXTERN int sio_server_count(sio_nsp *nsp, unsigned timeout_ms, sio_server_count_cb cb,
                                void *user);

/* Sends an event to the same namespace of all other servers ("serverSideEmit"). There the callbacks
 * of sio_on_server_side() get it; on this server they do not. cb gets one reply from each server,
 * the first argument of its ack; if cb is NULL, no acks are asked for. timeout_ms 0:
 * sio_options.request_timeout_ms. The memory adapter has no other servers: no replies, status 0.
 * SIO_ENAME: the event is "connect", "connection" or "new_namespace". */
SIO_EXTERN int sio_server_side_emit(sio_nsp *nsp, const char *event, sio_args args,
                                    unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
