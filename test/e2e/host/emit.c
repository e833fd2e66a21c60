/* SPDX-License-Identifier: MIT
 *
 * emit.c - a program that is no server: it does one thing to the clients of a cluster.
 *
 *     emit PORT KEY VERB NSP ROOMS EXCEPT NAME [JSON]
 *
 * VERB: emit, emit-bytes (a binary argument as well), join, leave, disconnect, close, tell. ROOMS
 * and EXCEPT are words with commas between them, or "-". NAME is the event's, or the room's.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <sio/emitter.h>
#include <stdio.h>
#include <stdlib.h>

static int publish(sio_slice channel, sio_slice payload, void *user) {
  redisReply *r = redisCommand(user, "PUBLISH %b %b", channel.p, channel.n, payload.p, payload.n);
  freeReplyObject(r);
  return r ? 0 : -EIO;
}

static const char *const *list_of(char *text, const char *out[8]) {
  size_t n = 0;
  if (strcmp(text, "-") == 0) return NULL;
  for (char *w = strtok(text, ","); w && n < 7; w = strtok(NULL, ",")) out[n++] = w;
  out[n] = NULL;
  return out;
}

static int act(sio_emitter *e, const char *verb, sio_emitter_target to, const char *name,
               const char *json) {
  const sio_val args[] = { sio_json(sio_text(json)), sio_bin("\1\2\3", 3) };
  const char *const room[] = { name, NULL };
  if (strcmp(verb, "emit") == 0) return sio_emitter_emit(e, to, name, sio_argv(args, 1));
  if (strcmp(verb, "emit-bytes") == 0) return sio_emitter_emit(e, to, name, sio_argv(args, 2));
  if (strcmp(verb, "join") == 0) return sio_emitter_join(e, to, room);
  if (strcmp(verb, "leave") == 0) return sio_emitter_leave(e, to, room);
  if (strcmp(verb, "disconnect") == 0) return sio_emitter_disconnect(e, to, false);
  if (strcmp(verb, "close") == 0) return sio_emitter_disconnect(e, to, true);
  return sio_emitter_server_side_emit(e, to.nsp, name, sio_argv(args, 1));
}

int main(int argc, char **argv) {
  const char *rooms[8], *except[8];
  sio_emitter *e;
  if (argc < 8) return 2;
  redisContext *redis = redisConnect("127.0.0.1", atoi(argv[1]));
  sio_emitter_options o = { .publish = publish, .user = redis, .key = argv[2] };
  if (!redis || redis->err || sio_emitter_new(&o, &e)) return 1;
  sio_emitter_target to = { .nsp = argv[4],
                            .rooms = list_of(argv[5], rooms),
                            .except = list_of(argv[6], except) };
  int err = act(e, argv[3], to, argv[7], argc > 8 ? argv[8] : "null");
  sio_emitter_free(e);
  redisFree(redis);
  return err ? 1 : 0;
}
