/* SPDX-License-Identifier: MIT
 *
 * note.h - lines for the host's log: one of a kind in a second, and how many more there were. They
 * wait until the loop tells them, because what sends must not call the host.
 */
#ifndef SIO_REDIS_NOTE_H
#define SIO_REDIS_NOTE_H

#include <sio/log.h>

enum note_kind {
  NOTE_STATE,     /* connected, ready             */
  NOTE_DOWN,      /* cannot connect, broken       */
  NOTE_MASTER,    /* the sentinels have another master */
  NOTE_GUIDE,     /* a sentinel, or a node that is asked for the slots, does not answer */
  NOTE_REFUSED,   /* Redis answered with an error */
  NOTE_MISSED,    /* a message reached fewer servers than those before */
  NOTE_DROPPED,   /* a message was not sent       */
  NOTE_SILENT,    /* servers do not answer        */
  NOTE_MALFORMED, /* a message was not understood */
  NOTE_KINDS
};

enum { NOTE_LINE = 320 };

struct note {
  int level;
  uint64_t told_ms;  /* when the last line was told */
  uint64_t left_out; /* since then                  */
  bool waits;
  char text[NOTE_LINE];
};

struct notes {
  sio_log_cb log; /* NULL: nothing is logged */
  void *user;
  int level;
  struct note of[NOTE_KINDS];
};

/* Formats a line. What Redis or a peer sent has to be cleaned before. */
void sio__note(struct notes *n, enum note_kind kind, int level, uint64_t now_ms, const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));
bool sio__notes_wait(const struct notes *n);
void sio__notes_tell(struct notes *n); /* calls the host */
/* At most size - 1 bytes of s, without control characters and bytes above 0x7e. */
const char *sio__note_clean(char *out, size_t size, sio_slice s);

#endif
