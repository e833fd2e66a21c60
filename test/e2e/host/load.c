/* SPDX-License-Identifier: MIT
 *
 * load.c - more than a peer may want to read, and a loop that stands still.
 */
#include "handlers.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static int64_t int_of(sio_event *e, size_t i) {
  int64_t n = 0;
  sio_event_int(e, i, &n);
  return n;
}

static char *text_of(int64_t size) {
  char *text = malloc((size_t)size + 1);
  memset(text, 'x', (size_t)size);
  return text;
}

/* how many, bytes each: events "flood" with index and text */
static void on_flood(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t n = int_of(e, 0), size = int_of(e, 1);
  char *text = text_of(size);
  int err = 0;
  for (int64_t i = 0; i < n && !err; i++)
    err = sio_emit(s, "flood", SIO_ARGS(i, sio_strn(text, (size_t)size)));
  say("flood %s", err ? sio_strerror(err) : "sent");
  free(text);
}

/* how many, bytes each, keys: broadcasts "news" with index, key and text */
static void on_news(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t n = int_of(e, 0), size = int_of(e, 1), keys = int_of(e, 2);
  char *text = text_of(size);
  for (int64_t i = 0; i < n; i++) {
    char key[32];
    int64_t k = keys ? i % keys : 0;
    snprintf(key, sizeof key, "key-%d", (int)k);
    sio_target to = { .nsp = sio_socket_nsp(s), .skip = s, .key = keys ? key : NULL };
    sio_broadcast(to, "news", SIO_ARGS(i, k, sio_strn(text, (size_t)size)));
  }
  free(text);
  sio_reply(e, SIO_ARGS(n));
}

/* ms: the loop does nothing else */
static void on_block(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  uv_sleep((unsigned)int_of(e, 0));
  say("blocked");
}

const struct handler load_handlers[] = {
  { "flood", on_flood }, { "news", on_news }, { "block", on_block }, { NULL, NULL }
};
