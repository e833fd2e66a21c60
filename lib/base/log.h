/* SPDX-License-Identifier: MIT
 *
 * log.h - log lines, each with a level and the part of the library that logs it. A line that is
 * not logged because of its level usually costs one comparison. Control characters and invalid
 * UTF-8 are escaped.
 *
 * A line is formatted at once, because its arguments may soon become invalid. Then it is queued:
 * the host's callback is called later, most often at the end of the loop's turn (net/loop.c), and
 * not inside the function that logs. So the callback may call any function of the library.
 */
#ifndef SIO_BASE_LOG_H
#define SIO_BASE_LOG_H

#include "base/slice.h"
#include <sio/log.h>

/* The maximum memory of all queued lines, in bytes. A line that does not fit is lost and
 * counted. */
enum { LOG_HELD = 4 * 1024 * 1024 };

/* The kinds of log lines with a rate limit, most of which peers can cause. Each kind has a limit of
 * its own, so that very many lines of one kind do not suppress the others. */
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
  LOG_PACKET_IGNORED,
  LOG_ANSWER_DROPPED,
  LOG_THREAD_MESSAGE_LOST,
  LOG_CALL_REFUSED,
  LOG_CAUSES
};

/* The maximum number of log lines of one kind per second: in all, and about one address, so that
 * one address cannot use up the whole limit. Lines of the levels INFO to TRACE are mostly about
 * normal events, so more of them are allowed. */
enum {
  LOG_RATE = 10,
  LOG_RATE_PEER = 5,
  LOG_RATE_INFO = 100,
  LOG_RATE_INFO_PEER = 50,
  LOG_PEERS = 32 /* the number of per-address counters; the hash of an address selects one */
};

/* Counts the log lines of one kind in the current second. */
struct log_second {
  uint64_t left_out;          /* lines that were suppressed */
  uint8_t level, part;        /* those of the last suppressed line */
  uint8_t used;               /* lines that were within the limits */
  uint8_t of_peer[LOG_PEERS]; /* lines within the limits, by the hash of the peer's address */
};

struct log_line;

/* The object that a log line is about. */
struct log_about {
  const char *session; /* the public id of a session, or NULL */
  const char *nsp;     /* the name of a namespace, or NULL */
  int fd;              /* the descriptor of a connection; 0 or -1 if there is none */
};

struct log {
  sio_log_cb cb; /* NULL if nothing is logged */
  void *user;
  /* For each part of the library (enum sio_log_part), the most detailed level that is logged. */
  uint8_t level[SIO_PART_COUNT];
  bool busy; /* the host's callback is running */
  /* The object that the line being logged is about; NULL if it is about no single object. */
  const struct log_about *about;
  struct log_line *first, *last; /* queued lines, in their order */
  size_t held;                   /* the memory of the queued lines, in bytes */
  uint64_t unreported;           /* how many lines were lost since the last delivery */
  uint64_t lost;                 /* how many lines were lost since the start */
  const char *why;               /* why the latest lost line was lost */
  /* True while the lines of a second are counted for the rate limits. Such a second begins with a
   * line that has a rate limit. */
  bool counting;
  uint64_t left_out; /* how many lines the rate limits have suppressed since the start */
  struct log_second seconds[LOG_CAUSES];
  /* Called when a line was queued or lost, and when a second of rate limiting has begun. May be
   * NULL. */
  void (*on_work)(void *arg);
  void *on_work_arg;
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level);
/* Sets the levels from a text such as "warn" or "info,eio=debug,http=off", whose words are applied
 * from left to right. Returns UV_EINVAL and changes no level if a word is unknown or the text is
 * empty; otherwise returns 0. */
int sio__log_set_levels(struct log *log, const char *spec);
const char *sio__name_of_log_part(int part); /* "net", "http", ... */
const char *sio__name_of_log_level(int level);
uint64_t sio__log_unix_time_ms(void); /* ms since 1970 */

