/* SPDX-License-Identifier: MIT
 *
 * fuzz_fields.c - header fields that are lists or hold parameters. The first byte chooses:
 * Accept-Encoding, Sec-WebSocket-Extensions, If-None-Match, Range, a date, the fields of a
 * WebSocket handshake (one a line), a cookie of the host, an offset that a peer comes back with.
 */
#include "fuzz.h"

#include "core/replay_log.h"
#include "http/coding.h"
#include "http/condition.h"
#include "http/cookie.h"
#include "http/date.h"
#include "http/head.h"
#include "http/range.h"
#include "ws/extension.h"
#include "ws/handshake.h"
#include <sio/error.h>

static void accept_encoding(sio_slice s) {
  enum coding c = sio__coding_choose_for_accept_encoding(s);
  DEMAND(c == CODING_NONE || c == CODING_GZIP || c == CODING_DEFLATE);
}

/* What is answered was offered, and is a header's value. */
static void extensions(sio_slice s) {
  static struct deflater *deflater;
  if (!deflater) deflater = sio__deflater_new(&(struct deflate_settings){ 0 });
  for (unsigned bits = 9; bits <= 15; bits += 3) {
    const struct ws_deflate have = { .deflater = deflater, .window_bits = bits };
    char out[WS_ANSWER_MAX];
    if (!sio__ws_write_answer_to_deflate_offers(&have, s, out)) continue;
    DEMAND(strlen(out) < sizeof out && strncmp(out, "permessage-deflate", 18) == 0);
    DEMAND(memmem(s.p, s.n, "permessage-deflate", 18) != NULL);
    DEMAND(sio__http_is_field_value(slice_str(out)));
  }
}

static void if_none_match(sio_slice s) {
  struct http_header field = { slice_str("if-none-match"), s };
  const sio_request r = { .headers = &field, .nheaders = 1 };
  const struct validators of_a = { .etag = SLICE("\"a\"") }, of_b = { .etag = SLICE("\"b\"") };
  bool a = sio__evaluate_conditional_request(&r, &of_a),
       b = sio__evaluate_conditional_request(&r, &of_b);
  if (a && !b) DEMAND(memmem(s.p, s.n, "\"a\"", 3) != NULL);
}

/* A part lies within the whole. */
static void range(sio_slice s) {
  static const uint64_t sizes[] = { 0, 1, 100, 5000000000, UINT64_MAX };
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct range r = sio__range_header_parse(s, sizes[i]);
    if (r.kind != RANGE_PART) continue;
    DEMAND(r.n > 0 && r.from < sizes[i] && r.n <= sizes[i] - r.from);
  }
}

/* A date that is read is the same when it is written and read again. */
static void date(sio_slice s) {
  int64_t at, again;
  char text[DATE_LEN + 1];
  if (!sio__http_date_parse(s, &at)) return;
  sio__http_date_write(text, at);
  DEMAND(strlen(text) == DATE_LEN);
  DEMAND(sio__http_date_parse(slice_str(text), &again) && again == at);
}

static void handshake(sio_slice s) {
  struct ws_offer o = { .method = SLICE("GET") };
  sio_slice *const fields[] = { &o.connection, &o.upgrade, &o.key, &o.version };
  for (size_t i = 0; i < 4; i++) sio__slice_split(&s, '\n', fields[i]);
  char accept[WS_ACCEPT_LEN + 1];
  if (sio__ws_check_handshake(&o) != WS_OK) return;
  sio__ws_compute_accept_key(accept, o.key);
  DEMAND(strlen(accept) == WS_ACCEPT_LEN);
}

static void cookie(char *text) {
  const sio_cookie from = { .name = "io", .path = text, .domain = text };
  sio_cookie *c;
  char out[600];
  int err = sio__cookie_options_validate_and_copy(&c, &from);
  DEMAND(err == 0 || err == UV_EINVAL);
  if (err) return;
  long n = sio__cookie_write_set_cookie_value(out, sizeof out, c, SLICE("value"));
  DEMAND(n == SIO_ETOOBIG || (n > 0 && n == (long)strlen(out)));
  if (n > 0) DEMAND(sio__http_is_field_value(slice_str(out)));
  sio__cookie_options_free(c);
}

/* What is written is read as the same number; anything else is not from this log. */
static void offset(sio_slice s) {
  const struct replay_log log = { .seq = 5000, .tag = { 'a', 'b', 'c', 'd', 'e', 'f' } };
  char text[REPLAY_OFFSET_MAX];
  uint64_t seq, again;
  if (sio__replay_log_parse_client_offset(&log, s, &seq) != REPLAY_OFFSET_VALID) return;
  DEMAND(seq <= log.seq);
  size_t n = sio__replay_log_format_event_offset(&log, seq, text);
  DEMAND(sio__replay_log_parse_client_offset(&log, slice(text, n), &again) == REPLAY_OFFSET_VALID &&
         again == seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  char *copy = piece(data + 1, size - 1);
  sio_slice s = slice(copy, size - 1);
  switch (data[0]) {
    case 'a': accept_encoding(s); break;
    case 'e': extensions(s); break;
    case 'm': if_none_match(s); break;
    case 'h': handshake(s); break;
    case 'r': range(s); break;
    case 'd': date(s); break;
    case 'o': offset(s); break;
    case 'c': {
      char *text = calloc(1, size);
      memcpy(text, s.p, s.n);
      cookie(text);
      free(text);
      break;
    }
  }
  free(copy);
  return 0;
}
