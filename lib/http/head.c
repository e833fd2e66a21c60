/* SPDX-License-Identifier: MIT
 *
 * head.c - parses a request's head in two passes: the first splits it into lines, the second reads
 * the headers that concern the connection and the body, and Host.
 */
#include "http/head.h"
#include "http/fields.h"

struct facts {
  unsigned hosts, lengths, codings;
  sio_slice host, length, coding;
  bool close, keep_alive, upgrade, chunked;
  sio_slice protocol; /* the value of the Upgrade header */
  const char *why;
};

static int set_head_error_text_and_return_status(const char **why, int status, const char *text) {
  *why = text;
  return status;
}

/* ---- characters ------------------------------------------------------------------- */

static bool is_ascii_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(char c) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  return is_ascii_alnum(c) || memchr(marks, c, sizeof marks - 1);
}

bool sio__http_is_token(sio_slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (!is_token_char(s.p[i])) return false;
  return s.n > 0;
}

bool sio__http_is_field_value(sio_slice s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

static bool is_visible_ascii(sio_slice s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return s.n > 0;
}

/* ---- lines ------------------------------------------------------------------------- */

/* Removes the first line from *rest and sets *line to it, without its CRLF. Returns false if the
 * line does not end with CRLF, or contains another CR. */
static bool take_crlf_line(sio_slice *rest, sio_slice *line) {
  const char *lf = memchr(rest->p, '\n', rest->n);
  if (!lf || lf == rest->p || lf[-1] != '\r') return false;
  *line = slice(rest->p, (size_t)(lf - rest->p) - 1);
  *rest = slice(lf + 1, rest->n - line->n - 2);
  return !memchr(line->p, '\r', line->n);
}

static size_t count_head_lines(sio_slice s) {
  size_t lines = 0;
  for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
    lines++;
  return lines;
}

static enum http_method method_from_text(sio_slice s) {
  static const struct {
    char name[8];
    enum http_method method;
  } known[] = {
    { "GET", HTTP_GET },         { "POST", HTTP_POST }, { "HEAD", HTTP_HEAD },
    { "OPTIONS", HTTP_OPTIONS }, { "PUT", HTTP_PUT },   { "DELETE", HTTP_DELETE },
    { "PATCH", HTTP_PATCH },
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (slice_equals_str(s, known[i].name)) return known[i].method;
  return HTTP_OTHER;
}

static int parse_http_version(sio_request *r, sio_slice s, const char **why) {
  if (slice_equals_str(s, "HTTP/1.1") || slice_equals_str(s, "HTTP/1.0")) {
    r->minor_version = s.p[7] == '1';
    return 0;
  }
  if (s.n != 8 || !slice_starts_with(s, SLICE("HTTP/")) || s.p[5] == '0')
    return set_head_error_text_and_return_status(why, 400, "malformed request line");
  return set_head_error_text_and_return_status(why, 505, "HTTP version not supported");
}

/* ---- the authority ----------------------------------------------------------------------- */

static bool is_host_char(char c) {
  static const char marks[] = "-._~%!$&'()*+,;=";
  return is_ascii_alnum(c) || memchr(marks, c, sizeof marks - 1);
}

static bool is_colon_port_or_empty(sio_slice s) {
  if (s.n == 0) return true;
  if (s.p[0] != ':') return false;
  for (size_t i = 1; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9') return false;
  return true;
}

static bool is_bracketed_ip_with_port_valid(sio_slice s) {
  const char *end = memchr(s.p, ']', s.n);
  if (!end || end == s.p + 1) return false;
  size_t n = (size_t)(end - s.p) + 1;
  for (size_t i = 1; i < n - 1; i++)
    if (!is_host_char(s.p[i]) && s.p[i] != ':') return false;
  return is_colon_port_or_empty(slice(s.p + n, s.n - n));
}

/* Returns true if s has the form uri-host [ ":" port ]. The host may be empty (RFC 9110 section
 * 7.2). Only its characters are checked, and not whether they are an address. */
static bool is_host_with_optional_port_valid(sio_slice s) {
  if (s.n && s.p[0] == '[') return is_bracketed_ip_with_port_valid(s);
  size_t n = 0;
  while (n < s.n && is_host_char(s.p[n])) n++;
  return is_colon_port_or_empty(slice(s.p + n, s.n - n));
}

/* ---- the request line ---------------------------------------------------------------------- */

static size_t http_scheme_length_of_url(sio_slice url) {
  static const char *const schemes[] = { "http://", "https://" };
  for (size_t i = 0; i < 2; i++) {
    size_t n = strlen(schemes[i]);
    if (url.n >= n && sio__slice_equals_ignore_case(slice(url.p, n), slice_str(schemes[i])))
      return n;
  }
  return 0;
}

/* Removes the scheme and the host from a request target such as "http://host/path?x", so that
 * r->url is "/path?x". r->authority becomes the host, which replaces the Host header (RFC 9112
 * section 3.2.2). If no path follows the host, the host is moved by one byte, over the second '/'
 * before it, to make room for the path "/". Returns false if the host is empty or invalid. */
static bool strip_scheme_and_host_from_target(sio_request *r, size_t scheme) {
  char *host = r->head.p + (r->url.p - r->head.p) + scheme;
  size_t n = 0, left = r->url.n - scheme;
  while (n < left && !strchr("/?#", host[n])) n++;
  bool bare = n == left || host[n] != '/';
  if (n == 0 || host[0] == ':' || !is_host_with_optional_port_valid(slice(host, n))) return false;
  if (bare) {
    memmove(host - 1, host, n);
    host[n - 1] = '/';
  }
  r->authority = slice(bare ? host - 1 : host, n);
  r->url = slice(host + n - bare, left - n + bare);
  return true;
}

/* Brings the request target into the form "/path?query", or "*" for OPTIONS. Returns false if it is
 * invalid. */
static bool normalise_request_target(sio_request *r) {
  size_t scheme = http_scheme_length_of_url(r->url);
  if (scheme) return strip_scheme_and_host_from_target(r, scheme);
  return r->url.p[0] == '/' || (slice_equals_str(r->url, "*") && r->method == HTTP_OPTIONS);
}

static void split_request_target_into_path_and_query(sio_request *r, sio_slice target) {
  sio__slice_split(&target, '#', &r->query);
  sio__slice_split(&r->query, '?', &r->path);
}

static int parse_request_line(sio_request *r, sio_slice line, const char **why) {
  if (!sio__slice_split(&line, ' ', &r->method_text) || !sio__slice_split(&line, ' ', &r->url))
    return set_head_error_text_and_return_status(why, 400, "malformed request line");
  int status = parse_http_version(r, line, why);
  if (status) return status;
  r->method = method_from_text(r->method_text);
  if (slice_equals_str(r->method_text, "CONNECT"))
    return set_head_error_text_and_return_status(why, 501, "CONNECT is not supported");
  if (!sio__http_is_token(r->method_text) || !is_visible_ascii(r->url) ||
      !normalise_request_target(r))
    return set_head_error_text_and_return_status(why, 400, "malformed request target");
  split_request_target_into_path_and_query(r, r->url);
  return 0;
}

static bool parse_header_line(struct http_header *h, sio_slice line) {
  const char *colon = memchr(line.p, ':', line.n);
  if (!colon) return false;
  h->name = slice(line.p, (size_t)(colon - line.p));
  h->value = sio__slice_trim(slice(colon + 1, line.n - h->name.n - 1));
  return sio__http_is_token(h->name) && sio__http_is_field_value(h->value);
}

/* ---- what the headers mean --------------------------------------------------------------- */

static void interpret_connection_header(struct facts *f, sio_slice value) {
  f->close |= sio__slice_has_token(value, SLICE("close"));
  f->keep_alive |= sio__slice_has_token(value, SLICE("keep-alive"));
  f->upgrade |= sio__slice_has_token(value, SLICE("upgrade"));
}

/* Reads the Expect header, a list in which only "100-continue" is supported. */
static void interpret_expect_header(struct facts *f, sio_slice value, bool *expects) {
  sio_slice part;
  while (sio__slice_split(&value, ',', &part)) {
    part = sio__slice_trim(part);
    bool known = sio__slice_equals_ignore_case(part, SLICE("100-continue"));
    *expects |= known;
    if (!known && part.n) f->why = "unknown expectation in the Expect header";
  }
}

static void store_facts_of_header_if_known(struct facts *f, const struct http_header *h,
                                           bool *expects) {
  switch (h->name.n) {
    case 4:
      if (sio__slice_equals_ignore_case(h->name, SLICE("host"))) f->hosts++, f->host = h->value;
      break;
    case 6:
      if (sio__slice_equals_ignore_case(h->name, SLICE("expect")))
        interpret_expect_header(f, h->value, expects);
      break;
    case 7:
      if (sio__slice_equals_ignore_case(h->name, SLICE("upgrade"))) f->protocol = h->value;
      break;
    case 10:
      if (sio__slice_equals_ignore_case(h->name, SLICE("connection")))
        interpret_connection_header(f, h->value);
      break;
    case 14:
      if (sio__slice_equals_ignore_case(h->name, SLICE("content-length")))
        f->lengths++, f->length = h->value;
      break;
    case 17:
      if (sio__slice_equals_ignore_case(h->name, SLICE("transfer-encoding")))
        f->codings++, f->coding = h->value;
      break;
  }
}

static int check_host_header(const sio_request *r, const struct facts *f, const char **why) {
  if (f->hosts > 1)
    return set_head_error_text_and_return_status(why, 400, "more than one Host header");
  if (f->hosts == 0)
    return r->minor_version ? set_head_error_text_and_return_status(why, 400, "no Host header") : 0;
  return is_host_with_optional_port_valid(f->host)
             ? 0
             : set_head_error_text_and_return_status(why, 400, "malformed Host");
}

/* If the request target contained a host, makes that the value of the Host header, or adds such a
 * header. The array has room for one more header, because it has an element for each line, also for
 * the request line. */
static void set_host_header_from_request_target(sio_request *r) {
  uint32_t i = 0;
  if (!r->authority.p) return;
  while (i < r->nheaders && !sio__slice_equals_ignore_case(r->headers[i].name, SLICE("host"))) i++;
  if (i == r->nheaders) r->headers[r->nheaders++].name = SLICE("Host");
  r->headers[i].value = r->authority;
}

static int interpret_and_check_body_length_headers(sio_request *r, struct facts *f,
                                                   const char **why) {
  if (f->lengths + f->codings > 1)
    return set_head_error_text_and_return_status(
        why, 400, "more than one Content-Length or Transfer-Encoding header");
  if (f->lengths && !sio__slice_parse_u64(f->length, &r->content_length))
    return set_head_error_text_and_return_status(why, 400, "malformed Content-Length");
  if (f->codings && r->minor_version == 0)
    return set_head_error_text_and_return_status(why, 400, "Transfer-Encoding on HTTP/1.0");
  f->chunked = f->codings && sio__slice_equals_ignore_case(f->coding, SLICE("chunked"));
  if (f->codings && !f->chunked)
    return set_head_error_text_and_return_status(why, 501, "unknown transfer coding");
  r->has_body = f->chunked || r->content_length > 0;
  return 0;
}

static void set_keep_alive_and_upgrade(sio_request *r, const struct facts *f) {
  r->keep_alive = !f->close && (r->minor_version || f->keep_alive);
  if (r->minor_version == 0 || !f->upgrade || !f->protocol.p) return;
  r->upgrade = sio__slice_has_token(f->protocol, SLICE("websocket"));
}

static int interpret_and_check_known_headers(sio_request *r, const char **why) {
  struct facts f = { 0 };
  for (uint32_t i = 0; i < r->nheaders; i++)
    store_facts_of_header_if_known(&f, &r->headers[i], &r->expects_continue);
  int status = check_host_header(r, &f, why);
  if (!status) status = interpret_and_check_body_length_headers(r, &f, why);
  if (!status && f.why && r->minor_version)
    status = set_head_error_text_and_return_status(why, 417, f.why);
  if (r->minor_version == 0) r->expects_continue = false;
  set_keep_alive_and_upgrade(r, &f);
  set_host_header_from_request_target(r);
  return status;
}

/* ---- the complete head ------------------------------------------------------------------ */

/* Reserves room for the array of headers in the same block as the head, after its bytes. Returns
 * false if memory has run out. */
static bool reserve_header_array(sio_request *r, size_t count) {
  size_t align = _Alignof(struct http_header);
  if (sio__buf_reserve(&r->head, count * sizeof(struct http_header) + align)) return false;
  r->headers = (void *)(r->head.p + (r->head.n + align - 1) / align * align);
  return true;
}

int sio__request_parse_head(sio_request *r, unsigned max_headers, const char **why) {
  sio_slice line;
  size_t lines = count_head_lines(slice(r->head.p, r->head.n));
  if (lines > (size_t)max_headers + 2)
    return set_head_error_text_and_return_status(why, 431, "more header lines than max_headers");
  if (!reserve_header_array(r, lines))
    return set_head_error_text_and_return_status(why, 503, "out of memory");
  sio_slice rest = slice(r->head.p, r->head.n);
  if (!take_crlf_line(&rest, &line))
    return set_head_error_text_and_return_status(
        why, 400, "a line contains CR or LF alone, or does not end in CRLF");
  int status = parse_request_line(r, line, why);
  if (status) return status;
  for (r->nheaders = 0; take_crlf_line(&rest, &line) && line.n; r->nheaders++)
    if (!parse_header_line(&r->headers[r->nheaders], line))
      return set_head_error_text_and_return_status(why, 400, "malformed header");
  if (rest.n || line.n)
    return set_head_error_text_and_return_status(
        why, 400, "a line contains CR or LF alone, or does not end in CRLF");
  if (sio__request_merge_repeated_headers(r))
    return set_head_error_text_and_return_status(why, 503, "out of memory");
  return interpret_and_check_known_headers(r, why);
}
