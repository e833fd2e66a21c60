/* SPDX-License-Identifier: MIT
 *
 * members_recovery_rig.h - clients that lose their connection to one of several servers that serve
 * as one (sio/threads.h), and return to another one.
 */
#ifndef SIO_TEST_MEMBERS_RECOVERY_RIG_H
#define SIO_TEST_MEMBERS_RECOVERY_RIG_H

#include "core/recovery_socket.h"
#include "core/socket.h"
#include "server/server.h"

#include "members_rig.h"

enum { TEXTS = 64 };

struct client {
  sio_test_peer *peer;
  char pid[SIO__ID_LEN + 1], id[SIO__ID_LEN + 1];
  char offset[48]; /* of the last event that it received; "" if it has received none */
  char texts[TEXTS][80];
  int n; /* of texts since the last call of client_read() */
};

static sio_recovery recovery;
static sio_options how;

static inline sio_target all_of(int member) { return (sio_target){ .nsp = roots[member] }; }

static inline void start_members(void) {
  how = options();
  how.recovery = &recovery;
  how.socket_data_size = 8;
  begin_with(how);
}

/* Splits the offset off an event. Returns false if the event has none. */
static inline bool split_offset(char *text, char *offset, size_t size) {
  char *comma = strrchr(text, ',');
  if (!comma || comma[1] != '"' || !strchr(comma, '.')) return false;
  snprintf(offset, size, "%.*s", (int)(strlen(comma) - 4), comma + 2);
  strcpy(comma, "]");
  return true;
}

static inline void client_read(struct client *c) {
  const char *text;
  c->n = 0;
  while ((text = sio_test_next(c->peer)) && c->n < TEXTS) {
    char *copy = c->texts[c->n];
    snprintf(copy, sizeof c->texts[0], "%s", text);
    if (strcmp(copy, "connect") == 0) continue;
    split_offset(copy, c->offset, sizeof c->offset);
    c->n++;
  }
}

static inline void client_open(struct client *c, int member) {
  char auth[160];
  snprintf(auth, sizeof auth,
           c->offset[0] ? "{\"pid\":\"%s\",\"offset\":\"%s\"}" : "{\"pid\":\"%s\"}", c->pid,
           c->offset);
  EQ(sio_test_connect(members[member], "/", c->pid[0] ? auth : NULL, &c->peer), 0);
}

static inline void client_note_ids(struct client *c) {
  sio_socket *s = sio_test_socket(c->peer);
  REQUIRE(s);
  snprintf(c->pid, sizeof c->pid, "%s", sio__recovery_pid_of_socket(s));
  snprintf(c->id, sizeof c->id, "%s", sio_socket_id(s));
}

static inline void client_start(struct client *c, int member) {
  memset(c, 0, sizeof *c);
  client_open(c, member);
  turns(2);
  client_note_ids(c);
  client_read(c);
}

/* Returns false if the client has become another socket. */
static inline bool client_return(struct client *c, int member) {
  client_open(c, member);
  turns(4);
  sio_socket *s = sio_test_socket(c->peer);
  if (!s || !sio_socket_recovered(s)) return false;
  EQ_STR(sio_socket_id(s), c->id);
  EQ_STR(sio__recovery_pid_of_socket(s), c->pid);
  client_read(c);
  return true;
}

static inline void client_break(struct client *c) {
  sio_test_free(c->peer);
  c->peer = NULL;
}

/* A client of member 0 that has received an event of member `from`, so that it has an offset, and
 * whose connection has broken. */
static inline void client_start_and_break(struct client *c, int from) {
  client_start(c, 0);
  EQ(sio_broadcast(all_of(from), "seen", SIO_NONE), 0);
  turns(2);
  client_read(c);
  client_break(c);
  turns(2);
}

static inline void expect_texts(const struct client *c, const char *const *want, int n) {
  EQ(c->n, n);
  for (int i = 0; i < n && i < c->n; i++) EQ_STR(c->texts[i], want[i]);
}

#define EXPECT_TEXTS(c, ...)                                      \
  do {                                                            \
    const char *const want[] = { __VA_ARGS__ };                   \
    expect_texts((c), want, (int)(sizeof want / sizeof want[0])); \
  } while (0)

static inline uint64_t failures(int member, int cause) {
  sio_stats st;
  sio_server_get_stats(members[member], &st, sizeof st);
  return st.recovery_failed[cause];
}

#endif
