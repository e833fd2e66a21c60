/* SPDX-License-Identifier: MIT
 *
 * log.c - formats and escapes log lines, keeps them until the host's callback can be called, and
 * parses texts that specify log levels.
 */
#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

enum { LOG_SESSION = 8 }; /* how many characters of a session's public id a line shows */

struct log_line {
  struct log_line *next;
  uint64_t time_ms;
  int fd;
  uint8_t level, part;
  uint16_t n, nsp_n;
  char session[LOG_SESSION + 1];
  char text[]; /* the text, a NUL, the name of the namespace, a NUL */
};

static const char *const part_names[SIO_PART_COUNT] = {
  [SIO_PART_NET] = "net", [SIO_PART_HTTP] = "http", [SIO_PART_WS] = "ws",
  [SIO_PART_EIO] = "eio", [SIO_PART_SIO] = "sio",   [SIO_PART_ADAPTER] = "adapter",
};

static const char *const level_names[] = {
  [SIO_LOG_OFF] = "off",   [SIO_LOG_ERROR] = "error", [SIO_LOG_WARN] = "warn",
  [SIO_LOG_INFO] = "info", [SIO_LOG_DEBUG] = "debug", [SIO_LOG_TRACE] = "trace",
};

void sio__log_init(struct log *log, sio_log_cb cb, void *user, int level) {
  if (level < SIO_LOG_OFF) level = SIO_LOG_OFF;
  if (level > SIO_LOG_TRACE) level = SIO_LOG_TRACE;
  *log = (struct log){ .cb = cb, .user = user };
  memset(log->level, level, sizeof log->level);
}

const char *sio__name_of_log_part(int part) {
  return part >= 0 && part < SIO_PART_COUNT ? part_names[part] : "?";
}

const char *sio__name_of_log_level(int level) {
  assert(level >= SIO_LOG_OFF && level <= SIO_LOG_TRACE);
  return level_names[level];
}

static int find_log_name_index(const char *const *names, int n, sio_slice word) {
  for (int i = 0; i < n; i++)
    if (slice_equals_str(word, names[i])) return i;
  return -1;
}

/* Parses one word of a level specification: "warn" sets the level of all parts, "eio=debug" that of
 * one. Returns false if the word is unknown. */
static bool apply_log_level_word(uint8_t level[SIO_PART_COUNT], sio_slice word) {
  bool one_room = word.n && memchr(word.p, '=', word.n);
  sio_slice name = { 0 };
  if (one_room) sio__slice_split(&word, '=', &name);
  int value = find_log_name_index(level_names, SIO_LOG_TRACE + 1, sio__slice_trim(word));
  if (value < 0) return false;
  if (!one_room) {
    memset(level, value, SIO_PART_COUNT);
    return true;
  }
  int part = find_log_name_index(part_names, SIO_PART_COUNT, sio__slice_trim(name));
  if (part < 0) return false;
  level[part] = (uint8_t)value;
  return true;
}

int sio__log_set_levels(struct log *log, const char *spec) {
  uint8_t level[SIO_PART_COUNT];
  sio_slice rest = slice_str(spec), word;
  if (rest.n == 0) return UV_EINVAL;
  memcpy(level, log->level, sizeof level);
  while (sio__slice_split(&rest, ',', &word))
    if (!apply_log_level_word(level, word)) return UV_EINVAL;
  memcpy(log->level, level, sizeof level);
  return 0;
}

/* Returns the length of the character at p if it is valid UTF-8 and not a control character,
 * otherwise 0. */
static size_t printable_character_length(const char *p, size_t n) {
  size_t len = sio__utf8_sequence_length(p, n);
  unsigned char lead = (unsigned char)p[0];
  if (len == 1) return lead >= 0x20 && lead != 0x7f;
  bool c1 = len == 2 && lead == 0xc2 && (unsigned char)p[1] < 0xa0;
  return c1 ? 0 : len;
}

static void escape_byte_as_hex(char *out, char c) {
  static const char hex[] = "0123456789abcdef";
  unsigned char u = (unsigned char)c;
  memcpy(out, (char[]){ '\\', 'x', hex[u >> 4], hex[u & 15] }, 4);
}

static size_t escape_log_text(char out[LOG_LINE + 1], const char *p, size_t n) {
  size_t used = 0, len, width;
  for (size_t i = 0; i < n; i += len, used += width) {
    size_t whole = printable_character_length(p + i, n - i);
    len = whole ? whole : 1;
    width = whole ? whole : 4;
    if (used + width > LOG_LINE) break;
    if (whole)
      memcpy(out + used, p + i, len);
    else
      escape_byte_as_hex(out + used, p[i]);
  }
  out[used] = '\0';
  return used;
}

/* ---- waiting lines --------------------------------------------------------- */

