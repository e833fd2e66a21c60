/* SPDX-License-Identifier: MIT
 *
 * emit.h - sending. An event is encoded once, whatever the number of receivers, and leaves at the
 * end of the loop's turn, one write per peer.
 *
 * Errors that every sending call may answer: SIO_ENAME (a reserved event name), SIO_EJSON,
 * SIO_EPLACEHOLDER, SIO_EDEPTH (a value), SIO_ETOOBIG (a packet over 4 GiB, or the peer is past
 * max_queued and will be closed), SIO_ECLOSED (the socket is disconnected), SIO_EDROPPED (volatile,
 * and it was not ready; or when_full found no other room), UV_ENOMEM: nothing was sent, or the peer
 * that would miss it is closed (sio_stats.out_of_memory). A call for many goes on with the other
 * receivers and answers 0.
 */
#ifndef SIO_EMIT_H
#define SIO_EMIT_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  /* Not sent to peers that are not ready for it: no GET pending, or bytes still queued. */
  SIO_VOLATILE = 1,
  /* This node only. */
  SIO_LOCAL = 2,
  /* Not worth compressing; a poll's response is left alone if all in it are like that. */
  SIO_NO_COMPRESS = 4
};

/* Who a broadcast is for. A value: build it in place, reuse it freely.
 *     sio_broadcast((sio_target){ .nsp = n, .rooms = SIO_ROOMS("a", "b"), .skip = s }, "news",
 *                   SIO_ARGS(1));
 * A socket in several of the rooms gets one copy; `except` wins over `rooms`. */
typedef struct sio_target {
  sio_nsp *nsp;
  const char *const *rooms;  /* NULL-terminated; NULL: everyone                 */
  const char *const *except; /* NULL-terminated rooms to leave out; NULL: none  */
  const sio_socket *skip;    /* the sender, usually                             */
  unsigned flags;            /* SIO_VOLATILE ...                                */
  const char *key;           /* as sio_emit_keyed(); NULL: none                 */
  uintptr_t reserved[1];
} sio_target;

#define SIO_ROOMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* To one peer. */
SIO_EXTERN int sio_emit(sio_socket *s, const char *event, sio_args args);
SIO_EXTERN int sio_emit_flags(sio_socket *s, unsigned flags, const char *event, sio_args args);

/* An event of which only the newest matters ("price:EUR"): with SIO_FULL_KEEP_LATEST, when more
 * than queue_high bytes wait for the peer, those still waiting with the same key go. The key is any
 * text; it is not sent. */
SIO_EXTERN int sio_emit_keyed(sio_socket *s, unsigned flags, const char *key, const char *event,
                              sio_args args);

/* An ack's end: status 0 and the reply, SIO_ETIMEOUT or SIO_ECLOSED with NULL. s is valid for the
 * callback. */
typedef void (*sio_reply_cb)(sio_socket *s, int status, sio_event *reply, void *user);
/* Asks for an ack; cb runs exactly once: with the reply, SIO_ETIMEOUT after timeout_ms (0:
 * sio_options.ack_timeout_ms, or as long as the peer stays), or SIO_ECLOSED when it leaves. A late
 * reply is ignored. If the loop was blocked when the time ran out
 * (sio_stats.stalls), the time is started once more, because the peer may have had none of it.
 * SIO_ETOOBIG: max_acks acks are owed already. */
SIO_EXTERN int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                            sio_reply_cb cb, void *user);

/* Cancels the oldest sio_emit_ack() with this cb and user that is still open: cb does not run, and
 * a reply is ignored. UV_ENOENT: none is open, or cb is running. */
SIO_EXTERN int sio_cancel_ack(sio_socket *s, sio_reply_cb cb, void *user);

/* To many. 0 also when nobody matched. */
SIO_EXTERN int sio_broadcast(sio_target to, const char *event, sio_args args);

/* ---- questions to many ---------------------------------------------------------------
 *
 * The callback of each runs exactly once, from the loop, never inside the call; what it is handed
 * is borrowed until it returns. status: 0, everybody answered; SIO_ETIMEOUT, not all did in time;
 * SIO_ECLOSED, the server closes; SIO_ETOOBIG, what came went past max_answers and some of it was
 * dropped; else what the adapter met with. Whatever it is, the results are there of those who did
 * answer. A time that ran out while the host kept the loop is given once more. The calls fail with
 * SIO_ETOOBIG when max_acks of them are open in the namespace, and with SIO_ECLOSED once the server
 * closes. */

