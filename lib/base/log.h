/* SPDX-License-Identifier: MIT
 *
 * log.h - levelled lines, tagged by room. A line below its room's level costs a
 * comparison. Bytes from peers are escaped on the way out.
 *
 * A line is formatted where it is logged, since what it shows may not live long, and then waits:
 * the host's callback runs from the end of the turn (net/loop.c), never inside the call that
 * logs. So the callback may make any call of the library.
 */
#ifndef SIO_BASE_LOG_H
#define SIO_BASE_LOG_H

#include "base/slice.h"
#include <sio/log.h>

/* The memory of the lines that wait: past it further lines are lost, and counted. */
enum { LOG_HELD = 4 * 1024 * 1024 };

struct log_line;

struct log {
  sio_log_cb cb; /* NULL: silent */
  void *user;
  uint8_t level[SIO_ROOM_COUNT]; /* enum sio_log_level: the most talkative that passes */
  bool busy;                     /* the callback runs */
  struct log_line *first, *last; /* they wait, in order */
  size_t held;                   /* the memory of those */
  uint64_t unsaid;               /* lost lines that the host was not told of yet */
  uint64_t lost;                 /* all of them */
  const char *why;               /* the last of them was lost */
  void (*rouse)(void *arg);      /* something waits; NULL: nobody needs to know */
  void *rouse_arg;
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level);
/* "warn", or "info,eio=debug,http=off", read from left to right. 0, or UV_EINVAL for a word
 * it does not know (then nothing changed). */
int sio__log_spec(struct log *log, const char *spec);
const char *sio__log_room(int room); /* "net", "http", ... */

static inline bool log_waits(const struct log *log) { return log->first || log->unsaid; }
/* Runs the callback for each line that waits; what those calls log waits for the next time. Only
 * where nothing of the library is under way. */
void sio__log_deliver(struct log *log);
void sio__log_clear(struct log *log); /* what waits is dropped; it is silent from now on */

#define LOG(log, lvl, room, ...)                                                  \
  do {                                                                            \
    if ((lvl) <= (log)->level[room]) sio__log((log), (lvl), (room), __VA_ARGS__); \
  } while (0)

/* printf formats; the line waits to be delivered. Inside the callback DEBUG and TRACE are left out:
 * a callback that sends would cause itself for ever. Lines are cut at LOG_LINE bytes, between
 * characters; control characters (C0, DEL, C1) and bytes that are not UTF-8 come out as \xNN, so a
 * peer cannot forge a line or steer a terminal. */
enum { LOG_LINE = 512 };
void sio__log(struct log *log, int level, int room, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* For "%.*s": at most 64 bytes of what a peer sent. */
#define LOG_SLICE(s) (int)((s).n < 64 ? (s).n : 64), (s).p ? (s).p : ""

#endif
