/* SPDX-License-Identifier: MIT
 *
 * fuzz_http.c - heads and bodies. However the bytes are cut, the same requests come of them.
 */
#include "fuzz.h"

#include "http/conn.h"
#include "http/head.h"
#include "http/parser.h"
#include "http/serve.h"
#include <sio/error.h>

enum { MAX_BODY = 300, MAX_HEADERS = 10, MAX_HEAD = 1024 };

/* A connection as far as reading goes. */
struct reader {
  struct http http;
  struct http_parser *parser;
  sio_request *r;
  bool in_body, over;
  uint64_t told;
};

static void next_request(struct reader *c) {
  if (c->r) sio__request_free(c->r);
  c->r = sio__request_new(&c->http);
  sio__http_parser_init(c->parser);
  c->in_body = false;
}

static bool lies_in(const struct buf *b, sio_slice s) {
  return b->p && s.p >= b->p && s.p + s.n <= b->p + b->n;
}

static void check_slice(const struct buf *b, sio_slice s) { DEMAND(s.n == 0 || lies_in(b, s)); }

/* A name may be that of a Host that the target said; a value may come from several lines. */
static void check_header(const sio_request *r, const struct http_header *h) {
  DEMAND(slice_equals_str(h->name, "Host") || lies_in(&r->head, h->name));
  DEMAND(h->value.n == 0 || lies_in(&r->head, h->value) || lies_in(&r->joined_values, h->value));
  DEMAND(sio__http_is_token(h->name));
  DEMAND(sio__http_is_field_value(h->value));
}

static void check_head(struct reader *c) {
  const sio_request *r = c->r;
  check_slice(&r->head, r->url);
  check_slice(&r->head, r->path);
  check_slice(&r->head, r->query);
  DEMAND(r->nheaders <= MAX_HEADERS + 1);
  digest(&c->told, r->path.p, r->path.n);
  digest(&c->told, r->query.p, r->query.n);
  for (uint32_t i = 0; i < r->nheaders; i++) {
    check_header(r, &r->headers[i]);
    digest(&c->told, r->headers[i].name.p, r->headers[i].name.n);
    digest(&c->told, r->headers[i].value.p, r->headers[i].value.n);
  }
}

static void on_head(struct reader *c) {
  const char *why = NULL;
  int status = sio__request_parse_head(c->r, MAX_HEADERS, &why);
  digest(&c->told, &status, sizeof status);
  if (status) {
    DEMAND(why && status >= 400);
    c->over = true;
    return;
  }
  check_head(c);
  if (c->r->upgrade || c->r->content_length > MAX_BODY) {
    c->over = true;
  } else if (c->r->has_body) {
    sio__http_parser_begin_body(c->parser, &c->r->body, MAX_BODY, MAX_HEAD);
    c->in_body = true;
  } else {
    next_request(c);
  }
}

static void on_end(struct reader *c) {
  DEMAND(c->r->body.n <= MAX_BODY);
  digest(&c->told, c->r->body.p, c->r->body.n);
  next_request(c);
}

static void on_bad(struct reader *c) {
  int err = sio__http_parser_error(c->parser);
  DEMAND(err == SIO_EPROTO || err == SIO_ETOOBIG);
  DEMAND(*sio__http_parser_error_detail(c->parser));
  digest(&c->told, &err, sizeof err);
  c->over = true;
}

static void too_long(struct reader *c) {
  digest(&c->told, "431", 3);
  c->over = true;
}

static void feed(struct reader *c, const char *p, size_t n) {
  while (n > 0 && !c->over) {
    size_t used = 0, room = c->in_body ? n : MAX_HEAD - c->r->head.n, some = n < room ? n : room;
    bool in_head = !c->in_body;
    enum parse_event e = sio__http_parser_feed(c->parser, p, some, &used);
    DEMAND(used <= some);
    if (in_head && e != PARSE_BAD) DEMAND(sio__buf_put(&c->r->head, p, used) == 0);
    p += used;
    n -= used;
    if (e == PARSE_HEAD)
      on_head(c);
    else if (e == PARSE_END)
      on_end(c);
    else if (e == PARSE_BAD)
      on_bad(c);
    else if (in_head && c->r->head.n == MAX_HEAD)
      too_long(c);
  }
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t step) {
  struct reader c = { .http.limits = { .max_head = MAX_HEAD, .max_headers = MAX_HEADERS } };
  list_init(&c.http.spare_requests);
  list_init(&c.http.owed_requests);
  c.parser = calloc(1, sio__http_parser_size());
  next_request(&c);
  for (size_t at = 0; at < size && !c.over; at += step) {
    size_t n = size - at < step ? size - at : step;
    char *p = piece(data + at, n);
    feed(&c, p, n);
    free(p);
  }
  sio__request_free(c.r);
  free(c.parser);
  return c.told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t whole = read_all(data, size, size + 1);
  DEMAND(read_all(data, size, 1) == whole);
  DEMAND(read_all(data, size, 7) == whole);
  return 0;
}
