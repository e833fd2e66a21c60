/* SPDX-License-Identifier: MIT
 *
 * log.h - levelled lines, tagged by room. A line below its room's level costs a
 * comparison. Bytes from peers are escaped on the way out.
 */
#ifndef SIO_BASE_LOG_H
#define SIO_BASE_LOG_H

#include "base/slice.h"
#include <sio/log.h>

struct log {
  sio_log_cb cb;
  void *user;
  uint8_t level[SIO_ROOM_COUNT]; /* enum sio_log_level: the most talkative that passes */
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level);
/* "warn", or "info,eio=debug,http=off", read from left to right. 0, or UV_EINVAL for a word
 * it does not know (then nothing changed). */
int sio__log_spec(struct log *log, const char *spec);
const char *sio__log_room(int room); /* "net", "http", ... */

#define LOG(log, lvl, room, ...)                                                  \
  do {                                                                            \
    if ((lvl) <= (log)->level[room]) sio__log((log), (lvl), (room), __VA_ARGS__); \
  } while (0)

/* printf formats; lines are cut at LOG_LINE bytes, between characters; control characters
 * (C0, DEL, C1) and bytes that are not UTF-8 come out as \xNN, so a peer cannot forge a line
 * or steer a terminal. */
enum { LOG_LINE = 512 };
void sio__log(struct log *log, int level, int room, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* For "%.*s": at most 64 bytes of what a peer sent. */
#define LOG_SLICE(s) (int)((s).n < 64 ? (s).n : 64), (s).p ? (s).p : ""

#endif
