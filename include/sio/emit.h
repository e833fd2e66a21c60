/* SPDX-License-Identifier: MIT
 *
 * emit.h - sending. An event is encoded once, whatever the number of receivers, and
 * leaves at the end of the loop's turn, one write per peer.
 *
 * Errors that every sending call may answer: SIO_ENAME (a reserved event name), SIO_EJSON, SIO_EPLACEHOLDER,
 * SIO_EDEPTH (a value), SIO_ETOOBIG (a packet over 4 GiB, or the peer is past max_queued and will be closed),
 * SIO_ECLOSED (the socket is disconnected), SIO_EDROPPED (volatile, and it was not ready; or when_full found no other
 * room), UV_ENOMEM.
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
  SIO_VOLATILE = 1,    /* not sent to peers that are not ready for it: no GET pending, or bytes still queued */
  SIO_LOCAL = 2,       /* this node only                                                   */
  SIO_NO_COMPRESS = 4  /* not worth compressing; a poll's response is left alone if all in it are like that */
};

/* Who a broadcast is for. A value: build it in place, reuse it freely.
 *     sio_broadcast((sio_target){ .nsp = n, .rooms = SIO_ROOMS("a", "b"), .skip = s }, "news", SIO_ARGS(1));
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

/* An event of which only the newest matters ("price:EUR"): with SIO_FULL_KEEP_LATEST, when more than queue_high bytes
 * wait for the peer, those still waiting with the same key go. The key is any text; it is not sent. */
SIO_EXTERN int sio_emit_keyed(sio_socket *s, unsigned flags, const char *key, const char *event, sio_args args);

/* An ack's end: status 0 and the reply, SIO_ETIMEOUT or SIO_ECLOSED with NULL. s is valid for the callback. */
typedef void (*sio_reply_cb)(sio_socket *s, int status, sio_event *reply, void *user);
/* Asks for an ack; cb runs exactly once: with the reply, SIO_ETIMEOUT after timeout_ms (0: waits as long as the
 * peer stays), or SIO_ECLOSED when it leaves. A late reply is ignored. SIO_ETOOBIG past max_acks. */
SIO_EXTERN int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                            sio_reply_cb cb, void *user);

/* To many. 0 also when nobody matched. */
SIO_EXTERN int sio_broadcast(sio_target to, const char *event, sio_args args);

/* The same audience, other verbs ("socketsJoin", "socketsLeave", "disconnectSockets", "fetchSockets"). rooms: NULL-terminated. */
SIO_EXTERN int sio_all_join(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_leave(sio_target to, const char *const *rooms);
SIO_EXTERN int sio_all_disconnect(sio_target to, bool session);
/* cb for each matching socket of this node; it may emit, join, leave, disconnect. */
SIO_EXTERN int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