typedef void (*sio_broadcast_ack_cb)(int status, sio_replies *r, void *user);
/* An event that asks each receiver for an ack, on every server unless SIO_LOCAL. Who leaves before
 * it has answered is not waited for any longer; who is not sent a volatile event is not asked.
 * timeout_ms 0: ack_timeout_ms, or as long as the peers stay, but request_timeout_ms at most where
 * other servers take part. Nobody there: no replies, status 0. To ask one peer, wherever it is:
 * rooms = SIO_ROOMS(its id). */
SIO_EXTERN int sio_broadcast_ack(sio_target to, const char *event, sio_args args,
                                 unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

/* The replies, in order of arrival; of each ack the first argument. */
SIO_EXTERN size_t sio_replies_count(const sio_replies *r);
/* Who was asked, as far as other servers said; and of those, who left, or could not be asked. */
SIO_EXTERN size_t sio_replies_expected(const sio_replies *r);
SIO_EXTERN size_t sio_replies_gone(const sio_replies *r);
/* Whose reply i is; "" when the other server did not say, and for a server's. */
SIO_EXTERN const char *sio_replies_id(const sio_replies *r, size_t i);
/* Raw text; "null" for an ack without arguments. */
SIO_EXTERN sio_slice sio_replies_json(const sio_replies *r, size_t i);
/* The reply as an event of one argument: sio_event_str(sio_replies_event(r, 0), 0). NULL: past the
 * end, or no memory. */
SIO_EXTERN sio_event *sio_replies_event(sio_replies *r, size_t i);

/* A socket of this server or of another one. To reach it: rooms = SIO_ROOMS(remote.id) in any
 * target. */
typedef struct sio_remote {
  const char *id;
  const char *const *rooms; /* NULL-terminated, its id among them                      */
  sio_slice auth;           /* JSON: what its CONNECT brought; "{}"                    */
  sio_slice data;           /* JSON: see sio_socket_set_shared(); "{}"                 */
  sio_slice handshake;      /* ask sio_remote_handshake()                              */
  sio_socket *socket; /* on this server, maybe no longer connected; NULL: it is on another one */
  uintptr_t reserved[2];
} sio_remote;
typedef void (*sio_fetch_cb)(int status, sio_remote *list, size_t n, void *user);
/* Who matches, on every server unless SIO_LOCAL ("fetchSockets"). timeout_ms for the other servers;
 * 0: request_timeout_ms. */
SIO_EXTERN int sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user);
/* The handshake as the reference shows it:
 * {"headers":{},"time":"","address":"","xdomain":false,"secure":false,"issued":0,"url":"",
 * "query":{},"auth":{}}. Made when asked for; valid as long as the list. {NULL,0}: it has
 * left, or no memory. */
SIO_EXTERN sio_slice sio_remote_handshake(sio_remote *r);

typedef void (*sio_server_count_cb)(int status, size_t n, void *user);
/* How many servers share this namespace, this one included. */
SIO_EXTERN int sio_server_count(sio_nsp *nsp, unsigned timeout_ms, sio_server_count_cb cb,
                                void *user);

/* To the same namespace of every other server ("serverSideEmit"): sio_on_server_side() hears it
 * there, never here. cb may be NULL: no acks are asked for. Else one reply from each server, the
 * first argument of its ack. timeout_ms 0: request_timeout_ms. With the adapter in memory there are
 * no others: no replies, status 0. SIO_ENAME for connect, connection, new_namespace. */
SIO_EXTERN int sio_server_side_emit(sio_nsp *nsp, const char *event, sio_args args,
                                    unsigned timeout_ms, sio_broadcast_ack_cb cb, void *user);

/* The same audience, other verbs ("socketsJoin", "socketsLeave", "disconnectSockets",
 * "fetchSockets"). rooms: NULL-terminated. UV_ENOMEM: some sockets may have joined, others not. */
SIO_EXTERN int sio_all_join(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_leave(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_disconnect(sio_target to, bool session);
/* cb for each matching socket of this node; it may emit, join, leave, disconnect. */
SIO_EXTERN int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