/* An estimate of the bytes that malloc() adds to each block. */
enum { BLOCK = 16 };

static size_t log_line_size(size_t n, size_t nsp_n) {
  return sizeof(struct log_line) + n + 1 + nsp_n + 1;
}

static void log_count_lost_line_with_cause(struct log *log, const char *why) {
  log->unreported++;
  log->lost++;
  log->why = why;
}

static void log_append_waiting_line(struct log *log, struct log_line *line) {
  if (log->last)
    log->last->next = line;
  else
    log->first = line;
  log->last = line;
  log->held += BLOCK + log_line_size(line->n, line->nsp_n);
}

uint64_t sio__log_unix_time_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void log_line_set_fields(struct log_line *line, const struct log_about *about,
                                const char *text, const char *nsp) {
  line->time_ms = sio__log_unix_time_ms();
  line->fd = about && about->fd ? about->fd : -1;
  memcpy(line->text, text, line->n + 1u);
  memcpy(line->text + line->n + 1, nsp, line->nsp_n + 1u);
  if (about && about->session) memcpy(line->session, about->session, LOG_SESSION);
}

static void log_queue_line(struct log *log, int level, int part, const char *text, size_t n) {
  const struct log_about *about = log->about;
  char nsp[LOG_LINE + 1] = "";
  size_t nsp_n = about && about->nsp ? escape_log_text(nsp, about->nsp, strlen(about->nsp)) : 0;
  bool fits = log->held + BLOCK + log_line_size(n, nsp_n) <= LOG_HELD;
  struct log_line *line = fits ? sio__malloc(log_line_size(n, nsp_n)) : NULL;
  if (line) {
    *line = (struct log_line){
      .level = (uint8_t)level, .part = (uint8_t)part, .n = (uint16_t)n, .nsp_n = (uint16_t)nsp_n
    };
    log_line_set_fields(line, about, text, nsp);
    log_append_waiting_line(log, line);
  } else {
    log_count_lost_line_with_cause(
        log,
        fits ? "out of memory" : "more than 4 MiB of log lines would wait for the log callback");
  }
  if (log->on_work) log->on_work(log->on_work_arg);
}

__attribute__((format(printf, 4, 0))) static void log_format_and_queue_line(struct log *log,
                                                                            int level, int part,
                                                                            const char *fmt,
                                                                            va_list ap) {
  if (!log->cb || (log->busy && level >= SIO_LOG_DEBUG)) return;
  /* vsnprintf() may have cut the last character of raw in two. Its bytes, the last three of raw at
   * most, would have to be escaped, and the escapes do not fit into `line`. So nothing of that
   * character is shown. */
  char raw[LOG_LINE + 1], line[LOG_LINE + 1];
  vsnprintf(raw, sizeof raw, fmt, ap);
  log_queue_line(log, level, part, line, escape_log_text(line, raw, strlen(raw)));
}

void sio__log(struct log *log, int level, int part, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  log_format_and_queue_line(log, level, part, fmt, ap);
  va_end(ap);
}

/* ---- rate limits ----------------------------------------------------------- */

static const char *const cause_names[] = {
  [LOG_TURNED_AWAY] = "rejected peers",
  [LOG_LIMITED] = "peers over their rate limit",
  [LOG_NO_MEMORY] = "out of memory",
  [LOG_REQUEST_REFUSED] = "refused requests",
  [LOG_ENGINE_REFUSED] = "refused Engine.IO requests",
  [LOG_UPGRADED] = "upgrades to WebSocket",
  [LOG_UPGRADE_FAILED] = "failed upgrades to WebSocket",
  [LOG_SESSION_OPENED] = "opened sessions",
  [LOG_SESSION_CLOSED] = "closed sessions",
  [LOG_SESSION_BROKEN] = "sessions ended by an error",
  [LOG_NOT_READING] = "peers that do not read what is sent",
  [LOG_WS_REFUSED] = "refused WebSocket handshakes",
  [LOG_WS_BROKEN] = "WebSockets ended by an error",
  [LOG_WS_CLOSED] = "closed WebSockets",
  [LOG_ANSWER_CUT] = "truncated HTTP responses",
  [LOG_NSP_MADE] = "created namespaces",
  [LOG_NSP_GONE] = "deleted namespaces",
  [LOG_NSP_REFUSED] = "refused connections to namespaces",
  [LOG_SOCKET_JOINED] = "connected sockets",
  [LOG_SOCKET_LEFT] = "disconnected sockets",
  [LOG_NOT_RECOVERED] = "failed recoveries",
  [LOG_EVENT_REFUSED] = "refused events",
  [LOG_PACKET_IGNORED] = "ignored packets",
  [LOG_ANSWER_DROPPED] = "dropped replies",
  [LOG_THREAD_MESSAGE_LOST] = "lost messages between threads",
  [LOG_CALL_REFUSED] = "refused library calls",
};

