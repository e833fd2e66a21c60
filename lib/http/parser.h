/* SPDX-License-Identifier: MIT
 *
 * parser.h - llhttp behind a curtain: it says where a head and a body end and whether
 * their framing is sound. What the head says is read by head.c.
 *
 * Every lenient flag is off. Nothing is called back: the caller asks for the next event, and may
 * forget the parser between any two of them. llhttp's header and request.h both name
 * HTTP_GET, so the struct stays in parser.c and is known by its size.
 */
#ifndef SIO_HTTP_PARSER_H
#define SIO_HTTP_PARSER_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct http_parser;

enum parse_event {
  PARSE_MORE, /* all bytes used, and no end in sight        */
  PARSE_HEAD, /* the blank line after the head was used     */
  PARSE_END,  /* the last byte of the body was used         */
  PARSE_BAD   /* see sio__http_parser_error(); the parser is done */
};

size_t sio__http_parser_size(void);
void sio__http_parser_init(struct http_parser *ps); /* ready for a request line */

/* Uses at most n bytes, *used says how many. */
enum parse_event sio__http_parser_feed(struct http_parser *ps, const char *p, size_t n,
                                       size_t *used);

/* After PARSE_HEAD: the body goes to `body` (NULL: it is dropped) and is at most max bytes;
 * chunk extensions and trailers together are at most max_framing. */
void sio__http_parser_begin_body(struct http_parser *ps, struct buf *body, size_t max,
                                 size_t max_framing);
/* What still comes of the body is dropped; the limits stay. */
void sio__http_parser_discard_body(struct http_parser *ps);

/* After PARSE_BAD: SIO_ETOOBIG (body), UV_ENOMEM, or SIO_EPROTO, whose status is 400, 431 or 505.
 * */
int sio__http_parser_error(const struct http_parser *ps);
int sio__http_parser_status(const struct http_parser *ps);
const char *sio__http_parser_detail(const struct http_parser *ps); /* static storage */

#endif
