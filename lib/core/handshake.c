/* SPDX-License-Identifier: MIT
 *
 * handshake.c - a socket's handshake (headers, query, address, auth and so on) as a JSON
 * object, with the members that the Node.js server shows as socket.handshake.
 */
#include "core/handshake.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/percent.h"
#include "base/utc.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/json_string.h"
#include <assert.h>

static int handshake_json_append_bytes(struct buf *b, sio_slice s) {
  return sio__buf_put(b, s.p, s.n);
}

static int handshake_json_append_quoted_string(struct buf *b, sio_slice s) {
  int err = sio__buf_reserve(b, sio__json_quoted_length(s));
  if (!err) b->n += sio__json_quote_string(b->p + b->n, s);
  return err;
}

static int handshake_json_append_key(struct buf *b, sio_slice name) {
  int err = b->p[b->n - 1] == '{' ? 0 : handshake_json_append_bytes(b, SLICE(","));
  if (!err) err = handshake_json_append_quoted_string(b, name);
  return err ? err : handshake_json_append_bytes(b, SLICE(":"));
}

/* ---- headers --------------------------------------------------------------------------- */

/* Reads the headers of a stored HTTP request one by one. They are stored as NUL-terminated strings
 * after the URL: name, value, name, value. */
struct header_reader {
  const char *at;
  uint32_t left;
};

static struct header_reader make_header_reader_for_request(const struct kept_head *h) {
  return (struct header_reader){ h->text + h->url_at + h->url_len + 1, h->nheaders };
}

static bool read_next_stored_request_header(struct header_reader *l, sio_slice *name,
                                            sio_slice *value) {
  if (l->left == 0) return false;
  *name = slice_str(l->at);
  *value = slice_str(l->at + name->n + 1);
  l->at = value->p + value->n + 1;
  l->left--;
  return true;
}

static int handshake_json_append_lowercase_key(struct buf *b, sio_slice name) {
  size_t from = b->n;
  int err = handshake_json_append_key(b, name);
  for (size_t i = from; !err && i < b->n; i++)
    if (b->p[i] >= 'A' && b->p[i] <= 'Z') b->p[i] = (char)(b->p[i] - 'A' + 'a');
  return err;
}

static int handshake_json_append_headers_object(struct buf *b, const struct kept_head *h) {
  int err = handshake_json_append_bytes(b, SLICE("{\"headers\":{"));
  sio_slice name, value;
  if (!h) return err ? err : handshake_json_append_bytes(b, SLICE("}"));
  for (struct header_reader l = make_header_reader_for_request(h);
       !err && read_next_stored_request_header(&l, &name, &value);) {
    err = handshake_json_append_lowercase_key(b, name);
    if (!err) err = handshake_json_append_quoted_string(b, value);
  }
  return err ? err : handshake_json_append_bytes(b, SLICE("}"));
}

/* ---- the query ----------------------------------------------------------------------------- */

static int handshake_json_append_percent_decoded(struct buf *b, sio_slice raw, bool is_key) {
  size_t n = 0;
  char *text = sio__malloc(raw.n + 1);
  if (!text) return UV_ENOMEM;
  while (raw.n) text[n++] = (char)sio__percent_decode_byte(&raw, true);
  int err = is_key ? handshake_json_append_key(b, slice(text, n))
                   : handshake_json_append_quoted_string(b, slice(text, n));
  sio__free(text);
  return err;
}

static int handshake_json_append_query_object(struct buf *b, sio_slice url) {
  sio_slice query = url, path, pair, name;
  int err = handshake_json_append_bytes(b, SLICE(",\"query\":{"));
  sio__slice_split(&url, '#', &query);
  sio__slice_split(&query, '?', &path);
  while (!err && sio__slice_split(&query, '&', &pair)) {
    if (!sio__slice_split(&pair, '=', &name)) continue;
    err = handshake_json_append_percent_decoded(b, name, true);
    if (!err) err = handshake_json_append_percent_decoded(b, pair, false);
  }
  return err ? err : handshake_json_append_bytes(b, SLICE("}"));
}

/* ---- the whole object ----------------------------------------------------------------------- */

/* Appends the member "time": the text that JavaScript's Date.toString() makes in a process whose
 * time zone is UTC. */
static int handshake_json_append_time_member(struct buf *b, uint64_t ms) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm;
  char text[128];
  utc_to_tm((int64_t)(ms / 1000), &tm);
  int n = snprintf(text, sizeof text,
                   ",\"time\":\"%.3s %.3s %02d %d %02d:%02d:%02d GMT+0000 "
                   "(Coordinated Universal Time)\"",
                   days + 3 * tm.tm_wday, months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_year + 1900,
                   tm.tm_hour, tm.tm_min, tm.tm_sec);
  assert(n > 0 && (size_t)n < sizeof text);
  return sio__buf_put(b, text, (size_t)n);
}

static int handshake_json_append_text_member(struct buf *b, sio_slice key, sio_slice value) {
  int err = handshake_json_append_bytes(b, key);
  return err ? err : handshake_json_append_quoted_string(b, value);
}

static int handshake_json_append_bool_member(struct buf *b, sio_slice key, bool on) {
  int err = handshake_json_append_bytes(b, key);
  return err ? err : handshake_json_append_bytes(b, on ? SLICE("true") : SLICE("false"));
}

static int handshake_json_append_number_member(struct buf *b, sio_slice key, uint64_t v) {
  char text[NUM_MAX];
  int err = handshake_json_append_bytes(b, key);
  return err ? err : sio__buf_put(b, text, sio__u64_to_text(text, v));
}

int sio__handshake_to_json(struct buf *out, const sio_socket *s) {
  const sio_session *c = s->session;
  int err = handshake_json_append_headers_object(out, sio__session_first_request_head(c));
  if (!err) err = handshake_json_append_time_member(out, sio__session_opened_at_unix_ms(c));
  if (!err)
    err = handshake_json_append_text_member(out, SLICE(",\"address\":"),
                                            slice_str(sio__session_client_address(c)));
  if (!err)
    err = handshake_json_append_bool_member(out, SLICE(",\"xdomain\":"),
                                            sio__session_first_request_had_origin(c));
  if (!err)
    err = handshake_json_append_bool_member(out, SLICE(",\"secure\":"), sio__session_is_secure(c));
  if (!err)
    err = handshake_json_append_number_member(out, SLICE(",\"issued\":"),
                                              sio__session_opened_at_unix_ms(c));
  if (!err) err = handshake_json_append_text_member(out, SLICE(",\"url\":"), sio__session_url(c));
  if (!err) err = handshake_json_append_query_object(out, sio__session_url(c));
  if (!err) err = handshake_json_append_bytes(out, SLICE(",\"auth\":"));
  if (!err) err = handshake_json_append_bytes(out, sio_socket_auth(s));
  return err ? err : handshake_json_append_bytes(out, SLICE("}"));
}

sio_slice sio_socket_handshake(const sio_socket *s) {
  struct buf *b = &s->nsp->core->handshake;
  sio__buf_clear(b);
  if (!s->session || sio__handshake_to_json(b, s)) return slice(NULL, 0);
  return slice(b->p, b->n);
}
