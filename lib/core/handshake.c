/* SPDX-License-Identifier: MIT
 *
 * handshake.c - what a peer's first request said, as JSON.
 */
#include "base/mem.h"
#include "base/num.h"
#include "base/percent.h"
#include "core/remote.h"
#include "core/socket.h"
#include "packet/json.h"
#include <time.h>

static int put(struct buf *b, sio_slice s) { return sio__buf_put(b, s.p, s.n); }

static int put_string(struct buf *b, sio_slice s) {
  int err = sio__buf_reserve(b, sio__json_quoted_len(s));
  if (!err) b->n += sio__json_quote(b->p + b->n, s);
  return err;
}

static int put_key(struct buf *b, sio_slice name) {
  int err = b->p[b->n - 1] == '{' ? 0 : put(b, SLICE(","));
  if (!err) err = put_string(b, name);
  return err ? err : put(b, SLICE(":"));
}

/* ---- headers --------------------------------------------------------------------------- */

/* They stand behind the URL: name, value, name, value... */
struct lines {
  const char *at;
  uint32_t left;
};

static struct lines lines_of(const struct kept_head *h) {
  return (struct lines){ h->text + h->url_at + h->url_len + 1, h->nheaders };
}

static bool next_line(struct lines *l, sio_slice *name, sio_slice *value) {
  if (l->left == 0) return false;
  *name = slice_str(l->at);
  *value = slice_str(l->at + name->n + 1);
  l->at = value->p + value->n + 1;
  l->left--;
  return true;
}

static int put_lower(struct buf *b, sio_slice name) {
  size_t from = b->n;
  int err = put_key(b, name);
  for (size_t i = from; !err && i < b->n; i++)
    if (b->p[i] >= 'A' && b->p[i] <= 'Z') b->p[i] = (char)(b->p[i] - 'A' + 'a');
  return err;
}

static int put_headers(struct buf *b, const struct kept_head *h) {
  int err = put(b, SLICE("{\"headers\":{"));
  sio_slice name, value;
  if (!h) return err ? err : put(b, SLICE("}"));
  for (struct lines l = lines_of(h); !err && next_line(&l, &name, &value);) {
    err = put_lower(b, name);
    if (!err) err = put_string(b, value);
  }
  return err ? err : put(b, SLICE("}"));
}

/* ---- the query ----------------------------------------------------------------------------- */

static int put_decoded(struct buf *b, sio_slice raw, bool key) {
  size_t n = 0;
  char *text = sio__malloc(raw.n + 1);
  if (!text) return UV_ENOMEM;
  while (raw.n) text[n++] = (char)sio__percent_next(&raw, true);
  int err = key ? put_key(b, slice(text, n)) : put_string(b, slice(text, n));
  sio__free(text);
  return err;
}

static int put_query(struct buf *b, sio_slice url) {
  sio_slice query = url, path, pair, name;
  int err = put(b, SLICE(",\"query\":{"));
  sio__slice_split(&url, '#', &query);
  sio__slice_split(&query, '?', &path);
  while (!err && sio__slice_split(&query, '&', &pair)) {
    if (!sio__slice_split(&pair, '=', &name)) continue;
    err = put_decoded(b, name, true);
    if (!err) err = put_decoded(b, pair, false);
  }
  return err ? err : put(b, SLICE("}"));
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* As a Date of JavaScript prints itself where the clock shows UTC. */
static int put_time(struct buf *b, uint64_t ms) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm;
  char text[128];
  time_t at = (time_t)(ms / 1000);
  if (!gmtime_r(&at, &tm)) return UV_EINVAL;
  int n = snprintf(text, sizeof text,
                   ",\"time\":\"%.3s %.3s %02d %d %02d:%02d:%02d GMT+0000 "
                   "(Coordinated Universal Time)\"",
                   days + 3 * tm.tm_wday, months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_year + 1900,
                   tm.tm_hour, tm.tm_min, tm.tm_sec);
  return n > 0 && (size_t)n < sizeof text ? sio__buf_put(b, text, (size_t)n) : UV_EINVAL;
}

static int put_text(struct buf *b, sio_slice key, sio_slice value) {
  int err = put(b, key);
  return err ? err : put_string(b, value);
}

static int put_flag(struct buf *b, sio_slice key, bool on) {
  int err = put(b, key);
  return err ? err : put(b, on ? SLICE("true") : SLICE("false"));
}

static int put_number(struct buf *b, sio_slice key, uint64_t v) {
  char text[NUM_MAX];
  int err = put(b, key);
  return err ? err : sio__buf_put(b, text, sio__num_u64(text, v));
}

int sio__handshake_json(struct buf *out, const sio_socket *s) {
  const sio_session *c = s->session;
  int err = put_headers(out, sio__session_head(c));
  if (!err) err = put_time(out, sio_session_opened_ms(c));
  if (!err) err = put_text(out, SLICE(",\"address\":"), slice_str(sio_session_address(c)));
  if (!err) err = put_flag(out, SLICE(",\"xdomain\":"), sio_session_xdomain(c));
  if (!err) err = put_flag(out, SLICE(",\"secure\":"), sio_session_secure(c));
  if (!err) err = put_number(out, SLICE(",\"issued\":"), sio_session_opened_ms(c));
  if (!err) err = put_text(out, SLICE(",\"url\":"), sio_session_url(c));
  if (!err) err = put_query(out, sio_session_url(c));
  if (!err) err = put(out, SLICE(",\"auth\":"));
  if (!err) err = put(out, sio_socket_auth(s));
  return err ? err : put(out, SLICE("}"));
}
