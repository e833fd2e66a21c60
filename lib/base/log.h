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

/* What peers can cause, by what is done about it: each kind of line has a rate of its own, so that
 * one kind does not hide the others. */
enum log_cause {
  LOG_TURNED_AWAY,
  LOG_LIMITED,
  LOG_NO_MEMORY,
  LOG_REQUEST_REFUSED,
  LOG_ENGINE_REFUSED,
  LOG_UPGRADED,
  LOG_UPGRADE_FAILED,
  LOG_SESSION_OPENED,
  LOG_SESSION_CLOSED,
  LOG_SESSION_BROKEN,
  LOG_NOT_READING,
  LOG_WS_REFUSED,
  LOG_WS_BROKEN,
  LOG_WS_CLOSED,
  LOG_ANSWER_CUT,
  LOG_NSP_MADE,
  LOG_NSP_GONE,
  LOG_NSP_REFUSED,
  LOG_SOCKET_JOINED,
  LOG_SOCKET_LEFT,
  LOG_NOT_RECOVERED,
  LOG_EVENT_REFUSED,
  LOG_ANSWER_DROPPED,
  LOG_CALL_REFUSED,
  LOG_CAUSES
};

/* The lines a second of one cause, and of those the lines about one address: so many that one
 * address does not take the place of all others. Lines at INFO tell of what ordinary peers do. */
enum {
  LOG_RATE = 10,
  LOG_RATE_PEER = 5,
  LOG_RATE_INFO = 100,
  LOG_RATE_INFO_PEER = 50,
  LOG_PEERS = 32 /* addresses are told apart by so many values of a keyed hash */
};

/* One second of one cause. */
struct log_second {
  uint64_t left_out;
  uint8_t level, room, used;
  uint8_t of_peer[LOG_PEERS];
};

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
  bool counting;                 /* a second is under way: sio__log_end_second() ends it */
  uint64_t left_out;             /* lines that were one too many, ever */
  struct log_second seconds[LOG_CAUSES];
  void (*rouse)(void *arg); /* something waits, or a second began; NULL: nobody to tell */
  void *rouse_arg;
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level);
/* "warn", or "info,eio=debug,http=off", read from left to right. 0, or UV_EINVAL for a word
 * it does not know (then nothing changed). */
int sio__log_set_levels(struct log *log, const char *spec);
const char *sio__log_room_name(int room); /* "net", "http", ... */

static inline bool log_has_waiting_lines(const struct log *log) {
  return log->first || log->unsaid;
}
/* Runs the callback for each line that waits; what those calls log waits for the next time. Only
 * where nothing of the library is under way. */
void sio__log_deliver_lines(struct log *log);
void sio__log_clear(struct log *log); /* what waits is dropped; it is silent from now on */

#define LOG(log, lvl, room, ...)                                                  \
  do {                                                                            \
    if ((lvl) <= (log)->level[room]) sio__log((log), (lvl), (room), __VA_ARGS__); \
  } while (0)

/* For each line that a peer can cause at will. peer: its address, NULL or "": not known. */
#define LOG_RATED(log, lvl, room, cause, peer, ...)                                                \
  do {                                                                                             \
    if ((lvl) <= (log)->level[room] && sio__log_take_quota((log), (lvl), (room), (cause), (peer))) \
      sio__log((log), (lvl), (room), __VA_ARGS__);                                                 \
  } while (0)

/* False: it is one too many in this second, and counted. */
bool sio__log_take_quota(struct log *log, int level, int room, enum log_cause cause,
                         const char *peer);
/* A second after log->counting became true: a line says for each cause what was left out. */
void sio__log_end_second(struct log *log);

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
