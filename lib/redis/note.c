/* SPDX-License-Identifier: MIT
 *
 * note.c - a line that finds its kind told less than a second ago is only counted.
 */
#include "redis/note.h"

#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

enum { NOTE_EVERY_MS = 1000 };

void sio__note(struct notes *notes, enum note_kind kind, int level, uint64_t now_ms,
               const char *fmt, ...) {
  struct note *n = &notes->of[kind];
  va_list ap;
  if (!notes->log || level > notes->level) return;
  if (n->waits || (n->told_ms && now_ms - n->told_ms < NOTE_EVERY_MS)) {
    n->left_out++;
    return;
  }
  n->waits = true;
  n->level = level;
  n->told_ms = now_ms ? now_ms : 1;
  va_start(ap, fmt);
  int len = vsnprintf(n->text, sizeof n->text, fmt, ap);
  va_end(ap);
  if (!n->left_out || len < 0 || (size_t)len >= sizeof n->text) return;
  snprintf(n->text + len, sizeof n->text - (size_t)len, " (%llu more like the last one)",
           (unsigned long long)n->left_out);
  n->left_out = 0;
}

bool sio__notes_wait(const struct notes *notes) {
  for (int k = 0; k < NOTE_KINDS; k++)
    if (notes->of[k].waits) return true;
  return false;
}

void sio__notes_tell(struct notes *notes) {
  for (int k = 0; k < NOTE_KINDS; k++) {
    struct note *n = &notes->of[k];
    if (!n->waits) continue;
    n->waits = false;
    notes->log(&(const sio_log_line){ .size = sizeof(sio_log_line),
                                      .time_ms = sio__log_unix_time_ms(),
                                      .text = n->text,
                                      .level_name = sio__log_level_name(n->level),
                                      .room = "redis",
                                      .session = "",
                                      .nsp = "",
                                      .fd = -1,
                                      .level = n->level },
               notes->user);
  }
}

const char *sio__note_clean(char *out, size_t size, sio_slice s) {
  size_t n = s.n < size ? s.n : size - 1;
  for (size_t i = 0; i < n; i++) out[i] = s.p[i] >= 0x20 && s.p[i] <= 0x7e ? s.p[i] : '?';
  out[n] = '\0';
  return out;
}
