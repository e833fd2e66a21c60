/* SPDX-License-Identifier: MIT
 *
 * parser.c - runs llhttp on one request. The callbacks that llhttp calls only pause it, at the end
 * of the head and of the body, and count and copy bytes.
 */
#include "http/parser.h"
#include "base/err.h"
#include <llhttp.h>
#include <sio/error.h>

#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "a lenient llhttp 8 takes any byte for a chunk size's LF: build with LLHTTP_STRICT_MODE=1"
#endif

/* How many bytes of each chunk's framing do not count against max_framing: 16 digits of its length,
 * and two CRLF. */
enum { CHUNK_FRAMING = 20 };

struct http_parser {
  llhttp_t ll; /* must be the first member: http_parser_of_llhttp() casts its address */
  struct buf *body;
  uint64_t left;        /* how many more bytes the body may have */
  uint64_t used;        /* how many bytes were consumed after the head */
  uint64_t granted;     /* the bytes of the body in `used`, and CHUNK_FRAMING for each chunk */
  uint64_t max_framing; /* the limit for used - granted: chunk extensions and trailers */
  int err, status;
  const char *detail;
  bool in_body;
};

size_t sio__http_parser_size(void) { return sizeof(struct http_parser); }

static struct http_parser *http_parser_of_llhttp(llhttp_t *ll) {
  return (struct http_parser *)(void *)ll;
}

static int pause_llhttp_after_head(llhttp_t *ll) {
  (void)ll;
  return HPE_PAUSED;
}

static int pause_llhttp_after_body(llhttp_t *ll) {
  (void)ll;
  return HPE_PAUSED;
}

static int allow_framing_bytes_of_chunk(llhttp_t *ll) {
  http_parser_of_llhttp(ll)->granted += CHUNK_FRAMING;
  return 0;
}

static int append_body_bytes_within_limit(llhttp_t *ll, const char *p, size_t n) {
  struct http_parser *ps = http_parser_of_llhttp(ll);
  ps->granted += n;
  if (n > ps->left)
    ps->err = SIO_ETOOBIG;
  else if (ps->body)
    ps->err = sio__buf_put(ps->body, p, n);
  ps->left -= n;
  return ps->err ? HPE_USER : 0;
}

static const llhttp_settings_t settings = {
  .on_headers_complete = pause_llhttp_after_head,
  .on_message_complete = pause_llhttp_after_body,
  .on_chunk_header = allow_framing_bytes_of_chunk,
  .on_body = append_body_bytes_within_limit,
};

void sio__http_parser_init(struct http_parser *ps) {
  *ps = (struct http_parser){ .detail = "" };
  llhttp_init(&ps->ll, HTTP_REQUEST, &settings);
}

void sio__http_parser_begin_body(struct http_parser *ps, struct buf *body, size_t max,
                                 size_t max_framing) {
  ps->body = body;
  if (body) body->max = max; /* without this the buffer might allocate more than `max` bytes */
  ps->left = max;
  ps->max_framing = max_framing;
  ps->in_body = true;
  /* Without this llhttp would not parse the body of a request that asks for an upgrade. This
   * function is called for such a request only if the upgrade is ignored. */
  ps->ll.upgrade = 0;
}

void sio__http_parser_discard_body(struct http_parser *ps) { ps->body = NULL; }

static enum parse_event parser_set_error(struct http_parser *ps, int err, int status,
                                         const char *detail) {
  ps->err = err;
  ps->status = status;
  ps->detail = detail;
  return PARSE_BAD;
}

/* Returns the text of an error of llhttp. The texts are our own, because those of llhttp may change
 * with its version. */
static const char *llhttp_error_text(llhttp_errno_t e) {
  switch (e) {
    case HPE_INVALID_METHOD: return "unknown request method";
    case HPE_INVALID_URL: return "bad request target";
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE: return "the HTTP version is malformed or not supported";
    case HPE_INVALID_HEADER_TOKEN: return "bad header line";
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH: return "bad content-length";
    case HPE_INVALID_TRANSFER_ENCODING: return "bad transfer-encoding";
    case HPE_INVALID_CHUNK_SIZE: return "bad chunk size";
    default: return "malformed request";
  }
}

/* HPE_INVALID_VERSION is also the error of some versions of llhttp if HTTP/1.1 is followed by
 * something else than CRLF. */
static bool is_http_version_unsupported(const struct http_parser *ps, llhttp_errno_t e) {
  return e == HPE_PAUSED_H2_UPGRADE ||
         (e == HPE_INVALID_VERSION && (ps->ll.http_major != 1 || ps->ll.http_minor > 1));
}

static enum parse_event parser_set_error_from_llhttp(struct http_parser *ps, llhttp_errno_t e) {
  if (ps->err == SIO_ETOOBIG)
    return parser_set_error(ps, ps->err, 413,
                            "the request body is over its limit (such as max_payload)");
  if (ps->err) return parser_set_error(ps, ps->err, 503, "out of memory");
  return parser_set_error(ps, SIO_EPROTO, is_http_version_unsupported(ps, e) ? 505 : 400,
                          llhttp_error_text(e));
}

static bool count_bytes_and_exceeds_framing_limit(struct http_parser *ps, size_t used) {
  ps->used += used;
  return ps->used > ps->granted && ps->used - ps->granted > ps->max_framing;
}

enum parse_event sio__http_parser_feed(struct http_parser *ps, const char *p, size_t n,
                                       size_t *used) {
  llhttp_errno_t e = llhttp_execute(&ps->ll, p, n);
  *used = e == HPE_OK ? n : (size_t)(llhttp_get_error_pos(&ps->ll) - p);
  if (e != HPE_OK && e != HPE_PAUSED) return parser_set_error_from_llhttp(ps, e);
  if (ps->in_body && count_bytes_and_exceeds_framing_limit(ps, *used))
    return parser_set_error(
        ps, SIO_EPROTO, 431,
        "chunk extensions and trailers are longer than what the head left of max_head");
  if (e == HPE_OK) return PARSE_MORE;
  llhttp_resume(&ps->ll);
  return ps->in_body ? PARSE_END : PARSE_HEAD;
}

int sio__http_parser_error(const struct http_parser *ps) { return ps->err; }
int sio__http_parser_error_status(const struct http_parser *ps) { return ps->status; }
const char *sio__http_parser_error_detail(const struct http_parser *ps) { return ps->detail; }
