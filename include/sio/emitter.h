/* SPDX-License-Identifier: MIT
 *
 * emitter.h - sends events into a cluster from a program that is no server: the library
 * libsio-emitter (pkg-config libsio-emitter), which has no loop and opens no connection.
 *
 *     static int publish(sio_slice channel, sio_slice payload, void *user) {
 *       redisReply *r = redisCommand(user, "PUBLISH %b %b", channel.p, channel.n, payload.p,
 *                                    payload.n);
 *       freeReplyObject(r);
 *       return r ? 0 : -EIO;
 *     }
 *     ...
 *     sio_emitter *e;
 *     sio_emitter_new(&(sio_emitter_options){ .publish = publish, .user = redis }, &e);
 *     sio_emitter_emit(e, (sio_emitter_target){ .rooms = SIO_ROOMS("news") }, "headline",
 *                      SIO_ARGS("hello"));
 *
 * The servers are libsio's with <sio/redis.h> or Node.js servers with @socket.io/redis-adapter;
 * what is published is byte for byte what @socket.io/redis-emitter publishes.
 *
 * An emitter is used by one thread at a time. All arguments are borrowed for the call. The calls
 * return 0, what publish() returned, or: SIO_ENAME (no event name, or a reserved one), SIO_EJSON,
 * SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG for a value that cannot be sent, -ENOMEM, -EINVAL.
 * After an error nothing was published.
 */
#ifndef SIO_EMITTER_H
#define SIO_EMITTER_H

#include <sio/emit.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_emitter sio_emitter;

/* Publishes payload on a channel of Redis (PUBLISH). Both are borrowed and may hold any bytes. 0,
 * or a negative code, which the call that published returns. */
typedef int (*sio_emitter_publish_cb)(sio_slice channel, sio_slice payload, void *user);

/* Zero means the default in every field. Only read during the call. */
typedef struct sio_emitter_options {
  /* sizeof(sio_emitter_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  sio_emitter_publish_cb publish; /* required */
  void *user;                     /* for publish */
  const char *key; /* "socket.io": the prefix of the channels, as the servers have it */
} sio_emitter_options;

/* 0; -EINVAL without publish, or a field is set that this version does not know; -ENOMEM. */
SIO_EXTERN int sio_emitter_new(const sio_emitter_options *o, sio_emitter **out);
SIO_EXTERN void sio_emitter_free(sio_emitter *e); /* NULL is fine */

/* For sio_emitter_target.flags, with SIO_VOLATILE and SIO_NO_COMPRESS: says compress(true), which
 * is the servers' default. */
enum { SIO_EMITTER_COMPRESS = 0x100 };

/* The receivers of an event. A target that is all zero stands for all sockets of "/". */
typedef struct sio_emitter_target {
  const char *nsp;           /* "/"; "chat" is "/chat"                          */
  const char *const *rooms;  /* NULL-terminated; NULL: everyone. No room at all: nobody */
  const char *const *except; /* NULL-terminated rooms to leave out; NULL: none  */
  unsigned flags;
} sio_emitter_target;

/* An event. A socket in several of the rooms gets one copy. Without acks: those need a server. */
SIO_EXTERN int sio_emitter_emit(sio_emitter *e, sio_emitter_target to, const char *event,
                                sio_args args);
/* Makes the sockets join, or leave, all of `rooms` (NULL-terminated). */
SIO_EXTERN int sio_emitter_join(sio_emitter *e, sio_emitter_target to, const char *const *rooms);
SIO_EXTERN int sio_emitter_leave(sio_emitter *e, sio_emitter_target to, const char *const *rooms);
/* Disconnects the sockets; session: closes their whole connections. */
SIO_EXTERN int sio_emitter_disconnect(sio_emitter *e, sio_emitter_target to, bool session);
/* An event to the servers themselves (sio_on_server_side(), "serverSideEmit"). nsp NULL: "/". */
SIO_EXTERN int sio_emitter_server_side_emit(sio_emitter *e, const char *nsp, const char *event,
                                            sio_args args);

#ifdef __cplusplus
}
#endif
#endif
