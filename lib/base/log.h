/* SPDX-License-Identifier: MIT
 *
 * log.h - log lines with a level and a room. A line below the level of its room costs one
 * comparison. Bytes from peers are escaped.
 *
 * A line is formatted immediately, since its arguments may not live long. Then it waits: the host's
 * callback runs at the end of the turn (net/loop.c), never inside the call that logs. So the
 * callback may make any call of the library.
 */
#ifndef SIO_BASE_LOG_H
#define SIO_BASE_LOG_H

#include "base/slice.h"
#include <sio/log.h>

/* The most memory for waiting lines. Further lines are lost and counted. */
enum { LOG_HELD = 4 * 1024 * 1024 };

/* The kinds of log lines that peers can cause. Each kind has its own rate limit, so that a flood
 * of one kind does not hide the others. */
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
  LOG_THREAD_MESSAGE_LOST,
  LOG_CALL_REFUSED,
  LOG_CAUSES
};

/* Lines per second of one kind, and how many of them may be about one address, so that one
 * address does not use up the limit of all others. Lines at INFO report normal events and may be
 * more. */
enum {
  LOG_RATE = 10,
  LOG_RATE_PEER = 5,
  LOG_RATE_INFO = 100,
  LOG_RATE_INFO_PEER = 50,
  LOG_PEERS = 32 /* Addresses are distinguished by a hash with this many values. */
};

/* The state of one kind in the current second. */
struct log_second {
  uint64_t left_out;
  uint8_t level, room, used;
  uint8_t of_peer[LOG_PEERS];
};

struct log_line;

/* What a line is about. */
struct log_about {
  const char *session; /* NULL, or the public id of a session */
  const char *nsp;     /* NULL, or a namespace */
  int fd;              /* 0, or the descriptor of a connection */
};

struct log {
  sio_log_cb cb; /* NULL: nothing is logged. */
  void *user;
  uint8_t level[SIO_ROOM_COUNT]; /* for each part of the library: the most verbose level logged */
  bool busy;                     /* The callback is running. */
  /* Set while a line is logged that is about something. */
  const struct log_about *about;
  struct log_line *first, *last; /* waiting lines, in order */
  size_t held;                   /* memory of the waiting lines */
  uint64_t unreported;           /* lost lines that are not yet reported to the host */
  uint64_t lost;                 /* all lost lines */
  const char *why;               /* why the newest lost line was lost */
  bool
      counting; /* A second of rate limiting has begun; sio__log_end_rate_limit_second() ends it. */
  uint64_t left_out; /* all lines left out by the rate limits */
  struct log_second seconds[LOG_CAUSES];
  /* Called when a line was queued, or a second of rate limiting has begun. May be NULL. */
  void (*on_work)(void *arg);
  void *on_work_arg;
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level);
/* Parses "warn", or "info,eio=debug,http=off", from left to right. 0, or UV_EINVAL for an
 * unknown word, and no level has changed. */
int sio__log_set_levels(struct log *log, const char *spec);
const char *sio__log_room_name(int room); /* "net", "http", ... */
const char *sio__log_level_name(int level);
uint64_t sio__log_unix_time_ms(void); /* Unix time */

static inline bool log_has_waiting_lines(const struct log *log) {
  return log->first || log->unreported;
}
/* Calls the callback for each waiting line. Lines that the callback logs wait until the next
 * call. Call this only where the library may be called. */
void sio__log_deliver_lines(struct log *log);
void sio__log_clear(struct log *log); /* Drops the waiting lines; nothing is logged from now on. */

#define LOG(log, lvl, room, ...)                                                  \
  do {                                                                            \
    if ((lvl) <= (log)->level[room]) sio__log((log), (lvl), (room), __VA_ARGS__); \
  } while (0)

/* The same for a line that is about something: a session, a namespace, a connection. about is
 * evaluated only if the line is logged. */
#define LOG_ABOUT(log, lvl, room, about_, ...)     \
  do {                                             \
    if ((lvl) <= (log)->level[room]) {             \
      (log)->about = (about_);                     \
      sio__log((log), (lvl), (room), __VA_ARGS__); \
      (log)->about = NULL;                         \
    }                                              \
  } while (0)

/* For every line that a peer can cause as often as it likes. peer is its address; NULL or "" if
 * not known. */
#define LOG_RATED sio__log_rate_limited
#define LOG_RATED_ABOUT(log, lvl, room, cause, peer, about_, ...)              \
  do {                                                                         \
    (log)->about = (about_);                                                   \
    sio__log_rate_limited((log), (lvl), (room), (cause), (peer), __VA_ARGS__); \
    (log)->about = NULL;                                                       \
  } while (0)
#define ABOUT_FD(fd_) (&(const struct log_about){ .fd = (fd_) })
#define ABOUT_NSP(nsp_) (&(const struct log_about){ .nsp = (nsp_) })

/* As LOG(), but a line above a rate limit is only counted. All of its lines are rare, so the level
 * is checked inside. */
void sio__log_rate_limited(struct log *log, int level, int room, enum log_cause cause,
                           const char *peer, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* Called a second after log->counting became true. Logs for each kind how many lines were left
 * out. */
void sio__log_end_rate_limit_second(struct log *log);

/* Formats a line as printf() does; it waits until it is delivered. Within the callback DEBUG and
 * TRACE lines are dropped, since a callback that sends would cause new lines for ever. Lines are
 * cut after LOG_LINE bytes, between characters. Control characters (C0, DEL, C1) and bytes that
 * are not UTF-8 become \xNN, so that a peer cannot forge a line or control a terminal. */
enum { LOG_LINE = 512 };
void sio__log(struct log *log, int level, int room, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Arguments for "%.*s" that print at most 64 bytes of a peer's text. */
#define LOG_SLICE(s) (int)((s).n < 64 ? (s).n : 64), (s).p ? (s).p : ""

#endif
