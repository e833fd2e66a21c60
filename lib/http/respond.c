/* SPDX-License-Identifier: MIT
 *
 * respond.c - writes answers. An ordinary answer is one msg with head and body, which comes from
 * the pool if it is small.
 */
#include "http/conn.h"
#include "http/date.h"
#include "http/head.h"
#include <sio/error.h>
#include <time.h>

/* Enough room for a head without the value of Content-Type and the headers in extra_headers: for
 * the status line, Content-Length, Date, Connection and Keep-Alive. */
enum { HEAD_ROOM = 192 + DATE_LEN };

static const char reasons[] = "200\0OK\0"
                              "201\0Created\0"
                              "202\0Accepted\0"
                              "204\0No Content\0"
                              "206\0Partial Content\0"
                              "301\0Moved Permanently\0"
                              "302\0Found\0"
                              "303\0See Other\0"
                              "304\0Not Modified\0"
                              "307\0Temporary Redirect\0"
                              "308\0Permanent Redirect\0"
                              "400\0Bad Request\0"
                              "401\0Unauthorized\0"
                              "403\0Forbidden\0"
                              "404\0Not Found\0"
                              "405\0Method Not Allowed\0"
                              "406\0Not Acceptable\0"
                              "408\0Request Timeout\0"
                              "409\0Conflict\0"
                              "410\0Gone\0"
                              "411\0Length Required\0"
                              "412\0Precondition Failed\0"
                              "413\0Payload Too Large\0"
                              "414\0URI Too Long\0"
                              "415\0Unsupported Media Type\0"
                              "416\0Range Not Satisfiable\0"
                              "417\0Expectation Failed\0"
                              "418\0I'm a teapot\0"
                              "422\0Unprocessable Content\0"
                              "426\0Upgrade Required\0"
                              "429\0Too Many Requests\0"
                              "431\0Request Header Fields Too Large\0"
                              "500\0Internal Server Error\0"
                              "501\0Not Implemented\0"
                              "502\0Bad Gateway\0"
                              "503\0Service Unavailable\0"
                              "504\0Gateway Timeout\0"
                              "505\0HTTP Version Not Supported\0";

static const char *reason_phrase(int status) {
  char code[3] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                   (char)('0' + status % 10) };
  const char *text = sio__find_value_in_pairs(reasons, slice(code, sizeof code));
  return text ? text : "Other";
}

/* ---- header lines ------------------------------------------------------------------- */

static int append_header_line(struct buf *b, sio_slice name, sio_slice value) {
  size_t before = b->n;
  int err = sio__buf_put(b, name.p, name.n);
  if (!err) err = sio__buf_put(b, ": ", 2);
  if (!err) err = sio__buf_put(b, value.p, value.n);
  if (!err) err = sio__buf_put(b, "\r\n", 2);
  if (err) b->n = before;
  return err;
}

int sio__request_add_answer_header(sio_request *r, const char *name, sio_slice value) {
  sio_slice key = slice_str(name);
  if (!sio__http_is_token(key) || !sio__http_is_field_value(value)) return UV_EINVAL;
  if (r->answered) return SIO_ESTATE;
  int err = append_header_line(&r->extra_headers, key, value);
  if (!err && sio__slice_equals_ignore_case(key, SLICE("date"))) r->has_date = true;
  return err;
}

bool sio__request_has_answer_header(const sio_request *r, const char *name, size_t n) {
  sio_slice rest = slice(r->extra_headers.p, n), line, key;
  while (sio__slice_split(&rest, '\n', &line))
    if (sio__slice_split(&line, ':', &key) && sio__slice_equals_ignore_case(key, slice_str(name)))
      return true;
  return false;
}

int sio__request_add_answer_header_if_missing(sio_request *r, const char *name, sio_slice value) {
  bool set = sio__request_has_answer_header(r, name, r->extra_headers.n);
  return set ? 0 : sio__request_add_answer_header(r, name, value);
}

/* ---- the head ---------------------------------------------------------------------------- */

struct answer {
  int status;
  sio_slice type;
  uint64_t length; /* the length of the body, which is announced but not sent for HEAD */
  bool keep;
};

/* Returns true for 204 and 304: these answers have no body, and answer_write_head() writes no
 * Content-Length for them. */
