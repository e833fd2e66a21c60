/* SPDX-License-Identifier: MIT
 *
 * redis_questions.h - callbacks that trace the answers to questions asked of other servers.
 */
#ifndef SIO_TEST_REDIS_QUESTIONS_H
#define SIO_TEST_REDIS_QUESTIONS_H

#include "redis_rig.h"

#define ALL ((sio_target){ .nsp = root })

static inline void on_hello(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp;
  trace("hello %.*s ", (int)sio_event_json(e, 0).n, sio_event_json(e, 0).p);
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS((const char *)user));
}

static inline void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  trace("%s %zu/%zu ", status ? sio_strerror(status) : "all", r->count, r->expected);
  for (size_t i = 0; i < r->count; i++) trace("%.*s ", (int)r->list[i].json.n, r->list[i].json.p);
}

static inline void on_list(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  trace("%s ", status ? sio_strerror(status) : "all");
  for (size_t i = 0; i < n; i++) {
    trace("%s%s ", list[i].socket ? "" : list[i].id, list[i].socket ? "own" : "");
    if (list[i].socket) continue;
    for (const char *const *room = list[i].rooms; *room; room++) trace("in %s ", *room);
    trace("%.*s %.*s ", (int)list[i].data.n, list[i].data.p, (int)list[i].auth.n, list[i].auth.p);
  }
}

static inline void on_count(int status, size_t n, void *user) {
  (void)user;
  trace("%s %zu ", status ? sio_strerror(status) : "all", n);
}

/* The next id that the library draws. */
static inline void draw(const char *id) {
  static const char *next[2];
  next[0] = id;
  ids = next;
}

#endif
