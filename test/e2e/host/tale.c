/* SPDX-License-Identifier: MIT
 *
 * tale.c - numbered events both ways, for tests that break or delay what carries them.
 *
 *     "n", k, ... [ack]          from the client: k must be above the last; the ack says it again
 *     "talk", count, gap_ms, end, wait_ms
 *                                to the client: "m" with 0, 1, 2...; every third asks for an ack,
 *                                every fourth brings bytes; a while after the last of them "leave",
 *                                "close", "engine", "done"
 *
 * Needs --data: what is known of a socket is kept in it. When one goes, a line
 * "gone <tag> <namespace> <heard> <gaps> <disorders> <said> <acked> <reason>"; the tag is of the
 * query.
 */
#include "tale.h"

#include "flags.h"
#include "handlers.h"
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct tale {
  int64_t next, heard, gaps, disorders, said, acked;
};

struct talk {
  uv_timer_t timer;
  sio_socket *socket; /* a reference */
  int64_t left, wait;
  char end[8];
};

static struct tale *tale_of(sio_socket *s) { return sio_socket_data(s); }

static void on_n(sio_socket *s, sio_event *e, void *user) {
  struct tale *t = tale_of(s);
  int64_t k = -1;
  (void)user;
  sio_event_int(e, 0, &k);
  t->heard++;
  if (k < t->next) t->disorders++;
  if (k > t->next) t->gaps++;
  t->next = k + 1;
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS(k));
}

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  int64_t k = -1;
  (void)user;
  if (status) return;
  sio_event_int(reply, 0, &k);
  if (k % 3 == 0) tale_of(s)->acked++;
}

static void say_m(sio_socket *s) {
  int64_t k = tale_of(s)->said++;
  sio_val v = k % 4 == 0 ? sio_bin("\1\2\3", 3) : sio_null();
  if (k % 3 == 0)
    sio_emit_ack(s, "m", SIO_ARGS(k, v), 0, on_reply, NULL);
  else
    sio_emit(s, "m", SIO_ARGS(k, v));
}

static void on_freed(uv_handle_t *h) {
  struct talk *t = h->data;
  sio_socket_unref(t->socket);
  free(t);
}

static void finish(struct talk *t) {
  sio_socket *s = t->socket;
  if (strcmp(t->end, "leave") == 0) sio_disconnect(s, false);
  if (strcmp(t->end, "close") == 0) sio_disconnect(s, true);
  if (strcmp(t->end, "engine") == 0) sio_session_close(sio_socket_session(s), NULL);
  if (strcmp(t->end, "done") == 0) sio_emit(s, "done", SIO_NONE);
}

/* Two at a time: what is told over polling waits behind another. */
static void on_tick(uv_timer_t *h) {
  struct talk *t = h->data;
  bool there = sio_socket_connected(t->socket);
  for (int i = 0; there && i < 2 && t->left > 0; i++, t->left--) say_m(t->socket);
  if (there && t->left > 0) return;
  if (there && t->wait > 0) {
    uv_timer_start(h, on_tick, (uint64_t)t->wait, 0);
    t->wait = 0;
    return;
  }
  if (there) finish(t);
  uv_close((uv_handle_t *)h, on_freed);
}

static void on_talk(sio_socket *s, sio_event *e, void *user) {
  struct talk *t = calloc(1, sizeof *t);
  int64_t gap = 0;
  (void)user;
  sio_event_int(e, 0, &t->left);
  sio_event_int(e, 1, &gap);
  sio_event_int(e, 3, &t->wait);
  sio_slice end = sio_event_strn(e, 2);
  if (end.n < sizeof t->end) memcpy(t->end, end.p, end.n);
  t->socket = sio_socket_ref(s);
  uv_timer_init(sio_server_loop(host.server), &t->timer);
  t->timer.data = t;
  uv_timer_start(&t->timer, on_tick, (uint64_t)gap, gap ? (uint64_t)gap : 1);
}

static void on_gone(sio_socket *s, const sio_close_info *why, void *user) {
  const struct tale *t = tale_of(s);
  char tag[32] = "-";
  (void)user;
  sio_url_param(sio_session_info_of(sio_socket_session(s)).url, "tag", tag, sizeof tag);
  say("gone %s %s %d %d %d %d %d %s", tag, sio_nsp_name(sio_socket_nsp(s)), (int)t->heard,
      (int)t->gaps, (int)t->disorders, (int)t->said, (int)t->acked, sio_reason_str(why->reason));
}

int add_tale(sio_nsp *nsp) {
  if (flag_number("data") < sizeof(struct tale)) return 0;
  static const struct handler table[] = { { "n", on_n }, { "talk", on_talk }, { NULL, NULL } };
  int err = add_handlers(nsp, table);
  return err ? err : sio_on_disconnect(nsp, on_gone, NULL);
}