static inline bool log_has_waiting_lines(const struct log *log) {
  return log->first || log->unreported;
}
/* Calls the host's callback for each queued line, and then for a line that says how many lines were
 * lost, if any were. Lines that are queued meanwhile wait for the next call. Does nothing inside
 * the callback. Must be called only where the callback may call any function of the library. */
void sio__log_deliver_lines(struct log *log);
void sio__log_drop_lines_and_callback(
    struct log *log); /* drops the queued lines; nothing is logged afterwards */

#define LOG(log, lvl, part, ...)                                                  \
  do {                                                                            \
    if ((lvl) <= (log)->level[part]) sio__log((log), (lvl), (part), __VA_ARGS__); \
  } while (0)

/* Like LOG(), for a line about a session, a namespace or a connection. about_ is evaluated only if
 * the level is logged. */
#define LOG_ABOUT(log, lvl, part, about_, ...)                                                 \
  do {                                                                                         \
    if ((lvl) <= (log)->level[part]) LOG_ABOUT_UNCHECKED(log, lvl, part, about_, __VA_ARGS__); \
  } while (0)
/* Like LOG_ABOUT(), for a caller that has checked the level itself. */
#define LOG_ABOUT_UNCHECKED(log, lvl, part, about_, ...) \
  do {                                                   \
    (log)->about = (about_);                             \
    sio__log((log), (lvl), (part), __VA_ARGS__);         \
    (log)->about = NULL;                                 \
  } while (0)

/* Like LOG() and LOG_ABOUT(), for a line that may be caused very often, for example by a peer: the
 * rate limits of its `cause` apply. `peer` is the peer's address; NULL or "" if it is not known.
 * LOG_RATED_ABOUT() evaluates `about_` and the arguments of the format only if the level is logged,
 * because they often contain the public id of a session, which takes a SHA-1 to compute. */
#define LOG_RATED sio__log_rate_limited
#define LOG_RATED_ABOUT(log, lvl, part, cause, peer, about_, ...)                \
  do {                                                                           \
    if ((lvl) <= (log)->level[part]) {                                           \
      (log)->about = (about_);                                                   \
      sio__log_rate_limited((log), (lvl), (part), (cause), (peer), __VA_ARGS__); \
      (log)->about = NULL;                                                       \
    }                                                                            \
  } while (0)
#define ABOUT_FD(fd_) (&(const struct log_about){ .fd = (fd_) })
#define ABOUT_NSP(nsp_) (&(const struct log_about){ .nsp = (nsp_) })

/* Like LOG(), but a line that exceeds a rate limit is counted and not logged. The function checks
 * the level itself. */
void sio__log_rate_limited(struct log *log, int level, int part, enum log_cause cause,
                           const char *peer, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* Must be called one second after log->counting has become true, or earlier if logging ends. For
 * each kind of which lines were suppressed in that time, logs how many. */
void sio__log_report_left_out_lines(struct log *log);

enum { LOG_LINE = 512 }; /* the maximum length of a line's text, in bytes */

/* Formats a line as printf() does, and queues it, or counts it as lost if it does not fit. While
 * the host's callback is running, lines of the levels DEBUG and TRACE are dropped: otherwise a
 * callback that sends something would cause new lines forever. A line that is too long is cut
 * between two characters. Control characters (C0, DEL, C1) and bytes that are not UTF-8 are written
 * as \xNN, so that a peer cannot forge a line or control a terminal. */
void sio__log(struct log *log, int level, int part, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Expands to the two arguments of "%.*s" that print at most the first 64 bytes of the slice s. */
#define LOG_SLICE(s) log_slice_length_up_to_64(s), log_slice_text_or_empty(s)
static inline int log_slice_length_up_to_64(sio_slice s) { return s.n < 64 ? (int)s.n : 64; }
static inline const char *log_slice_text_or_empty(sio_slice s) { return s.p ? s.p : ""; }

#endif
