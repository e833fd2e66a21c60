/* SPDX-License-Identifier: MIT
 *
 * cluster.c - a program of somebody else's that links libsio-emitter.
 */
#include <sio/emitter.h>
#include <stdio.h>

static int publish(sio_slice channel, sio_slice payload, void *user) {
  (void)user;
  printf("%.*s: %zu bytes\n", (int)channel.n, channel.p, payload.n);
  return 0;
}

int main(void) {
  sio_emitter *emitter;
  int err = sio_emitter_new(&(sio_emitter_options){ .publish = publish }, &emitter);
  if (!err) {
    err = sio_emitter_emit(emitter, (sio_emitter_target){ 0 }, "news", SIO_ARGS("hello"));
    sio_emitter_free(emitter);
  }
  return err ? 1 : 0;
}
