/* SPDX-License-Identifier: MIT
 *
 * coding.c - chooses a content coding from Accept-Encoding, and compresses answers.
 */
#include "http/coding.h"
#include "http/http.h"

enum { UNSAID = -1, Q_ONE = 1000 };

/* ---- choosing a coding ------------------------------------------------------------------- */

static bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

/* Parses a weight such as "0.5" (qvalue, RFC 9110 section 12.4.2) and returns it in thousandths. An
 * invalid weight counts as 0. */
static int parse_qvalue(sio_slice s) {
  if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1')) return 0;
  if (s.n > 1 && s.p[1] != '.') return 0;
  int q = 0;
  for (size_t i = 2; i < 5; i++) {
    if (i < s.n && !is_decimal_digit(s.p[i])) return 0;
    q = q * 10 + (i < s.n ? s.p[i] - '0' : 0);
  }
  if (s.p[0] == '0') return q;
  return q ? 0 : Q_ONE;
}

/* Parses what follows the name of a coding and the ';' after it: nothing, or a weight such as
 * "q=0.5". Returns the weight in thousandths; 0 if it is invalid. */
static int parse_coding_weight(sio_slice params) {
  sio_slice s = sio__slice_trim(params);
  if (s.n == 0) return Q_ONE;
  if (s.n < 2 || (s.p[0] != 'q' && s.p[0] != 'Q') || s.p[1] != '=') return 0;
  return parse_qvalue(slice(s.p + 2, s.n - 2));
}

struct weights {
  int gzip, deflate, identity, others;
};

static void parse_and_store_coding_weight(struct weights *w, sio_slice element) {
  sio_slice name = slice(NULL, 0);
  sio__slice_split(&element, ';', &name);
  name = sio__slice_trim(name);
  int q = parse_coding_weight(element);
  if (sio__slice_equals_ignore_case(name, SLICE("gzip"))) w->gzip = q;
  if (sio__slice_equals_ignore_case(name, SLICE("deflate"))) w->deflate = q;
  if (sio__slice_equals_ignore_case(name, SLICE("identity"))) w->identity = q;
  if (slice_equals_str(name, "*")) w->others = q;
}

enum coding sio__coding_choose_for_accept_encoding(sio_slice accept_encoding) {
  struct weights w = { UNSAID, UNSAID, UNSAID, 0 };
  sio_slice element;
  while (sio__slice_split(&accept_encoding, ',', &element))
    parse_and_store_coding_weight(&w, element);
  if (w.gzip == UNSAID) w.gzip = w.others;
  if (w.deflate == UNSAID) w.deflate = w.others;
  int best = w.gzip >= w.deflate ? w.gzip : w.deflate;
  if (best <= 0 || best < w.identity) return CODING_NONE;
  return best == w.gzip ? CODING_GZIP : CODING_DEFLATE;
}

enum coding sio__coding_choose_for_request(const sio_request *r) {
  return sio__coding_choose_for_accept_encoding(sio__request_header(r, "accept-encoding"));
}

/* ---- answering ---------------------------------------------------------------------------- */

int sio__coding_compress_text_to_msg(struct http *h, enum coding coding, sio_slice text,
                                     struct msg **out) {
  enum deflate_form form = coding == CODING_GZIP ? DEFLATE_GZIP : DEFLATE_ZLIB;
  if (coding == CODING_NONE) return 0;
  int got = sio__deflate(h->deflater, form, &h->loop->msgs, text, out);
  if (got < 0)
    LOG_RATED(h->log, SIO_LOG_WARN, SIO_PART_HTTP, LOG_NO_MEMORY, NULL,
              "a response or file is sent without compression: out of memory");
  return got;
}

int sio__coding_answer_with_precompressed_body(sio_request *r, int status, const char *type,
                                               enum coding coding, struct msg *body) {
  int err =
      sio__request_add_answer_header(r, "Content-Encoding",
                                     coding == CODING_GZIP ? SLICE("gzip") : SLICE("deflate"));
  return err ? err : sio__request_answer_msg(r, status, type, body);
}

int sio__coding_answer_compressed_if_accepted(sio_request *r, int status, const char *type,
                                              struct msg *body) {
  struct http *h = r->http;
  struct msg *packed;
  bool worth = h->deflater && r->conn && body->len >= h->compress_from;
  enum coding coding = worth ? sio__coding_choose_for_request(r) : CODING_NONE;
  if (sio__coding_compress_text_to_msg(h, coding, slice(msg_data(body), body->len), &packed) != 1)
    return sio__request_answer_msg(r, status, type, body);
  int err = sio__coding_answer_with_precompressed_body(r, status, type, coding, packed);
  msg_unref(packed);
  return err;
}
