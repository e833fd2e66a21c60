/* SPDX-License-Identifier: MIT
 *
 * log.h - lines for the host's log, at most one of each kind per second; further lines are counted.
 * Lines are passed to the host from the loop, because a function that sends must not call the host.
 */
#ifndef SIO_REDIS_LOG_H
#define SIO_REDIS_LOG_H

#include <sio/log.h>

enum redis_log_kind {
  REDIS_LOG_STATE,             /* the connections are ready */
  REDIS_LOG_CONNECTION_FAILED, /* a connection could not be made, or broke */
  REDIS_LOG_MASTER_CHANGED,    /* the master that sentinels watch has changed */
  REDIS_LOG_DISCOVERY,         /* asking a sentinel, or a node for the slot table, failed */
  REDIS_LOG_ERROR_REPLY,       /* Redis answered with an error */
  REDIS_LOG_MISSED,            /* a message reached fewer Socket.IO servers than messages before */
  REDIS_LOG_DROPPED,           /* a message or another command was lost */
  REDIS_LOG_SILENT_SERVERS,    /* other Socket.IO servers do not answer */
  REDIS_LOG_IGNORED,           /* a received message was malformed, or could not be handled */
  REDIS_LOG_KINDS
};

enum { REDIS_LOG_LINE_SIZE = 320 };

struct redis_log_line {
  int level;
  uint64_t told_ms;  /* when the last line was added for the host */
  uint64_t left_out; /* how many lines of this kind were left out since told_ms */
  bool waits;        /* `text` is to be passed to the host */
  char text[REDIS_LOG_LINE_SIZE];
};

struct redis_log {
  sio_log_cb log; /* NULL: nothing is logged */
  void *user;
  int level;
  struct redis_log_line of[REDIS_LOG_KINDS];
};

/* Formats a line, which sio__redis_log_deliver_lines_to_host() passes to the host, unless its level
 * is not logged or the rate limit forbids the line. The caller must first call
 * sio__copy_with_unprintable_replaced() for text that Redis or a peer has sent. Hosts and ports
 * that they have sent are printable already: sio__redis_is_valid_host() has checked them. */
void sio__redis_log_add_rate_limited_line(struct redis_log *n, enum redis_log_kind kind, int level,
                                          uint64_t now_ms, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void sio__redis_log_deliver_lines_to_host(struct redis_log *n); /* calls the callback of the host */
/* Copies at most size - 1 bytes of s to out, with '?' for control characters and bytes above 0x7e.
 * Returns out. */
const char *sio__copy_with_unprintable_replaced(char *out, size_t size, sio_slice s);

#endif
