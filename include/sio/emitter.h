/* SPDX-License-Identifier: MIT
 *
 * emitter.h - sends events to the clients of a cluster from a program that is not a server.
 *
 * The functions are in a library of their own, libsio-emitter (pkg-config libsio-emitter). It needs
 * no event loop and opens no connection: the program gives it a function that publishes a message
 * in Redis.
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
 * The servers of the cluster are those of libsio with sio_redis_adapter (redis.h), or Node.js
 * servers with @socket.io/redis-adapter. The messages have the format of @socket.io/redis-emitter.
 *
 * An emitter may be used by one thread at a time. Arguments are borrowed for the call. Each call
 * that publishes returns 0, or the error that publish() returned, or one of these; after an error
 * of this list nothing was published:
 *
 *   SIO_ENAME                    the event name is NULL; or it is reserved (see sio_on()), but
 *                                sio_emitter_server_side_emit() sends reserved names; or the name
 *                                of the namespace is too long
 *   SIO_EJSON, SIO_EPLACEHOLDER, a value cannot be sent (see emit.h)
 *   SIO_EDEPTH, SIO_ETOOBIG
 *   -EINVAL                      a required argument is NULL
 *   -ENOMEM                      memory ran out
 */
#ifndef SIO_EMITTER_H
#define SIO_EMITTER_H

#include <sio/emit.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_emitter sio_emitter;

/* A function of the program that publishes a message on a channel of Redis, with the command
 * PUBLISH. channel and payload may contain any bytes, and are valid until the function returns.
 * Returns 0, or a negative code, which sio_emitter_emit() and the other functions that publish then
 * return. */
typedef int (*sio_emitter_publish_cb)(sio_slice channel, sio_slice payload, void *user);

/* The options of sio_emitter_new(). The struct is only read during the call. */
typedef struct sio_emitter_options {
  /* sizeof(sio_emitter_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The function that publishes messages. Required. */
  sio_emitter_publish_cb publish;
  /* The last argument of publish. */
  void *user;
  /* The beginning of the names of the channels: the same as sio_redis_adapter_options.key of the
   * servers. Default: "socket.io". The text is copied. */
  const char *key;
} sio_emitter_options;

/* Creates an emitter, which the program frees with sio_emitter_free(). -EINVAL: out, o or
 * o->publish is NULL, o->size is invalid, or *o sets a field that this version of the library does
 * not know; -ENOMEM. */
SIO_EXTERN int sio_emitter_new(const sio_emitter_options *o, sio_emitter **out);
/* Frees the emitter. e may be NULL. */
SIO_EXTERN void sio_emitter_free(sio_emitter *e);

/* A flag of sio_emitter_target: the message tells the servers to compress it, as a message of
 * @socket.io/redis-emitter does after compress(true). Servers treat a message without this flag and
 * without SIO_NO_COMPRESS in the same way. */
enum { SIO_EMITTER_COMPRESS = 0x100 };

/* The sockets that a call is for. A sio_emitter_target is passed by value. If all its fields are
 * zero, it contains all sockets of the namespace "/". */
typedef struct sio_emitter_target {
  const char *nsp;           /* NULL: "/"; "chat" is "/chat"                                */
  const char *const *rooms;  /* a NULL-terminated list; NULL: all sockets of the namespace;
                                an empty list: no sockets                                   */
  const char *const *except; /* a NULL-terminated list; sockets in these rooms are left out */
  unsigned flags;            /* SIO_VOLATILE, SIO_NO_COMPRESS, SIO_EMITTER_COMPRESS         */
  uintptr_t reserved[2];
} sio_emitter_target;

/* Sends an event to all sockets of the target. A socket that is in several of the rooms is sent the
 * event once. An emitter cannot ask for acks, because it receives nothing. */
SIO_EXTERN int sio_emitter_emit(sio_emitter *e, sio_emitter_target to, const char *event,
                                sio_args args);
/* Make the sockets of the target join, or leave, each room of the NULL-terminated list `rooms`. */
SIO_EXTERN int sio_emitter_join(sio_emitter *e, sio_emitter_target to, const char *const *rooms);
SIO_EXTERN int sio_emitter_leave(sio_emitter *e, sio_emitter_target to, const char *const *rooms);
/* Disconnects the sockets of the target from their namespace. If session is true, the connections
 * of their clients are closed, too, as by sio_disconnect(s, true). */
SIO_EXTERN int sio_emitter_disconnect(sio_emitter *e, sio_emitter_target to, bool session);
/* Sends an event to the servers instead of their clients: the callbacks of sio_on_server_side() get
 * it ("serverSideEmit"). nsp is the name of the namespace; NULL: "/". */
SIO_EXTERN int sio_emitter_server_side_emit(sio_emitter *e, const char *nsp, const char *event,
                                            sio_args args);

#ifdef __cplusplus
}
#endif
#endif
