/* SPDX-License-Identifier: MIT
 *
 * recovery_rig.h - clients that remember their pid and the offset of what they heard last, and come
 * back with them.
 *
 *     begin();
 *     struct client4 *c = come();
 *     to_all("one");
 *     GOT(c, "one ");
 *     hang up, then come_back(c);
 *     peer_stop();
 */
#ifndef SIO_TEST_RECOVERY_RIG_H
#define SIO_TEST_RECOVERY_RIG_H

#include "core/recovery.h"
#include "peer.h"

static inline sio_socket *first(void) { return root->members[0]; }

static inline void on_connect(sio_socket *s, void *user) {
  (void)user;
  trace("connect%s ", sio_socket_recovered(s) ? "(recovered)" : "");
}

static inline void on_gone(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("left: %s ", sio_reason_str(why->reason));
}

static const sio_recovery normal;

static inline void begin_with(const sio_options *opts) {
  start(opts);
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnect(root, on_gone, NULL);
}

static inline void begin(void) { begin_with(&(sio_options){ .recovery = &normal }); }

/* ---- what a peer hears ----------------------------------------------------------------------- */

/* A peer as a program: it keeps what a client keeps. */
struct client4 {
  struct peer *p;
  char id[24], pid[24], offset[64];
  char got[HEARD];
};

static inline void take(char *out, size_t size, const char *text, const char *key) {
  const char *at = strstr(text, key);
  if (!at) return;
  at += strlen(key);
  snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* Offsets become "@<number>"; CONNECT becomes "40", with a pid or without. */
static inline const char *told(struct client4 *c) {
  char tag[REPLAY_TAG_LEN + 2] = "";
  size_t n = 0;
  if (root->recovery) snprintf(tag, sizeof tag, "%.*s.", REPLAY_TAG_LEN, root->recovery->log.tag);
  c->p->out[c->p->n] = '\0';
  for (const char *at = c->p->out; *at;) {
    if (strncmp(at, "40{", 3) == 0) {
      take(c->id, sizeof c->id, at, "\"sid\":\"");
      c->pid[0] = '\0';
      take(c->pid, sizeof c->pid, at, "\"pid\":\"");
      n += (size_t)sprintf(c->got + n, "40%s", c->pid[0] ? "+pid" : "");
      at += strcspn(at, " ");
    } else if (tag[0] && strncmp(at, tag, REPLAY_TAG_LEN + 1) == 0) {
      snprintf(c->offset, sizeof c->offset, "%.*s", (int)strcspn(at, "\""), at);
      at += REPLAY_TAG_LEN + 1;
      c->got[n++] = '@';
    } else {
      c->got[n++] = *at++;
    }
  }
  c->got[n] = '\0';
  c->p->n = 0;
  return c->got;
}

#define GOT(c, text)            \
  do {                          \
    const char *got_ = told(c); \
    EQ_STR(got_, text);         \
  } while (0)

static inline struct client4 *come(void) {
  static struct client4 all[32];
  static unsigned n;
  struct client4 *c = &all[n++ % 32];
  memset(c, 0, sizeof *c);
  c->p = peer_new();
  say(c->p, "40");
  told(c);
  return c;
}

static inline void ask_back(struct client4 *c, const char *offset) {
  char text[256];
  size_t n = (size_t)snprintf(text, sizeof text, "40{\"pid\":\"%s\"", c->pid);
  if (offset) n += (size_t)snprintf(text + n, sizeof text - n, ",\"offset\":\"%s\"", offset);
  snprintf(text + n, sizeof text - n, ",\"token\":1}");
  c->p = peer_new();
  if (c->p) say(c->p, text);
}

/* As the JavaScript client does. */
static inline void come_back(struct client4 *c) { ask_back(c, c->offset[0] ? c->offset : NULL); }

static inline void to_all(const char *event) {
  sio_broadcast((sio_target){ .nsp = root }, event, SIO_NONE);
}
static inline void to_room(const char *room, const char *event) {
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS(room) }, event, SIO_NONE);
}

static inline uint64_t failed(int cause) { return srv->core.stats.recovery_failed[cause]; }

#endif
