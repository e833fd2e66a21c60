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
  PARSE_MORE, /* all bytes were consumed; the head or body goes on */
  PARSE_HEAD, /* the blank line after the head was consumed */
  PARSE_END,  /* the last byte of the body was consumed */
  PARSE_BAD   /* an error: see sio__http_parser_error(); do not feed the parser again */
};

size_t sio__http_parser_size(void);
void sio__http_parser_init(struct http_parser *ps); /* ready for a request line */

/* Consumes at most n bytes, and sets *used to the number. */
enum parse_event sio__http_parser_feed(struct http_parser *ps, const char *p, size_t n,
                                       size_t *used);

/* Call this after PARSE_HEAD. The body is appended to `body` (NULL: it is discarded), and may have
 * at most max bytes. Chunk extensions and trailers together may have at most max_framing bytes. */
void sio__http_parser_begin_body(struct http_parser *ps, struct buf *body, size_t max,
                                 size_t max_framing);
/* Discards the rest of the body from now on; the limits stay. */
void sio__http_parser_discard_body(struct http_parser *ps);

/* After PARSE_BAD: SIO_ETOOBIG (the body), UV_ENOMEM, or SIO_EPROTO, whose status is 400, 431 or
 * 505. */
int sio__http_parser_error(const struct http_parser *ps);
int sio__http_parser_error_status(const struct http_parser *ps);
const char *sio__http_parser_error_detail(const struct http_parser *ps); /* static storage */

#endif