static bool is_status_without_body(int status) { return status == 204 || status == 304; }

static void answer_write_bytes(struct msg *m, const char *p, size_t n) {
  if (n == 0) return;
  memcpy(msg_data(m) + m->len, p, n);
  m->len += (uint32_t)n;
}

static void answer_write_str(struct msg *m, const char *s) { answer_write_bytes(m, s, strlen(s)); }

static void answer_write_text_and_number(struct msg *m, const char *name, uint64_t v) {
  char digits[20];
  size_t n = sizeof digits;
  do {
    digits[--n] = (char)('0' + v % 10);
  } while ((v /= 10) > 0);
  answer_write_str(m, name);
  answer_write_bytes(m, digits + n, sizeof digits - n);
}

/* Writes the Date header. Its value is made anew only when the second has changed. */
static void answer_write_date_header(struct msg *m, struct http *h) {
  int64_t now = time(NULL);
  if (now != h->date_second) {
    sio__http_date_write(h->date, now);
    h->date_second = now;
  }
  answer_write_str(m, "Date: ");
  answer_write_bytes(m, h->date, DATE_LEN);
  answer_write_str(m, "\r\n");
}

static void answer_write_connection_headers(struct msg *m, const sio_request *r, bool keep) {
  unsigned seconds = r->http->limits.keep_alive_ms / 1000;
  answer_write_str(m, keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
  if (keep && seconds > 0) {
    answer_write_text_and_number(m, "Keep-Alive: timeout=", seconds);
    answer_write_str(m, "\r\n");
  }
}

static void answer_write_head(struct msg *m, const sio_request *r, const struct answer *a) {
  answer_write_text_and_number(m, "HTTP/1.1 ", (uint64_t)a->status);
  answer_write_str(m, " ");
  answer_write_str(m, reason_phrase(a->status));
  answer_write_str(m, "\r\n");
  if (a->type.p) {
    answer_write_str(m, "Content-Type: ");
    answer_write_bytes(m, a->type.p, a->type.n);
    answer_write_str(m, "\r\n");
  }
  if (!is_status_without_body(a->status)) {
    answer_write_text_and_number(m, "Content-Length: ", a->length);
    answer_write_str(m, "\r\n");
  }
  answer_write_bytes(m, r->extra_headers.p, r->extra_headers.n);
  if (!r->has_date) answer_write_date_header(m, r->http);
  answer_write_connection_headers(m, r, a->keep);
  answer_write_str(m, "\r\n");
}

/* Makes a msg that contains the head of the answer and has room for `body` more bytes. Returns 0,
 * SIO_ETOOBIG or UV_ENOMEM. */
static int answer_head_msg_new(struct msg **out, const sio_request *r, const struct answer *a,
                               size_t body) {
  size_t size;
  if (add_and_check_overflow(HEAD_ROOM + a->type.n + r->extra_headers.n, body, &size) ||
      size > UINT32_MAX)
    return SIO_ETOOBIG;
  struct msg *m = sio__msg_new(&r->http->loop->msgs, size);
  if (!m) return UV_ENOMEM;
  m->raw = 1;
  answer_write_head(m, r, a);
  *out = m;
  return 0;
}

/* ---- answering ----------------------------------------------------------------------------- */

static bool should_send_answer_body(const sio_request *r, int status) {
  return r->method != HTTP_HEAD && !is_status_without_body(status);
}

/* Returns 0 if r can be answered. If r has no connection any more, frees r and returns SIO_ECLOSED.
 * For other errors see sio__request_answer(). */
static int check_can_answer_or_free_if_peer_gone(sio_request *r, int status, const char *type) {
  if (r->answered) return SIO_ESTATE;
  if (status < 200 || status > 599 || !sio__http_is_field_value(slice_str(type))) return UV_EINVAL;
  if (r->conn) return 0;
  r->answered = true;
  sio__request_call_on_answered_and_free(r);
  return SIO_ECLOSED;
}

static int close_after_failed_answer(sio_request *r, int err) {
  sio__http_close_after_failed_answer(r, err);
  return err;
}

int sio__request_answer(sio_request *r, int status, const char *type, sio_slice body) {
  struct msg *m;
  int err = check_can_answer_or_free_if_peer_gone(r, status, type);
  if (err) return err;
  struct answer a = { status, slice_str(type), body.n, sio__http_can_keep_alive(r) };
  size_t sent = should_send_answer_body(r, status) ? body.n : 0;
  err = answer_head_msg_new(&m, r, &a, sent);
  if (err) return close_after_failed_answer(r, err);
  answer_write_bytes(m, body.p, sent);
  return sio__http_queue_answer(r, m, NULL, status, a.keep);
}

int sio__request_answer_msg(sio_request *r, int status, const char *type, struct msg *body) {
  struct msg *m;
  if (!should_send_answer_body(r, status) || body->len <= MSG_SMALL / 2)
    return sio__request_answer(r, status, type, slice(msg_data(body), body->len));
  int err = check_can_answer_or_free_if_peer_gone(r, status, type);
  if (err) return err;
  struct answer a = { status, slice_str(type), body->len, sio__http_can_keep_alive(r) };
  err = answer_head_msg_new(&m, r, &a, 0);
  if (err) return close_after_failed_answer(r, err);
  return sio__http_queue_answer(r, m, msg_ref(body), status, a.keep);
}

static int send_answer_head_only(sio_request *r, int status, const char *type,
                                 struct http_source *src) {
  struct msg *m;
  struct answer a = { status, slice_str(type), src->left, sio__http_can_keep_alive(r) };
  src->free(src);
  int err = answer_head_msg_new(&m, r, &a, 0);
  return err ? close_after_failed_answer(r, err)
             : sio__http_queue_answer(r, m, NULL, status, a.keep);
}

/* Sends the head and the first piece of the body. A short first piece is copied into the msg of the
 * head. */
static int send_answer_head_and_first_piece(sio_request *r, int status, const char *type,
                                            struct http_source *src) {
  struct msg *head, *first;
  uint64_t length = src->left;
  int err = sio__http_source_read_piece_to_msg(r->http->loop, src, &first);
  if (err || src->left == 0) {
    src->free(src);
    src = NULL;
  }
  if (err) return err;
  if (src) sio__http_set_answer_body_source(r, src);
  struct answer a = { status, slice_str(type), length, sio__http_can_keep_alive(r) };
  size_t within = first->len <= MSG_SMALL / 2 ? first->len : 0;
  err = answer_head_msg_new(&head, r, &a, within);
  if (err) {
    msg_unref(first);
    return close_after_failed_answer(r, err);
  }
  answer_write_bytes(head, msg_data(first), within);
  if (within == first->len) {
    msg_unref(first);
    first = NULL;
  }
  return sio__http_queue_answer(r, head, first, status, a.keep);
}

int sio__request_answer_from_source(sio_request *r, int status, const char *type,
                                    struct http_source *src) {
  int err = check_can_answer_or_free_if_peer_gone(r, status, type);
  if (err) {
    src->free(src);
    return err;
  }
  if (!should_send_answer_body(r, status)) return send_answer_head_only(r, status, type, src);
  return send_answer_head_and_first_piece(r, status, type, src);
}

void sio__request_answer_500_or_close(sio_request *r, int err) {
  if (r->answered) return;
  if (err != SIO_ETOOBIG) {
    sio__request_close_without_answer(r);
    return;
  }
  r->extra_headers.n = 0;
  r->has_date = false;
  sio__request_answer(r, 500, NULL, slice(NULL, 0));
}

void sio__request_disable_keep_alive(sio_request *r) { r->keep_alive = false; }

/* ---- public functions ---------------------------------------------------------------------- */

bool sio__is_header_reserved_for_library(const char *header) {
  sio_slice name = slice_str(header);
  return sio__slice_equals_ignore_case(name, SLICE("content-length")) ||
         sio__slice_equals_ignore_case(name, SLICE("transfer-encoding")) ||
         sio__slice_equals_ignore_case(name, SLICE("connection")) ||
         sio__slice_equals_ignore_case(name, SLICE("keep-alive"));
}

int sio_respond_header(sio_request *r, const char *name, const char *value) {
  if (!name || !value || sio__is_header_reserved_for_library(name)) return UV_EINVAL;
  return sio__request_add_answer_header(r, name, slice_str(value));
}

int sio_respond(sio_request *r, int status, const char *type, sio_slice body) {
  return sio__request_answer(r, status, type, body);
}
