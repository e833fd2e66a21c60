/* SPDX-License-Identifier: MIT
 *
 * log_file.c - sio_log_to_file(): writes log lines as text or as JSON. The lines may be those of
 * the host too, so nothing is assumed about their bytes: each becomes one line of valid UTF-8 and,
 * as JSON, one valid object.
 */
#include <inttypes.h>
#include <time.h>

#include "base/log.h"
#include "base/os.h"
#include "base/sized.h"
#include "base/utc.h"
#include "base/utf8.h"

/* Collects the bytes of a line, and writes them in pieces of up to 1024 bytes. stderr has no buffer
 * of its own, so many small writes to it would be many system calls. */
struct log_out {
  FILE *file;
  bool json;
  size_t n;
  char piece[1024];
};

static void log_out_flush(struct log_out *o) {
  fwrite(o->piece, 1, o->n, o->file);
  o->n = 0;
}

static void log_out_put_bytes(struct log_out *o, const char *p, size_t n) {
  if (o->n + n > sizeof o->piece) log_out_flush(o);
  memcpy(o->piece + o->n, p, n);
  o->n += n;
}

static void log_out_put_text(struct log_out *o, const char *s) {
  log_out_put_bytes(o, s, strlen(s));
}

/* Writes the first character of the n bytes at p, with an escape if it needs one. Returns the
 * number of bytes that were read: the length of the character, or 1 for an invalid byte. */
static size_t log_out_put_escaped_char(struct log_out *o, const char *p, size_t n) {
  char escape[8];
  size_t len = sio__utf8_sequence_length(p, n);
  unsigned char c = (unsigned char)*p;
  bool c1 = len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0;
  if (!len) {
    log_out_put_text(o, "\xef\xbf\xbd"); /* U+FFFD */
    return 1;
  }
  if (c < 0x20 || c == 0x7f || c1) {
    unsigned code = c1 ? (unsigned char)p[1] : c;
    snprintf(escape, sizeof escape, o->json ? "\\u%04x" : "\\x%02x", code);
    log_out_put_text(o, escape);
    return len;
  }
  if (o->json && (c == '"' || c == '\\')) log_out_put_text(o, "\\");
  log_out_put_bytes(o, p, len);
  return len;
}

static void log_out_put_escaped_text(struct log_out *o, const char *s) {
  size_t n = s ? strlen(s) : 0;
  for (size_t i = 0; i < n;) i += log_out_put_escaped_char(o, s + i, n - i);
}

static void log_out_put_time(struct log_out *o, uint64_t ms) {
  char text[48];
  struct tm tm;
  utc_to_tm((int64_t)(ms / 1000), &tm);
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text + n, sizeof text - n, ".%03uZ", (unsigned)(ms % 1000));
  log_out_put_text(o, text);
}

static void log_out_put_json_member(struct log_out *o, const char *key, const char *value) {
  log_out_put_text(o, ",\"");
  log_out_put_text(o, key);
  log_out_put_text(o, "\":\"");
  log_out_put_escaped_text(o, value);
  log_out_put_text(o, "\"");
}

static void log_out_put_line_as_json(struct log_out *o, const sio_log_line *line) {
  char fd[24];
  log_out_put_text(o, "{\"time\":\"");
  log_out_put_time(o, line->time_ms);
  log_out_put_text(o, "\"");
  log_out_put_json_member(o, "level", line->level_name);
  log_out_put_json_member(o, "part", line->part);
  snprintf(fd, sizeof fd, ",\"fd\":%d", line->fd);
  if (line->fd >= 0) log_out_put_text(o, fd);
  if (line->session && *line->session) log_out_put_json_member(o, "session", line->session);
  if (line->nsp && *line->nsp) log_out_put_json_member(o, "nsp", line->nsp);
  log_out_put_json_member(o, "message", line->text);
  log_out_put_text(o, "}\n");
}

static void log_out_put_field(struct log_out *o, const char *name, const char *value) {
  if (!value || !*value) return;
  log_out_put_text(o, name);
  log_out_put_escaped_text(o, value);
  log_out_put_text(o, " ");
}

static void log_out_put_padded_column(struct log_out *o, const char *s, size_t width) {
  log_out_put_escaped_text(o, s);
  for (size_t n = s ? strlen(s) : 0; n < width; n++) log_out_put_text(o, " ");
}

static void log_out_put_line_as_text(struct log_out *o, const sio_log_line *line) {
  char fd[24];
  log_out_put_time(o, line->time_ms);
  log_out_put_text(o, " ");
  log_out_put_padded_column(o, line->level_name, 6);
  log_out_put_padded_column(o, line->part, 8);
  snprintf(fd, sizeof fd, "fd=%d ", line->fd);
  if (line->fd >= 0) log_out_put_text(o, fd);
  log_out_put_field(o, "session=", line->session);
  log_out_put_field(o, "nsp=", line->nsp);
  log_out_put_escaped_text(o, line->text);
  log_out_put_text(o, "\n");
}

void sio_log_to_file(const sio_log_line *line, void *log_file) {
  sio_log_file how;
  if (sio__read_sized_struct(&how, sizeof how, log_file, sizeof how)) return;
  struct log_out o = { .file = how.file ? how.file : stderr, .json = how.json };
  flockfile(o.file);
  if (o.json)
    log_out_put_line_as_json(&o, line);
  else
    log_out_put_line_as_text(&o, line);
  log_out_flush(&o);
  funlockfile(o.file);
}
