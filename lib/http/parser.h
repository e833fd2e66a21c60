/* SPDX-License-Identifier: MIT
 *
 * parser.h - a wrapper around llhttp that finds the end of a head and of a body, and checks their
 * framing. head.c parses the content of the head.
 *
 * All lenient flags of llhttp are off. The parser makes no callbacks: the caller asks for the next
 * event, and may discard the parser between two events. The struct is defined in parser.c, because
 * llhttp's header and request.h both define HTTP_GET.
 */
#ifndef SIO_HTTP_PARSER_H
#define SIO_HTTP_PARSER_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct http_parser;

enum parse_event {
  PARSE_MORE, /* all bytes were consumed; more of the head or body has to follow */
  PARSE_HEAD, /* the blank line after the head was consumed */
  PARSE_END,  /* the end of the body was consumed, with the trailers of a chunked body */
  PARSE_BAD   /* an error, see sio__http_parser_error(); the parser must not be fed again */
};

size_t sio__http_parser_size(void);
void sio__http_parser_init(struct http_parser *ps); /* the next input is a request line */

/* Parses the n bytes at p until the next event, and sets *used to the number of bytes that were
 * consumed. */
enum parse_event sio__http_parser_feed(struct http_parser *ps, const char *p, size_t n,
                                       size_t *used);

/* Must be called after PARSE_HEAD if the request has a body. The body is appended to `body`, or
 * discarded if `body` is NULL. The body may have at most `max` bytes. Besides these, a chunked body
 * may have 20 bytes for each chunk and max_framing more bytes, for chunk extensions and
 * trailers. */
void sio__http_parser_begin_body(struct http_parser *ps, struct buf *body, size_t max,
                                 size_t max_framing);
/* Makes the parser discard the rest of the body. The limits for the body stay. */
void sio__http_parser_discard_body(struct http_parser *ps);

/* After PARSE_BAD, returns SIO_ETOOBIG if the body is too long, UV_ENOMEM, or SIO_EPROTO. */
int sio__http_parser_error(const struct http_parser *ps);
/* After PARSE_BAD, returns the status of the answer: 400, 413, 431, 503 or 505. */
int sio__http_parser_error_status(const struct http_parser *ps);
/* After PARSE_BAD, returns the reason as a static text. */
const char *sio__http_parser_error_detail(const struct http_parser *ps);

#endif