static bool count_log_line_if_within_rate(struct log_second *s, int level, const char *peer) {
  bool rare = level <= SIO_LOG_WARN;
  if (s->used >= (rare ? LOG_RATE : LOG_RATE_INFO)) return false;
  uint8_t *of_peer = &s->of_peer[peer ? sio__hash_bytes(peer, strlen(peer)) % LOG_PEERS : 0];
  if (peer && *of_peer >= (rare ? LOG_RATE_PEER : LOG_RATE_INFO_PEER)) return false;
  if (peer) ++*of_peer;
  s->used++;
  return true;
}

/* Returns true if the line may be logged. A line that exceeds a rate limit is counted instead;
 * sio__log_report_left_out_lines() logs how many there were. */
static bool log_count_and_check_rate_limit(struct log *log, int level, int part,
                                           enum log_cause cause, const char *peer) {
  struct log_second *s = &log->seconds[cause];
  if (!log->cb) return false;
  if (!log->counting) {
    log->counting = true;
    if (log->on_work) log->on_work(log->on_work_arg);
  }
  if (count_log_line_if_within_rate(s, level, peer && *peer ? peer : NULL)) return true;
  s->level = (uint8_t)level;
  s->part = (uint8_t)part;
  s->left_out++;
  log->left_out++;
  return false;
}

void sio__log_rate_limited(struct log *log, int level, int part, enum log_cause cause,
                           const char *peer, const char *fmt, ...) {
  va_list ap;
  if (level > log->level[part]) return;
  if (!log_count_and_check_rate_limit(log, level, part, cause, peer)) return;
  va_start(ap, fmt);
  log_format_and_queue_line(log, level, part, fmt, ap);
  va_end(ap);
}

void sio__log_report_left_out_lines(struct log *log) {
  for (int i = 0; i < LOG_CAUSES && log->counting; i++) {
    struct log_second *s = &log->seconds[i];
    if (s->left_out)
      sio__log(log, s->level, s->part,
               "%s: %llu more log lines of this kind were left out in the last second",
               cause_names[i], (unsigned long long)s->left_out);
    *s = (struct log_second){ 0 };
  }
  log->counting = false;
}

/* ---- delivering ---------------------------------------------------------------------------- */

static void log_pass_line_to_host_callback(const struct log *log, const struct log_line *line) {
  const sio_log_line out = { .size = sizeof out,
                             .time_ms = line->time_ms,
                             .text = line->text,
                             .level_name = sio__name_of_log_level(line->level),
                             .part = sio__name_of_log_part(line->part),
                             .session = line->session,
                             .nsp = line->text + line->n + 1,
                             .fd = line->fd,
                             .level = line->level };
  if (log->cb) log->cb(&out, log->user);
}

static void log_pass_lost_line_count_to_host(struct log *log, uint64_t n, const char *why) {
  char text[128];
  if (!n || !log->cb || log->level[SIO_PART_SIO] < SIO_LOG_ERROR) return;
  snprintf(text, sizeof text,
           n == 1 ? "%llu log line was lost: %s" : "%llu log lines were lost: %s",
           (unsigned long long)n, why);
  const sio_log_line out = { .size = sizeof out,
                             .time_ms = sio__log_unix_time_ms(),
                             .text = text,
                             .level_name = sio__name_of_log_level(SIO_LOG_ERROR),
                             .part = sio__name_of_log_part(SIO_PART_SIO),
                             .session = "",
                             .nsp = "",
                             .fd = -1,
                             .level = SIO_LOG_ERROR };
  log->cb(&out, log->user);
}

static void log_free_line(struct log *log, struct log_line *line) {
  log->held -= BLOCK + log_line_size(line->n, line->nsp_n);
  sio__free(line);
}

static struct log_line *log_take_all_lines(struct log *log) {
  struct log_line *first = log->first;
  log->first = log->last = NULL;
  return first;
}

void sio__log_deliver_lines(struct log *log) {
  if (log->busy) return;
  uint64_t lost = log->unreported;
  const char *why = log->why;
  log->unreported = 0;
  log->busy = true;
  for (struct log_line *line = log_take_all_lines(log), *next; line; line = next) {
    next = line->next;
    log_pass_line_to_host_callback(log, line);
    log_free_line(log, line);
  }
  log_pass_lost_line_count_to_host(log, lost, why);
  log->busy = false;
}

void sio__log_drop_lines_and_callback(struct log *log) {
  for (struct log_line *line = log_take_all_lines(log), *next; line; line = next) {
    next = line->next;
    log_free_line(log, line);
  }
  log->unreported = 0;
  log->cb = NULL;
}
