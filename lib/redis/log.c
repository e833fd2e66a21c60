/* SPDX-License-Identifier: MIT
 *
 * log.c - a line is only counted if another line of its kind was added less than a second ago, or
 * was not passed to the host yet.
 */
#include "redis/log.h"

#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REDIS_LOG_INTERVAL_MS = 1000 };

void sio__redis_log_add_rate_limited_line(struct redis_log *notes, enum redis_log_kind kind,
                                          int level, uint64_t now_ms, const char *fmt, ...) {
  struct redis_log_line *n = &notes->of[kind];
  va_list ap;
  if (!notes->log || level > notes->level) return;
  if (n->waits || (n->told_ms && now_ms - n->told_ms < REDIS_LOG_INTERVAL_MS)) {
    n->left_out++;
    return;
  }
  n->waits = true;
  n->level = level;
  n->told_ms = now_ms;
  va_start(ap, fmt);
  (void)vsnprintf(n->text, sizeof n->text, fmt, ap);
  va_end(ap);
  if (!n->left_out) return;
  size_t len = strlen(n->text);
  snprintf(n->text + len, sizeof n->text - len,
           " (%llu similar lines before this one were left out)", (unsigned long long)n->left_out);
  n->left_out = 0;
}

void sio__redis_log_deliver_lines_to_host(struct redis_log *notes) {
  for (int k = 0; k < REDIS_LOG_KINDS; k++) {
    struct redis_log_line *n = &notes->of[k];
    if (!n->waits) continue;
    n->waits = false;
    notes->log(&(const sio_log_line){ .size = sizeof(sio_log_line),
                                      .time_ms = sio__log_unix_time_ms(),
                                      .text = n->text,
                                      .level_name = sio__name_of_log_level(n->level),
                                      .part = "redis",
                                      .session = "",
                                      .nsp = "",
                                      .fd = -1,
                                      .level = n->level },
               notes->user);
  }
}

const char *sio__copy_with_unprintable_replaced(char *out, size_t size, sio_slice s) {
  size_t n = s.n < size ? s.n : size - 1;
  for (size_t i = 0; i < n; i++) out[i] = s.p[i] >= 0x20 && s.p[i] <= 0x7e ? s.p[i] : '?';
  out[n] = '\0';
  return out;
}
